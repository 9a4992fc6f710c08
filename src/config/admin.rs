//! `[admin]`, checked: where operators ask, and who they are.
//!
//! Off loopback whoever is on the way reads tokens and answers, so that is refused unless the
//! operator says that it is meant. The token file is read here, with every mistake in it.

use std::net::SocketAddr;

use super::Admin;
use super::given::Givers;
use super::read::Section;
use super::server::address;
use super::source::Desk;
use super::tls::tls;
use crate::edge::{Certified, Clients, Tokens};

/// `[admin]`: where the public listener is not.
pub(super) fn admin(
    mut section: Section<'_>,
    public: Option<SocketAddr>,
    desk: &Desk<'_>,
) -> Admin {
    let listen = address(&mut section, SocketAddr::from(([127, 0, 0, 1], 9080)));
    let shown = listen.to_string();
    let plaintext = section.flag("allow_plaintext") == Some(true);
    let wants_tls = section.value("tls").is_some();
    let tls = tls(&mut section, true, &desk.givers, desk.now);
    if !wants_tls && !listen.ip().to_canonical().is_loopback() {
        let report = section.report();
        if plaintext {
            let text = "the admin listener is off loopback without TLS: tokens and answers can be \
                 read on the way; keep that network closed";
            report.warning(&section.key("listen"), text);
        } else {
            let rule = "must be on loopback, such as \"127.0.0.1:9080\": without TLS tokens can be \
                 read on the way; set admin.tls, or where that network is closed, \
                 allow_plaintext = true allows it";
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
    let tokens = tokens(&mut section, &desk.givers);
    let clients = clients(&mut section, (wants_tls, tls.as_ref()), tokens.as_ref());
    section.finish();
    Admin { listen, tls, tokens, clients }
}

/// `[[admin.client]]`: whose certificates may ask, and what.
fn clients(
    section: &mut Section<'_>,
    (wants_tls, tls): (bool, Option<&Certified>),
    tokens: Option<&Tokens>,
) -> Clients {
    let mut clients = Clients::default();
    let (key, report) = (section.key("client"), section.report());
    let written = section.tables("client");
    let has_authority = tls.is_some_and(|tls| tls.files().client_ca.is_some());
    // Where the files are wrong, that has been said.
    if !written.is_empty() && !has_authority && (tls.is_some() || !wants_tls) {
        let rule = "stands for nobody: set admin.tls with client_ca, the authority that signs \
             the certificates of clients";
        report.mistake(&key, rule);
    }
    if written.is_empty() && has_authority {
        let text = "no certificate may do anything: list whom you let in, [[admin.client]] with \
             name (the certificate's CN) and role";
        report.warning(&section.below("tls.client_ca"), text);
    }
    for mut client in written {
        client.required("name", "the common name (CN) of the certificate's subject");
        client.required("role", "\"viewer\" or \"operator\"");
        let (name, role) = (client.text("name"), client.choice("role", &["viewer", "operator"]));
        if let (Some(name), Some(role)) = (name, role) {
            let added = if tokens.is_some_and(|tokens| tokens.has(name)) {
                Err("is the name of a token as well: the audit log could not tell them apart")
            } else {
                clients.add(name, role)
            };
            if let Err(rule) = added {
                report.wrong(&client.key("name"), name, rule);
            }
        }
        client.finish();
    }
    clients
}

fn tokens(section: &mut Section<'_>, givers: &Givers<'_>) -> Option<Tokens> {
    let name = section.text("token_file")?;
    let (key, report) = (section.key("token_file"), section.report());
    givers.warned(name, &key, report);
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

#[cfg(test)]
mod tests {
    use crate::clock::Timestamp;
    use crate::config::load;
    use crate::config::tests::*;

    fn admin(keys: &str) -> String {
        format!("[admin]\n{keys}\n{}", source(""))
    }

    #[test]
    fn off_loopback_is_refused_unless_it_is_meant_and_then_warned_about() {
        let text = admin("listen = \"10.0.0.1:9080\"");
        mistake(&text, "admin.listen = \"10.0.0.1:9080\"", "allow_plaintext = true allows it");
        let config = good(&admin("listen = \"10.0.0.1:9080\"\nallow_plaintext = true"));
        assert_eq!(config.admin.listen.to_string(), "10.0.0.1:9080");
        assert_eq!(config.warnings[0].key, "admin.listen");
        assert!(config.warnings[0].text.contains("without TLS"), "{:?}", config.warnings);
        assert!(good(&admin("allow_plaintext = true")).warnings.is_empty());
        assert!(good(&admin("listen = \"[::1]:9080\"")).warnings.is_empty());
        let meet = "listen = \"0.0.0.0:8080\"\nallow_plaintext = true";
        let meet = format!("[server]\nlisten = \"127.0.0.1:8080\"\n{}", admin(meet));
        mistake(&meet, "admin.listen = \"0.0.0.0:8080\"", "is taken by server.listen");
    }

    #[test]
    fn the_token_file_lies_beside_the_configuration_and_its_mistakes_are_told_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hookgate.toml");
        std::fs::write(&path, admin("token_file = \"tokens\"")).unwrap();
        let load = || load(&path, &env().into(), &providers(), Timestamp::from_millis(0));
        let missing = load().unwrap_err().to_string();
        assert!(missing.starts_with("admin.token_file: the file "), "{missing}");
        assert!(missing.ends_with("tokens cannot be read: no such file"), "{missing}");
        let tokens = folder.path().join("tokens");
        let line = |name: &str| format!("{name}:viewer:{}\n", "0a".repeat(32));
        std::fs::write(&tokens, format!("{}canary:x\n{}", line("a"), line("a"))).unwrap();
        let wrong = load().unwrap_err();
        let told: Vec<_> = wrong.each().iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 2, "{told:#?}");
        assert!(told[0].ends_with("tokens: line 2 must be name:role:sha256-hex"), "{told:#?}");
        assert!(told[1].ends_with("tokens: line 3 has the name of a line before it"), "{told:#?}");
        std::fs::write(&tokens, "x".repeat(64 * 1024 + 1)).unwrap();
        assert!(load().unwrap_err().to_string().contains("longer than 65536 bytes"));
        std::fs::write(&tokens, line("a")).unwrap();
        assert!(load().unwrap().admin.tokens.is_some());
        mistake(&admin("token_file = 5"), "admin.token_file = 5", "must be text");
    }
}
