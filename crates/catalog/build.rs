//! Lists the catalog's files, so that a new feature is a new file and nothing else, and reads its
//! bodies once, so that a run does not have to.
#![allow(
    clippy::disallowed_methods,
    reason = "a build script reads files and its environment"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

#[derive(Default)]
struct Entry {
    yaml: Option<String>,
    bodies: BTreeMap<String, String>,
    home_only: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = env::var("CARGO_MANIFEST_DIR")?;
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    for (folder, home_only) in [("features", false), ("home", true)] {
        let top = Path::new(&root).join(folder);
        println!("cargo::rerun-if-changed={}", top.display());
        if !top.is_dir() {
            continue;
        }
        for category in sorted(&top)? {
            println!("cargo::rerun-if-changed={}", category.display());
            for file in sorted(&category)? {
                let category = category
                    .file_name()
                    .and_then(|n| n.to_str())
                    .unwrap_or_default();
                let name = file
                    .file_name()
                    .and_then(|n| n.to_str())
                    .unwrap_or_default()
                    .to_owned();
                let path = file
                    .to_str()
                    .ok_or("a catalog path is not UTF-8")?
                    .to_owned();
                println!("cargo::rerun-if-changed={path}");
                if let Some(stem) = name.strip_suffix(".yaml") {
                    let entry = entries.entry(format!("{category}.{stem}")).or_default();
                    if entry.yaml.is_some() {
                        return Err(format!("{category}.{stem} is defined twice").into());
                    }
                    entry.yaml = Some(path);
                    entry.home_only = home_only;
                } else if let Some(stem) = name.strip_suffix(".nix.j2") {
                    let stem = stem
                        .strip_suffix("-home")
                        .filter(|s| top.join(category).join(format!("{s}.yaml")).exists())
                        .unwrap_or(stem);
                    entries
                        .entry(format!("{category}.{stem}"))
                        .or_default()
                        .bodies
                        .insert(name, path);
                } else {
                    return Err(format!("{path}: what is this file?").into());
                }
            }
        }
    }
    let mut code = String::from("pub(crate) const ENTRIES: &[Entry] = &[\n");
    for (id, entry) in entries {
        let yaml = entry
            .yaml
            .ok_or_else(|| format!("{id} has a body but no YAML"))?;
        let mut bodies = String::new();
        for (name, path) in &entry.bodies {
            let text = fs::read_to_string(path)?;
            let analysis = analysis(&text).map_err(|e| format!("{path}: {e}"))?;
            write!(
                bodies,
                "Body {{ name: {name:?}, text: include_str!({path:?}), analysis: {analysis} }}, "
            )?;
        }
        writeln!(
            code,
            "    Entry {{ id: {id:?}, home_only: {}, yaml: include_str!({yaml:?}), bodies: &[{bodies}] }},",
            entry.home_only
        )?;
    }
    code.push_str("];\n");
    programs(&Path::new(&root).join("programs"), &mut code)?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("entries.rs"), code)?;
    Ok(())
}

/// Lists the programs; their tests are not shipped.
fn programs(top: &Path, code: &mut String) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", top.display());
    code.push_str("pub(crate) const PROGRAMS: &[Program] = &[\n");
    let folders = if top.is_dir() { sorted(top)? } else { vec![] };
    for folder in folders {
        let name = folder
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        if !folder.join("default.nix").is_file() {
            return Err(format!("{}: no default.nix", folder.display()).into());
        }
        let mut files = Vec::new();
        shipped(&folder, &folder, &mut files)?;
        files.sort();
        write!(code, "    Program {{ name: {name:?}, files: &[")?;
        for (path, source) in files {
            println!("cargo::rerun-if-changed={source}");
            write!(code, "({path:?}, include_bytes!({source:?})), ")?;
        }
        code.push_str("] },\n");
    }
    code.push_str("];\n");
    Ok(())
}

fn shipped(
    root: &Path,
    folder: &Path,
    files: &mut Vec<(String, String)>,
) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for path in sorted(folder)? {
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        let is_test = folder == root && name == "tests";
        if is_test || name.starts_with('.') || name == "__pycache__" {
            continue;
        }
        if path.is_dir() {
            shipped(root, &path, files)?;
            continue;
        }
        let utf8 = |path: &Path| path.to_str().map(str::to_owned);
        let below = path.strip_prefix(root).ok().and_then(utf8);
        let (Some(below), Some(source)) = (below, utf8(&path)) else {
            return Err(format!("{}: the path is not UTF-8", path.display()).into());
        };
        files.push((below, source));
    }
    Ok(())
}

/// What is known of a body that is plain Nix, as code.
fn analysis(text: &str) -> Result<String, String> {
    if ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark)) {
        return Ok("None".to_owned());
    }
    let problem = |problems: Vec<nix::ParseProblem>| {
        problems
            .first()
            .map(|p| format!("{} at byte {}", p.message, p.start))
            .unwrap_or_default()
    };
    let free: Vec<String> = nix::free_variables(text)
        .map_err(problem)?
        .free
        .into_iter()
        .collect();
    let mut leaves = String::new();
    for item in nix::definitions(text).map_err(problem)? {
        let value = match item.value {
            nix::DefValue::Bool(b) => format!("Scalar::Bool({b})"),
            nix::DefValue::Int(i) => format!("Scalar::Int({i})"),
            nix::DefValue::Float(f) => format!("Scalar::Float({f:?})"),
            nix::DefValue::Str(s) => format!("Scalar::Str({s:?})"),
            nix::DefValue::Null => "Scalar::Null".to_owned(),
            nix::DefValue::Expr(code) => format!("Scalar::Code({code:?})"),
            nix::DefValue::List(_) | nix::DefValue::Attrs => continue,
        };
        let (false, Some(priority)) = (item.conditional, item.priority) else {
            continue;
        };
        let path = item.path.0;
        write!(
            leaves,
            "Leaf {{ path: &{path:?}, priority: {priority}, value: {value} }}, "
        )
        .map_err(|e| e.to_string())?;
    }
    Ok(format!(
        "Some(Analysis {{ free: &{free:?}, leaves: &[{leaves}] }})"
    ))
}

fn sorted(folder: &Path) -> Result<Vec<std::path::PathBuf>, Box<dyn Error>> {
    let mut paths = fs::read_dir(folder)?
        .map(|e| e.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}
