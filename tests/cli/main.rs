//! The program as people and scripts meet it: the real binary, a temporary home, the embedded Webex look-alike as
//! a server, and a browser played by hand over HTTP.
//!
//! [`env::Env`] arranges, one command acts, and what a test does not state must be silence and exit code 0. Ids like
//! `CB-07` name the hostile case a row comes from.
#![cfg(unix)]

mod answers;
#[cfg(target_os = "linux")]
mod at_once;
mod bind;
#[cfg(target_os = "linux")]
mod cut_off;
mod empty;
#[cfg(target_os = "linux")]
mod endless;
mod env;
mod first_login;
#[cfg(target_os = "linux")]
mod flood;
mod listener;
mod login;
mod manage;
#[cfg(target_os = "linux")]
mod opener;
#[cfg(target_os = "linux")]
mod output;
#[cfg(target_os = "linux")]
mod passphrase;
mod proxy;
mod redirects;
mod refresh;
mod refusals;
mod sandbox;
mod store;
mod tls;
mod token;
mod troubles;
