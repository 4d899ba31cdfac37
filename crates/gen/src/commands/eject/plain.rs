//! What files of the output are without gen: no recipe, hook or sentence is about it any more.

use std::collections::BTreeMap;

use model::Fleet;

use crate::Generated;

/// Recipes that need gen or the spec.
const RECIPES: &[&str] = &["format", "gen", "gen-check", "gen-diff", "lint"];

/// Texts of files, and what stands there instead.
const SENTENCES: &[(&str, &[(&str, &str)])] = &[
    (
        ".github/pull_request_template.md",
        &[(
            "- [ ] The specification was changed, and `gen` was run: `gen --out . check` finds nothing\n",
            "",
        )],
    ),
    (
        "README.md",
        &[
            (
                " It is generated: change the specification and run `gen` again.",
                "",
            ),
            ("check spec, syntax,", "check syntax,"),
        ],
    ),
    (
        "scripts/manage-secrets.sh",
        &[
            (", which gen writes.", "."),
            (" 'run gen first'", ""),
            (
                "\"declare it in the spec: secrets.items.$1, and run gen\"",
                "\"add it there and to the rules of the backend\"",
            ),
        ],
    ),
];

/// The files that are different then, with headers as the others have them.
pub(super) fn files(generated: &Generated) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut fleet: Fleet = generated.fleet.clone();
    fleet
        .recipes
        .retain(|recipe| !RECIPES.contains(&recipe.name.as_str()));
    for recipe in &mut fleet.recipes {
        recipe.description = recipe
            .description
            .replace("Check spec, syntax,", "Check syntax,");
        for line in &mut recipe.lines {
            if line.contains("scripts/check.sh several ") {
                let kept = line.split(' ').filter(|word| !RECIPES.contains(word));
                *line = kept.collect::<Vec<_>>().join(" ");
            }
        }
    }
    let named = |path: &str| {
        let is_other = ["Justfile", "scripts/check.sh", ".pre-commit-config.yaml"].contains(&path);
        is_other || SENTENCES.iter().any(|(known, _)| *known == path)
    };
    let rendered = crate::generate::files(&fleet, &generated.assets, &named)?;
    let rendered = rendered.into_iter().filter(|(path, _)| named(path));
    let changed = rendered.filter_map(|(path, bytes)| {
        let mut text = String::from_utf8(bytes).ok()?;
        let sentences = SENTENCES.iter().filter(|(known, _)| *known == path);
        for (before, after) in sentences.flat_map(|(_, sentences)| *sentences) {
            text = text.replace(before, after);
        }
        match path.as_str() {
            "scripts/check.sh" => text = checks(&text),
            ".pre-commit-config.yaml" => text = hooks(&text),
            _ => {}
        }
        Some((path, text.into_bytes()))
    });
    Ok(changed.collect())
}

/// The script of the checks without what is done with the spec.
fn checks(text: &str) -> String {
    let is_gone = |paragraph: &str| {
        ["spec() {", "generate() {"]
            .iter()
            .any(|start| paragraph.starts_with(start))
    };
    let kept: Vec<&str> = text.split("\n\n").filter(|it| !is_gone(it)).collect();
    let text = kept.join("\n\n").replace(
        " The spec is in the folder `spec` in or beside this one, or\n# where GEN_SPEC says.",
        "",
    );
    let is_gone = |line: &str| {
        let line = line.trim_start();
        ["generate)", "format)", "# Generated files are"]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let lines = text.split_inclusive('\n').filter(|line| !is_gone(line));
    lines.collect()
}

/// The hooks of pre-commit that are not of gen.
fn hooks(text: &str) -> String {
    let mut kept = String::new();
    let mut is_gone = false;
    for line in text.split_inclusive('\n') {
        if let Some(id) = line.trim_start().strip_prefix("- id: ") {
            is_gone = id.starts_with("gen-");
        }
        if !is_gone {
            kept.push_str(line);
        }
    }
    kept
}
