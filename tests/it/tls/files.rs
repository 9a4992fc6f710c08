//! Certificates that are replaced on disk while connections are open.

use std::os::unix::fs::symlink;
use std::path::Path;

use hookgate::app::Reread;
use hookgate::clock::Clock;

use super::authority::{Authority, Issued, certified, files};
use super::{BOTH, operator};
use super::{PATIENCE, ask, certificate, connect, greet, plan, text, until, year};
use crate::gateway::{Answer, DAILY, Gate, event};

const EXPIRY: &str = "hookgate_certificate_expiry_timestamp_seconds";
const BROKEN: &str = "hookgate_certificate_files_broken";

#[tokio::test]
async fn another_certificate_comes_into_force_by_itself_and_connections_stay() {
    let authority = Authority::new();
    let gate = plan(&authority).start().await;
    let mut old = connect(gate.app.public(), &authority).await;
    old.send(&gate.signed(DAILY, &event(DAILY, "before"))).await;
    old.answer().await.is(200, "accepted");
    assert_eq!(certificate(&gate, "public").await["expires"], "2040-01-01T00:00:00.000Z");

    let other = Authority::new();
    other.server(2041).write(&gate.folder.path().join("public"));
    until(&gate, "public", |one| one["expires"] == "2041-01-01T00:00:00.000Z").await;
    old.send(&gate.signed(DAILY, &event(DAILY, "behind"))).await;
    old.answer().await.is(200, "accepted");
    let mut new = connect(gate.app.public(), &other).await;
    new.send(&gate.signed(DAILY, &event(DAILY, "anew"))).await;
    new.answer().await.is(200, "accepted");
    let metrics = ask(&gate, &authority, "/metrics").await.body;
    for (listener, until) in [("public", 2041), ("admin", 2040)] {
        let seconds = year(until).seconds();
        let line = format!("{EXPIRY}{{listener=\"{listener}\"}} {seconds}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
}

#[tokio::test]
async fn a_pair_that_cannot_be_used_leaves_the_one_before_in_force_and_is_told() {
    let authority = Authority::new();
    let gate = plan(&authority).start().await;
    let folder = gate.folder.path().join("public");
    let (one, two) = (authority.server(2041), authority.server(2042));
    let crossed = Issued { cert: one.cert.clone(), key: two.key.clone() };
    crossed.write(&folder);
    until(&gate, "public", |told| told["warning"].is_string()).await;
    let told = certificate(&gate, "public").await;
    let warning = told["warning"].as_str().unwrap();
    assert!(warning.contains("does not belong to the certificate in"), "{warning}");
    assert_eq!(told["expires"], "2040-01-01T00:00:00.000Z");
    let metrics = ask(&gate, &authority, "/metrics").await.body;
    assert!(metrics.contains(&format!("{BROKEN}{{listener=\"public\"}} 1\n")), "{metrics}");
    let mut client = connect(gate.app.public(), &authority).await;
    client.send(&gate.signed(DAILY, &event(DAILY, "as-before"))).await;
    client.answer().await.is(200, "accepted");

    one.write(&folder);
    until(&gate, "public", |told| told["expires"] == "2041-01-01T00:00:00.000Z").await;
    assert!(certificate(&gate, "public").await.get("warning").is_none());
    let metrics = ask(&gate, &authority, "/metrics").await.body;
    assert!(metrics.contains(&format!("{BROKEN}{{listener=\"public\"}} 0\n")), "{metrics}");
}

/// Makes a folder as Kubernetes mounts a secret: the files are links into `..data`, which is a link
/// to the folder of this version.
fn mount(folder: &Path, version: &str, issued: &Issued) {
    let data = folder.join(version);
    std::fs::create_dir_all(&data).unwrap();
    issued.write(&data);
    let next = folder.join("..data_tmp");
    symlink(version, &next).unwrap();
    std::fs::rename(&next, folder.join("..data")).unwrap();
    for file in ["tls.crt", "tls.key"] {
        let link = folder.join(file);
        if !link.is_symlink() {
            let _ = std::fs::remove_file(&link);
            symlink(Path::new("..data").join(file), &link).unwrap();
        }
    }
}

#[tokio::test]
async fn a_mounted_secret_of_kubernetes_is_seen_when_its_link_is_swapped() {
    let authority = Authority::new();
    let mut plan = plan(&authority);
    let folder = plan.folder().join("public");
    mount(&folder, "..2026_1", &authority.server(2041));
    plan.config.server.tls = Some(certified(&folder));
    let gate = plan.start().await;
    assert_eq!(certificate(&gate, "public").await["expires"], "2041-01-01T00:00:00.000Z");
    mount(&folder, "..2026_2", &authority.server(2042));
    until(&gate, "public", |one| one["expires"] == "2042-01-01T00:00:00.000Z").await;
}

/// A reload that reads the files of a folder for the public listener, whatever the plan began with.
fn rereads(plan: &crate::gateway::Plan, folder: &Path) -> Reread {
    let (configuration, env) = crate::gateway::Plan::text(plan.folder());
    let tls = format!(
        "[server]\ntls = {{ cert = \"{0}/tls.crt\", key = \"{0}/tls.key\" }}",
        folder.display()
    );
    let configuration = configuration.replace("[server]", &tls);
    Reread::new(move || {
        let (here, now) = (Path::new("."), Clock::system().now());
        let providers = crate::gateway::providers();
        hookgate::config::parse(&configuration, here, &env, &providers, now)
    })
}

async fn reload(gate: &Gate, authority: &Authority) -> Answer {
    let mut client = connect(gate.app.admin(), authority).await;
    let body = r#"{"reason":"TEST-1"}"#;
    let head = format!(
        "POST /admin/v1/reload HTTP/1.1\r\nHost: h\r\n{}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        operator(),
        body.len()
    );
    client.send(head.as_bytes()).await;
    client.answer().await
}

#[tokio::test]
async fn a_reload_reads_the_files_at_once_and_refuses_what_cannot_be_used() {
    let authority = Authority::new();
    let mut plan = plan(&authority).limits(|limits| limits.tls_look = PATIENCE * 100);
    let folder = plan.folder().join("public");
    plan.parts.reread = Some(rereads(&plan, &folder));
    let gate = plan.start().await;
    authority.server(2043).write(&folder);
    let answer = reload(&gate, &authority).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let says = "another certificate on the public listener, to 2043-01-01T00:00:00.000Z";
    assert!(answer.body.contains(says), "{answer:?}");
    assert_eq!(certificate(&gate, "public").await["expires"], "2043-01-01T00:00:00.000Z");
    drop(greet(gate.app.public(), authority.trusted_by(BOTH, None, &[])).await);

    std::fs::write(folder.join("tls.key"), "no key").unwrap();
    let answer = reload(&gate, &authority).await;
    assert_ne!(answer.status, 200);
    let says = "must have a part -----BEGIN PRIVATE KEY-----";
    assert!(answer.body.contains(says), "{answer:?}");
    assert_eq!(certificate(&gate, "public").await["expires"], "2043-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn other_paths_need_a_restart_and_a_reload_leaves_the_pair_that_is_in_force() {
    let authority = Authority::new();
    let mut plan = plan(&authority);
    let other = plan.folder().join("other");
    std::fs::create_dir(&other).unwrap();
    authority.server(2044).write(&other);
    plan.parts.reread = Some(rereads(&plan, &other));
    let gate = plan.start().await;
    let answer = reload(&gate, &authority).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = answer.json();
    let keys = told["needs_restart"].to_string();
    assert!(keys.contains("server.tls.cert"), "{told}");
    assert!(!told["changed"].to_string().contains("certificate"), "{told}");
    assert_eq!(certificate(&gate, "public").await["expires"], "2040-01-01T00:00:00.000Z");
    // Those it began with are still the ones that are looked at.
    authority.server(2041).write(&gate.folder.path().join("public"));
    until(&gate, "public", |one| one["expires"] == "2041-01-01T00:00:00.000Z").await;
}

#[test]
fn each_mistake_in_the_files_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let authority = Authority::new();
    let (one, two) = (authority.server(2041), authority.server(2042));
    let wrong = |cert: &str, key: &str, ca: Option<&str>| {
        std::fs::write(folder.join("tls.crt"), cert).unwrap();
        std::fs::write(folder.join("tls.key"), key).unwrap();
        let _ = std::fs::remove_file(folder.join("ca.crt"));
        if let Some(ca) = ca {
            std::fs::write(folder.join("ca.crt"), ca).unwrap();
        }
        files(folder).read().unwrap_err().to_string()
    };
    let broken = one.cert.replace("\nMII", "\nAII");
    let encrypted = one.key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let chain = authority.pem() + &one.cert;
    for (cert, key, ca, says) in [
        ("", &*one.key, None, "cert: the file "),
        (&one.cert, "", None, "-----BEGIN PRIVATE KEY-----"),
        (&broken, &one.key, None, "tls.crt holds a certificate that cannot be understood"),
        (&one.cert, &encrypted, None, "decrypt it with openssl pkey"),
        (&one.cert, &two.key, None, "does not belong to the certificate in"),
        (&chain, &one.key, None, "put that one first, its intermediates behind it"),
        (&one.cert, &one.key, Some("none"), "client_ca: the file "),
    ] {
        let told = wrong(cert, key, ca);
        assert!(told.contains(says), "{told}");
        assert!(!told.contains("MII"), "{told}");
    }
    std::fs::remove_file(folder.join("tls.key")).unwrap();
    std::fs::remove_file(folder.join("ca.crt")).unwrap();
    let told = files(folder).read().unwrap_err().to_string();
    assert!(told.ends_with("tls.key cannot be read: no such file"), "{told}");
    one.write(folder);
    assert_eq!(files(folder).read().unwrap().expires(), year(2041));
    assert!(text(&folder.join("tls.crt")).contains("BEGIN CERTIFICATE"));
}
