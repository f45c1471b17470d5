//! `doctor`: what it says of a machine in order, and of each thing that is not.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::env::process::{Finished, Process};
use crate::env::{
    Authority, CLIENT_ID, CLIENT_SECRET, Ca, Env, Manner, Proxy, Reply, Run, free_port,
    redirect_uri,
};

const STORE: &str = "data/webex-connect/store.age";

/// Over SSH wherever the tests run, and with a CA of its own whatever the machine has.
fn settled(env: Env) -> (Env, Ca) {
    let ca = Ca::new();
    let file = env.write("ca.pem", &ca.pem());
    let env = env
        .var("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
        .var("SSL_CERT_FILE", "/nonexistent")
        .var("SSL_CERT_DIR", "/nonexistent")
        .var("WEBEX_CONNECT_CA_CERT", file);
    (env, ca)
}

/// A Webex that answers as the real one does to somebody without a token, with this `Date`.
fn webex(date: Option<Timestamp>) -> Authority {
    let authority = Authority::plain(Reply::tokens());
    serve(&authority, date);
    authority
}

fn serve(authority: &Authority, date: Option<Timestamp>) {
    let date = date.map(|date| {
        date.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n")
            .to_string()
    });
    let refusal = Reply::with(401, &date.unwrap_or_default(), "{}");
    authority.people_answers(refusal);
    authority.probed(Reply::status(404, ""));
}

/// A home with an app at this Webex.
fn at(authority: &Authority) -> Env {
    let (env, _) = settled(Env::new());
    env.add_app("own", &authority.base, &redirect_uri());
    env
}

/// `doctor --json`, to end with this code.
fn doctor(env: &Env, code: i32) -> Vec<Value> {
    let run = env.run(["doctor", "--json"]);
    rows(&told(run, code).check())
}

/// Whatever fails is told on stderr too, once.
fn told(run: Run, code: i32) -> Run {
    let run = run.any_stdout().secret(CLIENT_SECRET).code(code);
    match code {
        0 => run,
        _ => run.stderr_has("not in order"),
    }
}

fn rows(finished: &Finished) -> Vec<Value> {
    assert!(!finished.out().contains(CLIENT_SECRET), "{finished}");
    finished.json().as_array().cloned().unwrap_or_default()
}

/// The rows of a check as `status: message (cure)`.
fn of(rows: &[Value], check: &str) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let same = rows.iter().filter(|row| row["check"] == check);
    same.map(|row| {
        let (status, message) = (text(&row["status"]), text(&row["message"]));
        format!("{status}: {message} ({})", text(&row["cure"]))
    })
    .collect()
}

/// The only row of a check.
fn one(rows: &[Value], check: &str) -> String {
    let mut found = of(rows, check);
    assert_eq!(found.len(), 1, "{check}: {found:?}");
    found.remove(0)
}

fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "lacks {word:?}: {text}");
    }
}

#[test]
fn a_machine_in_order_is_told_line_by_line() {
    let authority = webex(Some(Timestamp::now()));
    let (env, _) = settled(Env::new());
    let uri = redirect_uri();
    env.add_app("own", &authority.base, &uri);
    let port = uri
        .replace("http://127.0.0.1:", "")
        .replace("/callback", "");
    let store = env.path(STORE).display().to_string();
    let ca = env.path("ca.pem").display().to_string();
    let base = &authority.base;
    let text = format!(
        "\
store        ok       {store}: a record was written, read back and removed; its key: WEBEX_CONNECT_KEY
connections  ok       none yet
app          ok       1 of your own: own
ports        ok       {uri}: port {port} is free on 127.0.0.1 and ::1
browser      warning  an SSH session: a browser opened here would not come up before you
                      hint: connect with `ssh -L {port}:127.0.0.1:{port} USER@192.0.2.2`, then print the address with \
`webex-connect login --no-browser` and paste the one the browser ends on, or use `webex-connect login --device`
ca           ok       the CA certificates in {ca} alone: the system has none
proxy        ok       none is set
network      ok       {base} answers (401)
clock        ok       agrees with that of 127.0.0.1
"
    );
    env.run(["doctor"]).stdout(&text).check();
    // Without a token: the server holds every request to that.
    assert_eq!(authority.asked(), ["GET /v1/people/me"]);
}

#[test]
fn for_programs_each_finding_has_the_same_four_members() {
    let authority = webex(None);
    let env = at(&authority);
    let rows = doctor(&env, 0);
    let checks: Vec<_> = rows.iter().map(|row| row["check"].clone()).collect();
    let expected = json!([
        "store",
        "connections",
        "app",
        "ports",
        "browser",
        "ca",
        "proxy",
        "network",
        "clock"
    ]);
    assert_eq!(json!(checks), expected);
    for row in &rows {
        let members: Vec<_> = row
            .as_object()
            .into_iter()
            .flatten()
            .map(|(k, _)| k)
            .collect();
        assert_eq!(members, ["check", "cure", "message", "status"], "{row}");
        let in_order = row["status"] == "ok";
        let known = ["ok", "warning", "fail"]
            .iter()
            .any(|word| row["status"] == **word);
        assert!(known && row["message"].is_string(), "{row}");
        assert_eq!(row["cure"].is_null(), in_order, "{row}");
    }
}

/// What it found and left: the records, and no file but the locks.
#[test]
fn nothing_is_left_behind() {
    let authority = webex(None);
    let env = at(&authority);
    let records = || {
        let found = std::cell::RefCell::new(Vec::new());
        env.edit_records(|name, record| found.borrow_mut().push((name.to_owned(), record.clone())));
        found.into_inner()
    };
    let before = records();
    doctor(&env, 0);
    assert_eq!(records(), before);
    assert_eq!(files(&env), ["store.age"]);

    let env = offline(Env::new());
    let rows = doctor(&env, 7);
    has(
        &one(&rows, "store"),
        &["ok: ", "written, read back and removed"],
    );
    assert_eq!(files(&env), [""; 0], "a store it made itself stays");
}

/// With a provided app, which needs no store, and nothing beyond this machine to be reached.
fn offline(env: Env) -> Env {
    let (env, _) = settled(env);
    env.var("WEBEX_CONNECT_CLIENT_ID", CLIENT_ID)
        .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
        .var("WEBEX_CONNECT_REDIRECT_URI", redirect_uri())
        .var("HTTPS_PROXY", format!("http://127.0.0.1:{}", free_port()))
}

fn files(env: &Env) -> Vec<String> {
    let Ok(entries) = fs::read_dir(env.path("data/webex-connect")) else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    let mut names: Vec<_> = names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| !name.ends_with(".lock"))
        .collect();
    names.sort();
    names
}

#[test]
fn without_a_keyring_the_store_is_the_first_failure() {
    let env = offline(Env::bare());
    let run = told(env.run(["doctor", "--json"]), 6);
    let finished = run.stderr_json("store_unavailable").check();
    let rows = rows(&finished);
    has(
        &one(&rows, "store"),
        &["fail: there is no keyring here", "--store file"],
    );
    has(&one(&rows, "connections"), &["warning: not known"]);
    has(
        &one(&rows, "app"),
        &["ok: provided by the environment", CLIENT_ID],
    );
    has(
        &one(&rows, "network"),
        &["fail: could not reach webexapis.com"],
    );
    has(&one(&rows, "clock"), &["warning: not compared"]);
    assert_eq!(files(&env), [""; 0]);

    // What the sandbox keeps on such a machine is no store for a login.
    env.connect_sandbox();
    let rows = doctor(&env, 6);
    let store = one(&rows, "store");
    has(
        &store,
        &[
            "fail: there is no keyring here",
            "only sandbox connections",
            "sandbox.age",
        ],
    );
    has(&one(&rows, "connections"), &["ok: 1, good for a token"]);
}

#[test]
fn a_sealed_file_without_a_key_is_told_and_none_is_made() {
    let env = offline(Env::bare()).var("WEBEX_CONNECT_STORE", "file");
    let rows = doctor(&env, 6);
    let words = [
        "fail: there is no key for the sealed file",
        "WEBEX_CONNECT_KEY_FILE",
    ];
    has(&one(&rows, "store"), &words);
    assert_eq!(files(&env), [""; 0]);

    let env = env.var("WEBEX_CONNECT_PASSPHRASE", "correct horse battery");
    let finished = told(env.run(["doctor", "--json"]), 7).check();
    let words = [
        "warning: ",
        "has no key yet",
        "`webex-connect login` makes one",
    ];
    has(&one(&self::rows(&finished), "store"), &words);
    assert!(!finished.out().contains("horse"), "{finished}");
    assert_eq!(files(&env), [""; 0]);
}

#[test]
fn a_sealed_file_that_does_not_open_is_told() {
    let authority = webex(None);
    let env = at(&authority);
    let before = fs::read(env.path(STORE)).unwrap();
    let other = Identity::generate().to_string();
    let env = env.var("WEBEX_CONNECT_KEY", other.expose_secret());
    let env = env.var("HTTPS_PROXY", format!("http://127.0.0.1:{}", free_port()));
    let rows = doctor(&env, 6);
    has(&one(&rows, "store"), &["fail: ", "sealed with another key"]);
    has(&one(&rows, "connections"), &["warning: not known"]);
    assert_eq!(fs::read(env.path(STORE)).unwrap(), before);
}

#[test]
fn files_that_others_can_read_are_told() {
    let authority = webex(None);
    let env = at(&authority).var("WEBEX_CONNECT_KEY", "");
    let mode = |path: &str, mode| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(env.path(path), permissions).unwrap();
    };
    fs::remove_file(env.path(STORE)).unwrap();
    let key = Identity::generate().to_string();
    env.write("data/webex-connect/store.key", key.expose_secret());
    env.add_app("own", &authority.base, &redirect_uri());
    mode(STORE, 0o640);
    mode("data/webex-connect", 0o755);
    let rows = doctor(&env, 0);
    let store = of(&rows, "store");
    has(&store[0], &["ok: ", "its key: ", "store.key"]);
    has(
        &store[1],
        &[
            "warning: ",
            "webex-connect was open to other",
            "mode 755",
            "yours alone now",
        ],
    );
    has(
        &store[2],
        &[
            "warning: ",
            "store.age was open",
            "mode 640",
            "yours alone now",
        ],
    );
    assert_eq!(store.len(), 3, "{store:?}");
    // A plain key that others can read protects nothing any more.
    mode("data/webex-connect/store.key", 0o644);
    let rows = doctor(&env, 6);
    let store = of(&rows, "store");
    has(
        &store[0],
        &[
            "fail: ",
            "store.key: the file is open to other users",
            "mode 644",
            "`chmod 600 /",
        ],
    );
    mode("data/webex-connect/store.key", 0o600);
    has(&one(&doctor(&env, 0), "store"), &["ok: "]);
}

#[test]
fn the_source_of_the_key_is_named() {
    let authority = webex(None);
    let key = Identity::generate().to_string();
    let env = at(&authority);
    fs::remove_file(env.path(STORE)).unwrap();
    let file = env.write("webex-connect-key", key.expose_secret());
    let named = env
        .var("WEBEX_CONNECT_KEY", "")
        .var("WEBEX_CONNECT_KEY_FILE", &file);
    named.add_app("own", &authority.base, &redirect_uri());
    let store = one(&doctor(&named, 0), "store");
    has(&store, &["ok: ", "; its key: WEBEX_CONNECT_KEY_FILE"]);
    let home = named.path("");
    let handed = named
        .var("WEBEX_CONNECT_KEY_FILE", "")
        .var("CREDENTIALS_DIRECTORY", home);
    let store = one(&doctor(&handed, 0), "store");
    has(
        &store,
        &[
            "ok: ",
            "; its key: the systemd credential webex-connect-key",
        ],
    );
}

/// BD-01, BD-02, seen before the login.
#[test]
fn a_taken_port_is_told_with_its_family() {
    let authority = webex(None);
    for (squatter, uri, code, words) in [
        (
            "127.0.0.1",
            "http://127.0.0.1:{PORT}/callback",
            8,
            "on 127.0.0.1",
        ),
        (
            "127.0.0.1",
            "http://localhost:{PORT}/callback",
            8,
            "on 127.0.0.1",
        ),
        ("[::1]", "http://localhost:{PORT}/callback", 8, "on ::1"),
        ("[::1]", "http://[::1]:{PORT}/callback", 8, "on ::1"),
        (
            "[::1]",
            "http://127.0.0.1:{PORT}/callback",
            0,
            "has it on ::1",
        ),
    ] {
        let port = free_port();
        let uri = uri.replace("{PORT}", &port.to_string());
        let (env, _) = settled(Env::new());
        env.add_app("own", &authority.base, &uri);
        let squatter = TcpListener::bind(format!("{squatter}:{port}")).unwrap();
        let found = one(&doctor(&env, code), "ports");
        let status = if code == 0 { "warning: " } else { "fail: " };
        has(&found, &[status, &port.to_string(), words]);
        drop(squatter);
        has(&one(&doctor(&env, 0), "ports"), &["ok: ", "is free on"]);
    }
}

#[test]
fn each_app_has_its_ports_and_its_webex_looked_at_once() {
    let (first, second) = (webex(None), webex(None));
    let (env, _) = settled(Env::new());
    let uris = [redirect_uri(), redirect_uri()];
    env.add_app("one", &first.base, &uris[0]);
    env.add_app("two", &second.base, &uris[1]);
    env.add_app("three", &second.base, &uris[1]);
    let rows = doctor(&env, 0);
    let (ports, network) = (of(&rows, "ports"), of(&rows, "network"));
    assert_eq!((ports.len(), network.len()), (2, 2), "{rows:?}");
    for uri in &uris {
        assert!(
            ports.iter().any(|row| row.contains(uri.as_str())),
            "{ports:?}"
        );
    }
    assert_eq!(first.asked().len() + second.asked().len(), 2);
    has(&one(&rows, "app"), &["ok: 3 of your own: "]);
}

#[test]
fn apps_that_are_missing_or_wrong_are_told() {
    let env = offline(Env::new()).var("WEBEX_CONNECT_CLIENT_SECRET", "");
    has(
        &one(&doctor(&env, 8), "app"),
        &["fail: ", "no client secret", "WEBEX_CONNECT_CLIENT_SECRET"],
    );
    let env = env
        .var("WEBEX_CONNECT_CLIENT_ID", "")
        .var("WEBEX_CONNECT_REDIRECT_URI", "");
    let (finished, code) = any_end(&env);
    let rows = rows(&finished);
    has(
        &one(&rows, "app"),
        &["warning: there is none", "`webex-connect app add NAME`"],
    );
    has(&one(&rows, "ports"), &["8911"]);
    // 8 on a machine where something has that port.
    assert!([Some(7), Some(8)].contains(&code), "{finished}");
}

/// For what depends on the machine.
fn any_end(env: &Env) -> (Finished, Option<i32>) {
    let finished = Process::spawn(env.command(["doctor", "--json"]), b"").finish();
    let code = finished.code;
    (finished, code)
}

#[test]
fn a_closed_port_is_no_network() {
    let (env, _) = settled(Env::new());
    let base = format!("http://127.0.0.1:{}/v1", free_port());
    env.add_app("own", &base, &redirect_uri());
    let run = told(env.run(["doctor", "--json"]), 7).stderr_json("temporary");
    let rows = rows(&run.check());
    let words = [
        "fail: could not reach 127.0.0.1",
        "refused",
        "check the network",
    ];
    has(&one(&rows, "network"), &words);
    has(&one(&rows, "clock"), &["warning: not compared"]);
}

/// All at once, and none for longer than ten seconds.
#[test]
fn silent_servers_are_not_waited_for_in_turn() {
    let silent = || {
        let authority = webex(None);
        authority.people_answers(Reply::silence());
        authority
    };
    let authorities = [silent(), silent(), silent()];
    let (env, _) = settled(Env::new());
    for (n, authority) in authorities.iter().enumerate() {
        env.add_app(&format!("app{n}"), &authority.base, &redirect_uri());
    }
    let finished = told(env.run(["doctor", "--json"]), 7).within(25).check();
    for row in of(&rows(&finished), "network") {
        has(&row, &["fail: no answer from 127.0.0.1 within 10 s"]);
    }
}

#[test]
fn a_webex_that_fails_is_reached_all_the_same() {
    let authority = webex(None);
    authority.people_answers(Reply::status(503, ""));
    let env = at(&authority);
    has(
        &one(&doctor(&env, 0), "network"),
        &["warning: ", "answers with 503"],
    );
}

#[test]
fn certificates_that_do_not_hold_are_told() {
    let stranger = Ca::new();
    let names = ["localhost", "127.0.0.1"];
    for (is_expired, words) in [
        (false, "name it with `--ca-cert FILE`"),
        (true, "check this machine's clock"),
    ] {
        let (env, ca) = settled(Env::new());
        let config = match is_expired {
            true => ca.issue_expired(&names),
            false => stranger.issue(&names),
        };
        let authority = Authority::secure(config, Reply::tokens());
        env.add_app("own", &authority.base, &redirect_uri());
        let row = one(&doctor(&env, 7), "network");
        has(
            &row,
            &["fail: could not reach localhost", "certificate", words],
        );
        assert!(authority.asked().is_empty(), "{row}");
    }
}

#[test]
fn ca_certificates_are_missed_where_they_are_needed() {
    let authority = webex(None);
    let plain = at(&authority).var("WEBEX_CONNECT_CA_CERT", "");
    has(
        &one(&doctor(&plain, 0), "ca"),
        &["warning: ", "no usable CA certificates", "`--ca-cert FILE`"],
    );

    let (env, ca) = settled(Env::new());
    let authority = Authority::secure(ca.issue(&["localhost"]), Reply::tokens());
    serve(&authority, None);
    env.add_app("own", &authority.base, &redirect_uri());
    let rows = doctor(&env, 0);
    has(&one(&rows, "ca"), &["ok: ", "ca.pem alone"]);
    has(
        &one(&rows, "network"),
        &["ok: https://localhost:", "answers (401)"],
    );
    // The system's, were these its own.
    let file = env.path("ca.pem");
    let env = env.var("SSL_CERT_FILE", file);
    has(
        &one(&doctor(&env, 0), "ca"),
        &["ok: ", "of the system, and those in"],
    );
    let env = env.var("WEBEX_CONNECT_CA_CERT", "");
    has(
        &one(&doctor(&env, 0), "ca"),
        &["ok: the CA certificates of the system ("],
    );
    let env = env.var("SSL_CERT_FILE", "/nonexistent");
    has(
        &one(&doctor(&env, 1), "ca"),
        &["fail: ", "`ca-certificates`"],
    );
    let empty = env.write("empty.pem", "").display().to_string();
    let run = env.run(["doctor", "--json", "--ca-cert", &empty]);
    let rows = self::rows(&told(run, 2).check());
    has(&one(&rows, "ca"), &["fail: ", "empty.pem", "PEM"]);
}

/// A server that only the proxy knows.
fn behind_a_proxy() -> (Env, Authority) {
    let (env, ca) = settled(Env::new());
    let authority = Authority::secure(ca.issue(&["webex.test"]), Reply::tokens());
    serve(&authority, None);
    env.add_app("own", "https://webex.test/v1", &redirect_uri());
    (env, authority)
}

const PASSWORD: &str = "pr0xy-canary-b7";

#[test]
fn a_proxy_is_named_without_its_password() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let (env, authority) = behind_a_proxy();
        let proxy = Proxy::start(Manner::LeadsTo(authority.port));
        let url = &proxy.url;
        let secret = url.replace("http://", &format!("http://jane:{PASSWORD}@"));
        let env = env.var(variable, secret).var("NO_PROXY", "example.com");
        let run = told(env.run(["doctor", "--json", "-v"]), 0).stderr_has("people/me");
        let finished = run.secret(PASSWORD).check();
        assert!(!finished.out().contains(PASSWORD), "{finished}");
        let rows = rows(&finished);
        let set = format!("ok: {variable} is {url}; NO_PROXY is example.com; ");
        has(
            &one(&rows, "proxy"),
            &[&set, "what is on this machine never goes through it"],
        );
        let network = format!("answers (401); {variable} leads through {url} ");
        has(
            &one(&rows, "network"),
            &["ok: https://webex.test/v1", &network],
        );
        assert!(!proxy.heard().heads.is_empty(), "{variable}");
    }
}

#[test]
fn a_proxy_that_refuses_or_is_left_out_is_told() {
    let (env, _authority) = behind_a_proxy();
    let proxy = Proxy::start(Manner::Refuses("407 Proxy Authentication Required"));
    let secret = proxy
        .url
        .replace("http://", &format!("http://jane:{PASSWORD}@"));
    let env = env.var("HTTPS_PROXY", secret);
    let finished = told(env.run(["doctor", "--json"]), 7)
        .secret(PASSWORD)
        .check();
    assert!(!finished.out().contains(PASSWORD), "{finished}");
    let network = one(&rows(&finished), "network");
    has(
        &network,
        &[
            "fail: could not reach webex.test through the proxy",
            "HTTPS_PROXY leads",
        ],
    );
}

#[test]
fn a_proxy_that_could_not_be_used_is_told_without_its_value() {
    let authority = webex(None);
    for (value, words) in [
        (
            format!("socks5://jane:{PASSWORD}@127.0.0.1:1080"),
            "names a SOCKS proxy",
        ),
        (
            format!("ftp://jane:{PASSWORD}@127.0.0.1:21"),
            "holds no address of a proxy",
        ),
        (
            format!("ht!tp://jane:{PASSWORD}@127.0.0.1:1"),
            "holds no address of a proxy",
        ),
        (format!("{PASSWORD} "), "holds no address of a proxy"),
    ] {
        let env = at(&authority).var("HTTPS_PROXY", &value);
        let finished = told(env.run(["doctor", "--json"]), 0)
            .secret(PASSWORD)
            .check();
        assert!(!finished.out().contains(PASSWORD), "{value}: {finished}");
        let rows = rows(&finished);
        has(
            &one(&rows, "proxy"),
            &["warning: HTTPS_PROXY ", words, "`unset HTTPS_PROXY`"],
        );
        // This machine is not reached through it.
        has(
            &one(&rows, "network"),
            &["ok: http://127.0.0.1:", "answers (401) ("],
        );
    }
}

#[test]
fn a_clock_that_is_off_is_told() {
    let authority = webex(None);
    let env = at(&authority);
    for (ahead, code, words) in [
        (0, 0, ["ok: agrees with that of 127.0.0.1", ""]),
        (3 * 60, 0, ["warning: 1", " s behind that of 127.0.0.1"]),
        (-3 * 60, 0, ["warning: 1", " s ahead of that of 127.0.0.1"]),
        (
            15 * 60,
            1,
            ["fail: 8", " s behind that of 127.0.0.1 (set it"],
        ),
        (
            -15 * 60,
            1,
            ["fail: 9", " s ahead of that of 127.0.0.1 (set it"],
        ),
    ] {
        serve(
            &authority,
            Some(Timestamp::now() + SignedDuration::from_secs(ahead)),
        );
        has(&one(&doctor(&env, code), "clock"), &words);
    }
    let unread = Reply::with(401, "Date: yesterday\r\n", "{}");
    authority.people_answers(unread);
    has(&one(&doctor(&env, 0), "clock"), &["warning: not compared"]);
}

#[test]
fn connections_that_need_somebody_are_told() {
    let authority = webex(None);
    let env = at(&authority);
    env.run(["login", "play", "--sandbox", "--approve"])
        .any_stderr()
        .check();
    has(
        &one(&doctor(&env, 0), "connections"),
        &["ok: 1, good for a token"],
    );
    env.edit_records(|name, record| {
        if name == "connection/play" {
            record["tokens"]["expires_at"] = "2020-01-01T00:00:00Z".into();
            record["tokens"]["refresh_token"] = Value::Null;
        }
    });
    let words = [
        "warning: 1 of 1 need",
        ": play",
        "`webex-connect login play --sandbox`",
    ];
    has(&one(&doctor(&env, 0), "connections"), &words);
    env.edit_records(|name, record| {
        if name == "connection/play" {
            record["schema"] = 99.into();
        }
    });
    let found = of(&doctor(&env, 6), "connections");
    has(
        &found[0],
        &[
            "fail: ",
            "connection/play",
            "newer version",
            "`webex-connect logout play`",
        ],
    );
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn with_the_sandbox_alone_nothing_is_asked_of_anybody() {
    let (env, _) = settled(Env::new());
    env.connect_sandbox();
    let proxy = Proxy::start(Manner::Refuses("502 Bad Gateway"));
    // A port of its own is not stored, so the default one is looked at, and may be taken on this machine.
    let env = env.var("HTTPS_PROXY", &proxy.url);
    let (finished, code) = any_end(&env);
    let rows = rows(&finished);
    has(
        &one(&rows, "network"),
        &["ok: nothing to reach: all connections here are in the sandbox"],
    );
    has(&one(&rows, "clock"), &["ok: nothing to compare it with"]);
    assert!(proxy.heard().heads.is_empty());
    assert!([Some(0), Some(8)].contains(&code), "{finished}");
}

#[test]
fn where_a_browser_would_not_come_up_another_way_is_named() {
    let authority = webex(None);
    let env = at(&authority);
    let ways = [
        "`webex-connect login --no-browser`",
        "`webex-connect login --device`",
    ];
    let ssh = one(&doctor(&env, 0), "browser");
    has(
        &ssh,
        &["warning: an SSH session", "`ssh -L ", ":127.0.0.1:"],
    );
    has(&ssh, &ways);
    let env = env.var("SSH_CONNECTION", "").var("container", "podman");
    let container = one(&doctor(&env, 0), "browser");
    has(&container, &["warning: a container"]);
    has(&container, &ways);
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_it_keeps_to_the_columns_there_are() {
    let authority = webex(Some(Timestamp::now()));
    let env = at(&authority);
    let (code, screen) = crate::env::Terminal::run(&env, &["doctor"]).ends();
    assert_eq!(code, 0, "{screen}");
    let lines: Vec<&str> = screen.lines().collect();
    for line in &lines {
        assert!(line.chars().count() <= 80, "{line:?}: {screen}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
    for start in [
        "store        ok       ",
        "browser      warning  an SSH session",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(start)), "{screen}");
    }
}
