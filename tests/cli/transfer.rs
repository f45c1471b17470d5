//! `export` on one machine and `import` on another.

use std::fs;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::env::{CLIENT_ID, CLIENT_SECRET, Env, Handover, Login, Run, Sandbox, redirect_uri};

fn token(env: &Env, name: &str) -> String {
    env.run(["token", name]).any_stdout().check().out()
}

/// Nothing of any sort stands in this home's store.
fn is_empty(env: &Env) {
    assert!(env.connections().is_empty());
    env.run(["app", "list", "--json"]).stdout("[]\n").check();
}

#[test]
fn an_exported_connection_works_on_the_other_machine() {
    let handover = Handover::new(&[]);
    let to = handover.key.to_public().to_string();
    let exported = handover
        .exporting(&[])
        .any_stdout()
        .stderr_has(&format!(
            "sealed work (sandbox.person@example.com) to {to}\n"
        ))
        .stderr_has("in it: the access token, good until ")
        .stderr_has(", the refresh token, and the app work with its client secret\n")
        .stderr_has("both machines now hold one grant")
        .check();
    handover.shows_no_secret(&exported);
    let sealed = exported.out();
    assert!(
        sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n")
            && sealed.ends_with("-----END AGE ENCRYPTED FILE-----\n"),
        "{sealed}"
    );

    let base = &handover.sandbox.base;
    let imported = handover
        .importing(&sealed, &[])
        .stderr_has("connection   work\naccount      sandbox.person@example.com\norganisation ")
        .stderr_has(&format!(
            "environment  custom ({base})\napp          work, client ID {CLIENT_ID}, with its client secret\n\
             granted      12 scopes\naccess token until "
        ))
        .stderr_has("\nrefresh      until ")
        .stderr_has("store.age\nnext: `webex-connect status work --live`\n")
        .check();
    handover.shows_no_secret(&imported);
    assert_eq!(
        token(&handover.there, "work"),
        token(&handover.here, "work")
    );
}

#[test]
fn json_tells_what_travels_and_what_came() {
    let handover = Handover::new(&[]);
    let exported = handover
        .exporting(&["--json"])
        .any_stdout()
        .any_stderr()
        .check();
    handover.shows_no_secret(&exported);
    let event: serde_json::Value = serde_json::from_str(&exported.err()).unwrap_or_default();
    assert_eq!(
        event,
        json!({
            "event": "export",
            "name": "work",
            "to": handover.key.to_public().to_string(),
            "access_token": true,
            "refresh_token": true,
            "client_secret": true,
        })
    );
    let imported = handover
        .importing(&exported.out(), &["--json", "--name", "Nightly"])
        .any_stdout()
        .any_stderr()
        .check();
    handover.shows_no_secret(&imported);
    let event: serde_json::Value = serde_json::from_str(&imported.err()).unwrap_or_default();
    assert_eq!(event["event"], "import");
    assert_eq!(event["name"], "Nightly");
    assert_eq!(event["identity"]["email"], "sandbox.person@example.com");
    assert_eq!(event["api_base"], handover.sandbox.base.as_str());
    assert_eq!(event["client_id"], CLIENT_ID);
    assert_eq!(event["client_secret"], true);
    assert_eq!(event["refresh_token"], true);
    let listed = handover.there.run(["list", "--json"]).any_stdout().check();
    let listed = listed.json();
    assert_eq!(imported.json(), listed[0]);
    assert_eq!(listed[0]["name"], "Nightly");
    assert_eq!(listed[0]["default"], true);
    assert_eq!(listed[0]["state"], "ready");
    assert_eq!(listed[0]["app"]["name"], "work");
}

#[test]
fn what_was_imported_is_refreshed_with_the_app_that_came_along() {
    // Every token is stale when it comes.
    let mut handover = Handover::new(&["--expires-in", "0"]);
    let sealed = handover.exported(&[]);
    handover.importing(&sealed, &[]).any_stderr().check();
    let before = handover.refreshes();
    let first = token(&handover.there, "work");
    assert_ne!(first, token(&handover.there, "work"));
    assert_eq!(handover.refreshes(), before + 2);
    // Its own app, to sign in again with.
    let apps = handover
        .there
        .run(["app", "list", "--json"])
        .any_stdout()
        .check();
    assert_eq!(apps.json()[0]["name"], "work");
    assert_eq!(apps.json()[0]["used_by"], json!(["work"]));
}

#[test]
fn access_only_lends_the_token_and_nothing_to_get_another_with() {
    let mut handover = Handover::new(&[]);
    let exported = handover
        .exporting(&["--access-only"])
        .any_stdout()
        .stderr_has("in it: the access token, good until ")
        .stderr_has(", and no way to get another\n")
        .check();
    let told = exported.err();
    assert!(!told.contains("one grant"), "{exported}");
    let inside = handover.opened(&exported.out()).to_string();
    let [access_token, refresh_token, client_secret] = &handover.secrets[..] else {
        panic!("{:?}", handover.secrets.len());
    };
    assert!(inside.contains(access_token.as_str()), "{inside}");
    assert!(!inside.contains(refresh_token.as_str()), "{inside}");
    assert!(!inside.contains(client_secret.as_str()), "{inside}");

    handover
        .importing(&exported.out(), &["--name", "lent"])
        .stderr_has("app          none\n")
        .stderr_has("refresh      none: the access token can't be replaced\n")
        .check();
    let there = &handover.there;
    assert_eq!(token(there, "lent").trim_end(), access_token);
    there.run(["app", "list", "--json"]).stdout("[]\n").check();
    let listed = there.run(["list", "--json"]).any_stdout().check().json();
    assert_eq!(listed[0]["auth_type"], "access_token");
    assert_eq!(listed[0]["app"], serde_json::Value::Null);
    assert_eq!(
        listed[0]["refresh_token_expires_at"],
        serde_json::Value::Null
    );
    // Once it is over there is nothing to be done without a person, and nobody is asked.
    there.edit_records(|_, record| {
        if let Some(expires_at) = record.pointer_mut("/tokens/expires_at") {
            *expires_at = "2020-01-01T00:00:00Z".into();
        }
    });
    let asked = handover.sandbox.requests().len();
    let there = &handover.there;
    there
        .run(["token", "lent"])
        .code(4)
        .stderr_has("lent can't be refreshed")
        .check();
    assert_eq!(handover.sandbox.requests().len(), asked);
}

#[test]
fn access_only_refreshes_a_stale_token_before_it_lends_it() {
    let mut handover = Handover::new(&["--expires-in", "0"]);
    let before = handover.refreshes();
    let sealed = handover.exported(&["--access-only"]);
    assert_eq!(handover.refreshes(), before + 1);
    let lent = handover.opened(&sealed)["connection"]["tokens"]["access_token"].clone();
    assert_ne!(lent, handover.secrets[0].as_str());
}

#[test]
fn a_move_into_nothing_gives_nothing_away() {
    let handover = Handover::new(&[]);
    for nothing in [">/dev/null", ">&-"] {
        let mut command = handover.here.program("/bin/sh");
        let line = format!("exec \"$0\" export work --to \"$1\" --move {nothing}");
        let to = handover.key.to_public().to_string();
        command.args(["-c", &line, env!("CARGO_BIN_EXE_webex-connect"), &to]);
        let run = Run::new(command).code(2);
        run.stderr_has("standard output goes nowhere, and work would be lost")
            .check();
        assert_eq!(handover.here.connections(), ["work"], "{nothing}");
    }
}

#[test]
fn a_move_leaves_nothing_behind_and_revokes_nothing() {
    let mut handover = Handover::new(&[]);
    let given = token(&handover.here, "work");
    let exported = handover
        .exporting(&["--move"])
        .any_stdout()
        .stderr_has("removed work from ")
        .stderr_has("its grant lives on with whoever opens the export\n")
        .check();
    assert!(!exported.err().contains("one grant"), "{exported}");
    assert!(handover.here.connections().is_empty());
    handover
        .here
        .run(["token"])
        .code(4)
        .stderr_has("there is no connection yet")
        .check();
    let asked = handover.sandbox.requests();
    let revoked = asked.iter().any(|entry| {
        entry["path"]
            .as_str()
            .is_some_and(|path| path.contains("revoke"))
    });
    assert!(!revoked, "{asked:?}");
    handover
        .importing(&exported.out(), &[])
        .any_stderr()
        .check();
    assert_eq!(token(&handover.there, "work"), given);
    handover
        .there
        .run(["status", "--live"])
        .any_stdout()
        .check();
    handover
        .importing(&exported.out(), &["--name", "again"])
        .any_stderr()
        .check();
    handover
        .exporting(&["--move", "--access-only"])
        .code(2)
        .stderr_has("cannot be used with")
        .check();
}

#[test]
#[cfg(target_os = "linux")]
fn what_was_not_written_whole_is_not_given_away() {
    use std::process::Stdio;

    let handover = Handover::new(&[]);
    let to = handover.key.to_public().to_string();
    let export = |more: &[&str]| {
        let args = [&["export", "work", "--to", to.as_str()], more].concat();
        handover.here.command(args)
    };
    for more in [&[][..], &["--move"], &["--access-only"]] {
        let full = fs::File::options().write(true).open("/dev/full");
        let full = full.unwrap_or_else(|e| panic!("/dev/full: {e}"));
        let output = export(more).stdout(Stdio::from(full)).output();
        let output = output.unwrap_or_else(|e| panic!("{e}"));
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{more:?}: {told}");
        let first = told.lines().next().unwrap_or_default();
        let begins = "error: could not write to standard output: ";
        assert!(first.starts_with(begins), "{more:?}: {told}");
        assert_eq!(handover.here.connections(), ["work"], "{more:?}");
    }
    for (more, code, said) in [
        (&[][..], 0, ""),
        (
            &["--move"],
            1,
            "error: the reader of standard output went away; work stays here\n\
             hint: write it to a file first, and pass that on\n",
        ),
    ] {
        let (reader, writer) = std::io::pipe().unwrap_or_else(|e| panic!("a pipe: {e}"));
        drop(reader);
        let output = export(more).stdout(Stdio::from(writer)).output();
        let output = output.unwrap_or_else(|e| panic!("{e}"));
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{more:?}: {told}");
        assert_eq!(told, said, "{more:?}");
        assert_eq!(handover.here.connections(), ["work"], "{more:?}");
    }
}

#[test]
fn what_could_not_be_removed_is_said_to_be_still_here() {
    let handover = Handover::new(&[]);
    handover.here.block_writes();
    let exported = handover
        .exporting(&["--move"])
        .code(6)
        .any_stdout()
        .stderr_has("in it: the access token")
        .stderr_has("error: work was exported and is still here: could not use the lock file")
        .check();
    assert!(exported.out().starts_with("-----BEGIN AGE"), "{exported}");
    assert_eq!(handover.here.connections(), ["work"]);
}

#[test]
fn only_an_age_recipient_is_sealed_to() {
    let handover = Handover::new(&[]);
    let export = |to: &str| {
        let run = handover.here.run(["export", "work", "--to", to]).code(2);
        run.stderr_has("`age-keygen -o ci.key` makes an identity")
    };
    for to in [
        "",
        "jane@example.com",
        "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN",
        "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq",
    ] {
        export(to)
            .stderr_has("that is no age recipient (age1…)")
            .check();
    }
    // The secret half, by mistake.
    let identity = Identity::generate().to_string();
    export(identity.expose_secret())
        .stderr_has("that is an age identity, which is secret, and no recipient")
        .secret(identity.expose_secret())
        .check();
    handover
        .here
        .run(["export", "work"])
        .code(2)
        .stderr_has("--to")
        .check();
    let to = handover.key.to_public().to_string();
    handover
        .here
        .run(["export", "other", "--to", &to])
        .code(4)
        .stderr_has("there is no connection other")
        .check();
}

#[test]
fn without_its_app_a_connection_can_only_be_lent() {
    let handover = Handover::new(&[]);
    handover
        .here
        .run(["app", "remove", "work", "--force"])
        .any_stderr()
        .check();
    handover
        .exporting(&[])
        .code(8)
        .stderr_has("the app work that work needs is not stored")
        .check();
    handover.exporting(&["--move"]).code(8).any_stderr().check();
    assert_eq!(handover.here.connections(), ["work"]);
    handover
        .exporting(&["--access-only"])
        .any_stdout()
        .any_stderr()
        .check();
}

#[test]
fn a_provided_app_stays_where_it_is_provided() {
    let uri = redirect_uri();
    let provided = |env: Env| {
        env.var("WEBEX_CONNECT_CLIENT_ID", CLIENT_ID)
            .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
            .var("WEBEX_CONNECT_REDIRECT_URI", &uri)
    };
    let here = provided(Env::new());
    let sandbox = Sandbox::with(&here, &uri, &["--expires-in", "0"]);
    let args = ["work", "--no-browser", "--api-base", &sandbox.base];
    let mut login = Login::again(&here, &uri, &args);
    let callback = login.consent("allow");
    login.deliver(&callback);
    let finished = login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");

    let key = Identity::generate();
    let to = key.to_public().to_string();
    let exported = here
        .run(["export", "work", "--to", &to])
        .any_stdout()
        .stderr_has(", and the refresh token\n")
        .stderr_has(&format!(
            "the same one has to be provided, client ID {CLIENT_ID}\n"
        ))
        .secret(CLIENT_SECRET)
        .check();
    let inside = age::decrypt(&key, exported.out().as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    assert!(!String::from_utf8_lossy(&inside).contains(CLIENT_SECRET));

    let there = Env::new();
    there.write("ci.key", key.to_string().expose_secret());
    let import = [
        "import",
        "--identity",
        "ci.key",
        "--api-base",
        &sandbox.base,
    ];
    there
        .run(import)
        .stdin(&exported.out())
        .stderr_has(&format!(
            "app          client ID {CLIENT_ID}, without a client secret\n"
        ))
        .stderr_has("warning: work can't be refreshed here: work was made with an app provided to this machine")
        .check();
    there.run(["token"]).code(8).any_stderr().check();
    let there = provided(there);
    there.run(["token"]).any_stdout().check();
}

#[test]
fn a_sandbox_connection_travels_to_a_machine_without_a_keyring() {
    let key = Identity::generate().to_string();
    let to = key.expose_secret().parse::<Identity>();
    let to = to.unwrap_or_else(|e| panic!("{e}")).to_public().to_string();
    let here = Env::new();
    here.connect_sandbox();
    let exported = here
        .run(["export", "sandbox", "--to", &to])
        .any_stdout()
        .any_stderr()
        .check();
    assert!(!exported.err().contains("not in it"), "{exported}");
    let sealed = exported.out();
    let there = Env::bare().var("WEBEX_CONNECT_KEY", key.expose_secret());
    there
        .run(["import"])
        .stdin(&sealed)
        .stderr_has("environment  sandbox (embedded)\n")
        .stderr_has("there is no keyring here; the sandbox connection is kept in ")
        .stderr_has("sandbox.age\n")
        .check();
    let used = there.run(["token", "sandbox"]).any_stdout();
    let used = used.stderr_has("there is no keyring here").check();
    assert_eq!(used.out(), token(&here, "sandbox"));
    there
        .run(["status", "--live"])
        .any_stdout()
        .any_stderr()
        .check();

    // A real one has no business in that file.
    let handover = Handover::new(&[]);
    let sealed = handover.exported(&[]);
    let there = Env::bare();
    there.write("ci.key", handover.key.to_string().expose_secret());
    let base = handover.sandbox.base.as_str();
    there
        .run(["import", "--identity", "ci.key", "--api-base", base])
        .stdin(&sealed)
        .code(6)
        .stderr_has("keyring")
        .check();
}

#[test]
fn the_identity_comes_from_where_the_sealed_files_key_may_come_from() {
    let handover = Handover::new(&[]);
    let sealed = handover.exported(&[]);
    let identity = handover.key.to_string();
    let file = handover.there.write(
        "as-keygen-writes-it",
        &format!(
            "# created: today\n# public key: {}\n{}\n",
            handover.key.to_public(),
            identity.expose_secret()
        ),
    );
    let file = file.display().to_string();
    let there = &handover.there;
    let import = || {
        let args = [
            "import",
            "--api-base",
            &handover.sandbox.base,
            "--store",
            "keyring",
        ];
        // The keyring that is not there: it is only asked once the export is open and in order.
        there.run(args).stdin(&sealed).code(6).stderr_has("keyring")
    };
    import()
        .var("WEBEX_CONNECT_KEY", identity.expose_secret())
        .check();
    import()
        .var("WEBEX_CONNECT_KEY", "")
        .var("WEBEX_CONNECT_KEY_FILE", &file)
        .check();
    let other = Identity::generate().to_string();
    there
        .run(["import"])
        .stdin(&sealed)
        .var("WEBEX_CONNECT_KEY", other.expose_secret())
        .var("WEBEX_CONNECT_KEY_FILE", &file)
        .code(2)
        .stderr_has("the export was sealed to another key than that of age1")
        .secret(other.expose_secret())
        .check();
    there
        .run(["import"])
        .stdin(&sealed)
        .var("WEBEX_CONNECT_KEY", "")
        .code(2)
        .stderr_has("there is no identity to open the export with")
        .stderr_has("`--identity FILE` or WEBEX_CONNECT_KEY_FILE")
        .check();
    for (name, code, said) in [
        ("nowhere", 2, "could not open nowhere"),
        ("data", 2, "it is not a regular file"),
        ("not-one", 6, "not-one holds no age identity"),
    ] {
        there.write("not-one", "c4n4ry");
        there
            .run(["import", "--identity", name])
            .stdin(&sealed)
            .code(code)
            .stderr_has(said)
            .secret("c4n4ry")
            .check();
    }
    let identity = other.expose_secret();
    there
        .run(["import", "--identity", identity])
        .stdin(&sealed)
        .code(2)
        .stderr_has("that is an age identity, which is secret, and no file with one")
        .secret(identity)
        .check();
    is_empty(there);
}

/// systemd's `LoadCredential=webex-connect-key:…`: after the two variables, before the file beside the store.
#[test]
fn the_key_may_be_a_systemd_credential() {
    let key = Identity::generate().to_string();
    let env = Env::bare().var("WEBEX_CONNECT_STORE", "file");
    let credentials = env.path("credentials");
    fs::create_dir(&credentials).unwrap_or_else(|e| panic!("{e}"));
    let env = env.var("CREDENTIALS_DIRECTORY", &credentials);
    // A service may have credentials and none for us.
    env.run(["login", "--sandbox", "--approve"])
        .code(6)
        .stderr_has("or as the systemd credential webex-connect-key")
        .check();
    env.write("credentials/webex-connect-key", key.expose_secret());
    env.connect_sandbox();
    assert!(!env.path("data/webex-connect/store.key").exists());
    assert_eq!(env.connections(), ["sandbox"]);

    // With another key in each other place: which one wins shows in whether the file opens.
    let other = Identity::generate().to_string();
    env.write("data/webex-connect/store.key", other.expose_secret());
    assert_eq!(env.connections(), ["sandbox"]);
    let other_file = env.write("other", other.expose_secret());
    let listing = |name: &str, value: &str| {
        let run = env.run(["list"]).var(name, value).code(6);
        run.stderr_has("it was sealed with another key").check();
    };
    listing("WEBEX_CONNECT_KEY", other.expose_secret());
    listing("WEBEX_CONNECT_KEY_FILE", &other_file.display().to_string());
    listing("CREDENTIALS_DIRECTORY", "/nonexistent");
    env.write("credentials/webex-connect-key", "c4n4ry");
    env.run(["list"])
        .code(6)
        .stderr_has("webex-connect-key holds no age identity")
        .secret("c4n4ry")
        .check();
}

#[test]
fn what_is_newer_here_is_kept() {
    let mut handover = Handover::new(&[]);
    let sealed = handover.exported(&[]);
    handover.importing(&sealed, &[]).any_stderr().check();
    // The same text again, as a job that runs again would: as good as new.
    handover.importing(&sealed, &[]).any_stderr().check();
    handover.there.edit_records(|_, record| {
        if let Some(tokens) = record.get_mut("tokens") {
            tokens["access_token"] = "newer-token".into();
            let obtained_at = Timestamp::now() + SignedDuration::from_mins(2);
            tokens["obtained_at"] = obtained_at.to_string().into();
        }
    });
    handover.secrets.clear();
    handover
        .importing(&sealed, &[])
        .stderr_has("warning: work is newer here than in the export, and was kept as it is\n")
        .check();
    assert_eq!(token(&handover.there, "work"), "newer-token\n");
}

#[test]
fn what_webex_has_ended_is_no_gift() {
    let mut handover = Handover::new(&["--expires-in", "0"]);
    let sealed = handover.exported(&[]);
    handover.importing(&sealed, &[]).any_stderr().check();
    handover.sandbox = handover.sandbox.restarted(&handover.here);
    let here = &handover.here;
    here.run(["token"]).code(4).any_stderr().check();
    let ended = handover
        .exporting(&[])
        .any_stdout()
        .stderr_has("warning: work needs a new sign-in; what is exported now may be of no use\n")
        .check()
        .out();
    let before = handover.store_there();
    handover
        .importing(&ended, &[])
        .code(9)
        .stderr_has(
            "work is in order, and what the export holds needs a new sign-in; nothing was stored",
        )
        .check();
    assert!(handover.store_there() == before);
    // Where nothing works any more either, there is nothing to lose.
    let there = &handover.there;
    there.run(["token"]).code(4).any_stderr().check();
    let allowed = ["--allow-other-identity"];
    handover.importing(&ended, &allowed).any_stderr().check();
    handover.importing(&sealed, &allowed).any_stderr().check();
}

/// Who reads a connection to hand it over, or to replace it, waits for a refresh that is under way.
#[test]
#[cfg(target_os = "linux")]
fn a_connection_that_is_being_changed_is_waited_for() {
    use std::time::{Duration, Instant};

    use crate::env::process::Process;

    let handover = Handover::new(&[]);
    let sealed = handover.exported(&[]);
    handover.importing(&sealed, &[]).any_stderr().check();
    let newer = |env: &Env| {
        env.edit_records(|_, record| {
            if let Some(tokens) = record.get_mut("tokens") {
                tokens["access_token"] = "from-meanwhile".into();
                let obtained_at = Timestamp::now() + SignedDuration::from_mins(2);
                tokens["obtained_at"] = obtained_at.to_string().into();
            }
        });
    };
    let meanwhile = |env: &Env, args: &[&str], stdin: &str| {
        let path = env.path("data/webex-connect/connection-work.lock");
        let lock = fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        lock.lock().unwrap_or_else(|e| panic!("{e}"));
        let waiting = Process::spawn(env.command(args), stdin.as_bytes());
        // A second thread is the one that waits for the lock.
        let until = Instant::now() + Duration::from_secs(60);
        while waiting.status("Threads") < 2 {
            assert!(Instant::now() < until, "{args:?} does not wait");
            std::thread::sleep(Duration::from_millis(5));
        }
        newer(env);
        drop(lock);
        waiting.finish()
    };
    let to = handover.key.to_public().to_string();
    let exported = meanwhile(&handover.here, &["export", "work", "--to", &to], "");
    let inside = handover.opened(&exported.out());
    assert_eq!(
        inside["connection"]["tokens"]["access_token"],
        "from-meanwhile"
    );
    let base = &handover.sandbox.base;
    let import = ["import", "--identity", "ci.key", "--api-base", base];
    let imported = meanwhile(&handover.there, &import, &sealed);
    assert_eq!(imported.code, Some(0), "{imported}");
    assert_eq!(token(&handover.there, "work"), "from-meanwhile\n");
}

#[test]
#[cfg(target_os = "linux")]
fn an_import_from_a_terminal_says_what_it_reads() {
    let env = Env::new();
    let mut terminal = crate::env::Terminal::run(&env, &["import"]);
    terminal
        .shows("error:")
        .shows("an export is read from standard input, and that is a terminal");
    terminal.shows("`webex-connect import <work.age`");
    assert_eq!(terminal.ends().0, 2);
}

#[test]
fn a_first_real_connection_takes_the_default_from_the_sandbox() {
    let handover = Handover::new(&[]);
    let there = &handover.there;
    there.connect_sandbox();
    let sealed = handover.exported(&[]);
    handover.importing(&sealed, &[]).any_stderr().check();
    handover
        .importing(&sealed, &["--name", "second"])
        .any_stderr()
        .check();
    let defaults: Vec<_> = {
        let listed = there.run(["list", "--json"]).any_stdout().check().json();
        let rows = listed.as_array().cloned().unwrap_or_default();
        rows.iter()
            .map(|row| (row["name"].clone(), row["default"].clone()))
            .collect()
    };
    assert_eq!(
        json!(defaults),
        json!([["sandbox", false], ["second", false], ["work", true]])
    );
}
