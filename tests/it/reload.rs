//! The configuration is read again while deliveries come.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use hookgate::app::Reread;
use hookgate::clock::{Clock, Timestamp};
use hookgate::config;
use hookgate::desk::{Actor, ChangeAsk, Reason, Refusal, Reloaded, Role};
use hookgate::secret::Secret;
use hookgate::verify::{Credentials, SigningSecret};

use crate::gateway::{DAILY, DAILY_SECRET, Gate, Plan, event, providers};

mod boundary;
mod effects;
mod mounted;
mod risks;
mod rotation;

/// The file that a gateway reads its configuration from, and the environment it reads it with.
#[derive(Clone)]
pub(crate) struct Notebook {
    text: Arc<Mutex<String>>,
    env: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Notebook {
    /// A plan that is read again from here.
    pub(crate) fn plan() -> (Plan, Self) {
        let mut plan = Plan::new();
        let (text, env) = Plan::text(plan.folder());
        let notebook = Self { text: Arc::new(Mutex::new(text)), env: Arc::new(Mutex::new(env)) };
        notebook.reread(&mut plan);
        (plan, notebook)
    }

    /// A plan of what stands here now, in a folder that was used before.
    pub(crate) fn plan_in(&self, folder: tempfile::TempDir) -> Plan {
        let mut plan = Plan::in_folder(&self.text.lock().unwrap(), folder);
        self.reread(&mut plan);
        plan
    }

    fn reread(&self, plan: &mut Plan) {
        let read = self.clone();
        plan.parts.reread = Some(Reread::new(move || {
            let (text, env) = (read.text.lock().unwrap(), read.env.lock().unwrap());
            config::parse(&text, Path::new("."), &env, &providers(), Clock::system().now())
        }));
    }

    pub(crate) async fn start() -> (Gate, Self) {
        let (plan, notebook) = Self::plan();
        (plan.start().await, notebook)
    }

    pub(crate) fn change(&self, from: &str, to: &str) {
        let mut text = self.text.lock().unwrap();
        assert!(text.contains(from), "{from}");
        *text = text.replacen(from, to, 1);
    }

    pub(crate) fn add(&self, more: &str) {
        self.text.lock().unwrap().push_str(more);
    }

    pub(crate) fn set(&self, variable: &str, value: &str) {
        self.env.lock().unwrap().insert(variable.to_owned(), value.to_owned());
    }
}

pub(crate) fn ask() -> (Actor, ChangeAsk) {
    let by = Actor { name: "test".to_owned(), role: Role::Operator };
    (by, ChangeAsk { reason: Reason::try_from("a test".to_owned()).unwrap() })
}

pub(crate) async fn reload(gate: &Gate) -> Result<Reloaded, Refusal> {
    let (by, ask) = ask();
    gate.app.desk().reload(&by, ask).await
}

pub(crate) async fn reloaded(gate: &Gate) -> Reloaded {
    reload(gate).await.unwrap_or_else(|refusal| panic!("{refusal}"))
}

/// A delivery signed as Daily's scheme does with these.
pub(crate) fn signed_by(
    credentials: (&str, Option<&str>),
    route: &str,
    body: &str,
    now: Timestamp,
) -> Vec<u8> {
    let (secret, scheme) = credentials;
    let secret = Secret::new(secret.as_bytes().to_vec());
    let signing = SigningSecret { label: "test".to_owned(), secret, not_after: None };
    let scheme = scheme.map(str::to_owned);
    let credentials = Credentials { secrets: vec![signing], scheme, ..Credentials::default() };
    let build = providers().get("daily").unwrap().build;
    let scheme = build(credentials, now).unwrap_or_else(|wrong| panic!("{wrong:?}")).scheme;
    let mut head = format!("POST {route} HTTP/1.1\r\nHost: h\r\n");
    for (name, value) in scheme.sign(body.as_bytes(), now) {
        head += &format!("{name}: {value}\r\n");
    }
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

const ALIAS: &str = "aliases = [\"/v1/daily_webhook\"]";
const OTHER: &str = "\n[[source]]\nname = \"other\"\nprovider = \"daily\"\n\
     tenant = \"tenant-other\"\nsecrets = [ { env = \"DAILY\" } ]\n";

#[tokio::test]
async fn a_mistake_leaves_everything_as_it_is_and_is_named_without_a_secret() {
    let (gate, notebook) = Notebook::start().await;
    let before = gate.app.desk().in_force();
    notebook.add(OTHER);
    notebook.change(ALIAS, "aliases = [\"/moved\"]\nmode = \"idle\"");
    notebook.change("{ env = \"DAILY\" }", "\"canary-secret\"");
    let Err(Refusal::Mistakes(mistakes)) = reload(&gate).await else { panic!("it was taken") };
    assert_eq!(mistakes.len(), 2, "{mistakes:#?}");
    assert!(mistakes.iter().any(|line| line.starts_with("source[0].mode = \"idle\": must be")));
    assert!(mistakes.iter().any(|line| line.starts_with("source[0].secrets[0]: must not stand")));
    assert!(!mistakes.concat().contains("canary"), "{mistakes:#?}");
    assert_eq!(gate.app.desk().in_force(), before);
    gate.post(&gate.signed("/v1/daily_webhook", &event(DAILY, "a"))).await.is(200, "accepted");
    for path in ["/moved", "/v1/webhooks/other"] {
        gate.post(&gate.signed(path, &event(DAILY, "b"))).await.is(404, "unknown_source");
    }
}

#[tokio::test]
async fn what_needs_a_restart_is_named_each_time_and_stays_as_it_is() {
    let (gate, notebook) = Notebook::start().await;
    notebook.change("127.0.0.1:18080", "127.0.0.1:18081");
    notebook.change("body_max = \"256KiB\"", "body_max = \"1KiB\"");
    notebook.set("KEY", "MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=");
    let expected = [
        "keys.identity changed",
        "server.body_max: 262144 → 1024",
        "server.listen: 127.0.0.1:18080 → 127.0.0.1:18081",
    ];
    for _ in 0..2 {
        let told = reloaded(&gate).await;
        assert_eq!(told.needs_restart, expected);
        assert_eq!((told.changed.len(), &told.before), (0, &told.now));
    }
    let large = event(DAILY, &"a".repeat(2_000));
    gate.post(&gate.signed(DAILY, &large)).await.is(200, "accepted");
    // Ids are keyed with the identity key that was there at the start: it is known.
    notebook.change(ALIAS, "aliases = []");
    reloaded(&gate).await;
    gate.post(&gate.signed(DAILY, &large)).await.is(200, "duplicate");
}

#[tokio::test]
async fn the_fingerprint_follows_what_is_in_force_and_comes_back_with_it() {
    let (gate, notebook) = Notebook::start().await;
    let first = gate.app.desk().in_force().fingerprint;
    let secret = "CCECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    notebook.set("DAILY", secret);
    let told = reloaded(&gate).await;
    assert_eq!(told.changed, ["source.daily.secrets[0] changed"]);
    assert_eq!((&told.before, told.now == first), (&first, false));
    assert_eq!(gate.app.desk().in_force().fingerprint, told.now);
    assert!(!format!("{told:?}").contains(secret));
    notebook.set("DAILY", DAILY_SECRET);
    assert_eq!(reloaded(&gate).await.now, first);
}

#[tokio::test]
async fn reloads_at_one_time_come_one_after_the_other() {
    let (gate, notebook) = Notebook::start().await;
    notebook.add(OTHER);
    let mut told = tokio::join!(reloaded(&gate), reloaded(&gate), reloaded(&gate));
    let mut all = [&mut told.0, &mut told.1, &mut told.2];
    all.sort_by_key(|told| told.before == told.now);
    assert_ne!(all[0].before, all[0].now);
    assert_eq!(all[0].changed, ["source.other added"]);
    for later in &all[1..] {
        assert_eq!((&later.before, &later.now, later.changed.len()), (&all[0].now, &all[0].now, 0));
    }
}

#[tokio::test]
async fn a_gateway_that_was_not_started_from_a_file_says_so() {
    let gate = Gate::start().await;
    let refusal = reload(&gate).await.unwrap_err();
    assert!(matches!(&refusal, Refusal::Conflict(why) if why.contains("not started from a file")));
}

#[tokio::test]
async fn an_operator_stops_the_gateway_as_a_signal_does() {
    let gate = Gate::start().await;
    let desk = gate.app.desk().clone();
    let Gate { app, folder, .. } = gate;
    let (_signals, none) = tokio::sync::mpsc::channel(1);
    let running = tokio::spawn(app.run(none));
    let (by, ask) = ask();
    let draining = desk.drain(&by, ask).await.unwrap();
    assert_eq!((draining.grace_seconds, draining.deadline_seconds), (0.001, 20.0));
    assert_eq!(running.await.unwrap().exit_code(), 0);
    drop(folder);
}
