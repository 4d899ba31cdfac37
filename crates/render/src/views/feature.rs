//! `modules/<category>/<feature>.nix` and `home/<category>/<feature>.nix`.

use model::{Feature, FeatureHalf, FeatureOption, Fleet};
use nix::{AttrPath, Value};
use serde::Serialize;

use crate::code::Code;
use crate::error::Result;
use crate::module;
use crate::tree::{Order, Tree};

/// First words of summaries that keep their capital inside a sentence, besides those with a further
/// capital, a digit or a dot.
const PROPER_NAMES: &[&str] = &[
    "Azure",
    "Bitwarden",
    "Bluetooth",
    "Chromium",
    "Docker",
    "Element",
    "Emacs",
    "Firefox",
    "Fish",
    "Flatpak",
    "Forgejo",
    "Gitea",
    "Git",
    "Go",
    "Grafana",
    "Helix",
    "Home Assistant",
    "Hyprland",
    "Intel",
    "Java",
    "Jellyfin",
    "Kubernetes",
    "Lua",
    "Matrix",
    "Neovim",
    "Nextcloud",
    "Nix",
    "Ollama",
    "Plex",
    "Podman",
    "Prometheus",
    "Python",
    "Restic",
    "Rust",
    "Samba",
    "Starship",
    "Steam",
    "Syncthing",
    "Tailscale",
    "Usenet",
    "Visual",
    "Zsh",
];

/// One half of a feature.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    path: Code,
    imports: Code,
    summary: Code,
    options: Vec<OptionView>,
    bindings: Option<Code>,
    config: Option<Code>,
}

#[derive(Debug, Serialize)]
struct OptionView {
    name: Code,
    ty: Code,
    default: Option<Code>,
    default_text: Option<Code>,
    example: Option<Code>,
    description: Code,
}

/// The view of a half.
pub(crate) fn view(fleet: &Fleet, feature: &Feature, half: &FeatureHalf) -> Result<View> {
    let id = &feature.id;
    let path = [&fleet.namespace, id.category(), id.name()].map(str::to_owned);
    let modules = half.imports.iter().map(|import| {
        let (category, name) = (import.category(), import.name());
        Code::path(if category == id.category() {
            format!("./{name}.nix")
        } else {
            format!("../{category}/{name}.nix")
        })
    });
    let options = feature
        .options
        .iter()
        .map(|(name, option)| option_view(name, option));
    let tree = Tree::new(&half.definitions)?;
    let body = half.body.as_deref().map(module::body);
    Ok(View {
        path: Code::new(AttrPath(path.to_vec()).to_string()),
        imports: Code::imports(&modules.collect::<Result<Vec<_>>>()?),
        summary: Code::string(&in_sentence(&feature.summary))?,
        options: options.collect::<Result<_>>()?,
        bindings: body.as_ref().and_then(|body| body.bindings).map(Code::new),
        config: match body {
            None if tree.is_empty() => None,
            None => Some(Code::new(format!("{{\n{}\n}}", tree.code(Order::PLAIN)?))),
            Some(body) if tree.is_empty() => Some(body.argument()),
            Some(body) => Some(body.merged(&tree.code(Order::PLAIN)?)),
        },
    })
}

fn option_view(name: &str, option: &FeatureOption) -> Result<OptionView> {
    let default = option.default.as_ref().map(Code::value).transpose()?;
    let default_text = match &default {
        // Documentation shows the text, because the value depends on the package set.
        Some(code) if !module::names(code.as_str())?.free.is_empty() => {
            Some(Code::string(code.as_str())?)
        }
        _ => None,
    };
    Ok(OptionView {
        name: Code::name(name),
        ty: Code::new(option.ty.as_str()),
        default,
        default_text,
        example: option.example.as_ref().map(Code::value).transpose()?,
        description: Code::value(&paragraph(&option.description))?,
    })
}

/// Text of one line as a string, of several as an indented one.
fn paragraph(text: &str) -> Value {
    let text = text.trim();
    if text.contains('\n') {
        Value::Lines(format!("{text}\n"))
    } else {
        Value::from(text)
    }
}

/// A summary as it stands after "Whether to enable".
fn in_sentence(summary: &str) -> String {
    let first = summary.split(' ').next().unwrap_or_default();
    let mut chars = first.trim_end_matches([',', ':']).chars();
    let is_plain = chars.next().is_some_and(char::is_uppercase)
        && chars.all(|char| char.is_lowercase() || char == '-')
        && !PROPER_NAMES.contains(&first.trim_end_matches([',', ':']));
    if is_plain {
        first.to_lowercase() + &summary[first.len()..]
    } else {
        summary.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::in_sentence;

    #[test]
    fn summaries_in_a_sentence() {
        let cases = [
            ("Local inference server", "local inference server"),
            ("Per-directory environments", "per-directory environments"),
            ("A splash screen", "a splash screen"),
            ("KDE Plasma 6 desktop", "KDE Plasma 6 desktop"),
            ("GitHub client", "GitHub client"),
            ("Helix, a modal editor", "Helix, a modal editor"),
            ("Steam", "Steam"),
            ("Node.js with npm", "Node.js with npm"),
            ("sudo for administrators", "sudo for administrators"),
            ("", ""),
        ];
        for (summary, expected) in cases {
            assert_eq!(in_sentence(summary), expected);
        }
    }
}
