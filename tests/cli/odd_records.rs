//! Records as no command of ours leaves them.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::env::{ACCESS_TOKEN, Env, OTHER_TOKEN, Reply, Run, connected};

fn edit(env: &Env, pointer: &str, value: impl Into<Value> + Clone) {
    env.edit_records(|key, record| {
        if key == "connection/work" {
            let field = record.pointer_mut(pointer);
            *field.unwrap_or_else(|| panic!("no {pointer}")) = value.clone().into();
        }
    });
}

#[test]
fn the_last_revision_there_is_can_be_saved_again() {
    let (env, authority) = connected();
    edit(&env, "/revision", u64::MAX);
    authority.token_answers(Reply::other_tokens());
    env.run(["refresh", "work"]).any_stderr().check();
    assert_eq!(env.record("work")["tokens"]["access_token"], OTHER_TOKEN);
}

/// Tokens that were dead for long would count as fresh for years.
#[test]
fn a_clock_that_ran_ahead_costs_one_refresh() {
    let (env, authority) = connected();
    let later = Timestamp::now() + SignedDuration::from_hours(24 * 365);
    edit(&env, "/tokens/obtained_at", later.to_string());
    let end = later + SignedDuration::from_hours(24 * 14);
    edit(&env, "/tokens/expires_at", end.to_string());
    authority.token_answers(Reply::other_tokens());
    for _ in 0..2 {
        env.run(["token", "work"])
            .stdout(&format!("{OTHER_TOKEN}\n"))
            .check();
        assert_eq!(authority.refreshes(), 1);
    }
    // Where Webex does not answer, the token is tried for what it is worth, and no longer than that.
    edit(&env, "/tokens/obtained_at", later.to_string());
    edit(&env, "/tokens/expires_at", end.to_string());
    authority.token_answers(Reply::status(400, "{}"));
    env.run(["token", "work"])
        .stdout(&format!("{OTHER_TOKEN}\n"))
        .any_stderr()
        .check();
    assert_eq!(authority.refreshes(), 2);
}

/// The record is left for whoever knows what became of it.
fn is_unreadable(pointer: &str, value: &str) {
    let (env, authority) = connected();
    edit(&env, pointer, value);
    let (before, asked) = (env.record("work"), authority.asked().len());
    for args in [&["token", "work"][..], &["api", "people/me", "-c", "work"]] {
        env.run(args)
            .code(6)
            .stderr_has("the stored record connection/work is unreadable")
            .check();
    }
    assert_eq!(env.record("work"), before, "{pointer} {value}");
    assert_eq!(authority.asked().len(), asked, "{pointer} {value}");
}

#[test]
fn a_stored_api_base_is_held_to_what_a_command_line_may_say() {
    for base in [
        "http://evil.example/v1",
        "ftp://localhost/v1",
        "https://u:p@webexapis.com/v1",
    ] {
        is_unreadable("/environment/custom", base);
    }
}

#[test]
fn a_stored_token_is_held_to_what_an_answer_may_bring() {
    for token in ["a\nb", "\u{1b}]0;x\u{7}", "", "a b"] {
        is_unreadable("/tokens/access_token", token);
    }
    is_unreadable("/tokens/refresh_token", "a\nb");
    let (env, _authority) = connected();
    env.run(["token", "work"])
        .stdout(&format!("{ACCESS_TOKEN}\n"))
        .check();
}

/// SIGXFSZ would end the program in the middle of a save.
#[test]
fn a_limit_on_file_sizes_is_an_error_and_no_end() {
    let (env, authority) = connected();
    authority.token_answers(Reply::other_tokens());
    let before = env.records();
    for args in [["default", "work"], ["refresh", "work"]] {
        let mut command = env.program("/bin/sh");
        let program = env!("CARGO_BIN_EXE_webex-connect");
        command.args(["-c", "ulimit -f 0; exec \"$0\" \"$@\"", program]);
        command.args(args);
        let run = Run::new(command).code(6);
        run.stderr_has("could not save")
            .stderr_has("`ulimit -f")
            .check();
        assert_eq!(env.records(), before, "{args:?}");
        assert!(!env.has_temporary_files());
    }
    assert_eq!(authority.refreshes(), 0);
}

/// A newer version may add kinds of records, and members to those that this version knows.
#[test]
fn what_a_newer_version_wrote_is_skipped_with_a_note_and_kept() {
    let (env, authority) = connected();
    let webhook =
        serde_json::json!({"schema": 1, "record": "webhook", "url": "https://example.com"});
    env.change_records(|records| {
        records.insert("webhook/room".to_owned(), webhook.clone());
        for record in records.values_mut() {
            record["lease"] = serde_json::json!({"holder": "c0ffee", "times": [1, 2.50]});
        }
    });
    let before = env.records();
    env.run(["list"])
        .any_stdout()
        .stderr("skipped the record webhook/room: a newer version of webex-connect wrote it\n")
        .check();
    authority.token_answers(Reply::other_tokens());
    env.run(["refresh", "--all"]).any_stderr().check();
    env.run(["default", "work"]).any_stderr().check();
    let after = env.records();
    assert_eq!(after["webhook/room"], before["webhook/room"]);
    assert_eq!(
        after["connection/work"]["tokens"]["access_token"],
        OTHER_TOKEN
    );
    for (key, record) in after {
        assert_eq!(record["lease"], before[&key]["lease"], "{key}");
    }
}
