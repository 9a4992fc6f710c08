//! Whatever a client says, what it gets back are answers: whole, well-formed, of the contract's
//! table, and no more of them than it asked for.
//!
//! An input is all that a client sends on one connection to a running gateway, which believes the
//! stored requests among it, and believes every client about whom it speaks for.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use hookgate::app::{App, Parts};
use hookgate::clock::{Clock, Timestamp};
use hookgate::config;
use hookgate::edge::Step;
use hookgate::providers::Providers;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::engine::{Entry, fingerprint, search};
use crate::framing::{WORDS, let_through, reshape};
use crate::roads::{API_KEY, DAILY_SECRET, LIVEKIT_SECRET, Road, bodies};
use crate::wire::{self, Answered};

/// When every request comes.
const NOW: Timestamp = Timestamp::from_millis(1_795_168_860_000);

/// One conversation that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(15);

const TEXT: &str = r#"
[server]
instance = "gate-fuzz"
listen = "127.0.0.1:0"
body_max = "128KiB"
trusted_proxies = ["127.0.0.0/8"]
[admin]
listen = "127.0.0.1:19080"
[journal]
dir = "DIR"
[kafka]
brokers = "127.0.0.1:1"
[keys]
identity = { env = "KEY" }
pseudonym = { env = "OTHER_KEY" }
[[source]]
name = "daily"
provider = "daily"
tenant = "tenant-fixtures"
secrets = [ { env = "DAILY" } ]
[[source]]
name = "livekit"
provider = "livekit"
tenant = "tenant-fixtures"
keys = [ { api_key = "APIKEY", secret = { env = "LIVEKIT" } } ]
"#;

/// The table of the contract: what an ending is called, and the statuses it has.
const TABLE: [(&str, &[u16]); 18] = [
    ("accepted", &[200]),
    ("duplicate", &[200]),
    ("ping", &[200]),
    ("quarantined", &[200]),
    ("bad_request", &[400]),
    ("bad_signature", &[401]),
    ("unknown_source", &[404]),
    ("method_not_allowed", &[405]),
    ("timeout", &[408, 503]),
    ("too_large", &[413]),
    ("unsupported_encoding", &[415]),
    ("headers_too_large", &[431]),
    ("rate_limited", &[429]),
    ("internal_error", &[500]),
    ("overloaded", &[503]),
    ("draining", &[503]),
    ("journal_unavailable", &[503]),
    ("awaiting_secret", &[503]),
];

#[test]
fn no_conversation_gets_anything_but_whole_answers() {
    let gate = Gate::start();
    search(Entry {
        name: "answers",
        seeds: seeds(),
        words: &WORDS,
        reshape,
        memory: |input| 4 * 1_024 * 1_024 + 64 * input.len() as u64,
        judge: &|input| gate.judge(input),
    });
}

struct Gate {
    runtime: Runtime,
    app: App,
    /// Goes with the gateway.
    _folder: tempfile::TempDir,
}

impl Gate {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = TEXT.replace("DIR", folder.path().join("journal").to_str().unwrap());
        let key = |byte: &str| byte.repeat(43) + "=";
        let env = BTreeMap::from([
            ("KEY".to_owned(), key("E")),
            ("OTHER_KEY".to_owned(), key("I")),
            ("DAILY".to_owned(), DAILY_SECRET.to_owned()),
            ("LIVEKIT".to_owned(), LIVEKIT_SECRET.to_owned()),
        ]);
        let text = text.replace("APIKEY", API_KEY).replace("127.0.0.1:0", "127.0.0.1:18080");
        let parsed = config::parse(&text, Path::new("."), &env, &Providers::standard(), NOW);
        let mut config = parsed.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        (config.server.listen, config.admin.listen) = (any_port, any_port);
        let parts = Parts { clock: Clock::manual(NOW), publish: false, ..Parts::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let app = runtime.block_on(App::start(config, parts));
        let app = app.unwrap_or_else(|error| panic!("{error}"));
        Self { runtime, app, _folder: folder }
    }

    fn judge(&self, input: &[u8]) -> u64 {
        let (passed, end) = let_through(input, || usize::MAX);
        let asked = wire::requests(&passed);
        let talk = async { timeout(PATIENCE, talk(self.app.public(), input)).await };
        let Some(said) = self.runtime.block_on(talk).expect("the gateway says something or ends")
        else {
            // The end of the connection overtook what was said: the client sent more than anybody
            // reads after a refusal.
            return 1;
        };
        let answers = wire::answers(&said, &asked);
        let labels: Vec<_> = answers.iter().map(look).collect();
        let kept = asked.iter().zip(&answers).take_while(|(asked, answer)| {
            asked.whole && asked.keeps && answer.header("connection") != Some("close")
        });
        let kept = kept.count();
        // One answer for each request as long as the connection is kept.
        assert!(answers.len() > kept || kept == asked.len(), "{kept} of {asked:?} {answers:?}");
        match (answers.len() > asked.len(), &end) {
            (true, Some(Step::Refuse(outcome))) => {
                assert_eq!(answers.len(), asked.len() + 1, "{answers:?}");
                assert_eq!(labels.last(), Some(&outcome.label().to_owned()));
                assert_eq!(answers.last().unwrap().header("connection"), Some("close"));
            }
            (true, _) => panic!("{answers:?} to {asked:?} and {end:?}"),
            (false, _) => {}
        }
        fingerprint(&(labels, kept, format!("{end:?}")))
    }
}

/// Says all of it, and hears what comes back until the end; `None` where that was cut off.
async fn talk(to: SocketAddr, input: &[u8]) -> Option<Vec<u8>> {
    // Another address each time, or the ports of one would soon be used up.
    let [a, b, c, ..] = fingerprint(&input).to_be_bytes();
    let from = SocketAddr::from((Ipv4Addr::new(127, a, b, c.clamp(1, 254)), 0));
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(from).unwrap();
    let (mut hears, mut says) = socket.connect(to).await.unwrap().into_split();
    let mut heard = Vec::new();
    let saying = async {
        // It may have hung up on us with good reason.
        let said = says.write_all(input).await;
        let _ = says.shutdown().await;
        said.is_ok()
    };
    let (said, ended) = tokio::join!(saying, hears.read_to_end(&mut heard));
    (said && ended.is_ok()).then_some(heard)
}

/// Looks at an answer; what it is called.
fn look(answer: &Answered) -> String {
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    let id = answer.header("x-request-id").unwrap();
    let plain = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    assert!((8..=64).contains(&id.len()) && id.bytes().all(plain), "{answer:?}");
    let shed = matches!(answer.status, 429 | 503);
    assert_eq!(answer.header("retry-after").is_some(), shed, "{answer:?}");
    assert_eq!(answer.header("allow").is_some(), answer.status == 405, "{answer:?}");
    if answer.body.is_empty() {
        // The answer to HEAD.
        return answer.status.to_string();
    }
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    let label = body["outcome"].as_str().unwrap().to_owned();
    let statuses = TABLE.iter().find(|(known, _)| *known == label).unwrap().1;
    assert!(statuses.contains(&answer.status), "{answer:?}");
    let has_event = matches!(&*label, "accepted" | "duplicate" | "quarantined");
    assert_eq!(body.get("event_id").is_some(), has_event, "{answer:?}");
    assert_ne!(label, "internal_error", "{answer:?}");
    label
}

/// Stored bodies, signed for the time that it is, with a few lines that proxies add.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = crate::framing::conversations();
    for (name, road) in [("daily", Road::daily()), ("livekit", Road::livekit())] {
        for body in bodies(name).iter().step_by(3) {
            let mut head = format!("POST /v1/webhooks/{name} HTTP/1.1\r\nHost: h\r\n");
            head += "X-Forwarded-For: 192.0.2.7, [2001:db8::1]:443,10.0.0.1\r\n";
            head += "X-Request-Id: 6497c79b-f326-4942-aef8-c36a29140ad1\r\n";
            for (name, value) in road.sign(body, NOW) {
                head += &format!("{name}: {value}\r\n");
            }
            head += &format!("Content-Length: {}\r\n\r\n", body.len());
            seeds.push([head.as_bytes(), body].concat());
        }
    }
    seeds.push(b"POST /v1/webhooks/daily HTTP/1.1\r\nExpect: 100-continue\r\n\r\n".to_vec());
    seeds
}
