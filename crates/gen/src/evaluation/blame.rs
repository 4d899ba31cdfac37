//! From an error of Nix to the line of the spec that it comes from. Pure.
//!
//! Nix names files, lines, options and, in failed assertions, only words. Each of them leads to a
//! definition of the output, and that to the spec; what leads nowhere stands at the machine's name.

use std::collections::{BTreeMap, BTreeSet};

use diag::{Diagnostic, FileId, SourceMap, Span};
use model::{FeatureId, Host, Layer, Reason};
use nix::{Attr, Kind, Module};

use super::message::{self, Failure};
use crate::Generated;
use crate::places::{Places, enclosing_in, offset, word_after};

/// Lines of Nix's own message that are kept.
const MOST_LINES: usize = 12;
/// Nix counts all of a machine's options when it looks for a name; so many files are read for one.
const MOST_STEPS: usize = 400;
/// A text that is as long is looked for as it is.
const LEAST_VERBATIM: usize = 10;
/// A part of an option's path that is as long may be part of another name.
const LEAST_WORD: usize = 4;

/// Finds the places.
#[derive(Debug)]
pub struct Blame<'a> {
    generated: &'a Generated,
    /// The sources, and hand-written modules that were named.
    sources: SourceMap,
    added: BTreeMap<String, FileId>,
    /// What the output is called in messages, such as `generated`.
    out: String,
    /// Where Nix reads the flake from: the folder, and its copy in the store.
    roots: Vec<String>,
}

/// A place of the output that an error names.
#[derive(Clone, Debug)]
struct Named {
    path: String,
    at: Option<(usize, usize)>,
    option: Vec<String>,
    /// The value that is shown for it.
    value: String,
}

/// A place in the spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    span: Span,
    is_exact: bool,
}

impl<'a> Blame<'a> {
    /// For what was generated; `roots` are the folders that Nix has read it from.
    pub fn new(generated: &'a Generated, out: &str, roots: Vec<String>) -> Self {
        Self {
            generated,
            sources: generated.sources.clone(),
            added: BTreeMap::new(),
            out: out.trim_end_matches('/').to_owned(),
            roots,
        }
    }

    /// The sources that the findings are about.
    pub fn sources(&self) -> &SourceMap {
        &self.sources
    }

    /// The findings of a failed evaluation of a machine: one, or one for each failed assertion.
    pub fn findings(&mut self, machine: &str, failure: &Failure) -> Vec<Diagnostic> {
        let assertions = assertions(&failure.message);
        if !assertions.is_empty() {
            return assertions
                .iter()
                .map(|text| self.assertion(machine, text))
                .collect();
        }
        vec![self.error(machine, failure)]
    }

    /// The finding of a warning.
    pub fn warning(&mut self, machine: &str, text: &str) -> Diagnostic {
        let place = self.by_words(machine, text);
        let mut diagnostic = Diagnostic::warning("eval-warning", None, self.shown(text));
        diagnostic.span = place.map(|found| found.span);
        diagnostic
    }

    fn assertion(&mut self, machine: &str, text: &str) -> Diagnostic {
        let named = self.files_in(text);
        let option = quoted(text).find(|word| word.contains('.')).map(parts);
        let place = named
            .into_iter()
            .next()
            .and_then(|mut named| {
                named.option = option.unwrap_or_default();
                self.place(machine, &named)
            })
            .or_else(|| self.by_words(machine, text));
        let mut diagnostic = Diagnostic::error("eval-assertion", None, self.shown(text));
        if let Some(place) = place {
            diagnostic = self.stand(diagnostic, machine, place);
        } else {
            diagnostic.span = self.name_of(machine);
        }
        diagnostic
    }

    fn error(&mut self, machine: &str, failure: &Failure) -> Diagnostic {
        let message = failure.message.as_str();
        let kind = Kinds::of(message);
        let mut diagnostic = Diagnostic::error(kind.code, None, self.shown(message));
        for help in kind.help {
            diagnostic = diagnostic.help(*help);
        }
        let mut places: Vec<Found> = Vec::new();
        for named in self.candidates(failure, &kind) {
            if let Some(found) = self.place(machine, &named)
                && !places.iter().any(|known| known.span == found.span)
            {
                places.push(found);
            }
        }
        if kind.code == "eval-input" {
            places = self.by_input(failure).into_iter().collect();
        } else if kind.code == "eval-package" && !places.iter().any(|found| found.is_exact) {
            places.extend(self.by_package(machine, message));
        } else if kind.code == "eval-file" && !places.iter().any(|found| found.is_exact) {
            places.extend(self.by_file(machine, message));
        }
        let exact = places.iter().position(|found| found.is_exact);
        let at_most = if kind.names_several { places.len() } else { 1 };
        if let Some(exact) = exact {
            let first = places.remove(exact);
            places.insert(0, first);
        } else if let Some(found) = self.by_words(machine, message) {
            places.insert(0, found);
        }
        let Some(first) = places.first().copied() else {
            diagnostic.span = self.name_of(machine);
            return diagnostic;
        };
        diagnostic = self.stand(diagnostic, machine, first);
        for other in places.iter().skip(1).take(at_most.saturating_sub(1)) {
            if !diagnostic.related.iter().any(|l| l.span == other.span) {
                diagnostic = diagnostic.related(other.span, "also defined here");
            }
        }
        diagnostic
    }

    /// The places of the output that an error names, the likeliest first.
    fn candidates(&self, failure: &Failure, kind: &Kinds) -> Vec<Named> {
        let mut all: Vec<Named> = Vec::new();
        let message = failure.message.as_str();
        let mut lines = message.lines().peekable();
        let option = quoted(lines.peek().copied().unwrap_or_default())
            .next()
            .filter(|_| kind.is_about_an_option)
            .map(parts)
            .unwrap_or_default();
        for line in message.lines() {
            let value = line.split_once("': ").map_or("", |(_, value)| value);
            for mut named in self.files_in(line) {
                named.option.clone_from(&option);
                if kind.code != "eval-option" {
                    value.clone_into(&mut named.value);
                }
                all.push(named);
            }
        }
        if let Some(at) = &failure.at
            && let Some(path) = self.path(&at.file)
        {
            all.push(Named {
                path,
                at: Some((at.line, at.column)),
                option: Vec::new(),
                value: kind.word(message),
            });
        }
        // The innermost option that is being evaluated says what a file defines.
        let mut inside: Vec<String> = Vec::new();
        for frame in failure.frames.iter().rev().take(MOST_STEPS) {
            if frame.what.starts_with("while evaluating the option") && inside.is_empty() {
                inside = quoted(&frame.what).next().map(parts).unwrap_or_default();
            }
        }
        let mut files: Vec<Named> = Vec::new();
        for frame in failure.frames.iter().rev().take(MOST_STEPS) {
            if let Some(at) = &frame.at
                && let Some(path) = self.path(&at.file)
            {
                all.push(Named {
                    path,
                    at: Some((at.line, at.column)),
                    option: Vec::new(),
                    value: kind.word(message),
                });
            }
            for mut named in self.files_in(&frame.what) {
                named.option.clone_from(&inside);
                files.push(named);
            }
        }
        all.extend(files);
        all
    }

    /// The files of the output that a text names, and the lines.
    fn files_in(&self, text: &str) -> Vec<Named> {
        let is_end = |c: char| c.is_whitespace() || "`'\",;()".contains(c);
        text.split(is_end)
            .filter(|word| word.starts_with('/'))
            .filter_map(|word| {
                let word = word.trim_end_matches(['.', ':']);
                if let Some(position) = message::place(word)
                    && let Some(path) = self.path(&position.file)
                {
                    return Some((path, Some((position.line, position.column))));
                }
                Some((self.path(word)?, None))
            })
            .map(|(path, at)| Named {
                path,
                at,
                option: Vec::new(),
                value: String::new(),
            })
            .collect()
    }

    /// The file of the output behind a path of Nix's.
    fn path(&self, file: &str) -> Option<String> {
        let tree = self.generated.tree.as_ref()?;
        let below = self
            .roots
            .iter()
            .find_map(|root| file.strip_prefix(root.as_str())?.strip_prefix('/'))?;
        [below.to_owned(), format!("{below}/default.nix")]
            .into_iter()
            .find(|path| tree.get(path).is_some())
    }

    fn text(&self, path: &str) -> Option<&'a str> {
        let file = self.generated.tree.as_ref()?.get(path)?;
        std::str::from_utf8(&file.bytes).ok()
    }

    /// The place in the spec behind a place of the output.
    fn place(&mut self, machine: &str, named: &Named) -> Option<Found> {
        let text = self.text(&named.path)?;
        if let Some(asset) = self.generated.fleet.assets.get(&named.path) {
            let name = self.generated.shown(asset);
            let start = match named.at {
                Some((line, column)) => offset(text, line, column)?,
                None => defined_at(text, &named.option).unwrap_or_default(),
            };
            let sources = &mut self.sources;
            let file = *self
                .added
                .entry(named.path.clone())
                .or_insert_with(|| sources.add(name, text));
            let rest = &text[start..];
            let end = rest.find(|c: char| c.is_whitespace() || c == ';');
            let length = end.unwrap_or(rest.len()).max(1).min(rest.len());
            return Some(Found {
                span: Span::new(file, start, start + length),
                is_exact: true,
            });
        }
        let module = nix::read_module(text).unwrap_or_default();
        let (option, at) = if let Some((line, column)) = named.at {
            let at = offset(text, line, column)?;
            (enclosing_in(&module, at), Some(at))
        } else {
            let option = in_module(&named.path, &named.option);
            let at = closest(&module, &option, option.len());
            (option, at.map(|(_, at)| at))
        };
        let places = Places::new(&self.generated.fleet, &self.generated.spec);
        let place = places.of_option(&named.path, &option);
        let span = place.span?;
        let from_catalog = self.sources.path(span.file).starts_with("catalog:");
        if from_catalog || place.definition.is_none() {
            // What a feature is made of comes from where the feature is set.
            let code = at.map_or("", |at| statement(&module, text, at));
            if let Some(found) = self.feature(machine, &named.path, code) {
                return Some(found);
            }
        }
        if !place.is_exact {
            return Some(Found {
                span,
                is_exact: false,
            });
        }
        let own = place
            .definition
            .map_or(0, |definition| definition.path.parts().len());
        let prefix = option.len().min(if named.path.starts_with("users/") {
            own + 3
        } else {
            own
        });
        let span = match option.last() {
            // A whole set that does not exist: its name stands before what is in it.
            Some(last) if option.len() < own => self.word_before(span, last).unwrap_or(span),
            _ => self.narrow(span, &option[prefix..], &named.value),
        };
        Some(Found {
            span,
            is_exact: true,
        })
    }

    /// The last place before the start of a span where a word stands by itself, not far away.
    fn word_before(&self, span: Span, word: &str) -> Option<Span> {
        const FAR: usize = 400;
        let text = &self.sources.file(span.file).text;
        let to = span.start as usize;
        let at = text[..to].rfind(word).filter(|at| to - at < FAR)?;
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let is_part = |c: char| c.is_alphanumeric() || "_-".contains(c);
        let is_word = !before.is_some_and(is_part) && !after.is_some_and(is_part);
        is_word.then(|| Span::new(span.file, at, at + word.len()))
    }

    /// The part of a definition that the rest of an option's path, or a value, stands for.
    fn narrow(&self, span: Span, rest: &[String], value: &str) -> Span {
        let mut narrowed = span;
        for part in rest {
            if let Some(found) = word_after(&self.sources, narrowed, part) {
                narrowed = found;
            }
        }
        let value = value.trim().trim_matches('"');
        if value.is_empty() || value.contains(['\n', '{', '[']) {
            return narrowed;
        }
        match self.name_after(narrowed, value) {
            Some(found) if self.is_near(narrowed, found) => found,
            _ => narrowed,
        }
    }

    /// The first place after the start of a span where a name stands, as a part of a path or by itself.
    fn name_after(&self, span: Span, name: &str) -> Option<Span> {
        const FAR: usize = 4000;
        let text = &self.sources.file(span.file).text;
        let from = span.start as usize;
        let is_part = |c: char| c.is_alphanumeric() || "_-".contains(c);
        text[from..]
            .match_indices(name)
            .take_while(|(at, _)| *at < FAR)
            .map(|(at, _)| from + at)
            .find(|at| {
                let before = text[..*at].chars().next_back();
                let after = text[at + name.len()..].chars().next();
                !before.is_some_and(is_part) && !after.is_some_and(is_part)
            })
            .map(|at| Span::new(span.file, at, at + name.len()))
    }

    /// Whether a place is of the same entry as another one before it: nothing less indented between.
    fn is_near(&self, from: Span, to: Span) -> bool {
        let text = &self.sources.file(from.file).text;
        let start = text[..from.start as usize]
            .rfind('\n')
            .map_or(0, |at| at + 1);
        let indent = |line: &str| line.len() - line.trim_start().len();
        let first = text[start..].lines().next().unwrap_or_default();
        let own = indent(first);
        let is_entry = |line: &str| line.trim_start().starts_with("- ");
        let in_list = is_entry(first);
        text[from.start as usize..to.start as usize]
            .split('\n')
            .skip(1)
            .all(|line| {
                let is_next = in_list && is_entry(line) && indent(line) == own;
                line.trim().is_empty() || indent(line) > own || is_next
            })
    }

    /// Where a feature, or the option of it that code uses, is set for a machine.
    fn feature(&self, machine: &str, path: &str, code: &str) -> Option<Found> {
        let parts: Vec<&str> = path.trim_end_matches(".nix").split('/').collect();
        let ["modules" | "home", category, name] = parts.as_slice() else {
            return None;
        };
        let id = FeatureId::new(&format!("{category}.{name}"));
        let machine = self.machine(machine)?;
        let enabled = machine.enabled.get(&id).or_else(|| {
            let mut users = machine.users.values();
            users.find_map(|user| user.enabled.get(&id))
        })?;
        let mut used: Vec<(usize, Span)> = enabled
            .options
            .iter()
            .filter(|(_, value)| !matches!(value.origin.layer, Layer::Default(_)))
            .filter_map(|(option, value)| {
                let at = code.find(&format!("cfg.{option}"))?;
                Some((at, value.origin.span?))
            })
            .collect();
        used.sort_by_key(|(at, _)| *at);
        let span = used.first().map(|(_, span)| *span);
        let span = span.or_else(|| reason(machine, &enabled.reasons, 0))?;
        Some(Found {
            span,
            is_exact: true,
        })
    }

    fn machine(&self, name: &str) -> Option<&'a Host> {
        let fleet = &self.generated.fleet;
        let host = name.strip_prefix("live-iso-").unwrap_or(name);
        (fleet.hosts.get(host))
            .or_else(|| fleet.microvms.get(name).map(|vm| &vm.guest))
            .or_else(|| fleet.images.get(name).map(|image| &image.machine))
    }

    pub(crate) fn name_of(&self, machine: &str) -> Option<Span> {
        let installers = &self.generated.fleet.installers;
        if let Some(host) = machine.strip_prefix("live-iso-")
            && let Some(installer) = installers.get(host)
        {
            return Some(installer.span);
        }
        // What is about no machine is about the fleet.
        let fleet = || {
            let fleet = self.generated.spec.fleet.as_ref();
            fleet.map(|fleet| fleet.name.span)
        };
        let machine = self.machine(machine).map(|machine| machine.span);
        machine.or_else(fleet)
    }

    /// The definition that the words of a text are likeliest about.
    fn by_words(&mut self, machine: &str, text: &str) -> Option<Found> {
        let files = self.files_of(machine);
        // What is told verbatim is the user's own text.
        let verbatim = text.lines().next().unwrap_or_default().trim();
        if verbatim.len() >= LEAST_VERBATIM
            && let Some(found) = self.by_text(machine, &files, verbatim, "")
        {
            return Some(found);
        }
        let modules: Vec<(&String, Module)> = files
            .iter()
            .filter_map(|path| Some((path, nix::read_module(self.text(path)?).ok()?)))
            .collect();
        let mut best: Option<(usize, usize, Named)> = None;
        for (nth, (option, least)) in options_in(text).into_iter().enumerate() {
            for (path, module) in &modules {
                let own = in_module(path, &option);
                let Some((shared, at)) = closest(module, &own, least) else {
                    continue;
                };
                let is_better = best.as_ref().is_none_or(|(known, before, _)| {
                    shared > *known && (nth == *before || shared > *known + 1)
                });
                if is_better && let Some(named) = self.named_at(path, at) {
                    best = Some((shared, nth, named));
                }
            }
        }
        if let Some((_, _, named)) = best {
            return self.place(machine, &named);
        }
        // `security.acme.…` is often about `enableACME`.
        let words: BTreeSet<String> = options_in(text)
            .into_iter()
            .filter_map(|(option, _)| option.get(1).map(|word| word.to_lowercase()))
            .filter(|word| word.len() >= LEAST_WORD && word.chars().all(char::is_alphanumeric))
            .collect();
        for (path, module) in &modules {
            let mut named = Vec::new();
            names_of(&module.config, &mut named);
            for (name, at) in named {
                let name = name.to_lowercase();
                if words.iter().any(|word| name.contains(word.as_str())) {
                    let named = self.named_at(path, at)?;
                    return self.place(machine, &named);
                }
            }
        }
        None
    }

    /// A place of a file by its offset.
    fn named_at(&self, path: &str, at: usize) -> Option<Named> {
        let text = self.text(path)?;
        let last = text[..at].rsplit('\n').next().unwrap_or_default();
        Some(Named {
            path: path.to_owned(),
            at: Some((
                1 + text[..at].matches('\n').count(),
                1 + last.chars().count(),
            )),
            option: Vec::new(),
            value: String::new(),
        })
    }

    /// Where a text stands in a machine's modules; `value` is the part of it that the spec has.
    fn by_text(
        &mut self,
        machine: &str,
        files: &[String],
        text: &str,
        value: &str,
    ) -> Option<Found> {
        let is_part = |c: char| c.is_alphanumeric() || "_-".contains(c);
        let (path, at) = files.iter().find_map(|path| {
            let all = self.text(path)?;
            let (at, _) = all.match_indices(text).find(|(at, _)| {
                let after = all[at + text.len()..].chars().next();
                value.is_empty() || !after.is_some_and(is_part)
            })?;
            Some((path.clone(), at))
        })?;
        let mut named = self.named_at(&path, at)?;
        value.clone_into(&mut named.value);
        self.place(machine, &named)
    }

    /// The place of a package that nixpkgs refuses: where it is named.
    fn by_package(&mut self, machine: &str, message: &str) -> Option<Found> {
        let files = self.files_of(machine);
        for word in quoted(message) {
            let mut name = word.as_str();
            loop {
                if let Some(found) = self.by_text(machine, &files, &format!("pkgs.{name}"), name) {
                    return Some(found);
                }
                match name.rsplit_once('-') {
                    Some((shorter, _)) => name = shorter,
                    None => break,
                }
            }
        }
        None
    }

    /// The place in a hand-written module that names a file.
    fn by_file(&mut self, machine: &str, message: &str) -> Option<Found> {
        let file = quoted(message).find(|word| word.contains('/'))?;
        let name = file.rsplit('/').next()?.trim_end_matches(".nix").to_owned();
        let own: Vec<String> = self.generated.fleet.assets.keys().cloned().collect();
        self.by_text(machine, &own, &name, "")
    }

    /// The input that a text is about: by its name, or by the repository that it is fetched from.
    fn by_input(&self, failure: &Failure) -> Option<Found> {
        let spec = &self.generated.spec;
        let fleet = &self.generated.fleet;
        let mut said: Vec<&str> = vec![&failure.message];
        said.extend(failure.frames.iter().rev().map(|frame| frame.what.as_str()));
        let repository = |url: &str| -> Option<String> {
            let path = url.split_once(':')?.1.trim_start_matches('/');
            let parts: Vec<&str> = path.split('/').take(2).collect();
            (parts.len() == 2).then(|| parts.join("/"))
        };
        let by_name = quoted(&failure.message).find(|word| fleet.inputs.contains_key(word));
        let name = by_name.or_else(|| {
            let fetched = |input: &model::Input| {
                repository(&input.url)
                    .is_some_and(|path| said.iter().any(|text| text.contains(&path)))
            };
            let mut inputs = fleet.inputs.iter();
            inputs
                .find(|(_, input)| fetched(input))
                .map(|(name, _)| name.clone())
        });
        let item = name.and_then(|name| spec.inputs.get(&name));
        let span = item.map(|item| item.name.span);
        // Inputs that the spec does not name are the fleet's.
        let fleet = || {
            let fleet = spec.fleet.as_ref()?;
            let channel = fleet.value.channel.as_ref();
            Some(channel.map_or(fleet.name.span, |channel| channel.span))
        };
        Some(Found {
            span: span.or_else(fleet)?,
            is_exact: true,
        })
    }

    /// The modules of a machine, its own first.
    fn files_of(&self, machine: &str) -> Vec<String> {
        let mut open: Vec<String> = match machine.strip_prefix("live-iso-") {
            Some(host) => vec![format!("installers/{host}.nix")],
            None => [
                format!("hosts/{machine}/default.nix"),
                format!("microvms/{machine}.nix"),
                format!("images/{machine}.nix"),
            ]
            .to_vec(),
        };
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut files = Vec::new();
        while !open.is_empty() {
            let mut next = Vec::new();
            for path in std::mem::take(&mut open) {
                let Some(text) = self.text(&path) else {
                    continue;
                };
                if !seen.insert(path.clone()) {
                    continue;
                }
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                if let Ok(module) = nix::read_module(text) {
                    let imports = module.imports.iter();
                    next.extend(imports.filter_map(|import| self.below(folder, import)));
                    next.extend(
                        home_imports(&module.config)
                            .iter()
                            .filter_map(|import| self.below(folder, import)),
                    );
                }
                files.push(path);
            }
            open = next;
        }
        files
    }

    fn below(&self, folder: &str, path: &str) -> Option<String> {
        let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                part => parts.push(part),
            }
        }
        let path = parts.join("/");
        [path.clone(), format!("{path}/default.nix")]
            .into_iter()
            .find(|path| self.text(path).is_some())
    }

    /// Puts a finding at its place, and says where a feature's definition comes from.
    fn stand(&self, diagnostic: Diagnostic, machine: &str, found: Found) -> Diagnostic {
        let mut diagnostic = diagnostic;
        diagnostic.span = Some(found.span);
        let own = self.name_of(machine);
        if let Some(feature) = self
            .generated
            .fleet
            .features
            .values()
            .find(|feature| feature.span == Some(found.span))
            && let Some(machine) = self.machine(machine)
            && let Some(enabled) = machine.enabled.get(&feature.id)
            && let Some(span) = reason(machine, &enabled.reasons, 0)
            && Some(span) != own
        {
            diagnostic = diagnostic.related(span, "switched on here");
        }
        diagnostic
    }

    /// Nix's words, with the files of the output under the names that users know, on one line.
    fn shown(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for root in &self.roots {
            text = renamed(&text, root, &self.out);
        }
        // How to allow a package otherwise than by the spec is of no use here.
        if let Some((what, _)) = text.split_once("\na) To temporarily allow") {
            text = what.to_owned();
        }
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let more = lines.len() > MOST_LINES;
        let kept = lines[..lines.len().min(MOST_LINES)].join(" ");
        let mut shown = without_hashes(&kept.replace(" missing Did you", " missing; did you"));
        if more {
            shown.push_str(" …");
        }
        shown.trim_end_matches('.').to_owned()
    }
}

/// What kinds of errors there are.
struct Kinds {
    code: &'static str,
    help: &'static [&'static str],
    /// Whether the first name in quotes is an option.
    is_about_an_option: bool,
    /// Whether the files that it names all count.
    names_several: bool,
}

impl Kinds {
    fn of(message: &str) -> Self {
        let has = |part: &str| message.contains(part);
        let plain = |code| Self {
            code,
            help: &[],
            is_about_an_option: false,
            names_several: false,
        };
        let option = |code, names_several, help| Self {
            code,
            help,
            is_about_an_option: true,
            names_several,
        };
        if has("' does not exist. Definition values") {
            return option("eval-option", false, &[]);
        }
        if has("has conflicting definition")
            || has("is defined multiple times")
            || has("is read-only, but it's set")
        {
            let help: &[&str] = if has("is read-only") {
                &[]
            } else {
                &["settle it with `!force` at the host, or take one of them away"]
            };
            return option("eval-conflict", true, help);
        }
        if has("' is not of type `") {
            return option("eval-type", false, &[]);
        }
        if has("but has no value defined") || has("is used but not defined") {
            return option(
                "eval-undefined",
                false,
                &["set it in the settings of the host"],
            );
        }
        if has("infinite recursion encountered") {
            return Self {
                help: &[
                    "a value asks for itself, often by way of `config` in `imports` or in the same option",
                ],
                ..plain("eval-recursion")
            };
        }
        if has("is not tracked by Git") {
            return Self {
                help: &["Nix sees only files that git knows: `git add -N` the output folder"],
                ..plain("eval-file")
            };
        }
        if (has("path '") && has("does not exist")) || has("No such file or directory") {
            return Self {
                help: &["a file that git does not know is not there for Nix: `git add -N` it"],
                ..plain("eval-file")
            };
        }
        if has("allow-import-from-derivation") || has(".drv' is not valid") {
            return Self {
                help: &[
                    "the evaluation would have to build something; put the text into the spec or a file",
                ],
                ..plain("eval-build")
            };
        }
        if has("has an unfree license")
            || has("is marked as insecure")
            || has("is marked as broken")
        {
            return Self {
                help: &[
                    "`fleet.packages.unfree` and `fleet.packages.insecure` say what is allowed",
                ],
                ..plain("eval-package")
            };
        }
        if has("is not available on the requested hostPlatform") {
            return plain("eval-package");
        }
        if has("fetching the input")
            || has("in the flake registries")
            || has("unable to download")
            || (message.starts_with("input '") && has("' of '"))
            || has("cannot update unlocked flake input")
            || has("does not match hash in")
            || has("NAR hash mismatch")
        {
            return Self {
                help: &["`nix flake lock` in the output folder brings the inputs and locks them"],
                ..plain("eval-input")
            };
        }
        if has("attribute '") && has("' missing") || has("undefined variable '") {
            return plain("eval-name");
        }
        plain("eval-error")
    }

    /// The name that the message is about, to be found in the line.
    fn word(&self, message: &str) -> String {
        match self.code {
            "eval-name" => quoted(message).next().unwrap_or_default(),
            _ => String::new(),
        }
    }
}

/// The texts of failed assertions.
fn assertions(message: &str) -> Vec<String> {
    let Some((_, list)) = message.split_once("Failed assertions:") else {
        return Vec::new();
    };
    let mut all: Vec<String> = Vec::new();
    for line in list.lines() {
        if let Some(first) = line.strip_prefix("- ") {
            all.push(first.to_owned());
        } else if let Some(last) = all.last_mut() {
            last.push('\n');
            last.push_str(line);
        }
    }
    all.iter().map(|text| text.trim().to_owned()).collect()
}

/// Words in quotes of any kind, also of those that end otherwise than they begin.
fn quoted(text: &str) -> impl Iterator<Item = String> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(['`', '\'', '‘', '"']) {
        let mut inside = rest[start..].chars();
        let open = inside.next().unwrap_or('`');
        let after = inside.as_str();
        // A path of attributes may hold quoted parts: the end is a quote before no part of a name.
        let end = after.char_indices().find(|(at, c)| {
            let closes = match open {
                '`' => matches!(c, '\'' | '`'),
                '‘' => *c == '’',
                other => *c == other,
            };
            let next = after[at + c.len_utf8()..].chars().next();
            closes && !next.is_some_and(char::is_alphanumeric)
        });
        let Some((end, c)) = end else {
            rest = after;
            continue;
        };
        words.push(after[..end].to_owned());
        rest = &after[end + c.len_utf8()..];
    }
    words.into_iter()
}

/// The parts of an attribute path as Nix prints it.
fn parts(path: impl AsRef<str>) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut is_quoted = false;
    for c in path.as_ref().chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            '.' if !is_quoted => parts.push(String::new()),
            c => {
                if let Some(last) = parts.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    parts
}

/// What looks like the name of an option in a text, with how much of it a definition must share: all
/// of a single word, two parts of a path.
fn options_in(text: &str) -> Vec<(Vec<String>, usize)> {
    let mut found: Vec<(Vec<String>, usize)> = Vec::new();
    let mut add = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '_' && c != '"');
        let is_name = |part: &String| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_alphanumeric() || "_-<>*@:/.".contains(c))
        };
        let parts = parts(word);
        let looks_right = parts.len() > 1
            && parts.iter().all(is_name)
            && parts[0]
                .chars()
                .all(|c| c.is_alphanumeric() || c == '_' || c == '-')
            && parts[0].starts_with(|c: char| c.is_lowercase());
        if looks_right && !found.iter().any(|(known, _)| *known == parts) {
            found.push((parts, 2));
        }
    };
    for word in text.split(|c: char| c.is_whitespace() || "`'‘’,;(){}=".contains(c)) {
        add(word);
    }
    for word in quoted(text) {
        let is_option = word.starts_with(|c: char| c.is_lowercase())
            && word.chars().all(char::is_alphanumeric)
            && word.chars().any(char::is_uppercase);
        if is_option {
            found.push((vec![word], 1));
        }
    }
    found
}

/// An option's path as the module of a file writes it: Home Manager's own files begin at the user.
fn in_module(path: &str, option: &[String]) -> Vec<String> {
    let is_home = path.starts_with("home/");
    match option {
        [first, second, _, rest @ ..]
            if is_home && first == "home-manager" && second == "users" =>
        {
            rest.to_vec()
        }
        all => all.to_vec(),
    }
}

/// The definition of a module that shares most of an option's path, at least so many parts: how many,
/// and where it begins.
fn closest(module: &Module, option: &[String], least: usize) -> Option<(usize, usize)> {
    fn descend(
        attrs: &[Attr],
        option: &[String],
        before: usize,
        best: &mut Option<(usize, usize)>,
    ) {
        for attr in attrs {
            let names: Vec<&str> = attr.path.iter().flatten().map(String::as_str).collect();
            let rest = &option[before..];
            let same =
                |(name, part): &(&&str, &String)| **name == part.as_str() || part.starts_with('<');
            let shared = names.iter().zip(rest).take_while(same).count();
            if shared == 0 {
                continue;
            }
            let all = before + shared;
            if best.is_none_or(|(known, _)| all > known) {
                *best = Some((all, attr.start));
            }
            if shared == names.len() && all < option.len() {
                within(&attr.value.kind, option, all, best);
            }
        }
    }
    fn within(kind: &Kind, option: &[String], before: usize, best: &mut Option<(usize, usize)>) {
        match kind {
            Kind::Attrs(attrs) => descend(attrs, option, before, best),
            Kind::Function(node) => within(&node.kind, option, before, best),
            Kind::AnyOf(nodes) => {
                for node in nodes {
                    within(&node.kind, option, before, best);
                }
            }
            _ => {}
        }
    }
    let mut best = None;
    descend(&module.config, option, 0, &mut best);
    best.filter(|(shared, _)| *shared >= least.min(option.len()) && *shared > 0)
}

fn defined_at(text: &str, option: &[String]) -> Option<usize> {
    let module = nix::read_module(text).ok()?;
    closest(&module, option, 1).map(|(_, at)| at)
}

/// The text of the innermost definition around a place.
fn statement<'t>(module: &Module, text: &'t str, at: usize) -> &'t str {
    fn descend(kind: &Kind, at: usize, range: &mut (usize, usize)) {
        match kind {
            Kind::Attrs(attrs) => {
                let around = |attr: &&Attr| attr.start <= at && at < attr.value.end;
                if let Some(attr) = attrs.iter().find(around) {
                    *range = (attr.start, attr.value.end);
                    descend(&attr.value.kind, at, range);
                }
            }
            Kind::Function(node) => descend(&node.kind, at, range),
            Kind::AnyOf(nodes) => {
                if let Some(node) = nodes.iter().find(|node| node.start <= at && at < node.end) {
                    descend(&node.kind, at, range);
                }
            }
            _ => {}
        }
    }
    let mut range = (0, 0);
    descend(&Kind::Attrs(module.config.clone()), at, &mut range);
    text.get(range.0..range.1).unwrap_or_default()
}

/// The modules that `home-manager.users.*.imports` names.
fn home_imports(attrs: &[Attr]) -> Vec<String> {
    fn collect(kind: &Kind, found: &mut Vec<String>) {
        match kind {
            Kind::Attrs(attrs) => {
                for attr in attrs {
                    if attr.path.last() == Some(&Some("imports".to_owned())) {
                        paths(&attr.value.kind, found);
                    } else {
                        collect(&attr.value.kind, found);
                    }
                }
            }
            Kind::Function(node) => collect(&node.kind, found),
            _ => {}
        }
    }
    fn paths(kind: &Kind, found: &mut Vec<String>) {
        match kind {
            Kind::Path(path) => found.push(path.clone()),
            Kind::List(nodes) | Kind::AnyOf(nodes) => {
                for node in nodes {
                    paths(&node.kind, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for attr in attrs {
        if attr.path.first() == Some(&Some("home-manager".to_owned())) {
            if attr.path.last() == Some(&Some("imports".to_owned())) {
                paths(&attr.value.kind, &mut found);
            } else {
                collect(&attr.value.kind, &mut found);
            }
        }
    }
    found
}

/// The names that a module defines, the last part of each path, with their places.
fn names_of(attrs: &[Attr], into: &mut Vec<(String, usize)>) {
    fn within(kind: &Kind, into: &mut Vec<(String, usize)>) {
        match kind {
            Kind::Attrs(attrs) => names_of(attrs, into),
            Kind::Function(node) => within(&node.kind, into),
            Kind::AnyOf(nodes) => {
                for node in nodes {
                    within(&node.kind, into);
                }
            }
            _ => {}
        }
    }
    for attr in attrs {
        let last = attr.path.iter().flatten().next_back();
        into.extend(last.map(|name| (name.clone(), attr.start)));
        within(&attr.value.kind, into);
    }
}

/// Where a feature is named, or what requires it is.
fn reason(machine: &Host, reasons: &[Reason], depth: usize) -> Option<Span> {
    const DEEPEST: usize = 20;
    if depth > DEEPEST {
        return None;
    }
    let named = reasons.iter().find_map(|reason| match reason {
        Reason::Named(origin) => origin.span,
        _ => None,
    });
    named.or_else(|| {
        reasons.iter().find_map(|why| {
            let enabled = match why {
                Reason::Named(_) => return None,
                Reason::RequiredBy { feature } => machine.enabled.get(feature),
                Reason::RequiredByHome { feature, user } => {
                    machine.users.get(user)?.enabled.get(feature)
                }
            };
            reason(machine, &enabled?.reasons, depth + 1)
        })
    })
}

/// A text with another name for a folder, where that stands whole.
fn renamed(text: &str, folder: &str, name: &str) -> String {
    let is_part = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(folder) {
        let (before, after) = (&rest[..at], &rest[at + folder.len()..]);
        let is_whole = !before
            .chars()
            .next_back()
            .or(out.chars().next_back())
            .is_some_and(is_part)
            && !after.chars().next().is_some_and(is_part);
        out.push_str(before);
        out.push_str(if is_whole { name } else { folder });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Store paths without the hash, which says nothing to people and changes with every input.
fn without_hashes(text: &str) -> String {
    const STORE: &str = "/nix/store/";
    const HASH: usize = 32;
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(STORE) {
        let (before, after) = rest.split_at(at + STORE.len());
        out.push_str(before);
        let is_hash = after.len() > HASH
            && after.as_bytes()[HASH] == b'-'
            && after.as_bytes()[..HASH]
                .iter()
                .all(u8::is_ascii_alphanumeric);
        if is_hash {
            out.push('…');
            rest = &after[HASH..];
        } else {
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_quotes() {
        let all = |text: &str| quoted(text).collect::<Vec<_>>();
        assert_eq!(all("The option `a.b' does"), ["a.b"]);
        assert_eq!(all("attribute 'x' missing"), ["x"]);
        assert_eq!(all("by setting `a.b` to `true`"), ["a.b", "true"]);
        assert_eq!(all("The ‘fileSystems’ option"), ["fileSystems"]);
        assert_eq!(all("the CA's terms `a.b`"), ["a.b"]);
    }

    #[test]
    fn paths_of_options() {
        assert_eq!(parts("a.\"b.c\".d"), ["a", "b.c", "d"]);
        let found =
            options_in("Set users.users.bob.group = \"bob\"; see https://a.b/c. Not e.g. this.");
        let found: Vec<String> = found.iter().map(|(parts, _)| parts.join(".")).collect();
        assert_eq!(found, ["users.users.bob.group", "e.g"]);
        let found = options_in("The ‘fileSystems’ option does not specify");
        assert_eq!(found, [(vec!["fileSystems".to_owned()], 1)]);
    }

    #[test]
    fn the_closest_definition() {
        let text = "{\n  a.b.c = 1;\n  services = { x.enable = true; y = { z = 2; }; };\n}\n";
        let module = nix::read_module(text).unwrap();
        let at =
            |path: &str, least| closest(&module, &parts(path), least).map(|(_, at)| &text[at..=at]);
        assert_eq!(at("a.b", 2), Some("a"));
        assert_eq!(at("services.y.z", 2), Some("z"));
        assert_eq!(at("services.y.q", 2), Some("y"));
        assert_eq!(at("services.q", 2), None);
        assert_eq!(at("nothing", 1), None);
    }

    #[test]
    fn hashes_are_no_news() {
        let text = "in /nix/store/1hrw7pd5xaknz5nbpcmj23xwq39rpr84-source/lib/a.nix: x";
        assert_eq!(without_hashes(text), "in /nix/store/…-source/lib/a.nix: x");
    }

    #[test]
    fn folders_are_renamed_where_they_stand_whole() {
        let text = "/flake/a.nix, `/flake', /x/flake.nix and /flakes";
        let expected = "generated/a.nix, `generated', /x/flake.nix and /flakes";
        assert_eq!(renamed(text, "/flake", "generated"), expected);
    }

    #[test]
    fn assertions_are_told_apart() {
        let message = "Failed assertions:\n- one\nmore\n\n- two";
        assert_eq!(assertions(message), ["one\nmore", "two"]);
        assert_eq!(assertions("other"), Vec::<String>::new());
    }
}
