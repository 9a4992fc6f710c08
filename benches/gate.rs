//! A gateway of both lanes as an operator would configure it.

use std::collections::BTreeMap;
use std::path::Path;

use hookgate::clock::Clock;
use hookgate::config::{self, Config};
use hookgate::providers::Providers;

use crate::lane;

/// The text of its configuration; the journal lies in the folder `journal` beside it.
pub(crate) fn text(brokers: &str) -> String {
    format!(
        r#"
        [server]
        listen = "127.0.0.1:0"
        instance = "gate-bench"
        drain_grace = "0s"
        [admin]
        listen = "127.0.0.1:0"
        [journal]
        dir = "journal"
        [kafka]
        brokers = "{brokers}"
        [keys]
        identity = {{ env = "KEY" }}
        pseudonym = {{ env = "OTHER_KEY" }}
        [[source]]
        name = "daily"
        provider = "daily"
        tenant = "bench"
        secrets = [ {{ env = "SECRET" }} ]
        rate = {{ per_second = 1000000, burst = 1000000 }}
        [[source]]
        name = "livekit"
        provider = "livekit"
        tenant = "bench"
        keys = [ {{ api_key = "{}", secret = {{ env = "SECRET" }} }} ]
        rate = {{ per_second = 1000000, burst = 1000000 }}
        "#,
        lane::API_KEY
    )
}

/// The variables that it names.
pub(crate) fn environment() -> BTreeMap<String, String> {
    let (one, other) = (lane::SECRET.to_owned(), lane::OTHER_SECRET.to_owned());
    let env = [("KEY", one.clone()), ("OTHER_KEY", other), ("SECRET", one)];
    env.map(|(name, value)| (name.to_owned(), value)).into()
}

/// A configuration, read.
pub(crate) fn config(folder: &Path, text: &str) -> Config {
    let now = Clock::system().now();
    let standard = Providers::standard();
    let config = config::parse(text, folder, &environment(), &standard, now);
    config.unwrap_or_else(|mistakes| panic!("{mistakes}"))
}
