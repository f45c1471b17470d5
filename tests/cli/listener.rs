//! The redirect listener and whoever else talks to it while a login waits.

use crate::env::{Env, Login, Sandbox, Scene, case_held, redirect_uri, send};

/// A request that must be refused without ending the wait.
struct Stray {
    case: &'static str,
    request: &'static str,
    /// Any of these answers will do.
    status: &'static [u16],
}

fn refused_and_forgotten(strays: &[Stray]) {
    for Stray {
        case,
        request,
        status,
    } in strays
    {
        let case = &format!("{case}, {request:?}");
        let mut scene = Scene::open();
        let callback = scene.login.consent("allow");
        scene.login.secret(scene.login.state());
        let request = scene.login.fill(request, &callback);
        let answer = send(scene.login.port(), request.as_bytes())
            .unwrap_or_else(|e| panic!("{case}: no answer: {e}"));
        assert!(status.contains(&answer.status), "{case}: {answer}");
        assert!(
            !answer.to_string().contains(&scene.login.state()),
            "{case}: echoes state: {answer}"
        );
        #[cfg(target_os = "linux")]
        assert!(
            scene.login.process.status("VmHWM") <= 64 * 1024,
            "{case}: memory"
        );
        scene.connects(case, &callback);
    }
}

#[test]
fn a_callback_without_the_right_state_changes_nothing() {
    refused_and_forgotten(&[
        Stray {
            case: "CB-01 wrong state",
            request: "GET {PATH}?code=ATTACKER&state=AAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: {LISTEN}\r\n\r\n",
            status: &[400],
        },
        Stray {
            case: "CB-02 no state",
            request: "GET {PATH}?code=ATTACKER HTTP/1.1\r\nHost: {LISTEN}\r\n\r\n",
            status: &[400],
        },
        Stray {
            case: "CB-02 a fragment in the target",
            request: "GET {PATH}?code={CODE}#&state={STATE} HTTP/1.1\r\nHost: {LISTEN}\r\n\r\n",
            status: &[400],
        },
        Stray {
            case: "CB-04 error without state",
            request: "GET {PATH}?error=access_denied HTTP/1.1\r\nHost: {LISTEN}\r\n\r\n",
            status: &[400],
        },
    ]);
}

#[test]
fn a_callback_for_another_host_changes_nothing() {
    const MISDIRECTED: &[u16] = &[400, 403, 421];
    refused_and_forgotten(&[
        Stray {
            case: "CB-07 another name",
            request: "GET {PATH}?code={CODE}&state={STATE} HTTP/1.1\r\nHost: evil.example:{PORT}\r\n\r\n",
            status: MISDIRECTED,
        },
        Stray {
            case: "CB-07 empty",
            request: "GET {PATH}?code={CODE}&state={STATE} HTTP/1.1\r\nHost: \r\n\r\n",
            status: MISDIRECTED,
        },
        Stray {
            case: "CB-07 missing",
            request: "GET {PATH}?code={CODE}&state={STATE} HTTP/1.1\r\n\r\n",
            status: MISDIRECTED,
        },
        Stray {
            case: "CB-07 a name that starts like ours",
            request: "GET {PATH}?code={CODE}&state={STATE} HTTP/1.1\r\nHost: localhost.evil.example:{PORT}\r\n\r\n",
            status: MISDIRECTED,
        },
        Stray {
            case: "CB-07 a name that starts like our address",
            request: "GET {PATH}?code={CODE}&state={STATE} HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n",
            status: MISDIRECTED,
        },
        Stray {
            case: "CB-07 another port",
            request: "GET {PATH}?code={CODE}&state={STATE} HTTP/1.1\r\nHost: [::1]:1\r\n\r\n",
            status: MISDIRECTED,
        },
        Stray {
            case: "CB-07 doubled",
            request: "GET {PATH}?code={CODE}&state={STATE} HTTP/1.1\r\nHost: {LISTEN}\r\nHost: evil.example\r\n\r\n",
            status: MISDIRECTED,
        },
    ]);
}

#[test]
fn a_request_with_a_body_is_refused_whatever_length_it_claims() {
    const REFUSED: &[u16] = &[400, 405, 411, 413];
    refused_and_forgotten(&[
        Stray {
            case: "CB-12 32 TiB",
            request: "POST {PATH} HTTP/1.1\r\nHost: {LISTEN}\r\nContent-Length: 35184372088832\r\n\r\n",
            status: REFUSED,
        },
        Stray {
            case: "CB-12 the largest signed number",
            request: "POST {PATH} HTTP/1.1\r\nHost: {LISTEN}\r\nContent-Length: 9223372036854775807\r\n\r\n",
            status: REFUSED,
        },
        Stray {
            case: "CB-12 the largest number",
            request: "POST {PATH} HTTP/1.1\r\nHost: {LISTEN}\r\nContent-Length: 18446744073709551615\r\n\r\n",
            status: REFUSED,
        },
        Stray {
            case: "CB-12 a body that never comes",
            request: "POST {PATH} HTTP/1.1\r\nHost: {LISTEN}\r\nContent-Length: 5000\r\n\r\n",
            status: REFUSED,
        },
        Stray {
            case: "CB-12 a body that stops",
            request: "POST {PATH} HTTP/1.1\r\nHost: {LISTEN}\r\nContent-Length: 100\r\n\r\nab",
            status: REFUSED,
        },
    ]);
}

/// CB-08: what browsers fetch by themselves, and methods that must not count.
#[test]
fn a_browsers_own_requests_have_no_effect() {
    for (redirect_uri, root) in [
        ("http://127.0.0.1:{PORT}/callback", &[404][..]),
        ("http://127.0.0.1:{PORT}/", &[200, 400, 404]),
        ("http://127.0.0.1:{PORT}", &[200, 400, 404]),
    ] {
        let mut scene = Scene::at(redirect_uri);
        let callback = scene.login.consent("allow");
        for (line, status) in [
            ("GET /favicon.ico", &[404][..]),
            ("GET /", root),
            (
                "GET /.well-known/appspecific/com.chrome.devtools.json",
                &[404],
            ),
            ("GET /apple-touch-icon.png", &[404]),
            ("HEAD {PATH}?code={CODE}&state={STATE}", &[405]),
            ("OPTIONS {PATH}?code={CODE}&state={STATE}", &[405]),
        ] {
            let case = format!("CB-08 {redirect_uri}, {line}");
            let request = format!("{line} HTTP/1.1\r\nHost: {{LISTEN}}\r\n\r\n");
            let request = scene.login.fill(&request, &callback);
            let answer = send(scene.login.port(), request.as_bytes())
                .unwrap_or_else(|e| panic!("{case}: no answer: {e}"));
            assert!(status.contains(&answer.status), "{case}: {answer}");
            case_held(case);
        }
        scene.connects(&format!("CB-08 {redirect_uri}"), &callback);
    }
}

const CONTROLS: &str = "GET {PATH}?error=access_denied&error_description=%1B%5D52%3Bc%3BcHduZWQ%3D%07%1B%5B2J%1B%5B1A%C2%9B31m%E2%80%AE%0D%0Ayou%20are%20logged%20in&state={STATE} HTTP/1.1\r\nHost: {LISTEN}\r\n\r\n";

/// CB-05, in prose and in JSON.
#[test]
fn a_refusal_ends_the_login_without_moving_the_cursor() {
    for prose in [false, true] {
        let case = format!("CB-05, prose: {prose}");
        let mut scene = if prose { prose_scene() } else { Scene::open() };
        let callback = scene.login.consent("allow");
        let request = scene.login.fill(CONTROLS, &callback);
        send(scene.login.port(), request.as_bytes())
            .unwrap_or_else(|e| panic!("{case}: no page: {e}"));
        let finished = scene.ends(&case, 4);
        assert!(
            finished.said().to_lowercase().contains("denied"),
            "{case}: {finished}"
        );
        for bytes in [&b"\x1b"[..], b"\x07", b"\r", b"\xc2\x9b", b"\xe2\x80\xae"] {
            let shown = finished
                .stderr
                .windows(bytes.len())
                .any(|window| window == bytes);
            assert!(
                !shown,
                "{case}: stderr holds {bytes:x?}: {:?}",
                finished.err()
            );
        }
        for line in finished.said().lines().filter(|_| prose) {
            assert!(line.chars().count() <= 300, "{case}: a long line: {line}");
        }
    }
}

fn prose_scene() -> Scene {
    let env = Env::new();
    let redirect_uri = redirect_uri();
    let sandbox = Sandbox::start(&env, &redirect_uri);
    let login = Login::in_prose(&env, &sandbox, &redirect_uri);
    Scene {
        env,
        sandbox,
        login,
    }
}

/// CB-06.
#[test]
fn the_page_shows_nothing_of_the_query_and_takes_nothing() {
    let mut scene = Scene::open();
    let callback = scene.login.consent("allow");
    let request = scene.login.fill(
        "GET {PATH}?error=x&error_description=%3C%2Ftitle%3E%3Cscript%3Efetch(%27%2F%27)%3C%2Fscript%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&error_uri=javascript:alert(1)&state={STATE} HTTP/1.1\r\nHost: {LISTEN}\r\n\r\n",
        &callback,
    );
    let page = send(scene.login.port(), request.as_bytes())
        .unwrap_or_else(|e| panic!("CB-06: no page: {e}"));
    let body = page.body.to_lowercase();
    for part in ["<script", "<img", "onerror", "javascript:", "alert(1)"] {
        assert!(!body.contains(part), "CB-06: {part} in {page}");
    }
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(page.header(name), value, "CB-06: {name}: {page}");
    }
    let policy = page.header("content-security-policy");
    for directive in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'none'",
    ] {
        assert!(policy.contains(directive), "CB-06: {directive}: {page}");
    }
    let finished = scene.login.finish();
    assert!(
        !matches!(finished.code, Some(0) | None),
        "CB-06: {finished}"
    );
    assert_eq!(scene.sandbox.exchanges(), 0, "CB-06: codes exchanged");
    case_held("CB-06 markup in the error");
}

/// CB-20: RFC 9207 §2.4.
#[test]
fn an_answer_from_another_issuer_ends_the_login() {
    for what in ["code={CODE}", "error=access_denied"] {
        let case = format!("CB-20 {what}");
        let mut scene = Scene::open();
        let callback = scene.login.consent("allow");
        let request = format!(
            "GET {{PATH}}?{what}&state={{STATE}}&iss=https%3A%2F%2Fevil.example HTTP/1.1\r\nHost: {{LISTEN}}\r\n\r\n"
        );
        let request = scene.login.fill(&request, &callback);
        let page = send(scene.login.port(), request.as_bytes())
            .unwrap_or_else(|e| panic!("{case}: no page: {e}"));
        assert!(!page.body.contains("evil.example"), "{case}: {page}");
        let finished = scene.ends(&case, 9);
        assert!(finished.said().contains("issuer"), "{case}: {finished}");
    }
}
