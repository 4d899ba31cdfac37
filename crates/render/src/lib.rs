//! From the model through views and templates to a tree of files.
//!
//! A [`Fleet`] becomes views (`views/`, one for each kind of file), whose fragments are Nix text
//! already; templates (`templates/*.j2`) only put them in place, and the formatter lays the result
//! out. The crate is pure; the same fleet gives the same bytes.
//!
//! Invariants:
//! - The template environment writes whatever is not marked as code as a Nix literal.
//! - A module takes the arguments that it uses and no others.
//! - Each file costs the same however many there are.

mod code;
mod env;
mod error;
mod file;
mod memo;
mod module;
mod tree;
mod views;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use model::Fleet;
use rayon::prelude::*;

use crate::error::Problem;

pub use error::RenderError;

/// Laid-out modules by the hash of what they are laid out from, sorted by hash: a table that a build
/// makes with [`layouts`] so that a run does not lay the catalog out again.
pub type Layouts = [([u8; 16], &'static str)];

/// Renders all files: output path → bytes. `assets` are the files below the spec folder. What is in
/// `known` is taken from there, which changes no byte.
///
/// # Errors
///
/// A bug in a template, a view or the resolution.
pub fn render(
    fleet: &Fleet,
    assets: &BTreeMap<String, Vec<u8>>,
    known: &Layouts,
) -> Result<BTreeMap<String, Vec<u8>>, RenderError> {
    let env = env::environment().map_err(|error| RenderError::new("", &error.into()))?;
    let memo = memo::Memo::new(known);
    let rendered: Vec<(String, Vec<u8>)> = file::files(fleet)
        .into_par_iter()
        .map(|file| match file.render(&env, &memo, fleet) {
            Ok(text) => Ok((file.path(), text.into_bytes())),
            Err(problem) => Err(RenderError::new(file.path(), &problem)),
        })
        .collect::<Result<_, _>>()?;
    let mut tree = BTreeMap::new();
    for (path, bytes) in rendered {
        add(&mut tree, path, bytes)?;
    }
    for (path, source) in &fleet.assets {
        let Some(bytes) = assets.get(source) else {
            let problem = Problem::MissingAsset(source.clone());
            return Err(RenderError::new(path, &problem));
        };
        add(&mut tree, path.clone(), bytes.clone())?;
    }
    Ok(tree)
}

/// The layouts of the features of a fleet, for a table of [`Layouts`].
///
/// # Errors
///
/// See [`render`].
pub fn layouts(fleet: &Fleet) -> Result<BTreeMap<[u8; 16], String>, RenderError> {
    let env = env::environment().map_err(|error| RenderError::new("", &error.into()))?;
    let laid_out: Vec<Option<([u8; 16], String)>> = file::files(fleet)
        .into_par_iter()
        .map(|file| {
            let error = |problem: Problem| RenderError::new(file.path(), &problem);
            let Some(name) = file.feature_key(fleet).map_err(error)? else {
                return Ok(None);
            };
            let text = file.text(&env, fleet).map_err(error)?;
            let module = file::module(&env, &text).map_err(error)?;
            Ok(Some((memo::key(&name), module)))
        })
        .collect::<Result<_, _>>()?;
    Ok(laid_out.into_iter().flatten().collect())
}

fn add(
    tree: &mut BTreeMap<String, Vec<u8>>,
    path: String,
    bytes: Vec<u8>,
) -> Result<(), RenderError> {
    match tree.entry(path) {
        Entry::Occupied(entry) => Err(RenderError::new(entry.key(), &Problem::SamePath)),
        Entry::Vacant(entry) => {
            entry.insert(bytes);
            Ok(())
        }
    }
}

/// What the templates print, for `gen --emit view`: output path → template and view.
///
/// # Errors
///
/// See [`render`].
pub fn views(fleet: &Fleet) -> Result<serde_json::Value, RenderError> {
    let env = env::environment().map_err(|error| RenderError::new("", &error.into()))?;
    let mut views = serde_json::Map::new();
    for file in file::files(fleet) {
        let error = |problem: &Problem| RenderError::new(file.path(), problem);
        let view = file.view(&env, fleet).map_err(|problem| error(&problem))?;
        let view = serde_json::json!({ "template": file.template(), "view": view });
        views.insert(file.path(), view);
    }
    Ok(views.into())
}
