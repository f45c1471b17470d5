//! The program among real things: a gnome-keyring, a Chromium, another user, a machine without IPv6.
//!
//! `tests/run` prepares what they need and runs them; a plain `cargo test` leaves them out.
#![cfg(target_os = "linux")]

mod broken;
mod calls;
mod chromium;
mod doctor;
mod elevated;
#[path = "../cli/env/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with tests/cli, which uses all of it"
)]
mod env;
mod faults;
mod keyring;
mod looks;
mod loopback_family;
mod network;
mod other_user;
mod provided;
mod sandbox_file;
mod secret_service;
mod start_address;
mod visit;
mod webdriver;
