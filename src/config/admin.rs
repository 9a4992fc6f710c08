//! `[admin]`, checked: where operators ask, and who they are.
//!
//! Off loopback whoever is on the way reads tokens and answers, so that is refused unless the
//! operator says that it is meant. The token file is read here, with every mistake in it.

use std::net::SocketAddr;

use super::Admin;
use super::given::Givers;
use super::read::Section;
use super::server::address;
use crate::edge::Tokens;

/// `[admin]`: where the public listener is not.
pub(super) fn admin(
    mut section: Section<'_>,
    public: Option<SocketAddr>,
    givers: &Givers<'_>,
) -> Admin {
    let listen = address(&mut section, SocketAddr::from(([127, 0, 0, 1], 9080)));
    let shown = listen.to_string();
    let plaintext = section.flag("allow_plaintext") == Some(true);
    if !listen.ip().to_canonical().is_loopback() {
        let report = section.report();
        if plaintext {
            let text = "the admin listener is off loopback without TLS: tokens and answers can be \
                 read on the way; keep that network closed";
            report.warning(&section.key("listen"), text);
        } else {
            let rule = "must be on loopback, such as \"127.0.0.1:9080\": without TLS tokens can be \
                 read on the way; where that network is closed, allow_plaintext = true allows it";
            report.wrong(&section.key("listen"), &shown, rule);
        }
    }
    let known = |key: &str| !section.report().has_mistake_at(key);
    let both = known("server.listen") && known(&section.key("listen"));
    let same = both
        && public.is_some_and(|public| {
            let meets = public.ip().is_unspecified()
                || listen.ip().is_unspecified()
                || public.ip() == listen.ip();
            public.port() != 0 && public.port() == listen.port() && meets
        });
    if same {
        let rule = "is taken by server.listen; give the two listeners different ports";
        section.report().wrong(&section.key("listen"), &shown, rule);
    }
    let tokens = tokens(&mut section, givers);
    section.later("tls", "TLS on the admin listener is not built; keep it on loopback");
    section.finish();
    Admin { listen, tokens }
}

fn tokens(section: &mut Section<'_>, givers: &Givers<'_>) -> Option<Tokens> {
    let name = section.text("token_file")?;
    let (key, report) = (section.key("token_file"), section.report());
    let (shown, text) = match givers.token_file(name) {
        Ok(read) => read,
        Err(rule) => {
            report.mistake(&key, rule);
            return None;
        }
    };
    match Tokens::parse(&text) {
        Ok(tokens) => Some(tokens),
        Err(mistakes) => {
            for mistake in mistakes {
                report.mistake(&key, format!("the file {shown}: {mistake}"));
            }
            None
        }
    }
}
