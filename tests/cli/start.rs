//! The program alone, as a newcomer types it.

use crate::env::Env;

#[test]
fn alone_it_shows_where_to_begin() {
    let env = Env::bare();
    let none: [&str; 0] = [];
    env.run(none)
        .stdout(
            "webex-connect signs in to Cisco Webex once, and gives every script a token that works\n\
             \n\
             Start here:\n  \
             $ webex-connect login --sandbox    try it: no account, no app, no set-up\n  \
             $ webex-connect login work         sign in to Webex; it leads you through\n  \
             $ webex-connect token work         print a token that works, for your scripts\n\
             \n\
             `webex-connect --help` shows every command, `webex-connect login --help` one.\n",
        )
        .check();
}

/// A program that names no command has made a mistake.
#[test]
fn a_script_that_names_no_command_is_told() {
    let env = Env::bare();
    env.run(["--json"]).code(2).stderr_json("usage").check();
    for (args, told) in [
        (
            &["token", "--nonsense"][..],
            "unexpected argument '--nonsense' found",
        ),
        (
            &["rename"],
            "the following required arguments were not provided: <OLD> <NEW>",
        ),
    ] {
        let run = env.run([args, &["--json"]].concat()).code(2);
        let error = run.stderr_json("usage").check();
        assert!(error.err().contains(told), "{error}");
    }
}
