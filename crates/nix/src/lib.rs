//! Nix text: values, attribute paths, escaping, parsing and formatting.
//!
//! This is the only place that writes Nix literals. The crate is pure: text in, text out.
//!
//! - [`Value`] is data on its way to Nix; [`render`] writes it and [`format()`] lays it out.
//! - [`Expr`] is Nix code that has been checked; nothing else becomes code.
//! - [`AttrPath`] is a path of attribute names, read and written the way Nix writes it.
//! - [`syntax`], [`parse_problems`], [`free_variables`], [`definitions`], [`computed_definitions`],
//!   [`read_module`], [`outline`], [`steps`] and [`relative_paths`] read Nix text.
//!
//! Every function refuses text that is nested deeper than [`MAX_DEPTH`] instead of overflowing the
//! stack. Positions are byte offsets into the text that was passed in.

mod attr_path;
mod bindings;
mod definitions;
mod depth;
mod expr;
mod format;
mod known;
mod module;
mod number;
mod outline;
mod parse;
mod path;
mod plain;
mod relative_paths;
mod render;
mod scope;
mod steps;
mod string;
mod value;

pub use attr_path::{AttrPath, AttrPathError, AttrPathErrorKind, attr_name, is_identifier};
pub use definitions::{
    DefValue, Definition, MODULE_ATTRS, computed_definitions, definitions, definitions_of,
};
pub use depth::MAX_DEPTH;
pub use expr::Expr;
pub use format::{FormatError, format};
pub use known::{Known, Look, known, known_value, lets};
pub use module::{
    Attr, Kind, Module, Node, Reference, is_function, module_of, overlay_names, read_module,
    read_sound_module, read_with_definitions,
};
pub use outline::{Item, Named, outline};
pub use parse::{ParseProblem, parse_problems, syntax};
pub use plain::{Plain, lay_out_plain};
pub use relative_paths::{RelativePath, relative_paths};
pub use render::{RenderError, render, render_bindings, render_element};
pub use scope::{FreeVariables, free_variables, module_arguments};
pub use steps::{Step, steps};
pub use string::{indented, static_text, string};
pub use value::Value;
