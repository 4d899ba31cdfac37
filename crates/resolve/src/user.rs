//! Users: accounts, and their part on each host.

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostic, Diagnostics, Span};
use model::{
    Definition, Enabled, FeatureId, HostName, HostUser, Layer, Origin, ProfileName, Reason,
    UserName, priority,
};
use spec::ValueKind;
use spec::ast::{Composition, Item, User};

use crate::keys::{self, Problem};
use crate::lower::{Place, Rank, Uses, code, lower, made, merges};
use crate::profile::{self, require_home_half};
use crate::uses::{
    States, add, combined, feature_definitions, packages, setting_definitions, settings,
};
use crate::world::{World, unknown_name, unknown_word};

/// A resolved user with what hosts need of it.
pub(crate) struct Resolved<'a> {
    pub(crate) model: model::User,
    pub(crate) item: &'a Item<User>,
    pub(crate) uses: Uses,
    pub(crate) password_secret: Option<(String, Span)>,
}

const SHELLS: &[&str] = &["bash", "zsh", "fish", "nushell"];

/// Resolves all users.
pub(crate) fn resolve<'a>(
    world: &World<'a>,
    d: &mut Diagnostics,
) -> BTreeMap<UserName, Resolved<'a>> {
    let mut uids: BTreeMap<i64, Span> = BTreeMap::new();
    for item in world.spec.users.values() {
        if let Some(uid) = &item.value.uid
            && let Some(first) = uids.insert(uid.value, uid.span)
        {
            d.push(
                Diagnostic::error(
                    "duplicate-uid",
                    uid.span,
                    format!("uid {} is given twice", uid.value),
                )
                .related(first, "first given here")
                .help("give one of them another uid"),
            );
        }
    }
    world
        .spec
        .users
        .values()
        .map(|item| (UserName::new(&item.name.value), resolve_one(world, item, d)))
        .collect()
}

/// Whether every system, or nearly every one, has a service account of this name.
pub fn is_of_the_system(name: &str) -> bool {
    let numbered = name.strip_prefix("nixbld");
    matches!(
        name,
        "messagebus" | "nobody" | "nscd" | "polkituser" | "sshd"
    ) || name.starts_with("systemd-")
        || numbered.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

fn resolve_one<'a>(world: &World<'a>, item: &'a Item<User>, d: &mut Diagnostics) -> Resolved<'a> {
    let user = &item.value;
    let name = UserName::new(&item.name.value);
    let layer = Layer::User(name.clone());
    let mut uses = Uses::default();
    let mut password_secret = None;
    let base = format!("users.users.{}", nix::attr_name(name.as_str()));
    let mut definitions = Vec::new();
    let mut set = |option: &str, value: nix::Value, span: Option<Span>| {
        definitions.push(made(
            &format!("{base}.{option}"),
            value,
            &layer,
            span.or(Some(item.name.span)),
        ));
    };
    let admin = user.admin.as_ref().is_some_and(|a| a.value);
    if is_of_the_system(name.as_str()) {
        d.push(
            Diagnostic::error(
                "bad-user",
                item.name.span,
                format!("`{name}` is an account that the system itself makes"),
            )
            .help("choose another name; what the account is to have goes into `settings`"),
        );
    }
    if name.as_str() == "root" {
        let flag = user.admin.as_ref().or(user.system.as_ref()).map(|f| f.span);
        let flag = flag.or(user.full_name.as_ref().map(|text| text.span));
        if let Some(span) = flag.or(user.uid.as_ref().map(|u| u.span)) {
            let message = "`root` is an account of every host: only keys, password, shell and home are its own";
            d.push(Diagnostic::error("bad-user", span, message).help("remove this key"));
        }
    } else if user.system.as_ref().is_some_and(|s| s.value) {
        set("isSystemUser", true.into(), None);
        set("group", name.as_str().into(), None);
        if user.has_home || admin {
            let span = user.admin.as_ref().filter(|a| a.value);
            d.push(Diagnostic::error(
                "bad-user",
                span.map_or(item.name.span, |a| a.span),
                format!("`{name}` is a service account: it has no home and no admin rights"),
            ));
        }
    } else {
        set("isNormalUser", true.into(), None);
    }
    if let Some(full_name) = user.full_name.as_ref().filter(|_| name.as_str() != "root") {
        if full_name.value.contains([':', '\n']) {
            d.push(Diagnostic::error(
                "bad-value",
                full_name.span,
                "a full name cannot hold `:` or a line break",
            ));
        }
        set(
            "description",
            full_name.value.as_str().into(),
            Some(full_name.span),
        );
    }
    if let Some(uid) = &user.uid {
        if !(1..=4_294_967_294).contains(&uid.value) && name.as_str() != "root" {
            let message = format!("{} is not a uid of a user", uid.value);
            let diagnostic = Diagnostic::error("bad-value", uid.span, message);
            d.push(diagnostic.help("uids of people begin at 1000"));
        }
        set("uid", uid.value.into(), Some(uid.span));
    }
    let mut groups: Vec<nix::Value> = Vec::new();
    if admin {
        groups.push("wheel".into());
    }
    groups.extend(
        user.groups
            .iter()
            .filter(|g| !(admin && g.value == "wheel"))
            .map(|g| g.value.as_str().into()),
    );
    if !groups.is_empty() {
        set(
            "extraGroups",
            nix::Value::List(groups),
            user.groups.first().map(|g| g.span),
        );
    }
    if !user.ssh_keys.is_empty() {
        for key in &user.ssh_keys {
            check_ssh_key(key, d);
        }
        let keys = user
            .ssh_keys
            .iter()
            .map(|k| k.value.as_str().into())
            .collect();
        set(
            "openssh.authorizedKeys.keys",
            nix::Value::List(keys),
            user.ssh_keys.first().map(|k| k.span),
        );
    }
    if let Some(password) = &user.password {
        match &password.kind {
            ValueKind::Secret(secret) => {
                password_secret = Some((secret.clone(), password.span));
                let value = lower(world, Place::SYSTEM, password, &mut Uses::default(), d);
                set("hashedPasswordFile", value, Some(password.span));
            }
            ValueKind::Null => {}
            _ => d.push(
                Diagnostic::error("literal-credential", password.span, "a password in the spec")
                    .help(format!("write `password: !secret user-password-{name}` and declare that secret; when it is created the password is asked for, and its hash kept")),
            ),
        }
    }
    if user.system.as_ref().is_some_and(|s| s.value) && name.as_str() != "root" {
        definitions.push(made(
            &format!("users.groups.{}", nix::attr_name(name.as_str())),
            nix::Value::Attrs(BTreeMap::new()),
            &layer,
            Some(item.name.span),
        ));
    }
    if let Some(text) = &user.shell {
        for (path, value) in shell(name.as_str(), text, d) {
            definitions.push(made(&path, value, &layer, Some(text.span)));
        }
    }
    if let Some(group) = user.home.groups.first() {
        d.push(Diagnostic::error(
            "unknown-key",
            group.span,
            "`groups` stands beside `home`, not in it",
        ));
    }
    let (home, home_imports, home_modules) = user_home(world, &layer, &user.home, &mut uses, d);
    Resolved {
        model: model::User {
            name,
            full_name: user.full_name.as_ref().map(|t| t.value.clone()),
            email: user.email.as_ref().map(|t| t.value.clone()),
            admin,
            definitions,
            home,
            home_imports,
            home_modules,
        },
        item,
        uses,
        password_secret,
    }
}

/// Reports a key that is no public key of ssh.
pub(crate) fn check_ssh_key(key: &spec::ast::Text, d: &mut Diagnostics) {
    let problem = match keys::authorized(&key.value) {
        Ok(()) if key.value.trim_end().contains('\n') => Problem::NoKey,
        Ok(()) => return,
        Err(problem) => problem,
    };
    d.push(match problem {
        Problem::Private => crate::secrets::private_key(key.span),
        Problem::Damaged => Diagnostic::error(
            "bad-key",
            key.span,
            "the key is damaged: a part of it is missing or mistyped",
        )
        .help("copy the whole line again, as in `~/.ssh/id_ed25519.pub`"),
        Problem::NoKey | Problem::Unsupported | Problem::Rsa => {
            Diagnostic::error("bad-value", key.span, "not an ssh public key").help(
                "one line such as `ssh-ed25519 AAAA… alice@example`, as in `~/.ssh/id_ed25519.pub`",
            )
        }
    });
}

/// What an account defines for its login shell.
pub(crate) fn shell(
    user: &str,
    shell: &spec::ast::Text,
    d: &mut Diagnostics,
) -> Vec<(String, nix::Value)> {
    let path = format!("users.users.{}.shell", nix::attr_name(user));
    match shell.value.as_str() {
        "bash" => vec![(path, code("pkgs.bashInteractive"))],
        "nushell" => vec![(path, code("pkgs.nushell"))],
        word @ ("zsh" | "fish") => vec![
            (path, code(&format!("pkgs.{word}"))),
            (format!("programs.{word}.enable"), true.into()),
        ],
        other => {
            d.push(unknown_word(other, shell.span, "a login shell", SHELLS));
            Vec::new()
        }
    }
}

/// What a user has on every host.
fn user_home(
    world: &World<'_>,
    layer: &Layer,
    home: &Composition,
    uses: &mut Uses,
    d: &mut Diagnostics,
) -> (Vec<Definition>, BTreeSet<FeatureId>, Vec<String>) {
    let rank = Rank::Override(priority::TEMPLATE);
    let mut states = States::new();
    for feature_use in &home.features {
        require_home_half(world, &feature_use.id, "a user", d);
    }
    add(world, &mut states, layer, &home.features, d);
    states.retain(|id, _| {
        world
            .table
            .get(id)
            .is_some_and(crate::table::Definition::has_home_half)
    });
    let mut definitions = feature_definitions(world, Place::HOME, rank, &states, uses, d);
    let merged = settings([(layer.clone(), &home.settings)], d);
    crate::host::check_home_settings(world, merged.values().map(|(s, _, _)| s), d);
    definitions.extend(setting_definitions(
        world,
        Place::HOME,
        rank,
        &merged,
        uses,
        d,
    ));
    definitions.extend(packages(
        world,
        Place::HOME,
        "home.packages",
        layer,
        &home.packages,
        uses,
        d,
    ));
    let modules = crate::assets::modules(world, &home.modules, uses, d);
    (combined(definitions), states.into_keys().collect(), modules)
}

/// A user's part on a host, before derivation.
pub(crate) struct OnHost<'a> {
    pub(crate) model: HostUser,
    pub(crate) states: States<'a>,
    pub(crate) uses: Uses,
    /// System features that home features need, and which one.
    pub(crate) system: Vec<(FeatureId, FeatureId)>,
    /// Extra groups that the host gives.
    pub(crate) groups: Vec<String>,
}

/// Resolves a user's part on a host.
pub(crate) fn on_host<'a>(
    world: &World<'a>,
    host: &HostName,
    user: &'a Resolved<'a>,
    compositions: &[(Layer, Span, &'a Composition)],
    profiles: &'a BTreeMap<ProfileName, profile::Flat<'a>>,
    state_version: &str,
    d: &mut Diagnostics,
) -> OnHost<'a> {
    let mut names: Vec<&spec::ast::Text> = user.item.value.home.profiles.iter().collect();
    names.extend(compositions.iter().flat_map(|(_, _, c)| &c.profiles));
    let mut chosen: Vec<&profile::Flat<'a>> = Vec::new();
    for name in names {
        match profiles.get(name.value.as_str()) {
            Some(flat) if chosen.iter().any(|c| c.model.name == flat.model.name) => {}
            Some(flat) => chosen.push(flat),
            None if world.spec.profiles.contains_key(&name.value)
                || world.spec.is_lost("profiles", &name.value) => {}
            None => d.push(unknown_name(
                "unknown-profile",
                "profile",
                &name.value,
                name.span,
                world
                    .spec
                    .profiles
                    .keys()
                    .chain(world.spec.offered.profiles.keys()),
            )),
        }
    }
    // What a later profile extends is in it already; twice, lists would hold everything twice.
    let extended: BTreeSet<&ProfileName> = chosen
        .iter()
        .enumerate()
        .filter(|(i, earlier)| {
            let name = &earlier.model.name;
            chosen[i + 1..]
                .iter()
                .any(|later| later.model.chain.contains(name))
        })
        .map(|(_, flat)| &flat.model.name)
        .collect();
    chosen.retain(|flat| !extended.contains(&flat.model.name));
    let mut uses = user.uses.clone();
    let mut states = States::new();
    for flat in &chosen {
        uses.extend(&flat.uses);
        for (id, state) in &flat.states {
            let all = states.entry(id.clone()).or_default();
            all.enable.extend(state.enable.iter().cloned());
            for (name, given) in &state.options {
                all.options
                    .entry(name)
                    .or_default()
                    .extend(given.iter().cloned());
            }
        }
    }
    add(
        world,
        &mut states,
        &Layer::User(user.model.name.clone()),
        &user.item.value.home.features,
        &mut Diagnostics::new(),
    );
    let mut own = States::new();
    let mut definitions = Vec::new();
    let mut modules = Vec::new();
    let mut groups = Vec::new();
    for (layer, _, composition) in compositions {
        for feature_use in &composition.features {
            require_home_half(world, &feature_use.id, "a user", d);
        }
        add(world, &mut own, layer, &composition.features, d);
        add(
            world,
            &mut states,
            layer,
            &composition.features,
            &mut Diagnostics::new(),
        );
        definitions.extend(packages(
            world,
            Place::HOME,
            "home.packages",
            layer,
            &composition.packages,
            &mut uses,
            d,
        ));
        modules.extend(crate::assets::modules(
            world,
            &composition.modules,
            &mut uses,
            d,
        ));
        groups.extend(composition.groups.iter().map(|g| g.value.clone()));
    }
    let has_home_half = |id: &FeatureId| {
        world
            .table
            .get(id)
            .is_some_and(crate::table::Definition::has_home_half)
    };
    own.retain(|id, _| has_home_half(id));
    states.retain(|id, _| has_home_half(id));
    let merged = settings(
        compositions
            .iter()
            .map(|(layer, _, c)| (layer.clone(), &c.settings)),
        d,
    );
    crate::host::check_home_settings(world, merged.values().map(|(s, _, _)| s), d);
    definitions.extend(feature_definitions(
        world,
        Place::HOME,
        Rank::Plain,
        &own,
        &mut uses,
        d,
    ));
    definitions.extend(setting_definitions(
        world,
        Place::HOME,
        Rank::Plain,
        &merged,
        &mut uses,
        d,
    ));
    definitions.extend(settled(&chosen, &user.model.home, &definitions, host));
    let (enabled, system) = close(world, &states, &user.model.name, d);
    let has_home = !chosen.is_empty()
        || user.model.has_home()
        || !definitions.is_empty()
        || !modules.is_empty()
        || !own.is_empty();
    if has_home && user.item.value.system.as_ref().is_some_and(|s| s.value) {
        d.push(Diagnostic::error(
            "bad-user",
            user.item.name.span,
            format!(
                "`{}` is a service account, it cannot have profiles",
                user.model.name
            ),
        ));
    }
    let home_imports = own.keys().cloned().collect();
    OnHost {
        model: HostUser {
            name: user.model.name.clone(),
            profiles: chosen.iter().map(|c| c.model.name.clone()).collect(),
            definitions: Vec::new(),
            home: combined(definitions),
            home_imports,
            imports: BTreeSet::new(),
            modules,
            state_version: state_version.to_owned(),
            has_home,
            enabled,
        },
        states,
        uses,
        system,
        groups,
    }
}

/// Scalars that two profiles set differently: the later profile wins, said plainly on the host.
fn settled(
    chosen: &[&profile::Flat<'_>],
    user: &[Definition],
    own: &[Definition],
    host: &HostName,
) -> Vec<Definition> {
    let mut seen: BTreeMap<&nix::AttrPath, Vec<(&ProfileName, &Definition)>> = BTreeMap::new();
    for flat in chosen {
        for definition in &flat.model.definitions {
            seen.entry(&definition.path)
                .or_default()
                .push((&flat.model.name, definition));
        }
    }
    let mut result = Vec::new();
    for (path, all) in seen {
        let Some(((winner, last), lower)) = all.split_last() else {
            continue;
        };
        let nix::Value::Apply(function, value) = &last.value else {
            continue;
        };
        let differs = lower.iter().any(|(_, d)| d.value != last.value);
        let elsewhere = user.iter().chain(own).any(|d| d.path == *path);
        if !differs || elsewhere || !function.starts_with("lib.mkOverride") || merges(value) {
            continue;
        }
        let below: Vec<&str> = lower.iter().map(|(name, _)| name.as_str()).collect();
        result.push(Definition {
            path: path.clone(),
            value: (**value).clone(),
            origin: Origin {
                layer: Layer::Host(host.clone()),
                span: last.origin.span,
            },
            over: lower.iter().rev().map(|(_, d)| d.origin.clone()).collect(),
            comment: Some(format!(
                "As in profile {winner}, which stands after {}.",
                below.join(", ")
            )),
        });
    }
    result
}

/// Closes the home features over what they require.
fn close(
    world: &World<'_>,
    states: &States<'_>,
    user: &UserName,
    d: &mut Diagnostics,
) -> (BTreeMap<FeatureId, Enabled>, Vec<(FeatureId, FeatureId)>) {
    let mut enabled = crate::uses::named(states);
    let mut system: Vec<(FeatureId, FeatureId)> = Vec::new();
    let mut todo: Vec<FeatureId> = enabled.keys().cloned().collect();
    while let Some(id) = todo.pop() {
        let Some(definition) = world.table.get(&id) else {
            continue;
        };
        if definition.has_system_half() {
            system.push((id.clone(), id.clone()));
        }
        for require in &definition.feature.requires {
            if !crate::host::holds(definition, states.get(&id), &require.when) {
                continue;
            }
            let Some((required, other)) = world.table.get_key_value(require.feature.value.as_str())
            else {
                continue;
            };
            if !other.has_home_half() {
                system.push((required.clone(), id.clone()));
                continue;
            }
            if let Some(state) = states.get(required)
                && !state.on()
            {
                if let Some((_, span)) = state.place() {
                    d.push(
                        Diagnostic::error(
                            "required-feature-disabled",
                            span,
                            format!("`{required}` is switched off, but `{id}` of user `{user}` requires it"),
                        )
                        .related(require.feature.span, "required here")
                        .help(format!("remove this line, or switch `{id}` off too")),
                    );
                }
                continue;
            }
            let reason = Reason::RequiredBy {
                feature: id.clone(),
            };
            if let Some(entry) = enabled.get_mut(required) {
                entry.reasons.push(reason);
            } else {
                enabled.insert(
                    required.clone(),
                    Enabled {
                        reasons: vec![reason],
                        options: BTreeMap::new(),
                    },
                );
                todo.push(required.clone());
            }
        }
    }
    (enabled, system)
}
