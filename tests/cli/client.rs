//! Which app a login signs in with.

use serde_json::{Value, json};

use crate::env::{
    Authority, BROWSER, CLIENT_ID, CLIENT_SECRET, Env, Login, OTHER_CLIENT, Reply, Run, Sandbox,
    case_held, redirect_uri,
};

const KEEP_BOTH: &str = "hint: to keep both, use another name: `webex-connect login NAME`\n";

/// With the sandbox's app in the environment.
fn provided(uri: &str) -> Env {
    Env::new()
        .var("WEBEX_CONNECT_CLIENT_ID", CLIENT_ID)
        .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
        .var("WEBEX_CONNECT_REDIRECT_URI", uri)
}

/// Nothing of the environment's app any more.
fn without_it(run: Run) -> Run {
    run.var("WEBEX_CONNECT_CLIENT_ID", "")
        .var("WEBEX_CONNECT_CLIENT_SECRET", "")
        .var("WEBEX_CONNECT_REDIRECT_URI", "")
}

fn add(env: &Env, name: &str, uri: &str, base: &str, client: (&str, &str)) {
    let app = ["app", "add", name, "--client-id", client.0];
    let place = [
        "--client-secret-stdin",
        "--redirect-uri",
        uri,
        "--api-base",
        base,
    ];
    env.run([&app[..], &place].concat())
        .stdin(client.1)
        .any_stdout()
        .any_stderr()
        .check();
}

/// A login that is to be refused before anything happens.
fn login(env: &Env, more: &[&str]) -> Run {
    env.run([&["login", "--browser", BROWSER], more].concat())
        .secret(CLIENT_SECRET)
        .within(10)
}

fn apps(env: &Env) -> Value {
    env.run(["app", "list", "--json"])
        .any_stdout()
        .any_stderr()
        .check()
        .json()
}

#[test]
fn a_provided_app_takes_no_secret_no_redirect_uri_and_no_other_app() {
    let uri = redirect_uri();
    let env = provided(&uri);
    let mut sandbox = Sandbox::start(&env, &uri);
    let place = ["work", "--no-browser", "--api-base", &sandbox.base];
    let file = env.write("secret", CLIENT_SECRET);
    let file = file.to_str().unwrap_or_default();
    let mixed = |extra: &[&str]| {
        login(&env, &[&["work"], extra].concat())
            .code(2)
            .stderr(
                "error: the app provided to this machine has a secret and a redirect URI of its own; they are not \
                 mixed with others\n\
                 hint: leave these out, or use an app of your own: `webex-connect login NAME --client-id ID`\n",
            )
            .check();
    };
    let details = [
        &["--client-secret-stdin"][..],
        &["--client-secret-file", file],
        &["--redirect-uri", &uri],
    ];
    details.iter().for_each(|extra| mixed(extra));
    Login::again(&env, &uri, &place).connects();
    details.iter().for_each(|extra| mixed(extra));
    // A connection's type never changes.
    let before = (env.records(), sandbox.requests().len());
    for extra in [
        &["--app", "own"][..],
        &["--client-id", CLIENT_ID],
        &["--client-id", "C0ffee", "--client-secret-file", file],
    ] {
        login(&env, &[&["work"], extra].concat())
            .code(9)
            .stderr(&format!(
                "error: work was made with the app provided to this machine; its type never changes\n{KEEP_BOTH}"
            ))
            .check();
    }
    assert_eq!((env.records(), sandbox.requests().len()), before);
    assert_eq!(env.opened(), None);
}

#[test]
fn a_provided_connection_needs_its_app_again() {
    let uri = redirect_uri();
    let env = provided(&uri);
    let sandbox = Sandbox::start(&env, &uri);
    let place = ["work", "--no-browser", "--api-base", &sandbox.base];
    let first = Login::again(&env, &uri, &place).connects().json();
    assert_eq!(first["auth_type"], "authorization_code");
    assert_eq!(first["app"]["name"], Value::Null);
    without_it(login(&env, &["work"]))
        .code(8)
        .stderr(
            "error: work was made with an app provided to this machine, and there is none now\n\
             hint: set WEBEX_CONNECT_CLIENT_ID and WEBEX_CONNECT_CLIENT_SECRET as they were, or ask the \
             administrator of this machine for its app\n",
        )
        .check();
    // An own app in the meantime changes nothing about it.
    add(&env, "own", &uri, &sandbox.base, OTHER_CLIENT);
    without_it(login(&env, &["work"]))
        .code(8)
        .any_stderr()
        .check();
    assert_eq!(env.opened(), None);
    let again = Login::again(&env, &uri, &["work", "--no-browser"]).connects();
    assert_eq!(again.json()["auth_type"], "authorization_code");
    // A fresh token takes no app; a refresh is held to the client that the grant belongs to.
    without_it(env.run(["token", "work"])).any_stdout().check();
    env.edit_records(|name, record| {
        if name == "connection/work" {
            record["tokens"]["expires_at"] = json!("2020-01-01T00:00:00Z");
        }
    });
    without_it(env.run(["token", "work"]))
        .code(8)
        .stderr_has("work was made with an app provided to this machine, and there is none now")
        .check();
    env.run(["token", "work"])
        .var("WEBEX_CONNECT_CLIENT_ID", OTHER_CLIENT.0)
        .code(8)
        .stderr_has("work belongs to the client ID Ctest4f1c, and the app provided to this machine is another")
        .check();
    env.run(["token", "work"]).any_stdout().check();
}

#[test]
fn a_client_id_registers_the_app_under_the_connection_s_name() {
    let env = Env::new();
    let uri = redirect_uri();
    let sandbox = Sandbox::start(&env, &uri);
    let scope = ["--no-browser", "--scope", "spark:people_read"];
    let connection = Login::start(&env, &sandbox, &uri, &scope).connects().json();
    assert_eq!(connection["auth_type"], "own_app");
    assert_eq!(connection["app"]["name"], "work");
    assert_eq!(
        apps(&env),
        json!([{
            "name": "work", "client_id": CLIENT_ID, "environment": "custom", "api_base": sandbox.base,
            "redirect_uri": uri, "scopes": ["spark:people_read"], "used_by": ["work"],
        }])
    );
    // It serves other connections, by its name or as the only one; a login that asks for others leaves its list.
    for (name, more) in [("two", &["--app", "WORK"][..]), ("three", &[])] {
        let args = [&[name, "--no-browser", "--scope", "spark:rooms_read"], more].concat();
        let connection = Login::again(&env, &uri, &args).connects().json();
        assert_eq!(connection["app"]["name"], "work", "{name}");
    }
    assert_eq!(apps(&env)[0]["scopes"], json!(["spark:people_read"]));
    // The name is taken, for another client ID and as another app.
    let place = ["--api-base", &sandbox.base, "--client-id", OTHER_CLIENT.0];
    login(&env, &[&["work"][..], &place].concat())
        .code(9)
        .stderr(&format!(
            "error: work was made with the app work (client ID {CLIENT_ID}); a connection keeps its app\n{KEEP_BOTH}"
        ))
        .check();
    env.run(["logout", "work"])
        .any_stdout()
        .any_stderr()
        .check();
    login(&env, &[&["work"][..], &place].concat())
        .code(9)
        .stderr(&format!(
            "error: the app work is registered with another client ID, {CLIENT_ID}\n\
             hint: use it with `--app work`, or choose another name: `webex-connect login NAME --client-id Cother`\n"
        ))
        .check();
    assert_eq!(env.opened(), None);
}

#[test]
fn a_name_for_no_app_is_exit_8_and_two_ways_at_once_exit_2() {
    let env = Env::new();
    login(&env, &["--app", "nowhere"])
        .code(8)
        .stderr(
            "error: there is no app nowhere\n\
             hint: `webex-connect app list` shows what there is; `webex-connect app add nowhere --client-id ID` \
             registers it\n",
        )
        .check();
    login(&env, &["--app", "own", "--client-id", "x"])
        .code(2)
        .stderr_has("cannot be used with")
        .check();
    for own in [
        &["--app", "own"][..],
        &["--client-id", "x"],
        &["--client-secret-stdin"],
        &["--client-secret-file", "x"],
        &["--redirect-uri", "http://127.0.0.1:1/"],
        &["--environment", "webex"],
        &["--api-base", "https://webex.example/v1"],
    ] {
        login(&env, &[&["--sandbox"], own].concat())
            .code(2)
            .stderr_has("cannot be used with")
            .check();
    }
}

#[test]
fn of_several_apps_one_has_to_be_named() {
    let env = Env::new();
    let uri = redirect_uri();
    let sandbox = Sandbox::start(&env, &uri);
    add(
        &env,
        "alpha",
        &uri,
        &sandbox.base,
        (CLIENT_ID, CLIENT_SECRET),
    );
    // The only one needs no name.
    let alone = Login::again(&env, &uri, &["one", "--no-browser"]);
    assert_eq!(alone.asks("client_id"), CLIENT_ID);
    drop(alone);
    add(&env, "beta", &uri, &sandbox.base, OTHER_CLIENT);
    login(&env, &["work"])
        .code(2)
        .stderr(
            "error: there are several apps and none is named: alpha, beta\n\
             hint: say which: `webex-connect login work --app alpha`\n",
        )
        .check();
    let beta = ["work", "--no-browser", "--app", "beta"];
    let login_work = Login::again(&env, &uri, &beta);
    assert_eq!(login_work.asks("client_id"), OTHER_CLIENT.0);
    login_work.connects();
    // A connection keeps its app and needs not be told; it can't be given another.
    let again = Login::again(&env, &uri, &["work", "--no-browser"]);
    assert_eq!(again.asks("client_id"), OTHER_CLIENT.0);
    drop(again);
    login(&env, &["work", "--app", "alpha"])
        .code(9)
        .stderr(&format!(
            "error: work was made with the app beta (client ID Cother); a connection keeps its app\n{KEEP_BOTH}"
        ))
        .check();
    // Where there is no such connection, the app of its name is the one meant.
    let namesake = Login::again(&env, &uri, &["alpha", "--no-browser"]);
    assert_eq!(namesake.asks("client_id"), CLIENT_ID);
    drop(namesake);
    // A provided app goes before any own one that is not named.
    let base = ["new", "--no-browser", "--api-base", &sandbox.base];
    let mut command = env.command([&["login", "--json"][..], &base].concat());
    command
        .env("WEBEX_CONNECT_CLIENT_ID", "Cprovided")
        .env("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
        .env("WEBEX_CONNECT_REDIRECT_URI", &uri);
    let provided = Login::of(command, &uri);
    assert_eq!(provided.asks("client_id"), "Cprovided");
    assert_eq!(env.opened(), None);
}

#[test]
fn after_a_logout_the_app_of_that_name_is_the_one_meant() {
    let env = Env::new();
    let uri = redirect_uri();
    let sandbox = Sandbox::start(&env, &uri);
    Login::start(&env, &sandbox, &uri, &["--no-browser"]).connects();
    add(&env, "alpha", &uri, &sandbox.base, OTHER_CLIENT);
    env.run(["logout", "work"])
        .any_stdout()
        .any_stderr()
        .check();
    let again = Login::again(&env, &uri, &["work", "--no-browser"]);
    assert_eq!(again.asks("client_id"), CLIENT_ID);
    again.connects();
    assert_eq!(env.connections(), ["work"]);
}

/// CF-04.
#[test]
fn an_app_is_taken_nowhere_but_where_it_belongs() {
    let env = Env::new();
    let uri = redirect_uri();
    let home = Authority::plain(Reply::tokens());
    let elsewhere = Authority::plain(Reply::tokens());
    add(&env, "mine", &uri, &home.base, (CLIENT_ID, CLIENT_SECRET));
    let added = env.run(["app", "add", "public", "--client-id", CLIENT_ID]);
    added
        .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
        .any_stdout()
        .any_stderr()
        .check();
    for (app, belongs, place, wanted) in [
        (
            "mine",
            home.base.clone(),
            ["--api-base", &elsewhere.base],
            elsewhere.base.clone(),
        ),
        (
            "mine",
            home.base.clone(),
            ["--environment", "webex"],
            "webex".to_owned(),
        ),
        (
            "public",
            "webex".to_owned(),
            ["--api-base", &elsewhere.base],
            elsewhere.base.clone(),
        ),
        (
            "public",
            "webex".to_owned(),
            ["--environment", "webex-gov"],
            "webex-gov".to_owned(),
        ),
    ] {
        let args = [&["work", "--app", app], &place[..]].concat();
        let option = match place {
            [_, "webex"] => String::new(),
            [option, value] => format!(" {option} {value}"),
        };
        login(&env, &args)
            .code(9)
            .stderr(&format!(
                "error: the app {app} belongs to {belongs}, not to {wanted}\n\
                 hint: register one for {wanted}: `webex-connect app add NAME --client-id ID{option}`\n"
            ))
            .check();
        // The same by client ID, under the app's name.
        let args = [&[app, "--client-id", CLIENT_ID], &place[..]].concat();
        login(&env, &args).code(9).stderr_has("belongs to").check();
        case_held(format!("CF-04 {app} at {}", place[0]));
    }
    assert_eq!((home.connections(), elsewhere.connections()), (0, 0));
    assert_eq!(env.opened(), None);
    for command in ["token", "status", "check", "list"] {
        env.run([command, "--api-base", &elsewhere.base])
            .code(2)
            .stderr_has("unexpected argument")
            .check();
        case_held(format!("CF-04 {command} --api-base"));
    }
}

/// CF-04: whatever the variables say, what is stored goes where it belongs.
#[test]
fn no_variable_turns_a_stored_connection_elsewhere() {
    let env = Env::new();
    let uri = redirect_uri();
    let mut sandbox = Sandbox::start(&env, &uri);
    Login::start(&env, &sandbox, &uri, &["--no-browser"]).connects();
    let elsewhere = Authority::plain(Reply::tokens());
    env.edit_records(|name, record| {
        if name == "connection/work" {
            record["tokens"]["expires_at"] = json!("2020-01-01T00:00:00Z");
        }
    });
    let before = sandbox.requests().len();
    let names = [
        "API_BASE",
        "ENVIRONMENT",
        "BASE",
        "URL",
        "CLIENT_ID",
        "CLIENT_SECRET",
        "REDIRECT_URI",
    ];
    let set = |run: Run| {
        names.iter().fold(run, |run, name| {
            run.var(&format!("WEBEX_CONNECT_{name}"), &elsewhere.base)
        })
    };
    set(env.run(["token", "work"])).any_stdout().check();
    set(env.run(["status", "work", "--live"]))
        .any_stdout()
        .check();
    assert_eq!(
        sandbox.requests().len(),
        before + 2,
        "refresh and people/me"
    );
    assert_eq!(elsewhere.connections(), 0);
    case_held("CF-04 every variable");
}
