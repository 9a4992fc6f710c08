//! The registry of providers: one line each.
//!
//! A new provider is one file in `verify/`, one in `normalize/`, one folder in `fixtures/`, and one
//! line here.

use crate::event::ProviderName;
use crate::normalize::{self, Dialect};
use crate::verify::{self, Build};

/// How a provider signs and how it speaks.
#[derive(Clone, Copy)]
pub struct Provider {
    /// Its name in the configuration.
    pub name: ProviderName,
    /// Builds its signature scheme from a source's settings.
    pub build: Build,
    /// Reads its events.
    pub dialect: &'static dyn Dialect,
}

/// The providers a gateway knows.
#[derive(Clone)]
pub struct Providers(Vec<Provider>);

impl Providers {
    /// No providers yet: to be filled with [`Providers::with`].
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// The providers that hookgate supports.
    pub fn standard() -> Self {
        let line =
            |name, build, dialect| Provider { name: ProviderName::new(name), build, dialect };
        Self(vec![
            line("daily", verify::daily::build, &normalize::daily::Daily),
            line("livekit", verify::livekit::build, &normalize::livekit::LiveKit),
        ])
    }

    /// The same and one more.
    pub fn with(mut self, provider: Provider) -> Self {
        self.0.push(provider);
        self
    }

    /// A provider by its name.
    pub fn get(&self, name: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.name.as_str() == name)
    }

    /// All names, for a message that lists the choices.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|provider| provider.name.as_str()).collect()
    }
}
