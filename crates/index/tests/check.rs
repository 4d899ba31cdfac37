//! Cases of the check against a small index, and facts about the real one where it is at hand.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "tests read files, and say what they skip"
)]

use std::fs;
use std::path::Path;

use index::{Context, Declared, FILES, Index, Scope, Texts, check};

const NIXOS: &[&str] = &[
    r#"{"aliasOf":"services.web.port","name":"services.old.port","type":{"t":"int"}}"#,
    r#"{"default":false,"name":"services.web.enable","type":{"t":"bool"}}"#,
    r#"{"name":"services.web.hidden","removed":true,"noDefault":true,"type":{"t":"str"}}"#,
    r#"{"name":"services.web.hosts","type":{"t":"attrsOf","of":{"t":"submodule"}}}"#,
    r#"{"name":"services.web.hosts.<name>.locations","type":{"t":"attrsOf","of":{"t":"submodule"}}}"#,
    r#"{"name":"services.web.hosts.<name>.locations.<name>.proxyPass","type":{"t":"nullOr","of":{"t":"str"}}}"#,
    r#"{"aliasOf":"root","name":"services.web.hosts.<name>.documentRoot","type":{"t":"any"}}"#,
    r#"{"name":"services.web.hosts.<name>.root","type":{"t":"path"}}"#,
    r#"{"name":"services.web.port","type":{"t":"unsignedInt16"}}"#,
    r#"{"name":"services.web.ports","type":{"t":"listOf","of":{"t":"unsignedInt16"}}}"#,
    r#"{"name":"services.web.removedThing","removed":true,"type":{"t":"any"}}"#,
    r#"{"name":"services.web.settings","type":{"t":"submodule","open":{"t":"attrsOf","of":{"t":"attrsOf","of":{"t":"int"}}}}}"#,
    r#"{"name":"services.web.settings.log.level","type":{"t":"enum","values":["info","debug"]}}"#,
    r#"{"name":"services.web.users","type":{"t":"listOf","of":{"t":"submodule"}}}"#,
    r#"{"name":"services.web.users.*.name","type":{"t":"str"}}"#,
    r#"{"default":"1","name":"services.web.version","readOnly":true,"type":{"t":"str"}}"#,
    r#"{"name":"system.build","type":{"t":"submodule","open":{"t":"attrsOf","of":{"t":"anything"}}}}"#,
    r#"{"name":"home-manager.users","open":true,"type":{"t":"attrsOf","of":{"t":"any"}}}"#,
];

const HOME: &[&str] = &[
    r#"{"name":"programs.git.enable","type":{"t":"bool"}}"#,
    r#"{"name":"programs.git.userName","type":{"t":"nullOr","of":{"t":"str"}}}"#,
];

fn index() -> Index {
    let list = |lines: &[&str]| format!("[\n{}\n]\n", lines.join(",\n"));
    Index::parse(Texts {
        nixos: list(NIXOS),
        home: list(HOME),
        microvm: list(&[]),
        packages: "{}".to_owned(),
        release: r#"{ "format": 1 }"#.to_owned(),
    })
    .unwrap()
}

/// One line a finding: code, the last word in backticks of the message, and what is suggested.
fn findings(text: &str, context: Context) -> Vec<String> {
    let index = index();
    let module = nix::read_module(text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    let mut declared = Declared::default();
    declared.add(&module, context);
    let scope = Scope {
        index: &index,
        declared: &declared,
        is_partial: false,
        has_foreign: false,
        imports_foreign: false,
    };
    check(&module, context, &scope)
        .into_iter()
        .map(|finding| {
            assert!(
                finding.start < finding.end && finding.end <= text.len(),
                "{text}"
            );
            let mut line = format!(
                "{}: {}",
                finding.diagnostic.code, finding.diagnostic.message
            );
            for help in finding.diagnostic.help {
                line.push_str("; ");
                line.push_str(&help);
            }
            line
        })
        .collect()
}

#[test]
fn what_is_right() {
    let cases = [
        "{ services.web.enable = true; }",
        "{ config, lib, ... }: { services.web = lib.mkIf true { enable = lib.mkDefault false; port = 80; }; }",
        "{ services.web.hosts.\"a.b\".locations.\"/\".proxyPass = \"x\"; }",
        "{ services.web.hosts.${x}.root = ./y; }",
        "{ services.web.hosts = { a.root = /srv; b = { config, ... }: { root = config.x; }; }; }",
        "{ services.web.settings.cache.size = 3; }",
        "{ services.web.settings.log.level = \"info\"; services.web.settings.log.size = 1; }",
        "{ services.web.users = [ { name = \"a\"; } ] ++ x; }",
        "{ services.web.ports = [ 1 ] ++ lib.optional y 2; }",
        "{ config, ... }: { services.web.port = config.services.web.port or 1; }",
        "{ config, ... }: { services.web.port = config.system.build.toplevel.x; }",
        "{ home-manager.users.alice.programs.git.enable = true; }",
        "{ home-manager.users.alice = { pkgs, ... }: { imports = [ ./x ]; programs.git.userName = null; }; }",
        "{ options.mine.x = 1; config.mine.x = 2; }",
        "{ _module.args.x = 1; }",
        "{ services.web.port = if a then 1 else 2; }",
        "{ services.web = x // { port = 1; }; }",
        "{ services.${x}.enable = true; }",
    ];
    for text in cases {
        assert_eq!(findings(text, Context::Nixos), [""; 0], "{text}");
    }
}

#[test]
fn what_is_wrong() {
    let cases: &[(&str, &str)] = &[
        (
            "{ services.wep.enable = true; }",
            "setting-unknown: `services.wep.enable` is no option of NixOS; did you mean `services.web.enable`?",
        ),
        (
            "{ services.web.enabel = true; }",
            "setting-unknown: `services.web.enabel` is no option of NixOS; did you mean `services.web.enable`?",
        ),
        (
            "{ services.web = { prot = 1; }; }",
            "setting-unknown: `services.web.prot` is no option of NixOS; did you mean `services.web.port`?",
        ),
        (
            "{ services.web.hosts.a.locations.b.proxyPas = \"x\"; }",
            "setting-unknown: `services.web.hosts.a.locations.b.proxyPas` is no option of NixOS; did you mean `services.web.hosts.a.locations.b.proxyPass`?",
        ),
        (
            "{ services.web.users = [ { nam = \"a\"; } ]; }",
            "setting-unknown: `services.web.users.*.nam` is no option of NixOS; did you mean `services.web.users.*.name`?",
        ),
        (
            "{ services.web.enable = \"yes\"; }",
            "setting-type: `services.web.enable` takes `true` or `false`, not the text `yes`; write `true` or `false`",
        ),
        (
            "{ services.web.ports = 80; }",
            "setting-type: `services.web.ports` takes a list of an integer from 0 to 65535, not the integer `80`",
        ),
        (
            "{ services.web.ports = [ 1 70000 ]; }",
            "setting-type: `services.web.ports` takes a list of an integer from 0 to 65535; the integer `70000` is among its elements",
        ),
        (
            "{ services.web.settings.log.level = \"inof\"; }",
            "setting-type: `services.web.settings.log.level` takes one of `info`, `debug`, not the text `inof`; did you mean `info`?",
        ),
        (
            "{ services.web.settings.cache.size = \"3\"; }",
            "setting-type: `services.web.settings.cache.size` takes an integer, not the text `3`; remove the quotes",
        ),
        (
            "{ services.web = true; }",
            "setting-type: `services.web` takes a set of options, not `true`",
        ),
        (
            "{ services.web.enable.x = true; }",
            "setting-unknown: `services.web.enable.x` is no option of NixOS; did you mean `services.web.enable`?",
        ),
        (
            "{ services.web.removedThing = 1; }",
            "setting-removed: `services.web.removedThing` was removed from NixOS; setting it is an error; its documentation or release notes say what replaces it",
        ),
        (
            "{ services.web.version = \"2\"; }",
            "setting-read-only: `services.web.version` can only be read; remove it",
        ),
        (
            "{ services.old.port = 1; }",
            "setting-renamed: `services.old.port` was renamed to `services.web.port`; write `services.web.port`; Nix warns about the old name",
        ),
        (
            "{ services.web.hosts.a.documentRoot = /x; }",
            "setting-renamed: `services.web.hosts.a.documentRoot` was renamed to `services.web.hosts.a.root`; write `services.web.hosts.a.root`; Nix warns about the old name",
        ),
        (
            "{ programs.git.enable = true; }",
            "setting-unknown: `programs.git.enable` is no option of NixOS; it is an option of Home Manager: set it in a profile, or below `home` of a user",
        ),
        (
            "{ home-manager.users.alice.services.web.enable = true; }",
            "setting-unknown: `services.web.enable` is no option of Home Manager; it is an option of NixOS: set it in a template, a host or a system feature",
        ),
        (
            "{ home-manager.users.alice = { config, ... }: { programs.git.userNam = \"a\"; }; }",
            "setting-unknown: `programs.git.userNam` is no option of Home Manager; did you mean `programs.git.userName`?",
        ),
        (
            "{ config, ... }: { services.web.port = config.services.web.prot; }",
            "setting-unknown: `services.web.prot` is no option of NixOS; did you mean `services.web.port`?",
        ),
        (
            "{ options.mine.x = 1; config.mine.y = 2; }",
            "setting-unknown: `mine.y` is no option of NixOS; did you mean `mine.x`?",
        ),
        (
            "{ services.web.port = if a then 1 else \"2\"; }",
            "setting-type: `services.web.port` takes an integer from 0 to 65535, not the text `2`",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(findings(text, Context::Nixos), [*expected], "{text}");
    }
}

/// Indexes mark hidden options without a default as removed; only those without a type are.
#[test]
fn hidden_options_may_be_set() {
    let text = "{ services.web.hidden = \"a\"; }";
    assert_eq!(findings(text, Context::Nixos), [""; 0]);
}

/// An option of the other half is said to be one, even where a name here is near.
#[test]
fn options_of_the_other_half() {
    let found = findings("{ services.web.prot = 1; }", Context::Home);
    assert!(!found[0].contains("option of NixOS"), "{found:?}");
    let found = findings("{ services.web.port = 1; }", Context::Home);
    assert!(found[0].contains("; it is an option of NixOS"), "{found:?}");
}

#[test]
fn home_modules() {
    assert_eq!(
        findings("{ programs.git.userName = \"a\"; }", Context::Home),
        [""; 0]
    );
    assert_eq!(
        findings(
            "{ osConfig, ... }: { programs.git.enable = osConfig.services.web.enable; }",
            Context::Home
        ),
        [""; 0]
    );
    assert_eq!(
        findings(
            "{ osConfig, ... }: { programs.git.enable = osConfig.services.wep.enable; }",
            Context::Home
        )
        .len(),
        1
    );
}

/// The real index is what its description says, and every name in it is found.
#[test]
fn real_index() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !folder.is_dir() {
        assert!(
            std::env::var_os("GEN_REQUIRE_INDEX").is_none(),
            "there is no index in {}",
            folder.display()
        );
        eprintln!("skipped: there is no index in {}", folder.display());
        return;
    }
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let index = Index::parse(Texts {
        nixos: read(FILES[0]),
        home: read(FILES[1]),
        microvm: read(FILES[2]),
        packages: read(FILES[3]),
        release: read(FILES[4]),
    })
    .unwrap();
    assert_eq!(
        (index.nixos.len(), index.home.len(), index.packages.len()),
        (27_537, 6_158, 25_131)
    );
    assert_eq!(
        index.release.inputs["nixpkgs"].release.as_deref(),
        Some("26.11")
    );
    for name in index.nixos.names() {
        let facts = index.nixos.get(name).unwrap();
        assert_eq!(facts.name, name);
        assert!(!facts.ty.name.is_empty(), "{name}");
    }
    let path: Vec<String> = ["services", "nginx", "virtualHosts", "a", "root"]
        .map(str::to_owned)
        .to_vec();
    let facts = index.option(Context::Nixos, &path).unwrap();
    assert_eq!(facts.name, "services.nginx.virtualHosts.<name>.root");
}
