//! What stands on a terminal, and what in a pipe.

use crate::env::{Env, Run, Scene, Terminal};

fn with_a_connection() -> Env {
    let env = Env::new();
    env.connect_sandbox();
    env
}

fn on_a_terminal(env: &Env, args: &[&str]) -> (i32, String) {
    Terminal::run(env, args).ends()
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    const RED: &str = "\u{1b}[1;31merror:\u{1b}[0m";
    let env = Env::new();
    let coloured = |env: &Env| on_a_terminal(env, &["token"]).1.contains(RED);
    assert!(coloured(&env));
    assert!(!coloured(&Env::new().var("NO_COLOR", "1")));
    assert!(coloured(&Env::new().var("NO_COLOR", "")));
    env.run(["token"])
        .code(4)
        .stderr_has("error: there is no connection yet")
        .check();
    let forced = env
        .run(["token"])
        .var("CLICOLOR_FORCE", "1")
        .code(4)
        .any_stderr()
        .check();
    assert!(forced.err().contains(RED), "{forced}");
}

#[test]
fn a_table_fits_80_columns_on_a_terminal() {
    let env = Env::new();
    let name = "a-name-that-is-as-long-as-names-may-be-which-is-64-characters-ok";
    env.run(["login", name, "--sandbox", "--approve"])
        .any_stderr()
        .check();
    let (code, screen) = on_a_terminal(&env, &["list"]);
    assert_eq!(code, 0, "{screen}");
    assert!(
        screen
            .lines()
            .all(|line| line.trim_end().chars().count() <= 80),
        "{screen}"
    );
    let piped = env.run(["list"]).any_stdout().check().out();
    assert!(piped.contains(name), "a pipe gets whole names: {piped}");
}

#[test]
fn help_fits_80_columns() {
    let env = Env::new();
    for command in [
        "",
        "login",
        "list",
        "status",
        "token",
        "refresh",
        "rename",
        "default",
        "logout",
        "sandbox",
        "app",
        "app add",
        "app update",
        "app list",
        "app show",
        "app remove",
    ] {
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let (code, screen) = on_a_terminal(&env, &args);
        assert_eq!(code, 0, "{screen}");
        let too_long: Vec<_> = plain(&screen)
            .lines()
            .filter(|line| line.chars().count() > 80)
            .map(str::to_owned)
            .collect();
        assert!(too_long.is_empty(), "{command}: {too_long:#?}");
        assert!(
            command.is_empty() || screen.contains("  $ "),
            "{command} has no example"
        );
    }
}

/// Without the colours that clap writes.
fn plain(screen: &str) -> String {
    let mut pieces = screen.split('\u{1b}');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        text + piece.split_once('m').map_or("", |(_, rest)| rest)
    })
}

#[test]
fn the_token_is_the_same_on_a_terminal_and_in_a_pipe() {
    let env = with_a_connection();
    let piped = env.run(["token"]).any_stdout().check().out();
    let (code, screen) = on_a_terminal(&env, &["token"]);
    assert_eq!((code, screen.replace("\r\n", "\n")), (0, piped));
}

#[test]
fn the_wait_is_counted_down_on_a_terminal_and_ctrl_c_ends_it() {
    let scene = Scene::open();
    let env = Env::new();
    let secret = env.write("secret", "s3cret\n").display().to_string();
    let redirect_uri = crate::env::redirect_uri();
    let args = [
        "login",
        "--client-id",
        "x",
        "--api-base",
        &scene.sandbox.base,
        "--redirect-uri",
        &redirect_uri,
    ];
    let more = [
        "--no-browser",
        "--timeout",
        "61",
        "--no-input",
        "--client-secret-file",
        &secret,
    ];
    let mut terminal = Terminal::run(&env, &[&args[..], &more].concat());
    terminal
        .shows("/authorize?")
        .shows("1:01 left")
        .shows("1:00 left")
        .types("\u{3}");
    let (code, screen) = terminal.ends();
    assert_eq!(code, 130, "{screen}");
    assert!(
        screen.contains("interrupted; nothing was stored"),
        "{screen}"
    );
}

/// Where a person may paste, nothing is redrawn under their hands; the time there is stands in the invitation.
#[test]
fn a_person_who_may_paste_is_told_how_long_there_is_and_ctrl_c_ends_it() {
    let scene = Scene::open();
    let env = Env::new();
    let redirect_uri = crate::env::redirect_uri();
    let mut terminal = Terminal::run(
        &env,
        &[
            &[
                "login",
                "--client-id",
                "x",
                "--api-base",
                &scene.sandbox.base,
            ][..],
            &[
                "--redirect-uri",
                &redirect_uri,
                "--no-browser",
                "--timeout",
                "90",
            ],
        ]
        .concat(),
    );
    terminal.shows("Client secret").types("s3cret-typed\n");
    terminal.shows("/authorize?").shows("1:30").types("\u{3}");
    let (code, screen) = terminal.ends();
    assert_eq!(code, 130, "{screen}");
    assert!(
        screen.contains("interrupted; nothing was stored"),
        "{screen}"
    );
    assert!(
        !screen.contains("s3cret-typed") && terminal.echoes(),
        "{screen}"
    );
    assert!(env.connections().is_empty());
}

#[test]
fn ctrl_c_at_the_secret_gives_the_terminal_back() {
    let env = Env::new();
    let args = [
        "login",
        "--client-id",
        "x",
        "--redirect-uri",
        "http://127.0.0.1:1/",
        "--no-browser",
    ];
    let mut terminal = Terminal::run(&env, &args);
    terminal.shows("Client secret").types("half\u{3}");
    let (code, screen) = terminal.ends();
    assert_eq!(code, 130, "{screen}");
    assert!(terminal.echoes() && !screen.contains("half"), "{screen}");
}

#[test]
fn verbose_shows_the_wire_and_masks_secrets() {
    let env = Env::new();
    let run = env
        .run(["login", "--sandbox", "--approve", "-v"])
        .stderr_has("> GET http://127.0.0.1")
        .check();
    let token = env.run(["token"]).any_stdout().check().out();
    let wire = run.err();
    for line in [
        "> POST http://127.0.0.1",
        "/v1/access_token grant_type=authorization_code code=… code_verifier=… client_id=sandbox",
        "client_secret=… redirect_uri=http://127.0.0.1:",
        "< 200 OK",
        "/v1/people/me",
    ] {
        assert!(wire.contains(line), "{line:?} is not in {wire}");
    }
    assert!(
        !wire.contains("sandbox-secret") && !wire.contains(token.trim()),
        "{wire}"
    );
}

/// What is on the command line may have come from elsewhere.
#[test]
fn a_usage_error_quotes_no_control_characters_and_no_value_that_may_be_secret() {
    let env = Env::new();
    for (args, is_quoted) in [
        (&["x\u{9b}31m"][..], false),
        (&["list", "--store", "\u{202e}"], true),
        (&["token", "--\u{202e}"], false),
        (&["check", "--min-valid", "\u{9b}"], true),
    ] {
        let (code, screen) = on_a_terminal(&env, args);
        assert_eq!(code, 2, "{screen}");
        assert!(!screen.contains(['\u{9b}', '\u{202e}']), "{screen:?}");
        assert_eq!(screen.contains('\u{fffd}'), is_quoted, "{screen:?}");
    }
    for option in [
        "--client-secret-stdin",
        "--token-stdin",
        "--refresh-token-stdin",
    ] {
        for more in [&[][..], &["--json"]] {
            let value = format!("{option}=c4n4ry");
            let refused = env.run([&["login", &value], more].concat()).code(2);
            refused.secret("c4n4ry").stderr_has(option).check();
        }
    }
}

#[test]
fn a_usage_error_in_json_says_what_is_missing_and_what_may_be_meant() {
    let env = Env::new();
    for (args, words) in [
        (&["app"][..], "requires a subcommand"),
        (&["lgoin"], "similar subcommand exists: 'login'"),
        (
            &["list", "--stoer", "file"],
            "a similar argument exists: '--store'",
        ),
    ] {
        env.run([args, &["--json"]].concat())
            .code(2)
            .stderr_has("the command line is not understood")
            .stderr_has(words)
            .check();
    }
    let nothing = env.run(["--json", "app"]).code(2);
    nothing.stderr_has("a command is missing").check();
}

#[test]
fn a_help_that_can_not_be_written_is_an_error() {
    let env = Env::new();
    for script in [
        "exec \"$1\" --help >/dev/full",
        "exec \"$1\" help token >/dev/full",
    ] {
        let mut command = env.program("sh");
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_webex-connect")]);
        let run = Run::new(command).code(1);
        run.stderr_has("could not write to standard output").check();
    }
}

/// std opens `/dev/null` in place of a closed descriptor. So do the programs that start this one with `/dev/null`, for
/// reading and writing too, and they get exit code 0.
#[test]
fn a_result_without_an_open_stdout_is_an_error() {
    let env = with_a_connection();
    let sh = |script: &str| {
        let mut command = env.program("sh");
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_webex-connect")]);
        Run::new(command)
    };
    for args in [
        "token",
        "token --json",
        "token --header",
        "list",
        "list --json",
        "status",
        "status --json",
        "check --json",
        "scopes",
        "scopes --json",
        "api people/me",
        "app list --json",
        "doctor",
        "doctor --json",
        "sandbox --port 0",
        "completion bash",
        "man",
        "man token",
        "--help",
        "-h",
        "help token",
        "token --help",
        "--version",
    ] {
        let closed = sh(&format!("exec \"$1\" {args} >&-")).code(1).any_stderr();
        let said = closed.check().err();
        let reason = "could not write to standard output: it was closed when the program started";
        assert!(said.contains(reason), "{args}: {said}");
    }
    for args in ["token", "list --json", "--help"] {
        for null in [
            ">/dev/null",
            "1<>/dev/null",
            ">&- >/dev/null",
            "<&- >/dev/null",
        ] {
            sh(&format!("exec \"$1\" {args} {null}")).check();
        }
    }
}

/// AP-04 for names: whoever signs in chose them.
#[test]
fn control_characters_never_reach_a_terminal() {
    let env = with_a_connection();
    let (_, screen) = on_a_terminal(&env, &["token", "a\u{9b}31m\u{202e}\u{1b}]0;x\u{7}b"]);
    for raw in ["\u{9b}", "\u{202e}", "\u{1b}]", "\u{7}"] {
        assert!(!screen.contains(raw), "{screen:?}");
    }
}
