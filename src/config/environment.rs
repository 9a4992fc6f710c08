//! The environment as a configuration sees it: text, and the names of what is none.
//!
//! Promises: a variable whose value is not UTF-8 is never taken for one that is not set; its value
//! is not kept, so that no message can show it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

/// Variables and their values.
#[derive(Default)]
pub struct Environment {
    texts: BTreeMap<String, String>,
    unreadable: BTreeSet<String>,
}

impl Environment {
    /// From what the system gives.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            let (known, name) = match name.into_string() {
                Ok(name) => (true, name),
                Err(name) => (false, name.to_string_lossy().into_owned()),
            };
            match value.into_string() {
                Ok(value) if known => drop(environment.texts.insert(name, value)),
                Ok(_) | Err(_) => drop(environment.unreadable.insert(name)),
            }
        }
        environment
    }

    /// Every variable that is text.
    pub(super) fn texts(&self) -> &BTreeMap<String, String> {
        &self.texts
    }

    /// The names of those whose name or value is not UTF-8.
    pub(super) fn unreadable(&self) -> &BTreeSet<String> {
        &self.unreadable
    }
}

impl From<BTreeMap<String, String>> for Environment {
    fn from(texts: BTreeMap<String, String>) -> Self {
        Self { texts, unreadable: BTreeSet::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use crate::config::tests::*;

    use super::*;

    #[test]
    fn a_variable_that_is_not_utf_8_is_a_mistake_that_names_it_alone() {
        let texts = env().into_iter().filter(|(name, _)| name != "S");
        let texts = texts.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let broken = ["S", "HOOKGATE__SERVER__LISTEN", "UNRELATED"];
        let value = || OsString::from_vec(b"canary\xff".to_vec());
        let broken = broken.map(|name| (OsString::from(name), value()));
        let environment = Environment::new(texts.chain(broken));
        let mistakes = within(true, &source(""), &environment).unwrap_err().to_string();
        let lines: Vec<&str> = mistakes.lines().collect();
        assert_eq!(
            lines,
            [
                "HOOKGATE__SERVER__LISTEN: is not UTF-8 text (not shown); write it as text",
                "source[0].secrets[0]: the environment variable S is not UTF-8 text",
            ]
        );
    }
}
