//! Comments that silence findings: `# gen-lint: allow RULE: reason` on the line or the line above,
//! `# gen-lint: allow-file RULE: reason` anywhere in the file.

use std::ops::Range;

use rnix::{SyntaxKind, SyntaxNode, TextSize};

use crate::registry::rule;

/// What the comments begin with.
const MARK: &str = "gen-lint:";

/// A comment that silences a rule.
#[derive(Clone, Debug)]
pub(crate) struct Suppression {
    /// The rule's name as written.
    pub(crate) rule: String,
    /// The bytes of the comment.
    pub(crate) range: Range<usize>,
    /// The lines for which it counts, from 0; none for the whole file.
    pub(crate) line: Option<usize>,
    /// What is wrong with it.
    pub(crate) problem: Option<Problem>,
}

/// Why a comment is not understood, or not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    NoReason,
    UnknownRule,
    BadForm,
}

/// Whether a text may have such comments.
pub(crate) fn may_have(text: &str) -> bool {
    text.contains(MARK)
}

/// The comments of a file.
pub(crate) fn suppressions(root: &SyntaxNode, text: &str) -> Vec<Suppression> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(MARK) {
        let Ok(offset) = TextSize::try_from(at) else {
            break;
        };
        let Some(token) = root.token_at_offset(offset).right_biased() else {
            continue;
        };
        if token.kind() != SyntaxKind::TOKEN_COMMENT {
            continue;
        }
        let range = usize::from(token.text_range().start())..usize::from(token.text_range().end());
        // Only at the start of the comment, so that texts about these comments are none.
        let lead = text[range.start..at].trim_start_matches(['#', '/', '*', ' ', '\t']);
        if !lead.is_empty() {
            continue;
        }
        let rest = text[at + MARK.len()..range.end]
            .trim_end_matches("*/")
            .lines()
            .next()
            .unwrap_or_default();
        read(rest, &range, text, &mut found);
    }
    found
}

fn read(rest: &str, range: &Range<usize>, text: &str, found: &mut Vec<Suppression>) {
    let mut push = |rule: &str, line, problem| {
        found.push(Suppression {
            rule: rule.to_owned(),
            range: range.clone(),
            line,
            problem,
        });
    };
    let (word, rest) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
    let line = match word {
        "allow" => Some(target(text, range)),
        "allow-file" => None,
        _ => return push(word, None, Some(Problem::BadForm)),
    };
    let (rules, reason) = rest.split_once(':').unwrap_or((rest, ""));
    let has_reason = reason.chars().any(char::is_alphanumeric);
    for name in rules.split(',').map(str::trim) {
        let name = crate::config::bare(name);
        let problem = if name.is_empty() {
            Some(Problem::BadForm)
        } else if rule(name).is_none() {
            Some(Problem::UnknownRule)
        } else if has_reason {
            None
        } else {
            Some(Problem::NoReason)
        };
        push(name, line, problem);
    }
}

/// The line that a comment is about: its own if there is code on it, or the next one with code.
fn target(text: &str, comment: &Range<usize>) -> usize {
    let start = text[..comment.start].rfind('\n').map_or(0, |at| at + 1);
    let own = line_of(text, comment.start);
    if !text[start..comment.start].trim().is_empty() {
        return own;
    }
    let mut line = line_of(text, comment.end);
    let mut below = text[comment.end..].split('\n');
    // What is left of the comment's last line.
    if below.next().is_some_and(|rest| !rest.trim().is_empty()) {
        return line;
    }
    for text in below {
        line += 1;
        if !text.trim().is_empty() && !text.trim_start().starts_with('#') {
            return line;
        }
    }
    line
}

/// The line of a byte, from 0.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at.min(text.len())].matches('\n').count()
}

#[cfg(test)]
mod tests {
    use rowan::ast::AstNode;

    use super::*;

    #[test]
    fn forms() {
        let cases = [
            (
                "# gen-lint: allow rec-set: why\nx",
                vec![("rec-set", Some(1), None)],
            ),
            (
                "x # gen-lint: allow rec-set: why",
                vec![("rec-set", Some(0), None)],
            ),
            (
                "# gen-lint: allow rec-set: why\n# more\n\nx",
                vec![("rec-set", Some(3), None)],
            ),
            (
                "# gen-lint: allow-file lint/rec-set: why\nx",
                vec![("rec-set", None, None)],
            ),
            (
                "# gen-lint: allow rec-set, nix-env: why\nx",
                vec![("rec-set", Some(1), None), ("nix-env", Some(1), None)],
            ),
            (
                "/* gen-lint: allow rec-set: why */\nx",
                vec![("rec-set", Some(1), None)],
            ),
            (
                "# gen-lint: allow rec-set\nx",
                vec![("rec-set", Some(1), Some(Problem::NoReason))],
            ),
            (
                "# gen-lint: allow rec-set: -\nx",
                vec![("rec-set", Some(1), Some(Problem::NoReason))],
            ),
            (
                "# gen-lint: allow nothing: why\nx",
                vec![("nothing", Some(1), Some(Problem::UnknownRule))],
            ),
            (
                "# gen-lint: disable rec-set\nx",
                vec![("disable", None, Some(Problem::BadForm))],
            ),
            ("\"gen-lint: allow rec-set: why\"", vec![]),
            ("# write `# gen-lint: allow`\nx", vec![]),
        ];
        for (text, expected) in cases {
            let root = nix::syntax(text).unwrap();
            let found: Vec<_> = suppressions(root.syntax(), text)
                .into_iter()
                .map(|it| (it.rule, it.line, it.problem))
                .collect();
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(rule, line, problem)| (rule.to_owned(), line, problem))
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
