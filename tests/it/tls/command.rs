//! The command line against an admin listener under TLS.

use std::path::Path;

use tokio::process::Command;

use super::authority::Authority;
use super::clients::start;
use crate::gateway::Gate;

/// Runs the command line against a gateway: exit code, standard output, standard error.
async fn hookgate(gate: &Gate, args: &[&str], host: &str) -> (i32, String, String) {
    let admin = format!("https://{host}:{}", gate.app.admin().port());
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookgate"));
    command.env_clear().env("HOOKGATE_ADMIN", admin).args(args);
    let output = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_asks_over_tls_with_a_certificate_in_the_place_of_a_token() {
    let authority = Authority::new();
    let gate = start(&authority).await;
    let folder = gate.folder.path();
    let at = |file: &str| folder.join(file).to_str().unwrap().to_owned();
    let (ca, cert, key) = (at("admin/ca.crt"), at("tls.crt"), at("tls.key"));
    authority.client(&["vera.cert"]).write(folder);
    let shows = ["--tls-ca", &ca, "--client-cert", &cert, "--client-key", &key];
    let (code, out, err) = hookgate(&gate, &[&["status"], &shows[..]].concat(), "127.0.0.1").await;
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("admin    certificate to 2040-01-01"), "{out}");

    let quiet = ["status", "--quiet", "--tls-ca", &ca];
    assert_eq!(hookgate(&gate, &quiet, "127.0.0.1").await, (0, String::new(), String::new()));
    let trusting = ["status", "--quiet"];
    let (code, _, err) = hookgate(&gate, &trusting, "127.0.0.1").await;
    assert_eq!(code, 69);
    assert!(err.contains("name the authority with --tls-ca FILE"), "{err}");
    let (code, _, err) = hookgate(&gate, &quiet, "127.0.0.2").await;
    assert_eq!(code, 69);
    assert!(err.contains("for another name") || err.contains("nothing can be reached"), "{err}");
    let named = [&quiet[..], &["--tls-name", "localhost"]].concat();
    assert_eq!(hookgate(&gate, &named, "127.0.0.1").await.0, 0);

    let alone = ["status", "--client-cert", &cert];
    let (code, _, err) = hookgate(&gate, &alone, "127.0.0.1").await;
    assert_eq!(code, 2);
    assert!(err.contains("belong together"), "{err}");
    assert!(Path::new(&cert).exists());
}
