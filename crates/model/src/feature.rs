//! Feature modules as they are printed.

use std::collections::BTreeMap;

use diag::Span;
use nix::Value;
use serde::Serialize;

use crate::{Definition, FeatureId};

/// Which module system a half belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Half {
    /// NixOS.
    System,
    /// Home Manager.
    Home,
}

/// A feature that something uses.
#[derive(Clone, Debug, Serialize)]
pub struct Feature {
    /// Its id.
    pub id: FeatureId,
    /// One line, no period.
    pub summary: String,
    /// Markdown.
    pub description: Option<String>,
    /// Where it is defined: `catalog:ai/ollama.yaml`, `spec/features.yaml`.
    pub source: String,
    /// The place of its definition.
    #[serde(skip)]
    pub span: Option<Span>,
    /// Options, `enable` not among them.
    pub options: BTreeMap<String, FeatureOption>,
    /// System half: `modules/<category>/<name>.nix`.
    pub system: Option<FeatureHalf>,
    /// Home Manager half: `home/<category>/<name>.nix`.
    pub home: Option<FeatureHalf>,
}

/// One emitted module.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FeatureHalf {
    /// Whether a host or user uses this half, so that it is emitted.
    pub emitted: bool,
    /// Modules of the same half that it imports, because it requires them.
    pub imports: Vec<FeatureId>,
    /// What it defines as data, among it the flags of what it requires.
    pub definitions: Vec<Definition>,
    /// The rest, as a Nix expression: the rendered and parsed body.
    pub body: Option<String>,
}

/// An option of a feature.
#[derive(Clone, Debug, Serialize)]
pub struct FeatureOption {
    /// The type as Nix, such as `lib.types.listOf lib.types.str`.
    pub ty: String,
    /// Default; `None` where there is none.
    pub default: Option<Value>,
    /// What it is for.
    pub description: String,
    /// An example.
    pub example: Option<Value>,
}
