//! Over which IP version a local port was reached, by the kernel's own account.

use std::fs;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

/// The families of the connections to or from a port. The kernel remembers one for a minute after its end.
pub fn families_of(port: u16) -> Vec<Family> {
    [
        (Family::V4, "/proc/net/tcp"),
        (Family::V6, "/proc/net/tcp6"),
    ]
    .into_iter()
    .filter(|(_, table)| is_connected(table, port))
    .map(|(family, _)| family)
    .collect()
}

fn is_connected(table: &str, port: u16) -> bool {
    const LISTEN: &str = "0A";
    let rows = fs::read_to_string(table).unwrap_or_else(|e| panic!("{table}: {e}"));
    let port = format!(":{port:04X}");
    rows.lines().skip(1).any(|row| {
        let columns: Vec<&str> = row.split_whitespace().collect();
        match columns[..] {
            [_, local, remote, state, ..] => {
                state != LISTEN && (local.ends_with(&port) || remote.ends_with(&port))
            }
            _ => panic!("{table}: {row}"),
        }
    })
}
