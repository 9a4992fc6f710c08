//! One question to the registry: the id of a schema under a subject.
//!
//! Promises: every wait and every answer is bounded; the account goes to this address and to no
//! other that it names; an error says what to do, and nothing of what the registry wrote but its
//! status.

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Response, StatusCode, redirect};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::{Registry, SchemaId};
use crate::bounds;
use crate::publish::{Failure, SettingsError, Trouble};

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// The registry's answer.
#[derive(Deserialize)]
struct Answered {
    id: u32,
    guid: Option<String>,
}

impl Registry {
    /// Whether a client can be made of it.
    ///
    /// # Errors
    /// What is wrong with the certificates.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.client().map(drop)
    }

    pub(super) fn client(&self) -> Result<Client, SettingsError> {
        let wrong = |what: &str| SettingsError::Contradiction(format!("schema registry: {what}"));
        let client = Client::builder()
            .connect_timeout(bounds::REGISTRY_CONNECT)
            .redirect(redirect::Policy::none())
            .no_proxy();
        #[cfg(feature = "tls")]
        let client = match &self.authority {
            None => client,
            Some(pem) => {
                let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes());
                let certificates = certificates.unwrap_or_default();
                if certificates.is_empty() {
                    return Err(wrong("the file of ca holds no certificate in PEM"));
                }
                client.tls_certs_only(certificates)
            }
        };
        client.build().map_err(|_| wrong("the HTTP client cannot be made"))
    }

    /// Registers a schema under the subject of a topic, or looks it up: the same schema again has
    /// the same id.
    pub(super) async fn ask(
        &self,
        client: &Client,
        topic: &str,
        schema: &str,
    ) -> Result<SchemaId, Failure> {
        let subject = format!("{topic}-value");
        let url = match self.register {
            true => self.url.below(&["subjects", &subject, "versions"]),
            false => self.url.below(&["subjects", &subject]),
        };
        let body = json!({ "schemaType": "JSON", "schema": schema }).to_string();
        let mut request = client
            .post(url)
            .header(CONTENT_TYPE, MEDIA_TYPE)
            .header(ACCEPT, "application/vnd.schemaregistry.v1+json, application/json;q=0.9");
        if let Some((name, password)) = &self.account {
            request = request.basic_auth(name, password.text());
        }
        let asked = async {
            let response = request.body(body).send().await.map_err(|error| silent(&error))?;
            let status = response.status();
            if !status.is_success() {
                return Err(self.refused(status, &subject));
            }
            whole(response).await
        };
        let bytes = timeout(bounds::REGISTRY_ANSWER, asked).await;
        let bytes = bytes.map_err(|_| away("it does not answer in time"))??;
        let answered = serde_json::from_slice::<Answered>(&bytes).ok();
        let answered = answered.ok_or_else(|| human("its answer holds no id of a schema"))?;
        let guid = answered.guid.as_deref().and_then(guid);
        Ok(SchemaId { number: answered.id, guid })
    }

    /// What a status means, and what to do.
    fn refused(&self, status: StatusCode, subject: &str) -> Failure {
        let code = status.as_u16();
        match code {
            401 | 403 => human(&format!(
                "it refuses our account for {subject} ({code}): see username and password of \
                 kafka.schema_registry"
            )),
            404 if !self.register => human(&format!(
                "{subject} has not the schema of this version: register it, or set \
                 kafka.schema_registry.register = true"
            )),
            409 => human(&format!(
                "it finds the schema of {subject} incompatible with an earlier one (409): set this \
                 subject's compatibility to FORWARD, which is what hookgate promises, or to NONE"
            )),
            422 => human(&format!("it does not take the JSON Schema of {subject} (422)")),
            408 | 429 | 500.. => away(&format!("it answers {code}")),
            _ => human(&format!("it answers {code}, which no registry does: see its url")),
        }
    }
}

async fn whole(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(more) = response.chunk().await.map_err(|error| silent(&error))? {
        if bytes.len() + more.len() > bounds::REGISTRY_ANSWER_BYTES_MAX {
            return Err(human("its answer is too long"));
        }
        bytes.extend_from_slice(&more);
    }
    Ok(bytes)
}

/// 16 bytes from `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
fn guid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|letter| *letter != '-').collect();
    let plain = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = plain.then(|| u128::from_str_radix(&digits, 16).ok())??;
    Some(number.to_be_bytes())
}

/// No answer, in words without an address.
fn silent(error: &reqwest::Error) -> Failure {
    away(match error {
        _ if error.is_timeout() => "it does not answer in time",
        _ if error.is_connect() => "no connection",
        _ => "the connection broke",
    })
}

/// Time may mend it.
fn away(what: &str) -> Failure {
    Failure { trouble: Trouble::Unreachable, detail: format!("schema registry: {what}") }
}

/// A human must.
fn human(what: &str) -> Failure {
    Failure { trouble: Trouble::Registry, detail: format!("schema registry: {what}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_reads_as_its_bytes_and_nothing_else_does() {
        let bytes = guid("00010203-0405-0607-0809-0a0b0c0d0e0f").unwrap();
        assert_eq!(bytes, std::array::from_fn(|place| place as u8));
        for wrong in ["", "00010203", "+0010203-0405-0607-0809-0a0b0c0d0e0f", "é"] {
            assert_eq!(guid(wrong), None, "{wrong}");
        }
    }
}
