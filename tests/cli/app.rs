//! `app`: own apps, added, updated, listed, shown and removed; and the app that is provided.

use serde_json::{Value, json};

use crate::env::{CLIENT_ID, CLIENT_SECRET, Env, Run, Scene, Terminal};

const OTHER_SECRET: &str = "wxcs-canary-regenerated-77aa";
const URI: &str = "http://127.0.0.1:8911/callback";
const HELPERS: [&str; 4] = [
    "https://oauth-helper-a.wbx2.com/helperservice/v1/actions/device/callback",
    "https://oauth-helper-r.wbx2.com/helperservice/v1/actions/device/callback",
    "https://oauth-helper-k.wbx2.com/helperservice/v1/actions/device/callback",
    "https://oauth-helper-d.wbx2.com/helperservice/v1/actions/device/callback",
];
const REGISTRATION: &str = "\
Enter this at https://developer.webex.com/my-apps (\"Create an integration\"):

Integration name
  webex-connect work

Redirect URIs, character for character
  http://127.0.0.1:8911/callback
  https://oauth-helper-a.wbx2.com/helperservice/v1/actions/device/callback
  https://oauth-helper-r.wbx2.com/helperservice/v1/actions/device/callback
  https://oauth-helper-k.wbx2.com/helperservice/v1/actions/device/callback
  https://oauth-helper-d.wbx2.com/helperservice/v1/actions/device/callback

Scopes to tick (2)
  spark-admin:people_write
  spark:people_read
";

/// `app add work` with two scopes, its secret to come on stdin.
fn add(env: &Env, more: &[&str]) -> Run {
    let scopes = "spark:people_read, spark-admin:people_write";
    let args = [
        "app",
        "add",
        "work",
        "--client-id",
        CLIENT_ID,
        "--client-secret-stdin",
        "--scope",
        scopes,
    ];
    env.run([&args[..], more].concat())
        .stdin(&format!("{CLIENT_SECRET}\n"))
        .secret(CLIENT_SECRET)
}

fn with_work() -> Env {
    let env = Env::new();
    add(&env, &[]).any_stdout().any_stderr().check();
    env
}

fn shown(env: &Env, name: &str) -> Value {
    env.run(["app", "show", name, "--json"])
        .any_stdout()
        .check()
        .json()
}

/// The secret in the store, which no command shows.
fn stored_secret(env: &Env, record: &str) -> String {
    let found = std::cell::RefCell::new(String::new());
    env.edit_records(|name, value| {
        if name == record {
            *found.borrow_mut() = value["client_secret"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
        }
    });
    found.into_inner()
}

fn nothing_shows(env: &Env, secrets: &[&str]) {
    for args in [
        &["app", "list"][..],
        &["app", "list", "--json", "-v"],
        &["app", "show", "work"],
        &["app", "show", "work", "--json", "-v"],
        &["app", "add", "work", "--client-id", "x"],
        &[
            "app",
            "update",
            "work",
            "--redirect-uri",
            "http://127.0.0.1:1/x",
            "--json",
            "-v",
        ],
        &["app", "update", "work", "--client-id", "other"],
        &["app", "remove", "work", "--json", "-v"],
    ] {
        let code = match args {
            [_, "add", ..] => 2,
            [_, "update", .., "other"] => 9,
            _ => 0,
        };
        let finished = env.run(args).any_stdout().any_stderr().code(code).check();
        for secret in secrets {
            let said = format!("{}{}", finished.out(), finished.err());
            assert!(!said.contains(secret), "{finished}");
        }
    }
}

#[test]
fn adding_an_app_prints_what_to_enter_in_the_portal() {
    let env = Env::new();
    let place = env.path("data/webex-connect/store.age");
    add(&env, &[])
        .stdout(REGISTRATION)
        .stderr(&format!(
            "the app work is kept in {}\nnext: `webex-connect login work --app work`\n",
            place.display()
        ))
        .check();
    assert_eq!(stored_secret(&env, "app/work"), CLIENT_SECRET);
}

#[test]
fn an_app_is_shown_whole_but_for_its_secret() {
    let env = with_work();
    let head = format!(
        "app          work\n\
         client ID    {CLIENT_ID}\n\
         secret       kept, never shown\n\
         environment  webex\n\
         redirect URI {URI}\n\
         scopes       2\n\
         used by      -\n\n"
    );
    env.run(["app", "show", "WORK"])
        .stdout(&(head + REGISTRATION))
        .check();
    let uris = [&[URI][..], &HELPERS].concat();
    let scopes = json!(["spark-admin:people_write", "spark:people_read"]);
    let app = json!({
        "name": "work",
        "client_id": CLIENT_ID,
        "environment": "webex",
        "api_base": null,
        "redirect_uri": URI,
        "scopes": scopes,
        "used_by": [],
    });
    let listed = env.run(["app", "list", "--json"]).any_stdout().check();
    assert_eq!(listed.json(), json!([app]));
    let mut whole = app;
    whole["portal"] = json!({
        "url": "https://developer.webex.com/my-apps",
        "name": "webex-connect work",
        "redirect_uris": uris,
        "scopes": scopes,
    });
    assert_eq!(shown(&env, "work"), whole);
    let env = Env::new();
    let added = add(&env, &["--json"]).any_stdout().check().json();
    assert_eq!(added, whole);
}

#[test]
fn no_output_shows_a_secret() {
    nothing_shows(&with_work(), &[CLIENT_SECRET]);
    let env = with_work();
    env.run(["app", "update", "work", "--client-secret-stdin", "-v"])
        .stdin(OTHER_SECRET)
        .secret(OTHER_SECRET)
        .stderr("updated the app work: client secret\n")
        .check();
    nothing_shows(&env, &[CLIENT_SECRET, OTHER_SECRET]);
}

#[test]
fn the_secret_comes_from_stdin_a_file_or_a_variable_and_never_from_an_argument() {
    let env = Env::new();
    let file = env.write("secret", &format!("{CLIENT_SECRET}\r\n"));
    let file = file.to_str().unwrap();
    let add = |name: &'static str, more: &[&str]| {
        env.run([&["app", "add", name, "--client-id", CLIENT_ID][..], more].concat())
    };
    add("file", &["--client-secret-file", file])
        .any_stdout()
        .any_stderr()
        .check();
    add("variable", &[])
        .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
        .any_stdout()
        .any_stderr()
        .check();
    for name in ["app/file", "app/variable"] {
        assert_eq!(stored_secret(&env, name), CLIENT_SECRET);
    }
    add("argument", &["--client-secret", CLIENT_SECRET])
        .code(2)
        .stderr_has("unexpected argument")
        .check();
    add(
        "both",
        &["--client-secret-stdin", "--client-secret-file", file],
    )
    .code(2)
    .stderr_has("cannot be used with")
    .check();
    add("none", &[])
        .code(8)
        .stderr(
            "error: there is no client secret, and Webex asks for one even with PKCE\n\
             hint: give it with `--client-secret-stdin`, `--client-secret-file FILE` or WEBEX_CONNECT_CLIENT_SECRET\n",
        )
        .check();
    add("empty", &["--client-secret-stdin"])
        .stdin("\n")
        .code(2)
        .stderr(
            "error: the client secret is empty or has white space in it\n\
             hint: copy it again, whole and alone\n",
        )
        .check();
}

/// The variables hold one app together: its secret is not another's.
#[test]
fn the_secret_of_a_provided_app_is_not_taken_for_another() {
    let env = Env::new();
    let add = |id: &str| {
        env.run(["app", "add", "work", "--client-id", id])
            .var("WEBEX_CONNECT_CLIENT_ID", "Cprovided")
            .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
            .secret(CLIENT_SECRET)
    };
    add(CLIENT_ID)
        .code(8)
        .stderr_has("there is no client secret")
        .check();
    env.run(["login", "work", "--client-id", CLIENT_ID, "--no-browser"])
        .var("WEBEX_CONNECT_CLIENT_ID", "Cprovided")
        .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
        .code(8)
        .stderr_has("there is no client secret")
        .check();
    add("Cprovided").any_stdout().any_stderr().check();
}

#[test]
fn a_name_is_taken_once() {
    let env = with_work();
    env.run(["app", "add", "Work", "--client-id", "x"])
        .code(2)
        .stderr(
            "error: there is already an app work\n\
             hint: `webex-connect app update work` gives it a new client secret; another app needs another name\n",
        )
        .check();
    env.run(["app", "add", "provided", "--client-id", "x"])
        .code(2)
        .stderr(
            "error: provided means the app that is provided to this machine\n\
             hint: choose another name, for example `webex-connect app add work`\n",
        )
        .check();
    env.run(["app", "add", ".x", "--client-id", "x"])
        .code(2)
        .stderr_has("a name is 1 to 64")
        .check();
}

#[test]
fn what_can_be_no_app_is_refused_before_anything_is_asked() {
    let env = Env::new();
    for (more, says) in [
        (
            &["--redirect-uri", "https://example.com/"][..],
            "a redirect URI here is http",
        ),
        (&["--scope", "\"quoted\""], "a scope holds a character"),
        (&["--scope", " ,"], "the scope list is empty"),
        (
            &["--api-base", "http://example.com/v1"],
            "--api-base takes an https URL",
        ),
        (&["--environment", "moon"], "invalid value"),
        (
            &["--environment", "webex", "--api-base", "https://x/v1"],
            "cannot be used with",
        ),
        (
            &["--client-id", "a b"],
            "the client ID is empty or has white space in it",
        ),
        (
            &["--client-id", ""],
            "the client ID is empty or has white space in it",
        ),
        (
            &[],
            "the client ID of work is missing\nhint: run `webex-connect app add work --client-id ID`",
        ),
    ] {
        env.run([&["app", "add", "work"][..], more].concat())
            .code(2)
            .stderr_has(says)
            .check();
    }
    env.run(["app", "list", "--json"]).stdout("[]\n").check();
}

#[test]
fn an_app_belongs_to_an_environment() {
    let env = Env::new();
    let gov = add(&env, &["--environment", "webex-gov", "--json"])
        .any_stdout()
        .check()
        .json();
    assert_eq!(gov["environment"], "webex-gov");
    assert_eq!(
        gov["portal"]["redirect_uris"],
        json!([URI]),
        "no device grant there"
    );
    let env = Env::new();
    let custom = add(&env, &["--api-base", "https://webex.example/v1", "--json"])
        .any_stdout()
        .check()
        .json();
    assert_eq!(custom["environment"], "custom");
    assert_eq!(custom["api_base"], "https://webex.example/v1");
    env.run(["app", "show", "work"])
        .any_stdout()
        .check()
        .out()
        .find("environment  custom (https://webex.example/v1)\n")
        .expect("the API base");
}

#[test]
fn an_update_changes_what_is_said_and_nothing_else() {
    let env = with_work();
    let before = shown(&env, "work");
    env.run(["app", "update", "Work"])
        .var("WEBEX_CONNECT_CLIENT_SECRET", OTHER_SECRET)
        .secret(OTHER_SECRET)
        .stderr("updated the app work: client secret\n")
        .check();
    assert_eq!(shown(&env, "work"), before);
    assert_eq!(stored_secret(&env, "app/work"), OTHER_SECRET);
    let updated = env
        .run([
            "app",
            "update",
            "work",
            "--redirect-uri",
            "http://localhost:6855",
            "--scope",
            "spark:people_read",
        ])
        .any_stdout()
        .stderr("updated the app work: redirect URI, scopes\n")
        .check();
    for line in [
        "  http://localhost:6855\n",
        "Scopes to tick (1)\n  spark:people_read\n",
    ] {
        assert!(updated.out().contains(line), "{updated}");
    }
    let app = shown(&env, "work");
    assert_eq!(app["redirect_uri"], "http://localhost:6855");
    assert_eq!(app["scopes"], json!(["spark:people_read"]));
    assert_eq!(stored_secret(&env, "app/work"), OTHER_SECRET);
    env.run(["app", "update", "work"])
        .code(2)
        .stderr(
            "error: there is nothing to update of the app work\n\
             hint: say what with `--client-secret-stdin`, `--client-secret-file FILE` or WEBEX_CONNECT_CLIENT_SECRET, `--redirect-uri URI`, \
             `--scope SCOPES` or `--preset PRESET`\n",
        )
        .check();
    env.run(["app", "update", "other"])
        .code(8)
        .stderr(
            "error: there is no app other\n\
             hint: `webex-connect app list` shows what there is; `webex-connect app add other` adds it\n",
        )
        .check();
}

#[test]
fn client_id_and_environment_never_change() {
    let env = with_work();
    let before = shown(&env, "work");
    let hint = "hint: that is another app: `webex-connect app add OTHER --client-id ID`, with `--environment` or \
                `--api-base` where it is not Webex's\n";
    for (option, value, says) in [
        (
            "--client-id",
            "Cother",
            format!("the app work has the client ID {CLIENT_ID}, which never changes"),
        ),
        (
            "--environment",
            "webex-gov",
            "the app work belongs to webex, and can't be moved to webex-gov".to_owned(),
        ),
        (
            "--api-base",
            "https://x.example/v1",
            "the app work belongs to webex, and can't be moved to https://x.example/v1".to_owned(),
        ),
    ] {
        env.run([
            "app",
            "update",
            "work",
            option,
            value,
            "--client-secret-stdin",
        ])
        .stdin(OTHER_SECRET)
        .code(9)
        .stderr(&format!("error: {says}\n{hint}"))
        .check();
    }
    assert_eq!(shown(&env, "work"), before);
    assert_eq!(stored_secret(&env, "app/work"), CLIENT_SECRET);
    // To say what is so already is no change.
    env.run([
        "app",
        "update",
        "work",
        "--client-id",
        CLIENT_ID,
        "--environment",
        "webex",
        "--client-secret-stdin",
    ])
    .stdin(OTHER_SECRET)
    .stderr("updated the app work: client secret\n")
    .check();
}

#[test]
fn scopes_come_from_presets_too_and_unknown_ones_are_warned_of() {
    let env = Env::new();
    let app = add(&env, &["--preset", "invite-user", "--json"])
        .any_stdout()
        .check()
        .json();
    let scopes = app["scopes"].as_array().unwrap();
    assert_eq!(
        scopes.len(),
        13,
        "the twelve standard scopes and one of an administrator"
    );
    assert_eq!(scopes[0], "spark-admin:people_write");
    assert_eq!(app["portal"]["scopes"], app["scopes"]);
    env.run(["app", "update", "work", "--scope", "Spark:people_read"])
        .any_stdout()
        .stderr(
            "warning: Spark:people_read is not a scope that is known here; did you mean spark:people_read?\n\
             updated the app work: scopes\n",
        )
        .check();
    assert_eq!(shown(&env, "work")["scopes"], json!(["Spark:people_read"]));
    env.run(["app", "update", "work", "--preset", "all"])
        .code(2)
        .stderr_has("invalid value")
        .check();
}

#[test]
fn the_list_is_a_table_by_name() {
    let env = Env::new();
    env.run(["app", "list"])
        .stderr("no apps of your own yet; add one with `webex-connect app add NAME`\n")
        .check();
    add(&env, &[]).any_stdout().any_stderr().check();
    env.run([
        "app",
        "add",
        "Alpha",
        "--client-id",
        "Calpha",
        "--environment",
        "webex-gov",
    ])
    .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
    .any_stdout()
    .any_stderr()
    .check();
    let table = env.run(["app", "list"]).any_stdout().check().out();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect();
    assert_eq!(
        rows,
        [
            vec![
                "NAME",
                "CLIENT ID",
                "ENVIRONMENT",
                "REDIRECT URI",
                "SCOPES",
                "USED BY"
            ],
            vec!["Alpha", "Calpha", "webex-gov", URI, "12", "-"],
            vec!["work", CLIENT_ID, "webex", URI, "2", "-"],
        ],
        "{table}"
    );
}

#[test]
fn an_app_in_use_is_removed_only_by_force() {
    let mut scene = Scene::open();
    let callback = scene.login.consent("allow");
    scene.login.deliver(&callback);
    assert_eq!(scene.login.finish().code, Some(0));
    let env = scene.env;
    assert_eq!(shown(&env, "work")["used_by"], json!(["work"]));
    env.run(["app", "remove", "work"])
        .code(9)
        .stderr(
            "error: the app work is used by work\n\
             hint: `webex-connect logout work` removes a connection; `webex-connect app remove work --force` removes \
             the app all the same, and then they can't be refreshed\n",
        )
        .check();
    assert_eq!(shown(&env, "work")["client_id"], CLIENT_ID);
    let json = env
        .run(["app", "remove", "work", "--force", "--json"])
        .any_stdout()
        .stderr("{\"event\":\"warning\",\"message\":\"without the app work, work can't be refreshed\"}\n")
        .check()
        .json();
    assert_eq!(json, json!({"name": "work", "removed": true}));
    assert_eq!(env.connections(), ["work"], "the connection stays");
    // Its token still holds; what it needs for the next one is gone.
    env.run(["token", "work"]).any_stdout().check();
}

#[test]
fn an_unused_app_is_removed_and_removing_it_again_is_no_error() {
    let env = with_work();
    let place = env.path("data/webex-connect/store.age");
    env.run(["app", "remove", "WORK"])
        .stderr(&format!(
            "removed the app WORK from {}; at Webex it stays registered\n",
            place.display()
        ))
        .check();
    env.run(["app", "list", "--json"]).stdout("[]\n").check();
    env.run(["app", "remove", "work"])
        .stderr(&format!(
            "there is no app work in {}; nothing to remove\n",
            place.display()
        ))
        .check();
    let again = env.run(["app", "remove", "work", "--json"]);
    again
        .stdout("{\"name\":\"work\",\"removed\":false}\n")
        .check();
}

#[test]
fn an_app_whose_record_is_unreadable_can_be_removed() {
    let env = with_work();
    env.edit_records(|name, record| {
        if name == "app/work" {
            record["client_id"] = Value::Null;
        }
    });
    for args in [
        &["app", "show", "work"][..],
        &["app", "list"],
        &["app", "update", "work"],
    ] {
        env.run(args)
            .code(6)
            .any_stdout()
            .stderr_has("the stored record app/work is unreadable: it is corrupt")
            .secret(CLIENT_SECRET)
            .check();
    }
    env.run(["app", "remove", "work"])
        .stderr_has("removed the app work")
        .check();
}

/// A connection that can't be read may be the app's.
#[test]
fn an_app_stays_while_a_connection_is_unreadable() {
    let env = with_work();
    env.connect_sandbox();
    env.edit_records(|name, record| {
        if name == "connection/sandbox" {
            record["app"] = json!(1);
        }
    });
    env.run(["app", "remove", "work"])
        .code(6)
        .stderr_has("connection/sandbox is unreadable")
        .check();
    env.run(["app", "remove", "work", "--force"])
        .stderr_has("removed the app work")
        .check();
}

#[test]
#[cfg(target_os = "linux")]
fn on_a_terminal_id_and_secret_are_asked_for_after_what_to_enter_is_shown() {
    let env = Env::new();
    let mut terminal = Terminal::run(
        &env,
        &["app", "add", "work", "--scope", "spark:people_read"],
    );
    terminal
        .shows("Enter this at https://developer.webex.com/my-apps")
        .shows("  http://127.0.0.1:8911/callback")
        .shows("  spark:people_read")
        .shows("Client ID: ")
        .types(&format!(" {CLIENT_ID} \n"))
        .shows("Client secret: ")
        .types(&format!("{CLIENT_SECRET}\n"))
        .shows("the app work is kept in");
    let (code, screen) = terminal.ends();
    assert_eq!(code, 0, "{screen}");
    assert!(
        terminal.echoes() && !screen.contains(CLIENT_SECRET),
        "{screen}"
    );
    assert!(
        screen.contains(&format!("{CLIENT_ID} \r\n")),
        "typing the ID shows: {screen}"
    );
    assert_eq!(screen.matches("Enter this at").count(), 1, "{screen}");
    let wide = screen.lines().find(|line| line.trim_end().len() > 80);
    let path = env.path("");
    assert!(
        wide.is_none_or(|line| line.contains(&path.display().to_string())),
        "{screen}"
    );
    assert_eq!(shown(&env, "work")["client_id"], CLIENT_ID);
    assert_eq!(stored_secret(&env, "app/work"), CLIENT_SECRET);

    let mut terminal = Terminal::run(&env, &["app", "update", "work"]);
    terminal
        .shows("Client secret: ")
        .types(&format!("{OTHER_SECRET}\n"))
        .shows("updated the app work: client secret");
    let (code, screen) = terminal.ends();
    assert_eq!(code, 0, "{screen}");
    assert!(
        terminal.echoes() && !screen.contains(OTHER_SECRET),
        "{screen}"
    );
    assert_eq!(stored_secret(&env, "app/work"), OTHER_SECRET);
}

#[test]
#[cfg(target_os = "linux")]
fn what_another_process_did_while_the_person_typed_is_kept() {
    let env = Env::new();
    let mut terminal = Terminal::run(&env, &["app", "add", "work"]);
    terminal.shows("Client ID: ");
    add(&env, &[]).any_stdout().any_stderr().check();
    terminal
        .types("Clate\n")
        .shows("Client secret: ")
        .types(&format!("{OTHER_SECRET}\n"))
        .shows("there is already an app work");
    assert_eq!(terminal.ends().0, 2);
    assert_eq!(shown(&env, "work")["client_id"], CLIENT_ID);
    assert_eq!(stored_secret(&env, "app/work"), CLIENT_SECRET);

    let mut terminal = Terminal::run(&env, &["app", "update", "work"]);
    terminal.shows("Client secret: ");
    env.run(["app", "update", "work", "--scope", "spark:people_read"])
        .any_stdout()
        .any_stderr()
        .check();
    terminal
        .types(&format!("{OTHER_SECRET}\n"))
        .shows("updated the app work: client secret");
    assert_eq!(terminal.ends().0, 0);
    assert_eq!(shown(&env, "work")["scopes"], json!(["spark:people_read"]));
    assert_eq!(stored_secret(&env, "app/work"), OTHER_SECRET);
}

#[test]
#[cfg(target_os = "linux")]
fn ctrl_c_after_the_prompt_ends_what_follows_it() {
    let env = with_work();
    for args in [["app", "add", "other"], ["app", "update", "work"]] {
        let mut terminal = Terminal::run(&env, &args);
        if args[1] == "add" {
            terminal.shows("Client ID: ").types("Cother\n");
        }
        terminal.shows("Client secret: ");
        let name = format!("data/webex-connect/app-{}.lock", args[2]);
        let lock = std::fs::File::create(env.path(name)).unwrap_or_else(|e| panic!("{e}"));
        lock.lock().unwrap_or_else(|e| panic!("{e}"));
        terminal.types(&format!("{OTHER_SECRET}\n"));
        env.somebody_waits_for(&format!("app-{}.lock", args[2]));
        terminal.types("\u{3}");
        let (code, screen) = terminal.ends();
        drop(lock);
        assert_eq!(code, 130, "{screen}");
    }
    assert_eq!(stored_secret(&env, "app/work"), CLIENT_SECRET);
}

#[test]
#[cfg(target_os = "linux")]
fn a_prompt_left_by_ctrl_c_or_empty_adds_nothing() {
    let env = Env::new();
    let add = ["app", "add", "work"];
    let mut terminal = Terminal::run(&env, &add);
    terminal.shows("Client ID: ").types("\u{3}");
    assert_eq!(terminal.ends().0, 130);
    let mut terminal = Terminal::run(&env, &add);
    terminal
        .shows("Client ID: ")
        .types("\n")
        .shows("the client ID is empty");
    assert_eq!(terminal.ends().0, 2);
    let mut terminal = Terminal::run(&env, &add);
    terminal
        .shows("Client ID: ")
        .types("C0ffee\n")
        .shows("Client secret: ")
        .types("half\u{3}");
    let (code, screen) = terminal.ends();
    assert_eq!(code, 130, "{screen}");
    assert!(terminal.echoes() && !screen.contains("half"), "{screen}");
    let mut terminal = Terminal::run(&env, &["app", "add", "work", "--no-input"]);
    terminal.shows("the client ID of work is missing");
    assert_eq!(terminal.ends().0, 2);
    env.run(["app", "list", "--json"]).stdout("[]\n").check();
}

#[test]
fn the_provided_app_is_shown_with_its_source() {
    let env = Env::new();
    env.run(["app", "show", "provided"])
        .code(8)
        .stderr(
            "error: no app is provided to this machine\n\
             hint: add one of your own with `webex-connect app add NAME`, or see what there is with \
             `webex-connect app list`\n",
        )
        .check();
    let provided = |args: &[&str]| {
        env.run([&["app"][..], args].concat())
            .var("WEBEX_CONNECT_CLIENT_ID", "Cprovided")
            .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
            .secret(CLIENT_SECRET)
    };
    let shown = provided(&["show", "provided"]).any_stdout().check().out();
    for words in [
        "app          provided\n",
        "client ID    Cprovided\n",
        "redirect URI http://127.0.0.1:8911/callback\n",
        "provided by  the environment\n",
        "Scopes to tick (12)\n",
    ] {
        assert!(shown.contains(words), "{words:?} is not in:\n{shown}");
    }
    assert!(!shown.contains(CLIENT_SECRET), "{shown}");
    let json = provided(&["show", "PROVIDED", "--json"])
        .var("WEBEX_CONNECT_REDIRECT_URI", "http://localhost:6855")
        .any_stdout()
        .check()
        .json();
    assert_eq!(json["provided_by"], "environment");
    assert_eq!(json["redirect_uri"], "http://localhost:6855");
    assert_eq!(json["portal"]["redirect_uris"][0], "http://localhost:6855");
    provided(&["list"])
        .stderr(
            "no apps of your own yet; add one with `webex-connect app add NAME`\n\
             one more is provided by the environment: `webex-connect app show provided`\n",
        )
        .check();
}

#[test]
fn half_an_app_in_the_environment_is_an_error_and_nothing_else_is_taken() {
    let env = Env::new();
    let hint = "hint: set WEBEX_CONNECT_CLIENT_ID, WEBEX_CONNECT_CLIENT_SECRET and, if need be, \
                WEBEX_CONNECT_REDIRECT_URI; or unset all three\n";
    for (name, value, lacks) in [
        ("WEBEX_CONNECT_CLIENT_ID", "Cprovided", "client secret"),
        ("WEBEX_CONNECT_REDIRECT_URI", URI, "client ID"),
    ] {
        env.run(["app", "show", "provided"])
            .var(name, value)
            .code(8)
            .stderr(&format!(
                "error: the app in the environment has no {lacks}\n{hint}"
            ))
            .check();
        env.run(["app", "list", "--json"])
            .var(name, value)
            .stdout("[]\n")
            .stderr_has("the app in the environment has no")
            .check();
    }
    env.run(["app", "update", "provided", "--scope", "spark:people_read"])
        .code(8)
        .stderr(
            "error: the provided app can't be changed here\n\
             hint: `webex-connect app show provided` says who provides it\n",
        )
        .check();
    // The secret alone goes with `--client-id`.
    env.run(["app", "show", "provided"])
        .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
        .code(8)
        .stderr_has("no app is provided")
        .check();
    for (name, value, says) in [
        (
            "WEBEX_CONNECT_REDIRECT_URI",
            "https://example.com/",
            "has a redirect URI that is not http on this machine",
        ),
        (
            "WEBEX_CONNECT_CLIENT_ID",
            "a b",
            "has a client ID that is empty or has white space in it",
        ),
        (
            "WEBEX_CONNECT_CLIENT_SECRET",
            "canary s3cret",
            "has a client secret that is empty or has white space",
        ),
    ] {
        env.run(["app", "show", "provided"])
            .var("WEBEX_CONNECT_CLIENT_ID", "Cprovided")
            .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
            .var(name, value)
            .code(8)
            .stderr_has(&format!("the app in the environment {says}"))
            .secret(CLIENT_SECRET)
            .secret("s3cret")
            .check();
    }
}
