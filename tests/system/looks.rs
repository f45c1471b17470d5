//! What the pages look like, measured and photographed: light and dark, on a desk and on a phone.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::env::Env;
use crate::visit::Visit;
use crate::webdriver::Chromium;

/// Measures a page.
const LOOKS: &str = include_str!("looks.js");
/// WCAG 2.2, 1.4.3: the least contrast of text with what is behind it.
const CONTRAST: f64 = 4.5;

#[test]
#[ignore = "needs Chromium"]
fn pages_of_a_login_that_succeeds_look_right() {
    let env = Env::new();
    let visit = Visit::embedded(&env, &[]);
    looks_right(&visit.chromium, "consent");
    visit.decides("allow", "connected");
    looks_right(&visit.chromium, "connected");
    assert_eq!(visit.finish().code, Some(0));
}

#[test]
#[ignore = "needs Chromium"]
fn the_page_of_a_login_refused_by_its_person_looks_right() {
    let env = Env::new();
    let visit = Visit::embedded(&env, &[]);
    visit.decides("refuse", "refused");
    looks_right(&visit.chromium, "refused");
    assert_eq!(visit.finish().code, Some(4));
}

/// The error names a long path, which no phone has room for on one line.
#[test]
#[ignore = "needs Chromium"]
fn pages_of_a_login_that_fails_look_right() {
    let deep = "directory-with-a-long-name/".repeat(4);
    let env = Env::new();
    let data = env.path(&deep);
    let env = env.var("XDG_DATA_HOME", &data);
    let mut visit = Visit::embedded(&env, &[]);
    let consent = visit.chromium.address();

    let mut mistaken = consent.clone();
    mistaken.query_pairs_mut().append_pair("client_id", "again");
    visit.chromium.open(mistaken.as_str());
    visit.chromium.text_with("Request refused");
    looks_right(&visit.chromium, "mistaken");

    visit.chromium.open(consent.as_str());
    let directory = data.join("webex-connect");
    fs::rename(&directory, env.path("moved")).unwrap_or_else(|e| panic!("the data directory: {e}"));
    env.write(&format!("{deep}webex-connect"), "");
    visit.decides_while_the_store_fails("allow", "Not connected");
    looks_right(&visit.chromium, "error");
    assert_eq!(visit.finish().code, Some(6));
}

pub fn looks_right(chromium: &Chromium, page: &str) {
    for scheme in ["light", "dark"] {
        for (width, height) in [(1280, 800), (390, 844)] {
            let feature = json!([{"name": "prefers-color-scheme", "value": scheme}]);
            chromium.devtools("Emulation.setEmulatedMedia", &json!({"features": feature}));
            let screen = json!({
                "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
            });
            chromium.devtools("Emulation.setDeviceMetricsOverride", &screen);
            let case = format!("{page}-{scheme}-{width}");
            photograph(chromium, &case);
            measure(chromium, &case, scheme == "dark", f64::from(width));
        }
    }
}

fn measure(chromium: &Chromium, case: &str, dark: bool, width: f64) {
    let looks = chromium.run(LOOKS);
    let number = |name: &str| {
        let number = looks[name].as_f64();
        number.unwrap_or_else(|| panic!("{case}: no {name}: {looks}"))
    };
    assert!(number("contrast") >= CONTRAST, "{case}: faint: {looks}");
    for surface in ["paper", "card"] {
        let is_dark = number(surface) < 0.1;
        assert_eq!(is_dark, dark, "{case}: the {surface}: {looks}");
    }
    assert!((number("width") - width).abs() < 0.5, "{case}: {looks}");
    assert!(number("right") <= width, "{case}: sticks out: {looks}");
}

/// Keeps a picture of the whole page for whoever wants to look.
fn photograph(chromium: &Chromium, case: &str) {
    let whole = json!({"format": "png", "captureBeyondViewport": true});
    let shot = chromium.devtools("Page.captureScreenshot", &whole);
    let data = shot["data"].as_str().unwrap_or_default();
    let png = BASE64_STANDARD.decode(data);
    let png = png.unwrap_or_else(|e| panic!("{case}: no picture: {e}"));
    let directory = artefacts();
    let path = directory.join(format!("{case}.png"));
    fs::create_dir_all(&directory)
        .and_then(|()| fs::write(&path, png))
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
}

fn artefacts() -> PathBuf {
    let named = std::env::var_os("WEBEX_CONNECT_TEST_ARTEFACTS").filter(|name| !name.is_empty());
    named.map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/target/test-artefacts"
            ))
        },
        PathBuf::from,
    )
}
