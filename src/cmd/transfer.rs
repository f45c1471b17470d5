//! `export` and `import`: a connection handed from one machine to another, sealed to the other one's age key.

pub mod export;
pub mod import;
mod keep;
mod payload;
