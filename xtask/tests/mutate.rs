//! A quick part of the proof of recall; all of it is `cargo xtask mutate`, its figures are in
//! `docs/index-proof.md`.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests read the environment, and say what they skip"
)]

use xtask::mutate::score;

/// Small fleets, so that it is quick.
const FLEETS: &[&str] = &[
    "minimal",
    "namespace",
    "profiles-and-users",
    "templates-and-layers",
];

#[test]
fn faults_are_found() {
    let Some(score) = score(7, 100, FLEETS).unwrap() else {
        assert!(
            std::env::var_os("GEN_REQUIRE_INDEX").is_none(),
            "there is no index in ../shared/data"
        );
        eprintln!("skipped: there is no index in ../shared/data");
        return;
    };
    assert_eq!(score.mutants, 100);
    assert!(score.is_enough(), "{score:?}");
}
