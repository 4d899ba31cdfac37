//! `desktop-package`: programs of a user in the packages of the system.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::rule::{Check, Docs, Rule};
use crate::syntax::{bound_name, dotted, full_path, last_name};

use SyntaxKind::{NODE_ATTRPATH_VALUE, NODE_IDENT, NODE_LIST, NODE_SELECT};

pub(crate) static RULE: Rule = Rule {
    code: Code {
        name: "lint/desktop-package",
        summary: "a user's program among the packages of the system",
        explanation: "`environment.systemPackages` is for what every user and root need. A browser there is in the path \
                      of every account, is updated only with the system, and cannot be configured where it is \
                      installed. Put it into `home.packages` or a `programs.NAME` module of Home Manager, or into \
                      `users.users.NAME.packages`.",
    },
    level: Level::Warning,
    docs: Docs {
        what: "Finds well-known graphical programs (browsers, mail, chat, media, office, editors, games) in \
               `environment.systemPackages`.",
        bad: "{ pkgs, ... }:\n{\n  environment.systemPackages = with pkgs; [\n    git\n    firefox\n  ];\n}\n",
        good: "{ pkgs, ... }:\n{\n  environment.systemPackages = [ pkgs.git ];\n  users.users.alice.packages = [ pkgs.firefox ];\n}\n",
        reason: "a kiosk with one user",
    },
    fixes: false,
    check: Check::Nodes(&[NODE_ATTRPATH_VALUE], check),
};

/// The programs, by their names in nixpkgs.
const PROGRAMS: &[&str] = &[
    "ardour",
    "audacity",
    "bitwarden-desktop",
    "blender",
    "bottles",
    "brave",
    "calibre",
    "chromium",
    "code-cursor",
    "darktable",
    "digikam",
    "discord",
    "element-desktop",
    "evolution",
    "firefox",
    "firefox-bin",
    "firefox-devedition",
    "firefox-esr",
    "freecad",
    "geary",
    "gimp",
    "gimp-with-plugins",
    "google-chrome",
    "handbrake",
    "heroic",
    "inkscape",
    "kdenlive",
    "keepassxc",
    "kicad",
    "krita",
    "legcord",
    "libreoffice",
    "libreoffice-fresh",
    "libreoffice-qt",
    "librewolf",
    "lutris",
    "mattermost-desktop",
    "microsoft-edge",
    "mpv",
    "mumble",
    "obs-studio",
    "obsidian",
    "onlyoffice-bin",
    "onlyoffice-desktopeditors",
    "opera",
    "prismlauncher",
    "qbittorrent",
    "qutebrowser",
    "rambox",
    "shotcut",
    "signal-desktop",
    "skypeforlinux",
    "slack",
    "spotify",
    "steam",
    "strawberry",
    "teams-for-linux",
    "telegram-desktop",
    "thunderbird",
    "tor-browser",
    "ungoogled-chromium",
    "vesktop",
    "vivaldi",
    "vlc",
    "vscode",
    "vscode-with-extensions",
    "vscodium",
    "webcord",
    "whatsapp-for-linux",
    "zed-editor",
    "zoom-us",
    "zotero",
];

fn check(node: &SyntaxNode, file: &mut File<'_>) {
    if bound_name(node, file.text) != Some("systemPackages")
        || full_path(node, file.text).is_none_or(|path| path != ["environment", "systemPackages"])
    {
        return;
    }
    let mut found = Vec::new();
    let Some(value) = node.last_child() else {
        return;
    };
    let mut pending = vec![value];
    while let Some(node) = pending.pop() {
        if node.kind() == NODE_LIST {
            for item in node.children() {
                if matches!(item.kind(), NODE_IDENT | NODE_SELECT)
                    && let Some(name) = dotted(&item, file.text).map(last_name)
                    && PROGRAMS.binary_search(&name).is_ok()
                {
                    found.push((item.text_range(), name));
                }
            }
        } else {
            pending.extend(node.children());
        }
    }
    found.sort_by_key(|(range, _)| range.start());
    let Some((range, _)) = found.first() else {
        return;
    };
    let range = *range;
    let names: Vec<String> = found.iter().map(|(_, name)| format!("`{name}`")).collect();
    let (verb, what) = if names.len() == 1 {
        ("is", "a user's program")
    } else {
        ("are", "users' programs")
    };
    let message = format!("{} {verb} {what}, not the system's", names.join(", "));
    file.report(range, message)
        .help("move it to Home Manager, or to `users.users.NAME.packages`");
}

#[cfg(test)]
mod tests {
    use super::{PROGRAMS, RULE};
    use crate::testing::check;

    #[test]
    fn programs_are_sorted() {
        assert!(PROGRAMS.is_sorted());
    }

    #[test]
    fn cases() {
        check(
            &RULE,
            &[
                "{ environment.systemPackages = with pkgs; [ git «firefox» vlc ]; }",
                "{ environment = { systemPackages = [ pkgs.git «pkgs.vlc» ]; }; }",
                "{ config.environment.systemPackages = lib.mkIf x ([ «slack» ] ++ y); }",
                "{ home.packages = [ pkgs.firefox ]; }",
                "{ x.environment.systemPackages = [ pkgs.firefox ]; }",
                "{ environment.systemPackages = [ pkgs.git (f firefox) ]; }",
            ],
        );
    }
}
