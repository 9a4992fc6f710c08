//! The certificates of the listeners: looked at while the gateway runs, shown, replaced.
//!
//! Files that have changed are read by themselves, every so often, and by a reload. What cannot be
//! used is told once, loudly, and shown until it is mended; meanwhile the pair before stays.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::bounds::CERTIFICATE_ENDS_SOON;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::desk::CertificateStatus;
use crate::edge::{Certified, Found, Tls};
use crate::telemetry::Telemetry;

/// Those of the listeners that have one.
pub(super) struct Certificates {
    public: Option<Tls>,
    admin: Option<Tls>,
}

impl Certificates {
    /// As a gateway starts with them.
    pub(super) fn of(config: &Config) -> Self {
        let tls = |certified: &Option<Certified>| certified.clone().map(Tls::new);
        Self { public: tls(&config.server.tls), admin: tls(&config.admin.tls) }
    }

    /// Of the public listener.
    pub(super) fn public(&self) -> Option<Tls> {
        self.public.clone()
    }

    /// Of the admin listener.
    pub(super) fn admin(&self) -> Option<Tls> {
        self.admin.clone()
    }

    fn each(&self) -> impl Iterator<Item = (&'static str, &Tls)> {
        let named = [("public", &self.public), ("admin", &self.admin)];
        named.into_iter().filter_map(|(listener, tls)| Some((listener, tls.as_ref()?)))
    }

    /// Brings what a reload has read of the same files into force; a line for each that is another
    /// one.
    pub(super) fn replace(
        &self,
        public: Option<&Certified>,
        admin: Option<&Certified>,
    ) -> Vec<String> {
        let given = |listener| if listener == "public" { public } else { admin };
        let mut changed = Vec::new();
        for (listener, tls) in self.each() {
            let is_another = given(listener).is_some_and(|new| tls.replace(new.clone()));
            if is_another {
                let ends = tls.expires();
                changed.push(format!("another certificate on the {listener} listener, to {ends}"));
            }
        }
        changed
    }

    /// Shows when each ends, and whether its files can be used.
    pub(super) fn show(&self, telemetry: &Telemetry) {
        for (listener, tls) in self.each() {
            telemetry.certificate(listener, tls.expires().seconds(), tls.trouble().is_some());
        }
    }

    /// How each stands.
    pub(super) fn status(&self, now: Timestamp) -> Vec<CertificateStatus> {
        let each = self.each().map(|(listener, tls)| {
            let expires = tls.expires();
            CertificateStatus {
                listener: listener.to_owned(),
                expires,
                warning: warning(expires, tls.trouble().map(|why| why.to_string()), now),
            }
        });
        each.collect()
    }

    /// Looks at the files again and again.
    pub(super) async fn keep(self: Arc<Self>, every: Duration) {
        loop {
            sleep(every).await;
            let looked = self.clone();
            // A look that panics has been told where it did, and the next one may not.
            let _ = spawn_blocking(move || looked.look()).await;
        }
    }

    fn look(&self) {
        for (listener, tls) in self.each() {
            match tls.look() {
                Found::Same => {}
                Found::Replaced => {
                    let expires = tls.expires();
                    tracing::info!(listener, %expires, "another certificate is in force");
                }
                Found::Broken(mistake) => tracing::error!(
                    listener, %mistake,
                    "the files of a certificate have changed and cannot be used: the pair before \
                     stays in force; put certificate and key in place that belong together",
                ),
            }
        }
    }
}

fn warning(expires: Timestamp, trouble: Option<String>, now: Timestamp) -> Option<String> {
    let trouble = trouble.map(|why| format!("its files cannot be used, this one stays: {why}"));
    let aged = match expires {
        end if end <= now => Some("has ended: renew it now".to_owned()),
        end if end <= now.plus(CERTIFICATE_ENDS_SOON) => {
            let hours = end.since(now).as_secs() / 3_600;
            Some(format!("ends in {} d {} h: renew it", hours / 24, hours % 24))
        }
        _ => None,
    };
    match (aged, trouble) {
        (Some(aged), Some(trouble)) => Some(format!("{aged}; {trouble}")),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_warned_about_when_it_ends_or_its_files_cannot_be_used() {
        let now = Timestamp::from_millis(1_795_168_800_000);
        let in_hours = |hours: u64| now.plus(Duration::from_secs(hours * 3_600));
        let why = || Some("key: the file k cannot be read".to_owned());
        assert_eq!(warning(in_hours(24 * 15), None, now), None);
        let soon = warning(in_hours(25), None, now).unwrap();
        assert_eq!(soon, "ends in 1 d 1 h: renew it");
        assert_eq!(warning(now, None, now).unwrap(), "has ended: renew it now");
        let broken = warning(in_hours(24 * 15), why(), now).unwrap();
        assert!(broken.starts_with("its files cannot be used, this one stays: key: "), "{broken}");
        assert!(
            warning(now, why(), now).unwrap().starts_with("has ended: renew it now; its files")
        );
    }
}
