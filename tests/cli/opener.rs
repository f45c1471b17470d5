//! The program that opens the browser: it may be missing, fail, hang or chatter, and it is told nothing secret.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use url::Url;

use crate::env::process::Stream;
use crate::env::{
    Authority, CLIENT_SECRET, CODE, Ca, Env, Login, Reply, Run, case_held, consent, http,
    redirect_uri,
};

const PASSPHRASE: &str = "correct horse battery staple";

/// Ends the opener that wrote its id, if it still runs.
fn end_opener(env: &Env) {
    let id = env.written("opener.pid");
    let pid = id.trim().parse().ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// BR-01. The printed address works whatever becomes of the opener; these words come before anybody follows it.
fn completes(case: &str, env: &Env, program: &str, words: &[&str]) {
    let authority = Authority::plain(Reply::tokens());
    let mut login = Login::opened_by(env, &authority.base, &redirect_uri(), program);
    for word in words {
        while let Some(line) = login.process.next_line(Stream::Err)
            && !line.contains(word)
        {}
    }
    let callback = consent(&login, &authority, &format!("code={CODE}"));
    let page = http::get(&callback);
    assert_eq!(page.status, 200, "{case}: {page}");
    let finished = login.finish();
    assert_eq!(finished.code, Some(0), "{case}: {finished}");
    let quick = finished.took < Duration::from_secs(20);
    assert!(quick && finished.stderr.len() < 4096, "{case}: {finished}");
    assert_eq!(env.connections(), ["work"], "{case}");
    case_held(case);
}

#[test]
fn an_opener_that_fails_does_not_stop_the_login() {
    let told = [
        "could not open a browser",
        "open this address yourself",
        "/authorize?",
    ];
    completes("BR-01 missing", &Env::new(), "/nonexistent/opener", &told);
    let env = Env::new();
    let failing = env.script("failing", "exit 3");
    completes("BR-01 exits 3", &env, &failing, &told);
    let env = Env::new();
    let plain = env.write("plain", "#!/bin/sh\n").display().to_string();
    completes("BR-01 not executable", &env, &plain, &told);
    // One program, no shell.
    let env = Env::new();
    completes("BR-01 a command line", &env, "touch pwned;", &told);
    assert!(!env.path("pwned").exists());
}

#[test]
fn an_opener_that_hangs_or_chatters_does_not_stop_the_login() {
    for (case, does) in [
        ("BR-01 sleeps", "sleep 600"),
        ("BR-01 floods", "head -c 1073741824 /dev/zero >&2"),
    ] {
        let env = Env::new();
        let lines = format!("echo $$ >\"$HOME/opener.pid\"\nexec {does}");
        let opener = env.script("opener", &lines);
        completes(case, &env, &opener, &[]);
        end_opener(&env);
    }
}

/// BR-01: no descriptor of ours, and umask, limits and signals as the caller has them.
#[test]
fn an_opener_starts_in_the_callers_own_surroundings() {
    let env = Env::new();
    let tell = "{ umask; ulimit -a; grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd; }";
    let lines = format!("{tell} >\"$HOME/part\" && mv \"$HOME/part\" \"$HOME/surroundings\"");
    let opener = env.script("opener", &lines);
    Run::new(env.program(&opener)).check();
    let by_itself = env.written("surroundings");
    fs::remove_file(env.path("surroundings")).unwrap_or_else(|e| panic!("{e}"));
    completes("BR-01 surroundings", &env, &opener, &[]);
    assert_eq!(env.written("surroundings"), by_itself, "BR-01");
}

/// BR-03. None of these is an address to send a browser, or anything else, to.
#[test]
fn a_base_that_is_no_https_address_opens_nothing() {
    let ca = Ca::new();
    let authority = Authority::secure(ca.issue(&["localhost"]), Reply::tokens());
    let env = Env::new();
    let file = env.write("ca.pem", &ca.pem());
    let env = env.var("WEBEX_CONNECT_CA_CERT", file);
    let pwned = format!("$(touch {})", env.path("pwned").display());
    for base in [
        "file:///usr/bin/true",
        "javascript:alert(1)",
        "-https://x",
        "http://evil.example/v1",
        "calc.exe",
        "\\\\host\\share",
        &pwned,
        &authority.base.replace("https://", "https://u:p@"),
        &authority.base.replace("https://", "https://u@"),
        &format!("{}#f", authority.base),
        &format!("{}?q", authority.base),
    ] {
        let base = format!("--api-base={base}");
        let args = [
            "login",
            "--client-id",
            "x",
            "--browser",
            crate::env::BROWSER,
            &base,
        ];
        let refused = env.run(args).code(2).stderr_has("https");
        refused.within(5).check();
        assert_eq!(env.opened(), None, "BR-03 {base}");
        case_held(format!("BR-03 {base}"));
    }
    assert!(!env.path("pwned").exists(), "BR-03");
    assert_eq!(authority.connections(), 0, "BR-03");
}

/// One login as the opener sees it: its arguments, and the authorization URL behind the address.
fn sent_off(env: &Env, opener: &str) -> (String, Url) {
    for name in ["seen", "environment"] {
        let _ = fs::remove_file(env.path(name));
    }
    let more = ["--browser", opener, "--timeout", "30"];
    let login = Login::at(env, "http://127.0.0.1:9/v1", &redirect_uri(), &more);
    let seen = env.written("seen");
    let start = seen
        .strip_prefix("1\n")
        .unwrap_or_else(|| panic!("BR-04: one argument: {seen:?}"));
    let start = Url::parse(start.trim_end()).unwrap_or_else(|e| panic!("BR-04: {start}: {e}"));
    let answer = http::get(&start);
    assert_eq!(answer.status, 302, "BR-04: {answer}");
    assert_eq!(answer.header("Location"), login.url.as_str(), "BR-04");
    assert_eq!(answer.header("Cache-Control"), "no-store", "BR-04");
    assert_eq!(
        start.port(),
        Some(login.port()),
        "BR-04: on the redirect port"
    );
    let environment = fs::read_to_string(env.path("environment")).unwrap_or_default();
    assert!(environment.contains("HOME="), "BR-04: {environment}");
    let argv = login.process.arguments();
    for secret in [
        &login.state(),
        &query(&login.url, "code_challenge"),
        CLIENT_SECRET,
        "AGE-SECRET-KEY",
        PASSPHRASE,
    ] {
        for place in [&seen, &environment, &argv] {
            assert!(!place.contains(secret), "BR-04: {secret} in {place}");
        }
    }
    login.process.signal(Signal::TERM);
    let url = login.url.clone();
    let finished = login.finish();
    assert_eq!(finished.code, Some(143), "BR-04: {finished}");
    (start.path().to_owned(), url)
}

fn query(url: &Url, name: &str) -> String {
    let pairs = url.query_pairs().filter(|(n, _)| n == name);
    pairs.map(|(_, value)| value.into_owned()).collect()
}

/// BR-04, and ST-12: what opens the store is in no child's environment.
#[test]
fn no_two_logins_share_anything_and_the_opener_learns_nothing() {
    const LOGINS: usize = 200;
    let env = Env::new()
        .var("WEBEX_CONNECT_CLIENT_SECRET", CLIENT_SECRET)
        .var("WEBEX_CONNECT_PASSPHRASE", PASSPHRASE);
    let seen = "env >\"$HOME/environment\"\nprintf '%s\\n' \"$#\" \"$@\" >\"$HOME/seen\"";
    let opener = env.script("opener", seen);
    let mut unique = BTreeSet::new();
    for _ in 0..LOGINS {
        let (path, url) = sent_off(&env, &opener);
        let (state, challenge) = (query(&url, "state"), query(&url, "code_challenge"));
        // 128 bits are 22 characters of Base64.
        assert!(
            path.len() > 22 && state.len() >= 22,
            "BR-04: {path} {state}"
        );
        assert_eq!(challenge.len(), 43, "BR-04");
        assert_eq!(query(&url, "code_challenge_method"), "S256");
        assert_eq!(query(&url, "response_type"), "code");
        assert!(!url.as_str().contains("verifier"), "BR-04: {url}");
        unique.extend([path, state, challenge]);
    }
    assert_eq!(unique.len(), 3 * LOGINS, "BR-04: something came twice");
    case_held("BR-04 two hundred logins");
    case_held("ST-12 in the environment of a child");
    assert!(env.connections().is_empty());
}
