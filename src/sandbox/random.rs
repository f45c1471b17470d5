//! What must not be guessed, and the shapes it comes in.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The cluster named in codes and tokens; Webex writes four characters there.
const CLUSTER: &str = "SB01";

/// A code or token as Webex writes them: 64 base64url characters, the cluster, the organisation; 106 in all.
pub fn opaque(organization: &str) -> String {
    let random = BASE64_URL_SAFE_NO_PAD.encode(bytes::<48>());
    format!("{random}_{CLUSTER}_{organization}")
}

/// A key of our own, 256 bits.
pub fn id() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes::<32>())
}

/// Six digits for a person to type. The last of the bytes' values is left out, so that each is as likely.
pub fn digits() -> String {
    const ALL: u32 = 1_000_000;
    loop {
        let number = u32::from_be_bytes(bytes());
        if number < u32::MAX / ALL * ALL {
            return format!("{:06}", number % ALL);
        }
    }
}

/// A version 4 UUID (RFC 9562 §5.4).
pub fn uuid() -> String {
    let mut bytes = bytes::<16>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    let (a, b, c, d, e) = (
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    );
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// A system without randomness ends the one request that asked for it; nothing guessable is ever handed out.
#[allow(clippy::panic, reason = "a guessable code or token would be worse")]
fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = getrandom::getrandom(&mut bytes) {
        panic!("the system gave no random bytes: {error}");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_tokens_have_the_length_of_webex_ones() {
        let organization = uuid();
        assert_eq!(organization.len(), 36);
        assert_eq!(opaque(&organization).len(), 106);
        assert_ne!(opaque(&organization), opaque(&organization));
    }
}
