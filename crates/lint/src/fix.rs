//! Applying fixes to one file.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::facts::NoFacts;
use crate::finding::{Edit, Finding};
use crate::run::lint_tree;

/// So many times fixes are looked for: mending one thing may show another.
const ROUNDS: usize = 16;

/// A file with its fixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// The new text.
    pub text: String,
    /// How many findings were mended, by rule.
    pub mended: BTreeMap<&'static str, usize>,
}

/// Mends what can be mended safely in one file; nothing if there is nothing.
///
/// Each fix is read back: one whose result Nix would refuse, or in which a name is no longer bound, is
/// left out. Fixing the result again changes nothing.
pub fn fix(path: &str, text: &str, config: &Config) -> Option<Fixed> {
    // A text that Nix refuses is for people to mend.
    let mut unbound = nix::free_variables(text).ok()?;
    let mut fixed = Fixed {
        text: text.to_owned(),
        mended: BTreeMap::new(),
    };
    let mut refused: Vec<Vec<Edit>> = Vec::new();
    for _ in 0..ROUNDS {
        let files = BTreeMap::from([(path.to_owned(), fixed.text.clone())]);
        let found = lint_tree(&files, config, &NoFacts).findings;
        let mut wanted: Vec<&Finding> = found
            .iter()
            .filter(|finding| !finding.fix.is_empty() && !refused.contains(&finding.fix))
            .collect();
        // Inner edits first; what overlaps waits for the next round.
        wanted.sort_by_key(|finding| {
            let size: usize = finding.fix.iter().map(|edit| edit.range.len()).sum();
            (size, finding.fix[0].range.start)
        });
        let mut edits: Vec<Edit> = Vec::new();
        let mut mended: Vec<&Finding> = Vec::new();
        for finding in wanted {
            if finding.fix.iter().all(|edit| edits.contains(edit)) {
                mended.push(finding);
            } else if finding
                .fix
                .iter()
                .all(|edit| edits.iter().all(|other| !overlap(edit, other)))
            {
                edits.extend(finding.fix.iter().cloned());
                mended.push(finding);
            }
        }
        if mended.is_empty() {
            break;
        }
        let mut kept = mended.clone();
        let mut next = apply(&fixed.text, edits);
        if !is_sound(&next, &unbound) {
            (next, kept) = one_by_one(&fixed.text, &mended, &unbound, &mut refused);
        }
        if kept.is_empty() {
            continue;
        }
        for finding in kept {
            *fixed.mended.entry(finding.rule.name()).or_default() += 1;
        }
        fixed.text = next;
        unbound = nix::free_variables(&fixed.text).ok()?;
        refused.clear();
    }
    (fixed.text != text).then_some(fixed)
}

/// Applies the first fix of a batch that is sound by itself; those that are not are refused.
fn one_by_one<'a>(
    text: &str,
    findings: &[&'a Finding],
    unbound: &nix::FreeVariables,
    refused: &mut Vec<Vec<Edit>>,
) -> (String, Vec<&'a Finding>) {
    for finding in findings {
        let next = apply(text, finding.fix.clone());
        if is_sound(&next, unbound) {
            return (next, vec![finding]);
        }
        refused.push(finding.fix.clone());
    }
    (text.to_owned(), Vec::new())
}

/// Whether Nix reads a text, and it lacks no names that it did not lack before.
fn is_sound(text: &str, before: &nix::FreeVariables) -> bool {
    nix::free_variables(text).is_ok_and(|now| {
        now.free.is_subset(&before.free)
            && now
                .maybe
                .iter()
                .all(|name| before.maybe.contains(name) || before.free.contains(name))
    })
}

fn overlap(a: &Edit, b: &Edit) -> bool {
    a.range.start < b.range.end && b.range.start < a.range.end || a.range == b.range
}

fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort();
    edits.dedup();
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        result.push_str(&text[at..edit.range.start]);
        result.push_str(&edit.text);
        at = edit.range.end;
    }
    result.push_str(&text[at..]);
    result
}

#[cfg(test)]
mod tests {
    use super::fix;
    use crate::config::Config;

    #[test]
    fn everything_is_mended_in_the_end() {
        let text = "{ config, lib, pkgs, ... }:\nlet\n  a = b;\n  b = lib.x;\nin\nrec {\n  x = lib.mkIf true { y = y; };\n}\n";
        let fixed = fix("a.nix", text, &Config::default()).unwrap();
        assert_eq!(
            fixed.text,
            "{ lib, ... }:\n{\n  x = { inherit y; };\n}\n".replace("{ lib, ... }", "{ ... }")
        );
        assert_eq!(fix("a.nix", &fixed.text, &Config::default()), None);
    }

    #[test]
    fn what_nix_refuses_is_left_alone() {
        for text in ["rec { a = 1; a = 1; }", "rec {", "rec { a = ; }"] {
            assert_eq!(fix("a.nix", text, &Config::default()), None, "{text}");
        }
    }

    #[test]
    fn silenced_findings_stay() {
        let text = "# gen-lint: allow rec-set: why\nrec { a = 1; }";
        assert_eq!(fix("a.nix", text, &Config::default()), None);
    }
}
