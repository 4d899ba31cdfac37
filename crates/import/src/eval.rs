//! As much of Nix as it takes to find out what a repository's files say: literals, names, functions of
//! the files themselves, and the few functions of nixpkgs that put flakes and lists together.
//!
//! Whatever is not understood is [`Value::Unknown`], never a guess. What stands for something outside
//! the repository (`pkgs.git`, `inputs.disko.nixosModules.disko`, `config.a.b`) is a [`Value::Name`].

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use rnix::ast::{self, AstToken, BinOpKind, HasEntry, InterpolPart, LiteralKind, UnaryOpKind};
use rowan::ast::AstNode;

use crate::repo::Repo;

/// Steps after which nothing more is understood.
const FUEL: u32 = 4_000_000;
/// Calls within calls.
const MOST_DEPTH: u32 = 160;

/// A Nix file.
pub(crate) struct Source {
    /// Path in the repository.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
    root: ast::Root,
}

/// An expression where it stands.
#[derive(Clone)]
pub(crate) struct Place {
    /// The expression.
    pub(crate) expr: ast::Expr,
    /// The names around it.
    pub(crate) env: Env,
    /// The file.
    pub(crate) source: Rc<Source>,
}

impl Place {
    /// The same file and names, another expression.
    pub(crate) fn with(&self, expr: ast::Expr) -> Self {
        Self {
            expr,
            env: self.env.clone(),
            source: self.source.clone(),
        }
    }

    /// Its text.
    pub(crate) fn text(&self) -> String {
        self.expr.syntax().text().to_string()
    }

    /// Its line, from 1.
    pub(crate) fn line(&self) -> usize {
        line_of(
            &self.source.text,
            self.expr.syntax().text_range().start().into(),
        )
    }
}

pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

/// Names around an expression.
#[derive(Clone, Default)]
pub(crate) struct Env(Option<Rc<Scope>>);

struct Scope {
    kind: ScopeKind,
    outer: Env,
}

enum ScopeKind {
    Names(RefCell<BTreeMap<String, Slot>>),
    With(Place),
}

impl Env {
    /// With more names.
    pub(crate) fn names(&self, names: BTreeMap<String, Slot>) -> Self {
        self.push(ScopeKind::Names(RefCell::new(names)))
    }

    fn push(&self, kind: ScopeKind) -> Self {
        Self(Some(Rc::new(Scope {
            kind,
            outer: self.clone(),
        })))
    }

    fn fill(&self, more: BTreeMap<String, Slot>) {
        if let Some(scope) = &self.0
            && let ScopeKind::Names(names) = &scope.kind
        {
            names.borrow_mut().extend(more);
        }
    }

    /// What a name is bound to, by anything but `with`.
    pub(crate) fn lexical(&self, name: &str) -> Option<Slot> {
        let mut env = self;
        while let Some(scope) = &env.0 {
            if let ScopeKind::Names(names) = &scope.kind
                && let Some(slot) = names.borrow().get(name)
            {
                return Some(slot.clone());
            }
            env = &scope.outer;
        }
        None
    }

    /// The names that are bound to equal a text, the innermost first.
    pub(crate) fn each_name(&self, mut each: impl FnMut(&str, &Slot)) {
        let mut env = self;
        while let Some(scope) = &env.0 {
            if let ScopeKind::Names(names) = &scope.kind {
                for (name, slot) in names.borrow().iter() {
                    each(name, slot);
                }
            }
            env = &scope.outer;
        }
    }

    /// What is around it by `with`, the innermost first.
    pub(crate) fn withs(&self) -> Vec<Place> {
        let mut found = Vec::new();
        let mut env = self;
        while let Some(scope) = &env.0 {
            if let ScopeKind::With(place) = &scope.kind {
                found.push(place.clone());
            }
            env = &scope.outer;
        }
        found
    }
}

/// Something to be evaluated when it is asked for.
#[derive(Clone)]
pub(crate) enum Slot {
    /// An expression.
    Place(Place),
    /// A value.
    Value(Value),
    /// An attribute of what another slot gives.
    Attr(Rc<Slot>, String),
    /// A function and its argument.
    Call(Rc<Slot>, Rc<Slot>),
}

/// What an expression gives.
#[derive(Clone)]
pub(crate) enum Value {
    /// `null`
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text.
    Str(String),
    /// A path in the repository.
    Path(String),
    /// A list.
    List(Vec<Slot>),
    /// A set; with the expression, if it is written as one.
    Attrs(Rc<BTreeMap<String, Slot>>, Option<Place>),
    /// A function of a file.
    Lambda(Place),
    /// Something outside the repository, by name.
    Name(Vec<String>),
    /// A named function with some of its arguments.
    Call(Vec<String>, Vec<Slot>),
    /// Not understood.
    Unknown,
}

impl Value {
    pub(crate) fn name(parts: &[&str]) -> Self {
        Self::Name(parts.iter().map(|part| (*part).to_owned()).collect())
    }
}

/// Evaluates the files of a repository.
pub(crate) struct Eval<'a> {
    repo: &'a Repo,
    sources: RefCell<BTreeMap<String, Option<Rc<Source>>>>,
    fuel: Cell<u32>,
    depth: Cell<u32>,
}

impl<'a> Eval<'a> {
    pub(crate) fn new(repo: &'a Repo) -> Self {
        Self {
            repo,
            sources: RefCell::default(),
            fuel: Cell::new(FUEL),
            depth: Cell::new(0),
        }
    }

    pub(crate) fn repo(&self) -> &'a Repo {
        self.repo
    }

    /// A file, or the `default.nix` of a folder; nothing if Nix could not read it.
    pub(crate) fn source(&self, path: &str) -> Option<Rc<Source>> {
        if let Some(known) = self.sources.borrow().get(path) {
            return known.clone();
        }
        let read = || {
            let path = self.repo.module(path)?;
            let text = self.repo.text(&path)?.to_owned();
            if !nix::parse_problems(&text).is_empty() {
                return None;
            }
            let root = nix::syntax(&text).ok()?;
            Some(Rc::new(Source { path, text, root }))
        };
        let source = read();
        self.sources
            .borrow_mut()
            .insert(path.to_owned(), source.clone());
        source
    }

    /// The expression that a file is.
    pub(crate) fn file(&self, path: &str) -> Option<Place> {
        let source = self.source(path)?;
        let expr = source.root.expr()?;
        Some(Place {
            expr,
            env: Env::default().names(globals()),
            source,
        })
    }

    pub(crate) fn force(&self, slot: &Slot) -> Value {
        match slot {
            Slot::Place(place) => self.eval(place),
            Slot::Value(value) => value.clone(),
            Slot::Attr(set, name) => match self.force(set) {
                Value::Attrs(attrs, _) => attrs
                    .get(name)
                    .map_or(Value::Unknown, |slot| self.force(slot)),
                Value::Name(mut path) => {
                    path.push(name.clone());
                    canonical(path)
                }
                _ => Value::Unknown,
            },
            Slot::Call(function, argument) => {
                let function = self.force(function);
                self.apply(&function, (**argument).clone())
            }
        }
    }

    pub(crate) fn eval(&self, place: &Place) -> Value {
        let (fuel, depth) = (self.fuel.get(), self.depth.get());
        if fuel == 0 || depth > MOST_DEPTH {
            return Value::Unknown;
        }
        self.fuel.set(fuel - 1);
        self.depth.set(depth + 1);
        let value = self.eval_inner(place);
        self.depth.set(depth);
        value
    }

    fn eval_option(&self, place: &Place, expr: Option<ast::Expr>) -> Value {
        expr.map_or(Value::Unknown, |expr| self.eval(&place.with(expr)))
    }

    fn eval_inner(&self, place: &Place) -> Value {
        match &place.expr {
            ast::Expr::Paren(paren) => self.eval_option(place, paren.expr()),
            ast::Expr::Root(root) => self.eval_option(place, root.expr()),
            ast::Expr::Literal(literal) => match literal.kind() {
                LiteralKind::Integer(token) => token.value().map_or(Value::Unknown, Value::Int),
                LiteralKind::Float(token) => token
                    .syntax()
                    .text()
                    .parse()
                    .map_or(Value::Unknown, Value::Float),
                LiteralKind::Uri(token) => Value::Str(token.syntax().text().to_owned()),
            },
            ast::Expr::Str(literal) => self.text(place, literal),
            ast::Expr::Ident(ident) => self.lookup(place, &ident.syntax().text().to_string()),
            ast::Expr::List(list) => Value::List(
                list.items()
                    .map(|item| Slot::Place(place.with(item)))
                    .collect(),
            ),
            ast::Expr::AttrSet(set) => self.set(place, set),
            ast::Expr::Lambda(_) => Value::Lambda(place.clone()),
            ast::Expr::LetIn(let_in) => {
                let env = self.bind(place, let_in);
                let inner = Place {
                    env,
                    ..place.clone()
                };
                self.eval_option(&inner, let_in.body())
            }
            ast::Expr::With(with) => {
                let Some(inner) = self.within(place, with) else {
                    return Value::Unknown;
                };
                self.eval(&inner)
            }
            ast::Expr::Select(select) => self.select(place, select),
            ast::Expr::Apply(apply) => {
                let (Some(function), Some(argument)) = (apply.lambda(), apply.argument()) else {
                    return Value::Unknown;
                };
                let function = self.eval(&place.with(function));
                self.apply(&function, Slot::Place(place.with(argument)))
            }
            ast::Expr::IfElse(choice) => match self.eval_option(place, choice.condition()) {
                Value::Bool(true) => self.eval_option(place, choice.body()),
                Value::Bool(false) => self.eval_option(place, choice.else_body()),
                _ => Value::Unknown,
            },
            ast::Expr::BinOp(operation) => self.binary(place, operation),
            ast::Expr::UnaryOp(operation) => {
                match (
                    operation.operator(),
                    self.eval_option(place, operation.expr()),
                ) {
                    (Some(UnaryOpKind::Invert), Value::Bool(b)) => Value::Bool(!b),
                    (Some(UnaryOpKind::Negate), Value::Int(n)) => {
                        n.checked_neg().map_or(Value::Unknown, Value::Int)
                    }
                    (Some(UnaryOpKind::Negate), Value::Float(n)) => Value::Float(-n),
                    _ => Value::Unknown,
                }
            }
            ast::Expr::PathRel(path) => self.path(place, path),
            ast::Expr::PathSearch(path) => search_path(&path.syntax().text().to_string()),
            _ => Value::Unknown,
        }
    }

    /// The names of a `let`.
    fn bind<N: HasEntry + AstNode<Language = rnix::NixLanguage>>(
        &self,
        place: &Place,
        entries: &N,
    ) -> Env {
        let env = place.env.names(BTreeMap::new());
        let inner = Place {
            env: env.clone(),
            ..place.clone()
        };
        let names = self.entries(place, &inner, entries);
        env.fill(names);
        env
    }

    /// The expression below a `with`, which knows the names.
    pub(crate) fn within(&self, place: &Place, with: &ast::With) -> Option<Place> {
        let _ = self;
        let env = place
            .env
            .push(ScopeKind::With(place.with(with.namespace()?)));
        Some(Place {
            expr: with.body()?,
            env,
            source: place.source.clone(),
        })
    }

    /// The expression of a `let`, which knows the names.
    pub(crate) fn below_let(&self, place: &Place, let_in: &ast::LetIn) -> Option<Place> {
        Some(Place {
            expr: let_in.body()?,
            env: self.bind(place, let_in),
            source: place.source.clone(),
        })
    }

    fn set(&self, place: &Place, set: &ast::AttrSet) -> Value {
        let inner = if set.rec_token().is_some() {
            Place {
                env: self.bind(place, set),
                ..place.clone()
            }
        } else {
            place.clone()
        };
        let entries = self.entries(place, &inner, set);
        Value::Attrs(Rc::new(entries), Some(place.clone()))
    }

    /// The attributes by their first names; what has several parts is put together.
    fn entries<N: HasEntry + AstNode<Language = rnix::NixLanguage>>(
        &self,
        outer: &Place,
        inner: &Place,
        entries: &N,
    ) -> BTreeMap<String, Slot> {
        let mut found: BTreeMap<String, Slot> = BTreeMap::new();
        for entry in entries.entries() {
            match entry {
                ast::Entry::Inherit(inherit) => {
                    let from = inherit.from().and_then(|from| from.expr());
                    for attr in inherit.attrs() {
                        let Some(name) = self.attr_name(outer, &attr) else {
                            continue;
                        };
                        let slot = match &from {
                            Some(from) => Slot::Attr(
                                Rc::new(Slot::Place(inner.with(from.clone()))),
                                name.clone(),
                            ),
                            None => outer
                                .env
                                .lexical(&name)
                                .unwrap_or_else(|| Slot::Value(self.lookup(outer, &name))),
                        };
                        found.insert(name, slot);
                    }
                }
                ast::Entry::AttrpathValue(binding) => {
                    let (Some(path), Some(value)) = (binding.attrpath(), binding.value()) else {
                        continue;
                    };
                    let names: Option<Vec<String>> = path
                        .attrs()
                        .map(|attr| self.attr_name(inner, &attr))
                        .collect();
                    let Some((first, rest)) = names
                        .as_deref()
                        .and_then(<[String]>::split_first)
                        .map(|(first, rest)| (first.clone(), rest.to_vec()))
                    else {
                        continue;
                    };
                    let slot = Slot::Place(inner.with(value));
                    let slot = rest.into_iter().rev().fold(slot, |slot, name| {
                        Slot::Value(Value::Attrs(Rc::new([(name, slot)].into()), None))
                    });
                    let merged = match found.remove(&first) {
                        Some(other) => self.join(&other, &slot),
                        None => slot,
                    };
                    found.insert(first, merged);
                }
            }
        }
        found
    }

    fn join(&self, one: &Slot, other: &Slot) -> Slot {
        let (Value::Attrs(a, _), Value::Attrs(b, _)) = (self.force(one), self.force(other)) else {
            return Slot::Value(Value::Unknown);
        };
        let mut all = (*a).clone();
        for (name, slot) in b.iter() {
            let merged = match all.remove(name) {
                Some(before) => self.join(&before, slot),
                None => slot.clone(),
            };
            all.insert(name.clone(), merged);
        }
        Slot::Value(Value::Attrs(Rc::new(all), None))
    }

    /// The name of an attribute, computed if need be.
    pub(crate) fn attr_name(&self, place: &Place, attr: &ast::Attr) -> Option<String> {
        match attr {
            ast::Attr::Ident(ident) => Some(ident.syntax().text().to_string()),
            ast::Attr::Str(literal) => match self.text(place, literal) {
                Value::Str(text) => Some(text),
                _ => None,
            },
            ast::Attr::Dynamic(dynamic) => match self.eval_option(place, dynamic.expr()) {
                Value::Str(text) => Some(text),
                _ => None,
            },
        }
    }

    fn text(&self, place: &Place, literal: &ast::Str) -> Value {
        if let Some(text) = nix::static_text(literal) {
            return Value::Str(text);
        }
        let mut text = String::new();
        let mut base = None;
        for (index, part) in literal.normalized_parts().into_iter().enumerate() {
            match part {
                InterpolPart::Literal(part) => text.push_str(&part),
                InterpolPart::Interpolation(inner) => match self.eval_option(place, inner.expr()) {
                    Value::Str(part) => text.push_str(&part),
                    Value::Name(name) if index == 0 && name == ["self"] => {
                        base = Some(Value::Path(String::new()));
                    }
                    Value::Name(name) if index == 0 && name == ["modulesPath"] => {
                        base = Some(Value::Name(name));
                    }
                    _ => return Value::Unknown,
                },
            }
        }
        match base {
            None => Value::Str(text),
            Some(base) => self.add(base, Value::Str(text)),
        }
    }

    fn path(&self, place: &Place, path: &ast::PathRel) -> Value {
        let mut text = String::new();
        for part in path.parts() {
            match part {
                InterpolPart::Literal(part) => text.push_str(part.syntax().text()),
                InterpolPart::Interpolation(inner) => match self.eval_option(place, inner.expr()) {
                    Value::Str(part) => text.push_str(&part),
                    _ => return Value::Unknown,
                },
            }
        }
        let folder = place
            .source
            .path
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        crate::repo::join(folder, &text).map_or(Value::Unknown, Value::Path)
    }

    fn lookup(&self, place: &Place, name: &str) -> Value {
        if let Some(slot) = place.env.lexical(name) {
            return self.force(&slot);
        }
        let withs = place.env.withs();
        let mut named = Vec::new();
        for with in &withs {
            match self.eval(with) {
                Value::Attrs(attrs, _) => {
                    if let Some(slot) = attrs.get(name) {
                        // A set outside the repository further in could have it as well.
                        return if named.is_empty() {
                            self.force(slot)
                        } else {
                            Value::Unknown
                        };
                    }
                }
                Value::Name(path) => named.push(path),
                _ => return Value::Unknown,
            }
        }
        match named.as_slice() {
            [path] => {
                let mut path = path.clone();
                path.push(name.to_owned());
                canonical(path)
            }
            _ => Value::Unknown,
        }
    }

    fn select(&self, place: &Place, select: &ast::Select) -> Value {
        let (Some(from), Some(path)) = (select.expr(), select.attrpath()) else {
            return Value::Unknown;
        };
        let mut value = self.eval(&place.with(from));
        for attr in path.attrs() {
            let Some(name) = self.attr_name(place, &attr) else {
                return Value::Unknown;
            };
            value = match value {
                Value::Attrs(attrs, _) => match attrs.get(&name) {
                    Some(slot) => self.force(slot),
                    None => return self.eval_option(place, select.default_expr()),
                },
                // Whether it has the attribute is not known.
                Value::Name(_) if select.default_expr().is_some() => return Value::Unknown,
                Value::Name(mut path) => {
                    path.push(name);
                    canonical(path)
                }
                _ => return Value::Unknown,
            };
        }
        value
    }

    fn binary(&self, place: &Place, operation: &ast::BinOp) -> Value {
        let left = || self.eval_option(place, operation.lhs());
        let right = || self.eval_option(place, operation.rhs());
        match operation.operator() {
            Some(BinOpKind::Concat) => match (left(), right()) {
                (Value::List(mut a), Value::List(b)) => {
                    a.extend(b);
                    Value::List(a)
                }
                _ => Value::Unknown,
            },
            Some(BinOpKind::Update) => match (per_system(left()), per_system(right())) {
                (Value::Attrs(a, _), Value::Attrs(b, _)) => {
                    let mut all = (*a).clone();
                    all.extend(b.iter().map(|(k, v)| (k.clone(), v.clone())));
                    Value::Attrs(Rc::new(all), None)
                }
                _ => Value::Unknown,
            },
            Some(BinOpKind::Add) => self.add(left(), right()),
            Some(BinOpKind::And) => match left() {
                Value::Bool(true) => right(),
                Value::Bool(false) => Value::Bool(false),
                _ => Value::Unknown,
            },
            Some(BinOpKind::Or) => match left() {
                Value::Bool(false) => right(),
                Value::Bool(true) => Value::Bool(true),
                _ => Value::Unknown,
            },
            Some(kind @ (BinOpKind::Equal | BinOpKind::NotEqual)) => {
                let same = match (left(), right()) {
                    (Value::Str(a), Value::Str(b)) => a == b,
                    (Value::Int(a), Value::Int(b)) => a == b,
                    (Value::Bool(a), Value::Bool(b)) => a == b,
                    (Value::Null, Value::Null) => true,
                    (Value::Null, Value::Str(_) | Value::Int(_) | Value::Bool(_))
                    | (Value::Str(_) | Value::Int(_) | Value::Bool(_), Value::Null) => false,
                    _ => return Value::Unknown,
                };
                Value::Bool(same == (kind == BinOpKind::Equal))
            }
            _ => Value::Unknown,
        }
    }

    fn add(&self, left: Value, right: Value) -> Value {
        let _ = self;
        match (left, right) {
            (Value::Int(a), Value::Int(b)) => a.checked_add(b).map_or(Value::Unknown, Value::Int),
            (Value::Str(a), Value::Str(b)) => Value::Str(a + &b),
            (Value::Path(a), Value::Str(b)) => {
                crate::repo::join("", &(a + &b)).map_or(Value::Unknown, Value::Path)
            }
            (Value::Name(a), Value::Str(b)) if a == ["modulesPath"] => {
                Value::Name(vec!["modulesPath".to_owned(), b])
            }
            _ => Value::Unknown,
        }
    }

    /// Calls a function.
    pub(crate) fn apply(&self, function: &Value, argument: Slot) -> Value {
        match function {
            Value::Lambda(place) => match self.enter(place, argument) {
                Some(body) => self.eval(&body),
                None => Value::Unknown,
            },
            Value::Name(path) => self.named(path.clone(), vec![argument]),
            Value::Call(path, arguments) => {
                let mut arguments = arguments.clone();
                arguments.push(argument);
                self.named(path.clone(), arguments)
            }
            _ => Value::Unknown,
        }
    }

    /// The body of a function, which knows its arguments.
    pub(crate) fn enter(&self, place: &Place, argument: Slot) -> Option<Place> {
        let ast::Expr::Lambda(lambda) = &place.expr else {
            return None;
        };
        let env = place.env.names(BTreeMap::new());
        let mut names = BTreeMap::new();
        match lambda.param()? {
            ast::Param::IdentParam(param) => {
                names.insert(param.ident()?.syntax().text().to_string(), argument);
            }
            ast::Param::Pattern(pattern) => {
                let given = match self.force(&argument) {
                    Value::Attrs(attrs, _) => Some(attrs),
                    _ => None,
                };
                for entry in pattern.pat_entries() {
                    let name = entry.ident()?.syntax().text().to_string();
                    let slot = match (&given, entry.default()) {
                        (Some(given), default) => match (given.get(&name), default) {
                            (Some(slot), _) => slot.clone(),
                            (None, Some(default)) => Slot::Place(Place {
                                expr: default,
                                env: env.clone(),
                                source: place.source.clone(),
                            }),
                            (None, None) => Slot::Value(Value::Unknown),
                        },
                        (None, _) => Slot::Value(Value::Unknown),
                    };
                    names.insert(name, slot);
                }
                if let Some(all) = pattern.pat_bind().and_then(|bind| bind.ident()) {
                    names.insert(all.syntax().text().to_string(), argument);
                }
            }
        }
        env.fill(names);
        Some(Place {
            expr: lambda.body()?,
            env,
            source: place.source.clone(),
        })
    }

    fn list(&self, slot: &Slot) -> Option<Vec<Slot>> {
        match self.force(slot) {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    fn attrs(&self, slot: &Slot) -> Option<Rc<BTreeMap<String, Slot>>> {
        match self.force(slot) {
            Value::Attrs(attrs, _) => Some(attrs),
            _ => None,
        }
    }

    pub(crate) fn string(&self, slot: &Slot) -> Option<String> {
        match self.force(slot) {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// A function of Nix or of its library.
    fn named(&self, path: Vec<String>, arguments: Vec<Slot>) -> Value {
        let (Some(first), Some(last)) = (path.first(), path.last()) else {
            return Value::Unknown;
        };
        if !matches!(first.as_str(), "builtins" | "lib") {
            return Value::Call(path, arguments);
        }
        let call = |f: &Slot, x: Slot| Slot::Call(Rc::new(f.clone()), Rc::new(x));
        let text = |s: &str| Slot::Value(Value::Str(s.to_owned()));
        let result = match (last.as_str(), arguments.as_slice()) {
            ("import", [path]) => match self.force(path) {
                Value::Path(path) => self.file(&path).map(|place| self.eval(&place)),
                _ => None,
            },
            ("toString", [x]) => match self.force(x) {
                Value::Str(text) => Some(Value::Str(text)),
                Value::Int(n) => Some(Value::Str(n.to_string())),
                _ => None,
            },
            ("id", [x]) => Some(self.force(x)),
            ("readFile" | "fileContents", [path]) => match self.force(path) {
                Value::Path(path) => self.repo.text(&path).map(|text| {
                    let text = if last == "readFile" {
                        text
                    } else {
                        text.trim_end_matches('\n')
                    };
                    Value::Str(text.to_owned())
                }),
                _ => None,
            },
            ("readDir", [path]) => match self.force(path) {
                Value::Path(path) => Some(Value::Attrs(
                    Rc::new(
                        self.repo
                            .folder(&path)
                            .into_iter()
                            .map(|(name, kind)| (name, text(kind)))
                            .collect(),
                    ),
                    None,
                )),
                _ => None,
            },
            ("map", [f, list]) => self
                .list(list)
                .map(|items| Value::List(items.into_iter().map(|item| call(f, item)).collect())),
            ("forEach", [list, f]) => self
                .list(list)
                .map(|items| Value::List(items.into_iter().map(|item| call(f, item)).collect())),
            ("mapAttrs", [f, set]) => self.attrs(set).map(|set| {
                let mapped = set.iter().map(|(name, slot)| {
                    let inner = call(f, text(name));
                    (name.clone(), call(&inner, slot.clone()))
                });
                Value::Attrs(Rc::new(mapped.collect()), None)
            }),
            ("genAttrs", [names, f]) => self.list(names).and_then(|names| {
                let pairs: Option<BTreeMap<String, Slot>> = names
                    .iter()
                    .map(|name| {
                        let name = self.string(name)?;
                        let value = call(f, text(&name));
                        Some((name, value))
                    })
                    .collect();
                Some(Value::Attrs(Rc::new(pairs?), None))
            }),
            ("listToAttrs", [list]) => self.list(list).and_then(|items| {
                let pairs: Option<BTreeMap<String, Slot>> = items
                    .iter()
                    .map(|item| {
                        let item = self.attrs(item)?;
                        Some((self.string(item.get("name")?)?, item.get("value")?.clone()))
                    })
                    .collect();
                Some(Value::Attrs(Rc::new(pairs?), None))
            }),
            ("nameValuePair", [name, value]) => Some(Value::Attrs(
                Rc::new(
                    [
                        ("name".to_owned(), name.clone()),
                        ("value".to_owned(), value.clone()),
                    ]
                    .into(),
                ),
                None,
            )),
            ("attrNames", [set]) => self
                .attrs(set)
                .map(|set| Value::List(set.keys().map(|name| text(name)).collect())),
            ("attrValues", [set]) => self
                .attrs(set)
                .map(|set| Value::List(set.values().cloned().collect())),
            ("removeAttrs", [set, names]) => self.attrs(set).and_then(|set| {
                let mut set = (*set).clone();
                for name in self.list(names)? {
                    set.remove(&self.string(&name)?);
                }
                Some(Value::Attrs(Rc::new(set), None))
            }),
            ("filter", [f, list]) => self.list(list).and_then(|items| {
                let mut kept = Vec::new();
                for item in items {
                    match self.force(&call(f, item.clone())) {
                        Value::Bool(true) => kept.push(item),
                        Value::Bool(false) => {}
                        _ => return None,
                    }
                }
                Some(Value::List(kept))
            }),
            ("filterAttrs", [f, set]) => self.attrs(set).and_then(|set| {
                let mut kept = BTreeMap::new();
                for (name, slot) in set.iter() {
                    let inner = call(f, text(name));
                    match self.force(&call(&inner, slot.clone())) {
                        Value::Bool(true) => {
                            kept.insert(name.clone(), slot.clone());
                        }
                        Value::Bool(false) => {}
                        _ => return None,
                    }
                }
                Some(Value::Attrs(Rc::new(kept), None))
            }),
            ("hasSuffix", [end, whole]) => match (self.string(end), self.string(whole)) {
                (Some(end), Some(whole)) => Some(Value::Bool(whole.ends_with(&end))),
                _ => None,
            },
            ("optional" | "optionals", [condition, x]) => match self.force(condition) {
                Value::Bool(false) => Some(Value::List(Vec::new())),
                Value::Bool(true) if last == "optional" => Some(Value::List(vec![x.clone()])),
                Value::Bool(true) => self.list(x).map(Value::List),
                _ => None,
            },
            ("optionalString", [condition, x]) => match self.force(condition) {
                Value::Bool(false) => Some(Value::Str(String::new())),
                Value::Bool(true) => Some(self.force(x)),
                _ => None,
            },
            ("concatLists" | "flatten", [list]) => self.list(list).and_then(|lists| {
                let mut all = Vec::new();
                for item in lists {
                    match self.force(&item) {
                        Value::List(items) => all.extend(items),
                        Value::Unknown => return None,
                        _ => all.push(item),
                    }
                }
                Some(Value::List(all))
            }),
            ("mergeAttrs" | "recursiveUpdate", [a, b]) => match (self.attrs(a), self.attrs(b)) {
                (Some(a), Some(b)) if !a.keys().any(|name| b.contains_key(name)) => {
                    let mut all = (*a).clone();
                    all.extend(b.iter().map(|(k, v)| (k.clone(), v.clone())));
                    Some(Value::Attrs(Rc::new(all), None))
                }
                _ => None,
            },
            ("concatStringsSep", [separator, list]) => {
                let joined = || {
                    let items: Option<Vec<String>> = self
                        .list(list)?
                        .iter()
                        .map(|item| self.string(item))
                        .collect();
                    Some(Value::Str(items?.join(&self.string(separator)?)))
                };
                joined()
            }
            _ => return Value::Call(path, arguments),
        };
        result.unwrap_or(Value::Unknown)
    }
}

/// `inputs.nixpkgs.lib` is `lib` wherever it comes from.
fn canonical(path: Vec<String>) -> Value {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["inputs", input, "lib", rest @ ..]
            if *input == "nixpkgs" || input.starts_with("nixpkgs") && rest != ["nixosSystem"] =>
        {
            Value::Name(
                ["lib"]
                    .iter()
                    .chain(rest)
                    .map(|part| (*part).to_owned())
                    .collect(),
            )
        }
        ["inputs", "self"] => Value::name(&["self"]),
        ["pkgs", "lib"] => Value::name(&["lib"]),
        _ => Value::Name(path),
    }
}

/// What is made for each platform has no hosts.
fn per_system(value: Value) -> Value {
    match &value {
        Value::Call(path, _)
            if path
                .last()
                .is_some_and(|last| last == "eachDefaultSystem" || last == "eachSystem") =>
        {
            Value::Attrs(Rc::default(), None)
        }
        _ => value,
    }
}

fn search_path(text: &str) -> Value {
    let text = text.trim_matches(['<', '>']);
    match text.strip_prefix("nixpkgs/nixos/modules/") {
        Some(rest) => Value::name(&["modulesPath", &format!("/{rest}")]),
        None if text == "home-manager/nixos" => {
            Value::name(&["inputs", "home-manager", "nixosModules", "home-manager"])
        }
        None => Value::Unknown,
    }
}

/// What Nix binds everywhere.
fn globals() -> BTreeMap<String, Slot> {
    let mut names: BTreeMap<String, Slot> = [
        ("builtins", Value::name(&["builtins"])),
        ("true", Value::Bool(true)),
        ("false", Value::Bool(false)),
        ("null", Value::Null),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), Slot::Value(value)))
    .collect();
    for name in [
        "import",
        "map",
        "toString",
        "removeAttrs",
        "baseNameOf",
        "fetchTarball",
        "fetchGit",
        "throw",
        "abort",
    ] {
        names.insert(
            name.to_owned(),
            Slot::Value(Value::name(&["builtins", name])),
        );
    }
    names
}
