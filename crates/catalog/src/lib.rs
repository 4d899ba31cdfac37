//! The built-in catalog as data: `features/<category>/<name>.yaml` and `home/<category>/<name>.yaml`
//! with their bodies, listed at build time, and the programs that they ship, `programs/<name>/`.
//!
//! Invariants:
//! - A file is decoded when a fleet uses it, not before: a run pays for the features it uses.
//! - Catalog files go through the same decoders as a user's features.

use diag::{Diagnostics, FileId, SourceMap};
use spec::ast::Feature;

include!(concat!(env!("OUT_DIR"), "/entries.rs"));

/// A feature of the catalog, not decoded yet.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// `category.name`.
    pub id: &'static str,
    /// Whether it has a Home Manager half only.
    pub home_only: bool,
    /// Its definition.
    pub yaml: &'static str,
    /// Its templates by file name.
    pub bodies: &'static [Body],
}

/// A template of the catalog.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    /// File name.
    pub name: &'static str,
    /// Text.
    pub text: &'static str,
    /// What the build found in it; nothing where it is more than plain Nix.
    pub analysis: Option<Analysis>,
}

/// A program that features ship, as a package.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Its name, that of its folder.
    pub name: &'static str,
    /// Its files, by path below its folder; `default.nix` is a function for `callPackage`.
    pub files: &'static [(&'static str, &'static [u8])],
}

/// What is known of a body that is plain, valid Nix.
#[derive(Clone, Copy, Debug)]
pub struct Analysis {
    /// Names that it uses and does not bind.
    pub free: &'static [&'static str],
    /// Scalars that it defines unconditionally.
    pub leaves: &'static [Leaf],
}

/// A scalar definition.
#[derive(Clone, Copy, Debug)]
pub struct Leaf {
    /// Option path.
    pub path: &'static [&'static str],
    /// Priority in the module system.
    pub priority: i64,
    /// Value.
    pub value: Scalar,
}

/// A scalar.
#[derive(Clone, Copy, Debug)]
pub enum Scalar {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text.
    Str(&'static str),
    /// Code.
    Code(&'static str),
}

impl Entry {
    /// The path under which messages name it.
    pub fn path(&self) -> String {
        format!("catalog:{}.yaml", self.id.replacen('.', "/", 1))
    }

    /// A template by file name.
    pub fn body(&self, name: &str) -> Option<&'static Body> {
        self.bodies.iter().find(|body| body.name == name)
    }

    /// Decodes the definition; its text is added to the sources for messages.
    pub fn decode(
        &self,
        sources: &mut SourceMap,
        diagnostics: &mut Diagnostics,
    ) -> (FileId, Option<Feature>) {
        let file = self.add_to(sources);
        let feature = spec::decode_feature(sources, file, diagnostics);
        (file, feature)
    }

    /// Adds the definition to the sources, to be decoded from there.
    pub fn add_to(&self, sources: &mut SourceMap) -> FileId {
        sources.add(self.path(), self.yaml)
    }
}

/// All features, sorted by id.
pub fn entries() -> &'static [Entry] {
    ENTRIES
}

/// One feature.
pub fn entry(id: &str) -> Option<&'static Entry> {
    ENTRIES
        .binary_search_by(|e| e.id.cmp(id))
        .ok()
        .map(|i| &ENTRIES[i])
}

/// One program.
pub fn program(name: &str) -> Option<&'static Program> {
    PROGRAMS
        .binary_search_by(|p| p.name.cmp(name))
        .ok()
        .map(|i| &PROGRAMS[i])
}

/// All programs, sorted by name.
pub fn programs() -> &'static [Program] {
    PROGRAMS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_is_shipped_by_a_feature() {
        let mut sources = SourceMap::new();
        let mut diagnostics = Diagnostics::new();
        let features = entries()
            .iter()
            .filter_map(|entry| entry.decode(&mut sources, &mut diagnostics).1);
        let mut shipped = std::collections::BTreeSet::new();
        for text in features.flat_map(|feature| feature.programs) {
            assert!(program(&text.value).is_some(), "no program {}", text.value);
            shipped.insert(text.value);
        }
        for program in programs() {
            assert!(
                shipped.contains(program.name),
                "{} is not used",
                program.name
            );
        }
    }

    #[test]
    fn every_feature_decodes() {
        let mut sources = SourceMap::new();
        let mut diagnostics = Diagnostics::new();
        for entry in entries() {
            let (_, feature) = entry.decode(&mut sources, &mut diagnostics);
            let Some(feature) = feature else { continue };
            assert_eq!(
                entry.home_only,
                !feature.has_system_half(),
                "{}: wrong folder",
                entry.id
            );
            for body in [&feature.body, &feature.home_body].into_iter().flatten() {
                assert!(
                    entry.body(body).is_some(),
                    "{}: no {}",
                    entry.id,
                    body.value
                );
            }
        }
        let text = diag::render::render(
            &diagnostics,
            &sources,
            diag::render::Format::Human,
            diag::render::Style {
                color: false,
                width: 120,
            },
        );
        assert!(diagnostics.is_empty(), "{text}");
    }
}
