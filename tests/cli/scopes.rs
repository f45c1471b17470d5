//! The scope catalogue, searched and explained: without a store, without the network.

use serde_json::{Value, json};

#[cfg(target_os = "linux")]
use crate::env::Terminal;
use crate::env::{Env, Run};

fn scopes(env: &Env, args: &[&str]) -> Run {
    env.run([&["scopes"], args].concat())
}

/// What `--json` found: all of it.
fn rows(args: &[&str]) -> Vec<Value> {
    let env = Env::bare();
    let told = scopes(&env, &[&["--json"], args].concat());
    let told = told.any_stdout().check().json();
    told.as_array()
        .unwrap_or_else(|| panic!("no array: {told}"))
        .clone()
}

fn names(args: &[&str]) -> Vec<String> {
    let name = |row: &Value| row["name"].as_str().unwrap_or_default().to_owned();
    rows(args).iter().map(name).collect()
}

#[test]
fn without_words_the_whole_catalogue_is_listed() {
    let env = Env::bare();
    let listed = scopes(&env, &[]).any_stdout().check().out();
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines.len(), 180, "a heading and 179 scopes");
    let has = |columns: [&str; 3]| {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let stands = lines.iter().any(|line| words(line) == columns.join(" "));
        assert!(stands, "{columns:?} is not in {listed}");
    };
    has(["NAME", "WHO", "ALLOWS TO"]);
    has([
        "spark:memberships_read",
        "anyone",
        "see the people in the rooms you are in",
    ]);
    has([
        "audit:events_read",
        "administrator",
        "read the log of what administrators did",
    ]);
    has([
        "spark-compliance:teams_read",
        "compliance officer",
        "see every team of the organisation",
    ]);
    assert_eq!(rows(&[]).len(), 179);
    // No keyring is reachable and no key is known: what opened the store would have failed.
    assert!(!env.path("data/webex-connect").exists());
}

#[test]
fn every_word_has_to_occur_and_case_does_not_matter() {
    let env = Env::bare();
    let found = "
 NAME                     WHO     ALLOWS TO
 spark:memberships_read   anyone  see the people in the rooms you are in
 spark:memberships_write  anyone  add people to rooms and take them out, as you
";
    scopes(&env, &["PEOPLE", "Rooms", "anyone"])
        .stdout(&found[1..])
        .check();
    assert_eq!(
        names(&["openid", "name"]),
        ["profile"],
        "one word in the description, one in the name or there"
    );
    assert_eq!(
        names(&["spark:teams_"]),
        ["spark:teams_read", "spark:teams_write"]
    );
    assert_eq!(
        names(&["compliance", "officer"]).len(),
        16,
        "by who may grant it"
    );
}

#[test]
fn an_exact_name_is_explained() {
    let env = Env::bare();
    let explained = "
 scope       spark-admin:people_write
 allows to   invite, change and remove people in the organisation
 granted by  only an administrator of the organisation
 documented  by Cisco, and in its guide to scopes
 presets     invite-user, people-admin, everything, everything-90

  $ webex-connect login --add-scope spark-admin:people_write
";
    scopes(&env, &["spark-admin:people_write"])
        .stdout(&explained[1..])
        .check();
}

#[test]
fn an_explanation_names_what_else_matches() {
    let env = Env::bare();
    let explained = "
 scope       spark-compliance:messages_write
 allows to   write and delete messages in any room of the organisation
 granted by  only a compliance officer, which is a role of its own
 documented  by Cisco, and in its guide to scopes
 presets     everything, everything-90

  $ webex-connect login --add-scope spark-compliance:messages_write

See also:
 NAME                        WHO            ALLOWS TO
 spark-admin:messages_write  administrator  delete anyone's messages; old form of spark-compliance:messages_write
";
    let name = "spark-compliance:messages_write";
    scopes(&env, &[name]).stdout(&explained[1..]).check();
    assert_eq!(names(&[name]), [name], "JSON has what was asked for");
}

#[test]
fn several_names_are_explained_in_their_order() {
    let env = Env::bare();
    let explained = "
 scope       spark:mcp
 allows to   let an AI assistant use Webex through Cisco's own MCP servers
 granted by  anyone who signs in
 documented  not by Cisco; it was seen in use
 presets     none

  $ webex-connect login --add-scope spark:mcp

 scope       spark:xapi_statuses
 allows to   read every status of a RoomOS device
 granted by  it depends on who may use the device
 documented  by Cisco, and in its guide to scopes
 presets     everything, everything-90

  $ webex-connect login --add-scope spark:xapi_statuses
";
    let asked = ["spark:mcp", "spark:xapi_statuses"];
    scopes(&env, &asked).stdout(&explained[1..]).check();
    assert_eq!(names(&asked), asked);
}

#[test]
fn a_scope_that_is_unknown_gets_suggestions() {
    let env = Env::bare();
    for (asked, hint) in [
        (
            "identity:one_time_password",
            "did you mean `webex-connect scopes Identity:one_time_password`?",
        ),
        (
            "SPARK:PEOPLE_READ",
            "did you mean `webex-connect scopes spark:people_read`?",
        ),
        (
            "spark:poeple_read",
            "did you mean `webex-connect scopes spark:people_read`?",
        ),
        (
            "spark_admin:roles-read",
            "did you mean `webex-connect scopes spark-admin:roles_read`?",
        ),
        (
            "webex:events_read",
            "did you mean `audit:events_read` or `spark-compliance:events_read`?",
        ),
        (
            "mesages_read",
            "did you mean `spark:messages_read`, `spark-admin:messages_read` or `spark-compliance:messages_read`?",
        ),
        (
            "drive:everything",
            "`webex-connect scopes` lists all that are known; others can be asked for all the same",
        ),
    ] {
        scopes(&env, &[asked])
            .code(1)
            .stderr(&format!(
                "error: the catalog has no such scope\nhint: {hint}\n"
            ))
            .check();
    }
    scopes(&env, &["spark:rooms_read", "spark:roms_write"])
        .code(1)
        .stderr("error: the catalog has no such scope\nhint: did you mean `webex-connect scopes spark:rooms_write`?\n")
        .check();
}

#[test]
fn nothing_found_is_an_error() {
    let env = Env::bare();
    const HINT: &str =
        "hint: fewer words find more; `webex-connect scopes` lists all that are known\n";
    for (args, message) in [
        (&["zeppelin"][..], "there is no scope for this word"),
        (&["room", "zeppelin"], "there is no scope for these words"),
        (
            &["--admin", "rooms_read"],
            "there is no scope for this word that an administrator has to grant",
        ),
        (
            &["--admin", "spark:rooms_read"],
            "there is no scope for this word that an administrator has to grant",
        ),
        (
            &["--preset", "standard", "calling"],
            "preset standard has no scope for this word",
        ),
        (
            &["--preset", "standard", "--admin"],
            "preset standard has no scope that an administrator has to grant",
        ),
    ] {
        scopes(&env, args)
            .code(1)
            .stderr(&format!("error: {message}\n{HINT}"))
            .check();
    }
    scopes(&env, &["zeppelin", "--json"])
        .code(1)
        .stderr_json("failure")
        .check();
}

#[test]
fn admin_leaves_those_that_an_administrator_has_to_grant() {
    let env = Env::bare();
    let found = "
 NAME                      WHO            ALLOWS TO
 spark-admin:people_read   administrator  look up anyone in the organisation, with roles and licenses
 spark-admin:people_write  administrator  invite, change and remove people in the organisation
";
    scopes(&env, &["--admin", "spark-admin:people"])
        .stdout(&found[1..])
        .check();
    let marked = rows(&["--admin"]);
    assert!(marked.iter().all(|row| row["audience"] == "admin"));
    let all = rows(&[]);
    let needing = all.iter().filter(|row| row["needs_administrator"] == true);
    assert_eq!(
        needing.collect::<Vec<_>>(),
        marked.iter().collect::<Vec<_>>()
    );
    assert_eq!(marked.len(), 92);
}

#[test]
fn presets_are_listed_with_their_counts() {
    let env = Env::bare();
    let presets = "
 NAME           SCOPES  ABOUT
 standard       12      messages, rooms, teams and people, as you see them
 people-read    13      standard, and look up anyone in the organisation
 invite-user    13      standard, and invite or change people
 people-admin   14      standard, and look up, invite or change people
 everything     89      what Cisco's scope guide lists, but one-time passwords
 everything-90  90      everything, and one-time passwords
";
    scopes(&env, &["--presets"]).stdout(&presets[1..]).check();
    for preset in rows(&["--presets"]) {
        let name = preset["name"].as_str().unwrap_or_default();
        let mut scopes: Vec<_> = names(&["--preset", name]);
        scopes.sort();
        assert_eq!(preset["scopes"], json!(scopes), "{name}");
        assert!(preset["about"].is_string(), "{name}");
    }
}

#[test]
fn a_preset_may_be_searched() {
    let env = Env::bare();
    let found = "
 NAME                      WHO            ALLOWS TO
 spark-admin:people_write  administrator  invite, change and remove people in the organisation
";
    scopes(&env, &["--preset", "invite-user", "--admin", "invite"])
        .stdout(&found[1..])
        .check();
    assert_eq!(names(&["--preset", "everything-90"]).len(), 90);
}

#[test]
fn presets_have_names_and_stand_alone() {
    let env = Env::bare();
    scopes(&env, &["--preset", "Standard"])
        .code(2)
        .stderr_has("invalid value 'Standard'")
        .stderr_has("standard, people-read, invite-user, people-admin, everything, everything-90")
        .check();
    for with in [&["room"][..], &["--admin"], &["--preset", "standard"]] {
        scopes(&env, &[&["--presets"], with].concat())
            .code(2)
            .stderr_has("cannot be used with")
            .check();
    }
}

#[test]
fn json_has_the_same_fields_for_every_scope() {
    assert_eq!(
        rows(&["Identity:one_time_password"]),
        [json!({
            "name": "Identity:one_time_password",
            "audience": "device",
            "access": "write",
            "needs_administrator": false,
            "documented": true,
            "description": "get a one-time password for a person, a device or a thing",
            "presets": ["everything-90"],
        })]
    );
    for row in rows(&[]) {
        let word = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
        assert_eq!(row.as_object().map(|fields| fields.len()), Some(7), "{row}");
        assert!(
            !word("name").is_empty() && !word("description").is_empty(),
            "{row}"
        );
        let audiences = ["user", "device", "admin", "compliance", "other"];
        assert!(audiences.contains(&word("audience").as_str()), "{row}");
        assert!(
            ["read", "write", "other"].contains(&word("access").as_str()),
            "{row}"
        );
        assert!(row["documented"].is_boolean() && row["needs_administrator"].is_boolean());
        assert!(row["presets"].is_array(), "{row}");
    }
}

#[test]
fn control_characters_are_not_echoed() {
    let env = Env::bare();
    scopes(&env, &["a\u{1b}]0;x\u{7}\u{9b}\u{202e}b"])
        .code(1)
        .stderr("error: there is no scope for this word\nhint: fewer words find more; `webex-connect scopes` lists all that are known\n")
        .check();
    scopes(&env, &["spark:\r\n\u{1b}[2Jx"])
        .code(1)
        .stderr("error: the catalog has no such scope\nhint: `webex-connect scopes` lists all that are known; others can be asked for all the same\n")
        .check();
}

/// What stands on a terminal of 80 columns, none of it broken by the terminal.
#[cfg(target_os = "linux")]
fn on_a_terminal(args: &[&str]) -> String {
    let env = Env::bare().var("NO_COLOR", "1");
    let (code, screen) = Terminal::run(&env, &[&["scopes"], args].concat()).ends();
    assert_eq!(code, 0, "{screen}");
    let too_long: Vec<_> = screen
        .lines()
        .filter(|line| line.trim_end().chars().count() > 80)
        .collect();
    assert!(too_long.is_empty(), "{args:?}: {too_long:#?}");
    screen.replace("\r\n", "\n")
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_of_80_columns_breaks_no_name() {
    let screen = on_a_terminal(&[]);
    let lines = "
spark-admin:broadworks_billing_reports_write  administrator
  order and delete the billing reports of a Webex for BroadWorks partner
";
    assert!(screen.contains(lines), "{screen}");
    assert_eq!(
        on_a_terminal(&["spark:teams_"]),
        "
 NAME               WHO     ALLOWS TO
 spark:teams_read   anyone  see the teams you are in
 spark:teams_write  anyone  start teams, and rename or delete yours
"[1..],
        "what fits is a table"
    );
    on_a_terminal(&["--presets"]);
}

#[cfg(target_os = "linux")]
#[test]
fn explanations_and_help_fit_80_columns() {
    assert_eq!(
        on_a_terminal(&["spark:people_read"]),
        "
 scope       spark:people_read
 allows to   look up colleagues and see who you are
 granted by  anyone who signs in
 documented  by Cisco, and in its guide to scopes
 presets     standard, people-read, invite-user, people-admin, everything,
             everything-90

  $ webex-connect login --add-scope spark:people_read
"[1..]
    );
    on_a_terminal(&["spark-admin:broadworks_billing_reports_write"]);
    let help = on_a_terminal(&["--help"]);
    assert!(help.contains("  $ webex-connect scopes"), "{help}");
}
