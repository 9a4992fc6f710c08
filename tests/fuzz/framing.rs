//! Where one request ends and the next begins: in whatever pieces the bytes come, and as everybody
//! else reads them.
//!
//! An input is all that a client sends on one connection.

use hookgate::edge::{Framing, Step};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::engine::{Entry, fingerprint, search};
use crate::json;
use crate::roads::stored;
use crate::wire;

pub(crate) const WORDS: [&str; 32] = [
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "POST /v1/webhooks/daily HTTP/1.1\r\n",
    "HEAD / HTTP/1.0\r\n\r\n",
    "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\n\r\n",
    "CONNECT h:1 HTTP/1.1\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    " HTTP/1.0\r\n",
    "Host: h\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "content-length:\t3 \r\n",
    "Content-Length: +3\r\n",
    "Content-Length: 3, 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "transfer-encoding: chunked, identity\r\n",
    "Transfer-Encoding : chunked\r\n",
    "Transfer-Encoding:\r\n chunked\r\n",
    "Expect: 100-continue\r\n",
    "Connection: close\r\n",
    "Connection: upgrade\r\nUpgrade: h2c\r\n",
    "Content-Encoding: gzip\r\n",
    "3\r\nabc\r\n",
    "0\r\n\r\n",
    "ffffffffffffffff\r\n",
    "7fffffffffffffe\r\n",
    "1;a=b\r\na\r\n0\r\nTrailer: x\r\n\r\n",
    "abc",
    "\u{0}",
];

/// Stored requests as they are, in chunks, and one after another.
pub(crate) fn conversations() -> Vec<Vec<u8>> {
    let requests = [stored("daily"), stored("livekit")].concat();
    let mut all = Vec::new();
    for request in requests.iter().step_by(7) {
        let bytes = std::fs::read(&request.path).unwrap();
        let (head, body) = bytes.split_at(bytes.len() - request.body.len());
        let head = String::from_utf8_lossy(head);
        let size = format!("Content-Length: {}", body.len());
        let head = head.replacen(&size, "Transfer-Encoding: chunked", 1);
        let mut chunks = Vec::new();
        for chunk in body.chunks(97) {
            chunks.extend(format!("{:x}\r\n", chunk.len()).bytes());
            chunks.extend(chunk);
            chunks.extend(b"\r\n");
        }
        all.push([head.as_bytes(), &chunks, b"0\r\n\r\n"].concat());
        all.push([&bytes[..], &bytes, b"\r\n", &bytes].concat());
        all.push(bytes);
    }
    all
}

/// Changes a body by its structure; its length is then most often another than it says.
pub(crate) fn reshape(input: &[u8], rng: &mut StdRng) -> Option<Vec<u8>> {
    let body = input.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let changed = json::reshape(&input[body..], rng)?;
    let head = String::from_utf8_lossy(&input[..body]);
    let was = format!("Content-Length: {}", input.len() - body);
    let head = head.replacen(&was, &format!("Content-Length: {}", changed.len()), 1);
    Some([head.as_bytes(), &changed].concat())
}

/// What of the bytes is let through when they come in these pieces, and how it ended.
pub(crate) fn let_through(
    bytes: &[u8],
    mut piece: impl FnMut() -> usize,
) -> (Vec<u8>, Option<Step>) {
    let mut framing = Framing::default();
    let (mut held, mut passed, mut rest) = (Vec::new(), Vec::new(), bytes);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(piece().clamp(1, rest.len()));
        rest = later;
        held.extend_from_slice(now);
        while !held.is_empty() {
            let step = framing.judge(&held);
            let some = match step {
                Step::Pass(some) => {
                    passed.extend_from_slice(&held[..some]);
                    some
                }
                Step::Skip(some) => some,
                Step::More => break,
                Step::Refuse(_) | Step::Broken => return (passed, Some(step)),
            };
            assert!((1..=held.len()).contains(&some), "{some} of {}", held.len());
            held.drain(..some);
        }
    }
    (passed, None)
}

#[test]
fn no_conversation_is_framed_otherwise_than_the_server_reads_it() {
    search(Entry {
        name: "framing",
        seeds: conversations(),
        words: &WORDS,
        reshape,
        memory: |input| 64 * 1_024 + 16 * input.len() as u64,
        judge: &|input| {
            let whole = let_through(input, || usize::MAX);
            let mut rng = StdRng::seed_from_u64(fingerprint(&input));
            let most = 1 << rng.random_range(1..12);
            assert_eq!(let_through(input, || rng.random_range(1..=most)), whole);
            if input.len() < 1_024 {
                assert_eq!(let_through(input, || 1), whole);
            }
            let asked = wire::requests(&whole.0);
            let partial = asked.iter().filter(|asked| !asked.whole).count();
            assert!(partial <= 1, "{asked:?}");
            let sorts: Vec<_> = asked.iter().take(3).map(|asked| &asked.sort).collect();
            fingerprint(&(sorts, asked.len().min(9), partial, format!("{:?}", whole.1)))
        },
    });
}
