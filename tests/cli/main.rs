//! The program as people and scripts meet it: the real binary, a temporary home, the embedded Webex look-alike as
//! a server, and a browser played by hand over HTTP.
//!
//! [`env::Env`] arranges, one command acts, and what a test does not state must be silence and exit code 0. Ids like
//! `CB-07` name the hostile case a row comes from.
#![cfg(unix)]

mod answers;
mod app;
mod app_check;
mod app_login;
mod bind;
mod consent;
mod doctor;
mod doctor_loopback;
mod empty;
#[cfg(target_os = "linux")]
mod endless;
mod env;
mod first_login;
#[cfg(target_os = "linux")]
mod flood;
#[cfg(target_os = "linux")]
mod foreign;
mod listener;
mod login;
mod logout;
mod manage;
#[cfg(target_os = "linux")]
mod opener;
#[cfg(target_os = "linux")]
mod output;
#[cfg(target_os = "linux")]
mod passphrase;
mod proxy;
mod redirects;
mod refusals;
mod sandbox;
mod sandbox_api;
mod sandbox_faults;
mod sandbox_revoke;
mod scopes;
#[cfg(target_os = "linux")]
mod sealed;
mod store;
mod tls;
mod token;
