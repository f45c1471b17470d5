//! The sealed file: where its key comes from, and that what can't be read is left as it is.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use age::secrecy::ExposeSecret;
use age::x25519::Identity;

use crate::env::sealed::{records, text};
use crate::env::{Env, Run, case_held};

/// A home with the file store and a sandbox connection in it, and the key it was sealed with.
fn sealed() -> (Env, Identity) {
    let key = Identity::generate();
    let env = Env::bare()
        .var("WEBEX_CONNECT_STORE", "file")
        .var("WEBEX_CONNECT_KEY", key.to_string().expose_secret());
    env.connect_sandbox();
    (env, key)
}

const STORE: &str = "data/webex-connect/store.age";

#[test]
fn the_file_is_private_and_opens_with_the_key_alone() {
    let (env, key) = sealed();
    let metadata = fs::metadata(env.path(STORE)).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    let directory = fs::metadata(env.path("data/webex-connect")).unwrap();
    assert_eq!(directory.permissions().mode() & 0o777, 0o700);
    let opened = age::decrypt(&key, &fs::read(env.path(STORE)).unwrap()).unwrap();
    let names: Vec<_> = records(&opened).into_keys().collect();
    assert_eq!(names, ["connection/sandbox", "default"]);
    assert!(
        !env.path("data/webex-connect/store.key").exists(),
        "the key stays in the variable"
    );
}

#[test]
fn the_key_may_stand_in_a_file_as_age_keygen_writes_it() {
    let (env, key) = sealed();
    let text = format!(
        "# created: today\n# public key: x\n{}\n",
        key.to_string().expose_secret()
    );
    let file = env.write("key", &text);
    let file = file.to_str().unwrap();
    let env = env
        .var("WEBEX_CONNECT_KEY", "")
        .var("WEBEX_CONNECT_KEY_FILE", file);
    assert_eq!(env.connections(), ["sandbox"]);
    fs::copy(env.path("key"), env.path("data/webex-connect/store.key")).unwrap();
    let env = env.var("WEBEX_CONNECT_KEY_FILE", "");
    assert_eq!(env.connections(), ["sandbox"]);
}

#[test]
fn without_a_key_a_login_names_every_source() {
    let env = Env::bare().var("WEBEX_CONNECT_STORE", "file");
    assert!(env.connections().is_empty(), "an absent file needs no key");
    env.run(["login", "--sandbox", "--approve"])
        .code(6)
        .stderr_has("there is no key for the sealed file")
        .stderr_has("WEBEX_CONNECT_KEY or WEBEX_CONNECT_KEY_FILE")
        .stderr_has("WEBEX_CONNECT_PASSPHRASE or WEBEX_CONNECT_PASSPHRASE_FILE")
        .stderr_has("store.key")
        .check();
    assert!(!env.path(STORE).exists());
}

#[test]
fn another_key_opens_nothing_and_changes_nothing() {
    let (env, _) = sealed();
    let before = fs::read(env.path(STORE)).unwrap();
    let other = Identity::generate().to_string();
    let env = env.var("WEBEX_CONNECT_KEY", other.expose_secret());
    env.run(["list"])
        .code(6)
        .stderr_has("it was sealed with another key")
        .secret(other.expose_secret())
        .check();
    env.run(["login", "x", "--sandbox", "--approve"])
        .code(6)
        .stderr_has("another key")
        .check();
    env.run(["logout", "sandbox"])
        .code(6)
        .stderr_has("another key")
        .check();
    let env = env.var("WEBEX_CONNECT_KEY", "AGE-SECRET-KEY-1NONSENSE");
    env.run(["list"])
        .code(6)
        .stderr_has("WEBEX_CONNECT_KEY holds no age identity")
        .secret("NONSENSE")
        .check();
    assert_eq!(fs::read(env.path(STORE)).unwrap(), before);
}

#[test]
fn a_damaged_file_is_refused_and_left_as_it_is() {
    let (env, _) = sealed();
    let whole = fs::read(env.path(STORE)).unwrap();
    let mut flipped = whole.clone();
    let last = flipped.len() - 40;
    flipped[last] ^= 1;
    for (case, bytes) in [
        ("cut short", &whole[..whole.len() / 2]),
        ("one bit flipped", &flipped[..]),
        ("empty", &[][..]),
        ("something else", b"hello"),
    ] {
        fs::write(env.path(STORE), bytes).unwrap();
        let run = env.run(["list"]).code(6).stderr_has("unreadable");
        // No key would mend it.
        let said = run.stderr_has("move it away and sign in again").check();
        assert!(!said.err().contains("KEY"), "{case}: {said}");
        env.run(["token", "sandbox"])
            .code(6)
            .stderr_has("unreadable")
            .check();
        env.run(["login", "--sandbox", "--approve"])
            .code(6)
            .stderr_has("unreadable")
            .check();
        assert_eq!(fs::read(env.path(STORE)).unwrap(), bytes, "{case}");
    }
}

/// Puts these records beside the connection that is there.
fn add(env: &Env, key: &Identity, added: &[(&str, &str)]) {
    let opened = age::decrypt(key, &fs::read(env.path(STORE)).unwrap()).unwrap();
    let mut map = records(&opened);
    map.extend(
        added
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
    );
    let sealed = age::encrypt(&key.to_public(), &text(&map)).unwrap();
    fs::write(env.path(STORE), sealed).unwrap();
}

#[test]
fn one_unreadable_record_is_named_and_the_others_are_listed() {
    let (env, key) = sealed();
    let newer = r#"{"schema":2,"record":"connection","canary":"c4n4ry"}"#;
    for (record, text, why) in [
        ("connection/newer", newer, "a newer version"),
        ("connection/empty", "", "corrupt"),
        ("connection/cut", r#"{"schema":1,"record":"conn"#, "corrupt"),
        ("connection/list", "[1]", "corrupt"),
        (
            "connection/other",
            r#"{"schema":1,"record":"default","name":"c4n4ry"}"#,
            "another name",
        ),
    ] {
        let name = record.trim_start_matches("connection/");
        add(&env, &key, &[(record, text)]);
        let before = fs::read(env.path(STORE)).unwrap();
        let listed = env
            .run(["list", "--json"])
            .code(6)
            .any_stdout()
            .stderr_has(record)
            .stderr_has(why)
            .secret("c4n4ry")
            .check();
        assert_eq!(listed.json()[0]["name"], "sandbox", "{listed}");
        env.run(["token", name])
            .code(6)
            .stderr_has(why)
            .secret("c4n4ry")
            .check();
        assert_eq!(fs::read(env.path(STORE)).unwrap(), before, "{record}");
        env.run(["logout", name]).any_stderr().check();
        assert_eq!(env.connections(), ["sandbox"]);
    }
}

#[test]
fn a_store_that_leads_elsewhere_is_refused() {
    let (env, _) = sealed();
    let kept = env.path("kept.age");
    fs::rename(env.path(STORE), &kept).unwrap();
    let victim = env.write("victim", "untouched");
    let refused = |case: &str, why: &str| {
        env.run(["list"]).code(6).stderr_has(why).within(5).check();
        env.run(["login", "x", "--sandbox", "--approve"])
            .code(6)
            .stderr_has("store.age")
            .within(5)
            .check();
        fs::remove_file(env.path(STORE))
            .or_else(|_| fs::remove_dir(env.path(STORE)))
            .unwrap_or_else(|e| panic!("{case}: {e}"));
    };
    symlink(&victim, env.path(STORE)).unwrap();
    refused("symbolic link", "store.age");
    fs::hard_link(&victim, env.path(STORE)).unwrap();
    refused("hard link", "second name");
    fs::create_dir(env.path(STORE)).unwrap();
    refused("directory", "not a regular file");
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        env.path(STORE),
        rustix::fs::Mode::from(0o600),
    )
    .unwrap();
    refused("FIFO", "not a regular file");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
    assert_eq!(fs::metadata(&victim).unwrap().nlink(), 1);
}

#[test]
#[cfg(target_os = "linux")]
fn without_a_keyring_nothing_but_sandbox_records_is_stored() {
    let env = Env::bare();
    env.connect_sandbox();
    let before = fs::read(env.path("data/webex-connect/sandbox.age")).unwrap();
    let listed = env.run(["list", "--json"]).any_stdout().check().json();
    assert_eq!(listed[0]["store"], "sandbox-file");
    // ST-15: a real login finds no place to keep anything, and says where there is one.
    env.run([
        "login",
        "real",
        "--client-id",
        "x",
        "--client-secret-stdin",
        "--no-browser",
    ])
    .stdin("s3cret")
    .code(6)
    .stderr_has("there is no keyring here")
    .stderr_has("`--store file`")
    .secret("s3cret")
    .check();
    assert_eq!(
        fs::read(env.path("data/webex-connect/sandbox.age")).unwrap(),
        before
    );
    case_held("ST-15 no keyring yet");
    // What is not in that file may be in the keyring that nobody can ask.
    for command in [
        &["token", "work"][..],
        &["logout", "work"],
        &["status", "work"],
    ] {
        env.run(command)
            .code(6)
            .stderr_has("there is no connection work in ")
            .stderr_has("no keyring here in which it could be")
            .stderr_has("`--store file`")
            .check();
    }
    // A keyring asked for by name has no stand-in.
    env.run(["login", "--sandbox", "--approve", "--store", "keyring"])
        .code(6)
        .stderr_has("no keyring")
        .check();
    env.run(["list"])
        .var("WEBEX_CONNECT_STORE", "nonsense")
        .code(2)
        .stderr_has("WEBEX_CONNECT_STORE")
        .check();
}

#[test]
#[cfg(target_os = "linux")]
fn without_a_keyring_every_command_says_so() {
    for address in [
        "",
        "unix:path=/nonexistent",
        "unix:path=/etc/passwd",
        "tcp:host=127.0.0.1,port=1",
    ] {
        let env = Env::bare().var("DBUS_SESSION_BUS_ADDRESS", address);
        for command in [&["list"][..], &["token"], &["token", "x"], &["logout", "x"]] {
            env.run(command)
                .code(6)
                .stderr_has("keyring")
                .stderr_has("`--store file`")
                .within(15)
                .check();
        }
    }
}

#[test]
fn a_killed_writer_leaves_no_temporary_file_for_long() {
    let (env, _) = sealed();
    env.write(
        "data/webex-connect/store.age.0123456789abcdef.new",
        "half a file",
    );
    env.run(["login", "x", "--sandbox", "--approve"])
        .any_stderr()
        .check();
    assert!(!env.has_temporary_files());
    assert_eq!(env.connections(), ["sandbox", "x"]);
}

/// A lock file that leads elsewhere, or that nobody answers, is refused like the store itself.
#[test]
fn a_lock_file_that_is_a_link_or_a_fifo_is_refused_at_once() {
    let (env, _) = sealed();
    let lock = env.path("data/webex-connect/store.lock");
    let refused = |env: &Env| {
        env.run(["login", "x", "--sandbox", "--approve"])
            .code(6)
            .stderr_has("could not use the lock file")
            .within(5)
            .check();
    };
    fs::remove_file(&lock).unwrap();
    let elsewhere = env.path("elsewhere");
    symlink(&elsewhere, &lock).unwrap();
    refused(&env);
    assert!(!elsewhere.exists());
    fs::remove_file(&lock).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &lock, rustix::fs::Mode::from(0o600)).unwrap();
    refused(&env);
    assert_eq!(env.connections(), ["sandbox"]);
}

/// ST-03: wherever the bus is said to be, there is none, and the way out is named.
#[test]
fn a_session_bus_that_is_not_there_is_an_absent_keyring() {
    let env = Env::bare();
    let file = format!("unix:path={}", env.write("bus", "").display());
    for address in [
        Some("unix:path=/nonexistent"),
        Some(file.as_str()),
        Some("tcp:host=127.0.0.1,port=1"),
        Some("no address"),
        None,
    ] {
        let mut command = env.command(["list"]);
        match address {
            Some(address) => command.env("DBUS_SESSION_BUS_ADDRESS", address),
            None => command.env_remove("DBUS_SESSION_BUS_ADDRESS"),
        };
        let listed = Run::new(command).code(6).any_stderr().within(15).check();
        assert_eq!(listed.out(), "", "ST-03 {address:?}");
        for words in ["there is no keyring here", "hint: ", "`--store file`"] {
            let says = listed.err().contains(words);
            assert!(says, "ST-03 {address:?}: {words}: {listed}");
        }
        assert!(
            !env.path("data/webex-connect").exists(),
            "ST-03 {address:?}"
        );
        case_held(format!("ST-03 {address:?}"));
    }
}

/// Nothing is read from, or written to, wherever the person stands.
#[test]
fn a_home_that_is_not_an_absolute_path_is_refused() {
    let env = Env::new();
    for home in [".", "rel", "../x"] {
        let mut command = env.command(["login", "--sandbox", "--approve"]);
        command
            .env("HOME", home)
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_STATE_HOME");
        let run = Run::new(command).code(6);
        run.stderr_has("`HOME` is not an absolute path")
            .stderr_has("hint: ")
            .check();
        assert!(!env.path(".local").exists() && !env.path("rel").exists());
    }
}

/// ST-16: the kernel's key retention forgets at a reboot. It is no store here, so nothing has to say so.
#[test]
fn the_kernels_keyutils_are_no_store() {
    let env = Env::bare();
    env.run(["list", "--store", "keyutils"])
        .code(2)
        .stderr_has("keyring, file")
        .check();
    case_held("ST-16 no such store");
}

/// Where the sandbox file would be is looked at only if it is meant.
#[test]
#[cfg(target_os = "linux")]
fn a_data_directory_that_can_not_be_entered_is_no_trouble_of_the_keyring() {
    let env = Env::bare();
    let file = env.write("file", "");
    let env = env.var("XDG_DATA_HOME", file);
    env.run(["list", "--store", "keyring"])
        .code(6)
        .stderr_has("there is no keyring here")
        .check();
    env.run(["list"])
        .code(6)
        .stderr_has("could not open")
        .check();
}

/// Another user could hold such a lock for as long as they like.
#[test]
fn modes_of_locks_and_a_strange_umask_keep_nobody_out_and_let_nobody_in() {
    use std::os::unix::fs::PermissionsExt;
    let (env, _) = sealed();
    let lock = env.path("data/webex-connect/store.lock");
    let loose = fs::Permissions::from_mode(0o666);
    fs::set_permissions(&lock, loose).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    env.run(["refresh"]).any_stderr().check();
    assert_eq!(mode(&lock), 0o600);

    let elsewhere = env.path("umask/of/the/caller");
    let env = env.var("XDG_DATA_HOME", elsewhere);
    let mut shell = env.program("sh");
    let login = "umask 0777; exec \"$0\" login --sandbox --approve";
    shell.args(["-c", login, env!("CARGO_BIN_EXE_webex-connect")]);
    Run::new(shell).any_stderr().check();
    for (path, expected) in [
        ("umask", 0o700),
        ("umask/of/the/caller/webex-connect", 0o700),
        ("umask/of/the/caller/webex-connect/store.age", 0o600),
        ("umask/of/the/caller/webex-connect/store.lock", 0o600),
    ] {
        assert_eq!(mode(&env.path(path)), expected, "{path}");
    }
}
