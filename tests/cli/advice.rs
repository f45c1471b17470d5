//! What Webex's refusals are told as: the whole of it, as a person reads it, with the next command at its end.

use crate::env::{CLIENT_ID, CLIENT_SECRET, Env, Login, Sandbox, http, redirect_uri};

const PORTAL: &str = "https://developer.webex.com/my-apps";

struct Place {
    env: Env,
    sandbox: Sandbox,
    uri: String,
}

impl Place {
    fn new(options: &[&str]) -> Place {
        let env = Env::new().var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET);
        let uri = redirect_uri();
        let sandbox = Sandbox::with(&env, &uri, options);
        Place { env, sandbox, uri }
    }

    /// A first login with a new app.
    fn login(&self, more: &[&str]) -> Login {
        let args = ["work", "--no-browser", "--client-id", CLIENT_ID];
        let place = [
            "--api-base",
            &self.sandbox.base,
            "--redirect-uri",
            &self.uri,
        ];
        Login::told(&self.env, &self.uri, &[&args[..], &place, more].concat())
    }

    /// What has to be run again for such a login.
    fn again(&self) -> String {
        self.again_at(&self.uri)
    }

    fn again_at(&self, uri: &str) -> String {
        let base = &self.sandbox.base;
        format!(
            "webex-connect login work --client-id {CLIENT_ID} --api-base {base} --redirect-uri {uri}"
        )
    }
}

/// The login ends with this exit code and exactly this talk after the address, but for a tracking ID, which it has
/// or has not.
fn ends(login: Login, code: i32, tracked: bool, expected: &str) {
    let finished = login.finish();
    assert_eq!(finished.code, Some(code), "{finished}");
    let said = finished.err();
    let (_, said) = said.split_once("/authorize?").unwrap_or_default();
    let lines: Vec<&str> = said.lines().skip(1).collect();
    let (ids, rest): (Vec<&str>, Vec<&str>) = lines
        .into_iter()
        .partition(|line| line.starts_with("tracking id: SANDBOX_"));
    assert_eq!(rest.join("\n"), expected, "{finished}");
    assert_eq!(ids.len(), usize::from(tracked), "{finished}");
}

/// The sandbox calls back at once, without a consent page.
fn called_back(login: &Login) {
    let callback = http::get(&login.url).header("Location");
    let callback = callback
        .parse()
        .unwrap_or_else(|e| panic!("{callback}: {e}"));
    let page = http::get(&callback);
    assert!(page.body.contains("Not connected"), "{page}");
}

#[test]
fn invalid_scope_names_the_suspects_and_what_to_tick() {
    let place = Place::new(&[]);
    let scopes = "spark:people_read identity:one_time_password spark:no_such";
    let login = place.login(&["--scope", scopes]);
    called_back(&login);
    let again = place.again();
    let finished = login.finish();
    assert_eq!(finished.code, Some(8), "{finished}");
    let said = finished.err();
    let error = said.lines().find(|line| line.starts_with("error: "));
    let start = "error: Webex refused the scopes that were asked for: not in the catalogue: \
                 identity:one_time_password spark:no_such; invalid_scope";
    assert!(
        error.is_some_and(|error| error.starts_with(start)),
        "{finished}"
    );
    let hint = format!(
        "hint: tick every scope you ask for on the app at {PORTAL}, then run `{again}` again; or state fewer with \
         `--scope` (`webex-connect scopes` explains them)\n"
    );
    assert!(said.ends_with(&hint), "{finished}");
    assert!(place.env.connections().is_empty());
}

#[test]
fn invalid_scope_without_a_suspect_says_what_to_tick() {
    let place = Place::new(&["--fail", "authorize=invalid_scope"]);
    let login = place.login(&[]);
    called_back(&login);
    let finished = login.finish();
    assert_eq!(finished.code, Some(8), "{finished}");
    let said = finished.err();
    assert!(!said.contains("catalogue"), "{finished}");
    assert!(
        said.contains("hint: tick every scope you ask for"),
        "{finished}"
    );
}

#[test]
fn a_wrong_client_secret_says_where_a_new_one_goes() {
    let place = Place::new(&[]);
    let refused = "error: Webex refused the app's client ID or client secret: invalid_client: The client secret is \
                   wrong.";
    let wrong = |env: &Env, args: &[&str]| {
        let mut login = Login::told(env, &place.uri, args);
        let callback = login.consent("allow");
        login.deliver(&callback);
        login
    };
    let base = ["--no-browser", "--api-base", &place.sandbox.base];
    // A new app: nothing of it was stored.
    let env = Env::new().var("WEBEX_CONNECT_CLIENT_SECRET", "mistyped");
    let new = [
        "work",
        "--client-id",
        CLIENT_ID,
        "--redirect-uri",
        &place.uri,
    ];
    let again = place.again();
    ends(
        wrong(&env, &[&base[..], &new].concat()),
        8,
        true,
        &format!("{refused}\nhint: compare both with {PORTAL}, then run `{again}` again"),
    );
    env.run(["app", "list", "--json"]).stdout("[]\n").check();
    // One that was added before.
    let add = [
        "app",
        "add",
        "own",
        "--client-id",
        CLIENT_ID,
        "--redirect-uri",
        &place.uri,
    ];
    env.run([&add[..], &base[1..]].concat())
        .any_stdout()
        .any_stderr()
        .check();
    ends(
        wrong(&env, &["work", "--app", "own", "--no-browser"]),
        8,
        true,
        &format!(
            "{refused}\nhint: compare both with {PORTAL}; `webex-connect app update own` takes a new client secret; \
             then run `webex-connect login work --app own` again"
        ),
    );
    // One that is provided.
    let env = Env::new()
        .var("WEBEX_CONNECT_CLIENT_ID", CLIENT_ID)
        .var("WEBEX_CONNECT_CLIENT_SECRET", "mistyped")
        .var("WEBEX_CONNECT_REDIRECT_URI", &place.uri);
    ends(
        wrong(&env, &[&["work"], &base[..]].concat()),
        8,
        true,
        &format!(
            "{refused}\nhint: compare both with {PORTAL}; `webex-connect app show provided` says who provides this app"
        ),
    );
}

#[test]
fn a_refusal_on_the_page_is_told_as_one() {
    let place = Place::new(&[]);
    let mut login = place.login(&[]);
    let callback = login.consent("refuse");
    login.deliver(&callback);
    let finished = login.finish();
    assert_eq!(finished.code, Some(4), "{finished}");
    let said = finished.err();
    let error = "\nerror: the request was refused on Webex's page: access_denied";
    assert!(said.contains(error), "{finished}");
    let hint = format!("\nhint: run `{}` again\n", place.again());
    assert!(said.ends_with(&hint), "{finished}");
    // Once connected, the name is all it takes.
    place.login(&[]).connects();
    let mut login = Login::told(&place.env, &place.uri, &["work", "--no-browser"]);
    let callback = login.consent("refuse");
    login.deliver(&callback);
    let finished = login.finish();
    let hint = "\nhint: run `webex-connect login work` again\n";
    assert!(finished.err().ends_with(hint), "{finished}");
    place.env.run(["check", "work"]).check();
}

#[test]
fn an_administrator_s_block_says_whom_to_ask() {
    let place = Place::new(&[]);
    for description in [
        "Access+denied+by+the+administrator+of+this+organization",
        "This+integration+is+blocked",
    ] {
        let login = place.login(&[]);
        let told = format!(
            "{}?state={}&error=access_denied&error_description={description}",
            place.uri,
            login.state()
        );
        http::get(&told.parse().unwrap_or_else(|e| panic!("{told}: {e}")));
        let description = description.replace('+', " ");
        ends(
            login,
            4,
            false,
            &format!(
                "error: an administrator of the organisation has blocked this app: access_denied: {description}\n\
                 hint: ask them to allow it in Control Hub (Apps, then Integrations), then run `{}` again",
                place.again()
            ),
        );
    }
}

#[test]
fn nobody_coming_back_lists_the_causes_and_the_exact_redirect_uri() {
    let place = Place::new(&[]);
    let typed = place.uri.replace("/callback", "/Callback/");
    let args = [
        "work",
        "--no-browser",
        "--client-id",
        CLIENT_ID,
        "--timeout",
        "1",
    ];
    let more = ["--api-base", &place.sandbox.base, "--redirect-uri", &typed];
    let login = Login::told(&place.env, &typed, &[&args[..], &more].concat());
    let page = http::get(&login.url);
    assert_eq!(page.status, 400, "{page}");
    ends(
        login,
        4,
        false,
        &format!(
            "error: timed out after 1 s waiting for the browser to come back\n\
             hint: if Webex showed an error page of its own: check at {PORTAL} that the client ID is right, that the \
             app has the redirect URI {typed} character for character, and that no administrator has blocked it; \
             then run `{}` again",
            place.again_at(&typed)
        ),
    );
}

#[test]
fn trouble_at_webex_is_exit_7_with_its_tracking_id() {
    let place = Place::new(&["--fail", "access_token=503*1"]);
    let mut login = place.login(&[]);
    let callback = login.consent("allow");
    login.deliver(&callback);
    let finished = login.finish();
    assert_eq!(finished.code, Some(7), "{finished}");
    for words in [
        "error: Webex can't answer just now (503)",
        "\ntracking id: SANDBOX_",
        "\nhint: run the same command again in a minute\n",
    ] {
        assert!(finished.err().contains(words), "{words}: {finished}");
    }
}

/// Nothing of the embedded sandbox's stands in Webex's portal.
#[test]
fn nobody_is_sent_to_webex_for_the_sandbox() {
    let env = Env::new();
    let finished = env
        .run(["login", "--sandbox", "--no-browser", "--timeout", "1"])
        .code(4)
        .stderr_has("waiting for the browser to come back\nhint: run `webex-connect login sandbox --sandbox` again\n")
        .check();
    assert!(!finished.err().contains("webex.com"), "{finished}");
    let unknown = ["login", "--sandbox", "--approve", "--scope", "nonsense:x"];
    let finished = env
        .run(unknown)
        .code(8)
        .stderr_has(
            "hint: state others with `--scope`: `webex-connect scopes` shows what there is\n",
        )
        .check();
    assert!(!finished.err().contains("webex.com"), "{finished}");
    let scopes = "spark:people_read spark:rooms_read";
    let mut login = Login::embedded(&env, &["--scope", scopes]);
    let callback = login.consent_with("allow", &["spark:rooms_read"]);
    login.deliver(&callback);
    let finished = login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    let said = "missing: spark:rooms_read; tick them on the consent page, then run";
    assert!(finished.err().contains(said), "{finished}");
    assert!(!finished.said().contains("webex.com"), "{finished}");
}
