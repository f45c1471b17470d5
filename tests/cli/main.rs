//! The program as people and scripts meet it: the real binary, a temporary home, the embedded Webex look-alike as
//! a server, and a browser played by hand over HTTP.
//!
//! [`env::Env`] arranges, one command acts, and what a test does not state must be silence and exit code 0. Ids like
//! `CB-07` name the hostile case that a row belongs to; `tests/hostile-cases.txt` lists them.
#![cfg(unix)]

mod advice;
mod answers;
mod api;
mod api_hosts;
mod api_refusals;
mod app;
mod app_check;
mod app_login;
mod app_meanwhile;
mod asked_scopes;
#[cfg(target_os = "linux")]
mod at_once;
mod bind;
#[cfg(target_os = "linux")]
mod brought;
mod canary;
mod check;
mod client;
mod compatible;
mod consent;
#[cfg(target_os = "linux")]
mod cut_off;
mod device;
#[cfg(target_os = "linux")]
mod device_terminal;
mod device_waits;
mod doctor;
#[cfg(target_os = "linux")]
mod dumb;
mod empty;
#[cfg(target_os = "linux")]
mod endless;
mod env;
#[cfg(target_os = "linux")]
mod exec;
mod first_login;
#[cfg(target_os = "linux")]
mod flood;
#[cfg(target_os = "linux")]
mod foreign;
mod guards;
#[cfg(target_os = "linux")]
mod guided;
mod help;
mod identity;
mod idle_connections;

#[cfg(target_os = "linux")]
mod interleaved;
mod ledger;
mod list;
mod listener;
mod login;
#[cfg(target_os = "linux")]
mod login_cut_off;
mod logout;
mod manage;
#[cfg(target_os = "linux")]
mod no_hang;
#[cfg(target_os = "linux")]
mod no_keyring;
mod odd_records;
#[cfg(target_os = "linux")]
mod opener;
#[cfg(target_os = "linux")]
mod output;
mod pages;
#[cfg(target_os = "linux")]
mod passphrase;
#[cfg(target_os = "linux")]
mod paste;
#[cfg(target_os = "linux")]
mod pipes;
mod proxy;
#[cfg(target_os = "linux")]
mod readme;
mod redirects;
mod refresh;
mod refusals;
mod renaming;
mod sandbox;
mod sandbox_api;
mod sandbox_device;
mod sandbox_faults;
mod sandbox_revoke;
mod scopes;
#[cfg(target_os = "linux")]
mod sealed;
#[cfg(target_os = "linux")]
mod shell;
mod start;
mod start_address;
mod store;
#[cfg(target_os = "linux")]
mod time_zone;
mod tls;
mod token;
mod transfer;
mod transfer_forged;
mod troubles;
mod unreadable_default;
mod usage;
