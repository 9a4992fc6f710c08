//! The user's configuration, rewritten for a private run.
//!
//! What the boundary hangs on stays as it is: patterns, labels, policies, classes, what a violation
//! does. What leads outside is replaced: listeners, journal, brokers, tokens. Every secret and key
//! becomes a made-up one, the same reference the same one, so that nobody needs those of production
//! to prove anything and none of them is read. All sources are live and take as fast as they can.

use std::collections::BTreeMap;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};
use toml::{Table, Value};

use crate::bounds::SOURCE_RATE_LIMIT;

/// Where a private run lies.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// All of it.
    pub(super) root: PathBuf,
}

impl Place {
    /// The configuration.
    pub(super) fn config(&self) -> PathBuf {
        self.root.join("hookgate.toml")
    }

    /// The journal's folder.
    pub(super) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// Where the gateway works, and what is temporary.
    pub(super) fn work(&self) -> [PathBuf; 2] {
        ["work", "tmp"].map(|name| self.root.join(name))
    }

    /// Where what it says goes: standard output and standard error.
    pub(super) fn said(&self) -> [PathBuf; 2] {
        ["stdout", "stderr"].map(|name| self.root.join(name))
    }
}

/// A file that only its owner reads.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}

/// 32 random bytes in Base64: a key, a secret or a token.
pub(super) fn fresh_secret() -> String {
    BASE64_STANDARD.encode(rand::random::<[u8; 32]>())
}

/// The configuration of the private run, from the tables of the user's, which lie in `beside`.
pub(super) fn rewritten(
    mut table: Table,
    beside: &Path,
    place: &Place,
    brokers: &str,
) -> io::Result<Table> {
    let mut secrets = Secrets { place, made: BTreeMap::new() };
    if let Some(server) = section(&mut table, "server") {
        for key in ["tls", "trusted_proxies"] {
            server.remove(key);
        }
        set(server, &[("listen", "127.0.0.1:0"), ("drain_grace", "0s"), ("drain_deadline", "60s")]);
    }
    let mut admin = Table::new();
    set(&mut admin, &[("listen", "127.0.0.1:0"), ("token_file", "tokens")]);
    table.insert("admin".to_owned(), admin.into());
    if let Some(journal) = section(&mut table, "journal") {
        set(journal, &[("dir", "journal")]);
    }
    let mut kafka = Table::new();
    set(&mut kafka, &[("brokers", brokers), ("topic_prefix", "video")]);
    table.insert("kafka".to_owned(), kafka.into());
    for name in ["keys", "tenant", "source"] {
        if let Some(value) = table.get_mut(name) {
            secrets.replace(value)?;
        }
    }
    if let Some(keys) = section(&mut table, "keys") {
        for key in ["identity", "pseudonym"] {
            if !keys.contains_key(key) {
                keys.insert(key.to_owned(), secrets.reference(&format!("keys.{key}"))?);
            }
        }
    }
    for name in ["tenant", "source"] {
        let list = table.get_mut(name).and_then(Value::as_array_mut);
        for one in list.into_iter().flatten().filter_map(Value::as_table_mut) {
            from_here(one, beside);
        }
    }
    let sources = table.get_mut("source").and_then(Value::as_array_mut);
    for source in sources.into_iter().flatten().filter_map(Value::as_table_mut) {
        live(source, &mut secrets)?;
    }
    Ok(table)
}

/// A section, made where it is missing; `None` where something else stands there, of which the
/// check complains.
fn section<'t>(table: &'t mut Table, name: &str) -> Option<&'t mut Table> {
    table.entry(name).or_insert_with(|| Table::new().into()).as_table_mut()
}

fn set(table: &mut Table, keys: &[(&str, &str)]) {
    for (key, value) in keys {
        table.insert((*key).to_owned(), Value::from(*value));
    }
}

/// Names the files of policies as they are found from here.
fn from_here(table: &mut Table, beside: &Path) {
    if let Some(Value::String(file)) = table.get_mut("policy") {
        *file = beside.join(&*file).to_string_lossy().into_owned();
    }
}

/// A source that takes everything at once, by a secret that is known.
fn live(source: &mut Table, secrets: &mut Secrets<'_>) -> io::Result<()> {
    source.remove("awaiting_secret");
    set(source, &[("mode", "live")]);
    let most = i64::from(SOURCE_RATE_LIMIT);
    let rate = [("per_second", most), ("burst", most)];
    let rate: Table =
        rate.map(|(key, value)| (key.to_owned(), Value::from(value))).into_iter().collect();
    source.insert("rate".to_owned(), rate.into());
    if source.contains_key("secrets") || source.contains_key("keys") {
        return Ok(());
    }
    let secret = secrets.reference("a source's own")?;
    match source.get("provider").and_then(Value::as_str) {
        Some("livekit") => {
            let mut pair = Table::new();
            set(&mut pair, &[("api_key", "APIproof")]);
            pair.insert("secret".to_owned(), secret);
            source.insert("keys".to_owned(), Value::Array(vec![pair.into()]));
        }
        Some(_) | None => drop(source.insert("secrets".to_owned(), Value::Array(vec![secret]))),
    }
    Ok(())
}

/// Made-up secrets, by what they stand for.
struct Secrets<'p> {
    place: &'p Place,
    made: BTreeMap<String, String>,
}

impl Secrets<'_> {
    /// A reference to the secret that stands for another.
    fn reference(&mut self, other: &str) -> io::Result<Value> {
        let file = match self.made.get(other) {
            Some(file) => file.clone(),
            None => {
                let file = format!("secret-{}", self.made.len());
                write(&self.place.root.join(&file), fresh_secret().as_bytes())?;
                self.made.insert(other.to_owned(), file.clone());
                file
            }
        };
        Ok(Table::from_iter([("file".to_owned(), Value::from(file))]).into())
    }

    /// Replaces every `{ env }` and `{ file }` in a value. None of them ends.
    fn replace(&mut self, value: &mut Value) -> io::Result<()> {
        match value {
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.replace(item)),
            Value::Table(table) => {
                let named = ["env", "file"].map(|key| table.get(key).and_then(Value::as_str));
                if let [Some(name), _] | [_, Some(name)] = named {
                    *value = self.reference(name)?;
                    return Ok(());
                }
                table.iter_mut().try_for_each(|(_, value)| self.replace(value))
            }
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        [server]
        listen = "0.0.0.0:8080"
        trusted_proxies = ["10.0.0.0/8"]
        tls = { cert = "a", key = "b" }
        [admin]
        listen = "0.0.0.0:9"
        allow_plaintext = true
        [kafka]
        brokers = "kafka:9092"
        delivery = "exactly_once"
        properties = { "sasl.password" = { env = "NOT_SET" } }
        [keys]
        identity = { env = "ID" }
        pseudonym = { env = "PS" }
        previous = { pseudonym = { env = "OLD" }, until = "2027-01-01T00:00:00Z" }
        [[tenant]]
        name = "t"
        policy = "patients.toml"
        pseudonym_key = { file = "/run/secrets/t" }
        later = 7
        [[source]]
        name = "a"
        provider = "daily"
        tenant = "t"
        room_name = "^a$"
        mode = "shadow"
        awaiting_secret = true
        secrets = [ { env = "S", not_after = "2020-01-01T00:00:00Z" }, { env = "S" } ]
        policy = "/etc/own.toml"
        [[source]]
        name = "b"
        provider = "livekit"
        tenant = "t"
    "#;

    fn made() -> (Table, Vec<(String, String)>) {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { root: folder.path().to_owned() };
        let table = TEXT.parse().unwrap();
        let table = rewritten(table, Path::new("/etc/hookgate"), &place, "127.0.0.1:1").unwrap();
        let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        });
        (table, files.collect())
    }

    #[test]
    fn what_leads_outside_is_replaced_and_what_the_boundary_hangs_on_stays() {
        let (table, _) = made();
        let text = table.to_string();
        for gone in ["0.0.0.0", "10.0.0.0", "kafka:9092", "NOT_SET", "cert", "shadow", "not_after"]
        {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
        let tenant = &table["tenant"][0];
        assert_eq!(tenant["policy"].as_str(), Some("/etc/hookgate/patients.toml"));
        assert_eq!(tenant["later"].as_integer(), Some(7));
        let source = &table["source"][0];
        assert_eq!(source["policy"].as_str(), Some("/etc/own.toml"));
        assert_eq!(source["room_name"].as_str(), Some("^a$"));
        assert_eq!(source["mode"].as_str(), Some("live"));
        assert!(source.get("awaiting_secret").is_none());
        assert_eq!(table["keys"]["previous"]["until"].as_str(), Some("2027-01-01T00:00:00Z"));
        assert!(table["source"][1]["keys"][0]["secret"]["file"].is_str());
    }

    #[test]
    fn one_reference_is_one_secret_and_two_are_two() {
        let (table, files) = made();
        let file = |value: &Value| value["file"].as_str().unwrap().to_owned();
        let secrets = &table["source"][0]["secrets"];
        assert_eq!(file(&secrets[0]), file(&secrets[1]));
        let keys = &table["keys"];
        let apart = [&keys["identity"], &keys["pseudonym"], &keys["previous"]["pseudonym"]];
        let mut apart = apart.map(file).to_vec();
        apart.extend([file(&table["tenant"][0]["pseudonym_key"]), file(&secrets[0])]);
        apart.sort_unstable();
        apart.dedup();
        assert_eq!(apart.len(), 5);
        let mut values: Vec<_> = files.iter().map(|(_, secret)| secret).collect();
        values.sort_unstable();
        assert!(values.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
