//! What is tried, in the order of the table.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use crate::target::Target;
use crate::{crowds, floods};

/// Goes on for the time it is given and says what the gate did.
type Run = fn(Target, Duration) -> Pin<Box<dyn Future<Output = String> + Send>>;

pub(crate) struct Attack {
    pub(crate) tried: &'static str,
    pub(crate) run: Run,
}

macro_rules! attack {
    ($tried:literal, $run:path) => {
        Attack {
            tried: $tried,
            run: |target, time| Box::pin(async move { $run(target, time).await.to_string() }),
        }
    };
}

pub(crate) const ATTACKS: &[Attack] = &[
    attack!("3,000 idle connections", crowds::idle),
    attack!("3,000 heads, a byte a second", crowds::slow_heads),
    attack!("3,000 heads of nearly 16 KiB that never end", crowds::half_heads),
    attack!("3,000 bodies, a byte a second", crowds::slow_bodies),
    attack!("the same from 1,000 addresses", crowds::slow_bodies_from_everywhere),
    attack!("3,000 that wait for `100 Continue` and say no more", crowds::expecting),
    attack!("200 bodies of 4 MiB but for their last byte", crowds::large_bodies),
    attack!("500 pipelines whose answers are not read", crowds::unread_answers),
    attack!("300 idle connections to the admin door", crowds::idle_at_admin),
    attack!("forgeries from the senders' own address", floods::forgeries),
    attack!("forgeries from 1,000 addresses and over IPv6", floods::forgeries_from_everywhere),
    attack!("authentic bodies of 4 MiB with a million values", floods::bombs),
    attack!("two lengths, lengths and chunks, bad chunks", floods::ambiguous),
    attack!("heads over 16 KiB", floods::huge_heads),
    attack!("compressed bodies", floods::compressed),
    attack!("HTTP/2, TLS, HTTP/1.0 with chunks, noise", floods::other_languages),
    attack!("PROXY headers from anyone", floods::proxy_headers),
    attack!("connections that come and go", floods::churn),
    attack!("hang-ups at any byte", floods::hang_ups),
];

/// How often what happened.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<String, u64>);

impl Tally {
    pub(crate) fn count(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (what, count) in other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each: Vec<_> = self.0.iter().map(|(what, count)| format!("{count} × {what}")).collect();
        f.write_str(&each.join(", "))
    }
}

/// The statuses of the answers in these bytes.
pub(crate) fn statuses(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let heads = text.split("HTTP/1.1 ").skip(1);
    heads.map(|head| head.chars().take(3).collect()).collect()
}
