//! Features: who switches them on, and the lines of their modules.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use diag::Span;
use model::{FeatureId, Host, Reason};
use nix::Item;

use super::{Cause, MOST_LAYERS, Role, Whence};
use crate::modules::folder;
use crate::origin;

impl<'a> Whence<'a> {
    /// Who switches on the feature whose module a file is.
    pub(super) fn switches(&mut self, file: &str) -> Vec<Cause> {
        let parts: Vec<&str> = file.trim_end_matches(".nix").split('/').collect();
        let [half @ ("modules" | "home"), category, name] = parts.as_slice() else {
            return Vec::new();
        };
        let id = format!("{category}.{name}");
        if *category == "profiles" || !self.fleet.features.contains_key(id.as_str()) {
            return Vec::new();
        }
        self.switched(&id, *half == "home")
    }

    /// Who switches a feature on: for the machine that is asked about, else the first layers that do.
    fn switched(&mut self, id: &str, is_home: bool) -> Vec<Cause> {
        let fleet = self.fleet;
        if let Some((host, user)) = &self.asked {
            let (host, user) = (*host, user.clone());
            return self.reasons(host, user.as_deref().filter(|_| is_home), id);
        }
        let mut seen = BTreeSet::new();
        let mut first = Vec::new();
        for host in fleet.machines() {
            let users = host.users.iter().filter(|_| is_home);
            let homes = users.map(|(name, user)| (Some(name.as_str()), &user.enabled));
            let system = std::iter::once((None, &host.enabled)).filter(|_| !is_home);
            for (user, all) in system.chain(homes) {
                let Some(enabled) = all.get(id) else {
                    continue;
                };
                for reason in &enabled.reasons {
                    let key = match reason {
                        Reason::Named(origin) => (origin::layer(&origin.layer, fleet), origin.span),
                        Reason::RequiredBy { feature } | Reason::RequiredByHome { feature, .. } => {
                            (feature.to_string(), None)
                        }
                    };
                    if seen.insert(key) && first.len() < MOST_LAYERS {
                        first.push((host, user, reason));
                    }
                }
            }
        }
        let more = seen.len() - first.len();
        let mut causes = Vec::new();
        for (host, user, reason) in first {
            causes.extend(self.reason(host, user, id, reason, seen.len() == 1));
        }
        if let Some(last) = causes.last_mut().filter(|_| more > 0) {
            let _ = write!(last.layer, ", and {more} more");
        }
        causes
    }

    /// Features that bring something about, and why they are on.
    pub(super) fn features<'f>(
        &mut self,
        host: &'a Host,
        ids: impl Iterator<Item = &'f FeatureId>,
    ) -> Vec<Cause> {
        let ids: BTreeSet<&FeatureId> = ids.collect();
        let mut causes = Vec::new();
        for id in ids {
            let span = self.feature_key(id.as_str(), &["ports"]);
            causes.push(self.cause(Role::Sets, &format!("feature {id}"), span));
            causes.extend(self.reasons(host, None, id.as_str()));
        }
        causes
    }

    /// Why a feature is on, for a machine or in the home of a user there.
    pub(super) fn reasons(&mut self, host: &'a Host, user: Option<&str>, id: &str) -> Vec<Cause> {
        let all = match user {
            Some(user) => host.users.get(user).map(|user| &user.enabled),
            None => Some(&host.enabled),
        };
        let Some(enabled) = all.and_then(|all| all.get(id)) else {
            return Vec::new();
        };
        let is_named = |reason: &Reason| matches!(reason, Reason::Named(_));
        let has_name = enabled.reasons.iter().any(is_named);
        let mut causes = Vec::new();
        for (index, reason) in enabled.reasons.iter().enumerate() {
            // Features that require features lead to one that a layer names.
            let follow = !has_name && index == 0;
            causes.extend(self.reason(host, user, id, reason, follow));
        }
        causes
    }

    fn reason(
        &mut self,
        host: &'a Host,
        user: Option<&str>,
        id: &str,
        reason: &Reason,
        follow: bool,
    ) -> Vec<Cause> {
        let (feature, layer, user) = match reason {
            Reason::Named(origin) => {
                let layer = origin::layer(&origin.layer, self.fleet);
                return vec![self.cause(Role::Causes, &layer, origin.span)];
            }
            Reason::RequiredBy { feature } => {
                let layer = format!("feature {feature}, which requires {id}");
                (feature, layer, user)
            }
            Reason::RequiredByHome { feature, user } => {
                let layer = format!("feature {feature} of user {user}, which requires {id}");
                (feature, layer, Some(user.as_str()))
            }
        };
        let span = self.feature_key(feature.as_str(), &["requires", id]);
        let mut causes = vec![self.cause(Role::Causes, &layer, span)];
        // What requires itself by a detour is refused when the spec is read.
        if follow && feature.as_str() != id {
            causes.extend(self.reasons(host, user, feature.as_str()));
        }
        causes
    }

    /// The place of a key in the definition of a feature, or of the feature itself.
    pub(crate) fn feature_key(&mut self, id: &str, keys: &[&str]) -> Option<Span> {
        let feature = self.fleet.features.get(id)?;
        let span = feature.span?;
        let file = span.file;
        let roots: [&[&str]; 3] = [&["features", id], &["homeFeatures", id], &[]];
        for root in roots {
            let path: Vec<&str> = root.iter().chain(keys).copied().collect();
            if let Some((span, depth)) = self.yaml.key(&path, Some(file))
                && depth > root.len()
            {
                return Some(span);
            }
        }
        Some(span)
    }

    /// The inside of a feature's module.
    pub(super) fn of_feature(
        &mut self,
        id: &str,
        home: bool,
        path: &[&str],
        item: &Item,
        text: &str,
    ) -> Vec<Cause> {
        let Some(feature) = self.fleet.features.get(id) else {
            return Vec::new();
        };
        let layer = format!("feature {id}");
        let depth = 3 + self.fleet.namespace.split('.').count();
        if let ["options", ..] = path {
            let key: Vec<&str> = match &path[depth.min(path.len())..] {
                [] | ["enable", ..] => Vec::new(),
                [option, rest @ ..] => ["options", option]
                    .into_iter()
                    .chain(rest.first().copied())
                    .collect(),
            };
            let mut span = self.feature_key(id, &key);
            // Fields stand below types: `type.options.FIELD`.
            let below = &path[(depth + 1).min(path.len())..];
            for field in below.windows(2).filter(|pair| pair[0] == "options") {
                let name = field[1].to_owned();
                span = span.map(|at| {
                    let found = self.yaml.near(at, std::slice::from_ref(&name), &name);
                    found.unwrap_or(at)
                });
            }
            return vec![self.cause(Role::Sets, &layer, span)];
        }
        // The body is copied: the line that says the same.
        let first = text[item.start..].lines().next().unwrap_or_default();
        let line = text[..item.start].rfind('\n').map_or(0, |at| at + 1);
        let whole = text[line..].lines().next().unwrap_or_default().trim();
        if let Some(body) = self.body(feature.id.as_str(), home) {
            let (name, content) = body;
            let wanted = [whole, first.trim()];
            let by_line = content
                .lines()
                .position(|line| !line.trim().is_empty() && wanted.contains(&line.trim()));
            let by_name = || {
                let name = item.path.last()?;
                content
                    .lines()
                    .position(|line| line.contains(name.as_str()))
            };
            if let Some(index) = by_line.or_else(by_name) {
                return vec![Cause {
                    role: Role::Sets,
                    layer,
                    span: None,
                    place: Some(format!("{name}:{}", index + 1)),
                    line: content
                        .lines()
                        .nth(index)
                        .map(|line| line.trim().to_owned()),
                }];
            }
        }
        vec![self.cause(Role::Sets, &layer, feature.span)]
    }

    /// The template of a feature's half: its name as messages show it, and its text.
    fn body(&self, id: &str, home: bool) -> Option<(String, String)> {
        let spec = &self.generated.spec;
        if let Some(item) = spec.features.get(id).or_else(|| spec.home_features.get(id)) {
            let name = if home {
                item.value.home_body.as_ref()
            } else {
                item.value.body.as_ref()
            };
            let name = &name?.value;
            let bytes = self.generated.assets.get(name)?;
            return Some((
                self.generated.shown(name),
                String::from_utf8_lossy(bytes).into_owned(),
            ));
        }
        let entry = catalog::entry(id)?;
        let bodies = entry.bodies;
        let is_home = |name: &str| name.contains("home");
        let body = bodies
            .iter()
            .find(|body| bodies.len() == 1 || is_home(body.name) == home)?;
        let path = entry.path();
        Some((
            format!("{}/{}", folder(&path), body.name),
            body.text.to_owned(),
        ))
    }

    /// The features that bring a program of the catalog, and who switches them on.
    pub(super) fn of_program(&mut self, name: &str) -> Vec<Cause> {
        let sources = self.sources;
        let mut causes = Vec::new();
        for (id, feature) in &self.fleet.features {
            let text = feature.span.map(|span| &sources.file(span.file).text);
            if !text.is_some_and(|text| text.contains("programs:") && text.contains(name)) {
                continue;
            }
            if let Some(span) = self.feature_key(id.as_str(), &["programs"])
                && let Some(at) = self.yaml.word(span, name)
            {
                let is_home = feature.system.is_none();
                causes.push(self.cause(Role::Sets, &format!("feature {id}"), Some(at)));
                causes.extend(self.switched(id.as_str(), is_home));
            }
        }
        causes
    }
}
