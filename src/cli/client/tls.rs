//! Whom the command line trusts as the gateway, and what it shows of itself.
//!
//! Promises: with `--tls-ca` nobody but that authority is trusted; a certificate that does not name
//! the gateway's address is taken only for the name that is given with `--tls-name`. Never: a way
//! to trust whoever answers.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser as _};

use crate::cli::Failure;

/// Options of whoever asks over TLS.
#[derive(Debug, Default, Args)]
pub struct Trust {
    /// The authority (PEM) that signed the gateway's certificate; without it those of the system
    #[arg(long, global = true, value_name = "FILE", env = "HOOKGATE_TLS_CA")]
    #[arg(hide_env_values = true, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub tls_ca: Option<PathBuf>,
    /// The name in the gateway's certificate, where its address is not in it
    #[arg(long, global = true, value_name = "NAME", env = "HOOKGATE_TLS_NAME")]
    #[arg(hide_env_values = true)]
    pub tls_name: Option<String>,
    /// Your certificate (PEM), where the gateway asks for one in the place of a token
    #[arg(long, global = true, value_name = "FILE", env = "HOOKGATE_CLIENT_CERT")]
    #[arg(hide_env_values = true, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub client_cert: Option<PathBuf>,
    /// The key of your certificate (PEM, PKCS #8)
    #[arg(long, global = true, value_name = "FILE", env = "HOOKGATE_CLIENT_KEY")]
    #[arg(hide_env_values = true, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub client_key: Option<PathBuf>,
}

#[cfg(feature = "tls")]
mod built {
    use std::net::{SocketAddr, ToSocketAddrs};
    use std::path::{Path, PathBuf};

    use reqwest::{Certificate, ClientBuilder, Identity, Url};

    use super::{Failure, Trust};
    use crate::bounds::TLS_FILE_BYTES_MAX;
    use crate::cli::given::small_file;

    /// Sets a client up for it. The address may become another one: that of the name.
    pub(in crate::cli) fn trusting(
        mut builder: ClientBuilder,
        trust: &Trust,
        base: &mut Url,
    ) -> Result<ClientBuilder, Failure> {
        if let Some(path) = given(&trust.tls_ca) {
            let authorities = Certificate::from_pem_bundle(&read("--tls-ca", path)?).ok();
            let authorities = authorities.filter(|all| !all.is_empty());
            let rule = "must hold the authority's certificate in PEM";
            let authorities = authorities.ok_or_else(|| wrong("--tls-ca", path, rule))?;
            builder = builder.tls_certs_only(authorities);
        }
        match (given(&trust.client_cert), given(&trust.client_key)) {
            (None, None) => {}
            (Some(cert), Some(key)) => {
                let (certificate, bytes) =
                    (read("--client-cert", cert)?, read("--client-key", key)?);
                let identity = Identity::from_pkcs8_pem(&certificate, &bytes).map_err(|_| {
                    let rule = "must hold the key of the certificate in --client-cert, in PEM as \
                         PKCS #8; openssl pkcs8 -topk8 -nocrypt -in FILE makes it of another form";
                    wrong("--client-key", key, rule)
                })?;
                builder = builder.identity(identity);
            }
            (Some(_), None) | (None, Some(_)) => {
                let text = "--client-cert and --client-key belong together: give both";
                return Err(Failure::Usage(text.to_owned()));
            }
        }
        let name = trust.tls_name.as_deref().filter(|name| !name.is_empty());
        match name {
            Some(name) if base.scheme() == "https" => {
                let at = address(base)?;
                base.set_host(Some(name)).map_err(|_| {
                    Failure::Usage("--tls-name: must be the name of a host".to_owned())
                })?;
                Ok(builder.resolve(name, at))
            }
            Some(_) | None => Ok(builder),
        }
    }

    /// A path that is given. An empty variable, as containers set them, is none.
    fn given(path: &Option<PathBuf>) -> Option<&Path> {
        path.as_deref().filter(|path| *path != Path::new(""))
    }

    /// Where the host of an address is.
    fn address(base: &Url) -> Result<SocketAddr, Failure> {
        let host = base.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = base.port_or_known_default().unwrap_or_default();
        let found = (host, port).to_socket_addrs().ok().and_then(|mut all| all.next());
        found.ok_or_else(|| {
            Failure::Unreachable(anyhow::anyhow!("the host of --admin cannot be found"))
        })
    }

    fn read(option: &str, path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, Failure> {
        let bytes = small_file(path, TLS_FILE_BYTES_MAX).map(zeroize::Zeroizing::new);
        bytes.map_err(|error| wrong(option, path, &format!("cannot be read: {error}")))
    }

    fn wrong(option: &str, path: &Path, rule: &str) -> Failure {
        Failure::Usage(format!("{option} {}: {rule}", path.display()))
    }
}

#[cfg(feature = "tls")]
pub(in crate::cli) use built::trusting;

/// Without TLS there is nothing to set up: an address that needs it has been refused.
#[cfg(not(feature = "tls"))]
pub(in crate::cli) fn trusting(
    builder: reqwest::ClientBuilder,
    _trust: &Trust,
    _base: &mut reqwest::Url,
) -> Result<reqwest::ClientBuilder, Failure> {
    Ok(builder)
}

/// Why a connection under TLS came to nothing, if it was TLS that failed, and what to do.
pub(super) fn refused(error: &reqwest::Error) -> Option<&'static str> {
    let mut said = String::new();
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        said.push_str(&error.to_string());
        cause = error.source();
    }
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["ostname mismatch", "IP address mismatch"]) {
        return Some("its certificate is for another name; give that with --tls-name NAME");
    }
    if has(&["certificate verify failed"]) {
        return Some(
            "its certificate is not signed by an authority that is trusted here, or has ended; \
             name the authority with --tls-ca FILE",
        );
    }
    if has(&["wrong version number", "packet length too long"]) {
        return Some("it does not speak TLS; write http:// there");
    }
    if has(&["alert unknown ca", "alert bad certificate", "alert certificate", "alert decrypt"]) {
        return Some(
            "it does not take the certificate in --client-cert, which must be of version 3 and \
             signed by admin.tls.client_ca",
        );
    }
    None
}
