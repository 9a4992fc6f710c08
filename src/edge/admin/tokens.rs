//! Who may ask: tokens with names and roles.
//!
//! The file holds hashes, one token a line: `name:role:sha256-hex`, with the role `viewer` or
//! `operator`. What is presented is hashed and compared with all of them in constant time, so
//! neither the time of an answer nor the file gives a token away. Tokens are long and random
//! (`hookgate keygen`): a fast hash is as good as a slow one for those.
//!
//! Or by certificate: see [`Clients`].
//!
//! Promises: a mistake is named by its line and never quotes it; whoever guesses is told to wait
//! after a few wrong guesses, while a good token passes all the same.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use crate::bounds::{
    TOKEN_CALLS_BURST, TOKEN_CALLS_PER_SECOND, TOKEN_FAILURES_BURST, TOKEN_FAILURES_PER_SECOND,
    TOKEN_NAME_BYTES_MAX, TOKENS_MAX,
};
use crate::clock::Clock;
use crate::desk::{Actor, Role};
use crate::throttle::Bucket;

use super::clients::Clients;

/// The tokens of one token file; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens(Vec<Token>);

#[derive(Clone, PartialEq, Eq)]
struct Token {
    name: String,
    role: Role,
    digest: [u8; 32],
}

/// What is wrong with a line of a token file. Never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} {rule}")]
pub struct TokenMistake {
    /// Counted from 1.
    pub line: usize,
    /// The rule.
    pub rule: &'static str,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("name", &self.name).field("role", &self.role).finish()
    }
}

impl Tokens {
    /// Reads a token file. Empty lines and those that begin with `#` are passed over.
    ///
    /// # Errors
    /// Every mistake, by line.
    pub fn parse(text: &str) -> Result<Self, Vec<TokenMistake>> {
        let (mut tokens, mut mistakes) = (Vec::<Token>::new(), Vec::new());
        let (mut names, mut digests) = (BTreeSet::new(), BTreeSet::new());
        for (line, written) in (1..).zip(text.lines()) {
            let written = written.trim();
            if written.is_empty() || written.starts_with('#') {
                continue;
            }
            match token(written) {
                Ok(token) if !names.insert(token.name.clone()) => {
                    mistakes.push(TokenMistake { line, rule: "has the name of a line before it" });
                }
                Ok(token) if !digests.insert(token.digest) => {
                    mistakes.push(TokenMistake { line, rule: "has the token of a line before it" });
                }
                Ok(token) => tokens.push(token),
                Err(rule) => mistakes.push(TokenMistake { line, rule }),
            }
            if tokens.len() + mistakes.len() > TOKENS_MAX {
                mistakes.push(TokenMistake { line, rule: "is one token too many: at most 64" });
                break;
            }
        }
        if tokens.is_empty() && mistakes.is_empty() {
            let rule = "and all others hold no token: write name:role:sha256-hex";
            mistakes.push(TokenMistake { line: 1, rule });
        }
        if mistakes.is_empty() { Ok(Self(tokens)) } else { Err(mistakes) }
    }

    /// One digest of all of them: it changes with any name, role or token.
    pub fn digest(&self) -> [u8; 32] {
        let mut all = Sha256::new();
        for token in &self.0 {
            // Names and roles have neither a colon nor a line break.
            all.update(format!("{}:{:?}:", token.name, token.role));
            all.update(token.digest);
        }
        all.finalize().into()
    }

    /// Whether one of them has this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|token| token.name == name)
    }

    /// The place of the token that was presented, looked for in all of them.
    fn find(&self, presented: &[u8]) -> Option<usize> {
        let digest = Sha256::digest(presented);
        let (mut found, mut place) = (subtle::Choice::from(0), 0u64);
        for (at, token) in (0u64..).zip(&self.0) {
            let same = token.digest.ct_eq(&digest[..]);
            place.conditional_assign(&at, same);
            found |= same;
        }
        bool::from(found).then(|| usize::try_from(place).ok()).flatten()
    }
}

fn token(line: &str) -> Result<Token, &'static str> {
    let mut parts = line.split(':');
    let (Some(name), Some(role), Some(digest), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("must be name:role:sha256-hex");
    };
    name_rule(
        name,
        "must begin with a name of 1 to 64 letters, digits, dots, hyphens or underscores",
    )?;
    let role = match role {
        "viewer" => Role::Viewer,
        "operator" => Role::Operator,
        _ => return Err("must have the role viewer or operator"),
    };
    let digest = unhex(digest)
        .ok_or("must end with the SHA-256 of the token: 64 lower-case hexadecimal digits")?;
    Ok(Token { name: name.to_owned(), role, digest })
}

/// What a name must be that the audit log will show; `form` says which form it has.
pub(super) fn name_rule(name: &str, form: &'static str) -> Result<(), &'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !(1..=TOKEN_NAME_BYTES_MAX).contains(&name.len()) || !name.chars().all(plain) {
        return Err(form);
    }
    if RESERVED.contains(&name) {
        return Err("has a name that the audit log keeps for what comes another way");
    }
    Ok(())
}

/// Who is named in the audit log without a token.
const RESERVED: [&str; 3] = ["signal", "command", "gateway"];

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    /// There are no tokens at all.
    Unconfigured,
    /// None was presented, or not one, or none that is known.
    Unknown,
    /// A good certificate, whose name is not listed.
    Unlisted,
    /// Too many of those of late.
    Guessing(Duration),
    /// Too many calls with this token of late.
    TooFast(Duration),
}

/// What a call shows of who asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shown<'a> {
    /// A token; `None`: not exactly one, or nothing at all.
    Token(Option<&'a [u8]>),
    /// No token, and a certificate that an authority of ours has signed, with this name.
    Certificate(&'a str),
}

/// Lets in who has a token or a certificate, and counts.
pub(super) struct Doorkeeper {
    known: ArcSwapOption<Known>,
    listed: ArcSwap<Listed>,
    failures: Bucket,
    clock: Clock,
}

#[derive(Default)]
struct Listed {
    clients: Clients,
    /// How fast each may ask, by place.
    rates: Vec<Bucket>,
}

struct Known {
    tokens: Tokens,
    /// How fast each may be used, by place.
    rates: Vec<Bucket>,
}

impl Doorkeeper {
    /// With these tokens; `None`: lets nobody in.
    pub(super) fn new(tokens: Option<Tokens>, clock: Clock) -> Self {
        let failures = bucket(TOKEN_FAILURES_PER_SECOND, TOKEN_FAILURES_BURST, &clock);
        let (known, listed) = (ArcSwapOption::empty(), ArcSwap::default());
        let doorkeeper = Self { known, listed, failures, clock };
        doorkeeper.replace(tokens);
        doorkeeper
    }

    /// From now on these. The same again change nothing, and give nobody new calls.
    pub(super) fn replace(&self, tokens: Option<Tokens>) {
        if self.known.load().as_deref().map(|known| &known.tokens) == tokens.as_ref() {
            return;
        }
        let rate = |_: &Token| bucket(TOKEN_CALLS_PER_SECOND, TOKEN_CALLS_BURST, &self.clock);
        let known = tokens.map(|tokens| {
            let rates = tokens.0.iter().map(rate).collect();
            Arc::new(Known { tokens, rates })
        });
        self.known.store(known);
    }

    /// From now on these certificates.
    pub(super) fn list(&self, clients: Clients) {
        if self.listed.load().clients == clients {
            return;
        }
        let rate = |_| bucket(TOKEN_CALLS_PER_SECOND, TOKEN_CALLS_BURST, &self.clock);
        let rates = clients.each().map(rate).collect();
        self.listed.store(Arc::new(Listed { clients, rates }));
    }

    /// Who asks.
    pub(super) fn admit(&self, shown: Shown<'_>) -> Result<Actor, Turned> {
        match shown {
            Shown::Token(presented) => self.by_token(presented),
            Shown::Certificate(name) => self.by_certificate(name),
        }
    }

    fn by_certificate(&self, name: &str) -> Result<Actor, Turned> {
        let listed = self.listed.load();
        let Some((place, role)) = listed.clients.find(name) else {
            self.failures.take().map_err(Turned::Guessing)?;
            return Err(Turned::Unlisted);
        };
        if let Some(rate) = listed.rates.get(place) {
            rate.take().map_err(Turned::TooFast)?;
        }
        Ok(Actor { name: name.to_owned(), role })
    }

    fn by_token(&self, presented: Option<&[u8]>) -> Result<Actor, Turned> {
        let known = self.known.load();
        let Some(known) = known.as_deref() else {
            return Err(Turned::Unconfigured);
        };
        let Some(place) = presented.and_then(|token| known.tokens.find(token)) else {
            self.failures.take().map_err(Turned::Guessing)?;
            return Err(Turned::Unknown);
        };
        let (Some(token), Some(rate)) = (known.tokens.0.get(place), known.rates.get(place)) else {
            return Err(Turned::Unknown);
        };
        rate.take().map_err(Turned::TooFast)?;
        Ok(Actor { name: token.name.clone(), role: token.role })
    }
}

fn bucket(per_second: u32, burst: u32, clock: &Clock) -> Bucket {
    let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Bucket::new(number(per_second), number(burst), clock.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn line(name: &str, role: &str, token: &str) -> String {
        let hex = bytes::Bytes::copy_from_slice(&Sha256::digest(token));
        format!("{name}:{role}:{hex:x}\n")
    }

    fn mistakes(text: &str) -> Vec<String> {
        Tokens::parse(text).unwrap_err().iter().map(ToString::to_string).collect()
    }

    fn two() -> Tokens {
        let text = format!(
            "# who may ask\n\n  {}{}",
            line("olga", "operator", "one"),
            line("vera", "viewer", "two")
        );
        Tokens::parse(&text).unwrap()
    }

    #[test]
    fn every_mistake_of_a_token_file_is_named_by_its_line_and_none_is_quoted() {
        let good = line("a", "viewer", "one");
        let hash = good.trim_end().rsplit(':').next().unwrap().to_owned();
        let text = format!(
            "{good}canary\ncanary name:viewer:{hash}\nb:canary:{hash}\nc:viewer:canary\n\
             a:viewer:{}\nd:operator:{hash}\ne:viewer:{}\nsignal:viewer:{hash}\n\
             f:viewer:{hash}:canary\n",
            "0".repeat(64),
            hash.to_ascii_uppercase(),
        );
        let told = mistakes(&text);
        let starts = [
            "line 2 must be name:role:sha256-hex",
            "line 3 must begin with a name",
            "line 4 must have the role",
            "line 5 must end with the SHA-256",
            "line 6 has the name of a line before it",
            "line 7 has the token of a line before it",
            "line 8 must end with the SHA-256",
            "line 9 has a name that the audit log keeps",
            "line 10 must be name:role:sha256-hex",
        ];
        assert_eq!(told.len(), starts.len(), "{told:#?}");
        for (told, start) in told.iter().zip(starts) {
            assert!(told.starts_with(start), "{told}");
            assert!(!told.contains("canary") && !told.contains(&hash), "{told}");
        }
        assert_eq!(mistakes("# nobody\n").len(), 1);
    }

    #[test]
    fn there_are_no_more_tokens_than_a_few() {
        let text = |many: usize| {
            (0..many).map(|n| line(&format!("n{n}"), "viewer", &n.to_string())).collect::<String>()
        };
        assert!(Tokens::parse(&text(TOKENS_MAX)).is_ok());
        assert_eq!(mistakes(&text(TOKENS_MAX + 9)), ["line 65 is one token too many: at most 64"]);
    }

    #[test]
    fn a_token_is_known_by_its_hash_and_nothing_else_is() {
        let doorkeeper = Doorkeeper::new(Some(two()), Clock::system());
        let actor = doorkeeper.admit(Shown::Token(Some(b"two"))).unwrap();
        assert_eq!((actor.name.as_str(), actor.role), ("vera", Role::Viewer));
        assert_eq!(doorkeeper.admit(Shown::Token(Some(b"one"))).unwrap().role, Role::Operator);
        for wrong in [&b""[..], b"three", b"one ", &Sha256::digest("one")] {
            assert_eq!(doorkeeper.admit(Shown::Token(Some(wrong))), Err(Turned::Unknown));
        }
        assert_eq!(doorkeeper.admit(Shown::Token(None)), Err(Turned::Unknown));
        assert!(!format!("{:?}", two()).contains("digest"));
    }

    #[test]
    fn tokens_are_replaced_as_a_whole() {
        let doorkeeper = Doorkeeper::new(None, Clock::system());
        assert_eq!(doorkeeper.admit(Shown::Token(Some(b"one"))), Err(Turned::Unconfigured));
        doorkeeper.replace(Some(two()));
        assert!(doorkeeper.admit(Shown::Token(Some(b"one"))).is_ok());
        doorkeeper.replace(Tokens::parse(&line("olga", "operator", "new")).ok());
        assert_eq!(doorkeeper.admit(Shown::Token(Some(b"one"))), Err(Turned::Unknown));
        assert!(doorkeeper.admit(Shown::Token(Some(b"new"))).is_ok());
        doorkeeper.replace(None);
        assert_eq!(doorkeeper.admit(Shown::Token(Some(b"new"))), Err(Turned::Unconfigured));
    }

    #[test]
    fn who_guesses_waits_and_who_knows_does_not() {
        let clock = Clock::manual(Timestamp::from_millis(0));
        let doorkeeper = Doorkeeper::new(Some(two()), clock.clone());
        for _ in 0..TOKEN_FAILURES_BURST {
            assert_eq!(doorkeeper.admit(Shown::Token(Some(b"guess"))), Err(Turned::Unknown));
        }
        let wait = Duration::from_secs(1) / TOKEN_FAILURES_PER_SECOND;
        assert_eq!(doorkeeper.admit(Shown::Token(Some(b"guess"))), Err(Turned::Guessing(wait)));
        assert!(doorkeeper.admit(Shown::Token(Some(b"one"))).is_ok());
        clock.advance(wait);
        assert_eq!(doorkeeper.admit(Shown::Token(Some(b"guess"))), Err(Turned::Unknown));
    }

    #[test]
    fn a_token_in_a_hurry_holds_up_no_other() {
        let clock = Clock::manual(Timestamp::from_millis(0));
        let doorkeeper = Doorkeeper::new(Some(two()), clock);
        for _ in 0..TOKEN_CALLS_BURST {
            assert!(doorkeeper.admit(Shown::Token(Some(b"one"))).is_ok());
        }
        assert!(matches!(doorkeeper.admit(Shown::Token(Some(b"one"))), Err(Turned::TooFast(_))));
        assert!(doorkeeper.admit(Shown::Token(Some(b"two"))).is_ok());
    }
}
