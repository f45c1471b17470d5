//! The key of the sealed file, itself sealed by a passphrase.

use std::fs;

use age::secrecy::{ExposeSecret, SecretString};

use crate::env::{Env, Terminal, case_held};

const PASSPHRASE: &str = "correct horse battery staple";
const KEY: &str = "data/webex-connect/store.key";
const STORE: &str = "data/webex-connect/store.age";

/// A home with the file store and no key.
pub fn keyless() -> Env {
    Env::bare().var("WEBEX_CONNECT_STORE", "file")
}

/// The same with a connection in it, made with the passphrase in a variable.
pub fn sealed() -> Env {
    let env = keyless();
    env.run(["login", "--sandbox", "--approve"])
        .var("WEBEX_CONNECT_PASSPHRASE", PASSPHRASE)
        .any_stderr()
        .check();
    env
}

fn is_sealed(env: &Env) -> bool {
    let key = fs::read(env.path(KEY)).unwrap_or_else(|e| panic!("{KEY}: {e}"));
    key.starts_with(b"age-encryption.org/v1\n-> scrypt ")
}

#[test]
fn a_passphrase_in_a_variable_makes_a_sealed_key_and_opens_it() {
    let env = sealed();
    assert!(is_sealed(&env));
    let text = fs::read(env.path(KEY)).unwrap();
    let text = String::from_utf8_lossy(&text);
    assert!(
        !text.contains("AGE-SECRET-KEY")
            && text
                .lines()
                .nth(1)
                .is_some_and(|line| line.ends_with(" 15"))
    );
    let listed = env
        .run(["list", "--json"])
        .var("WEBEX_CONNECT_PASSPHRASE", PASSPHRASE);
    assert_eq!(listed.any_stdout().check().json()[0]["name"], "sandbox");
    let file = env.write("passphrase", &format!("{PASSPHRASE}\n"));
    let listed = env
        .run(["list", "--json"])
        .var("WEBEX_CONNECT_PASSPHRASE_FILE", file.to_str().unwrap());
    assert_eq!(listed.any_stdout().check().json()[0]["name"], "sandbox");
}

#[test]
fn a_wrong_empty_or_missing_passphrase_opens_nothing_and_changes_nothing() {
    let env = sealed();
    let before = (
        fs::read(env.path(KEY)).unwrap(),
        fs::read(env.path(STORE)).unwrap(),
    );
    let empty = env.write("empty", "\n");
    for command in [
        &["list"][..],
        &["token"],
        &["login", "x", "--sandbox", "--approve"],
        &["logout", "sandbox"],
    ] {
        env.run(command)
            .var("WEBEX_CONNECT_PASSPHRASE", "correct horse")
            .code(6)
            .stderr_has("the passphrase does not open the key")
            .secret("correct horse")
            .within(10)
            .check();
        env.run(command)
            .var("WEBEX_CONNECT_PASSPHRASE", "")
            .code(6)
            .stderr_has("is sealed and there is no passphrase for it")
            .stderr_has("WEBEX_CONNECT_PASSPHRASE or WEBEX_CONNECT_PASSPHRASE_FILE")
            .check();
        env.run(command)
            .var("WEBEX_CONNECT_PASSPHRASE_FILE", empty.to_str().unwrap())
            .code(2)
            .stderr_has("is empty")
            .check();
    }
    assert_eq!(
        (
            fs::read(env.path(KEY)).unwrap(),
            fs::read(env.path(STORE)).unwrap()
        ),
        before
    );
}

/// ST-12: what stands in the arguments is read by every user of the machine.
#[test]
fn no_option_takes_a_passphrase() {
    sealed()
        .run(["list", "--passphrase", PASSPHRASE])
        .code(2)
        .stderr_has("unexpected argument")
        .check();
    case_held("ST-12 in the arguments");
}

/// ST-10: a header that asks for days of work is refused before any of it is done.
#[test]
fn a_key_that_asks_for_endless_work_is_not_tried() {
    let env = sealed();
    let whole = fs::read(env.path(KEY)).unwrap();
    let at = whole
        .windows(4)
        .position(|window| window == b" 15\n")
        .unwrap();
    let work = [&whole[..at], b" 40\n", &whole[at + 4..]].concat();
    fs::write(env.path(KEY), &work).unwrap();
    env.run(["list"])
        .var("WEBEX_CONNECT_PASSPHRASE", PASSPHRASE)
        .code(6)
        .stderr_has("asks for more scrypt work than 2^18")
        .stderr_has("`age -p`")
        .within(10)
        .check();
    assert_eq!(fs::read(env.path(KEY)).unwrap(), work);
}

#[test]
fn a_damaged_key_is_refused_and_left_as_it_is() {
    let env = sealed();
    let whole = fs::read(env.path(KEY)).unwrap();
    let mut damaged: Vec<Vec<u8>> = (64..whole.len())
        .step_by(64)
        .map(|cut| whole[..cut].to_vec())
        .collect();
    damaged.push({
        let mut flipped = whole.clone();
        let last = flipped.len() - 1;
        flipped[last] ^= 1;
        flipped
    });
    let mut corrupt = 0;
    for bytes in damaged {
        fs::write(env.path(KEY), &bytes).unwrap();
        let refused = env
            .run(["list"])
            .var("WEBEX_CONNECT_PASSPHRASE", PASSPHRASE)
            .code(6)
            .any_stderr()
            .within(10)
            .check();
        // No other passphrase helps where the file is damaged.
        if refused.err().contains("it is corrupt") {
            corrupt += 1;
            assert!(refused.err().contains("put a copy of it back"), "{refused}");
        }
        assert_eq!(fs::read(env.path(KEY)).unwrap(), bytes);
    }
    assert!(corrupt > 0);
}

#[test]
fn on_a_terminal_the_passphrase_is_chosen_twice_and_asked_for_later() {
    let env = keyless();
    let mut terminal = Terminal::run(&env, &["login", "--sandbox", "--approve"]);
    terminal
        .shows("Choose a passphrase")
        .types(&format!("{PASSPHRASE}\n"));
    terminal
        .shows("again")
        .types(&format!("{PASSPHRASE}\n"))
        .shows("connected sandbox");
    let (code, screen) = terminal.ends();
    assert_eq!(code, 0, "{screen}");
    assert!(
        !screen.contains(PASSPHRASE) && terminal.echoes(),
        "{screen}"
    );
    assert!(is_sealed(&env));

    let mut terminal = Terminal::run(&env, &["list"]);
    terminal
        .shows("Passphrase for")
        .types(&format!("{PASSPHRASE}\n"))
        .shows("ready");
    assert_eq!(terminal.ends().0, 0);

    let mut terminal = Terminal::run(&env, &["list"]);
    terminal
        .shows("Passphrase for")
        .types("\n")
        .shows("does not open the key");
    assert_eq!(terminal.ends().0, 6);
}

#[test]
fn two_passphrases_that_differ_store_nothing() {
    let env = keyless();
    let mut terminal = Terminal::run(&env, &["login", "--sandbox", "--approve"]);
    terminal
        .shows("Choose a passphrase")
        .types("one\n")
        .shows("again")
        .types("two\n")
        .shows("differ");
    assert_eq!(terminal.ends().0, 2);
    assert!(!env.path(KEY).exists() && !env.path(STORE).exists());
}

#[test]
fn no_passphrase_makes_a_plain_key_that_only_its_owner_reads() {
    use std::os::unix::fs::PermissionsExt;
    let env = keyless();
    let mut terminal = Terminal::run(&env, &["login", "--sandbox", "--approve"]);
    terminal
        .shows("Choose a passphrase")
        .types("\n")
        .shows("connected sandbox");
    assert_eq!(terminal.ends().0, 0);
    let metadata = fs::metadata(env.path(KEY)).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(env.connections(), ["sandbox"]);
}

#[test]
fn ctrl_c_at_the_prompt_gives_the_terminal_back() {
    let env = keyless();
    let mut terminal = Terminal::run(&env, &["login", "--sandbox", "--approve"]);
    terminal.shows("Choose a passphrase").types("half\u{3}");
    let (code, screen) = terminal.ends();
    assert_eq!(code, 130, "{screen}");
    assert!(terminal.echoes() && !screen.contains("half"), "{screen}");
    assert!(!env.path(KEY).exists());
}

/// The file is in a public format: its key is changed with nothing of ours.
#[test]
fn the_key_can_be_changed_by_sealing_the_file_anew() {
    let env = sealed();
    let mut lock = age::scrypt::Identity::new(SecretString::from(PASSPHRASE));
    lock.set_max_work_factor(18);
    let old = age::decrypt(&lock, &fs::read(env.path(KEY)).unwrap()).unwrap();
    let old: age::x25519::Identity = String::from_utf8(old).unwrap().trim().parse().unwrap();
    let records = age::decrypt(&old, &fs::read(env.path(STORE)).unwrap()).unwrap();
    let new = age::x25519::Identity::generate();
    fs::write(
        env.path(STORE),
        age::encrypt(&new.to_public(), &records).unwrap(),
    )
    .unwrap();
    let key = new.to_string();
    let env = env.var("WEBEX_CONNECT_KEY", key.expose_secret());
    assert_eq!(env.connections(), ["sandbox"]);
    let env = env
        .var("WEBEX_CONNECT_KEY", "")
        .var("WEBEX_CONNECT_PASSPHRASE", PASSPHRASE);
    env.run(["list"])
        .code(6)
        .stderr_has("it was sealed with another key")
        .check();
}
