//! What must be turned away, with canaries wherever a stranger can write something: forged and
//! unsigned deliveries, paths that lead nowhere, heads that are not HTTP. And the admin listener,
//! asked by one who has no token.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};

use super::canary::{Mint, Origin};
use super::wire::Wire;
use crate::config::Source;

/// Asks all of it; the answers, byte for byte.
pub(super) async fn ask(
    sources: &[Source],
    mint: &mut Mint,
    public: SocketAddr,
    admin: SocketAddr,
) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    let mut says = Says(mint);
    let mut requests = Vec::new();
    for source in sources {
        let route = source.routes.first().map_or("/", String::as_str);
        requests.extend(forged(&mut says, route).into_iter().map(|request| (public, request)));
        requests.extend(broken(&mut says, route).into_iter().map(|request| (public, request)));
    }
    let lost = [(); 2].map(|()| format!("/{}/{}", says.word("(path)"), says.word("(path)")));
    for (to, path) in [(public, &lost), (admin, &lost)]
        .into_iter()
        .flat_map(|(to, paths)| paths.iter().map(move |path| (to, path)))
    {
        let query = says.word("(query)");
        requests.push((to, format!("GET {path}?{query} HTTP/1.1\r\nHost: gate\r\n\r\n")));
    }
    let token = says.word("(token)");
    let head = "GET /admin/v1/audit HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer";
    requests.push((admin, format!("{head} {token}\r\n\r\n")));
    for (to, request) in requests {
        // On a connection of its own, for what is no HTTP ends one.
        answers.extend(Wire::new(to).ask(request.as_bytes()).await.map(|answer| answer.bytes));
    }
    answers
}

struct Says<'m>(&'m mut Mint);

impl Says<'_> {
    fn word(&mut self, place: &str) -> String {
        self.put("stranger", place)
    }

    fn name(&mut self, place: &str) -> String {
        self.put("a stranger", place)
    }

    fn put(&mut self, like: &str, place: &str) -> String {
        let made = self.0.alike(like);
        let text = made.text.clone();
        let fixture = Arc::from("(a stranger)");
        self.0.put(made, Origin { source: None, fixture, path: Arc::from(place) });
        text
    }
}

fn forged(says: &mut Says<'_>, route: &str) -> Vec<String> {
    let claims = format!(r#"{{"iss":"{0}","sha256":"{0}"}}"#, says.word("(claims)"));
    let header = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, says.word("(token's head)"));
    let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let signature = says.word("(signature)");
    let token = format!("{}.{}.{signature}", encode(&header), encode(&claims));
    let now = says.word("(timestamp)");
    let lines = [
        String::new(),
        format!("X-Webhook-Signature: {signature}\r\nX-Webhook-Timestamp: {now}\r\n"),
        format!("X-Webhook-Signature: {signature}\r\nX-Webhook-Timestamp: 1\r\n"),
        format!("X-Daily-Signature: {signature}\r\n"),
        format!("Authorization: {signature}\r\n"),
        format!("Authorization: Bearer {token}\r\n"),
        format!("Authorization: {token}\r\n"),
        format!("Content-Encoding: {}\r\n", says.word("(content-encoding)")),
    ];
    let each = lines.map(|lines| {
        let body = format!(r#"{{"name":"{}"}}"#, says.name("(body)"));
        let agent = says.name("(user-agent)");
        let length = body.len();
        format!(
            "POST {route} HTTP/1.1\r\nHost: gate\r\nUser-Agent: {agent}\r\n{lines}\
             Content-Length: {length}\r\n\r\n{body}"
        )
    });
    each.into()
}

/// Heads that no server should understand.
fn broken(says: &mut Says<'_>, route: &str) -> Vec<String> {
    let [method, length, coding, name, path, host] = [(); 6].map(|()| says.word("(broken head)"));
    let method = method.to_ascii_uppercase();
    vec![
        format!("{method} {route} HTTP/1.1\r\nHost: gate\r\n\r\n"),
        format!("POST {route} HTTP/1.1\r\nHost: gate\r\nContent-Length: {length}\r\n\r\n"),
        format!("POST {route} HTTP/1.1\r\nHost: gate\r\nTransfer-Encoding: {coding}\r\n\r\n"),
        format!("POST {route} HTTP/1.1\r\nHost: gate\r\n{name} {name}: {name}\r\n\r\n"),
        format!("POST {path}\u{7f} HTTP/1.1\r\nHost: gate\r\n\r\n"),
        format!("POST {route} HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n"),
        format!("{}\r\n\r\n", says.name("(no head at all)")),
    ]
}
