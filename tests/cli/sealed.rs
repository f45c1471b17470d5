//! The sealed file and its key in hostile hands, and a change of key by the tools of the format.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use age::secrecy::{ExposeSecret, SecretString};
use age::x25519::Identity;
use rustix::fs::{CWD, Mode, mkfifoat};

use crate::env::process::Process;
use crate::env::sealed;
use crate::env::{Env, case_held};

const STORE: &str = "data/webex-connect/store.age";
const KEY: &str = "data/webex-connect/store.key";
const PASSPHRASE: &str = "correct horse battery staple";

/// A home with a sandbox connection in the file, and the key it was sealed with, which stands in a variable.
fn sealed() -> (Env, Identity) {
    let key = Identity::generate();
    let env = Env::bare()
        .var("WEBEX_CONNECT_STORE", "file")
        .var("WEBEX_CONNECT_KEY", key.to_string().expose_secret());
    (connected(env), key)
}

/// The same with the key in `store.key`, sealed by the passphrase, which stands in a variable.
fn sealed_by_passphrase() -> Env {
    let env = Env::bare().var("WEBEX_CONNECT_STORE", "file");
    connected(env.var("WEBEX_CONNECT_PASSPHRASE", PASSPHRASE))
}

fn connected(env: Env) -> Env {
    env.connect_sandbox();
    env
}

fn bytes(env: &Env, name: &str) -> Vec<u8> {
    fs::read(env.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn put(env: &Env, name: &str, bytes: &[u8]) {
    fs::write(env.path(name), bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
}

/// The key in `store.key`.
fn opened_key(env: &Env, passphrase: &str) -> Identity {
    let mut lock = age::scrypt::Identity::new(SecretString::from(passphrase));
    lock.set_max_work_factor(18);
    let text = age::decrypt(&lock, &bytes(env, KEY)).unwrap_or_else(|e| panic!("{KEY}: {e}"));
    let text = String::from_utf8_lossy(&text);
    text.trim().parse().unwrap_or_else(|e| panic!("{KEY}: {e}"))
}

fn sealed_key(key: &Identity, passphrase: &str, work_factor: u8) -> Vec<u8> {
    let mut lock = age::scrypt::Recipient::new(SecretString::from(passphrase));
    lock.set_work_factor(work_factor);
    age::encrypt(&lock, key.to_string().expose_secret().as_bytes())
        .unwrap_or_else(|e| panic!("sealing a key: {e}"))
}

/// ST-04: what the key opens, and is no map of records.
#[test]
fn a_sealed_file_that_holds_something_else_is_refused_and_left_as_it_is() {
    let (env, key) = sealed();
    let huge = format!("{{\"connection/sandbox\":\"{}", "c4n4ry".repeat(900_000));
    for (case, text) in [
        ("empty", &b""[..]),
        ("not UTF-8", b"{\"connection/sandbox\":\"c4n4ry\xff\xfe\"}"),
        ("cut short", b"{\"connection/sandbox\":\"c4n4ry"),
        ("a list", b"[\"c4n4ry\"]"),
        (
            "numbers for records",
            b"{\"connection/sandbox\":1,\"c4n4ry\":2}",
        ),
        (
            "a number below none",
            b"{\"connection/sandbox\":-1}\nc4n4ry\n",
        ),
        ("a number and more", b"{\"connection/sandbox\":9}\nc4n4ry\n"),
        (
            "numbers without end",
            b"{\"a\":18446744073709551615,\"connection/sandbox\":6}\nc4n4ry\nc4n4ry\n",
        ),
        ("NUL bytes", &[0; 4096]),
        ("5 MiB", huge.as_bytes()),
    ] {
        let file = age::encrypt(&key.to_public(), text).unwrap_or_else(|e| panic!("{case}: {e}"));
        put(&env, STORE, &file);
        for command in [
            &["list"][..],
            &["token", "sandbox"],
            &["status"],
            &["logout", "sandbox"],
            &["login", "--sandbox", "--approve"],
        ] {
            let run = env.run(command).code(6).within(15);
            // Raw, in hex, in Base64 and as a list of numbers.
            let run = run.secret("c4n4ry").secret("63346e347279");
            let run = run.secret("YzRuNHJ5").secret("99, 52, 110");
            run.stderr_has("store.age is unreadable: it is corrupt")
                .check();
            assert!(
                bytes(&env, STORE) == file,
                "ST-04 {case}: {command:?} wrote"
            );
        }
        case_held(format!("ST-04 file: {case}"));
    }
}

/// ST-04: one record among others, as an empty text, NUL bytes or megabytes.
#[test]
fn a_record_that_is_none_is_named_and_not_shown() {
    let (env, key) = sealed();
    let records = age::decrypt(&key, &bytes(&env, STORE)).unwrap_or_else(|e| panic!("{e}"));
    let records = sealed::records(&records);
    let huge = "c4n4ry".repeat(900_000);
    for (case, text) in [
        ("empty", ""),
        ("NUL bytes", "\0\0\0\0"),
        ("a number", "17"),
        ("another type", r#"{"schema":"c4n4ry"}"#),
        ("5 MiB", &huge),
    ] {
        let mut records = records.clone();
        records.insert("connection/other".to_owned(), text.to_owned());
        let file = age::encrypt(&key.to_public(), &sealed::text(&records));
        let file = file.unwrap_or_else(|e| panic!("{case}: {e}"));
        put(&env, STORE, &file);
        for command in ["token", "status"] {
            env.run([command, "other"])
                .code(6)
                .stderr_has("the stored record connection/other is unreadable")
                .secret("c4n4ry")
                .check();
        }
        let listed = env.run(["list", "--json"]).code(6).any_stdout();
        let listed = listed.stderr_has("connection/other").secret("c4n4ry");
        let listed = listed.check().json();
        assert_eq!(listed[0]["name"], "sandbox", "ST-04 {case}: {listed}");
        assert_eq!(listed[1], serde_json::Value::Null, "ST-04 {case}");
        assert!(bytes(&env, STORE) == file, "ST-04 {case}: written to");
        case_held(format!("ST-04 record: {case}"));
    }
}

/// Earlier versions wrote an index under the empty name.
#[test]
fn a_file_with_an_index_is_read_and_written_without_it() {
    let (env, key) = sealed();
    let opened = age::decrypt(&key, &bytes(&env, STORE)).unwrap_or_else(|e| panic!("{e}"));
    let records = sealed::records(&opened);
    let mut indexed = records.clone();
    indexed.insert(String::new(), r#"{"connection/sandbox":9}"#.to_owned());
    let file = age::encrypt(&key.to_public(), &sealed::text(&indexed));
    put(&env, STORE, &file.unwrap_or_else(|e| panic!("{e}")));
    env.run(["check", "sandbox"]).any_stdout().check();
    assert_eq!(env.connections(), ["sandbox"]);
    env.run(["rename", "sandbox", "other"])
        .any_stdout()
        .any_stderr()
        .check();
    let opened = age::decrypt(&key, &bytes(&env, STORE)).unwrap_or_else(|e| panic!("{e}"));
    let keys: Vec<String> = sealed::records(&opened).into_keys().collect();
    assert!(keys.iter().any(|key| key == "connection/other"), "{keys:?}");
    assert!(!keys.contains(&String::new()), "{keys:?}");
}

/// ST-08: in place of the file, of its key and of the temporary file beside it.
#[test]
fn nothing_but_a_file_of_ours_is_read_or_written() {
    let env = sealed_by_passphrase();
    let victim = env.write("victim", "untouched");
    for name in [STORE, KEY] {
        let path = env.path(name);
        let kept = env.path("kept");
        fs::rename(&path, &kept).unwrap_or_else(|e| panic!("{name}: {e}"));
        let refused = |case: &str| {
            for command in [
                &["list"][..],
                &["login", "x", "--sandbox", "--approve"],
                &["logout", "sandbox"],
            ] {
                env.run(command)
                    .code(6)
                    .stderr_has(name)
                    .within(5)
                    .secret("untouched")
                    .check();
            }
            fs::remove_file(&path)
                .or_else(|_| fs::remove_dir(&path))
                .unwrap_or_else(|e| panic!("ST-08 {case}: {e}"));
            case_held(format!("ST-08 {name}: {case}"));
        };
        symlink(&victim, &path).unwrap_or_else(|e| panic!("{e}"));
        refused("symbolic link");
        symlink("/dev/zero", &path).unwrap_or_else(|e| panic!("{e}"));
        refused("link to a device");
        fs::hard_link(&victim, &path).unwrap_or_else(|e| panic!("{e}"));
        refused("hard link");
        fs::create_dir(&path).unwrap_or_else(|e| panic!("{e}"));
        refused("directory");
        mkfifoat(CWD, &path, Mode::from(0o600)).unwrap_or_else(|e| panic!("{e}"));
        refused("FIFO");
        let socket = UnixListener::bind(&path).unwrap_or_else(|e| panic!("{e}"));
        refused("socket");
        drop(socket);
        fs::rename(&kept, &path).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    // Whoever plants a link where the next version is written gets nothing, and changes nothing.
    symlink(&victim, env.path(format!("{STORE}.new"))).unwrap_or_else(|e| panic!("{e}"));
    env.run(["login", "x", "--sandbox", "--approve"])
        .any_stderr()
        .check();
    assert_eq!(env.connections(), ["sandbox", "x"]);
    let untouched = fs::read_to_string(&victim).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(untouched, "untouched");
}

/// ST-10: a bit flipped in every eighth byte, and an end at every 64 bytes.
#[test]
fn a_file_that_was_damaged_anywhere_is_refused_and_left_as_it_is() {
    let (env, _) = sealed();
    let whole = bytes(&env, STORE);
    let cut = (0..whole.len()).step_by(64).map(|at| whole[..at].to_vec());
    let flipped = (0..whole.len()).step_by(8).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at / 8 % 8);
        bytes
    });
    for (nth, damaged) in cut.chain(flipped).enumerate() {
        put(&env, STORE, &damaged);
        // Anything of what was inside would stand on stdout.
        let run = env.run(["list", "--json"]).code(6).within(10);
        run.stderr_json("store_unreadable").check();
        assert!(bytes(&env, STORE) == damaged, "ST-10: written to");
        case_held(format!("ST-10 damage {nth}"));
    }
    put(&env, STORE, &whole);
    assert_eq!(env.connections(), ["sandbox"]);
}

/// ST-10: the cost of opening a key is bounded. 2^18 is what the `age` program asks for, and more is not tried.
#[test]
fn a_key_may_cost_what_the_age_program_asks_for_and_no_more() {
    let env = sealed_by_passphrase();
    let key = opened_key(&env, PASSPHRASE);
    put(&env, KEY, &sealed_key(&key, "another one", 18));
    let mut command = env.command(["list", "--json"]);
    command.env("WEBEX_CONNECT_PASSPHRASE", "another one");
    let listing = Process::spawn(command, b"");
    let memory = listing.watch_memory();
    let listed = listing.finish();
    assert_eq!(listed.json()[0]["name"], "sandbox", "{listed}");
    let most = memory.join().unwrap_or_else(|_| panic!("watching memory"));
    assert!(most < 512 * 1024, "ST-10: {most} KiB");

    let text = String::from_utf8_lossy(&bytes(&env, KEY)).into_owned();
    let Some(stanza) = text.lines().nth(1) else {
        panic!("no stanza: {text:?}");
    };
    let salt = stanza.split(' ').nth(2).unwrap_or_default();
    for harder in [
        format!("-> scrypt {salt} 19"),
        format!("-> scrypt {salt} 40"),
        format!("-> scrypt {salt} 255"),
        format!("-> argon2 {salt} 2147483648"),
    ] {
        let whole = bytes(&env, KEY);
        let rest = &whole[whole
            .iter()
            .position(|b| *b == b'\n')
            .map_or(0, |at| at + 1)..];
        let rest = &rest[stanza.len()..];
        let hostile = [b"age-encryption.org/v1\n", harder.as_bytes(), rest].concat();
        put(&env, KEY, &hostile);
        env.run(["list"])
            .code(6)
            .stderr_has("store.key")
            .within(10)
            .check();
        assert!(bytes(&env, KEY) == hostile, "ST-10 {harder}: written to");
        case_held(format!("ST-10 {}", &harder[harder.len() - 3..]));
        put(&env, KEY, &whole);
    }
}

/// As `age -d store.key | age -p` does it; ours is sealed with 2^15.
#[test]
fn the_passphrase_can_be_changed_with_the_age_program() {
    let env = sealed_by_passphrase();
    let key = opened_key(&env, PASSPHRASE);
    let store = bytes(&env, STORE);
    for (passphrase, work_factor) in [("a new one", 10), ("and another", 16)] {
        put(&env, KEY, &sealed_key(&key, passphrase, work_factor));
        env.run(["list"])
            .code(6)
            .stderr_has("the passphrase does not open the key")
            .check();
        let listed = env.run(["list", "--json"]).any_stdout();
        let listed = listed.var("WEBEX_CONNECT_PASSPHRASE", passphrase).check();
        assert_eq!(listed.json()[0]["name"], "sandbox", "{listed}");
        assert!(bytes(&env, STORE) == store, "the records were written");
    }
    // Out of its seal it opens without any passphrase.
    put(&env, KEY, key.to_string().expose_secret().as_bytes());
    let env = env.var("WEBEX_CONNECT_PASSPHRASE", "");
    assert_eq!(env.connections(), ["sandbox"]);
}

/// The variable comes before the file beside the store, be it the right key or another.
#[test]
fn a_key_in_a_variable_takes_the_place_of_the_key_file() {
    let env = sealed_by_passphrase();
    let key = opened_key(&env, PASSPHRASE).to_string();
    let key_file = bytes(&env, KEY);
    // Whoever has the key needs no passphrase, nor the file.
    let env = env
        .var("WEBEX_CONNECT_PASSPHRASE", "")
        .var("WEBEX_CONNECT_KEY", key.expose_secret());
    assert_eq!(env.connections(), ["sandbox"]);
    fs::remove_file(env.path(KEY)).unwrap_or_else(|e| panic!("{KEY}: {e}"));
    env.run(["login", "x", "--sandbox", "--approve"])
        .any_stderr()
        .check();
    assert!(!env.path(KEY).exists(), "a key file was made beside it");

    put(&env, KEY, &key_file);
    let store = bytes(&env, STORE);
    let env = env.var("WEBEX_CONNECT_PASSPHRASE", PASSPHRASE).var(
        "WEBEX_CONNECT_KEY",
        Identity::generate().to_string().expose_secret(),
    );
    for command in [&["list"][..], &["login", "x", "--sandbox", "--approve"]] {
        env.run(command)
            .code(6)
            .stderr_has("it was sealed with another key")
            .check();
    }
    assert!(bytes(&env, STORE) == store && bytes(&env, KEY) == key_file);
    let env = env.var("WEBEX_CONNECT_KEY", "");
    assert_eq!(env.connections(), ["sandbox", "x"]);
}

/// Without its key the file is not begun anew.
#[test]
fn a_file_whose_key_is_gone_is_left_as_it_is() {
    let env = sealed_by_passphrase();
    fs::remove_file(env.path(KEY)).unwrap_or_else(|e| panic!("{KEY}: {e}"));
    let store = bytes(&env, STORE);
    for command in [&["list"][..], &["login", "x", "--sandbox", "--approve"]] {
        env.run(command)
            .code(6)
            .stderr_has("there is no key for the sealed file")
            .stderr_has("put its key back at ")
            .stderr_has("without that key, move the file away and sign in again")
            .check();
    }
    assert!(bytes(&env, STORE) == store && !env.path(KEY).exists());
}
