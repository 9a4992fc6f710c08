//! `tls` of a listener, checked: the files are read here, with the mistake in them.
//!
//! Their paths lie below the configuration's folder unless absolute. That a certificate has ended,
//! ends soon or is not valid yet is a warning: the gateway starts all the same, because a
//! certificate may be renewed under it.

use super::given::{Givers, too_open};
use super::read::Section;
use crate::bounds::CERTIFICATE_ENDS_SOON;
use crate::clock::Timestamp;
use crate::edge::{Certified, TlsFiles};

/// `tls = { cert, key }`, and `client_ca` where clients may show certificates.
pub(super) fn tls(
    section: &mut Section<'_>,
    takes_clients: bool,
    givers: &Givers<'_>,
    now: Timestamp,
) -> Option<Certified> {
    let mut table = section.table("tls");
    let written = table.is_written();
    let mut path = |key| table.text(key).map(|name| givers.folder.join(name));
    let (cert, key) = (path("cert"), path("key"));
    let client_ca = if takes_clients { path("client_ca") } else { None };
    if written {
        table.required("cert", "the path of the certificate, its intermediates behind it, in PEM");
        table.required("key", "the path of its key in PEM");
    }
    let report = table.report();
    let (at, of) = (table.key("cert"), |key: &str| table.key(key));
    let read = match (cert, key) {
        (Some(cert), Some(key)) => {
            let files = TlsFiles { cert, key, client_ca };
            files.read().map_err(|wrong| report.mistake(&of(wrong.key), wrong.why)).ok()
        }
        _ => None,
    };
    // Its path lies below the folder already.
    if let Some(text) = read.as_ref().and_then(|certified| too_open(&certified.files().key)) {
        report.warning(&of("key"), text);
    }
    if let Some(text) = read.as_ref().and_then(|certified| aged(certified, now)) {
        report.warning(&at, text);
    }
    table.finish();
    read
}

/// What should be known of a certificate's time.
fn aged(certified: &Certified, now: Timestamp) -> Option<String> {
    let (begins, ends) = (certified.begins(), certified.expires());
    let shown = certified.files().cert.display();
    if now < begins {
        return Some(format!("the certificate in {shown} is not valid before {begins}"));
    }
    if ends <= now {
        return Some(format!("the certificate in {shown} has ended on {ends}: renew it now"));
    }
    (ends <= now.plus(CERTIFICATE_ENDS_SOON))
        .then(|| format!("the certificate in {shown} ends on {ends}: renew it"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use crate::clock::Timestamp;
    use crate::config::parse;
    use crate::config::tests::*;

    /// A pair in `crt` and `key` of a folder, good until a day.
    fn pair(folder: &Path, (year, month, day): (i32, u8, u8)) {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(year, month, day);
        let key = KeyPair::generate().unwrap();
        std::fs::write(folder.join("crt"), params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(folder.join("key"), key.serialize_pem()).unwrap();
    }

    fn public(tls: &str) -> String {
        format!("[server]\ntls = {tls}\n{}", source(""))
    }

    #[test]
    fn both_files_are_written_and_each_mistake_in_them_is_told_at_its_key() {
        let keys = mistakes(&public("{}"));
        assert!(keys[0].starts_with("server.tls.cert: is missing; write the path of"), "{keys:?}");
        mistake(&public("{ cert = \"c\" }"), "server.tls.key: ", "is missing; write the path");
        mistake(&public("true"), "server.tls: ", "must be a table");
        let unknown = "{ cert = \"c\", key = \"k\", client_ca = \"a\" }";
        let lines = mistakes(&public(unknown));
        let says = "server.tls.client_ca: is unknown; known here: cert, key";
        assert!(lines.iter().any(|line| line == says), "{lines:?}");
        let gone = "{ cert = \"/gone/crt\", key = \"/gone/key\" }";
        let says = "the file /gone/crt cannot be read: no such file";
        mistake(&public(gone), "server.tls.cert: ", says);
    }

    #[test]
    fn a_certificate_s_time_is_a_warning_and_no_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().display();
        let text = public(&format!("{{ cert = \"{here}/crt\", key = \"{here}/key\" }}"));
        let told = |now: &str| {
            let now = Timestamp::parse(now).unwrap();
            let parsed = parse(&text, Path::new("/"), &env(), &providers(), now);
            let warnings = parsed.unwrap().warnings;
            let key = |warning: &&crate::config::Warning| warning.key == "server.tls.cert";
            warnings.iter().find(key).map(|warning| warning.text.clone())
        };
        pair(folder.path(), (2027, 1, 1));
        assert_eq!(told("2026-06-01T00:00:00Z"), None);
        for (now, says) in [
            ("2025-06-01T00:00:00Z", "is not valid before 2026-01-01T00:00:00.000Z"),
            ("2026-12-20T00:00:00Z", "ends on 2027-01-01T00:00:00.000Z: renew it"),
            ("2027-06-01T00:00:00Z", "has ended on 2027-01-01T00:00:00.000Z: renew it now"),
        ] {
            let text = told(now).unwrap();
            assert!(text.ends_with(says), "{text}");
        }
    }

    #[test]
    fn a_key_that_is_too_open_is_warned_about_also_below_a_relative_path() {
        // Below where the tests run, so that there is a relative path to it.
        let here = std::env::current_dir().unwrap();
        let folder = tempfile::tempdir_in(&here).unwrap();
        pair(folder.path(), (2040, 1, 1));
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(folder.path().join("key"), open).unwrap();
        let relative = folder.path().strip_prefix(&here).unwrap();
        let text = public("{ cert = \"crt\", key = \"key\" }");
        for folder in [folder.path(), relative] {
            let now = Timestamp::parse("2026-06-01T00:00:00Z").unwrap();
            let warnings = parse(&text, folder, &env(), &providers(), now).unwrap().warnings;
            let told = warnings.iter().find(|warning| warning.key == "server.tls.key").unwrap();
            assert!(told.text.contains("is too open (mode 0644)"), "{told:?}");
        }
    }

    #[test]
    fn with_tls_the_admin_listener_may_leave_loopback_and_certificates_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        pair(folder.path(), (2040, 1, 1));
        let here = folder.path().display();
        let admin = |ca: &str, clients: &str| {
            let tls = format!("{{ cert = \"{here}/crt\", key = \"{here}/key\"{ca} }}");
            let listen = "listen = \"0.0.0.0:9080\"";
            format!("[admin]\n{listen}\ntls = {tls}\n{clients}{}", source(""))
        };
        let ca = format!(", client_ca = \"{here}/crt\"");
        let olga = "[[admin.client]]\nname = \"olga\"\nrole = \"operator\"\n";
        let config = good(&admin(&ca, olga));
        assert_eq!(config.admin.clients.each().count(), 1);
        assert!(config.warnings.iter().all(|warning| warning.key == "admin.tls.key"));
        assert!(good(&admin("", "")).admin.tls.is_some());
        let nobody = good(&admin(&ca, "")).warnings;
        assert!(nobody.iter().any(|warning| warning.key == "admin.tls.client_ca"), "{nobody:?}");
        mistake(&admin("", olga), "admin.client: ", "set admin.tls with client_ca");
        mistake(&admin(&ca, &olga.repeat(2)), "admin.client[1].name = ", "the name of one before");
        let token = format!("olga:viewer:{}\n", "0a".repeat(32));
        std::fs::write(folder.path().join("tokens"), token).unwrap();
        let both =
            admin(&ca, olga).replace("tls =", &format!("token_file = \"{here}/tokens\"\ntls ="));
        mistake(&both, "admin.client[0].name = \"olga\"", "is the name of a token as well");
        assert!(good(&both.replace("\"olga\"", "\"vera\"")).admin.tokens.is_some());
        let spaced = olga.replace("olga", "o l");
        mistake(&admin(&ca, &spaced), "admin.client[0].name = ", "1 to 64 letters");
        let role = olga.replace("operator", "root");
        mistake(&admin(&ca, &role), "admin.client[0].role = ", "\"viewer\" or \"operator\"");
    }
}
