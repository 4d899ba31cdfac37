//! From the spec and the catalog to the resolved fleet: layers, dependencies, conflicts, derived
//! values, semantic checks.
//!
//! Order: [`table`] loads the features that are named and what they require; [`template`] and
//! [`profile`] flatten the chains; [`host`] resolves each host and its users on its own, in
//! parallel; [`derive`] fills in what depends on other hosts; the checks of [`fleet`] look across.
//!
//! Invariants:
//! - Pure: what it reads is in its arguments. The result does not depend on the order of files.
//! - A mistake is reported once, at the place a user can mend it, and resolution goes on.
//! - What comes out prints without further decisions.

mod assets;
mod body;
mod catalogs;
mod conflicts;
mod deploy;
mod derive;
mod disks;
mod fleet;
mod host;
mod image;
mod inputs;
mod keys;
mod lines;
mod lower;
mod microvm;
mod names;
mod opaque;
mod packages;
mod profile;
mod programs;
mod schema;
mod secrets;
mod shut;
mod summary;
mod table;
mod tasks;
mod template;
mod time_zone;
mod types;
mod unique;
mod user;
mod uses;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostics, FileId, SourceMap, Span};
use model::Fleet;
use spec::Spec;

pub use catalogs::{Shared, folder as catalog_folder, share};
pub use schema::schema_names;
pub use summary::{FeatureSummary, OptionSummary, PortSummary, feature_summaries};
pub use user::is_of_the_system;

/// What resolution reads besides the spec.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Files below the spec folder that are not YAML, by path relative to it.
    pub assets: BTreeMap<String, Vec<u8>>,
    /// Names of the files in the output's `secrets` folder.
    pub secret_files: BTreeSet<String>,
    /// The output folder as messages show it, where it is not `generated`.
    pub output: Option<String>,
    /// The spec folder as messages show it.
    pub root: String,
    /// The folders of catalogs as messages show them, by name. Their files are among the assets,
    /// below `catalogs/NAME`.
    pub catalogs: BTreeMap<String, String>,
}

impl Surroundings {
    /// A file of the output as messages show it.
    pub(crate) fn generated(&self, path: &str) -> String {
        match self.output.as_deref() {
            Some(".") => path.to_owned(),
            Some(folder) => format!("{folder}/{path}"),
            None => format!("generated/{path}"),
        }
    }

    /// A file below the spec folder or of a catalog as messages show it.
    pub fn shown(&self, path: &str) -> String {
        if let Some((name, rest)) = catalogs::of(path, self)
            && let Some(folder) = self.catalogs.get(name)
        {
            return format!("{folder}/{rest}");
        }
        if self.root.is_empty() {
            path.to_owned()
        } else {
            format!("{}/{path}", self.root)
        }
    }
}

/// Resolves a spec. Mistakes are reported; the fleet is complete only when there is no error.
pub fn resolve(
    spec: &Spec,
    sources: &mut SourceMap,
    around: &Surroundings,
    diagnostics: &mut Diagnostics,
) -> Fleet {
    names::check(spec, diagnostics);
    let table = table::load(spec, sources, around, diagnostics);
    let world = world::World::new(spec, sources, around, table, diagnostics);
    let (fleet, problems) = fleet::resolve(&world, diagnostics);
    let mut files: BTreeMap<String, FileId> = BTreeMap::new();
    for problem in problems {
        let file = *files.entry(problem.path).or_insert_with_key(|path| {
            let text = around.assets.get(path).map(|b| String::from_utf8_lossy(b));
            sources.add(around.shown(path), text.unwrap_or_default())
        });
        let mut diagnostic = problem.diagnostic;
        diagnostic.span = Some(Span::new(file, problem.start, problem.end));
        diagnostics.push(diagnostic);
    }
    fleet
}

/// A disk layout with its defaults, used or not; nothing where it is wrong, which is reported elsewhere.
pub fn disk_layout(item: &spec::ast::Item<spec::ast::Disk>) -> Option<model::DiskLayout> {
    let disk = disks::resolve(item, &mut Diagnostics::new())?;
    Some(disk.layout)
}

/// The whole catalog as the features of a fleet without hosts, every half emitted, in the default
/// namespace: what a build lays out once.
pub fn catalog_fleet() -> Fleet {
    let spec = Spec::default();
    let around = Surroundings::default();
    let mut sources = SourceMap::new();
    let mut diagnostics = Diagnostics::new();
    let table = table::load_all(&spec, &mut sources, &around, &mut diagnostics);
    let world = world::World::new(&spec, &sources, &around, table, &mut diagnostics);
    Fleet {
        namespace: world.namespace.clone(),
        features: fleet::whole_catalog(&world),
        ..Fleet::default()
    }
}
