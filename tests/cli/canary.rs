//! The hostile cases, by id: each has its test, and keeps it.
//!
//! `tests/hostile-ids.txt` lists the cases with the phase they strike in. The tests of a case name its id in their
//! comments, or in the words of their assertions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::env::{Scene, canaries};

const CASES: &str = include_str!("../hostile-ids.txt");
/// Unit tests stand in `src`.
const PLACES: [&str; 3] = ["tests/cli", "tests/system", "src"];

#[test]
fn every_hostile_case_has_a_test_that_names_it() {
    let tests = tests();
    let mut phases = BTreeMap::<&str, usize>::new();
    let (mut lost, mut files) = (Vec::new(), BTreeSet::new());
    for (id, phase) in CASES.lines().filter_map(|line| line.split_once(' ')) {
        let named = tests.iter().filter(|(_, text)| text.contains(id));
        let paths: Vec<_> = named.map(|(path, _)| path).collect();
        if paths.is_empty() {
            lost.push(id);
        }
        files.extend(paths);
        *phases.entry(phase).or_default() += 1;
    }
    assert!(lost.is_empty(), "no test names {lost:?}");
    let cases: usize = phases.values().sum();
    assert!(cases >= 70, "only {cases} cases are listed");
    println!("{cases} hostile cases, in {} files of tests:", files.len());
    for (phase, count) in phases {
        println!("{count:>4}  {phase}");
    }
}

/// The scan would find nothing if it did not know what to look for.
#[test]
fn what_a_sandbox_issued_is_looked_for() {
    let (env, _sandbox) = Scene::signed_in(&[]);
    let token = env.run(["token"]).any_stdout().check().out();
    assert!(canaries::knows(&env.path(""), token.trim()), "{token}");
}

/// Every file with tests in it but this one, with its text.
fn tests() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for place in PLACES {
        walk(&root.join(place), &mut paths);
    }
    let read = paths
        .into_iter()
        .filter(|path| !path.ends_with("hostile.rs"));
    let read = read.map(|path| {
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (path, text)
    });
    read.filter(|(_, text)| text.contains("#[test]")).collect()
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
