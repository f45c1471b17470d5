//! What holds for all commands and is told once: exit codes, variables and files, for `--help` and the manual.

use crate::variables;

/// A term and what it means.
pub type Entry = (&'static str, &'static str);

/// The exit codes; a promise to scripts.
pub const EXIT_CODES: [Entry; 15] = [
    ("0", "done"),
    ("1", "anything without a better code"),
    ("2", "usage: the command line or a variable is off"),
    ("4", "a person must sign in"),
    ("5", "a scope is missing, or is not known to be granted"),
    (
        "6",
        "the store is absent, locked or silent, or holds something unreadable",
    ),
    ("7", "the network or Webex failed for the moment: try again"),
    (
        "8",
        "the app is misconfigured: secret, redirect URI, scopes or port",
    ),
    ("9", "refused for safety"),
    (
        "125",
        "`exec` alone: there was no token to run the command with",
    ),
    ("126", "`exec` alone: the command can't be run"),
    (
        "127",
        "`exec` alone: there is no such command; else it ends as its command does",
    ),
    ("129", "ended by SIGHUP"),
    ("130", "ended by SIGINT (Ctrl-C)"),
    ("143", "ended by SIGTERM"),
];

/// The variables that are read.
pub const VARIABLES: [Entry; 16] = [
    (
        variables::CONNECTION,
        "The connection meant by commands that are given no name.",
    ),
    (
        variables::STORE,
        "Where connections are kept: `keyring`, which is the default, or `file`. Says the same as --store.",
    ),
    (
        variables::CLIENT_ID,
        "The client ID of an app provided to this machine by the environment; its secret and redirect URI then come \
         from the environment too.",
    ),
    (
        variables::CLIENT_SECRET,
        "The client secret of that app. Without a client ID in the environment, the secret for `login --client-id`, \
         `app add` and `app update`.",
    ),
    (
        variables::REDIRECT_URI,
        "The redirect URI of the app provided by the environment.",
    ),
    (
        variables::KEY,
        "The key of the sealed file, an age identity that begins with AGE-SECRET-KEY-1.",
    ),
    (variables::KEY_FILE, "A file that holds this key."),
    (
        variables::CREDENTIALS,
        "Set by systemd: a credential in it called webex-connect-key is a file that holds this key.",
    ),
    (
        variables::PASSPHRASE,
        "The passphrase of a key file that is itself sealed.",
    ),
    (
        variables::PASSPHRASE_FILE,
        "A file that holds this passphrase in one line.",
    ),
    (
        variables::CA_CERT,
        "A PEM file of CA certificates to trust besides the system's. Says the same as --ca-cert.",
    ),
    (
        variables::NO_INPUT,
        "Any value: nothing is asked. Says the same as --no-input.",
    ),
    (
        variables::GITHUB_ACTIONS,
        "`true` in a job of GitHub Actions, the only place where `token --github-mask` prints what masks the token.",
    ),
    (
        "NO_COLOR, CLICOLOR_FORCE",
        "No colour, or colour also where messages do not go to a terminal.",
    ),
    (
        "HTTPS_PROXY, ALL_PROXY, NO_PROXY",
        "The proxy to Webex, and hosts that are reached without it. Nothing on this machine is reached through a proxy.",
    ),
    (
        "XDG_DATA_HOME, XDG_STATE_HOME",
        "Where our directories are: by default ~/.local/share and ~/.local/state. They must be yours.",
    ),
];

/// The files that are ours. The keyring's own are not.
pub const FILES: [Entry; 5] = [
    (
        "$XDG_DATA_HOME/webex-connect/store.age",
        "All connections and apps, sealed with age, where the store is `file`. `age --decrypt` opens it with the key.",
    ),
    (
        "$XDG_DATA_HOME/webex-connect/store.key",
        "Its key, unless a variable gives one: plain, or sealed by a passphrase.",
    ),
    (
        "$XDG_DATA_HOME/webex-connect/sandbox.age, sandbox.key",
        "Connections to the embedded sandbox, on a machine without a keyring.",
    ),
    (
        "$XDG_DATA_HOME/webex-connect/*.lock",
        "Locked while a record in the sealed file is changed. They are empty, and are left where they are.",
    ),
    (
        "/etc/webex-connect/app.json",
        "The app that the administrator provides. It belongs to root and only root can write it.",
    ),
];

/// The exit codes as lines of help.
pub fn exit_codes() -> String {
    let lines = EXIT_CODES.map(|(code, meaning)| format!("  {code:<4} {meaning}"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn every_kind_of_error_has_its_exit_code_explained() {
        for kind in [
            Kind::Failure,
            Kind::Usage,
            Kind::SignIn,
            Kind::Denied,
            Kind::TimedOut,
            Kind::Scope,
            Kind::Store,
            Kind::Unreadable,
            Kind::Temporary,
            Kind::App,
            Kind::PortInUse,
            Kind::Refused,
            Kind::Interrupted(1),
            Kind::Interrupted(2),
            Kind::Interrupted(15),
        ] {
            let code = kind.exit_code().to_string();
            let explained = EXIT_CODES.iter().any(|(known, _)| *known == code);
            assert!(explained, "{code} of {kind:?}");
        }
    }
}
