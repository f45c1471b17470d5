//! Where nobody can be asked, nothing asks: each command ends by itself, whatever it lacks, and says where that could
//! come from. "Nobody" is an input that ends at once, one that stays open and silent, and a terminal with `--no-input`.

use std::fs;
use std::net::TcpListener;

use crate::env::process::{Finished, Input, Process};
use crate::env::{Env, Terminal};
use crate::passphrase::{keyless, sealed};

const RECIPIENT: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";

const NO_KEYRING: &[&str] = &[
    "there is no keyring here",
    "`--store file` or WEBEX_CONNECT_STORE=file",
];
const NO_KEY: &[&str] = &[
    "error: there is no key for the sealed file\n",
    "set WEBEX_CONNECT_PASSPHRASE or WEBEX_CONNECT_PASSPHRASE_FILE and one is made at ",
    "/webex-connect/store.key, or bring your own (`age-keygen`) in WEBEX_CONNECT_KEY or WEBEX_CONNECT_KEY_FILE, or as \
     the systemd credential webex-connect-key\n",
];
const NO_PASSPHRASE: &[&str] = &[
    " is sealed and there is no passphrase for it\n",
    "hint: give it in WEBEX_CONNECT_PASSPHRASE or WEBEX_CONNECT_PASSPHRASE_FILE\n",
];
const NO_APP: &[&str] = &[
    "error: there is no app to sign in with\n",
    " --client-id ID --client-secret-stdin`",
    "; WEBEX_CONNECT_CLIENT_ID and WEBEX_CONNECT_CLIENT_SECRET provide an app to every login, and so does \
     /etc/webex-connect/app.json\n",
];
const NO_SECRET: &[&str] = &[
    "error: there is no client secret, and Webex asks for one even with PKCE\n\
     hint: give it with `--client-secret-stdin`, `--client-secret-file FILE` or WEBEX_CONNECT_CLIENT_SECRET\n",
];
const NO_SECRET_BUT_A_TOKEN: &[&str] = &[
    "error: there is no client secret, and Webex asks for one even with PKCE\n\
     hint: give it with `--client-secret-file FILE` or WEBEX_CONNECT_CLIENT_SECRET\n",
];
const NO_IDENTITY: &[&str] = &["error: there is no identity to open the export with\n\
     hint: give the file that `age-keygen` made in `--identity FILE` or WEBEX_CONNECT_KEY_FILE, or the identity in \
     WEBEX_CONNECT_KEY\n"];
const NOBODY: &[&str] = &[
    "error: nobody could sign in here: there is no desktop and no terminal\n\
     hint: sign in from another device with `--device`, open the printed address yourself with `--no-browser`, name a \
     program that opens it with `--browser CMD`, bring a token with `--token-stdin` or `--refresh-token-stdin`, or \
     take a connection over from another machine with `webex-connect import`\n",
];
const WHOSE_TOKEN: &[&str] = &[
    "error: there is no app that the refresh token could belong to\n\
     hint: say which it is: `webex-connect login webex --refresh-token-stdin --client-id ID --client-secret-file FILE`\n",
];
const NO_CONNECTION: &[&str] = &["error: there is no connection yet\n\
     hint: make one with `webex-connect login`, or try it with `webex-connect login --sandbox`\n"];

/// Every command that opens the store, with every way to have it ask for something.
const WITH_A_STORE: &[&[&str]] = &[
    &["login"],
    &["login", "--no-browser"],
    &["login", "--browser", "true"],
    &["login", "--device"],
    &["login", "x", "--client-id", "C"],
    &["login", "x", "--client-id", "C", "--client-secret-stdin"],
    &["login", "--token-stdin"],
    &["login", "x", "--client-id", "C", "--refresh-token-stdin"],
    &["list"],
    &["status"],
    &["status", "--live"],
    &["check"],
    &["token"],
    &["token", "--header"],
    &["refresh"],
    &["refresh", "--all"],
    &["api", "people/me"],
    &["api", "messages", "--input", "-"],
    &["rename", "a", "b"],
    &["default", "a"],
    &["logout", "a"],
    &["logout", "--all"],
    &["app", "add", "x"],
    &["app", "add", "x", "--client-id", "C"],
    &[
        "app",
        "add",
        "x",
        "--client-id",
        "C",
        "--client-secret-stdin",
    ],
    &["app", "update", "x"],
    &["app", "list"],
    &["app", "show", "x"],
    &["app", "check", "x"],
    &["app", "remove", "x"],
    &["export", "a", "--to", RECIPIENT],
];

/// A home with a sandbox connection and an app.
fn furnished() -> Env {
    let env = Env::new();
    env.connect_sandbox();
    let add = [
        "app",
        "add",
        "work",
        "--client-id",
        "C",
        "--client-secret-stdin",
    ];
    env.run(add)
        .stdin("s3cret")
        .any_stdout()
        .any_stderr()
        .check();
    env
}

fn run(env: &Env, args: &[&str], input: Input) -> Finished {
    Process::reading(env.command(args), input).finish()
}

/// Fails with this code and these words, whether the input ends or stays open and silent.
fn fails_in_a_job(env: &Env, args: &[&str], code: i32, says: &[&str]) -> String {
    let [ended, silent] = [Input::Nothing, Input::Silence].map(|input| {
        let finished = run(env, args, input);
        assert_eq!(finished.code, Some(code), "{input:?}: {finished}");
        assert_eq!(finished.out(), "", "{input:?}: {finished}");
        let err = finished.err();
        let has_all = says.iter().all(|words| err.contains(words));
        let is_told = err.starts_with("error: ") && err.contains("\nhint: ");
        assert!(has_all && is_told, "{input:?}: {finished}\nlacks {says:?}");
        err
    });
    assert_eq!(ended, silent, "{args:?}");
    ended
}

/// The same, and just so on a terminal whose person is not to be asked.
fn fails(env: &Env, args: &[&str], code: i32, says: &[&str]) {
    let said = fails_in_a_job(env, args, code, says);
    let (exit, screen) = Terminal::run(env, &[&["--no-input"], args].concat()).ends();
    assert_eq!(
        (exit, screen.replace("\r\n", "\n")),
        (code, said),
        "{args:?}"
    );
}

/// On a terminal, whoever may be asked: what a flag reads does not come from there.
fn takes_no_typing(env: &Env, args: &[&str], says: &str) {
    let (code, screen) = Terminal::run(env, args).ends();
    assert!(
        code == 2 && screen.contains(says),
        "{args:?}: {code}: {screen}"
    );
}

/// ST-03 for every command.
#[test]
fn without_a_keyring() {
    let env = Env::bare().var("NO_COLOR", "1");
    for args in WITH_A_STORE {
        fails(&env, args, 6, NO_KEYRING);
    }
    fails(&env, &["exec", "--", "true"], 125, NO_KEYRING);
    assert!(!env.path("data/webex-connect").exists());
}

#[test]
fn with_a_sealed_key_and_no_passphrase() {
    let env = sealed().var("NO_COLOR", "1");
    for args in WITH_A_STORE {
        fails(&env, args, 6, NO_PASSPHRASE);
    }
    fails(&env, &["exec", "--", "true"], 125, NO_PASSPHRASE);
    let key = env.path("data/webex-connect/store.key");
    let import = ["import", "--identity", &key.display().to_string()];
    fails_in_a_job(&env, &import, 6, NO_PASSPHRASE);
}

#[test]
fn without_a_key() {
    let env = keyless().var("NO_COLOR", "1");
    let login = ["login", "x", "--client-id", "C"];
    for way in [&["--no-browser"][..], &["--browser", "true"], &["--device"]] {
        fails(&env, &[&login[..], way].concat(), 6, NO_KEY);
    }
    fails(&env, &["login", "--sandbox", "--approve"], 6, NO_KEY);
    fails(&env, &["app", "add", "x"], 6, NO_KEY);
    fails(&env, &["app", "add", "x", "--client-id", "C"], 6, NO_KEY);
    // Before anything is waited for.
    let refresh_token = [&login[..], &["--refresh-token-stdin"]].concat();
    fails_in_a_job(&env, &refresh_token, 6, NO_KEY);
    fails_in_a_job(&env, &["login", "--token-stdin"], 6, NO_KEY);
    fails_in_a_job(&env, &["import"], 2, NO_IDENTITY);
    assert!(!env.path("data/webex-connect").exists());
}

#[test]
fn with_nothing_stored() {
    let env = Env::new().var("NO_COLOR", "1");
    for args in [
        &["login"][..],
        &["login", "--no-browser"],
        &["login", "--device"],
    ] {
        fails(&env, args, 8, NO_APP);
    }
    fails(&env, &["login", "--refresh-token-stdin"], 8, WHOSE_TOKEN);
    let login = ["login", "x", "--client-id", "C"];
    fails(&env, &login, 4, NOBODY);
    let reading = [&login[..], &["--client-secret-stdin"]].concat();
    fails(&env, &reading, 4, NOBODY);
    for way in [&["--no-browser"][..], &["--browser", "true"], &["--device"]] {
        fails(&env, &[&login[..], way].concat(), 8, NO_SECRET);
    }
    let refresh_token = [&login[..], &["--refresh-token-stdin"]].concat();
    fails_in_a_job(&env, &refresh_token, 8, NO_SECRET_BUT_A_TOKEN);
    fails(&env, &["login", "--sandbox"], 4, &["with `--approve`, "]);

    fails(&env, &["app", "add", "x", "--client-id", "C"], 8, NO_SECRET);
    let no_id = "error: the client ID of x is missing\nhint: run `webex-connect app add x --client-id ID`\n";
    fails(&env, &["app", "add", "x"], 2, &[no_id]);
    fails(&env, &["app", "update", "x"], 8, &["there is no app x\n"]);
    fails(&env, &["app", "show", "x"], 8, &["there is no app x\n"]);
    fails(&env, &["app", "check", "x"], 8, &["there is no app x\n"]);

    for args in [
        &["status"][..],
        &["check"],
        &["token"],
        &["refresh"],
        &["api", "people/me"],
        &["api", "messages", "--input", "-"],
    ] {
        fails(&env, args, 4, NO_CONNECTION);
    }
    fails(&env, &["exec", "--", "true"], 125, NO_CONNECTION);
    for args in [
        &["status", "x"][..],
        &["token", "x"],
        &["rename", "x", "y"],
        &["default", "x"],
        &["export", "x", "--to", RECIPIENT],
    ] {
        fails(&env, args, 4, &["error: there is no connection x\n"]);
    }
}

#[test]
fn with_an_app_and_a_sandbox_connection() {
    let env = furnished().var("NO_COLOR", "1");
    let nothing = "error: there is nothing to update of the app work\n\
        hint: say what with `--client-secret-stdin`, `--client-secret-file FILE` or WEBEX_CONNECT_CLIENT_SECRET, \
        `--redirect-uri URI`, `--scope SCOPES` or `--preset PRESET`\n";
    fails(&env, &["app", "update", "work"], 2, &[nothing]);
    fails(&env, &["login"], 4, NOBODY);
    let again = &["let the sandbox consent by itself with `--sandbox --approve`, "];
    fails(&env, &["login", "sandbox"], 4, again);
    fails(
        &env,
        &["exec", "sandbox", "--", "true"],
        125,
        &["run `webex-connect sandbox"],
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    fails(&env, &["sandbox", "--port", &port], 8, &["is in use"]);
}

/// What has all it needs looks at no input.
#[test]
fn what_lacks_nothing_does_its_work() {
    let env = furnished();
    for args in [
        &["list"][..],
        &["status"],
        &["status", "--live"],
        &["check"],
        &["token"],
        &["refresh"],
        &["refresh", "--all"],
        &["api", "people/me"],
        &["export", "sandbox", "--to", RECIPIENT],
        &["app", "list"],
        &["app", "show", "work"],
        &["scopes"],
        &["completion", "bash"],
        &["man"],
    ] {
        let finished = run(&env, args, Input::Silence);
        assert_eq!(finished.code, Some(0), "{finished}");
        let (code, screen) = Terminal::run(&env, &[&["--no-input"], args].concat()).ends();
        assert_eq!(code, 0, "{args:?}: {screen}");
    }
    for args in [
        &["rename", "sandbox", "other"][..],
        &["default", "other"],
        &["login", "other", "--sandbox", "--approve"],
        &["logout", "other"],
        &["logout", "--all"],
        &["app", "remove", "work"],
    ] {
        let finished = run(&env, args, Input::Silence);
        assert_eq!(finished.code, Some(0), "{finished}");
    }
}

/// A flag that reads standard input says so on a terminal instead of waiting there, and where the input is empty.
#[test]
fn what_reads_standard_input_does_not_read_a_terminal() {
    let env = furnished().var("WEBEX_CONNECT_CLIENT_SECRET", "s3cret");
    let login = ["login", "x", "--client-id", "C"];
    let add = ["app", "add", "x", "--client-id", "C"];
    let secret = "--client-secret-stdin reads a pipe or a file, and standard input is a terminal";
    let no_secret = "error: the client secret is empty or has white space in it\n";
    let no_token = |member: &str| format!("error: what came on standard input is no {member}\n");
    for (args, on_a_terminal, empty) in [
        (
            [&login[..], &["--no-browser", "--client-secret-stdin"]].concat(),
            secret,
            no_secret,
        ),
        (
            [&add[..], &["--client-secret-stdin"]].concat(),
            secret,
            no_secret,
        ),
        (
            vec!["app", "update", "work", "--client-secret-stdin"],
            secret,
            no_secret,
        ),
        (
            vec!["login", "--token-stdin"],
            "--token-stdin reads a pipe or a file, and standard input is a terminal",
            &no_token("access_token"),
        ),
        (
            [&login[..], &["--refresh-token-stdin"]].concat(),
            "--refresh-token-stdin reads a pipe or a file, and standard input is a terminal",
            &no_token("refresh_token"),
        ),
        (
            vec!["import"],
            "an export is read from standard input, and that is a terminal",
            "error: standard input is empty\n",
        ),
    ] {
        takes_no_typing(&env, &args, on_a_terminal);
        takes_no_typing(&env, &[&["--no-input"], &args[..]].concat(), on_a_terminal);
        let finished = run(&env, &args, Input::Nothing);
        assert!(
            finished.code == Some(2) && finished.err().starts_with(empty),
            "{finished}"
        );
    }
    let api = ["--no-input", "api", "messages", "--input", "-"];
    takes_no_typing(
        &env,
        &api,
        "the body is read from standard input, and that is a terminal",
    );
    assert_eq!(env.connections(), ["sandbox"]);
}

#[test]
fn the_variable_does_what_the_option_does() {
    let env = Env::new()
        .var("NO_COLOR", "1")
        .var("WEBEX_CONNECT_NO_INPUT", "1");
    for (args, code, says) in [
        (&["login"][..], 8, NO_APP),
        (&["login", "x", "--client-id", "C"], 4, NOBODY),
        (&["app", "add", "x", "--client-id", "C"], 8, NO_SECRET),
    ] {
        let (exit, screen) = Terminal::run(&env, args).ends();
        let screen = screen.replace("\r\n", "\n");
        let has_all = says.iter().all(|words| screen.contains(words));
        assert!(exit == code && has_all, "{args:?}: {exit}: {screen}");
    }
    let sealed = sealed()
        .var("NO_COLOR", "1")
        .var("WEBEX_CONNECT_NO_INPUT", "1");
    let (exit, screen) = Terminal::run(&sealed, &["token"]).ends();
    let screen = screen.replace("\r\n", "\n");
    assert!(
        exit == 6 && screen.contains(NO_PASSPHRASE[0]),
        "{exit}: {screen}"
    );
    assert!(fs::exists(sealed.path("data/webex-connect/store.key")).unwrap());
}
