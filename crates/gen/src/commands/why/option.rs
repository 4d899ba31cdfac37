//! An option of a host: every definition of it, which one wins and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use diag::closest;
use index::{Context, Index};
use model::{Enabled, Feature, Fleet, Host};
use nix::{AttrPath, DefValue, Item, Named};
use output::Target;
use serde::Serialize;

use super::line::{CauseView, draw_causes};
use crate::Generated;
use crate::behind::{home_path, machine};
use crate::cli::App;
use crate::console;
use crate::modules::{Reached, Setting, reach};
use crate::named::{feature_of, named};
use crate::origin;
use crate::status::Status;
use crate::summary::unwrapped;
use crate::text::one_line;
use crate::whence::Whence;

/// The priority of an option's default.
const OPTION_DEFAULT: i64 = 1500;
/// Why the default of an option does not win whose parts are set.
const PARTS: &str = "what is set below it goes before the option's default (priority 1500)";
/// So many neighbours of an option that is not set are named.
const MOST: usize = 8;

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    host: String,
    user: Option<String>,
    option: String,
    /// What it comes to, if the generated files alone tell.
    value: Option<String>,
    /// Everything that sets it, what wins first.
    chain: Vec<Step>,
    /// For a path that is no option itself: the options below it.
    below: Vec<Below>,
    /// For an option that is not set: options near it that are.
    near: Vec<String>,
    /// What the index says of it.
    declared: Option<Declared>,
}

/// A definition.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    verdict: Verdict,
    /// Why, in words.
    reason: String,
    value: String,
    priority: Option<i64>,
    /// `generated/hosts/p620/default.nix:31`.
    emitted: String,
    /// The path, when it is not the option itself.
    path: Option<String>,
    /// Conditions that it depends on.
    conditions: Vec<String>,
    causes: Vec<CauseView>,
    /// The options that its code reads, and what they are.
    reads: Vec<Read>,
}

impl Step {
    /// Whether it is the default of an option whose parts are set.
    fn is_replaced_default(&self) -> bool {
        self.priority == Some(OPTION_DEFAULT) && self.reason == PARTS
    }

    /// The place that tells most: the fact that a value was computed from, else what says it.
    fn told(&self) -> Option<&CauseView> {
        let mut causes = self.causes.iter();
        let fact = causes.find(|cause| cause.is_fact());
        fact.or_else(|| self.causes.first())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
enum Verdict {
    Wins,
    Merges,
    Conditional,
    Undecided,
    Overridden,
    Off,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Wins => "wins",
            Self::Merges => "merges",
            Self::Conditional => "depends",
            Self::Undecided => "undecided",
            Self::Overridden => "overridden",
            Self::Off => "off",
        }
    }
}

/// An option that code reads.
#[derive(Debug, Serialize)]
struct Read {
    option: String,
    value: Option<String>,
    place: Option<String>,
    layer: Option<String>,
}

/// An option below a path.
#[derive(Debug, Serialize)]
struct Below {
    option: String,
    value: Option<String>,
    layer: Option<String>,
    place: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Declared {
    option: String,
    #[serde(rename = "type")]
    ty: String,
    default: Option<String>,
    alias_of: Option<String>,
}

/// Explains an option.
pub(super) fn run(
    app: &App,
    generated: &Generated,
    host: &str,
    option: &str,
    user: Option<&str>,
    json: bool,
) -> anyhow::Result<Status> {
    let path = AttrPath::parse(option)
        .map_err(|error| anyhow::anyhow!("`{option}` is no path of an option: {error}"))?;
    let fleet = &generated.fleet;
    let Some(host) = machine(fleet, host) else {
        anyhow::bail!("there is no host `{host}`");
    };
    let (user, path) = in_home(fleet, host, user, path)?;
    let machine = Machine::new(generated, app.target(), host);
    let mut path = machine.named(&path, user.as_deref());
    let mut whence = Whence::new(generated).of_host(host, user.as_deref());
    let mut answer = machine.answer(&mut whence, &path, user.as_deref());
    if answer.chain.is_empty()
        && answer.below.is_empty()
        && let Some(quoted) = machine.quoted(&path, user.as_deref())
    {
        path = quoted;
        answer = machine.answer(&mut whence, &path, user.as_deref());
    }
    let is_set = !(answer.chain.is_empty() && answer.below.is_empty());
    // What sets it may be what the findings are about.
    if !is_set && generated.diagnostics.has_errors() {
        return Ok(Status::Findings);
    }
    let index = match app.index_folder() {
        Some(_) if !is_set || app.index.is_some() => app.load_index().transpose()?,
        _ => None,
    };
    let mut status = Status::Clean;
    if !is_set {
        answer.near = machine.near(&path, user.as_deref());
    }
    if let Some(index) = &index {
        answer.declared = declared(index, &path, user.is_some(), &fleet.namespace);
    }
    if !is_set {
        status = Status::Findings;
    }
    if json {
        console::json(&answer)?;
    } else {
        console::out(&draw(&answer, index.is_some()))?;
    }
    Ok(status)
}

/// The user and the path in the user's home, or neither.
fn in_home(
    fleet: &Fleet,
    host: &Host,
    user: Option<&str>,
    path: AttrPath,
) -> anyhow::Result<(Option<String>, AttrPath)> {
    let (named, path) = match path.parts() {
        [first, second, user, rest @ ..]
            if !rest.is_empty() && [first, second] == ["home-manager", "users"] =>
        {
            (Some(user.clone()), AttrPath(rest.to_vec()))
        }
        _ => (None, path),
    };
    let user = user.map(str::to_owned).or(named);
    if let Some(user) = &user
        && !host.users.contains_key(user.as_str())
    {
        let known: Vec<&str> = host.users.keys().map(model::UserName::as_str).collect();
        let elsewhere = fleet.users.contains_key(user.as_str());
        let what = if elsewhere {
            "is not on"
        } else {
            "is unknown, also on"
        };
        let help = diag::did_you_mean(user, &known)
            .map(|help| format!("; {help}"))
            .unwrap_or_default();
        anyhow::bail!("user `{user}` {what} `{}`{help}", host.name);
    }
    Ok((user, path))
}

/// The default of an option, or of a field in it, where its module declares it.
struct FieldDefault {
    /// The names of the fields from the option down.
    fields: Vec<String>,
    /// For each field, whether it stands in a mapping of any names.
    is_keyed: Vec<bool>,
    item: Item,
}

/// Whether names below an option lead to a field, through the keys of the mappings that it stands in.
fn leads_to(mut names: &[String], fields: &[String], is_keyed: &[bool]) -> bool {
    for (field, is_keyed) in fields.iter().zip(is_keyed) {
        let keys = usize::from(*is_keyed);
        match names.get(keys) {
            Some(name) if name == field => names = &names[keys + 1..],
            _ => return false,
        }
    }
    names.is_empty()
}

/// A host as the generated files make it.
struct Machine<'a> {
    generated: &'a Generated,
    target: Target,
    host: &'a Host,
    namespace: Vec<String>,
    files: Vec<Reached<'a>>,
    /// What stands below names that options of features give, by the number of the file.
    computed: Vec<(usize, Setting)>,
}

impl<'a> Machine<'a> {
    fn new(generated: &'a Generated, target: Target, host: &'a Host) -> Self {
        let fleet = &generated.fleet;
        let name = host.name.as_str();
        let start = if fleet.hosts.contains_key(name) {
            format!("hosts/{name}/default.nix")
        } else if fleet.microvms.contains_key(name) {
            format!("microvms/{name}.nix")
        } else {
            format!("images/{name}.nix")
        };
        let file = |path: &str| -> Option<&'a str> {
            let file = generated.tree.as_ref()?.get(path)?;
            std::str::from_utf8(&file.bytes).ok()
        };
        let files = reach(&start, file);
        Self {
            generated,
            target,
            host,
            namespace: fleet.namespace.split('.').map(str::to_owned).collect(),
            computed: named(fleet, host, &files),
            files,
        }
    }

    /// The path with the prefix that options of features have, if it names one.
    fn named(&self, path: &AttrPath, user: Option<&str>) -> AttrPath {
        let is_set = || {
            let mut settings = self.settings(user);
            settings.any(|(_, it)| it.path.starts_with(path) || path.starts_with(&it.path))
        };
        if path.parts().starts_with(&self.namespace) || is_set() {
            return path.clone();
        }
        let [category, name, rest @ ..] = path.parts() else {
            return path.clone();
        };
        let id = format!("{category}.{name}");
        let feature = self.generated.fleet.features.get(id.as_str());
        let has_half = feature.is_some_and(|feature| match user {
            Some(_) => feature.home.is_some(),
            None => feature.system.is_some(),
        });
        // NixOS may have options of the same first names.
        let has_option = rest.first().is_none_or(|option| {
            let has = |feature: &Feature| feature.options.contains_key(option);
            option == "enable" || feature.is_some_and(has)
        });
        if has_half && has_option {
            return self.in_namespace(path);
        }
        path.clone()
    }

    fn in_namespace(&self, path: &AttrPath) -> AttrPath {
        let parts = self.namespace.iter().chain(path.parts());
        AttrPath(parts.cloned().collect())
    }

    /// The path with the names that hold dots, where it was written without quotes:
    /// `sites.a.example.org`.
    fn quoted(&self, path: &AttrPath, user: Option<&str>) -> Option<AttrPath> {
        let wanted = path.parts().join(".");
        let mut settings = self.settings(user);
        settings.find_map(|(_, setting)| {
            let parts = setting.path.parts();
            let heads = (1..=parts.len()).map(|end| &parts[..end]);
            let mut fits = heads.filter(|head| head.join(".") == wanted);
            fits.next().map(|head| AttrPath(head.to_vec()))
        })
    }

    /// Every definition in a module system, with the file that it stands in.
    fn settings(
        &self,
        user: Option<&str>,
    ) -> impl Iterator<Item = (&Reached<'a>, &Setting)> + use<'_, 'a> {
        let user = user.map(str::to_owned);
        let plain = self.files.iter().flat_map(|file| {
            let settings = file.module.settings.iter();
            settings.map(move |setting| (file, setting))
        });
        let computed = self.computed.iter();
        let computed = computed.map(|(number, setting)| (&self.files[*number], setting));
        plain.chain(computed).filter(move |(file, setting)| {
            let at = setting.user.as_deref().or(file.user.as_deref());
            at == user.as_deref()
        })
    }

    /// What is set below a path: parts of its value.
    fn parts<'s>(
        &'s self,
        path: &AttrPath,
        user: Option<&str>,
    ) -> Vec<(&'s Reached<'a>, &'s Setting)> {
        let is_part = |setting: &Setting| setting.path != *path && setting.path.starts_with(path);
        let all = self.settings(user).filter(|(_, setting)| is_part(setting));
        all.filter(|(file, _)| !self.is_off(file, user)).collect()
    }

    /// Whether a file is the module of a feature that is off.
    fn is_off(&self, file: &Reached<'_>, user: Option<&str>) -> bool {
        feature_of(&file.path).is_some_and(|id| {
            let enabled = self.enabled(user);
            !enabled.is_some_and(|enabled| enabled.contains_key(id.as_str()))
        })
    }

    fn answer(&self, whence: &mut Whence<'_>, path: &AttrPath, user: Option<&str>) -> Answer {
        let chain = self.chain(whence, path, user, 0);
        let has_parts = !self.parts(path, user).is_empty();
        let mut below: Vec<Below> = Vec::new();
        if chain.is_empty() || has_parts {
            let names: BTreeSet<&AttrPath> = self
                .settings(user)
                .map(|(_, setting)| &setting.path)
                .filter(|known| known.starts_with(path))
                .collect();
            let mut all: BTreeSet<AttrPath> = names.into_iter().cloned().collect();
            all.extend(self.defaults_below(path, user));
            all.remove(path);
            for known in all {
                let steps = self.chain(whence, &known, user, 0);
                let first = steps.first();
                // Its parts have lines of their own.
                if first.is_some_and(Step::is_replaced_default) {
                    continue;
                }
                let cause = first.and_then(Step::told);
                below.push(Below {
                    option: known.to_string(),
                    value: value_of(&steps),
                    layer: cause.map(|cause| cause.layer().to_owned()),
                    place: cause.and_then(|cause| cause.place.clone()),
                });
            }
        }
        Answer {
            host: self.host.name.to_string(),
            user: user.map(str::to_owned),
            option: path.to_string(),
            value: value_of(&chain).filter(|_| !has_parts),
            chain,
            below,
            near: Vec::new(),
            declared: None,
        }
    }

    /// The options of features below a path that have their defaults.
    fn defaults_below(&self, path: &AttrPath, user: Option<&str>) -> Vec<AttrPath> {
        let mut found = Vec::new();
        for id in self.enabled(user).into_iter().flat_map(BTreeMap::keys) {
            let Some(feature) = self.generated.fleet.features.get(id.as_str()) else {
                continue;
            };
            let mut base = AttrPath(self.namespace.clone());
            base = base.child(id.category()).child(id.name());
            if !base.starts_with(path) && !path.starts_with(&base) {
                continue;
            }
            for name in feature.options.keys() {
                let option = base.child(name);
                if option.starts_with(path) && option != *path {
                    found.push(option.clone());
                }
                if path.starts_with(&option) {
                    found.extend(self.fields_below(path, &option, user));
                }
            }
        }
        found
    }

    /// The fields of an option at or above a path that have defaults and stand directly below the path.
    fn fields_below(
        &self,
        path: &AttrPath,
        option: &AttrPath,
        user: Option<&str>,
    ) -> Vec<AttrPath> {
        let inside = &path.parts()[option.parts().len()..];
        let mut settings = self.settings(user);
        let is_there = settings.any(|(_, setting)| setting.path.starts_with(path));
        if !inside.is_empty() && !is_there {
            return Vec::new();
        }
        let Some((_, items)) = self.option_text(option, user) else {
            return Vec::new();
        };
        let fields = items.iter().filter_map(|item| {
            let (last, above) = item.fields.split_last()?;
            let (is_keyed, keyed_above) = item.is_keyed.split_last()?;
            // A mapping has fields below each of its keys.
            let names = if *is_keyed {
                inside.split_last()?.1
            } else {
                inside
            };
            leads_to(names, above, keyed_above).then(|| path.child(last))
        });
        fields.collect()
    }

    /// The module that declares an option of a feature, and the defaults of the option's fields in it.
    fn option_text(
        &self,
        option: &AttrPath,
        user: Option<&str>,
    ) -> Option<(&Reached<'a>, Vec<FieldDefault>)> {
        let below = option.parts().strip_prefix(self.namespace.as_slice())?;
        let [category, name, _] = below else {
            return None;
        };
        let half = if user.is_some() { "home" } else { "modules" };
        let path = format!("{half}/{category}/{name}.nix");
        let file = self.files.iter().find(|file| file.path == path)?;
        let items = nix::outline(file.text).ok()?;
        let mut declared = vec!["options".to_owned()];
        declared.extend_from_slice(option.parts());
        let below = |item: &Item| {
            item.path
                .strip_prefix(declared.as_slice())
                .map(<[_]>::to_vec)
        };
        // The types of mappings, which stand before the fields in them.
        let mut keyed: Vec<Vec<String>> = Vec::new();
        let mut found = Vec::new();
        for item in items {
            let Some(names) = below(&item) else {
                continue;
            };
            let code = &file.text[item.value_start..item.end];
            match names.as_slice() {
                [.., last] if last == "type" && code.contains("attrsOf") => keyed.push(names),
                [types @ .., last] if last == "default" => {
                    let mut fields = Vec::new();
                    for step in types.chunks(3) {
                        match step {
                            [ty, options, field] if ty == "type" && options == "options" => {
                                fields.push(field.clone());
                            }
                            _ => break,
                        }
                    }
                    if fields.len() * 3 == types.len() {
                        let is_keyed = fields.iter().enumerate().map(|(level, _)| {
                            let ty = &types[..=level * 3];
                            keyed.iter().any(|known| known == ty)
                        });
                        let is_keyed = is_keyed.collect();
                        found.push(FieldDefault {
                            fields,
                            is_keyed,
                            item,
                        });
                    }
                }
                _ => {}
            }
        }
        Some((file, found))
    }

    fn enabled(&self, user: Option<&str>) -> Option<&BTreeMap<model::FeatureId, Enabled>> {
        match user {
            Some(user) => self.host.users.get(user).map(|user| &user.enabled),
            None => Some(&self.host.enabled),
        }
    }

    /// The definitions of an option, what wins first.
    fn chain(
        &self,
        whence: &mut Whence<'_>,
        path: &AttrPath,
        user: Option<&str>,
        depth: usize,
    ) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut merges = Vec::new();
        let fits =
            |setting: &Setting| !setting.path.parts().is_empty() && path.starts_with(&setting.path);
        let found: Vec<(&Reached<'a>, &Setting)> = self
            .settings(user)
            .filter(|(_, setting)| fits(setting))
            .collect();
        for (file, setting) in found {
            merges.push(is_merged(setting));
            steps.push(self.step(whence, file, setting, path, user, depth));
        }
        if let Some(step) = self.default_step(whence, path, user) {
            merges.push(false);
            steps.push(step);
        }
        decide(&mut steps, &merges);
        if let [only] = steps.as_mut_slice()
            && only.priority == Some(OPTION_DEFAULT)
            && !self.parts(path, user).is_empty()
        {
            only.verdict = Verdict::Overridden;
            PARTS.clone_into(&mut only.reason);
        }
        steps.sort_by_key(|step| (step.verdict, step.priority));
        steps
    }

    fn step(
        &self,
        whence: &mut Whence<'_>,
        file: &Reached<'a>,
        setting: &Setting,
        path: &AttrPath,
        user: Option<&str>,
        depth: usize,
    ) -> Step {
        let item = Item {
            named: Named::Attribute,
            path: match &setting.user {
                Some(user) => home_path(user)
                    .into_iter()
                    .chain(setting.path.parts().iter().cloned())
                    .collect(),
                None => setting.path.parts().to_vec(),
            },
            start: setting.start,
            value_start: setting.value_start,
            end: setting.end,
        };
        let causes = whence.item(&file.path, file.text, &item);
        let code = &file.text[setting.value_start..setting.end];
        let feature = feature_of(&file.path);
        let is_off = self.is_off(file, user);
        let conditions: Vec<String> = setting
            .conditions
            .iter()
            .enumerate()
            .filter(|(index, condition)| {
                !(*index == 0 && feature.is_some() && is_own_switch(condition))
            })
            .map(|(_, condition)| one_line(condition))
            .collect();
        let reads = if depth == 0 {
            self.reads(whence, file, setting, user)
        } else {
            Vec::new()
        };
        Step {
            verdict: if is_off {
                Verdict::Off
            } else if !conditions.is_empty() {
                Verdict::Conditional
            } else if setting.priority.is_none() {
                Verdict::Undecided
            } else {
                Verdict::Wins
            },
            reason: String::new(),
            // What is inherited stands without its source.
            value: match &setting.value {
                DefValue::Expr(whole) if setting.start == setting.value_start => one_line(whole),
                _ => one_line(&without_comments(unwrapped(code))),
            },
            priority: setting.priority,
            emitted: self.place(file, setting.start),
            path: (setting.path != *path).then(|| setting.path.to_string()),
            conditions,
            causes: causes.into_iter().map(CauseView::new).collect(),
            reads,
        }
    }

    fn place(&self, file: &Reached<'a>, at: usize) -> String {
        let line = 1 + file.text[..at].matches('\n').count();
        format!("{}:{line}", self.target.show(&file.path))
    }

    /// The options of features that a definition reads, each with what it comes to.
    fn reads(
        &self,
        whence: &mut Whence<'_>,
        file: &Reached<'a>,
        setting: &Setting,
        user: Option<&str>,
    ) -> Vec<Read> {
        let module = nix::read_sound_module(file.text);
        let range = setting.value_start..setting.end;
        let mut seen = BTreeSet::new();
        let mut reads = Vec::new();
        for reference in &module.reads {
            let path = AttrPath(reference.path.clone());
            let from_os = reference.root == "osConfig";
            if !range.contains(&reference.start)
                || !path.parts().starts_with(&self.namespace)
                || !seen.insert((from_os, path.clone()))
            {
                continue;
            }
            let user = user.filter(|_| !from_os);
            let mut steps = self.chain(whence, &path, user, 1);
            let value = value_of(&steps);
            if steps.first().is_none_or(Step::is_replaced_default) {
                let parts = self.parts(&path, user).into_iter();
                let part = |(file, setting): (&Reached<'a>, &Setting)| {
                    self.step(whence, file, setting, &setting.path, user, 1)
                };
                steps = parts.map(part).collect();
            }
            let causes: Vec<&CauseView> = steps.iter().filter_map(Step::told).collect();
            let cause = causes.first();
            let places: BTreeSet<_> = causes.iter().filter_map(|it| it.place.as_ref()).collect();
            let more = match (value.is_some(), places.len()) {
                (true, _) | (false, 0 | 1) => String::new(),
                (false, all) => format!(", and {} more", all - 1),
            };
            reads.push(Read {
                option: path.to_string(),
                value,
                place: cause
                    .and_then(|cause| cause.place.as_ref())
                    .map(|place| format!("{place}{more}")),
                layer: cause.map(|cause| cause.layer().to_owned()),
            });
        }
        reads
    }

    /// The default of a feature's option.
    fn default_step(
        &self,
        whence: &mut Whence<'_>,
        path: &AttrPath,
        user: Option<&str>,
    ) -> Option<Step> {
        let below = path.parts().strip_prefix(self.namespace.as_slice())?;
        let [category, name, option, inside @ ..] = below else {
            return None;
        };
        let id = format!("{category}.{name}");
        let feature = self.generated.fleet.features.get(id.as_str())?;
        let declared = feature.options.get(option)?;
        let end = self.namespace.len() + 3;
        let base = AttrPath(path.parts()[..end].to_vec());
        let (file, defaults) = self.option_text(&base, user)?;
        let default = defaults
            .iter()
            .find(|it| leads_to(inside, &it.fields, &it.is_keyed));
        let value = if inside.is_empty() {
            origin::nix(declared.default.as_ref()?)
        } else {
            // Only what is there has fields.
            let item = &default?.item;
            let mapping = &path.parts()[..path.parts().len() - 1];
            let is_there = default?.is_keyed.iter().all(|is_keyed| !is_keyed)
                || self
                    .settings(user)
                    .any(|(_, it)| it.path.parts().starts_with(mapping));
            if !is_there {
                return None;
            }
            one_line(&file.text[item.value_start..item.end])
        };
        let item = default.map(|it| &it.item);
        let causes = match item {
            Some(item) => whence.item(&file.path, file.text, item),
            None => Vec::new(),
        };
        Some(Step {
            verdict: Verdict::Wins,
            reason: String::new(),
            value,
            priority: Some(OPTION_DEFAULT),
            emitted: self.place(file, item.map_or(0, |item| item.start)),
            path: None,
            conditions: Vec::new(),
            causes: causes.into_iter().map(CauseView::new).collect(),
            reads: Vec::new(),
        })
    }

    /// Options that are set and are near one that is not.
    fn near(&self, path: &AttrPath, user: Option<&str>) -> Vec<String> {
        let names: BTreeSet<String> = self
            .settings(user)
            .map(|(_, setting)| setting.path.to_string())
            .chain(
                self.defaults_below(&AttrPath::default(), user)
                    .iter()
                    .map(ToString::to_string),
            )
            .collect();
        let mut near: Vec<String> = Vec::new();
        let spellings = [path.clone(), self.in_namespace(path)].map(|path| path.to_string());
        near.extend(
            spellings
                .iter()
                .filter_map(|path| closest(path, &names))
                .map(str::to_owned),
        );
        // What shares the most names with it.
        let parts = path.parts();
        for length in (1..parts.len()).rev() {
            let above = AttrPath(parts[..length].to_vec()).to_string();
            let prefix = format!("{above}.");
            let beside: Vec<&String> = names
                .iter()
                .filter(|name| name.starts_with(&prefix) || **name == above)
                .collect();
            if !beside.is_empty() {
                near.extend(beside.into_iter().cloned());
                break;
            }
        }
        let mut seen = BTreeSet::new();
        near.retain(|name| seen.insert(name.clone()));
        near.truncate(MOST);
        near
    }
}

/// What wins among definitions, and why each does or does not.
fn decide(steps: &mut [Step], merges: &[bool]) {
    let sure = |step: &Step| step.verdict == Verdict::Wins;
    let best = steps
        .iter()
        .filter(|s| sure(s))
        .filter_map(|s| s.priority)
        .min();
    let first = steps
        .iter()
        .filter(|step| step.verdict != Verdict::Off)
        .filter_map(|step| step.priority)
        .min();
    let next = steps
        .iter()
        .filter(|step| sure(step) && step.priority != best)
        .filter_map(|step| step.priority)
        .min();
    let is_winner = |step: &&Step| sure(step) && step.priority == best;
    let winners = steps.iter().filter(is_winner).count();
    // What is said of a set above the option is put together with what is said of the option.
    let sets: Vec<&str> = steps
        .iter()
        .filter(is_winner)
        .filter_map(|step| step.path.as_deref())
        .collect();
    let above = sets.join("` and `");
    let direct = winners - sets.len();
    let others = steps.len() - 1.min(steps.len());
    for (step, merged) in steps.iter_mut().zip(merges) {
        let own = step.priority.map_or_else(
            || "a priority that Nix computes".to_owned(),
            priority_in_words,
        );
        step.reason = match step.verdict {
            Verdict::Off => "the feature is off here, so its module does nothing".to_owned(),
            Verdict::Undecided => own,
            Verdict::Conditional => {
                let condition = step.conditions.join("` and `");
                let rank = match (step.priority, best) {
                    (Some(own), Some(best)) if own > best => {
                        ", and is overridden even then".to_owned()
                    }
                    _ => format!(", as {own}"),
                };
                format!("only where `{condition}`{rank}")
            }
            _ if step.priority != best => {
                step.verdict = Verdict::Overridden;
                match best {
                    Some(best) => format!("{} goes before {own}", priority_in_words(best)),
                    None => String::new(),
                }
            }
            _ if winners > 1 && *merged => {
                step.verdict = Verdict::Merges;
                "put together with the others of the same priority".to_owned()
            }
            _ if winners > 1 && step.path.is_some() => {
                step.verdict = Verdict::Merges;
                "a set that it stands in, put together with the others of the same priority"
                    .to_owned()
            }
            _ if direct > 1 => format!("several set it as {own}; they must agree"),
            _ if winners > 1 => format!("{own}, put together with what `{above}` holds"),
            _ if others == 0 => match step.priority {
                Some(OPTION_DEFAULT) => "nothing sets it: its default".to_owned(),
                _ => format!("nothing else sets it; it is {own}"),
            },
            _ if first != best => format!("{own}, unless a condition before it holds"),
            _ => match next {
                Some(next) => format!("{own} goes before {}", priority_in_words(next)),
                None => own,
            },
        };
    }
}

fn priority_in_words(priority: i64) -> String {
    use model::priority;
    match priority {
        priority::FORCE => "`mkForce` (priority 50)".to_owned(),
        priority::PLAIN => "a plain definition (priority 100)".to_owned(),
        priority::TEMPLATE => "a template or user (priority 900)".to_owned(),
        priority::PROFILE => "a profile (priority 950)".to_owned(),
        priority::DEFAULT => "`mkDefault` (priority 1000)".to_owned(),
        OPTION_DEFAULT => "the option's default (priority 1500)".to_owned(),
        other => format!("priority {other}"),
    }
}

/// Whether several definitions of this kind are put together.
fn is_merged(setting: &Setting) -> bool {
    match &setting.value {
        DefValue::List(_) | DefValue::Attrs => true,
        DefValue::Expr(code) => {
            let code = unwrapped(code).trim();
            code.starts_with('[')
                || code.starts_with("''")
                || code.starts_with('{')
                || code.contains("++")
                || code.starts_with("with pkgs")
        }
        _ => false,
    }
}

/// A value without the comments in it.
fn without_comments(code: &str) -> String {
    if code.contains("''") {
        return code.to_owned();
    }
    let lines = code.lines().filter(|line| !line.trim().starts_with('#'));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a condition is the switch of the feature whose module it stands in.
fn is_own_switch(condition: &str) -> bool {
    condition == "cfg.enable" || condition.starts_with("config.") && condition.ends_with(".enable")
}

/// What definitions come to, if that is one literal.
fn value_of(steps: &[Step]) -> Option<String> {
    let winner = steps.first()?;
    let rest = &steps[1..];
    match winner.verdict {
        Verdict::Wins => {
            if rest.iter().any(|step| {
                step.verdict == Verdict::Conditional && step.priority <= winner.priority
                    || step.verdict == Verdict::Undecided
                    || step.verdict == Verdict::Wins && step.value != winner.value
                    // Code may hold the option too.
                    || step.verdict == Verdict::Merges && step.path.is_some() && step.value != "{ }"
            }) {
                return None;
            }
            if winner.path.is_some() {
                return None;
            }
            match winner.reads.as_slice() {
                [read] if is_plain_read(&winner.value, &read.option) => read.value.clone(),
                _ => Some(winner.value.clone()),
            }
        }
        _ => None,
    }
}

/// Whether code is nothing but an option.
fn is_plain_read(code: &str, option: &str) -> bool {
    let last = option.rsplit('.').next().unwrap_or(option);
    code == format!("cfg.{last}") || code == format!("config.{option}")
}

fn declared(index: &Index, path: &AttrPath, home: bool, namespace: &str) -> Option<Declared> {
    if path.parts().first().is_some_and(|first| first == namespace) {
        return None;
    }
    let context = if home { Context::Home } else { Context::Nixos };
    let facts = index.option(context, path.parts())?;
    Some(Declared {
        option: facts.name.clone(),
        ty: facts.ty.words(),
        default: facts.default.as_ref().map(ToString::to_string),
        alias_of: facts.alias_of.clone(),
    })
}

fn draw(answer: &Answer, has_index: bool) -> String {
    let mut text = String::new();
    let at = match &answer.user {
        Some(user) => format!("{user} on {}", answer.host),
        None => answer.host.clone(),
    };
    // Writing to a string cannot fail.
    let _ = match &answer.value {
        Some(value) => writeln!(text, "{} of {at} = {value}", answer.option),
        None => writeln!(text, "{} of {at}", answer.option),
    };
    if let Some(declared) = &answer.declared {
        let default = declared
            .default
            .as_ref()
            .map(|default| format!(", default {default}"))
            .unwrap_or_default();
        let _ = writeln!(text, "  type: {}{default}", declared.ty);
        if let Some(alias) = &declared.alias_of {
            let _ = writeln!(text, "  renamed to {alias}");
        }
    }
    for step in &answer.chain {
        let _ = writeln!(text, "\n{}: {}", step.verdict.word(), step.reason);
        let path = step
            .path
            .as_ref()
            .map(|path| format!("{path} = "))
            .unwrap_or_default();
        let _ = writeln!(text, "  {path}{}", step.value);
        let _ = writeln!(text, "  {}", step.emitted);
        for read in &step.reads {
            let value = read
                .value
                .as_ref()
                .map(|value| format!(" = {value}"))
                .unwrap_or_default();
            let from = [read.layer.clone(), read.place.clone()];
            let from: Vec<String> = from.into_iter().flatten().collect();
            let _ = writeln!(text, "  reads {}{value}: {}", read.option, from.join(", "));
        }
        for line in draw_causes(&step.causes).lines().filter(|l| !l.is_empty()) {
            let _ = writeln!(text, "  {line}");
        }
    }
    if !answer.below.is_empty() {
        text.push('\n');
        let mut tree = crate::table::Table::new(&["option", "value", "from"]);
        for below in &answer.below {
            let from = [below.layer.clone(), below.place.clone()];
            let from: Vec<String> = from.into_iter().flatten().collect();
            tree.row(vec![
                below.option.clone(),
                below
                    .value
                    .clone()
                    .unwrap_or_else(|| "(decided by Nix)".to_owned()),
                from.join(", "),
            ]);
        }
        text.push_str(&tree.render());
    }
    if answer.chain.is_empty() && answer.below.is_empty() {
        let _ = writeln!(text, "\nnothing in this fleet sets it");
        if answer.declared.is_none() && has_index {
            let _ = writeln!(text, "and the index knows no such option");
        }
        if !answer.near.is_empty() {
            let _ = writeln!(text, "\nset near it:");
            for name in &answer.near {
                let _ = writeln!(text, "  {name}");
            }
        }
    }
    text
}
