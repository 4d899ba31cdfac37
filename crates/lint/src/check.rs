//! A file while it is checked: its text, and what was found so far.

use std::ops::Range;

use rnix::{SyntaxKind, SyntaxNode, TextRange};

use crate::config::Level;
use crate::finding::{Finding, Place};
use crate::rule::Rule;

/// The file.
pub(crate) struct File<'a> {
    /// Its path.
    pub(crate) path: &'a str,
    /// Its text.
    pub(crate) text: &'a str,
    /// The rule that runs.
    pub(crate) rule: &'static Rule,
    /// Its level.
    pub(crate) level: Level,
    /// What was found.
    pub(crate) found: Vec<Finding>,
    /// The node that the rule looks at.
    pub(crate) at: Option<SyntaxNode>,
    /// Whether there are comments that silence findings.
    pub(crate) has_suppressions: bool,
}

impl File<'_> {
    /// Reports a finding at a range.
    pub(crate) fn report(&mut self, range: TextRange, message: impl Into<String>) -> &mut Finding {
        self.report_at(
            usize::from(range.start())..usize::from(range.end()),
            message,
        )
    }

    /// The same for a range of bytes.
    pub(crate) fn report_at(
        &mut self,
        range: Range<usize>,
        message: impl Into<String>,
    ) -> &mut Finding {
        let anchor = match &self.at {
            Some(node) if self.has_suppressions => node
                .ancestors()
                .find(|node| node.kind() == SyntaxKind::NODE_ATTRPATH_VALUE)
                .map(|binding| binding.text_range().start().into()),
            _ => None,
        };
        self.found.push(Finding {
            rule: self.rule,
            level: self.level,
            place: Place {
                path: self.path.to_owned(),
                range,
            },
            message: message.into(),
            related: Vec::new(),
            help: None,
            fix: Vec::new(),
            anchor,
        });
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    /// The text of a node.
    pub(crate) fn slice(&self, node: &SyntaxNode) -> &str {
        crate::syntax::slice(node, self.text)
    }
}
