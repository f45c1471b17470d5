//! Usage errors: they help with a typing error and repeat nothing that may be a secret.

use crate::env::Env;

/// Like a refresh token: neither a valid name nor a known word.
const SECRET: &str = "MTg0Yz+canary/YWItNGVm_P0A1_9d5c=";

#[test]
fn a_secret_in_the_wrong_place_is_not_echoed() {
    let env = Env::new();
    let long_option = format!("--{SECRET}");
    let with_value = format!("--client-secret-stdin={SECRET}");
    let upwards = format!("{SECRET}/../x");
    for args in [
        &[SECRET][..],
        &["help", SECRET],
        &["app", SECRET],
        &["help", "app", SECRET],
        &["token", SECRET],
        &["token", "work", SECRET],
        &["token", "--", "work", SECRET],
        &["token", &long_option],
        &[&long_option],
        &["login", SECRET],
        &["login", "work", SECRET],
        &["login", "work", &with_value],
        &["login", "--app", SECRET],
        &["status", SECRET],
        &["check", SECRET],
        &["refresh", SECRET],
        &["logout", SECRET],
        &["default", SECRET],
        &["rename", "work", SECRET],
        &["rename", SECRET, "work"],
        &["exec", SECRET, "cmd"],
        &["exec", SECRET, "--", "true"],
        &["exec", "work", SECRET],
        &["api", &upwards],
        &["api", "people/me", SECRET],
        &["api", "people/me", "-H", SECRET],
        &["api", "people/me", "-f", SECRET_FIELD],
        &["api", "people/me", "-X", SECRET],
        &["app", "add", SECRET, "--client-id", "x"],
        &["app", "show", SECRET],
        &["app", "remove", SECRET],
        &["app", "update", SECRET],
        &["app", "check", SECRET],
        &["export", SECRET, "--to", "age1x"],
        &["export", "work", "--to", SECRET],
        &["import", SECRET],
        &["import", "--name", SECRET],
        &["completion", SECRET],
        &["man", SECRET],
        &["doctor", SECRET],
        &["list", SECRET],
        &["sandbox", SECRET],
    ] {
        for (json, forced) in [(false, ""), (false, "1"), (true, ""), (true, "1")] {
            let more: &[&str] = if json { &["--json"] } else { &[] };
            let run = env.run([more, args].concat()).code(2);
            let run = run.var("CLICOLOR_FORCE", forced).any_stderr();
            let said = run.check();
            for piece in [SECRET, SECRET_FIELD, "canary"] {
                assert!(!said.err().contains(piece), "{said}");
            }
        }
    }
    for word in [SECRET, "spark:canary"] {
        let said = env.run(["scopes", word]).code(1).any_stderr().check();
        assert!(!said.err().contains("canary"), "{said}");
    }
    env.run(["token"])
        .var("WEBEX_CONNECT_CONNECTION", SECRET)
        .secret(SECRET)
        .code(2)
        .stderr_has("a name is 1 to 64")
        .check();
}

/// 64 hexadecimal digits would be a valid name otherwise, and messages repeat names.
#[test]
fn a_client_secret_is_not_taken_as_a_name() {
    let env = Env::new();
    let secret = "9f86d081884c7d659a2feaa0c55ad015".repeat(2);
    for args in [
        &["token"][..],
        &["login"],
        &["login", "--app"],
        &["app", "add"],
        &["app", "show"],
        &["logout"],
        &["rename", "work"],
        &["check"],
    ] {
        let args = [args, &[secret.as_str()]].concat();
        env.run(args)
            .secret(&secret)
            .code(2)
            .stderr(
                "error: this looks like a client secret and is not taken as a name\n\
                 hint: give a client secret with `--client-secret-stdin`, and a name such as `work` or `ci-2`\n",
            )
            .check();
    }
}

/// A field without `=`.
const SECRET_FIELD: &str = "MTg0Yz+canary/YWItNGVm";

#[test]
fn a_typing_error_gets_a_suggestion() {
    let env = Env::new();
    for (args, suggestion) in [
        (&["lgoin"][..], "a similar subcommand exists: 'login'"),
        (&["app", "lisst"], "a similar subcommand exists: 'list'"),
        (&["token", "--jsn"], "a similar argument exists: '--json'"),
        (
            &["token", "--nonsense"],
            "unexpected argument '--nonsense' found",
        ),
        (&["token", "-q"], "unexpected argument '-q' found"),
        (&["completion", "bsh"], "a similar value exists: 'bash'"),
        (
            &["--store", "filx", "list"],
            "invalid value 'filx' for '--store <STORE>'",
        ),
    ] {
        env.run(args).code(2).stderr_has(suggestion).check();
        let json = [&["--json"], args].concat();
        let said = env.run(json).code(2).stderr_json("usage").check();
        assert!(said.err().contains(suggestion), "{said}");
    }
}

#[test]
fn a_name_that_is_not_valid_gets_the_reason() {
    let env = Env::new();
    let long = "x".repeat(65);
    for (name, reason) in [
        ("", "this one is empty"),
        ("a b", "this one has another character"),
        (&long, "this one has 65"),
        (".x", "this one starts with ."),
    ] {
        env.run(["token", name])
            .code(2)
            .stderr(&format!(
                "error: a name is 1 to 64 of A-Z a-z 0-9 . _ - and starts with neither - nor .: {reason}\n\
                 hint: for example `work` or `ci-2`\n"
            ))
            .check();
    }
}
