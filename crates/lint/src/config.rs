//! Which rules run, how serious their findings are, and where they do not apply.

use std::collections::BTreeMap;
use std::fmt;

use diag::Severity;

use crate::glob;
use crate::registry::{RULES, rule};
use crate::rule::Rule;

/// How serious a rule's findings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The rule does not run.
    Off,
    /// Worth knowing; does not change the exit code.
    Note,
    /// Probably a mistake.
    Warning,
    /// Certainly a mistake.
    Error,
}

impl Level {
    /// All levels, the least first.
    pub const ALL: &[Self] = &[Self::Off, Self::Note, Self::Warning, Self::Error];

    /// Its name in a spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// The level of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|level| level.name() == name)
    }

    /// The severity of findings; none for a rule that is off.
    pub fn severity(self) -> Option<Severity> {
        match self {
            Self::Off => None,
            Self::Note => Some(Severity::Note),
            Self::Warning => Some(Severity::Warning),
            Self::Error => Some(Severity::Error),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Files in which a rule does not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The rule's name, or `*` for every rule.
    pub rule: String,
    /// A glob over paths: `*` and `?` within a part, `**` over parts.
    pub path: String,
}

impl Exception {
    pub(crate) fn covers(&self, rule: &str, path: &str) -> bool {
        (self.rule == "*" || bare(&self.rule) == rule) && glob::matches(&self.path, path)
    }
}

/// A name that is no rule's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRule {
    /// The name as given.
    pub name: String,
}

impl UnknownRule {
    /// The nearest rule, or all of them.
    pub fn help(&self) -> Option<String> {
        let names: Vec<&str> = RULES.iter().map(|rule| rule.name()).collect();
        diag::did_you_mean(bare(&self.name), &names)
    }
}

impl fmt::Display for UnknownRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no rule `{}`", self.name)
    }
}

impl std::error::Error for UnknownRule {}

/// What is checked. The default: every rule at its own level, everywhere.
#[derive(Clone, Debug, Default)]
pub struct Config {
    levels: BTreeMap<&'static str, Level>,
    only: Vec<&'static str>,
    /// Where rules do not apply.
    pub exceptions: Vec<Exception>,
}

impl Config {
    /// Sets a rule's level.
    ///
    /// # Errors
    ///
    /// The name is no rule's.
    pub fn set(&mut self, name: &str, level: Level) -> Result<(), UnknownRule> {
        self.levels.insert(find(name)?.name(), level);
        Ok(())
    }

    /// Runs this rule and the others that are named so, and no more; one that is off runs as a
    /// warning.
    ///
    /// # Errors
    ///
    /// The name is no rule's.
    pub fn only(&mut self, name: &str) -> Result<(), UnknownRule> {
        self.only.push(find(name)?.name());
        Ok(())
    }

    /// Whether no rule was named to run alone.
    pub(crate) fn is_whole(&self) -> bool {
        self.only.is_empty()
    }

    /// The level at which a rule runs.
    pub fn level(&self, rule: &Rule) -> Level {
        let level = *self.levels.get(rule.name()).unwrap_or(&rule.level);
        if self.only.is_empty() {
            return level;
        }
        match level {
            _ if !self.only.contains(&rule.name()) => Level::Off,
            Level::Off => Level::Warning,
            level => level,
        }
    }
}

/// The rule of a name, with or without `lint/` before it.
fn find(name: &str) -> Result<&'static Rule, UnknownRule> {
    rule(bare(name)).ok_or_else(|| UnknownRule {
        name: name.to_owned(),
    })
}

pub(crate) fn bare(name: &str) -> &str {
    name.strip_prefix("lint/").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_found_with_and_without_prefix() {
        let mut config = Config::default();
        config.set("lint/rec-set", Level::Error).unwrap();
        assert_eq!(config.level(rule("rec-set").unwrap()), Level::Error);
        let error = config.set("rec-sets", Level::Off).unwrap_err();
        assert!(error.help().unwrap().contains("rec-set"));
    }

    #[test]
    fn naming_rules_leaves_out_the_others() {
        let mut config = Config::default();
        config.only("manual-inherit-from").unwrap();
        for rule in RULES {
            let expected = if rule.name() == "manual-inherit-from" {
                Level::Warning
            } else {
                Level::Off
            };
            assert_eq!(config.level(rule), expected, "{}", rule.name());
        }
    }
}
