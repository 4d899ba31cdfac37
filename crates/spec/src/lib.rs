//! The YAML surface: what a user wrote, with the place of every value.
//!
//! Flow: text → [`node`] (one generic tree per file, tags and both duplicates kept) → [`decode`]
//! (accumulating decoders) → [`Spec`] (merged over files).
//!
//! Invariants:
//! - Nothing here reads files or knows the catalog; names are not resolved yet.
//! - A decoder never stops at the first mistake: it reports it and goes on with what it has.
//! - Every value that can be wrong later keeps its [`diag::Span`].

pub mod ast;
pub mod decode;
mod deploy;
mod feature;
mod machine;
pub mod node;
mod scalar;
pub mod schema;
mod value;

pub use ast::Spec;
pub use decode::{CATALOG_SECTIONS, decode_feature, load, load_catalog, load_with};
pub use node::is_bidi_control;
pub use scalar::{parse_duration, parse_size};
pub use value::{Setting, Settings, Value, ValueKind};
