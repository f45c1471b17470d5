mod error;
mod http;
mod page;
mod sandbox;
mod scope;
mod secret;
fn main() {}
