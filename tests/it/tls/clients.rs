//! Certificates of clients on the admin listener, in the place of tokens.

use hookgate::edge::Clients;

use super::authority::{Authority, Issued, certified};
use super::{BOTH, greet, greet_over, operator, plan};
use crate::gateway::{Answer, Client, Gate};

/// A gateway that lets in olga, an operator, and vera, a viewer, by certificate.
pub(super) async fn start(authority: &Authority) -> Gate {
    let mut plan = plan(authority);
    let folder = plan.folder().join("admin");
    std::fs::write(folder.join("ca.crt"), authority.pem()).unwrap();
    plan.config.admin.tls = Some(certified(&folder));
    let mut clients = Clients::default();
    clients.add("olga.cert", "operator").unwrap();
    clients.add("vera.cert", "viewer").unwrap();
    plan.config.admin.clients = clients;
    plan.start().await
}

async fn call(
    gate: &Gate,
    authority: &Authority,
    shows: Option<&Issued>,
    call: &str,
    (lines, body): (&str, &str),
) -> Answer {
    let config = authority.trusted_by(BOTH, shows, &[]);
    let mut client = Client::over(greet(gate.app.admin(), config).await);
    let mut request = format!("{call} HTTP/1.1\r\nHost: h\r\n{lines}");
    if !body.is_empty() {
        let length = body.len();
        request += &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
    }
    client.send(format!("{request}\r\n{body}").as_bytes()).await;
    client.answer().await
}

const STATUS: &str = "GET /admin/v1/status";
const DRILL: &str = "POST /admin/v1/forget";
const FORGET: &str = r#"{"room":"r1_aaaaaaaaaaaaaaaaaaaaaaaaaa","tenant":"tenant-fixtures","reason":"TEST-1","dry_run":true}"#;

#[tokio::test]
async fn a_listed_certificate_asks_with_its_role_and_the_audit_log_names_it() {
    let authority = Authority::new();
    let gate = start(&authority).await;
    let olga = authority.client(&["olga.cert"]);
    let vera = authority.client(&["vera.cert"]);
    for (who, code) in [(&olga, 200), (&vera, 200)] {
        let answer = call(&gate, &authority, Some(who), STATUS, ("", "")).await;
        assert_eq!(answer.status, code, "{answer:?}");
    }
    let answer = call(&gate, &authority, Some(&vera), DRILL, ("", FORGET)).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let ask = r#"{"participant":"p-1","source":"daily","reason":"TEST-1"}"#;
    let answer = call(&gate, &authority, Some(&olga), "POST /admin/v1/pseudonym", ("", ask)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let audit = call(&gate, &authority, Some(&olga), "GET /admin/v1/audit", ("", "")).await;
    assert!(audit.body.contains(r#""by":"olga.cert""#), "{audit:?}");
}

#[tokio::test]
async fn whoever_is_not_listed_or_shows_nothing_asks_what_is_open_and_no_more() {
    let authority = Authority::new();
    let gate = start(&authority).await;
    let otto = authority.client(&["otto"]);
    let doubled = authority.client(&["olga.cert", "vera.cert"]);
    for shows in [None, Some(&otto), Some(&doubled)] {
        for open in ["/livez", "/readyz", "/metrics"] {
            let answer = call(&gate, &authority, shows, &format!("GET {open}"), ("", "")).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        let answer = call(&gate, &authority, shows, STATUS, ("", "")).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        let answer = call(&gate, &authority, shows, STATUS, (&operator(), "")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let olga = authority.client(&["olga.cert"]);
    let wrong = "Authorization: Bearer guess\r\n";
    let answer = call(&gate, &authority, Some(&olga), STATUS, (wrong, "")).await;
    assert_eq!(answer.status, 401, "a token that is sent counts: {answer:?}");
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_not_even_greeted() {
    let authority = Authority::new();
    let gate = start(&authority).await;
    let forged = Authority::new().client(&["olga.cert"]);
    let config = authority.trusted_by(&[&super::TLS12], Some(&forged), &[]);
    let stream = tokio::net::TcpStream::connect(gate.app.admin()).await.unwrap();
    let greeted = greet_over(stream, config).await;
    assert!(greeted.is_err());
}
