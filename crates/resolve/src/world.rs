//! What every step of the resolution may look at.

use std::collections::BTreeSet;

use diag::{Diagnostic, Diagnostics, SourceMap, Span};
use model::Backend;
use spec::Spec;

use crate::Surroundings;
use crate::table::Table;

/// The inputs of the resolution, with the fleet's basic settings read.
pub(crate) struct World<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) sources: &'a SourceMap,
    pub(crate) around: &'a Surroundings,
    pub(crate) table: Table,
    pub(crate) namespace: String,
    pub(crate) backend: Backend,
    pub(crate) zones: BTreeSet<String>,
    pub(crate) unstable: bool,
}

/// Platforms that hosts may have.
pub(crate) const SYSTEMS: &[&str] = &["x86_64-linux", "aarch64-linux"];

impl<'a> World<'a> {
    pub(crate) fn new(
        spec: &'a Spec,
        sources: &'a SourceMap,
        around: &'a Surroundings,
        table: Table,
        d: &mut Diagnostics,
    ) -> Self {
        let fleet = spec.fleet.as_ref().map(|f| &f.value);
        let namespace = fleet.and_then(|f| f.namespace.as_ref()).map_or_else(
            || "features".to_owned(),
            |text| {
                if !nix::is_identifier(&text.value) {
                    let message = format!("`{}` cannot be the prefix of options", text.value);
                    let diagnostic = Diagnostic::error("bad-name", text.span, message);
                    d.push(diagnostic.help("use letters, digits, `-` and `_`"));
                }
                if TOP_LEVEL_OPTIONS.contains(&text.value.as_str()) {
                    d.push(
                        Diagnostic::error(
                            "bad-name",
                            text.span,
                            format!("`{}` is a prefix of NixOS itself", text.value),
                        )
                        .help("choose another, such as `features` or `my`"),
                    );
                }
                if is_kept_by_modules(&text.value) {
                    d.push(
                        Diagnostic::error(
                            "bad-name",
                            text.span,
                            format!(
                                "`{}` is a name that modules keep for themselves",
                                text.value
                            ),
                        )
                        .help("choose another, such as `features` or `my`"),
                    );
                }
                text.value.clone()
            },
        );
        let backend = match fleet.and_then(|f| f.backend.as_ref()) {
            None => Backend::Agenix,
            Some(text) => match text.value.as_str() {
                "agenix" => Backend::Agenix,
                "sops" => Backend::Sops,
                other => {
                    d.push(unknown_word(
                        other,
                        text.span,
                        "a secret backend",
                        &["agenix", "sops"],
                    ));
                    Backend::Agenix
                }
            },
        };
        let zones = fleet
            .map(|f| f.zones.iter().map(|z| z.value.clone()).collect())
            .unwrap_or_default();
        let unstable = fleet
            .and_then(|f| f.packages.unstable.as_ref())
            .is_some_and(|b| b.value);
        Self {
            spec,
            sources,
            around,
            table,
            namespace,
            backend,
            zones,
            unstable,
        }
    }
}

/// Whether a module may have an attribute of this name that is no option.
fn is_kept_by_modules(name: &str) -> bool {
    // `require` is the former name of `imports`.
    matches!(name, "config" | "require") || nix::MODULE_ATTRS.contains(&name)
}

const TOP_LEVEL_OPTIONS: &[&str] = &[
    "age",
    "appstream",
    "assertions",
    "boot",
    "console",
    "disko",
    "documentation",
    "environment",
    "fileSystems",
    "fonts",
    "gtk",
    "hardware",
    "home",
    "i18n",
    "ids",
    "image",
    "lib",
    "location",
    "meta",
    "microvm",
    "nesting",
    "networking",
    "nix",
    "nixpkgs",
    "oci",
    "passthru",
    "power",
    "powerManagement",
    "programs",
    "qt",
    "security",
    "services",
    "snapraid",
    "sops",
    "specialisation",
    "stubby",
    "swapDevices",
    "system",
    "systemd",
    "time",
    "users",
    "virtualisation",
    "warnings",
    "xdg",
    "zramSwap",
    "accounts",
    "wayland",
    "xsession",
    "dconf",
    "targets",
];

/// An error that a word is not one of a few.
pub(crate) fn unknown_word(word: &str, span: Span, what: &str, words: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::error("bad-value", span, format!("`{word}` is not {what}"));
    match diag::did_you_mean(word, words) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// An error that a zone is not declared.
pub(crate) fn unknown_zone(zones: &BTreeSet<String>, name: &str, span: Span) -> Diagnostic {
    let zones: Vec<String> = zones.iter().cloned().collect();
    unknown_name("unknown-zone", "zone", name, span, &zones).help("declare it in `fleet.zones`")
}

/// An error that a name is not defined.
pub(crate) fn unknown_name<'c>(
    code: &'static str,
    what: &str,
    name: &str,
    span: Span,
    candidates: impl IntoIterator<Item = &'c String> + Clone,
) -> Diagnostic {
    let diagnostic = Diagnostic::error(code, span, format!("unknown {what} `{name}`"));
    match diag::did_you_mean(name, candidates) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}
