//! A small registry of schemas that follows the published API of Confluent's: subjects, versions,
//! ids, conflicts, accounts. What it is asked is written down; what it answers can be changed.

#![cfg(test)]
#![allow(dead_code, reason = "each of the test binaries uses a part")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookgate::event::Family;
use hookgate::publish::registry::{Address, Known};
use hookgate::publish::{Framing, Registry};
use hookgate::scrub::schema_to_register;
use hookgate::secret::Secret;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// How it answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mood {
    /// With this status to everything.
    pub(crate) status: Option<u16>,
    /// Only who has this account is answered.
    pub(crate) account: Option<(String, String)>,
    /// Ids have names, as they have since 2025.
    pub(crate) guids: bool,
    /// A second schema under a subject is a conflict.
    pub(crate) strict: bool,
    /// With so many bytes around the id.
    pub(crate) padding: usize,
}

#[derive(Default)]
struct State {
    mood: Mood,
    /// The schemas of each subject, by their ids.
    subjects: BTreeMap<String, Vec<usize>>,
    /// Every schema ever registered: its id is its place from 1.
    schemas: Vec<String>,
    asked: Vec<String>,
}

/// The running registry. Closed with the test's process.
#[derive(Clone)]
pub(crate) struct Fake {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// An address that nobody listens on, and that nobody else is given meanwhile.
pub(crate) struct Nowhere(Socket);

impl Nowhere {
    pub(crate) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }
}

impl Fake {
    pub(crate) fn start(mood: Mood) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), None, mood)
    }

    /// Behind this certificate and its key, in PEM.
    pub(crate) fn encrypted(cert: &str, key: &str) -> Self {
        let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let config = builder.with_no_client_auth().with_single_cert(vec![cert], key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::on(listener, Some(Arc::new(config)), Mood::default())
    }

    /// At an address where nobody listened before.
    pub(crate) fn at(nowhere: Nowhere, mood: Mood) -> Self {
        nowhere.0.listen(128).unwrap();
        Self::on(nowhere.0.into(), None, mood)
    }

    fn on(listener: TcpListener, tls: Option<Arc<ServerConfig>>, mood: Mood) -> Self {
        let state = Arc::new(Mutex::new(State { mood, ..State::default() }));
        let fake = Self { address: listener.local_addr().unwrap(), state };
        let (state, streams) = (Arc::clone(&fake.state), listener);
        thread::spawn(move || {
            for stream in streams.incoming() {
                // Whoever hangs up early is no failure of the registry.
                let _ = match &tls {
                    None => answer(stream.unwrap(), &state),
                    Some(config) => {
                        let connection = ServerConnection::new(Arc::clone(config)).unwrap();
                        answer(StreamOwned::new(connection, stream.unwrap()), &state)
                    }
                };
            }
        });
        fake
    }

    pub(crate) fn mood(&self, change: impl FnOnce(&mut Mood)) {
        change(&mut self.state.lock().unwrap().mood);
    }

    /// Every question so far, as `POST /path`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// Registers a schema by hand; its id.
    pub(crate) fn register(&self, subject: &str, schema: &str) -> u32 {
        self.state.lock().unwrap().register(subject, schema) as u32
    }

    /// The id under the subject of a topic.
    pub(crate) fn id(&self, topic: &str) -> u32 {
        *self.state.lock().unwrap().subjects[&format!("{topic}-value")].last().unwrap() as u32
    }

    /// The schema that an id means.
    pub(crate) fn schema(&self, id: u32) -> Value {
        let text = &self.state.lock().unwrap().schemas[id as usize - 1];
        serde_json::from_str(text).unwrap()
    }

    /// What a configuration says of it where it is encrypted and signed by this authority.
    pub(crate) fn trusted(&self, authority: &str) -> Registry {
        let url = Address::parse(&format!("https://{}", self.address)).unwrap();
        let authority = Some(authority.into());
        Registry { url, authority, ..settings(self.address, Framing::Header) }
    }

    /// What a configuration says of it.
    pub(crate) fn settings(&self, framing: Framing) -> Registry {
        settings(self.address, framing)
    }
}

/// What a configuration says of a registry at an address.
pub(crate) fn settings(address: SocketAddr, framing: Framing) -> Registry {
    Registry {
        url: Address::parse(&format!("http://{address}")).unwrap(),
        framing,
        account: None,
        authority: None,
        register: true,
        schemas: Family::ALL.map(|family| (family, schema_to_register(family).into())),
        known: Known::default(),
    }
}

pub(crate) fn account(name: &str, password: &str) -> (String, Secret) {
    (name.to_owned(), Secret::new(password.as_bytes().to_vec()))
}

/// The name of an id everywhere, as a registry that has such names gives it.
pub(crate) fn guid(id: u32) -> [u8; 16] {
    (0x6b1d_0000_0000_4000_8000_0000_0000_0000_u128 + u128::from(id)).to_be_bytes()
}

impl State {
    fn register(&mut self, subject: &str, schema: &str) -> usize {
        let known = self.schemas.iter().position(|known| known == schema);
        let place = known.unwrap_or_else(|| {
            self.schemas.push(schema.to_owned());
            self.schemas.len() - 1
        });
        let versions = self.subjects.entry(subject.to_owned()).or_default();
        if !versions.contains(&(place + 1)) {
            versions.push(place + 1);
        }
        place + 1
    }

    fn respond(&mut self, asked: &Asked) -> (u16, Value) {
        self.asked.push(asked.line.clone());
        let error = |status: u16, code: u32| (status, json!({"error_code": code, "message": "…"}));
        if let Some(status) = self.mood.status {
            return error(status, u32::from(status) * 100 + 1);
        }
        if let Some((name, password)) = &self.mood.account {
            let basic = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
            if asked.authorization.as_deref() != Some(basic.as_str()) {
                return error(401, 401);
            }
        }
        if asked.media_type.as_deref() != Some(MEDIA_TYPE) {
            return error(415, 415);
        }
        let Some(path) = asked.line.strip_prefix("POST /subjects/") else {
            return error(405, 405);
        };
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        let schema = body["schema"].as_str().unwrap();
        let parsed: Value = serde_json::from_str(schema).unwrap();
        if body["schemaType"] != "JSON" || !jsonschema::draft7::meta::is_valid(&parsed) {
            return error(422, 42201);
        }
        let id = match path.strip_suffix("/versions") {
            Some(subject) => {
                let there = self.subjects.get(subject).map(|versions| versions.as_slice());
                let other =
                    there.unwrap_or_default().iter().any(|id| self.schemas[id - 1] != schema);
                if self.mood.strict && other {
                    return error(409, 409);
                }
                self.register(subject, schema)
            }
            None => match self.subjects.get(path) {
                None => return error(404, 40401),
                Some(ids) => match ids.iter().find(|id| self.schemas[**id - 1] == schema) {
                    None => return error(404, 40403),
                    Some(id) => *id,
                },
            },
        };
        let mut answer = json!({"id": id, "padding": "x".repeat(self.mood.padding)});
        if self.mood.guids {
            let digits: String = guid(id as u32).iter().map(|byte| format!("{byte:02x}")).collect();
            let parts =
                [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
            answer["guid"] = json!(parts.join("-"));
        }
        (200, answer)
    }
}

struct Asked {
    /// Method and path.
    line: String,
    authorization: Option<String>,
    media_type: Option<String>,
    body: Vec<u8>,
}

fn answer(stream: impl Read + Write, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let line = line.rsplit_once(' ').unwrap_or_default().0.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let mut header = |name: &str| headers.remove(name);
    let (authorization, media_type) = (header("authorization"), header("content-type"));
    let asked = Asked { line, authorization, media_type, body };
    let (status, answer) = state.lock().unwrap().respond(&asked);
    let answer = answer.to_string();
    write!(
        reader.get_mut(),
        "HTTP/1.1 {status} So\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{answer}",
        answer.len()
    )?;
    reader.get_mut().flush()
}
