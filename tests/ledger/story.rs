//! What happens in a room, as its provider tells it: a fresh room, people who come and go, a
//! recording, the end. Every event of every story is one of its own.

use rand::Rng;
use rand::rngs::StdRng;

/// The bodies of one room's life, in order; `provider` is a source's name. `fat`: LiveKit's
/// recordings have up to 63 files.
pub(crate) fn tell(provider: &str, fat: bool, rng: &mut StdRng) -> Vec<String> {
    match provider {
        "daily" => daily(rng),
        _ => livekit(fat, rng),
    }
}

/// Names that may leave and names that may not.
fn room(rng: &mut StdRng) -> String {
    match rng.random_range(0..4) {
        0 => format!("private room of {:08x}", rng.random::<u32>()),
        _ => format!("consult-{:08x}", rng.random::<u32>()),
    }
}

fn uuid(rng: &mut StdRng) -> String {
    let bits = rng.random::<u128>();
    let text = format!("{bits:032x}");
    let (a, rest) = text.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    format!("{a}-{b}-4{}-a{}-{e}", &c[1..], &d[1..])
}

/// An id as LiveKit gives them.
fn sid(kind: &str, rng: &mut StdRng) -> String {
    const LETTERS: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let letter = |_| char::from(LETTERS[rng.random_range(0..LETTERS.len())]);
    format!("{kind}_{}", (0..12).map(letter).collect::<String>())
}

fn daily(rng: &mut StdRng) -> Vec<String> {
    let (room, meeting) = (room(rng), uuid(rng));
    let start = 1_795_000_000 + rng.random_range(0..10_000_000_u64);
    let event = |kind: &str, id: String, payload: String, at: u64| {
        format!(
            r#"{{"version":"1.0.0","type":"{kind}","id":"{id}","payload":{{{payload}}},"event_ts":{at}.25}}"#
        )
    };
    let mut told = vec![event(
        "meeting.started",
        format!("met-sta-{meeting}-{start}"),
        format!(r#""start_ts":{start}.5,"meeting_id":"{meeting}","room":"{room}""#),
        start,
    )];
    for number in 0..rng.random_range(1..4_u64) {
        let (user, session) = (uuid(rng), uuid(rng));
        let person = format!(
            r#""room":"{room}","user_id":"{user}","user_name":"Zoë Canary","session_id":"{session}","joined_at":{}.5,"owner":false"#,
            start + number
        );
        let at = start + number + 1;
        let joined = format!("ptcpt-join-{user}-{at}000");
        told.push(event("participant.joined", joined, person.clone(), at));
        let left = format!("ptcpt-left-{user}-{at}900");
        told.push(event("participant.left", left, format!(r#"{person},"duration":40.5"#), at + 41));
    }
    let (instance, recording) = (uuid(rng), uuid(rng));
    told.push(event(
        "recording.started",
        format!("rec-sta-{instance}-{start}"),
        format!(
            r#""action":"start-cloud-recording","recording_id":"{recording}","instance_id":"{instance}","start_ts":{start}"#
        ),
        start + 2,
    ));
    told.push(event(
        "recording.ready-to-download",
        format!("rec-rtd-{instance}-{}", start + 60),
        format!(
            r#""type":"cloud","recording_id":"{recording}","room_name":"{room}","start_ts":{start},"status":"finished","max_participants":2,"duration":61,"share_token":"CanaryToken123","s3_key":"canary/{room}/{start}""#
        ),
        start + 61,
    ));
    if rng.random_bool(0.2) {
        let payload = format!(r#""room":"{room}","what":"nobody knows""#);
        told.push(event("meeting.unheard-of", format!("new-{meeting}"), payload, start + 62));
    }
    told.push(event(
        "meeting.ended",
        format!("met-end-{meeting}-{}", start + 70),
        format!(
            r#""start_ts":{start},"end_ts":{}.671,"meeting_id":"{meeting}","room":"{room}""#,
            start + 70
        ),
        start + 71,
    ));
    told
}

fn livekit(fat: bool, rng: &mut StdRng) -> Vec<String> {
    let (name, room_sid) = (room(rng), sid("RM", rng));
    let start = 1_795_000_000 + rng.random_range(0..10_000_000_u64);
    let room = format!(
        r#""room":{{"sid":"{room_sid}","name":"{name}","creationTime":"{start}","turnPassword":"FwCanary7ij4ohYeHKuiNy0eVv4SdDJu"}}"#
    );
    let mut told = Vec::new();
    let mut event = |kind: &str, more: &str, at: u64, rng: &mut StdRng| {
        let id = sid("EV", rng);
        told.push(format!(r#"{{"event":"{kind}",{room}{more},"id":"{id}","createdAt":"{at}"}}"#));
    };
    event("room_started", "", start, rng);
    for number in 0..rng.random_range(1..4_u64) {
        let (person, at) = (sid("PA", rng), start + number);
        let joined = format!(
            r#","participant":{{"sid":"{person}","identity":"zoe.canary@example.invalid","name":"Patient","state":"ACTIVE","joinedAt":"{at}"}}"#
        );
        event("participant_joined", &joined, at, rng);
        let track = format!(
            r#","participant":{{"sid":"{person}","identity":"zoe.canary@example.invalid"}},"track":{{"sid":"{}","type":"VIDEO","source":"CAMERA","width":1280,"height":720,"mimeType":"video/VP8"}}"#,
            sid("TR", rng)
        );
        event("track_published", &track, at + 1, rng);
        event("track_unpublished", &track, at + 30, rng);
        let left = format!(
            r#","participant":{{"sid":"{person}","identity":"zoe.canary@example.invalid","state":"DISCONNECTED","joinedAt":"{at}","disconnectReason":"CLIENT_INITIATED"}}"#
        );
        event("participant_left", &left, at + 31, rng);
    }
    let egress = sid("EG", rng);
    let files: Vec<_> = (0..if fat { rng.random_range(1..64) } else { 1 })
        .map(|_| {
            let (duration, size) = (rng.random::<u32>(), rng.random::<u32>());
            format!(
                r#"{{"filename":"canary.mp4","startedAt":"{start}000000001","endedAt":"{}000000001","duration":"{duration}000","size":"{size}"}}"#,
                start + 60
            )
        })
        .collect();
    let ended = format!(
        r#","egressInfo":{{"egressId":"{egress}","roomId":"{room_sid}","roomName":"{name}","status":"EGRESS_COMPLETE","startedAt":"{start}000000001","endedAt":"{}000000001","fileResults":[{}]}}"#,
        start + 60,
        files.join(",")
    );
    event("egress_ended", &ended, start + 62, rng);
    event("room_finished", r#","roomEndReason":"ROOM_END_IDLE_TIMEOUT""#, start + 70, rng);
    told
}
