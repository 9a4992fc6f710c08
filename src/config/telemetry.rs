//! `[telemetry]`, checked: what is told of deliveries beside the metrics.

use http::Uri;

use super::read::Section;
use super::{Otlp, Telemetry};
use crate::bounds;
use crate::share::Share;

const ENDPOINT: &str = "must be an address such as \"http://collector:4318\", without user, \
                        password and query; /v1/traces is put behind it";

/// `[telemetry]`.
pub(super) fn telemetry(mut section: Section<'_>, tls: bool) -> Telemetry {
    let log_accepted = section.share("log_accepted").unwrap_or(Share::ALL);
    let otlp = otlp(section.table("otlp"), tls);
    section.finish();
    Telemetry { log_accepted, otlp }
}

/// `[telemetry.otlp]`. `None` where it is not written, or beside a mistake.
fn otlp(mut section: Section<'_>, tls: bool) -> Option<Otlp> {
    if section.is_written() && !cfg!(feature = "otlp") {
        let without = "needs a hookgate that was built with the feature `otlp`; take the section \
                       out, or build with --features otlp";
        section.report().mistake(section.path(), without);
        return None;
    }
    if section.is_written() {
        section.required("endpoint", "the collector's address, such as \"http://collector:4318\"");
    }
    let endpoint = section.text("endpoint");
    if endpoint.is_some_and(|text| !is_endpoint(text)) {
        // Not shown: a password may stand in it.
        section.report().mistake(&section.key("endpoint"), ENDPOINT);
    }
    if !tls && endpoint.is_some_and(|endpoint| endpoint.starts_with("https:")) {
        let without = "https needs a hookgate that was built with the feature `tls`";
        section.report().mistake(&section.key("endpoint"), without);
    }
    let share = section.share("share").unwrap_or(Share::ALL);
    section.finish();
    Some(Otlp { endpoint: endpoint?.to_owned(), share })
}

fn is_endpoint(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    // Whoever has credentials in an address has them in logs.
    let named = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    web && named && uri.query().is_none() && text.len() <= bounds::OTLP_ENDPOINT_MAX
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{KAFKA, KEYS, SOURCE, good, mistakes};
    use crate::share::Share;

    fn of(line: &str) -> String {
        format!("[telemetry]\n{line}\n{KAFKA}{KEYS}{SOURCE}")
    }

    #[test]
    fn a_share_is_a_number_from_none_to_all() {
        for (written, share) in
            [("", 1.0), ("log_accepted = 0.25", 0.25), ("log_accepted = 0", 0.0)]
        {
            assert_eq!(good(&of(written)).telemetry.log_accepted, Share::new(share).unwrap());
        }
        for wrong in ["1.5", "-0.1", "nan", "\"10%\"", "true"] {
            let lines = mistakes(&of(&format!("log_accepted = {wrong}")));
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(lines[0].contains("from 0 (none) to 1 (all)"), "{lines:?}");
        }
        let unknown = mistakes(&of("log_rejected = 1"));
        assert!(unknown[0].contains("known here: log_accepted"), "{unknown:?}");
    }

    #[cfg(not(feature = "otlp"))]
    #[test]
    fn a_build_without_tracing_says_so() {
        let lines = mistakes(&of("[telemetry.otlp]\nendpoint = \"http://collector:4318\""));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("telemetry.otlp: needs a hookgate"), "{lines:?}");
    }

    #[cfg(feature = "otlp")]
    #[test]
    fn a_collector_is_named_by_an_address_that_hides_nothing() {
        let otlp = |lines: &str| of(&format!("[telemetry.otlp]\n{lines}"));
        let good = |lines: &str| good(&otlp(lines)).telemetry.otlp.unwrap();
        let plain = good("endpoint = \"http://collector:4318\"");
        assert_eq!((plain.endpoint.as_str(), plain.share), ("http://collector:4318", Share::ALL));
        let more = good("endpoint = \"https://c.example.invalid/otlp/\"\nshare = 0.1");
        assert_eq!(more.share, Share::new(0.1).unwrap());
        for wrong in ["collector:4318", "ftp://c", "http://user:canary@c:4318", "http://c?x=1", ""]
        {
            let lines = mistakes(&otlp(&format!("endpoint = \"{wrong}\"")));
            assert!(lines[0].contains("telemetry.otlp.endpoint"), "{lines:?}");
        }
        let lines = mistakes(&otlp("share = 2"));
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("endpoint: is missing"), "{lines:?}");
    }
}
