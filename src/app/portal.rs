//! What to enter in Webex's developer portal, where nothing of it can be read or changed from here.

use serde_json::{Value, json};

use crate::app::{Environment, PORTAL, RedirectUri};
use crate::scope::ScopeSet;

/// Where Webex sends a browser that has signed in for another device. The device grant fails with a page that does
/// not say why unless the app has all four.
pub const DEVICE_REDIRECT_URIS: [&str; 4] = [
    "https://oauth-helper-a.wbx2.com/helperservice/v1/actions/device/callback",
    "https://oauth-helper-r.wbx2.com/helperservice/v1/actions/device/callback",
    "https://oauth-helper-k.wbx2.com/helperservice/v1/actions/device/callback",
    "https://oauth-helper-d.wbx2.com/helperservice/v1/actions/device/callback",
];

/// The registration of an app, for a person to copy: one line an entry.
pub fn registration(
    name: &str,
    redirect_uri: &RedirectUri,
    scopes: &ScopeSet,
    environment: &Environment,
) -> String {
    let uris = redirect_uris(redirect_uri, environment);
    let mut lines = vec![
        format!("Enter this at {PORTAL} (\"Create an integration\"):"),
        String::new(),
        "Integration name".to_owned(),
        format!("  {}", integration_name(name)),
        String::new(),
        "Redirect URIs, character for character".to_owned(),
    ];
    lines.extend(uris.iter().map(|uri| format!("  {uri}")));
    lines.extend([String::new(), format!("Scopes to tick ({})", scopes.len())]);
    lines.extend(scopes.iter().map(|scope| format!("  {scope}")));
    lines.join("\n")
}

/// The same for programs.
pub fn registration_json(
    name: &str,
    redirect_uri: &RedirectUri,
    scopes: &ScopeSet,
    environment: &Environment,
) -> Value {
    json!({
        "url": PORTAL,
        "name": integration_name(name),
        "redirect_uris": redirect_uris(redirect_uri, environment),
        "scopes": scopes,
    })
}

/// Only a suggestion: Webex shows it on the consent page.
fn integration_name(name: &str) -> String {
    format!("webex-connect {name}")
}

/// The government cloud is not known to have the device grant.
fn redirect_uris<'a>(redirect_uri: &'a RedirectUri, environment: &Environment) -> Vec<&'a str> {
    let mut uris = vec![redirect_uri.as_str()];
    if *environment != Environment::WebexGov {
        uris.extend(DEVICE_REDIRECT_URIS);
    }
    uris
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_to_enter_stands_on_a_line_of_its_own() {
        let uri = RedirectUri::parse("http://localhost:6855").unwrap();
        let scopes = ScopeSet::parse("spark:people_read spark-admin:people_write").unwrap();
        let text = registration("work", &uri, &scopes, &Environment::Webex);
        assert_eq!(
            text,
            "\
Enter this at https://developer.webex.com/my-apps (\"Create an integration\"):

Integration name
  webex-connect work

Redirect URIs, character for character
  http://localhost:6855
  https://oauth-helper-a.wbx2.com/helperservice/v1/actions/device/callback
  https://oauth-helper-r.wbx2.com/helperservice/v1/actions/device/callback
  https://oauth-helper-k.wbx2.com/helperservice/v1/actions/device/callback
  https://oauth-helper-d.wbx2.com/helperservice/v1/actions/device/callback

Scopes to tick (2)
  spark-admin:people_write
  spark:people_read"
        );
        assert!(text.lines().all(|line| line.chars().count() <= 80));
        let json = registration_json("work", &uri, &scopes, &Environment::Webex);
        assert_eq!(json["redirect_uris"].as_array().unwrap().len(), 5);
        assert_eq!(
            json["scopes"],
            json!(["spark-admin:people_write", "spark:people_read"])
        );
    }

    #[test]
    fn the_government_cloud_has_no_device_grant() {
        let uri = RedirectUri::parse("http://127.0.0.1:8911/callback").unwrap();
        let json = registration_json("g", &uri, &ScopeSet::standard(), &Environment::WebexGov);
        assert_eq!(
            json["redirect_uris"],
            json!(["http://127.0.0.1:8911/callback"])
        );
    }
}
