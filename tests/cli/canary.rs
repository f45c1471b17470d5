//! The search for secrets would find nothing if it did not know what to look for.

use crate::env::{Scene, canaries};

#[test]
fn what_a_sandbox_issued_is_looked_for() {
    let (env, _sandbox) = Scene::signed_in(&[]);
    let token = env.run(["token"]).any_stdout().check().out();
    assert!(canaries::knows(&env.path(""), token.trim()), "{token}");
}
