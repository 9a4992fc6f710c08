//! Secrets by reference: `{ env = "NAME" }` or `{ file = "path" }`, never inline.
//!
//! Promises: a message names the variable or the file, never what is in it; a secret written
//! inline is refused without being shown. Line breaks at its end are not part of a secret. Paths
//! are below the configuration's folder unless absolute. These files, that of the tokens, those of
//! policies and those of TLS are the only ones that are read.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use toml::Value;
use zeroize::Zeroizing;

use super::Environment;
use super::read::{Report, Section, article};
use crate::bounds::{
    POLICY_FILE_BYTES_MAX, REGISTRY_CA_BYTES_MAX, SECRET_FILE_BYTES_MAX, TOKEN_FILE_BYTES_MAX,
};
use crate::clock::Timestamp;
use crate::secret::Secret;
use crate::verify::SigningSecret;

/// How a secret is written, for messages.
const FORM: &str = "write { env = \"VARIABLE\" } or { file = \"path\" }";

/// Where secrets come from.
pub(super) struct Givers<'a> {
    /// The environment.
    pub(super) env: &'a Environment,
    /// The configuration's folder.
    pub(super) folder: &'a Path,
}

impl Givers<'_> {
    /// A secret that must be there.
    pub(super) fn required(&self, section: &mut Section<'_>, key: &'static str) -> Option<Secret> {
        section.required(key, &FORM["write ".len()..]);
        let value = section.value(key)?;
        let path = section.key(key);
        self.secret(&path, value, section, false).map(|signing| signing.secret)
    }

    /// A signing secret at a path; `dated` ones may carry `not_after`.
    pub(super) fn secret(
        &self,
        path: &str,
        value: &Value,
        within: &Section<'_>,
        dated: bool,
    ) -> Option<SigningSecret> {
        let report = within.report();
        let Some(table) = value.as_table() else {
            let text =
                format!("must not stand here itself (it is {}, not shown); {FORM}", article(value));
            report.mistake(path, text);
            return None;
        };
        let mut section = Section::new(path.to_owned(), Some(table), report);
        let not_after = if dated { moment(&mut section, "not_after") } else { Ok(None) };
        let from = (section.value("env"), section.value("file"));
        let found = match from {
            (Some(Value::String(name)), None) => self.variable(name),
            (None, Some(Value::String(file))) => {
                self.warned(file, path, report);
                self.file(file)
            }
            (Some(_), Some(_)) => Err(format!("has both env and file; {FORM}")),
            (None, None) => Err(format!("names neither env nor file; {FORM}")),
            (Some(_), None) | (None, Some(_)) => Err(format!("must name it in quotes; {FORM}")),
        };
        section.finish();
        let found = found.map_err(|text| report.mistake(path, text)).ok()?;
        let (label, secret) = found;
        Some(SigningSecret { label, secret, not_after: not_after.ok()? })
    }

    fn variable(&self, name: &str) -> Result<(String, Secret), String> {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let plain = name.chars().all(word) && !name.starts_with(|c: char| c.is_ascii_digit());
        if name.is_empty() || !plain {
            // Not shown: it may be the secret itself.
            return Err("env must be the name of a variable: letters, digits, _".to_owned());
        }
        let text = self.env.texts().get(name).map(|text| without_line_end(text));
        match text {
            None if self.env.unreadable().contains(name) => {
                Err(format!("the environment variable {name} is not UTF-8 text"))
            }
            None => Err(format!("the environment variable {name} is not set")),
            Some("") => Err(format!("the environment variable {name} is empty")),
            Some(text) => Ok((name.to_owned(), Secret::new(text.as_bytes().to_vec()))),
        }
    }

    /// Warns about a file of a secret that is too open.
    pub(super) fn warned(&self, name: impl AsRef<Path>, key: &str, report: &Report) {
        if let Some(text) = too_open(&self.folder.join(name)) {
            report.warning(key, text);
        }
    }

    /// The file of the admin API's tokens: how it is called, and what is in it.
    pub(super) fn token_file(&self, name: &str) -> Result<(String, Zeroizing<String>), String> {
        let path = self.folder.join(name);
        let text = read(&path, TOKEN_FILE_BYTES_MAX)?;
        Ok((path.display().to_string(), text))
    }

    /// A file of rules for what may leave.
    pub(super) fn policy_file(&self, name: &str) -> Result<Zeroizing<String>, String> {
        read(&self.folder.join(name), POLICY_FILE_BYTES_MAX)
    }

    /// The certificates that a registry's own is signed by, in PEM.
    pub(super) fn authority(&self, name: &str) -> Result<Zeroizing<String>, String> {
        read(&self.folder.join(name), REGISTRY_CA_BYTES_MAX)
    }

    fn file(&self, name: &str) -> Result<(String, Secret), String> {
        let path: PathBuf = self.folder.join(name);
        let shown = path.display();
        let text = read(&path, SECRET_FILE_BYTES_MAX)?;
        let text = without_line_end(&text);
        if text.is_empty() {
            return Err(format!("the file {shown} is empty"));
        }
        let label = path.file_name().unwrap_or(path.as_os_str());
        let label = label.to_string_lossy().into_owned();
        Ok((label, Secret::new(text.as_bytes().to_vec())))
    }
}

fn read(path: &Path, cap: usize) -> Result<Zeroizing<String>, String> {
    let shown = path.display();
    let mut bytes = Zeroizing::new(Vec::with_capacity(cap + 1));
    // A pipe would be waited for, by a reload and by every one after it.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(format!("{shown} is no file; write the path of one"));
    }
    std::fs::File::open(path)
        .and_then(|file| file.take(cap as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("the file {shown} cannot be read: {}", why(&error)))?;
    if bytes.len() > cap {
        return Err(format!("the file {shown} is longer than {cap} bytes"));
    }
    let text =
        std::str::from_utf8(&bytes).map_err(|_| format!("the file {shown} is not UTF-8 text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// What should be known of a file that holds a secret: others than its owner can get at it. That
/// its group reads it is how a file of another owner is lent to a service (`fsGroup` of Kubernetes,
/// root:hookgate with 0640), so that alone is no reason.
pub(super) fn too_open(path: &Path) -> Option<String> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let who = if mode & 0o006 != 0 {
        "everyone on this machine can get at it"
    } else if mode & 0o020 != 0 {
        "its group can change it"
    } else {
        return None;
    };
    let shown = path.display();
    Some(format!(
        "the file {shown} is too open (mode {mode:04o}): {who}; chmod 0400 {shown} once it belongs \
         to the user that the service runs as, or 0440 once it belongs to its group"
    ))
}

/// A moment that stands where secrets do: `Ok(None)` if absent, `Err` if it was wrong.
pub(super) fn moment(
    section: &mut Section<'_>,
    key: &'static str,
) -> Result<Option<Timestamp>, ()> {
    const RULE: &str = "must be a moment in RFC 3339, such as \"2027-01-01T00:00:00Z\"";
    let text = match section.value(key) {
        None => return Ok(None),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let moment = Timestamp::parse(&text);
    if moment.is_none() {
        // Not shown: the secret itself may have been written here.
        section.report().mistake(&section.key(key), RULE);
    }
    moment.map(Some).ok_or(())
}

fn without_line_end(text: &str) -> &str {
    text.trim_end_matches(['\n', '\r'])
}

/// What keeps a file from being read, in a word or two and without its path.
pub(super) fn why(error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::NotFound {
        return "no such file".to_owned();
    }
    error.kind().to_string()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::config::load;
    use crate::config::tests::*;

    #[test]
    fn a_secret_is_never_inline_and_never_shown() {
        let inline = SOURCE.replace("{ env = \"S\" }", "\"canary\"");
        let says = "must not stand here itself (it is a text, not shown); write { env";
        mistake(&format!("{KAFKA}{KEYS}{inline}"), "source[0].secrets[0]: ", says);
        let missing = SOURCE.replace("\"S\"", "\"MISSING\"");
        let says = "the environment variable MISSING is not set";
        mistake(&format!("{KAFKA}{KEYS}{missing}"), "source[0].secrets[0]: ", says);
        let pasted = SOURCE.replace("\"S\"", "\"canary+/=\"");
        let says = "must be the name of a variable";
        mistake(&format!("{KAFKA}{KEYS}{pasted}"), "source[0].secrets[0]: ", says);
        let nowhere = SOURCE.replace("env = \"S\"", "file = \"gone\"");
        let says = "the file /nowhere/gone cannot be read: no such file";
        mistake(&format!("{KAFKA}{KEYS}{nowhere}"), "source[0].secrets[0]: ", says);
        let unknown = "secret = \"canary\"";
        mistake(&source(unknown), "source[0].secret: is unknown", "secrets");
        let awaited = "awaiting_secret = \"canary\"";
        mistake(&source(awaited), "source[0].awaiting_secret: ", "true or false");
        let short = KEYS.replace("\"I\"", "\"S\"");
        let says = "exactly 32 bytes in base64";
        mistake(&format!("{KAFKA}{short}{SOURCE}"), "keys.identity: ", says);
        let same = KEYS.replace("\"P\"", "\"I\"");
        mistake(&format!("{KAFKA}{same}{SOURCE}"), "keys.pseudonym: ", "must differ");
    }

    #[test]
    fn a_pipe_in_the_place_of_a_file_is_told_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let secrets = SOURCE.replace("env = \"S\"", &format!("file = {pipe:?}"));
        let text = format!("{KAFKA}{KEYS}{secrets}policy = {pipe:?}\n");
        let lines = mistakes(&text);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines.iter().all(|line| line.ends_with("is no file; write the path of one")));
    }

    #[test]
    fn a_file_that_everyone_can_read_or_its_group_can_change_is_warned_about() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "text").unwrap();
        let told = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            too_open(&path)
        };
        for fine in [0o400, 0o600, 0o440, 0o640, 0o711] {
            assert_eq!(told(fine), None, "{fine:o}");
        }
        for (open, who) in [(0o644, "everyone"), (0o402, "everyone"), (0o660, "its group")] {
            let text = told(open).unwrap();
            assert!(text.contains(who) && text.contains("chmod 0400 /"), "{text}");
        }
        assert_eq!(too_open(&folder.path().join("gone")), None);
        let secrets = SOURCE.replace("env = \"S\"", &format!("file = {path:?}"));
        let config = good(&format!("{KAFKA}{KEYS}{secrets}"));
        assert_eq!(config.warnings[0].key, "source[0].secrets[0]");
        assert!(config.warnings[0].text.contains("(mode 0660)"), "{:?}", config.warnings);
    }

    #[test]
    fn a_secret_file_lies_beside_the_configuration_and_loses_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("old-secret"), "text of it\r\n").unwrap();
        std::fs::write(folder.path().join("identity"), STANDARD.encode([7; 32]) + "\n").unwrap();
        let keys = KEYS.replace("env = \"I\"", "file = \"identity\"");
        let secrets = SOURCE.replace("env = \"S\"", "file = \"old-secret\"");
        let path = folder.path().join("hookgate.toml");
        std::fs::write(&path, format!("{KAFKA}{keys}{secrets}[journal]\ndir = \"j\"\n")).unwrap();
        let now = Timestamp::from_millis(0);
        let config = load(&path, &env().into(), &providers(), now).unwrap();
        assert_eq!(config.keys.identity, crate::secret::Secret::new(vec![7; 32]));
        assert_eq!(config.sources[0].scheme.secret_labels(), ["old-secret"]);
        assert_eq!(config.journal.dir, folder.path().join("j"));
        let gone = load(Path::new("/gone.toml"), &env().into(), &providers(), now).unwrap_err();
        assert_eq!(gone.to_string(), "/gone.toml: cannot be read: no such file");
    }
}
