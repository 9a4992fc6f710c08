//! `[kafka.schema_registry]`, checked: where schemas are registered, and how records say so.
//!
//! Promises: off unless written; the password comes by reference and never to an address that is
//! not encrypted without a warning; certificates are read and tried before anything is opened.

use super::given::Givers;
use super::read::Section;
use crate::event::Family;
use crate::publish::registry::{Address, Known};
use crate::publish::{Framing, Registry};
use crate::scrub::schema_to_register;

const URL: &str = "must be the address of a registry, such as \"https://registry:8081\": http or \
     https, without a user, a query or a fragment";

/// `None` where it is not written, or beside a mistake.
pub(super) fn registry(
    mut section: Section<'_>,
    givers: &Givers<'_>,
    tls: bool,
) -> Option<Registry> {
    let written = section.is_written();
    if written {
        section.required("url", "\"https://host:port\"");
    }
    let url = address(&mut section);
    let framing = match section.choice("framing", &["header", "wire"]) {
        Some("wire") => Framing::Wire,
        Some(_) | None => Framing::Header,
    };
    let register = section.flag("register").unwrap_or(true);
    let account = account(&mut section, givers);
    let authority = authority(&mut section, givers);
    let (report, path) = (section.report(), section.path().to_owned());
    if let Some(url) = &url {
        let at = section.key("url");
        if url.is_encrypted() && !tls {
            let lacking = "needs TLS, which this build leaves out: build hookgate with the feature \
                 `tls` (it is on by default)";
            report.mistake(&at, lacking);
        } else if !url.is_encrypted() && !url.is_loopback() && account.is_some() {
            report.warning(&at, "the password crosses the net in the clear; write https://");
        }
        if authority.is_some() && !url.is_encrypted() {
            report.warning(&section.key("ca"), "does nothing while url is not https://");
        }
    }
    section.finish();
    let schemas = |family: Family| (family, schema_to_register(family).into());
    let registry = Registry {
        url: url.filter(|_| written)?,
        framing,
        account,
        authority,
        register,
        schemas: Family::ALL.map(schemas),
        known: Known::default(),
    };
    match registry.check() {
        Ok(()) => Some(registry),
        Err(error) => {
            report.mistake(&path, error.to_string());
            None
        }
    }
}

/// The address; one with an account in it is not shown.
fn address(section: &mut Section<'_>) -> Option<Address> {
    let text = section.text("url")?;
    let address = Address::parse(text);
    if address.is_none() {
        match text.contains('@') {
            true => section.report().mistake(&section.key("url"), URL),
            false => section.report().wrong(&section.key("url"), text, URL),
        }
    }
    address
}

fn account(
    section: &mut Section<'_>,
    givers: &Givers<'_>,
) -> Option<(String, crate::secret::Secret)> {
    let name = section.text("username");
    let value = section.value("password");
    let (report, at) = (section.report(), section.key("password"));
    let password = value.and_then(|value| givers.secret(&at, value, section, false));
    if name.is_some() != value.is_some() {
        report.mistake(section.path(), "has one of username and password; write both or neither");
    }
    Some((name?.to_owned(), password?.secret))
}

fn authority(section: &mut Section<'_>, givers: &Givers<'_>) -> Option<std::sync::Arc<str>> {
    let name = section.text("ca")?;
    match givers.authority(name) {
        Ok(text) => Some(text.as_str().into()),
        Err(what) => {
            section.report().mistake(&section.key("ca"), what);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::*;
    use crate::publish::Framing;

    /// Made for this test; nobody has its key.
    const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----\n\
     MIIBnjCCAUOgAwIBAgIUAyr9/M55IxRH4kq2wnrPWFIa0/cwCgYIKoZIzj0EAwIw\n\
     IzEhMB8GA1UEAwwYcmVnaXN0cnkuZXhhbXBsZS5pbnZhbGlkMCAXDTI2MTEzMDAx\n\
     NTAzNFoYDzIxMjYxMTA2MDE1MDM0WjAjMSEwHwYDVQQDDBhyZWdpc3RyeS5leGFt\n\
     cGxlLmludmFsaWQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASpaR2cFcEgOmq7\n\
     p0idAavcu0/yD8XnMdTaAfEnthemFfl7EgUA2B5HF2QRheAXd7J/Cb4v6DIgO+/B\n\
     ZZPHxOAao1MwUTAdBgNVHQ4EFgQU0O+9gvMsl+bDTDb/0dFNFee0nWIwHwYDVR0j\n\
     BBgwFoAU0O+9gvMsl+bDTDb/0dFNFee0nWIwDwYDVR0TAQH/BAUwAwEB/zAKBggq\n\
     hkjOPQQDAgNJADBGAiEAyKxLXhOPjPSNYmZLiLDYIZtB4j3+kL5zkd+OwgR1dRYC\n\
     IQCO4w72yw6tBTGbZjaEBut8OhfxlGquDXutYws+819pMw==\n\
     -----END CERTIFICATE-----\n";

    fn text(keys: &str) -> String {
        format!("{KAFKA}schema_registry = {{ {keys} }}\n{KEYS}{SOURCE}")
    }

    #[test]
    fn it_is_off_unless_written_and_then_ids_stand_in_headers() {
        assert!(good(&format!("{KAFKA}{KEYS}{SOURCE}")).kafka.registry.is_none());
        let config = good(&text("url = \"http://localhost:8081\""));
        let registry = config.kafka.registry.unwrap();
        assert_eq!((registry.framing, registry.register), (Framing::Header, true));
        assert_eq!(registry.account, None);
        let account = "url = \"http://r:8081\", framing = \"wire\", register = false, \
             username = \"gate\", password = { env = \"S\" }";
        let config = good(&text(account));
        assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
        assert!(config.warnings.iter().any(|warning| warning.text.contains("in the clear")));
        assert!(!format!("{config:?}").contains("canary"));
        let registry = config.kafka.registry.unwrap();
        assert_eq!((registry.framing, registry.register), (Framing::Wire, false));
        assert_eq!(registry.account.unwrap().1.text(), Some("canary-secret"));
    }

    #[test]
    fn what_is_wrong_is_named_and_no_password_is_shown() {
        let at = "kafka.schema_registry.";
        mistake(&text("framing = \"header\""), &format!("{at}url: "), "is missing");
        let wrong = text("url = \"registry:8081\"");
        mistake(&wrong, &format!("{at}url = \"registry:8081\""), "https");
        let account = text("url = \"http://u:canary@r:8081\"");
        mistake(&account, &format!("{at}url: "), "without a user");
        let inline = "url = \"http://r\", username = \"u\", password = \"canary\"";
        mistake(&text(inline), &format!("{at}password: "), "must not stand here itself");
        let half = text("url = \"http://r\", username = \"u\"");
        mistake(&half, "kafka.schema_registry: ", "write both or neither");
        let gone = text("url = \"https://r\", ca = \"gone.pem\"");
        mistake(&gone, &format!("{at}ca: "), "no such file");
        let strange = text("url = \"http://r\", frame = 1");
        mistake(&strange, &format!("{at}frame: "), "is unknown");
    }

    #[test]
    #[cfg(feature = "tls")]
    fn all_of_it_is_in_the_face_so_that_a_reload_sees_it_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, AUTHORITY).unwrap();
        let written = |more: &str| text(&format!("url = \"https://r:8081\", ca = {file:?}{more}"));
        let (plain, all) = (
            good(&written("")),
            good(&written(
                ", framing = \"wire\", register = false, username = \"u\", \
                 password = { env = \"S\" }",
            )),
        );
        assert!(plain.kafka.registry.as_ref().unwrap().authority.is_some());
        let changes = plain.face.difference(&all.face).needs_restart;
        let expected = [
            "kafka.schema_registry.framing: header → wire",
            "kafka.schema_registry.password added",
            "kafka.schema_registry.register: true → false",
            "kafka.schema_registry.username: none → u",
        ];
        assert_eq!(changes.len(), expected.len(), "{changes:?}");
        std::fs::write(&file, AUTHORITY.repeat(2)).unwrap();
        let other = good(&written(""));
        let changes = plain.face.difference(&other.face).needs_restart;
        assert_eq!(changes, ["kafka.schema_registry.ca changed"]);
    }

    #[test]
    fn a_build_without_tls_and_a_file_without_certificates_are_mistakes() {
        let encrypted = text("url = \"https://r:8081\"");
        let mistakes = with(false, &encrypted, &env()).unwrap_err();
        assert!(mistakes.to_string().contains("needs TLS"), "{mistakes}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, "no certificate").unwrap();
        let empty = text(&format!("url = \"https://r:8081\", ca = {file:?}"));
        #[cfg(feature = "tls")]
        mistake(&empty, "kafka.schema_registry: ", "holds no certificate");
        #[cfg(not(feature = "tls"))]
        assert!(!empty.is_empty());
    }
}
