//! What a certificate says of itself: whom it names, and from when until when it holds.

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::clock::Timestamp;

/// From when until when.
pub(super) fn validity(certificate: &CertificateDer<'_>) -> Option<(Timestamp, Timestamp)> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let validity = certificate.tbs_certificate().validity();
    let moment = |time: x509_cert::time::Time| {
        let millis = i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(millis)
    };
    Some((moment(validity.not_before), moment(validity.not_after)))
}

/// The common name of its subject (CN); `None` if there is not exactly one that is text.
pub(super) fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    const COMMON_NAME: &str = "2.5.4.3";
    let certificate = Certificate::from_der(certificate).ok()?;
    let subject = certificate.tbs_certificate().subject();
    let mut names = subject.iter().filter(|part| part.oid.to_string() == COMMON_NAME);
    let (Some(_), None) = (names.next(), names.next()) else {
        return None;
    };
    let name = subject.common_name().ok().flatten()?;
    Some(name.value().into_owned())
}
