//! `import` of what is damaged, foreign or sealed by somebody who means harm: anybody can seal to a recipient.

use serde_json::{Value, json};

use crate::env::process::Process;
use crate::env::{CLIENT_ID, CLIENT_SECRET, Handover, OTHER_CLIENT};

/// Refused with this exit code, and the store is as it was.
fn refused(handover: &Handover, case: &str, sealed: &str, more: &[&str], code: i32) -> String {
    let before = handover.store_there();
    let run = handover.importing(sealed, more).code(code).any_stderr();
    let finished = run.secret("c4n4ry").check();
    handover.shows_no_secret(&finished);
    let told = finished.err();
    assert!(told.contains("\nhint: "), "{case}: {finished}");
    assert!(handover.store_there() == before, "{case}: wrote");
    told
}

#[test]
fn a_text_that_was_damaged_anywhere_stores_nothing() {
    let handover = Handover::new(&[]);
    let whole = handover.exported(&[]);
    let damaged = |at: usize| {
        let mut bytes = whole.clone().into_bytes();
        bytes[at] = match bytes[at] {
            b'A' => b'B',
            _ => b'A',
        };
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let step = whole.len() / 24;
    for at in (0..whole.len()).step_by(step) {
        // In the part that is meant for the key, damage looks like another key.
        refused(&handover, &format!("byte {at}"), &damaged(at), &[], 2);
    }
    let cut = (step..whole.len() - 40)
        .step_by(step)
        .map(|at| whole[..at].to_owned());
    // As `echo $SECRET` without quotes has it.
    let unquoted = whole.replace('\n', " ");
    let twice = whole.repeat(2);
    let others = [unquoted, twice, "no export at all".to_owned()];
    for sealed in cut.chain(others) {
        let told = refused(&handover, &sealed, &sealed, &[], 2);
        let begins = "error: standard input is no sealed export, or a damaged one\n";
        assert!(told.starts_with(begins), "{told}: {sealed}");
        assert!(
            told.contains("`printf '%s\\n' \"$SECRET\" | webex-connect import`"),
            "{told}"
        );
    }
    assert!(handover.store_there().is_empty());
}

#[test]
fn what_secret_stores_do_to_white_space_is_no_damage() {
    let handover = Handover::new(&[]);
    let whole = handover.exported(&[]);
    for sealed in [
        whole.trim_end().to_owned(),
        format!("\n  {whole}\n \n"),
        whole.replace('\n', "\r\n"),
    ] {
        handover.importing(&sealed, &[]).any_stderr().check();
    }
    // Without armor, as `age` writes it.
    let text = handover.opened(&whole).to_string();
    let bytes = age::encrypt(&handover.key.to_public(), text.as_bytes());
    let bytes = bytes.unwrap_or_else(|e| panic!("sealing: {e}"));
    let base = handover.sandbox.base.as_str();
    let args = ["import", "--identity", "ci.key", "--api-base", base];
    let command = handover.there.command(args);
    let finished = Process::spawn(command, &bytes).finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    assert_eq!(handover.there.connections(), ["work"]);
}

#[test]
fn nothing_and_too_much_are_refused() {
    let handover = Handover::new(&[]);
    for (case, sealed, said) in [
        ("nothing", String::new(), "standard input is empty"),
        (
            "white space",
            " \r\n\n".to_owned(),
            "standard input is empty",
        ),
        (
            "a megabyte and a byte",
            "A".repeat(1024 * 1024 + 1),
            "standard input is larger than any export",
        ),
    ] {
        let told = refused(&handover, case, &sealed, &[], 2);
        assert!(told.contains(said), "{case}: {told}");
    }
}

#[test]
fn what_is_no_export_of_this_version_stores_nothing() {
    let handover = Handover::new(&[]);
    let whole = handover.opened(&handover.exported(&[]));
    let no_export = "what was sealed is no export of webex-connect";
    let with = |pointer: &str, value: Value| {
        let mut payload = whole.clone();
        if let Some(place) = payload.pointer_mut(pointer) {
            *place = value;
        }
        payload.to_string()
    };
    for (case, text, said) in [
        ("empty", String::new(), no_export),
        ("no JSON", "c4n4ry".to_owned(), no_export),
        ("a list", "[\"c4n4ry\"]".to_owned(), no_export),
        (
            "no kind",
            json!({"schema": 1, "connection": whole["connection"]}).to_string(),
            no_export,
        ),
        (
            "a stored record",
            with("/kind", json!("connection")),
            no_export,
        ),
        (
            "a schema in words",
            with("/schema", json!("c4n4ry")),
            no_export,
        ),
        (
            "no schema that ever was",
            with("/schema", json!(0)),
            "its schema is none",
        ),
        (
            "a newer schema",
            with("/schema", json!(2)),
            "a newer version of webex-connect made this export",
        ),
        (
            "a newer schema of another shape",
            json!({"kind": "webex-connect export", "schema": 2, "sealed": "c4n4ry"}).to_string(),
            "a newer version of webex-connect made this export",
        ),
        (
            "no connection",
            with("/connection", json!(null)),
            "a record is incomplete",
        ),
        (
            "a number for a connection",
            with("/connection", json!(17)),
            "a record is incomplete",
        ),
    ] {
        let told = refused(&handover, case, &handover.sealed(text.as_bytes()), &[], 2);
        assert!(told.contains(said), "{case}: {told}");
    }
    assert!(handover.store_there().is_empty());
}

/// Each value that a login would not have taken from Webex or from the command line.
#[test]
fn what_no_login_would_have_stored_is_not_imported_either() {
    let handover = Handover::new(&[]);
    let whole = handover.exported(&[]);
    let tokens = "/connection/tokens";
    for (case, pointer, value) in [
        ("empty token", "access_token", json!("")),
        (
            "header injection",
            "access_token",
            json!("c4n4ry\r\nX-Evil: 1"),
        ),
        ("shell", "access_token", json!("'; touch c4n4ry; '")),
        ("NUL", "access_token", json!("c4n4ry\u{0}")),
        ("escape", "access_token", json!("\u{1b}]52;c;c4n4ry\u{7}")),
        ("endless", "access_token", json!("A".repeat(16 * 1024 + 1))),
        ("no token", "access_token", json!(null)),
        ("empty refresh token", "refresh_token", json!("")),
        (
            "refresh token with a space",
            "refresh_token",
            json!("c4n4ry c4n4ry"),
        ),
        (
            "refresh token with a line",
            "refresh_token",
            json!("c4n4ry\n"),
        ),
        ("expiry in words", "expires_at", json!("c4n4ry")),
        (
            "expiry beyond time",
            "expires_at",
            json!("99999-01-01T00:00:00Z"),
        ),
    ] {
        let pointer = format!("{tokens}/{pointer}");
        let forged = handover.forged(&whole, |payload| *at(payload, &pointer) = value);
        refused(&handover, case, &forged, &[], 2);
    }
    for (case, pointer, value) in [
        ("a path for a name", "/connection/name", json!("../c4n4ry")),
        ("an option for a name", "/connection/name", json!("-c4n4ry")),
        (
            "escape in a name",
            "/connection/name",
            json!("c4n4ry\u{1b}[2J"),
        ),
        (
            "a scope with a control",
            "/connection/grant/granted",
            json!(["c4n4ry\u{1b}"]),
        ),
        (
            "a scope with a space",
            "/connection/grant/requested",
            json!(["c4n4ry c"]),
        ),
        ("another type", "/connection/auth_type", json!("c4n4ry")),
        (
            "the provided type with an own app",
            "/connection/auth_type",
            json!("authorization_code"),
        ),
        (
            "a token with an app",
            "/connection/auth_type",
            json!("access_token"),
        ),
        (
            "a file",
            "/connection/environment",
            json!({"custom": "file:///c4n4ry"}),
        ),
        (
            "plain http",
            "/connection/environment",
            json!({"custom": "http://c4n4ry.example/v1"}),
        ),
        (
            "user and password",
            "/connection/environment",
            json!({"custom": "https://u:c4n4ry@h/v1"}),
        ),
        (
            "Webex in disguise",
            "/connection/environment",
            json!({"custom": "https://webexapis.com/v1"}),
        ),
        (
            "the sandbox with an app",
            "/connection/environment",
            json!("sandbox"),
        ),
        (
            "a redirect elsewhere",
            "/connection/app/redirect_uri",
            json!("https://c4n4ry.example/"),
        ),
        (
            "an open redirect",
            "/app/redirect_uri",
            json!("http://0.0.0.0:1/c4n4ry"),
        ),
        (
            "a client ID in two lines",
            "/connection/app/client_id",
            json!("c4n4ry\nC"),
        ),
        ("another client's app", "/app/client_id", json!("c4n4ry")),
        ("another name's app", "/app/name", json!("c4n4ry")),
        (
            "another environment's app",
            "/app/environment",
            json!("webex"),
        ),
        ("an app without a secret", "/app/client_secret", json!("")),
        (
            "an app with a secret in lines",
            "/app/client_secret",
            json!("c4n4ry\n"),
        ),
        ("no app for a refresh token", "/app", json!(null)),
        ("an app for nobody", "/connection/app", json!(null)),
        (
            "an app for no refresh token",
            "/connection/tokens/refresh_token",
            json!(null),
        ),
    ] {
        let forged = handover.forged(&whole, |payload| {
            if pointer == "/connection/environment" {
                *at(payload, "/app/environment") = value.clone();
            }
            *at(payload, pointer) = value;
        });
        refused(&handover, case, &forged, &[], 2);
    }
    let forged = handover.forged(&whole, |payload| {
        *at(payload, "/connection/app/name") = json!("provided");
        *at(payload, "/app/name") = json!("provided");
    });
    refused(&handover, "the provided app's name", &forged, &[], 2);
    assert!(handover.store_there().is_empty());
}

#[test]
fn revisions_and_marks_of_another_machine_mean_nothing_here() {
    let handover = Handover::new(&[]);
    let forged = handover.forged(&handover.exported(&[]), |payload| {
        *at(payload, "/connection/revision") = json!(u64::MAX);
        *at(payload, "/app/revision") = json!(u64::MAX);
    });
    handover.importing(&forged, &[]).any_stderr().check();
    handover.importing(&forged, &[]).any_stderr().check();
    handover.there.edit_records(|name, record| match name {
        "connection/work" => assert_eq!(record["revision"], 2),
        "app/work" => assert_eq!(record["revision"], 1),
        _ => {}
    });
}

#[test]
fn tokens_lead_to_another_server_only_where_the_command_line_repeats_it() {
    let handover = Handover::new(&[]);
    let sealed = handover.exported(&[]);
    let base = handover.sandbox.base.as_str();
    let refused = |sealed: &str, more: &[&str], said: &str| {
        let run = handover.importing_blindly(sealed, more).code(9);
        run.stderr_has("nothing was stored")
            .stderr_has(said)
            .check();
        assert!(handover.store_there().is_empty(), "{more:?}");
    };
    refused(
        &sealed,
        &[],
        &format!("the same command with `--api-base {base}`"),
    );
    // Not another path, port or host, nor one of Webex's own.
    for other in [
        "http://127.0.0.1/v1",
        "https://webexapis.com/v1",
        "http://127.0.0.1:1/v1",
        &format!("{base}/x"),
        &base.replace("127.0.0.1", "localhost"),
    ] {
        refused(
            &sealed,
            &["--api-base", other],
            "the export belongs to http://127.0.0.1",
        );
    }
    let evil = handover.forged(&sealed, |payload| {
        let evil = json!({"custom": "https://webexapis.com.evil.example/v1"});
        *at(payload, "/connection/environment") = evil.clone();
        *at(payload, "/app/environment") = evil;
    });
    refused(
        &evil,
        &[],
        "would be sent to https://webexapis.com.evil.example/v1, which is not Webex",
    );
    refused(
        &evil,
        &["--api-base", base],
        "the export belongs to https://webexapis.com.evil.example/v1",
    );
    let webex = handover.forged(&sealed, |payload| {
        *at(payload, "/connection/environment") = json!("webex");
        *at(payload, "/app/environment") = json!("webex");
    });
    refused(&webex, &["--api-base", base], "the export belongs to webex");
    handover
        .importing_blindly(&sealed, &["--api-base", "ftp://x"])
        .code(2)
        .stderr_has("--api-base takes an https URL")
        .check();
    let with_slash = format!("{base}/");
    handover
        .importing_blindly(&sealed, &["--api-base", &with_slash])
        .any_stderr()
        .check();
    // What belongs to Webex needs no word.
    handover
        .importing_blindly(&webex, &["--name", "real", "--app-name", "real"])
        .stderr_has("environment  webex (https://webexapis.com/v1)\n")
        .check();
    assert_eq!(handover.there.connections(), ["real", "work"]);
}

#[test]
fn what_is_shown_of_it_moves_no_cursor() {
    let handover = Handover::new(&[]);
    let forged = handover.forged(&handover.exported(&[]), |payload| {
        *at(payload, "/connection/identity/email") = json!("a\u{1b}[2J\nconnected evil\u{202e}");
        *at(payload, "/connection/identity/org_id") = json!("o\r\u{9b}31m\nerror: ");
    });
    let finished = handover
        .importing(&forged, &[])
        .stderr_has("account      a\u{fffd}[2J\u{fffd}connected evil\u{fffd}\n")
        .stderr_has("organisation o\u{fffd}\u{fffd}31m\u{fffd}error:\n")
        .check();
    let lines = finished.err();
    let controls = |c: char| c != '\n' && c.is_control();
    assert!(
        !lines.contains(controls) && !lines.contains('\u{202e}'),
        "{lines:?}"
    );
}

#[test]
fn another_account_takes_nothing_over_unasked() {
    let handover = Handover::new(&[]);
    let sealed = handover.exported(&[]);
    handover.importing(&sealed, &[]).any_stderr().check();
    for (case, pointer) in [
        ("another person", "/connection/identity/id"),
        ("another organisation", "/connection/identity/org_id"),
    ] {
        let other = handover.forged(&sealed, |payload| {
            *at(payload, pointer) = json!("someone-else");
            *at(payload, "/connection/identity/email") = json!("mallory@example.com");
        });
        let told = refused(&handover, case, &other, &[], 9);
        assert!(told.contains("mallory@example.com"), "{case}: {told}");
        assert!(
            told.contains("the same command with `--name NAME`"),
            "{case}: {told}"
        );
        handover
            .importing(&other, &["--name", "other"])
            .any_stderr()
            .check();
        handover.there.run(["logout", "other"]).any_stderr().check();
        handover
            .importing(&other, &["--allow-other-identity"])
            .any_stderr()
            .check();
        handover
            .importing(&sealed, &["--allow-other-identity"])
            .any_stderr()
            .check();
    }
    // Nobody knows who it is.
    let unknown = handover.forged(&sealed, |payload| {
        *at(payload, "/connection/identity") = json!(null);
    });
    handover
        .importing(&unknown, &[])
        .code(9)
        .stderr_has("could not tell whether work still belongs to")
        .check();
}

#[test]
fn only_the_expected_account_is_imported() {
    let handover = Handover::new(&[]);
    let sealed = handover.exported(&[]);
    let told = refused(
        &handover,
        "another",
        &sealed,
        &["--expect-user", "jane@example.com"],
        9,
    );
    assert!(
        told.contains("not jane@example.com; nothing was stored"),
        "{told}"
    );
    let unknown = handover.forged(&sealed, |payload| {
        *at(payload, "/connection/identity") = json!(null);
    });
    let told = refused(
        &handover,
        "unknown",
        &unknown,
        &["--expect-user", "jane@example.com"],
        9,
    );
    assert!(
        told.contains("could not tell whether jane@example.com"),
        "{told}"
    );
    assert!(handover.store_there().is_empty());
    handover
        .importing(&sealed, &["--expect-user", "Sandbox.Person@example.com"])
        .any_stderr()
        .check();
}

#[test]
fn a_connection_loses_nothing_unasked() {
    let handover = Handover::new(&[]);
    let sealed = handover.exported(&[]);
    handover.importing(&sealed, &[]).any_stderr().check();
    let fewer = handover.forged(&sealed, |payload| {
        *at(payload, "/connection/grant/granted") = json!(["spark:people_read"]);
    });
    let told = refused(&handover, "fewer scopes", &fewer, &[], 9);
    assert!(told.contains("missing: spark:memberships_read"), "{told}");
    assert!(told.contains("`--allow-fewer-scopes`"), "{told}");
    let unrefreshable = handover.forged(&sealed, |payload| {
        *at(payload, "/connection/tokens/refresh_token") = json!(null);
        *at(payload, "/app") = json!(null);
    });
    let told = refused(&handover, "no refresh", &unrefreshable, &[], 9);
    assert!(
        told.contains("work can be refreshed, and what the export holds can't"),
        "{told}"
    );
    handover
        .importing(&fewer, &["--allow-fewer-scopes"])
        .any_stderr()
        .check();
    let status = handover
        .there
        .run(["status", "--json"])
        .any_stdout()
        .check();
    assert_eq!(
        status.json()["scopes"]["granted"],
        json!(["spark:people_read"])
    );
    // What can't be refreshed here either has nothing to lose.
    for name in ["tired", "TIRED"] {
        handover
            .importing(&unrefreshable, &["--name", name])
            .any_stderr()
            .check();
    }
    assert_eq!(handover.there.connections(), ["tired", "work"]);
    handover
        .importing(&sealed, &["--name", "tired"])
        .any_stderr()
        .check();
}

#[test]
fn what_a_connection_is_never_changes() {
    let handover = Handover::new(&[]);
    let sealed = handover.exported(&[]);
    handover.importing(&sealed, &[]).any_stderr().check();
    let other_base = "http://127.0.0.1:1/v1";
    let elsewhere = handover.forged(&sealed, |payload| {
        *at(payload, "/connection/environment") = json!({"custom": other_base});
        *at(payload, "/app/environment") = json!({"custom": other_base});
    });
    let before = handover.store_there();
    handover
        .importing_blindly(&elsewhere, &["--api-base", other_base, "--app-name", "x"])
        .code(9)
        .stderr_has(&format!("and the export to {other_base} and the app x"))
        .stderr_has("the same command with `--name NAME`")
        .check();
    assert!(handover.store_there() == before);
    let other_client = handover.forged(&sealed, |payload| {
        *at(payload, "/connection/app/client_id") = json!(OTHER_CLIENT.0);
        *at(payload, "/app/client_id") = json!(OTHER_CLIENT.0);
    });
    let told = refused(&handover, "another client", &other_client, &[], 9);
    assert!(
        told.contains(&format!("(client ID {CLIENT_ID}), and the export to ")),
        "{told}"
    );
    refused(&handover, "another app", &sealed, &["--app-name", "x"], 9);
    let provided = handover.forged(&sealed, |payload| {
        *at(payload, "/connection/app/name") = json!(null);
        *at(payload, "/connection/auth_type") = json!("authorization_code");
        *at(payload, "/app") = json!(null);
    });
    let told = refused(&handover, "a provided app", &provided, &[], 9);
    assert!(told.contains("a provided app"), "{told}");
    let lent = handover.exported(&["--access-only"]);
    let told = refused(&handover, "a token without an app", &lent, &[], 9);
    assert!(told.contains("and no app; nothing was stored"), "{told}");
    handover
        .importing(&lent, &["--name", "lent"])
        .any_stderr()
        .check();
    handover
        .importing(&lent, &["--name", "lent"])
        .any_stderr()
        .check();
    refused(&handover, "all of it", &sealed, &["--name", "lent"], 9);
}

#[test]
fn an_app_that_is_here_is_not_replaced() {
    let handover = Handover::new(&[]);
    let sealed = handover.exported(&[]);
    let base = handover.sandbox.base.as_str();
    let add = |name: &str, client_id: &str, secret: &str| {
        let app = [
            "app",
            "add",
            name,
            "--client-id",
            client_id,
            "--api-base",
            base,
        ];
        handover
            .there
            .run(app)
            .var("WEBEX_CONNECT_CLIENT_SECRET", secret)
            .any_stdout()
            .any_stderr()
            .check();
    };
    let remove = || {
        let run = handover.there.run(["app", "remove", "work"]);
        run.any_stderr().check();
    };
    add("Work", OTHER_CLIENT.0, OTHER_CLIENT.1);
    let told = refused(&handover, "another client", &sealed, &[], 9);
    assert!(
        told.contains("there is already another app of that name here, work; nothing was stored"),
        "{told}"
    );
    assert!(told.contains("`--app-name NAME`"), "{told}");
    remove();
    add("work", CLIENT_ID, OTHER_CLIENT.1);
    let told = refused(&handover, "another secret", &sealed, &[], 9);
    assert!(
        told.contains("that app with another client secret"),
        "{told}"
    );
    assert!(!told.contains(OTHER_CLIENT.1), "{told}");
    assert!(told.contains("`webex-connect app update work`"), "{told}");
    assert!(handover.there.connections().is_empty());
    // Beside it, under a name of its own.
    handover
        .importing(&sealed, &["--app-name", "theirs"])
        .stderr_has("app          theirs, client ID ")
        .check();
    let status = handover
        .there
        .run(["status", "--json"])
        .any_stdout()
        .check();
    assert_eq!(status.json()["app"]["name"], "theirs");
    handover.there.run(["logout", "work"]).any_stderr().check();
    remove();
    // The same client with the same secret is the same app, and stays as it is.
    add("work", CLIENT_ID, CLIENT_SECRET);
    let scopes = || {
        let app = handover.there.run(["app", "show", "work", "--json"]);
        app.any_stdout().check().json()
    };
    let before = scopes();
    handover.importing(&sealed, &[]).any_stderr().check();
    let after = scopes();
    assert_eq!(after["redirect_uri"], before["redirect_uri"]);
    assert_eq!(after["scopes"], before["scopes"]);

    handover
        .importing(&sealed, &["--app-name", "provided"])
        .code(2)
        .stderr_has("provided is what the provided app is called")
        .check();
    let lent = handover.exported(&["--access-only"]);
    handover
        .importing(&lent, &["--app-name", "x"])
        .code(2)
        .stderr_has("has no app of its own to be named")
        .check();
}

fn at<'a>(payload: &'a mut Value, pointer: &str) -> &'a mut Value {
    payload
        .pointer_mut(pointer)
        .unwrap_or_else(|| panic!("an export has no {pointer}"))
}
