//! The names that code binds, and whether it uses them: kept up to date along the one walk.

use rnix::{SyntaxKind, SyntaxNode, TextRange};

use SyntaxKind::{
    NODE_ATTR_SET, NODE_ATTRPATH, NODE_ATTRPATH_VALUE, NODE_IDENT, NODE_IDENT_PARAM, NODE_INHERIT,
    NODE_INHERIT_FROM, NODE_LAMBDA, NODE_LEGACY_LET, NODE_LET_IN, NODE_PAT_BIND, NODE_PAT_ENTRY,
    NODE_PATTERN, TOKEN_REC,
};

use crate::hash::QuickMap;
use crate::syntax::{attr_name, slice};

/// A name that is bound, and where.
#[derive(Clone, Debug)]
pub(crate) struct Binding<'a> {
    pub(crate) name: &'a str,
    /// The name's own place, the first one if it is a path's beginning several times.
    pub(crate) range: TextRange,
    /// How often it is used.
    pub(crate) uses: u32,
}

/// A `let`, a recursive set or a function, with its names.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) bindings: Vec<Binding<'a>>,
}

/// The scopes around the current node.
pub(crate) struct Scopes<'a> {
    text: &'a str,
    open: Vec<Scope<'a>>,
    /// Name → where it is bound, the innermost last: number of the scope, and of the binding.
    places: QuickMap<&'a str, Vec<(usize, usize)>>,
}

impl<'a> Scopes<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            open: Vec::new(),
            places: QuickMap::default(),
        }
    }

    /// Enters a node.
    pub(crate) fn enter(&mut self, node: &SyntaxNode) {
        match node.kind() {
            NODE_IDENT => self.name(node),
            NODE_LET_IN | NODE_LEGACY_LET => self.open_set(node),
            NODE_ATTR_SET if is_recursive(node) => self.open_set(node),
            NODE_LAMBDA => self.open_function(node),
            _ => {}
        }
    }

    /// Leaves a node; the scope that ends with it.
    pub(crate) fn leave(&mut self, node: &SyntaxNode) -> Option<Scope<'a>> {
        let is_scope = match node.kind() {
            NODE_LET_IN | NODE_LEGACY_LET | NODE_LAMBDA => true,
            NODE_ATTR_SET => is_recursive(node),
            _ => false,
        };
        if !is_scope {
            return None;
        }
        let scope = self.open.pop()?;
        for binding in &scope.bindings {
            if let Some(places) = self.places.get_mut(binding.name) {
                places.pop();
            }
        }
        Some(scope)
    }

    fn open_set(&mut self, node: &SyntaxNode) {
        self.open.push(Scope {
            bindings: Vec::new(),
        });
        for entry in node.children() {
            match entry.kind() {
                NODE_ATTRPATH_VALUE => {
                    let first = entry.first_child().and_then(|path| path.first_child());
                    if let Some(attr) = first {
                        self.bind(&attr);
                    }
                }
                NODE_INHERIT => {
                    for attr in entry.children() {
                        if attr.kind() != NODE_INHERIT_FROM {
                            self.bind(&attr);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn open_function(&mut self, node: &SyntaxNode) {
        self.open.push(Scope {
            bindings: Vec::new(),
        });
        let Some(param) = node.first_child() else {
            return;
        };
        match param.kind() {
            NODE_IDENT_PARAM => {
                if let Some(name) = param.first_child() {
                    self.bind(&name);
                }
            }
            NODE_PATTERN => {
                for entry in param.children() {
                    if matches!(entry.kind(), NODE_PAT_ENTRY | NODE_PAT_BIND)
                        && let Some(name) = entry.first_child()
                    {
                        self.bind(&name);
                    }
                }
            }
            _ => {}
        }
    }

    fn bind(&mut self, attr: &SyntaxNode) {
        let Some(name) = attr_name(attr, self.text) else {
            return;
        };
        let number = self.open.len().saturating_sub(1);
        let Some(scope) = self.open.last_mut() else {
            return;
        };
        let places = self.places.entry(name).or_default();
        if places.last().is_some_and(|(scope, _)| *scope == number) {
            return;
        }
        places.push((number, scope.bindings.len()));
        scope.bindings.push(Binding {
            name,
            range: attr.text_range(),
            uses: 0,
        });
    }

    /// Counts a use, if the identifier is one.
    fn name(&mut self, node: &SyntaxNode) {
        let Some(parent) = node.parent() else { return };
        let is_first = || {
            parent
                .first_child()
                .is_some_and(|first| first.text_range() == node.text_range())
        };
        // What is inherited by name comes from around the set that inherits it.
        let mut from_outside = None;
        match parent.kind() {
            NODE_ATTRPATH | NODE_IDENT_PARAM | NODE_PAT_BIND => return,
            NODE_PAT_ENTRY if is_first() => return,
            NODE_INHERIT => {
                let has_source = parent
                    .first_child()
                    .is_some_and(|first| first.kind() == NODE_INHERIT_FROM);
                if has_source {
                    return;
                }
                let set = parent.parent();
                let binds = set.is_some_and(|set| match set.kind() {
                    NODE_LET_IN | NODE_LEGACY_LET => true,
                    NODE_ATTR_SET => is_recursive(&set),
                    _ => false,
                });
                from_outside = binds.then(|| self.open.len().saturating_sub(1));
            }
            _ => {}
        }
        let Some(places) = self.places.get(slice(node, self.text)) else {
            return;
        };
        let place = places
            .iter()
            .rev()
            .find(|(scope, _)| Some(*scope) != from_outside);
        if let Some((scope, binding)) = place {
            self.open[*scope].bindings[*binding].uses += 1;
        }
    }
}

/// Whether a set is `rec`.
pub(crate) fn is_recursive(set: &SyntaxNode) -> bool {
    set.green()
        .children()
        .next()
        .and_then(rowan::NodeOrToken::into_token)
        .is_some_and(|token| token.kind() == rowan::SyntaxKind(TOKEN_REC as u16))
}
