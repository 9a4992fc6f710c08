//! Where one request ends and the next begins, decided once and strictly.
//!
//! A sender, a proxy and a server that count a body differently let one request hide in another.
//! So heads are judged here before the server's own parser sees them: two lengths, a length beside
//! a `Transfer-Encoding`, a coding other than `chunked`, a bare line feed: refused, and nothing of
//! such a head goes on. The head is read by the same parser that the server uses, so what passes
//! here passes there.
//!
//! Pure: bytes in, a verdict out, whatever pieces they come in.

use std::net::IpAddr;

use crate::bounds::{HEAD_BYTES_MAX, HEADER_LINES_MAX};
use crate::outcome::Outcome;

use super::chunks::Chunks;
use super::preface::{self, Preface};

/// What may be done with the bytes at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many of them belong to the request at hand and may go on; at least one.
    Pass(usize),
    /// So many of them mean nothing and are thrown away; at least one.
    Skip(usize),
    /// None yet: the head is not complete.
    More,
    /// None ever: the head is answered with this, and the connection ends.
    Refuse(Outcome),
    /// None ever: the body's framing is broken, and the connection ends.
    Broken,
}

/// The watcher of one connection.
#[derive(Debug)]
pub struct Framing {
    at: At,
    spoken_for: Option<IpAddr>,
}

#[derive(Debug)]
enum At {
    /// Before anything was said by a trusted proxy.
    Preface,
    /// Before or within a head; so many of its bytes were looked at.
    Head { seen: usize },
    /// Within a body with so many bytes to come.
    Sized { left: u64 },
    /// Within a chunked body.
    Chunked(Chunks),
}

/// How the body of a request is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Sized(u64),
    Chunked,
}

impl Default for Framing {
    /// A connection on which nothing was said yet.
    fn default() -> Self {
        Self { at: At::Head { seen: 0 }, spoken_for: None }
    }
}

impl Framing {
    /// The same for a trusted proxy, which may say first whom it speaks for.
    pub fn of_proxy() -> Self {
        Self { at: At::Preface, spoken_for: None }
    }

    /// Whom the proxy speaks for, if it said so.
    pub fn spoken_for(&self) -> Option<IpAddr> {
        self.spoken_for
    }

    /// Whether nothing was said yet where a proxy may say whom it speaks for.
    pub fn awaits_preface(&self) -> bool {
        matches!(self.at, At::Preface)
    }

    /// Whether the next byte begins a request or belongs to its head.
    pub fn awaits_head(&self) -> bool {
        matches!(self.at, At::Preface | At::Head { .. })
    }

    /// Judges the bytes that have come and not yet passed. Bytes that stay are given again, with
    /// more behind them.
    pub fn judge(&mut self, bytes: &[u8]) -> Step {
        match &mut self.at {
            At::Preface => match preface::read(bytes) {
                Preface::More => Step::More,
                Preface::Malformed => Step::Refuse(Outcome::BadRequest),
                Preface::Said(length, address) => {
                    self.at = At::Head { seen: 0 };
                    self.spoken_for = address;
                    Step::Skip(length)
                }
                Preface::Absent => {
                    self.at = At::Head { seen: 0 };
                    self.judge(bytes)
                }
            },
            At::Head { seen } => {
                if *seen == 0 {
                    match leading_line_ends(bytes) {
                        0 if bytes == b"\r" => return Step::More,
                        0 => {}
                        empty => return Step::Skip(empty),
                    }
                }
                let window = bytes.get(..HEAD_BYTES_MAX).unwrap_or(bytes);
                match end_of_head(window, *seen) {
                    Ok(Some(end)) => self.head(bytes, end),
                    Ok(None) if bytes.len() > HEAD_BYTES_MAX => {
                        Step::Refuse(Outcome::HeadersTooLarge)
                    }
                    Ok(None) => {
                        *seen = bytes.len();
                        Step::More
                    }
                    Err(BareLineFeed) => Step::Refuse(Outcome::BadRequest),
                }
            }
            At::Sized { .. } | At::Chunked(_) => match self.body(bytes) {
                Ok(0) => Step::More,
                Ok(some) => Step::Pass(some),
                Err(Malformed) => Step::Broken,
            },
        }
    }

    /// A whole head, and as much of its body as is here.
    fn head(&mut self, bytes: &[u8], end: usize) -> Step {
        let (head, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        match read(head) {
            Ok(Length::Sized(0)) => {
                self.at = At::Head { seen: 0 };
                return Step::Pass(end);
            }
            Ok(Length::Sized(left)) => self.at = At::Sized { left },
            Ok(Length::Chunked) => self.at = At::Chunked(Chunks::default()),
            Err(outcome) => return Step::Refuse(outcome),
        }
        // A body that breaks in these very bytes breaks at the next look: the head still passes,
        // so that the request is answered by name.
        Step::Pass(end + self.body(rest).unwrap_or(0))
    }

    /// How many of these bytes belong to the body at hand.
    fn body(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let (taken, ended) = match &mut self.at {
            At::Preface | At::Head { .. } => (0, false),
            At::Sized { left } => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left = left.saturating_sub(taken as u64);
                (taken, *left == 0)
            }
            At::Chunked(chunks) => {
                let taken = chunks.take(bytes)?;
                (taken, chunks.ended())
            }
        };
        if ended {
            self.at = At::Head { seen: 0 };
        }
        Ok(taken)
    }
}

/// A chunked body that is not one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

struct BareLineFeed;

/// Empty lines before a request, which some clients send after a body (RFC 9112 §2.2).
fn leading_line_ends(bytes: &[u8]) -> usize {
    let mut count = 0;
    while bytes.get(count..).is_some_and(|rest| rest.starts_with(b"\r\n")) {
        count += 2;
    }
    count
}

/// The place after the empty line that ends a head; `from` bytes were looked at before.
fn end_of_head(bytes: &[u8], from: usize) -> Result<Option<usize>, BareLineFeed> {
    let mut at = from;
    while let Some(step) = bytes.get(at..).and_then(|b| b.iter().position(|b| *b == b'\n')) {
        at += step + 1;
        let line = bytes.get(..at).unwrap_or_default();
        if line.ends_with(b"\r\n\r\n") {
            return Ok(Some(at));
        }
        if !line.ends_with(b"\r\n") {
            return Err(BareLineFeed);
        }
    }
    Ok(None)
}

/// Reads a whole head: is it a request, and how long is its body?
fn read(head: &[u8]) -> Result<Length, Outcome> {
    let mut lines = [const { std::mem::MaybeUninit::uninit() }; HEADER_LINES_MAX];
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(head, &mut lines) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Outcome::HeadersTooLarge),
        Ok(httparse::Status::Partial) | Err(_) => return Err(Outcome::BadRequest),
    }
    let known =
        |method: &str| method == "POST" || http::Method::from_bytes(method.as_bytes()).is_ok();
    if !request.method.is_some_and(known) || !request.path.is_some_and(is_target) {
        return Err(Outcome::BadRequest);
    }
    length(request.headers, request.version == Some(1)).ok_or(Outcome::BadRequest)
}

/// Whether the server's URI type takes this target.
fn is_target(target: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-.?=&%~".contains(&byte);
    (target.starts_with('/') && target.bytes().all(plain)) || target.parse::<http::Uri>().is_ok()
}

/// How the body is delimited; `None` if that is not certain.
fn length(headers: &[httparse::Header<'_>], persistent: bool) -> Option<Length> {
    let mut length = None;
    for header in headers {
        let found = if header.name.eq_ignore_ascii_case("content-length") {
            Length::Sized(digits(header.value)?)
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            let chunked = header.value.trim_ascii().eq_ignore_ascii_case(b"chunked");
            // HTTP/1.0 has no codings: who stands before us may have read on.
            (chunked && persistent).then_some(Length::Chunked)?
        } else {
            continue;
        };
        if length.replace(found).is_some() {
            return None;
        }
    }
    Some(length.unwrap_or(Length::Sized(0)))
}

/// A length: digits and nothing else, below what the server's type holds.
fn digits(value: &[u8]) -> Option<u64> {
    let value = value.trim_ascii();
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GET: &str = "GET / HTTP/1.1\r\n\r\n";

    /// Runs bytes through in the given pieces, as the socket does: what passes, and how it ends.
    fn run(bytes: &[u8], cuts: &[usize]) -> (Vec<u8>, Option<Step>) {
        let mut framing = Framing::default();
        let (mut held, mut passed) = (Vec::new(), Vec::new());
        let mut rest = bytes;
        let mut cuts = cuts.iter().copied().chain(std::iter::repeat(usize::MAX));
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(cuts.next().unwrap().clamp(1, rest.len()));
            rest = after;
            held.extend_from_slice(piece);
            while !held.is_empty() {
                match framing.judge(&held) {
                    Step::Pass(n) => passed.extend(held.drain(..n)),
                    Step::Skip(n) => drop(held.drain(..n)),
                    Step::More => break,
                    end @ (Step::Refuse(_) | Step::Broken) => return (passed, Some(end)),
                }
            }
        }
        (passed, None)
    }

    fn verdict(head: &str) -> Option<Step> {
        run(head.as_bytes(), &[]).1
    }

    fn post(lines: &str, body: &str) -> String {
        format!("POST /v1/webhooks/a HTTP/1.1\r\nHost: h\r\n{lines}\r\n{body}")
    }

    #[test]
    fn two_lengths_or_a_length_beside_a_coding_are_refused() {
        for lines in [
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: 5\r\ncontent-length: 6\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "Transfer-Encoding: identity\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding : chunked\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: 0x5\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "X: a\r\n folded\r\n",
            "X: a\nContent-Length: 5\r\n",
            "X: a\0b\r\n",
            "Not a header\r\n",
        ] {
            let (passed, end) = run(post(lines, "hello").as_bytes(), &[]);
            assert_eq!(end, Some(Step::Refuse(Outcome::BadRequest)), "{lines:?}");
            assert!(passed.is_empty(), "{lines:?}");
        }
    }

    #[test]
    fn what_is_not_http_is_refused() {
        for text in [
            "PRI * HTTP/2.0\r\n\r\n",
            "GET / HTTP/3\r\n\r\n",
            "GET /\r\n\r\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "GE(T / HTTP/1.1\r\n\r\n",
            "GET /<script> HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\n\n",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "\x16\x03\x01\x02\n",
        ] {
            assert_eq!(verdict(text), Some(Step::Refuse(Outcome::BadRequest)), "{text:?}");
        }
    }

    #[test]
    fn a_head_over_the_cap_or_with_too_many_lines_is_too_large() {
        let too_large = Some(Step::Refuse(Outcome::HeadersTooLarge));
        let long = post(&format!("X: {}\r\n", "a".repeat(HEAD_BYTES_MAX)), "");
        assert_eq!(verdict(&long), too_large);
        assert_eq!(verdict(&long[..HEAD_BYTES_MAX + 1]), too_large);
        assert_eq!(verdict(&long[..HEAD_BYTES_MAX]), None);
        let lines = |count: usize| "X: a\r\n".repeat(count);
        assert_eq!(verdict(&post(&lines(HEADER_LINES_MAX), "")), too_large);
        assert_eq!(verdict(&post(&lines(HEADER_LINES_MAX - 1), "")), None);
    }

    #[test]
    fn a_body_that_looks_like_a_request_stays_a_body() {
        let smuggled = "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n";
        let length = format!("Content-Length: {}\r\n", smuggled.len());
        let sized = post(&length, smuggled) + GET;
        assert_eq!(run(sized.as_bytes(), &[]), (sized.clone().into_bytes(), None));
        let chunk = format!("{:x};why=not\r\n{smuggled}\r\n0\r\nT: t\r\n\r\n", smuggled.len());
        let chunked = post("Transfer-Encoding: Chunked\r\n", &chunk) + GET;
        assert_eq!(run(chunked.as_bytes(), &[]), (chunked.clone().into_bytes(), None));
    }

    #[test]
    fn a_chunked_body_with_a_fault_breaks_there() {
        for body in [
            "x\r\n",
            "\r\n",
            " 5\r\nhello",
            "5 \r\nhello",
            "5\nhello",
            "5\r\nhelloX",
            "5\r\nhello\n",
            "-5\r\nhello",
            "0\r\nX\n\r\n",
            "0\r\n\rX",
            "1000000000000000\r\n",
            "5;\n\r\n",
        ] {
            let text = post("Transfer-Encoding: chunked\r\n", body) + GET;
            assert_eq!(verdict(&text), Some(Step::Broken), "{body:?}");
        }
        let endless = format!("5;{}", "a".repeat(HEAD_BYTES_MAX + 1));
        let text = post("Transfer-Encoding: chunked\r\n", &endless);
        assert_eq!(verdict(&text), Some(Step::Broken));
    }

    #[test]
    fn empty_lines_before_a_request_mean_nothing() {
        for cut in [&[][..], &[1, 1, 1, 1], &[3], &[1, 3]] {
            let text = format!("\r\n\r\n{GET}");
            assert_eq!(run(text.as_bytes(), cut), (GET.as_bytes().to_vec(), None));
        }
    }

    #[test]
    fn one_look_never_passes_two_requests() {
        let mut framing = Framing::default();
        let text = format!("{GET}{GET}");
        assert_eq!(framing.judge(text.as_bytes()), Step::Pass(GET.len()));
        assert!(framing.awaits_head());
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_verdict(
            parts in prop::collection::vec(
                prop_oneof![
                    Just("POST /a HTTP/1.1\r\n".to_owned()),
                    Just("Content-Length: 3\r\n".to_owned()),
                    Just("Transfer-Encoding: chunked\r\n".to_owned()),
                    Just("\r\n".to_owned()),
                    Just("abc".to_owned()),
                    Just("3\r\nabc\r\n0\r\n\r\n".to_owned()),
                    Just(post("Content-Length: 3\r\n", "abc")),
                    Just(post("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n")),
                    Just(GET.to_owned()),
                    "[ -~\r\n]{0,8}",
                ],
                0..12,
            ),
            cuts in prop::collection::vec(1usize..40, 0..40),
        ) {
            let bytes = parts.concat().into_bytes();
            prop_assert_eq!(run(&bytes, &cuts), run(&bytes, &[]));
        }

        #[test]
        fn what_passes_is_what_the_servers_parser_takes(
            line in "[ -~]{0,40}",
            header in "[ -~]{0,40}",
        ) {
            let text = format!("{line}\r\n{header}\r\n\r\n");
            let mut framing = Framing::default();
            if let Step::Pass(end) = framing.judge(text.as_bytes()) {
                let mut lines = [httparse::EMPTY_HEADER; HEADER_LINES_MAX];
                let mut request = httparse::Request::new(&mut lines);
                let read = request.parse(&text.as_bytes()[..end]);
                prop_assert!(read.unwrap().is_complete());
                prop_assert!(request.path.unwrap().parse::<http::Uri>().is_ok());
            }
        }
    }
}
