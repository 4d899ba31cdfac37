//! Files of the spec folder that the output takes along.

use std::collections::BTreeSet;

use diag::{Diagnostic, Diagnostics, Span, Spanned};

use crate::Surroundings;
use crate::catalogs;
use crate::lower::Uses;
use crate::world::World;

/// A path below the spec folder, `/` between parts, without `.` and `..`; reported when it is not.
pub(crate) fn normal(path: &str, span: Span, d: &mut Diagnostics) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    let bad = |d: &mut Diagnostics, why: &str| {
        d.push(
            Diagnostic::error("bad-path", span, format!("`{path}` {why}"))
                .help("files are named relative to the spec folder and lie below it"),
        );
        None
    };
    if path.is_empty() || path.contains(['\\', '\0', '\n']) {
        return bad(d, "is not a path");
    }
    if path.starts_with(['/', '~']) {
        return bad(d, "is not relative");
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return bad(d, "leads outside the spec folder");
                }
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() {
        return bad(d, "is not a file");
    }
    Some(parts.join("/"))
}

/// Whether there is such a file or folder.
pub(crate) fn exists(path: &str, around: &Surroundings) -> bool {
    around.assets.contains_key(path) || below(path, around).next().is_some()
}

fn below<'a>(folder: &str, around: &'a Surroundings) -> impl Iterator<Item = &'a String> + use<'a> {
    let prefix = format!("{folder}/");
    around
        .assets
        .range(prefix.clone()..)
        .map(|(p, _)| p)
        .take_while(move |p| p.starts_with(&prefix))
}

/// An error that a file is not there.
pub(crate) fn missing(path: &str, span: Span, around: &Surroundings) -> Diagnostic {
    let diagnostic = Diagnostic::error("missing-file", span, not_there(path, around));
    let own = catalogs::of(path, around).map(|(name, _)| name);
    let others = around.assets.keys();
    let others = others.filter(|it| catalogs::of(it, around).map(|(name, _)| name) == own);
    match diag::closest(path, others) {
        Some(best) => {
            let best = catalogs::of(best, around).map_or(best, |(_, rest)| rest);
            diagnostic.help(format!("did you mean `{best}`?"))
        }
        None => diagnostic,
    }
}

/// That a file is not where it should be.
fn not_there(path: &str, around: &Surroundings) -> String {
    match catalogs::of(path, around) {
        Some((name, rest)) => format!("no file `{rest}` in catalog `{name}`"),
        None => format!("no file `{path}` below the spec folder"),
    }
}

/// Hand-written modules: their paths below the output, with everything that they reach by relative
/// path noted for copying.
pub(crate) fn modules(
    world: &World<'_>,
    modules: &[Spanned<String>],
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> Vec<String> {
    let mut result = Vec::new();
    for module in modules {
        let Some(path) = normal(&module.value, module.span, d) else {
            continue;
        };
        if !exists(&path, world.around) {
            d.push(missing(&path, module.span, world.around));
            continue;
        }
        uses.assets.insert(path.clone());
        result.push(format!("custom/{path}"));
    }
    result
}

/// Whether a file is a module that takes an argument of this name.
pub(crate) fn takes(path: &str, argument: &str, around: &Surroundings) -> bool {
    let is_nix = std::path::Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "nix");
    is_nix
        && around
            .assets
            .get(path)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .is_some_and(|text| {
                text.contains(argument) && nix::module_arguments(text).contains(argument)
            })
}

/// What is wrong in a file that is copied as it is.
pub(crate) struct Problem {
    /// Path below the spec folder.
    pub(crate) path: String,
    /// Byte offsets.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// The finding, still without a place.
    pub(crate) diagnostic: Diagnostic,
}

/// All files behind the named ones: folders expanded, Nix files followed. Output path → path below
/// the spec folder.
pub(crate) fn closure(
    named: &BTreeSet<String>,
    around: &Surroundings,
    problems: &mut Vec<Problem>,
) -> std::collections::BTreeMap<String, String> {
    let mut result = std::collections::BTreeMap::new();
    let mut todo: Vec<String> = named.iter().cloned().collect();
    while let Some(path) = todo.pop() {
        let output = format!("custom/{path}");
        if result.contains_key(&output) {
            continue;
        }
        let Some(bytes) = around.assets.get(&path) else {
            todo.extend(below(&path, around).cloned());
            continue;
        };
        result.insert(output, path.clone());
        let is_nix = std::path::Path::new(&path)
            .extension()
            .is_some_and(|e| e == "nix");
        let Some(text) = std::str::from_utf8(bytes).ok().filter(|_| is_nix) else {
            continue;
        };
        let mut report = |start, end, diagnostic| {
            problems.push(Problem {
                path: path.clone(),
                start,
                end,
                diagnostic,
            });
        };
        // What follows the first problem mostly follows from it.
        if let Some(problem) = nix::parse_problems(text).into_iter().next() {
            let message = format!("invalid Nix: {}", problem.message);
            report(
                problem.start,
                problem.end,
                Diagnostic::error("nix-syntax", None, message),
            );
        }
        if let Some((at, control)) = text.char_indices().find(|(_, c)| spec::is_bidi_control(*c)) {
            report(at, at + control.len_utf8(), bidi_control(control));
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for reference in nix::relative_paths(text).unwrap_or_default() {
            let (start, end, dynamic) = (reference.start, reference.end, reference.dynamic);
            let reference = if dynamic {
                known_folder(reference.path, folder, around)
            } else {
                reference.path
            };
            let joined = if folder.is_empty() {
                reference.clone()
            } else {
                format!("{folder}/{reference}")
            };
            let own = catalogs::of(&path, around).map(|(name, _)| name);
            // A catalog stands alone, as the spec does.
            let target = tidy(&joined).filter(|target| {
                own.is_none() || catalogs::of(target, around).map(|(name, _)| name) == own
            });
            match target {
                // Whether it is asked for may be computed as well. The spec folder as a whole never is.
                target if dynamic => todo.extend(target.filter(|target| !target.is_empty())),
                Some(target) if exists(&target, around) => todo.push(target),
                Some(target) => report(
                    start,
                    end,
                    Diagnostic::error("missing-file", None, not_there(&target, around)),
                ),
                None if own.is_some() => report(
                    start,
                    end,
                    Diagnostic::error(
                        "catalog-path",
                        None,
                        format!(
                            "`{reference}` leads outside catalog `{}`",
                            own.unwrap_or_default()
                        ),
                    )
                    .help("a catalog takes along only what lies below its folder"),
                ),
                None => report(
                    start,
                    end,
                    Diagnostic::error(
                        "bad-path",
                        None,
                        format!("`{reference}` leads outside the spec folder"),
                    )
                    .help("move the file below the spec folder: the output must stand alone"),
                ),
            }
        }
    }
    result
}

/// The finding for a character that turns the direction of writing.
pub(crate) fn bidi_control(control: char) -> Diagnostic {
    Diagnostic::error(
        "bidi-control",
        None,
        format!(
            "code holds U+{:04X}, which shows it in another order than it has",
            u32::from(control)
        ),
    )
    .help("remove it")
}

/// The folder of a path that is cut before what is computed: `./a` of `./a + "/${x}"`, and of
/// `./a/b-${x}`.
fn known_folder(mut path: String, from: &str, around: &Surroundings) -> String {
    let is_folder = |path: &str| {
        let target = tidy(&format!("{from}/{path}"));
        target.is_some_and(|target| below(&target, around).next().is_some())
    };
    if !path.ends_with('/') && !is_folder(&path) {
        path.truncate(path.rfind('/').map_or(0, |at| at + 1));
    }
    path
}

/// A path without `.` and `..`; nothing where it leads out.
pub(crate) fn tidy(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
