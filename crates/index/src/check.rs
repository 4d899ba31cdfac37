//! What the module system would refuse in a module: options that do not exist, values of another
//! type, names that moved or are gone.

use std::collections::BTreeMap;

use diag::Diagnostic;
use nix::{Attr, AttrPath, Kind, Module, Node, module_of};

use crate::options::{OptionFacts, Options, Place};
use crate::suggest;
use crate::types::Shape;
use crate::{Index, Type};

/// Whose options a module sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Context {
    /// NixOS.
    Nixos,
    /// Home Manager.
    Home,
    /// NixOS inside a microVM.
    Guest,
}

impl Context {
    fn name(self) -> &'static str {
        match self {
            Self::Nixos => "NixOS",
            Self::Home => "Home Manager",
            Self::Guest => "a microVM guest",
        }
    }

    fn tree(self) -> usize {
        usize::from(self == Self::Home)
    }
}

/// Options that modules of the tree itself declare.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    trees: [Branch; 2],
}

#[derive(Clone, Debug, Default)]
struct Branch {
    below: BTreeMap<String, Branch>,
    /// Below a name that is computed.
    any: Option<Box<Branch>>,
    is_option: bool,
}

impl Declared {
    /// Takes note of what a module declares.
    pub fn add(&mut self, module: &Module, context: Context) {
        for path in &module.options {
            let mut branch = &mut self.trees[context.tree()];
            for name in path {
                branch = match name {
                    Some(name) => branch.below.entry(name.clone()).or_default(),
                    None => &mut **branch.any.get_or_insert_default(),
                };
            }
            branch.is_option = true;
        }
    }
}

/// What a check may count on.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The facts.
    pub index: &'a Index,
    /// Options that the tree itself declares.
    pub declared: &'a Declared,
    /// Modules come from inputs whose options the index does not hold: what is unknown may be theirs.
    pub is_partial: bool,
    /// Modules come from places that are not known, such as nixpkgs' profiles: they may add options
    /// under names that the index lacks at the top.
    pub has_foreign: bool,
    /// The module that is checked imports such modules itself: it may set any of their options.
    pub imports_foreign: bool,
}

/// A finding in a module.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What is wrong; without a place, which the caller knows.
    pub diagnostic: Diagnostic,
    /// Byte offset of the start in the module's text.
    pub start: usize,
    /// Byte offset after the end.
    pub end: usize,
    /// The path of the definition from the root of the module; empty for code that only reads.
    pub path: Vec<String>,
}

/// Checks what a module defines and reads.
pub fn check(module: &Module, context: Context, scope: &Scope<'_>) -> Vec<Finding> {
    let mut walk = Walk {
        scope,
        findings: Vec::new(),
        path: Vec::new(),
    };
    let frame = walk.frame(context, 0);
    walk.attrs(&frame, &frame.root.clone(), &module.config);
    for read in &module.reads {
        let context = if read.root == "osConfig" {
            Context::Nixos
        } else {
            context
        };
        walk.read(read, context);
    }
    walk.findings
}

/// The option at a place of a module, for rules that ask about one.
pub(crate) fn lookup(index: &Index, context: Context, path: &[String]) -> Option<OptionFacts> {
    let declared = Declared::default();
    let scope = Scope {
        index,
        declared: &declared,
        is_partial: false,
        has_foreign: false,
        imports_foreign: false,
    };
    let walk = Walk {
        scope: &scope,
        findings: Vec::new(),
        path: Vec::new(),
    };
    let mut frame = walk.frame(context, 0);
    let mut spots = frame.root.clone();
    for (at, name) in path.iter().enumerate() {
        spots = Walk::step(&spots, Some(name));
        if let Some(inner) = inner_context(&frame, &path[frame.base..=at]) {
            frame = walk.frame(inner, at + 1);
            spots.clone_from(&frame.root);
        }
    }
    spots.iter().find_map(|spot| match spot {
        Spot::Index(options, place) => place.option.map(|at| options.facts(at).clone()),
        _ => None,
    })
}

/// A place where a name may stand: in the index, in a type, among the tree's own options, or anywhere.
#[derive(Clone, Debug)]
enum Spot<'a> {
    Index(&'a Options, Place),
    Typed(Type),
    Declared(&'a Branch),
    Open,
}

/// The module system that a part of a module belongs to.
#[derive(Clone, Debug)]
struct Frame<'a> {
    context: Context,
    /// How many names of the path stand before it.
    base: usize,
    root: Vec<Spot<'a>>,
}

struct Walk<'a> {
    scope: &'a Scope<'a>,
    findings: Vec<Finding>,
    path: Vec<String>,
}

/// The name of the elements of a list.
const ELEMENT: &str = "*";

/// The name of a set's attribute when it is computed.
const COMPUTED: &str = "${…}";

impl<'a> Walk<'a> {
    fn frame(&self, context: Context, base: usize) -> Frame<'a> {
        let index = self.scope.index;
        let of = |options: &'a Options| Spot::Index(options, options.root());
        let mut root = match context {
            Context::Nixos => vec![of(&index.nixos)],
            Context::Home => vec![of(&index.home)],
            Context::Guest => vec![of(&index.nixos), of(&index.microvm)],
        };
        root.push(Spot::Declared(&self.scope.declared.trees[context.tree()]));
        Frame {
            context,
            base,
            root,
        }
    }

    fn attrs(&mut self, frame: &Frame<'a>, spots: &[Spot<'a>], attrs: &[Attr]) {
        for attr in attrs {
            self.attr(frame, spots, attr);
        }
    }

    fn attr(&mut self, frame: &Frame<'a>, spots: &[Spot<'a>], attr: &Attr) {
        let depth = self.path.len();
        let mut frame = frame.clone();
        let mut spots = spots.to_vec();
        for (at, name) in attr.path.iter().enumerate() {
            let is_root = self.path.len() == frame.base && frame.base > 0;
            if is_root && name.as_deref() == Some("config") {
                continue;
            }
            let next = Self::step(&spots, name.as_deref());
            if next.is_empty() {
                let in_module = name
                    .as_deref()
                    .is_some_and(|n| n == "config" || nix::MODULE_ATTRS.contains(&n));
                if !in_module || self.path.is_empty() {
                    self.unknown(&frame, &spots, attr, at);
                }
                self.path.truncate(depth);
                return;
            }
            let shown = name.clone().unwrap_or_else(|| COMPUTED.to_owned());
            self.path.push(shown);
            spots = next;
            if let Some(context) = inner_context(&frame, &self.path[frame.base..]) {
                frame = self.frame(context, self.path.len());
                spots.clone_from(&frame.root);
            }
            if let Some(target) = self.moved(&frame, &spots, attr) {
                spots = target;
            }
        }
        if self.path.len() == frame.base && frame.base > 0 {
            self.module(&frame, &attr.value);
        } else if !self.gone(&frame, &spots, attr) {
            self.value(&frame, &spots, &attr.value, attr);
        }
        self.path.truncate(depth);
    }

    /// A value that is a whole module.
    fn module(&mut self, frame: &Frame<'a>, node: &Node) {
        let module = module_of(node);
        let root = frame.root.clone();
        self.attrs(frame, &root, &module.config);
    }

    /// The places that a name leads to from any of some places.
    fn step(spots: &[Spot<'a>], name: Option<&str>) -> Vec<Spot<'a>> {
        let mut found = Vec::new();
        for spot in spots {
            match spot {
                Spot::Open => found.push(Spot::Open),
                Spot::Typed(ty) => {
                    found.extend(ty.below(name).into_iter().flatten().map(Spot::Typed));
                }
                Spot::Declared(branch) => {
                    if branch.is_option {
                        found.push(Spot::Open);
                        continue;
                    }
                    match name {
                        Some(name) => {
                            found.extend(branch.below.get(name).map(Spot::Declared));
                            found.extend(branch.any.as_deref().map(Spot::Declared));
                        }
                        None if branch.any.is_some() || !branch.below.is_empty() => {
                            found.push(Spot::Open);
                        }
                        None => {}
                    }
                }
                Spot::Index(options, place) => {
                    step_in_index(options, *place, name, &mut found);
                }
            }
        }
        // What is declared stands before what would also be allowed.
        let is_option = |spot: &Spot<'_>| match spot {
            Spot::Index(_, place) => place.option.is_some(),
            _ => false,
        };
        if found.iter().any(is_option) {
            found.retain(|spot| !matches!(spot, Spot::Typed(_)));
        }
        found
    }

    fn push(&mut self, diagnostic: Diagnostic, start: usize, end: usize) {
        self.findings.push(Finding {
            diagnostic,
            start,
            end,
            path: self.path.clone(),
        });
    }

    fn shown(frame: &Frame<'_>, path: &[String]) -> String {
        text(&path[frame.base.min(path.len())..])
    }

    fn exists(frame: &Frame<'a>, path: &[String]) -> bool {
        let mut spots = frame.root.clone();
        for name in path {
            spots = Self::step(&spots, Some(name));
        }
        !spots.is_empty()
    }

    fn unknown(&mut self, frame: &Frame<'a>, spots: &[Spot<'a>], attr: &Attr, at: usize) {
        let depth = self.path.len();
        let names =
            |from: &[Option<String>]| -> Vec<String> { from.iter().flatten().cloned().collect() };
        let mut path = self.path.clone();
        path.extend(names(&attr.path[at..]));
        // What is set below tells more about what is meant.
        let mut probe = path[frame.base..].to_vec();
        let length = probe.len();
        let mut value = &attr.value;
        while let Kind::Attrs(attrs) = &value.kind {
            let Some(first) = attrs.first() else { break };
            probe.extend(names(&first.path));
            value = &first.value;
        }
        let broken = depth - frame.base;
        let may_be_foreign = self.scope.imports_foreign || self.scope.has_foreign && broken == 0;
        let is_elsewhere =
            Self::exists(&self.frame(other_half(frame.context), 0), &probe[..length]);
        if may_be_foreign && !is_elsewhere {
            let meant = self.suggestion(frame, spots, &probe, broken);
            if !meant.is_some_and(|path| path.len() == probe.len() && Self::exists(frame, &path)) {
                return;
            }
        }
        let diagnostic = self.unknown_path(frame, spots, &probe, length, broken);
        self.path = path;
        self.push(diagnostic, attr.start, attr.end);
        self.path.truncate(depth);
    }

    /// The finding for a path whose name number `broken` does not exist; `length` of the names are
    /// the path itself, the rest is what is set below.
    fn unknown_path(
        &self,
        frame: &Frame<'a>,
        spots: &[Spot<'a>],
        probe: &[String],
        length: usize,
        broken: usize,
    ) -> Diagnostic {
        let path = &probe[..length];
        let message = format!("`{}` is no option of {}", text(path), frame.context.name());
        let make = if self.scope.is_partial {
            Diagnostic::warning
        } else {
            Diagnostic::error
        };
        let mut diagnostic = make("setting-unknown", None, message);
        let other = other_half(frame.context);
        let suggestion = self.suggestion(frame, spots, probe, broken);
        // A name that is right elsewhere is seldom a slip of the pen here.
        if Self::exists(&self.frame(other, 0), path) {
            diagnostic = diagnostic.help(match other {
                Context::Home => {
                    "it is an option of Home Manager: set it in a profile, or below `home` of a user"
                }
                _ => "it is an option of NixOS: set it in a template, a host or a system feature",
            });
        }
        if let Some(mut found) = suggestion {
            if found.len() == probe.len() {
                found.truncate(length);
            }
            diagnostic = diagnostic.help(format!("did you mean `{}`?", text(&found)));
        }
        if self.scope.is_partial {
            diagnostic = diagnostic.help(
                "the index lacks the options of an input: `gen index` makes one that has them",
            );
        }
        diagnostic
    }

    fn suggestion(
        &self,
        frame: &Frame<'a>,
        spots: &[Spot<'a>],
        probe: &[String],
        broken: usize,
    ) -> Option<Vec<String>> {
        let known = |path: &[String]| Self::exists(frame, path);
        for spot in spots {
            let Spot::Declared(branch) = spot else {
                continue;
            };
            let word = probe.get(broken)?;
            let names = branch.below.keys().map(String::as_str);
            if let Some(name) = suggest::nearest(word, names) {
                let mut found = probe.to_vec();
                name.clone_into(&mut found[broken]);
                if known(&found) {
                    return Some(found);
                }
            }
        }
        let mut best = None;
        for options in [
            &self.scope.index.nixos,
            &self.scope.index.home,
            &self.scope.index.microvm,
        ] {
            let reached: Vec<Place> = spots
                .iter()
                .filter_map(|spot| match spot {
                    Spot::Index(of, place) if std::ptr::eq(*of, options) => Some(*place),
                    _ => None,
                })
                .collect();
            if reached.is_empty() {
                continue;
            }
            let Some(found) = suggest::option(options, probe, broken, &reached, known) else {
                continue;
            };
            if known(&found) {
                return Some(found);
            }
            best = best.or(Some(found));
        }
        best
    }

    /// Reports an option that was renamed, and goes on at its new name.
    fn moved(
        &mut self,
        frame: &Frame<'a>,
        spots: &[Spot<'a>],
        attr: &Attr,
    ) -> Option<Vec<Spot<'a>>> {
        let [Spot::Index(options, place)] = spots else {
            return None;
        };
        let facts = options.facts(place.option?);
        let alias = facts.alias_of.as_deref()?;
        let (full, target) = match alias_target(options, &facts.name, alias) {
            Some((full, place)) => (full, vec![Spot::Index(options, place)]),
            // It went into a set that takes any name, which is no option of its own.
            None => (alias.to_owned(), Self::below_an_option(frame, alias)),
        };
        // Names stand where the index has placeholders.
        let mut shown: Vec<String> = crate::options::segments(&full)
            .into_iter()
            .map(|name| name.trim_matches('"').to_owned())
            .collect();
        let own = &self.path[frame.base..];
        for (at, name) in shown.iter_mut().enumerate() {
            if name.starts_with('<')
                && let Some(real) = own.get(at)
            {
                name.clone_from(real);
            }
        }
        let old = Self::shown(frame, &self.path);
        let new = AttrPath(shown);
        self.push(
            Diagnostic::warning(
                "setting-renamed",
                None,
                format!("`{old}` was renamed to `{new}`"),
            )
            .help(format!("write `{new}`; Nix warns about the old name")),
            attr.start,
            attr.end,
        );
        Some(target)
    }

    /// Where a path leads that need not be an option; anywhere if it leads nowhere.
    fn below_an_option(frame: &Frame<'a>, path: &str) -> Vec<Spot<'a>> {
        let mut spots = frame.root.clone();
        for name in crate::options::segments(path) {
            spots = Self::step(&spots, Some(name.trim_matches('"')));
        }
        if spots.is_empty() {
            spots.push(Spot::Open);
        }
        spots
    }

    /// Reports an option that was removed or may only be read.
    fn gone(&mut self, frame: &Frame<'a>, spots: &[Spot<'a>], attr: &Attr) -> bool {
        let [Spot::Index(options, place)] = spots else {
            return false;
        };
        let Some(facts) = place.option.map(|at| options.facts(at)) else {
            return false;
        };
        let shown = Self::shown(frame, &self.path);
        // What is only hidden has a type of its own.
        if facts.removed && facts.ty.shape() == Shape::Anything {
            let message = format!("`{shown}` was removed from {}", frame.context.name());
            self.push(
                Diagnostic::error("setting-removed", None, message)
                    .help("setting it is an error; its documentation or release notes say what replaces it"),
                attr.start,
                attr.end,
            );
            return true;
        }
        if facts.read_only && !facts.no_default {
            self.push(
                Diagnostic::error(
                    "setting-read-only",
                    None,
                    format!("`{shown}` can only be read"),
                )
                .help("remove it"),
                attr.start,
                attr.end,
            );
            return true;
        }
        false
    }

    fn value(&mut self, frame: &Frame<'a>, spots: &[Spot<'a>], node: &Node, attr: &Attr) {
        match &node.kind {
            Kind::Code => {}
            Kind::AnyOf(parts) => {
                for part in parts {
                    self.value(frame, spots, part, attr);
                }
            }
            Kind::Attrs(attrs) => self.set(frame, spots, node, attrs, attr),
            Kind::Function(_) if spots.iter().any(takes_module) => {
                let module = module_of(node);
                self.attrs(frame, spots, &module.config);
            }
            Kind::List(items) => {
                self.literal(frame, spots, node, attr);
                self.elements(frame, spots, items, attr);
            }
            _ => self.literal(frame, spots, node, attr),
        }
    }

    fn set(
        &mut self,
        frame: &Frame<'a>,
        spots: &[Spot<'a>],
        node: &Node,
        attrs: &[Attr],
        attr: &Attr,
    ) {
        if !spots.iter().any(|spot| takes_set(spot, node)) {
            self.mismatch(frame, spots, node, attr);
            return;
        }
        let closed: Vec<Spot<'a>> = spots
            .iter()
            .filter(|spot| takes_set(spot, node))
            .cloned()
            .collect();
        let is_open = |spot: &Spot<'_>| match spot {
            Spot::Open => true,
            Spot::Typed(ty) => ty.shape() == Shape::Anything,
            Spot::Index(options, place) => {
                !place.has_children()
                    && place
                        .option
                        .is_some_and(|at| options.facts(at).ty.shape() == Shape::Anything)
            }
            Spot::Declared(branch) => branch.is_option,
        };
        if closed.iter().any(is_open) {
            // Where anything may stand there is nothing to look for.
            return;
        }
        self.attrs(frame, &closed, attrs);
    }

    /// The sets in a list, against the options of its elements.
    fn elements(&mut self, frame: &Frame<'a>, spots: &[Spot<'a>], items: &[Node], attr: &Attr) {
        let path = &self.path[frame.base..];
        let is_shared = frame.context == Context::Nixos
            && path.len() == 2
            && path[0] == "home-manager"
            && path[1] == "sharedModules";
        for item in items {
            if !matches!(item.kind, Kind::Attrs(_) | Kind::Function(_)) {
                continue;
            }
            if is_shared {
                let inner = self.frame(Context::Home, self.path.len());
                self.module(&inner, item);
                continue;
            }
            let inside: Vec<Spot<'a>> = spots
                .iter()
                .filter_map(|spot| match spot {
                    Spot::Index(options, place) => options
                        .child(*place, "*")
                        .map(|below| Spot::Index(options, below)),
                    _ => None,
                })
                .collect();
            if inside.is_empty() {
                continue;
            }
            self.path.push(ELEMENT.to_owned());
            if let Kind::Attrs(attrs) = &item.kind {
                self.attrs(frame, &inside, attrs);
            } else {
                self.value(frame, &inside, item, attr);
            }
            self.path.pop();
        }
    }

    fn literal(&mut self, frame: &Frame<'a>, spots: &[Spot<'a>], node: &Node, attr: &Attr) {
        let takes = |spot: &Spot<'_>| match spot {
            Spot::Open => true,
            Spot::Typed(ty) => ty.takes(node),
            Spot::Declared(branch) => branch.is_option,
            Spot::Index(options, place) => options.types(*place).iter().any(|ty| ty.takes(node)),
        };
        if !spots.iter().any(takes) {
            self.mismatch(frame, spots, node, attr);
        }
    }

    fn mismatch(&mut self, frame: &Frame<'a>, spots: &[Spot<'a>], node: &Node, attr: &Attr) {
        let types: Vec<Type> = spots
            .iter()
            .filter_map(|spot| match spot {
                Spot::Typed(ty) => Some(ty.clone()),
                Spot::Index(options, place) => options.types(*place).first().cloned(),
                _ => None,
            })
            .collect();
        let shown = Self::shown(frame, &self.path);
        // The element of a list that is wrong says more than the list.
        let list_type = types.iter().flat_map(|ty| {
            let inner = ty
                .inner()
                .iter()
                .filter(|inner| inner.shape() == Shape::List);
            [ty].into_iter()
                .chain(inner)
                .filter(|ty| ty.shape() == Shape::List)
        });
        let mut culprit = node;
        let mut whole = true;
        if let Kind::List(items) = &node.kind {
            for ty in list_type {
                let bad = items
                    .iter()
                    .find(|item| ty.inner().iter().any(|inner| !inner.takes(item)));
                if let Some(bad) = bad {
                    culprit = bad;
                    whole = false;
                    break;
                }
            }
        }
        let mut words: Vec<String> = Vec::new();
        for ty in &types {
            let said = ty.words();
            if !words.contains(&said) {
                words.push(said);
            }
        }
        let expected = if words.is_empty() {
            "a set of options".to_owned()
        } else {
            words.join(" or ")
        };
        let given = in_words(&culprit.kind);
        let message = if whole {
            format!("`{shown}` takes {expected}, not {given}")
        } else {
            format!("`{shown}` takes {expected}; {given} is among its elements")
        };
        let mut diagnostic = Diagnostic::error("setting-type", None, message);
        if let Kind::Str(text) = &culprit.kind {
            let choices: Vec<String> = types.iter().flat_map(Type::choices).collect();
            if let Some(near) = suggest::nearest(text, choices.iter().map(String::as_str)) {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            } else if types.iter().any(|ty| is_plainly(text, ty)) {
                diagnostic = diagnostic.help("remove the quotes");
            } else if types.iter().any(|ty| ty.name == "bool") {
                diagnostic = diagnostic.help("write `true` or `false`");
            } else if whole && types.iter().any(|ty| ty.shape() == Shape::List) {
                diagnostic = diagnostic.help("write a list, with one element if it is one");
            }
        }
        let is_quoted = matches!(
            culprit.kind,
            Kind::Int(_) | Kind::Float(_) | Kind::Bool(Some(_))
        );
        if is_quoted && types.iter().any(|ty| ty.name == "str") {
            diagnostic = diagnostic.help("put it between quotes");
        }
        if matches!(culprit.kind, Kind::Int(_)) && types.iter().any(|ty| ty.name == "float") {
            diagnostic = diagnostic.help("write it with a decimal point");
        }
        let (start, end) = if culprit.end > culprit.start {
            (culprit.start, culprit.end)
        } else {
            (attr.start, attr.end)
        };
        self.push(diagnostic, start, end);
    }

    /// Checks an option that code reads.
    fn read(&mut self, read: &nix::Reference, context: Context) {
        let mut frame = self.frame(context, 0);
        let mut spots = frame.root.clone();
        for (at, name) in read.path.iter().enumerate() {
            let next = Self::step(&spots, Some(name));
            if next.is_empty() {
                // Values have attributes that are no options: packages, functions' results.
                let is_value = spots.iter().any(|spot| match spot {
                    Spot::Typed(_) | Spot::Open => true,
                    Spot::Index(_, place) => place.option.is_some() && !place.has_children(),
                    Spot::Declared(branch) => branch.is_option,
                });
                if is_value || name == "_module" {
                    return;
                }
                let probe = &read.path[frame.base..];
                let diagnostic =
                    self.unknown_path(&frame, &spots, probe, probe.len(), at - frame.base);
                self.push(diagnostic, read.start, read.end);
                return;
            }
            spots = next;
            if let Some(inner) = inner_context(&frame, &read.path[frame.base..=at]) {
                frame = self.frame(inner, at + 1);
                spots.clone_from(&frame.root);
            }
        }
    }
}

fn step_in_index<'a>(
    options: &'a Options,
    place: Place,
    name: Option<&str>,
    found: &mut Vec<Spot<'a>>,
) {
    let child = name.and_then(|name| match name {
        ELEMENT => options.child(place, ELEMENT),
        name => options.child(place, &nix::attr_name(name)),
    });
    let element = options.named(place);
    found.extend(child.map(|place| Spot::Index(options, place)));
    found.extend(element.map(|place| Spot::Index(options, place)));
    if element.is_some() || child.is_some_and(|child| child.option.is_some()) {
        return;
    }
    let is_open = place.option.is_some_and(|at| options.facts(at).open);
    // A computed name among options may be any of them.
    if is_open || name.is_none() && place.has_children() {
        found.push(Spot::Open);
        return;
    }
    for ty in options.types(place).iter() {
        if !place.has_children() || is_freeform(ty) {
            found.extend(ty.below(name).into_iter().flatten().map(Spot::Typed));
        }
    }
}

/// Whether attributes that are not listed are allowed.
fn is_freeform(ty: &Type) -> bool {
    match ty.shape() {
        Shape::Submodule => ty.open.is_some(),
        Shape::Choice => ty.inner().iter().any(is_freeform),
        Shape::Anything => true,
        Shape::Names | Shape::List | Shape::Scalar | Shape::Tagged => false,
    }
}

/// Whether a text is a value of the type but for its quotes.
fn is_plainly(text: &str, ty: &Type) -> bool {
    match ty.name.as_str() {
        "bool" => matches!(text, "true" | "false"),
        "int" => text.parse::<i64>().is_ok(),
        _ => false,
    }
}

/// Whose option it may be when it is not one of a context.
fn other_half(context: Context) -> Context {
    match context {
        Context::Home => Context::Nixos,
        Context::Nixos | Context::Guest => Context::Home,
    }
}

/// The context of what stands below a path, where another module system begins.
fn inner_context(frame: &Frame<'_>, path: &[String]) -> Option<Context> {
    if frame.context == Context::Home {
        return None;
    }
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["home-manager", "users", _] => Some(Context::Home),
        ["containers", _, "config"]
        | ["specialisation", _, "configuration"]
        | ["virtualisation", "vmVariant" | "vmVariantWithBootLoader"] => Some(frame.context),
        ["microvm", "vms", _, "config"] => Some(Context::Guest),
        _ => None,
    }
}

/// A path as it is read: computed names and elements of lists stand for themselves.
fn text(path: &[String]) -> String {
    AttrPath(path.to_vec())
        .to_string()
        .replace("\"\\${…}\"", COMPUTED)
        .replace("\"*\"", ELEMENT)
}

/// Where a renamed option went. Names in submodules are relative to them.
fn alias_target(options: &Options, name: &str, alias: &str) -> Option<(String, Place)> {
    let parts = crate::options::segments(name);
    let target = crate::options::segments(alias);
    for keep in (0..parts.len()).rev() {
        let mut place = Some(options.root());
        let path: Vec<&str> = parts[..keep].iter().chain(&target).copied().collect();
        for segment in &path {
            place = place.and_then(|place| options.child(place, segment));
        }
        if let Some(place) = place {
            return Some((path.join("."), place));
        }
    }
    None
}

fn takes_module(spot: &Spot<'_>) -> bool {
    let of = |ty: &Type| {
        let mut all = vec![ty];
        all.extend(ty.inner());
        all.iter().any(|ty| ty.shape() == Shape::Submodule)
    };
    match spot {
        Spot::Index(options, place) => match place.option {
            Some(at) => of(&options.facts(at).ty),
            // The element or the value of an option of submodules.
            None => true,
        },
        Spot::Typed(ty) => of(ty),
        Spot::Declared(_) | Spot::Open => false,
    }
}

fn takes_set(spot: &Spot<'_>, node: &Node) -> bool {
    fn of(ty: &Type, node: &Node) -> bool {
        match ty.shape() {
            Shape::Anything | Shape::Names | Shape::Submodule => true,
            Shape::Choice => ty.inner().iter().any(|inner| of(inner, node)),
            Shape::List => false,
            Shape::Scalar | Shape::Tagged => ty.takes(node),
        }
    }
    match spot {
        Spot::Open | Spot::Declared(_) => true,
        Spot::Typed(ty) => of(ty, node),
        Spot::Index(options, place) => {
            place.has_children() || options.types(*place).iter().any(|ty| of(ty, node))
        }
    }
}

fn in_words(kind: &Kind) -> String {
    match kind {
        Kind::Null => "null".to_owned(),
        Kind::Bool(Some(value)) => format!("`{value}`"),
        Kind::Bool(None) => "a truth value".to_owned(),
        Kind::Int(number) => format!("the integer `{number}`"),
        Kind::Float(number) => format!("the number `{number}`"),
        Kind::Str(text) if text.chars().count() <= 40 && !text.contains('\n') => {
            format!("the text `{text}`")
        }
        Kind::Str(_) | Kind::Text => "text".to_owned(),
        Kind::Path(path) => format!("the path `{path}`"),
        Kind::Package(path) => format!("the package `{}`", path.join(".")),
        Kind::List(_) => "a list".to_owned(),
        Kind::Attrs(_) => "a set".to_owned(),
        Kind::Function(_) => "a function".to_owned(),
        Kind::AnyOf(_) | Kind::Code => "this".to_owned(),
    }
}
