//! The admin API over HTTP: who may ask, and what is said to whom.

use crate::gateway::{Gate, OPERATOR, VIEWER};

#[tokio::test]
async fn without_a_known_token_nothing_is_said_of_the_admin_api() {
    let gate = Gate::start().await;
    for path in ["/admin/v1/status", "/admin/v1/nowhere", "/admin/"] {
        let answer = gate.call("guessed", &format!("GET {path}"), "").await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"hookgate admin\""));
        assert_eq!(answer.json()["type"], "urn:hookgate:problem:unauthorized");
        assert!(!answer.body.contains("guessed"), "{answer:?}");
    }
    assert_eq!(gate.call(VIEWER, "GET /admin/v1/nowhere", "").await.status, 404);
}

#[tokio::test]
async fn a_viewer_looks_and_an_operator_changes() {
    let gate = Gate::start().await;
    let drain = "POST /admin/v1/forget";
    let answer = gate.call(VIEWER, drain, r#"{"tenant":"t","reason":"x"}"#).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(answer.json()["type"], "urn:hookgate:problem:forbidden");
    let answer = gate.call(OPERATOR, drain, r#"{"reason":"x"}"#).await;
    assert_eq!((answer.status, &answer.json()["field"]), (400, &"tenant".into()), "{answer:?}");
}
