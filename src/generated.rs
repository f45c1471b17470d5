//! What the tests that make up their input start from: how much of it, and of what kinds.

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use serde_json::Value;

/// A secret that no error may quote.
pub const CANARY: &str = "wxat-canary-2f6b81d04c93ae75";

/// So many inputs to a property, and no file of those that failed: the message has the smallest one.
pub fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 2048,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Any characters, controls and bidirectional marks among them.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "(?s).{0,80}",
        "[\u{0}-\u{20}\u{7f}-\u{9f}\u{202a}-\u{202e}a-z<>;,=:/?#@%\\\\\"]{0,80}",
    ]
}

/// Texts that look like what a parser wants: made of the pieces it knows, in any order.
pub fn pieces(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => proptest::sample::select(of).prop_map(str::to_owned),
        1 => "(?s).{0,4}",
    ];
    proptest::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

/// Any JSON value, three levels deep.
pub fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
        Just(Value::from(CANARY)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{0,12}", inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

/// An object in which each of these names may be missing, or be of any kind.
pub fn object(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let members = proptest::collection::vec(proptest::option::of(json()), names.len());
    members.prop_map(|values| {
        let pairs = names.iter().zip(values);
        pairs
            .filter_map(|(name, value)| Some(((*name).to_owned(), value?)))
            .collect()
    })
}
