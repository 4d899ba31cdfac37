//! `gen init`: a small fleet to start from.

use std::fs;
use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use diag::Diagnostics;

use crate::Sources;
use crate::cli::App;
use crate::commands::schema;
use crate::console;
use crate::status::Status;
use crate::text::shell_word;
use crate::typed;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to start it
    #[arg(default_value = ".")]
    dir: Utf8PathBuf,
}

/// Files of the fleet, below the spec folder.
const SPEC: &[(&str, &str)] = &[
    ("fleet.yaml", include_str!("../../init/spec/fleet.yaml")),
    (
        "hosts/desktop.yaml",
        include_str!("../../init/spec/hosts/desktop.yaml"),
    ),
    (
        "profiles.yaml",
        include_str!("../../init/spec/profiles.yaml"),
    ),
    (
        "templates.yaml",
        include_str!("../../init/spec/templates.yaml"),
    ),
    ("users.yaml", include_str!("../../init/spec/users.yaml")),
];

/// Tags of the language, and the kinds of YAML nodes that they stand before.
const TAGS: &[(&str, &[&str])] = &[
    ("!after", &["scalar", "sequence", "mapping"]),
    ("!before", &["scalar", "sequence", "mapping"]),
    ("!default", &["scalar", "sequence", "mapping"]),
    ("!file", &["scalar"]),
    ("!force", &["scalar", "sequence", "mapping"]),
    ("!if", &["mapping"]),
    ("!lines", &["scalar"]),
    ("!nix", &["scalar"]),
    ("!opt", &["scalar"]),
    ("!pkg", &["scalar"]),
    ("!secret", &["scalar"]),
];

/// Files that a repository may well have already; they are left as they are.
const COMMON: &[&str] = &[".gitignore", ".vscode/settings.json"];

/// Writes the files of a fleet; all are refused if one of the spec is there.
pub(crate) fn run(app: &App, args: &Args) -> anyhow::Result<Status> {
    if let Some(fleet) = inside(app, &args.dir) {
        anyhow::bail!(
            "`{}` is a part of the fleet in `{fleet}`: nothing was written; run `gen -C {}` for that one",
            args.dir,
            shell_word(fleet.as_str())
        );
    }
    let files = files(&app.spec)?;
    let (kept, files): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|(path, _)| COMMON.contains(&path.as_str()) && is_there(&args.dir.join(path)));
    let taken: Vec<&Utf8PathBuf> = files
        .iter()
        .map(|(path, _)| path)
        .filter(|p| is_there(&args.dir.join(p)))
        .collect();
    if !taken.is_empty() {
        let list: Vec<String> = taken
            .iter()
            .map(|path| format!("`{}`", shown(&args.dir, path)))
            .collect();
        anyhow::bail!(
            "nothing was written, because there is already {}",
            list.join(", ")
        );
    }
    let mut wrote: Vec<String> = kept
        .iter()
        .map(|(path, _)| format!("left {} as it is", shown(&args.dir, path)))
        .collect();
    for (path, content) in &files {
        write_new(&args.dir.join(path), content)?;
        wrote.push(format!("wrote {}", shown(&args.dir, path)));
    }
    let program = typed::program_in(&args.dir);
    let text = format!(
        "{}

Next:
  edit {}/hosts/desktop.yaml
  {program}                  write the flake
  {program} explain desktop  see what the host comes to
  {program} list features    see what can be switched on
",
        wrote.join("\n"),
        shown(&args.dir, &app.spec),
    );
    console::out(&text)?;
    Ok(Status::Clean)
}

/// The folder of a fleet whose spec or output a folder is, or is in.
fn inside(app: &App, dir: &Utf8Path) -> Option<Utf8PathBuf> {
    let here = std::env::current_dir().ok()?;
    let here = Utf8PathBuf::from_path_buf(here).ok()?.join(dir);
    // What is not there yet is where its folder is.
    let real = here
        .ancestors()
        .find_map(|folder| folder.canonicalize_utf8().ok())?;
    if app.spec.is_absolute() {
        return None;
    }
    let mut fleets = real.ancestors().skip(1);
    let fleet = fleets.find(|fleet| {
        let is_below = |folder: &Utf8Path| real.starts_with(fleet.join(folder));
        crate::load::is_spec(fleet.join(&app.spec).as_std_path())
            && (is_below(&app.spec) || is_below(&app.out))
    })?;
    Some(fleet.to_owned())
}

fn files(spec: &Utf8Path) -> anyhow::Result<Vec<(Utf8PathBuf, String)>> {
    let sources = Sources::from_memory(spec.as_str(), SPEC.iter().copied());
    let names = spec::load(&sources.map, &sources.yaml, &mut Diagnostics::new());
    let mut files = vec![
        (
            ".gitignore".into(),
            include_str!("../../init/gitignore").to_owned(),
        ),
        (".vscode/settings.json".into(), editor_settings(spec)?),
        (spec.join(schema::FILE), schema::text(&names)?),
    ];
    files.extend(
        SPEC.iter()
            .map(|(path, text)| (spec.join(path), (*text).to_owned())),
    );
    files.sort();
    Ok(files)
}

/// Makes the YAML extension know the tags and the schema.
fn editor_settings(spec: &Utf8Path) -> anyhow::Result<String> {
    let tags: Vec<String> = TAGS
        .iter()
        .flat_map(|(tag, kinds)| kinds.iter().map(move |kind| format!("{tag} {kind}")))
        .collect();
    let schema = format!("./{}", spec.join(schema::FILE));
    let settings = serde_json::json!({
        "yaml.customTags": tags,
        "yaml.schemas": { schema: [format!("{spec}/**/*.yaml")] },
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&settings)?))
}

fn shown(dir: &Utf8Path, path: &Utf8Path) -> Utf8PathBuf {
    if dir == "." {
        path.to_owned()
    } else {
        dir.join(path)
    }
}

fn is_there(path: &Utf8Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Writes a file that must not be there yet, and the folders above it.
pub(crate) fn write_new(path: &Utf8Path, content: &str) -> anyhow::Result<()> {
    let write = || -> io::Result<()> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        fs::File::create_new(path)?.write_all(content.as_bytes())
    };
    write().map_err(|error| anyhow::anyhow!("cannot write `{path}`: {error}"))
}
