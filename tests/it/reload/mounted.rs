//! Secrets in files, as Kubernetes mounts them: a reload reads what the swapped link leads to.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::gateway::{DAILY, DAILY_SECRET, OPERATOR, event};

use super::{Notebook, reloaded, signed_by};

const NEW_SECRET: &str = "CCECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A version of the mounted secret, which then is the one that is seen.
fn mount(folder: &Path, version: &str, secret: &str, token: &str) {
    let data = folder.join(version);
    std::fs::create_dir_all(&data).unwrap();
    let hex = bytes::Bytes::copy_from_slice(&Sha256::digest(token));
    for (file, text) in
        [("daily", format!("{secret}\n")), ("tokens", format!("olga:operator:{hex:x}\n"))]
    {
        std::fs::write(data.join(file), text).unwrap();
        let lent = std::fs::Permissions::from_mode(0o440);
        std::fs::set_permissions(data.join(file), lent).unwrap();
        if !folder.join(file).is_symlink() {
            symlink(Path::new("..data").join(file), folder.join(file)).unwrap();
        }
    }
    symlink(version, folder.join("..data_tmp")).unwrap();
    std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
}

#[tokio::test]
async fn secrets_and_tokens_of_a_mounted_folder_are_read_again_by_a_reload() {
    let (gate, notebook) = Notebook::start().await;
    let folder = gate.folder.path().join("mounted");
    mount(&folder, "..1", DAILY_SECRET, OPERATOR);
    let file = |name: &str| format!("{:?}", folder.join(name).to_str().unwrap());
    notebook.change("{ env = \"DAILY\" }", &format!("{{ file = {} }}", file("daily")));
    let admin = "listen = \"127.0.0.1:19080\"";
    notebook.change(admin, &format!("{admin}\ntoken_file = {}", file("tokens")));
    assert_eq!(reloaded(&gate).await.warnings, [""; 0]);
    let by = |secret: &str, id: &str| {
        signed_by((secret, None), DAILY, &event(DAILY, id), gate.clock.now())
    };
    gate.post(&by(DAILY_SECRET, "a")).await.is(200, "accepted");
    assert_eq!(gate.call(OPERATOR, "GET /admin/v1/status", "").await.status, 200);

    mount(&folder, "..2", NEW_SECRET, "another-token");
    // Not before the reload: what holds is what was checked.
    gate.post(&by(NEW_SECRET, "b")).await.is(401, "bad_signature");
    let told = reloaded(&gate).await;
    assert_eq!(told.changed, ["admin.token_file changed", "source.daily.secrets[0] changed"]);
    gate.post(&by(NEW_SECRET, "b")).await.is(200, "accepted");
    gate.post(&by(DAILY_SECRET, "c")).await.is(401, "bad_signature");
    assert_eq!(gate.call(OPERATOR, "GET /admin/v1/status", "").await.status, 401);
    assert_eq!(gate.call("another-token", "GET /admin/v1/status", "").await.status, 200);

    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(folder.join("..2/daily"), open).unwrap();
    let told = reloaded(&gate).await;
    let says = "mounted/daily is too open (mode 0644): everyone on this machine can get at it";
    assert_eq!(told.warnings.len(), 1, "{told:?}");
    assert!(told.warnings[0].contains(says), "{told:?}");
    assert_eq!(gate.app.desk().status().await.unwrap().warnings, told.warnings);
}
