"""Reads hookgate's events and works on each once. ../README.md says what a consumer must do, and why."""

import json, os, signal, sqlite3
from confluent_kafka import Consumer, KafkaException

ENV = os.environ
TOPICS = [f"{ENV.get('TOPIC_PREFIX', 'video')}.{family}" for family in ("recording", "participant", "lifecycle")]
ACCEPTED = [replay for replay in ENV.get("ACCEPT_REPLAY", "").split(",") if replay]
TABLES = """
CREATE TABLE IF NOT EXISTS seen (id TEXT, replay TEXT, at INTEGER, PRIMARY KEY (id, replay)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_at ON seen (at);
CREATE TABLE IF NOT EXISTS work (id TEXT, replay TEXT, type TEXT, tenant TEXT, time TEXT, room TEXT, person TEXT);
"""
MARK = """INSERT OR IGNORE INTO seen SELECT value, ?, unixepoch() FROM json_each(?)
          WHERE NOT EXISTS (SELECT 1 FROM seen WHERE id = value AND replay = 'erased')"""
FORGET = """DELETE FROM work WHERE tenant = ? AND (id IN (SELECT value FROM json_each(?)) OR time <= ? AND EXISTS
            (SELECT 1 FROM json_each(?) WHERE value IN (room, person)))"""


def handle(db, event, replay):
    mark = lambda replay, ids: db.execute(MARK, (replay, json.dumps(ids))).rowcount
    new = mark("", [event["id"]])
    if replay in ACCEPTED:  # we asked for it: again, but once
        new = mark(replay, [event["id"]])
    if not new:
        return "skipped"
    data = event.get("data", {})
    if erasure := data.get("erasure"):
        mark("erased", erasure["event_ids"])  # they may yet come: on another topic, or in a replay
        names = [erasure["ref"], *erasure.get("other_refs", [])]
        db.execute(FORGET, (event["tenant"], json.dumps(erasure["event_ids"]), event["time"], json.dumps(names)))
        return "erased"
    person = data.get("participant", {})
    if "previous_ref" in person:  # the key was replaced: one person, two names
        db.execute("UPDATE work SET person = ? WHERE person = ?", (person["ref"], person["previous_ref"]))
    db.execute("INSERT INTO work VALUES (?, ?, ?, ?, ?, ?, ?)", (event["id"], replay, event["type"],
               event.get("tenant"), event.get("time"), event.get("subject"), person.get("ref")))  # your work, here
    return "handled"


def main():
    ends = []
    signal.signal(signal.SIGTERM, lambda *_: ends.append(True))
    db = sqlite3.connect(ENV["STATE"])
    db.executescript(TABLES)
    consumer = Consumer({
        "bootstrap.servers": ENV["KAFKA_BROKERS"], "group.id": ENV["KAFKA_GROUP"], "auto.offset.reset": "earliest",
        "isolation.level": "read_committed", "enable.auto.commit": False, "session.timeout.ms": 6_000})
    consumer.subscribe(TOPICS)
    while not ends:
        records, said = consumer.consume(500, timeout=0.5), []
        if not records:
            continue
        with db:  # the work and what was seen are one transaction
            db.execute("DELETE FROM seen WHERE at < unixepoch() - 86400 * ?", (int(ENV.get("KEEP_DAYS", "45")),))
            for record in records:
                if record.error():
                    raise KafkaException(record.error())
                event, headers = json.loads(record.value()), dict(record.headers() or [])
                replay = headers.get("hookgate-replay-id", b"").decode()
                said.append({"id": event["id"], "type": event["type"], "replay": replay or None,
                             "action": handle(db, event, replay)})
        for line in said:
            print(json.dumps(line), flush=True)
        consumer.commit(asynchronous=False)  # only now: who dies before this reads them again
    consumer.close()


main()
