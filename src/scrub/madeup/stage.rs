//! The boundary that stored requests cross in tests: settings and keys that everybody may know.
//!
//! A request that was captured is stored with the event that it becomes here, so that a folder of
//! it is a test case of the house wherever it was captured.

use regex::Regex;

use crate::event::{ProviderName, SourceName, TenantName};
use crate::scrub::{Keys, Settings};
use crate::secret::Secret;

/// Labels that may stand as a role.
pub const ROLE_LABELS: [&str; 3] = ["Doctor", "Patient", "Companion"];

/// What may leave, and from whom: the source is called as its provider.
pub fn settings(provider: ProviderName) -> Settings {
    let source = SourceName::new(provider.as_str());
    Settings {
        role_labels: ROLE_LABELS.map(str::to_owned).to_vec(),
        room_name: Regex::new("^(demo-room|consult-[0-9a-f]{8})$").ok(),
        artifact_key: Regex::new("^recordings/[0-9a-f-]{36}/[A-Za-z0-9._-]+$").ok(),
        ..Settings::new(source, TenantName::new("tenant-fixtures"), provider)
    }
}

/// The keys of test cases.
pub fn keys() -> Keys {
    Keys::new(Secret::new(vec![0x11; 32]), Secret::new(vec![0x22; 32]))
}

/// Compact JSON on many lines, in its own order: how an event is stored.
pub fn indented(json: &[u8]) -> String {
    let (mut out, mut depth, mut in_text, mut escaped) = (String::new(), 0, false, false);
    let text = String::from_utf8_lossy(json);
    let mut letters = text.chars().peekable();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    while let Some(letter) = letters.next() {
        if in_text {
            in_text = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            out.push(letter);
            continue;
        }
        let empty = letters.peek().is_some_and(|next| matches!(next, '}' | ']'));
        match letter {
            '{' | '[' if empty => out.extend([letter].into_iter().chain(letters.next())),
            '{' | '[' => {
                out.push(letter);
                depth += 1;
                line(&mut out, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => {
                in_text = letter == '"';
                out.push(letter);
            }
        }
    }
    out.push('\n');
    out
}
