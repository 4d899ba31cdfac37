//! The rules of the code base, a test each.
#![allow(clippy::unwrap_used, reason = "tests")]

use xtask::tidy::{self, Problems};

fn check(problems: anyhow::Result<Problems>) {
    let problems = problems.unwrap();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn codes_are_registered_and_used() {
    check(tidy::codes());
}

#[test]
fn crates_depend_in_one_direction() {
    check(tidy::directions());
}

#[test]
fn links_lead_somewhere() {
    check(tidy::links());
}

#[test]
fn modules_say_what_they_are_for() {
    check(tidy::module_docs());
}

#[test]
fn no_machine_is_named() {
    check(tidy::machines());
}

#[test]
fn work_is_finished() {
    check(tidy::marks());
}
