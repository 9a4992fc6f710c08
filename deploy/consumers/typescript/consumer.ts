// Reads hookgate's events and works on each once. ../README.md says what a consumer must do, and why.

import { writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Consumer, FetchIsolationLevels, jsonDeserializer, stringDeserializer, type Message } from '@platformatic/kafka'

type Event = { id: string; type: string; tenant?: string; time?: string; subject?: string; data?: Data }
type Data = { participant?: { ref?: string; previous_ref?: string }; erasure?: Erasure }
type Erasure = { ref: string; other_refs?: string[]; event_ids: string[] }

const env = process.env
const topics = ['recording', 'participant', 'lifecycle'].map(family => `${env.TOPIC_PREFIX ?? 'video'}.${family}`)
const accepted = (env.ACCEPT_REPLAY ?? '').split(',').filter(replay => replay !== '')
const db = new DatabaseSync(env.STATE!)
db.exec(`
CREATE TABLE IF NOT EXISTS seen (id TEXT, replay TEXT, at INTEGER, PRIMARY KEY (id, replay)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_at ON seen (at);
CREATE TABLE IF NOT EXISTS work (id TEXT, replay TEXT, type TEXT, tenant TEXT, time TEXT, room TEXT, person TEXT);
`)
const mark = db.prepare(`INSERT OR IGNORE INTO seen SELECT value, ?, unixepoch() FROM json_each(?)
  WHERE NOT EXISTS (SELECT 1 FROM seen WHERE id = value AND replay = 'erased')`)
const work = db.prepare('INSERT INTO work VALUES (?, ?, ?, ?, ?, ?, ?)')
const forget = db.prepare(`DELETE FROM work WHERE tenant = ? AND (id IN (SELECT value FROM json_each(?)) OR time <= ?
  AND EXISTS (SELECT 1 FROM json_each(?) WHERE value IN (room, person)))`)

function handle(event: Event, replay: string): 'handled' | 'erased' | 'skipped' {
  let fresh = mark.run('', JSON.stringify([event.id])).changes
  if (accepted.includes(replay)) fresh = mark.run(replay, JSON.stringify([event.id])).changes // asked for: again
  if (!fresh) return 'skipped'
  const { erasure, participant: person } = event.data ?? {}
  const { tenant = null, time = null, subject = null } = event
  if (erasure) {
    const ids = JSON.stringify(erasure.event_ids)
    mark.run('erased', ids) // they may yet come: on another topic, or in a replay
    forget.run(tenant, ids, time, JSON.stringify([erasure.ref, ...(erasure.other_refs ?? [])]))
    return 'erased'
  }
  if (person?.previous_ref) // the key was replaced: one person, two names
    db.prepare('UPDATE work SET person = ? WHERE person = ?').run(person.ref!, person.previous_ref)
  work.run(event.id, replay, event.type, tenant, time, subject, person?.ref ?? null) // your work stands here
  return 'handled'
}

const consumer = new Consumer({
  clientId: 'consumer', groupId: env.KAFKA_GROUP!, bootstrapBrokers: env.KAFKA_BROKERS!.split(','), autocommit: false,
  isolationLevel: FetchIsolationLevels.READ_COMMITTED, sessionTimeout: 6_000, heartbeatInterval: 1_000,
  deserializers: { value: jsonDeserializer<Event>, headerKey: stringDeserializer, headerValue: stringDeserializer }
})
const stream = await consumer.consume({ topics, mode: 'committed', fallbackMode: 'earliest' })
process.once('SIGTERM', () => stream.close())
let batch: Message<Buffer, Event, string, string>[] = []
for await (const record of stream) {
  batch.push(record)
  if (batch.length < 500 && stream.readableLength > 0) continue
  db.exec('BEGIN') // the work and what was seen are one transaction
  db.prepare('DELETE FROM seen WHERE at < unixepoch() - 86400 * ?').run(Number(env.KEEP_DAYS ?? 45))
  const said = batch.map(({ value, headers }) => {
    const replay = headers.get('hookgate-replay-id') ?? ''
    return { id: value.id, type: value.type, replay: replay || null, action: handle(value, replay) }
  })
  db.exec('COMMIT')
  for (const line of said) writeSync(1, `${JSON.stringify(line)}\n`) // console.log may come after the commit
  const last = new Map(batch.map(record => [`${record.topic} ${record.partition}`, record]))
  await Promise.all([...last.values()].map(record => record.commit())) // who dies before this reads them again
  batch = []
}
await consumer.close()
