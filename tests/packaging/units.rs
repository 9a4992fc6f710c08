//! The systemd units, by systemd.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use crate::tools::{PROGRAM, bad, good, named_below, text};

/// Of 100; systemd says "OK" up to about 30 and "exposed" from 70 on. What is left is the network that
/// a gateway is for, and that its limit on open files can be raised.
const EXPOSURE_MAX: u32 = 13;

/// A folder with the units, whose program is there.
fn units() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["hookgate.service", "hookgate.socket"] {
        let unit = text(&format!("deploy/{name}"));
        // The manual is installed with the package; nothing else is changed.
        let unit = unit.replace("/usr/bin/hookgate", PROGRAM).replace("Documentation=man:", "#");
        std::fs::write(folder.path().join(name), unit).unwrap();
    }
    folder
}

fn verified(folder: &tempfile::TempDir) -> Command {
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no", "--recursive-errors=no"]);
    command.args(["hookgate.service", "hookgate.socket"].map(|name| folder.path().join(name)));
    command
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let folder = units();
    let output = crate::tools::ran(&mut verified(&folder));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    // It does look: a word that it does not know is told.
    let path = folder.path().join("hookgate.service");
    let unit = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, unit.replace("PrivateTmp=", "PrivateTemp=")).unwrap();
    let output = crate::tools::ran(&mut verified(&folder));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Unknown key") && said.contains("PrivateTemp"), "{said}");
}

#[test]
fn the_service_is_hardly_exposed() {
    let folder = units();
    let security = |threshold: u32| {
        let mut command = Command::new("systemd-analyze");
        command.args(["security", "--offline=true", "--no-pager"]);
        command.arg(format!("--threshold={threshold}")).arg(folder.path().join("hookgate.service"));
        command
    };
    good(&mut security(EXPOSURE_MAX));
    assert!(bad(&mut security(1)).contains("Overall exposure level"), "it does measure");
}

#[test]
fn a_gateway_that_fails_at_once_neither_closes_its_port_nor_spins() {
    let value = |unit: &str, key: &str| {
        let unit = text(&format!("deploy/{unit}"));
        let key = format!("\n{key}=");
        unit.split_once(&key).map(|(_, rest)| rest.lines().next().unwrap().to_owned())
    };
    let never = Some("0".to_owned());
    assert_eq!(value("hookgate.socket", "TriggerLimitIntervalSec"), never);
    assert_eq!(value("hookgate.service", "StartLimitIntervalSec"), never);
    let after = value("hookgate.service", "ExecStopPost").unwrap();
    // As systemd hands it on: without its own quotes, and with one $ for two.
    let script = after.strip_prefix("/bin/sh -c '").unwrap().strip_suffix('\'').unwrap();
    let script = script.replace("$$", "$");
    let ran = |result: &str| {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &script.replace("sleep 2", "echo paused")]);
        good(shell.env("SERVICE_RESULT", result))
    };
    assert_eq!(ran("success"), "", "a restart is not held up");
    for failure in ["exit-code", "signal", "timeout", "core-dump", "protocol"] {
        assert_eq!(ran(failure), "paused\n", "{failure}");
    }
}

/// What the program is told of a configuration by the script that stands for the unit.
#[test]
fn verbs_in_a_shell_see_the_secrets_as_the_unit_will() {
    const CREDENTIALS: &str = "/run/credentials/hookgate.service/secret_";
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let config = text("deploy/debian/hookgate.toml");
    std::fs::write(path("hookgate.toml"), &config).unwrap();
    let put = |name: &str, of: &str| {
        std::fs::write(path("secrets").join(name), of).unwrap();
        std::fs::set_permissions(path("secrets").join(name), Permissions::from_mode(0o400))
            .unwrap();
    };
    std::fs::create_dir(path("secrets")).unwrap();
    put("daily", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    put("identity", "ERERERERERERERERERERERERERERERERERERERERERE=");
    let script = text("deploy/with-credentials");
    let here = path("secrets").display().to_string();
    std::fs::write(path("script"), script.replace("/etc/hookgate/secrets", &here)).unwrap();
    std::fs::set_permissions(path("script"), Permissions::from_mode(0o700)).unwrap();
    let run = |words: &[&str]| {
        let mut command = Command::new(path("script"));
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").args(words);
        command
    };
    let check = path("hookgate.toml").display().to_string();
    let check = [PROGRAM, "check-config", "--config", &check];
    // A link is passed over, as systemd passes it over.
    symlink(path("secrets").join("identity"), path("secrets").join("pseudonym")).unwrap();
    let said = bad(&mut run(&check));
    assert!(said.contains("secret_pseudonym") && said.contains("1 mistake"), "{said}");
    std::fs::remove_file(path("secrets").join("pseudonym")).unwrap();
    put("pseudonym", "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=");
    let said = good(&mut run(&check));
    assert!(said.contains("is good: 1 source, 0 warnings"), "{said}");
    let seen = good(&mut run(&["ls", "/run/credentials/hookgate.service"]));
    assert_eq!(seen, "secret_daily\nsecret_identity\nsecret_pseudonym\n");
    let there = |name: &String| std::path::Path::new(&format!("{CREDENTIALS}{name}")).exists();
    let named = named_below(&config, CREDENTIALS);
    assert!(named.len() >= 3 && !named.iter().any(there), "nobody else sees them");
    assert_eq!(crate::tools::ran(&mut run(&[])).status.code(), Some(2));
}

#[test]
fn a_group_can_be_lent_to_the_service_for_a_certificate_s_key() {
    let folder = units();
    let path = folder.path().join("hookgate.service");
    let unit = std::fs::read_to_string(&path).unwrap();
    let lent = unit.replace("\n#SupplementaryGroups=", "\nSupplementaryGroups=");
    assert_ne!(lent, unit, "not by itself: without the group nothing starts");
    std::fs::write(&path, lent).unwrap();
    let output = crate::tools::ran(&mut verified(&folder));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    // A key of root's and of that group is read by a user who has the group besides, also in a user
    // namespace in which neither has a name (PrivateUsers=).
    assert!(unit.contains("\nPrivateUsers=yes\n"));
    let read = |mode: u32, groups: &str| {
        let key = folder.path().join("gate.key");
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        std::fs::write(&key, "a key").unwrap();
        std::os::unix::fs::chown(&key, None, Some(60_777)).unwrap();
        std::fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid=60123", "--regid=60123", groups, "unshare", "--user", "cat"]);
        command.arg(key);
        command
    };
    assert_eq!(good(&mut read(0o440, "--groups=60777")), "a key");
    bad(&mut read(0o400, "--groups=60777"));
    bad(&mut read(0o440, "--clear-groups"));
}
