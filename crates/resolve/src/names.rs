//! Names become file names, attributes and systemd units: what may stand in them.

use diag::{Diagnostic, Diagnostics, Spanned};
use spec::Spec;
use spec::ast::Named;

/// Checks the names that the spec defines.
pub(crate) fn check(spec: &Spec, d: &mut Diagnostics) {
    each(
        &spec.hosts,
        d,
        "name of a host",
        is_host,
        "lower-case letters, digits and, inside, `-`; at most 63 characters",
    );
    let host_rule = "lower-case letters, digits and, inside, `-`; at most 63 characters";
    each(&spec.microvms, d, "name of a MicroVM", is_host, host_rule);
    each(&spec.images, d, "name of an image", is_host, host_rule);
    // What a user has on one machine stands in a file of its name, beside the user's `default.nix`.
    let host = spec.hosts.get("default").map(|it| &it.name);
    let guest = spec.microvms.get("default").map(|it| &it.name);
    for (what, name) in [("a host", host), ("a MicroVM", guest)] {
        let Some(name) = name else {
            continue;
        };
        let message = format!("`default` cannot be the name of {what}");
        let diagnostic = Diagnostic::error("bad-name", name.span, message);
        d.push(diagnostic.help("the output has a file of that name"));
    }
    for vm in spec.microvms.values() {
        each(
            &vm.value.accounts,
            d,
            "name of a user",
            is_user,
            "lower-case letters, digits, `-` and `_`, beginning with a letter; at most 31 characters",
        );
    }
    each(
        &spec.users,
        d,
        "name of a user",
        is_user,
        "lower-case letters, digits, `-` and `_`, beginning with a letter; at most 31 characters",
    );
    each(
        &spec.templates,
        d,
        "name of a template",
        is_word,
        "lower-case letters, digits and `-`, beginning with a letter",
    );
    each(
        &spec.profiles,
        d,
        "name of a profile",
        is_word,
        "lower-case letters, digits and `-`, beginning with a letter",
    );
    each(
        &spec.tasks,
        d,
        "name of a task",
        is_word,
        "lower-case letters, digits and `-`, beginning with a letter",
    );
    each(
        &spec.disks,
        d,
        "name of a disk layout",
        is_loose,
        "letters, digits, `-` and `_`",
    );
    each(
        &spec.inputs,
        d,
        "name of an input",
        is_loose,
        "letters, digits, `-` and `_`",
    );
    if let Some(item) = spec.inputs.get("self") {
        let message = "`self` cannot be the name of an input";
        let diagnostic = Diagnostic::error("bad-name", item.name.span, message);
        d.push(diagnostic.help("a flake calls itself so; give the input another name"));
    }
    each(
        &spec.secrets.items,
        d,
        "name of a secret",
        is_loose,
        "letters, digits, `-` and `_`",
    );
    each(
        &spec.secrets.groups,
        d,
        "name of a group",
        is_loose,
        "letters, digits, `-` and `_`",
    );
    for section in [&spec.features, &spec.home_features] {
        each(
            section,
            d,
            "id of a feature",
            is_feature,
            "`category.name`, both of lower-case letters, digits and `-`",
        );
    }
    for name in ["default", "fleet", "home-manager", "installer", "profiles"] {
        if let Some(item) = spec
            .features
            .keys()
            .chain(spec.home_features.keys())
            .find(|id| id.starts_with(&format!("{name}.")))
        {
            let item = spec
                .features
                .get(item)
                .or_else(|| spec.home_features.get(item));
            if let Some(item) = item {
                d.push(
                    Diagnostic::error(
                        "bad-name",
                        item.name.span,
                        format!("`{name}` cannot be a category"),
                    )
                    .help("the output has a file of that name"),
                );
            }
        }
    }
    if let Some(fleet) = &spec.fleet {
        for zone in &fleet.value.zones {
            one(
                zone,
                d,
                "name of a zone",
                is_word,
                "lower-case letters, digits and `-`, beginning with a letter",
            );
        }
        let packages = &fleet.value.packages;
        let rule = "letters, digits, `-` and `_`; inside a set packages are replaced by an overlay";
        each(&packages.own, d, "name of a package", is_loose, rule);
        each(&packages.pins, d, "name of a package", is_loose, rule);
        if let Some(name) = &fleet.value.name {
            one(
                name,
                d,
                "name of a fleet",
                is_loose,
                "letters, digits, `-` and `_`",
            );
        }
    }
}

fn each<T>(section: &Named<T>, d: &mut Diagnostics, what: &str, ok: fn(&str) -> bool, rule: &str) {
    for item in section.values() {
        one(&item.name, d, what, ok, rule);
    }
}

fn one(name: &Spanned<String>, d: &mut Diagnostics, what: &str, ok: fn(&str) -> bool, rule: &str) {
    if !ok(&name.value) {
        d.push(
            Diagnostic::error(
                "bad-name",
                name.span,
                format!("`{}` cannot be the {what}", name.value),
            )
            .help(format!("use {rule}")),
        );
    }
}

fn chars(text: &str, more: &[char]) -> bool {
    text.chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(&c))
}

fn is_host(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && chars(name, &['-'])
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Whether a text is a login name.
pub(crate) fn is_user(name: &str) -> bool {
    (1..=31).contains(&name.len())
        && chars(name, &['-', '_'])
        && name.starts_with(|c: char| c.is_ascii_lowercase())
}

fn is_word(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && chars(name, &['-'])
        && name.starts_with(|c: char| c.is_ascii_lowercase())
}

fn is_loose(name: &str) -> bool {
    (1..=127).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Whether a text is `category.name`.
pub(crate) fn is_feature(id: &str) -> bool {
    id.split_once('.')
        .is_some_and(|(category, name)| is_word(category) && is_word(name))
}
