//! Whose program is at the other end of a loopback connection, as far as the system tells.
//!
//! The redirect listener's port is public, and every user of the machine can connect to it. Linux names the owner of
//! each TCP socket; elsewhere nothing is known.

use std::net::SocketAddr;

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Ourselves, or root.
    Ours,
    /// Somebody else, or a socket that nobody has any more: the system shows those as root's.
    Other,
    /// The system does not tell: another network namespace, no `/proc`, not Linux.
    Unknown,
}

/// The owner of the socket that is bound to `peer` and connected to `local`.
#[cfg(target_os = "linux")]
pub fn owner(local: SocketAddr, peer: SocketAddr) -> Peer {
    let us = rustix::process::geteuid().as_raw();
    // A program may speak IPv4 through an IPv6 socket, which stands in the other table.
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(std::fs::read_to_string);
    let rows = tables.iter().flatten().flat_map(|table| table.lines());
    judge(rows, local, peer, us)
}

#[cfg(not(target_os = "linux"))]
pub fn owner(_: SocketAddr, _: SocketAddr) -> Peer {
    Peer::Unknown
}

#[cfg(target_os = "linux")]
fn judge<'a>(
    rows: impl Iterator<Item = &'a str>,
    local: SocketAddr,
    peer: SocketAddr,
    us: u32,
) -> Peer {
    const ROOT: u32 = 0;
    let ends = |row: &Row| row.local == peer && row.remote == local;
    match rows.filter_map(Row::read).find(ends) {
        None => Peer::Unknown,
        Some(row) if row.is_held && (row.uid == us || row.uid == ROOT) => Peer::Ours,
        Some(_) => Peer::Other,
    }
}

/// A line of `/proc/net/tcp` (proc_pid_net(5)), as far as it is of use.
#[cfg(target_os = "linux")]
struct Row {
    local: SocketAddr,
    remote: SocketAddr,
    uid: u32,
    /// Established, and some process has it open.
    is_held: bool,
}

#[cfg(target_os = "linux")]
impl Row {
    fn read(line: &str) -> Option<Row> {
        const ESTABLISHED: &str = "01";
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [_, local, remote, state, _, _, _, uid, _, inode, ..] = columns.as_slice() else {
            return None;
        };
        Some(Row {
            local: address(local)?,
            remote: address(remote)?,
            uid: uid.parse().ok()?,
            is_held: *state == ESTABLISHED && *inode != "0",
        })
    }
}

/// `0100007F:22CF`: words of 32 bits as this machine stores them, then the port. IPv4 inside IPv6 is IPv4.
#[cfg(target_os = "linux")]
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = host.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    if host.len() == 8 {
        return Some((word(0)?, port).into());
    }
    let mut octets = [0; 16];
    for (at, chunk) in octets.chunks_exact_mut(4).enumerate() {
        chunk.copy_from_slice(&word(at)?);
    }
    let host = std::net::Ipv6Addr::from(octets).to_canonical();
    Some(SocketAddr::new(host, port))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_row_names_its_owner() {
        let row = |local: &str, state: &str, uid: u32, inode: u32| {
            format!(
                "  2: {local} 0100007F:22CF {state} 00000000:00000000 00:00000000 00000000 {uid} 0 {inode} 1 0 20 4"
            )
        };
        let judged = |row: String| {
            judge(
                [row.as_str()].into_iter(),
                at("127.0.0.1:8911"),
                at("127.0.0.1:40000"),
                1000,
            )
        };
        let client = "0100007F:9C40";
        assert_eq!(judged(row(client, "01", 1000, 7)), Peer::Ours);
        assert_eq!(judged(row(client, "01", 0, 7)), Peer::Ours);
        assert_eq!(judged(row(client, "01", 1001, 7)), Peer::Other);
        assert_eq!(judged(row(client, "06", 0, 0)), Peer::Other);
        assert_eq!(judged(row(client, "04", 0, 0)), Peer::Other);
        assert_eq!(judged(row("0100007F:9C41", "01", 1001, 7)), Peer::Unknown);
        assert_eq!(judged("sl local_address".to_owned()), Peer::Unknown);
        assert_eq!(judged(String::new()), Peer::Unknown);
        assert_eq!(
            address("0000000000000000FFFF00000100007F:22CF"),
            Some(at("127.0.0.1:8911"))
        );
        assert_eq!(
            address("00000000000000000000000001000000:22CF"),
            Some(at("[::1]:8911"))
        );
    }

    #[test]
    fn a_connection_of_our_own_is_ours() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            // A machine may lack IPv6.
            let Ok(listener) = TcpListener::bind(host) else {
                continue;
            };
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, peer) = listener.accept().unwrap();
            assert_eq!(owner(server.local_addr().unwrap(), peer), Peer::Ours);
            drop(client);
        }
    }

    proptest::proptest! {
        #![proptest_config(crate::generated::config())]

        #[test]
        fn any_table_names_an_owner_or_nobody(
            table in proptest::collection::vec(crate::generated::pieces(&[
                "0: ", "0100007F", ":22CF", ":9C40", " 01", " 0", " 7", "\t", ":", "0000000000000000FFFF0000",
            ]), 0..4),
            other in crate::generated::text(),
        ) {
            let rows = table.iter().map(String::as_str).chain([other.as_str()]);
            let _ = judge(rows, at("127.0.0.1:8911"), at("127.0.0.1:40000"), 1000);
            let _ = address(&other);
        }
    }
}
