//! The systemd units, by systemd.

use std::process::Command;

use crate::tools::{PROGRAM, bad, good, text};

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
