//! Where the runbook is played: a folder as `/etc/hookgate` would be, a gateway on it, a shell.
//!
//! The gateway is the built program, started and stopped by the stand-in for systemd, on an embedded
//! broker unless a real one is given. Nothing of it reaches beyond loopback, and it ends with the stage.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hookgate::publish::Embedded;
use sha2::Digest;

use crate::process::free_port;

const TEXT: &str = r#"
[server]
instance = "gate-1"
listen = "127.0.0.1:PUBLIC"
tls = { cert = "tls/gate.crt", key = "tls/gate.key" }
drain_grace = "1ms"
drain_deadline = "5s"

[admin]
listen = "127.0.0.1:ADMIN"
token_file = "admin-tokens"

[journal]
dir = "JOURNAL"

[kafka]
brokers = "BROKERS"
MORE

[keys]
identity = { file = "secrets/identity" }
pseudonym = { file = "secrets/pseudonym" }

[[source]]
name = "clinic-daily"
provider = "daily"
tenant = "tenant-clinic"
secrets = [{ file = "secrets/clinic-daily" }]
mode = "live"
role_labels = ["Doctor", "Patient", "Companion"]
room_name = "^(demo-room|consult-[0-9a-f]{8})$"

[[source]]
name = "school-livekit"
provider = "livekit"
tenant = "tenant-school"
keys = [{ api_key = "APIschool", secret = { file = "secrets/school-livekit" } }]
"#;

const SECRETS: [(&str, &str); 5] = [
    ("identity", "ERERERERERERERERERERERERERERERERERERERERERE="),
    ("pseudonym", "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI="),
    ("clinic-daily", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
    ("school-livekit", "fixture-secret-of-at-least-32-characters"),
    ("daily-api", "Authorization: Bearer made-up-key"),
];

const TOKEN: &str = "a-token-that-only-this-stage-knows";

/// A folder with a configuration, a broker, and a gateway while one was started.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
    broker: RefCell<Option<Embedded>>,
    pub(crate) public: u16,
    pub(crate) admin: u16,
}

/// What a command said, standard error in its place, and how it ended.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

impl Stage {
    /// All but a gateway that runs.
    pub(crate) fn set() -> Self {
        let broker = Embedded::start("video", 4).unwrap();
        let brokers = broker.brokers().to_owned();
        let stage = Self::on(&brokers, "");
        stage.broker.replace(Some(broker));
        stage
    }

    /// The same, on somebody else's brokers, with further lines of `[kafka]`.
    pub(crate) fn on(brokers: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (public, admin) = (free_port(), free_port());
        let stage = Self { folder, broker: RefCell::default(), public, admin };
        for name in ["secrets", "run", "bin", "backup", "tls"] {
            std::fs::create_dir(stage.path(name)).unwrap();
        }
        for (name, value) in SECRETS {
            stage.write(&format!("secrets/{name}"), &format!("{value}\n"));
        }
        let digest = sha2::Sha256::digest(TOKEN);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        stage.write("admin-tokens", &format!("olga:operator:{digest}\n"));
        stage.write("token", TOKEN);
        stage.write("run/daily-state", "ACTIVE 0 circuit-breaker\n");
        let text = TEXT
            .replace("PUBLIC", &public.to_string())
            .replace("ADMIN", &admin.to_string())
            .replace("JOURNAL", stage.path("hookgate").to_str().unwrap())
            .replace("BROKERS", brokers)
            .replace("MORE", more);
        stage.write("hookgate.toml", &text);
        stage.certificate("gate", 30);
        stage.certificate("new", 60);
        let program = env!("CARGO_BIN_EXE_hookgate");
        std::os::unix::fs::symlink(program, stage.path("bin/hookgate")).unwrap();
        stage
    }

    /// The same, with a gateway that has taken and published all fixtures, some doubled, some forged.
    pub(crate) fn played() -> Self {
        let stage = Self::set();
        stage.good("systemctl start hookgate");
        stage.traffic();
        stage.until(".kafka.backlog == 0 and .search.lag_events == 0");
        stage
    }

    /// Its own broker is gone for good.
    pub(crate) fn without_kafka(&self) {
        drop(self.broker.take().expect("it has one of its own"));
    }

    /// Before a start: Daily's source has a second secret, one that ends.
    pub(crate) fn add_ending_secret(&self) {
        self.write("secrets/old", "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
        let config = std::fs::read_to_string(self.path("hookgate.toml")).unwrap();
        let one = "secrets = [{ file = \"secrets/clinic-daily\" }]";
        let ending = "{ file = \"secrets/old\", not_after = \"2100-01-01T00:00:00Z\" }";
        let both = one.replace("}]", &format!("}}, {ending}]"));
        assert_eq!(config.matches(one).count(), 1);
        self.write("hookgate.toml", &config.replace(one, &both));
    }

    /// All fixtures of both providers, some doubled, some forged.
    pub(crate) fn traffic(&self) {
        self.send("daily", "clinic-daily", "--duplicate-ratio 0.2 --forge-ratio 0.2");
        self.send("livekit", "school-livekit", "");
    }

    fn send(&self, fixtures: &str, source: &str, more: &str) {
        let fixtures = format!("{}/fixtures/{fixtures}", env!("CARGO_MANIFEST_DIR"));
        self.good(&format!(
            "hookgate send {fixtures} --to https://127.0.0.1:{} --tls-ca tls/gate.crt \
             --config hookgate.toml --source {source} {more}",
            self.public
        ));
    }

    /// A certificate that signs itself, and its key, for so many days.
    pub(crate) fn certificate(&self, name: &str, days: u32) {
        self.good(&format!(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days {days} \
             -keyout tls/{name}.key -out tls/{name}.crt -subj /CN=gate.example.invalid \
             -addext subjectAltName=IP:127.0.0.1 2>/dev/null && chmod 0400 tls/{name}.key"
        ));
    }

    /// Waits until the status is so; a filter of jq that says true.
    pub(crate) fn until(&self, filter: &str) {
        self.good(&format!(
            "for _ in {{1..1200}}; do hookgate status --json | jq -e '{filter}' >run/seen && exit; \
             sleep 0.05; done; cat run/seen; hookgate status; exit 1"
        ));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(self.path(name), text).unwrap();
        let owner_alone = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(self.path(name), owner_alone).unwrap();
    }

    /// A command that must end well; what it said.
    #[track_caller]
    pub(crate) fn good(&self, command: &str) -> String {
        let said = self.says(command);
        assert_eq!(said.code, Some(0), "{command}\n{}", said.text);
        said.text
    }

    /// A command in the folder, with an operator's token, as an operator's shell runs it.
    pub(crate) fn says(&self, command: &str) -> Said {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/stand-in");
        let usual = std::env::var("PATH").unwrap();
        let path = format!("{}:{}:{usual}", self.path("bin").display(), here.display());
        let script = format!("exec 2>&1\nset -o pipefail\n{command}");
        let output = Command::new("bash")
            .args(["-c", &script])
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env("STAGE", self.folder.path())
            .env("REAL_CURL", real_curl(&usual))
            .env("HOOKGATE_ADMIN", format!("http://127.0.0.1:{}", self.admin))
            .env("HOOKGATE_TOKEN_FILE", self.path("token"))
            .env("LC_ALL", "C.UTF-8")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .output();
        let output = output.expect("bash is there");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Said { code: output.status.code(), text }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let said = self.says("systemctl stop hookgate");
        if said.code != Some(0) && !std::thread::panicking() {
            panic!("the stage's gateway did not stop: {}", said.text);
        }
    }
}

fn real_curl(path: &str) -> PathBuf {
    let mut places = std::env::split_paths(path).map(|folder| folder.join("curl"));
    places.find(|place| place.is_file()).expect("curl is missing: apt-get install curl")
}
