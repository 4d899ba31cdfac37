//! Reading syntax nodes without making strings.

use rnix::{SyntaxKind, SyntaxNode};

use SyntaxKind::{
    NODE_APPLY, NODE_ASSERT, NODE_ATTR_SET, NODE_ATTRPATH, NODE_ATTRPATH_VALUE, NODE_DYNAMIC,
    NODE_IDENT, NODE_INHERIT, NODE_LAMBDA, NODE_LET_IN, NODE_LITERAL, NODE_PAREN, NODE_SELECT,
    NODE_STRING, NODE_WITH,
};

/// The text of a node.
pub(crate) fn slice<'a>(node: &SyntaxNode, text: &'a str) -> &'a str {
    &text[node.text_range()]
}

/// The node without parentheses around it.
pub(crate) fn unparen(node: SyntaxNode) -> SyntaxNode {
    let mut node = node;
    while node.kind() == NODE_PAREN {
        match node.first_child() {
            Some(inner) => node = inner,
            None => break,
        }
    }
    node
}

/// The expression inside parentheses, `let … in`, `with …;`, `assert …;` and functions.
pub(crate) fn innermost(node: SyntaxNode) -> SyntaxNode {
    let mut node = unparen(node);
    while matches!(
        node.kind(),
        NODE_LET_IN | NODE_WITH | NODE_ASSERT | NODE_LAMBDA
    ) {
        match node.last_child() {
            Some(body) => node = unparen(body),
            None => break,
        }
    }
    node
}

/// A name or a path of names as written: `lib.mkIf`. Nothing for whatever is computed, quoted or
/// spread over lines.
pub(crate) fn dotted<'a>(node: &SyntaxNode, text: &'a str) -> Option<&'a str> {
    if !matches!(node.kind(), NODE_IDENT | NODE_SELECT) {
        return None;
    }
    let name = slice(node, text);
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'\'' | b'.');
    name.bytes().all(plain).then_some(name)
}

/// The last name of a path of names.
pub(crate) fn last_name(dotted: &str) -> &str {
    dotted.rsplit('.').next().unwrap_or(dotted)
}

/// The function and its arguments of a call, through all of its arguments: `f a b` is `f` and
/// `[a, b]`.
pub(crate) fn call(node: &SyntaxNode) -> Option<(SyntaxNode, Vec<SyntaxNode>)> {
    if node.kind() != NODE_APPLY {
        return None;
    }
    let mut arguments = Vec::new();
    let mut function = node.clone();
    while function.kind() == NODE_APPLY {
        let mut children = function.children();
        let (callee, argument) = (children.next()?, children.next()?);
        arguments.push(argument);
        function = unparen(callee);
    }
    arguments.reverse();
    Some((function, arguments))
}

/// Whether a call is a part of a longer one: `f a` in `f a b`.
pub(crate) fn is_partial(apply: &SyntaxNode) -> bool {
    apply.parent().is_some_and(|parent| {
        parent.kind() == NODE_APPLY && parent.first_child().is_some_and(|first| first == *apply)
    })
}

/// Whether a path of names is this function of the library: `mkIf`, `lib.mkIf`, `lib.modules.mkIf`.
pub(crate) fn is_lib_function(dotted: &str, name: &str) -> bool {
    last_name(dotted) == name
        && matches!(
            dotted.split('.').next(),
            Some(first) if first == name || matches!(first, "lib" | "nixpkgs" | "inputs" | "pkgs" | "self")
        )
}

/// The name that a static part of an attribute path has.
pub(crate) fn attr_name<'a>(attr: &SyntaxNode, text: &'a str) -> Option<&'a str> {
    match attr.kind() {
        NODE_IDENT => Some(slice(attr, text)),
        NODE_STRING => plain_string(attr, text),
        NODE_DYNAMIC => {
            let inner = unparen(attr.first_child()?);
            (inner.kind() == NODE_STRING).then(|| plain_string(&inner, text))?
        }
        _ => None,
    }
}

/// The text of a double-quoted string without interpolations and escapes.
pub(crate) fn plain_string<'a>(string: &SyntaxNode, text: &'a str) -> Option<&'a str> {
    if string.kind() != NODE_STRING || string.first_child().is_some() {
        return None;
    }
    let inner = slice(string, text).strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('\\')).then_some(inner)
}

/// The names of an attribute path; nothing if one is computed.
pub(crate) fn path_names<'a>(attrpath: &SyntaxNode, text: &'a str) -> Option<Vec<&'a str>> {
    attrpath
        .children()
        .map(|attr| attr_name(&attr, text))
        .collect()
}

/// The path and the value of a binding.
pub(crate) fn binding(node: &SyntaxNode) -> Option<(SyntaxNode, SyntaxNode)> {
    if node.kind() != NODE_ATTRPATH_VALUE {
        return None;
    }
    let mut children = node.children();
    let path = children.next().filter(|it| it.kind() == NODE_ATTRPATH)?;
    Some((path, children.next()?))
}

/// The last name of a binding's path.
pub(crate) fn bound_name<'a>(binding: &SyntaxNode, text: &'a str) -> Option<&'a str> {
    attr_name(&binding.first_child()?.last_child()?, text)
}

/// The bindings of a set.
pub(crate) fn bindings(set: &SyntaxNode) -> impl Iterator<Item = (SyntaxNode, SyntaxNode)> {
    set.children().filter_map(|node| binding(&node))
}

/// The value that a set binds to one name, directly.
pub(crate) fn value_of(set: &SyntaxNode, name: &str, text: &str) -> Option<SyntaxNode> {
    bindings(set).find_map(|(path, value)| {
        let only = path.first_child()?;
        let is_it = only.next_sibling().is_none() && attr_name(&only, text) == Some(name);
        is_it.then_some(value)
    })
}

/// Whether a set binds a name, also by `inherit` or as the start of a path.
pub(crate) fn binds(set: &SyntaxNode, name: &str, text: &str) -> bool {
    set.children().any(|entry| match entry.kind() {
        NODE_ATTRPATH_VALUE => entry
            .first_child()
            .and_then(|path| path.first_child())
            .is_some_and(|attr| attr_name(&attr, text) == Some(name)),
        NODE_INHERIT => entry
            .children()
            .any(|attr| attr_name(&attr, text) == Some(name)),
        _ => false,
    })
}

/// The full path of names that lead to a binding from the nearest thing that is not a set: the names
/// of the bindings around it, through sets, parentheses and calls of the module system's functions.
/// Nothing if a name is computed.
pub(crate) fn full_path<'a>(binding: &SyntaxNode, text: &'a str) -> Option<Vec<&'a str>> {
    let mut path = Vec::new();
    let mut node = Some(binding.clone());
    while let Some(current) = node {
        match current.kind() {
            NODE_ATTRPATH_VALUE => {
                let mut names = path_names(&current.first_child()?, text)?;
                names.append(&mut path);
                path = names;
            }
            NODE_ATTR_SET | NODE_PAREN | NODE_WITH | NODE_LET_IN | NODE_ASSERT => {
                // The bindings of a `let` are no attributes.
                if current.kind() == NODE_LET_IN && path.is_empty() {
                    return None;
                }
            }
            NODE_APPLY => {
                let (function, _) = call(&current)?;
                let name = last_name(dotted(&function, text)?);
                if !(name.starts_with("mk") || name.starts_with("optional")) {
                    break;
                }
            }
            SyntaxKind::NODE_LIST => {
                let parent = current.parent()?;
                let is_merge = call(&parent)
                    .and_then(|(function, _)| Some(last_name(dotted(&function, text)?)))
                    == Some("mkMerge");
                if !is_merge {
                    break;
                }
            }
            _ => break,
        }
        node = current.parent();
    }
    if path.first() == Some(&"config") {
        path.remove(0);
    }
    Some(path)
}

/// `true` or `false`.
pub(crate) fn boolean(node: &SyntaxNode, text: &str) -> Option<bool> {
    match (node.kind(), slice(node, text)) {
        (NODE_IDENT, "true") => Some(true),
        (NODE_IDENT, "false") => Some(false),
        _ => None,
    }
}

/// Whether a node is a literal of data: a string without interpolation, a number, a boolean, null.
pub(crate) fn is_literal(node: &SyntaxNode, text: &str) -> bool {
    match node.kind() {
        NODE_LITERAL => true,
        NODE_STRING => node.first_child().is_none(),
        NODE_IDENT => matches!(slice(node, text), "true" | "false" | "null"),
        _ => false,
    }
}

/// Whether there is a comment in a piece of code without strings.
pub(crate) fn has_comment(text: &str) -> bool {
    text.contains('#') || text.contains("/*")
}

/// The line breaks in a text.
pub(crate) fn count_lines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count() + 1
}
