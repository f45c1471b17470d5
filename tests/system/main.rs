//! The program among real things: a gnome-keyring, a Chromium, Python SDKs, another user, a machine without IPv6.
//!
//! `tests/run` prepares what they need and runs them; a plain `cargo test` leaves them out.
#![cfg(target_os = "linux")]

mod broken;
mod calls;
mod chromium;
mod clock;
mod device;
mod directories;
mod disk;
mod doctor;
mod duplicates;
mod elevated;
#[path = "../cli/env/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with tests/cli, which uses all of it"
)]
mod env;
mod exec;
mod faults;
mod faulty_bus;
mod foreign_items;
mod keyring;
mod killed;
mod limits;
mod looks;
mod loopback_family;
mod memory;
mod mock_service;
mod network;
mod other_services;
mod other_user;
mod plain_session;
mod provided;
mod refresh;
mod removal;
mod sandbox_file;
mod sdk;
mod secret_service;
mod shared;
mod shells;
mod start_address;
mod strace;
mod visit;
mod waits;
mod webdriver;
