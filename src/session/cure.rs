//! What is said where a connection will not do, and the commands that mend it.

use crate::app::provided;
use crate::app::{Environment, PORTAL};
use crate::connection::Connection;
use crate::error::{Error, Kind};
use crate::name::Name;
use crate::store::Store;

/// The error for a connection that Webex refused to refresh before.
pub fn refused_before(connection: &Connection) -> Error {
    let reason = connection.mark.reconnect_reason().unwrap_or_default();
    let message = format!("{} needs a new sign-in", connection.name);
    Error::new(Kind::SignIn, message)
        .with_detail(reason)
        .with_hint(sign_in(connection))
}

/// The cure where a person must sign in.
pub fn sign_in(connection: &Connection) -> String {
    format!("sign in again with `{}`", login_command(connection))
}

/// The command that signs a person in again.
pub fn login_command(connection: &Connection) -> String {
    let way = match (&connection.environment, &connection.app) {
        (Environment::Sandbox, _) => " --sandbox",
        (_, None) => " --token-stdin",
        (_, Some(_)) => "",
    };
    format!("webex-connect login {}{way}", connection.name)
}

/// What to do about a client that Webex refuses: the own app of this name, or the provided one.
pub fn mend_client(own: Option<&Name>) -> String {
    let cure = own.map_or_else(
        || {
            format!(
                "`webex-connect app show {}` says who provides this app",
                provided::NAME
            )
        },
        |name| format!("`webex-connect app update {name}` takes a new client secret"),
    );
    format!("compare both with {PORTAL}; {cure}")
}

/// The error for a connection that the sandbox file has not, where there is no keyring: nobody can tell what is in that.
pub fn unseen(store: &Store, name: &Name) -> Error {
    let place = store.place();
    let message = format!(
        "there is no connection {name} in {place}, and no keyring here in which it could be"
    );
    Error::new(Kind::Store, message)
        .with_hint("start a keyring, or say that it is in a sealed file with `--store file`")
}

/// The error for a connection that is not stored.
pub fn missing(store: &Store, name: &Name) -> Error {
    let names = store.connection_names().unwrap_or_default();
    let meant = name
        .alike(&names)
        .map_or_else(String::new, |alike| format!("did you mean {alike}? "));
    let (here, elsewhere) = match store.other_place() {
        Some(path) => (format!(" in {}", store.place()), other_store(&path)),
        None => Default::default(),
    };
    Error::new(Kind::SignIn, format!("there is no connection {name}{here}")).with_hint(format!(
        "{meant}`webex-connect list` shows what there is; `webex-connect login {name}` makes it{elsewhere}"
    ))
}

/// The error for a store without connections.
pub fn none_yet(store: &Store) -> Error {
    let elsewhere = store.other_place();
    let elsewhere = elsewhere.map_or_else(String::new, |path| other_store(&path));
    Error::new(Kind::SignIn, "there is no connection yet").with_hint(format!(
        "make one with `webex-connect login`, or try it with `webex-connect login --sandbox`{elsewhere}"
    ))
}

/// The end of a hint: the sealed file that the command did not look into.
pub fn other_store(path: &str) -> String {
    format!("; `--store file` looks in the sealed file here, {path}")
}

/// The cure where a scope is missing.
pub fn more_scopes(connection: &Connection, scopes: &str) -> String {
    let command = more_scopes_command(connection, scopes);
    match &connection.app {
        Some(_) => format!("ask for it with `{command}`"),
        None => format!("bring a token that has it with `{command}`"),
    }
}

/// The command that gets a connection more scopes. Where there is no app to ask with, only another token has them.
pub fn more_scopes_command(connection: &Connection, scopes: &str) -> String {
    let login = login_command(connection);
    match &connection.app {
        Some(_) => format!("{login} --add-scope {scopes}"),
        None => login,
    }
}
