//! Whether the README is complete: it names what the program, its sources and its manifest name, and its links lead
//! somewhere.

use crate::env::{Env, readme};

/// By the program's own account of itself.
#[test]
fn the_readme_names_every_command_variable_and_exit_code() {
    let text = readme::text();
    let help = Env::new().run(["--help"]).any_stdout().check().out();
    let listed = |heading: &str| -> Vec<String> {
        let below = help.split_once(heading).unwrap_or_default().1.lines();
        let rows = below.take_while(|line| line.starts_with("  "));
        let rows = rows.filter(|line| !line.starts_with("   "));
        rows.filter_map(|row| row.split_whitespace().next().map(str::to_owned))
            .collect()
    };
    let commands = listed("\nCommands:\n");
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands.iter().filter(|command| *command != "help") {
        let forms = [format!("`{command}"), format!("webex-connect {command}")];
        let named = forms.iter().any(|form| text.contains(form));
        assert!(named, "the README does not name the command {command}");
    }

    let codes = listed("\nExit codes:\n");
    assert!(codes.len() > 10, "{codes:?}");
    let table = text.split("| exit | `code` | meaning |").nth(1);
    let rows = table.unwrap_or_default().lines();
    let rows = rows.skip(2).take_while(|row| row.starts_with("| "));
    let first = rows.filter_map(|row| row.split('|').nth(1));
    let mut told: Vec<u8> = first
        .flat_map(|cell| cell.split(','))
        .filter_map(|code| code.trim().parse().ok())
        .collect();
    told.sort_unstable();
    let told: Vec<String> = told.iter().map(u8::to_string).collect();
    assert_eq!(told, codes, "the exit codes in the README and in `--help`");

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/variables.rs");
    let source = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let variables: Vec<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split('"').nth(1))
        .collect();
    assert!(variables.len() > 10, "{variables:?}");
    for variable in variables {
        let named = text.contains(&format!("`{variable}"));
        assert!(named, "the README does not name {variable}");
    }
}

#[test]
fn links_within_the_readme_lead_somewhere() {
    let text = readme::text();
    let headings = text.lines().filter(|line| line.starts_with("##"));
    let anchor = |heading: &str| -> String {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words
            .chars()
            .filter(|c| c.is_alphanumeric() || " -".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    let anchors: Vec<String> = headings.map(anchor).collect();
    let links = text
        .split("](#")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let links: Vec<&str> = links.collect();
    assert!(!links.is_empty(), "there are no links");
    for link in links {
        assert!(
            anchors.iter().any(|anchor| anchor == link),
            "#{link} leads nowhere"
        );
    }
    let files = text.split("](.").skip(1);
    for file in files.filter_map(|rest| rest.split(')').next()) {
        let path = format!("{}/.{file}", env!("CARGO_MANIFEST_DIR"));
        assert!(std::path::Path::new(&path).exists(), ".{file} is not there");
    }
}

#[test]
fn the_readme_says_why_each_crate_is_here() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let manifest = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let text = readme::text();
    let table = text.split("| crate | why it is here |").nth(1);
    let rows = table
        .unwrap_or_default()
        .lines()
        .filter_map(|row| row.split('|').nth(1));
    let told: Vec<&str> = rows.flat_map(|cell| cell.split([',', ' '])).collect();
    let mut in_dependencies = false;
    let mut count = 0;
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]");
        } else if let (true, Some((name, _))) = (in_dependencies, line.split_once(" = ")) {
            let stores = name.ends_with("-keyring-store") || name == "keyring";
            let name = if stores { "keyring-core" } else { name };
            assert!(
                told.contains(&name),
                "the README does not say why {name} is here"
            );
            count += 1;
        }
    }
    assert!(count > 30, "only {count} dependencies were found");
}
