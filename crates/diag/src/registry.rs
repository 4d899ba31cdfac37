//! The one table of diagnostic codes. A code never changes its meaning; a retired one is not reused.

/// A kind of finding.
#[derive(Clone, Copy, Debug)]
pub struct Code {
    /// Its stable name, as printed in brackets.
    pub name: &'static str,
    /// One line: what is wrong.
    pub summary: &'static str,
    /// Why it matters and what to do, in Markdown.
    pub explanation: &'static str,
}

/// Looks a code up.
pub fn code(name: &str) -> Option<&'static Code> {
    REGISTRY.iter().find(|c| c.name == name)
}

macro_rules! codes {
    ($($name:literal: $summary:literal, $explanation:literal;)*) => {
        /// Every code, sorted by name.
        pub const REGISTRY: &[Code] = &[
            $(Code { name: $name, summary: $summary, explanation: $explanation },)*
        ];
    };
}

codes! {
    "yaml-syntax": "the file is not valid YAML", "The parser could not read the file. Everything after the place is not checked until it is mended.";
}

#[cfg(test)]
mod tests {
    use super::REGISTRY;

    #[test]
    fn names_are_sorted_and_kebab_case() {
        for pair in REGISTRY.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} stands before {}", pair[0].name, pair[1].name);
        }
        for code in REGISTRY {
            assert!(code.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", code.name);
            assert!(!code.summary.ends_with('.'), "{}", code.name);
            assert!(code.explanation.ends_with('.'), "{}", code.name);
        }
    }
}
