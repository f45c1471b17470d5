//! Which scopes a call needs, as far as its path tells.

use http::Method;

/// Paths below the API base; scopes of which one is enough to read, and to change, the person's own first. A longer
/// path stands before the one it begins with. Paths are left out whose scope depends on more than the path.
const TABLE: &str = include_str!("needed.tsv");

/// The scopes of which a call needs one, the likeliest first; none where the path alone does not tell. `path` is
/// below the API base.
pub fn needed(method: &Method, path: &str) -> Vec<&'static str> {
    let path = path.trim_start_matches('/');
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let scopes = rows().find_map(|(prefix, to_read, to_change)| {
        let rest = path.strip_prefix(prefix)?;
        let below = rest.is_empty() || rest.starts_with('/');
        below.then_some(if reads { to_read } else { to_change })
    });
    scopes.unwrap_or_default().split_whitespace().collect()
}

fn rows() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    TABLE.lines().skip(1).filter_map(|line| {
        let (path, scopes) = line.split_once('\t')?;
        let (to_read, to_change) = scopes.split_once('\t')?;
        Some((path, to_read, to_change))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATALOGUE: &str = include_str!("../scope/catalogue.tsv");

    #[test]
    fn what_a_path_needs() {
        let first = |method, path| needed(&method, path).first().copied();
        assert_eq!(first(Method::GET, "people/me"), Some("spark:people_read"));
        assert_eq!(
            first(Method::POST, "/people"),
            Some("spark-admin:people_write")
        );
        assert_eq!(first(Method::GET, "rooms"), Some("spark:rooms_read"));
        assert_eq!(
            first(Method::DELETE, "room/tabs/x"),
            Some("spark:rooms_write")
        );
        assert_eq!(first(Method::GET, "roomsy"), None);
        assert_eq!(first(Method::GET, "webhooks"), None);
    }

    #[test]
    fn every_scope_is_in_the_catalogue_and_every_path_can_be_met() {
        assert_eq!(rows().count(), TABLE.lines().count() - 1);
        for (path, to_read, to_change) in rows() {
            for scope in to_read.split(' ').chain(to_change.split(' ')) {
                let known = |line: &str| line.split('\t').next() == Some(scope);
                assert!(CATALOGUE.lines().any(known), "{path}: {scope}");
            }
            assert_eq!(needed(&Method::GET, path).join(" "), to_read, "{path}");
        }
    }
}
