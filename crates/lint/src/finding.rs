//! What a rule found.

use std::ops::Range;

use crate::config::Level;
use crate::rule::Rule;

/// A range of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as named in the files that were passed in.
    pub path: String,
    /// The bytes.
    pub range: Range<usize>,
}

impl PartialOrd for Edit {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Edit {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |edit: &Self| (edit.range.start, edit.range.end);
        key(self)
            .cmp(&key(other))
            .then_with(|| self.text.cmp(&other.text))
    }
}

/// Text to put in the place of a range of the finding's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The bytes.
    pub range: Range<usize>,
    /// What they become.
    pub text: String,
}

/// A finding.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// How serious it is; never off.
    pub level: Level,
    /// Where.
    pub place: Place,
    /// One line without a final period.
    pub message: String,
    /// Other places that explain it.
    pub related: Vec<(Place, String)>,
    /// What to do.
    pub help: Option<String>,
    /// Edits of the file that mend it, all or none; none if there is no safe fix.
    pub fix: Vec<Edit>,
    /// Where the binding that it stands in starts, which a comment may stand above.
    pub(crate) anchor: Option<usize>,
}

impl Finding {
    pub(crate) fn help(&mut self, text: impl Into<String>) -> &mut Self {
        self.help = Some(text.into());
        self
    }

    pub(crate) fn related(&mut self, place: Place, message: impl Into<String>) -> &mut Self {
        self.related.push((place, message.into()));
        self
    }

    pub(crate) fn edit(
        &mut self,
        range: impl Into<Range<usize>>,
        text: impl Into<String>,
    ) -> &mut Self {
        self.fix.push(Edit {
            range: range.into(),
            text: text.into(),
        });
        self
    }
}
