//! Definitions as one nested attribute set.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::Definition;
use nix::{AttrPath, Value, attr_name};

use crate::code::Code;
use crate::error::{Problem, Result};

/// The widest line that is taken for a single one when groups are set apart.
const WIDTH: usize = 90;

/// The order of attributes, which is alphabetical but for these.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'s> {
    /// First of all, at the top.
    pub(crate) top: &'s [&'s str],
    /// First in sets at any depth below.
    pub(crate) first: &'s [&'s str],
    /// Last in sets at any depth below.
    pub(crate) last: &'s [&'s str],
}

impl Order<'static> {
    /// What is switched on comes before how.
    pub(crate) const PLAIN: Self = Order {
        top: &[],
        first: &["enable"],
        last: &[],
    };
}

impl<'s> Order<'s> {
    /// Plain, after what is named.
    pub(crate) fn top(top: &'s [&'s str]) -> Self {
        Order {
            top,
            ..Order::PLAIN
        }
    }
}

/// The attributes in the order of two lists of names.
fn ordered<'t, 'a>(
    attrs: &'t Attrs<'a>,
    first: &[&str],
    last: &[&str],
) -> Vec<(&'t str, &'t Node<'a>)> {
    let mut ordered: Vec<_> = attrs
        .iter()
        .map(|(name, node)| (name.as_ref(), node))
        .collect();
    let rank = |name: &str| {
        let place = |names: &[&str]| names.iter().position(|&it| it == name);
        match (place(first), place(last)) {
            (Some(idx), _) => (0, idx),
            (None, None) => (1, 0),
            (None, Some(idx)) => (2, idx),
        }
    };
    ordered.sort_by_key(|(name, _)| rank(name));
    ordered
}

/// Attributes by name, merged from definitions.
#[derive(Debug, Default)]
pub(crate) struct Tree<'a> {
    attrs: Attrs<'a>,
}

type Attrs<'a> = BTreeMap<Cow<'a, str>, Node<'a>>;

#[derive(Debug, Default)]
struct Node<'a> {
    comments: Vec<Cow<'a, str>>,
    content: Content<'a>,
}

#[derive(Debug, Default)]
enum Content<'a> {
    #[default]
    Nothing,
    Set(Attrs<'a>),
    /// Several only if they merge.
    Values(Vec<Cow<'a, Value>>),
}

impl<'a> Tree<'a> {
    /// The tree of definitions.
    pub(crate) fn new(definitions: &'a [Definition]) -> Result<Self> {
        let mut tree = Self::default();
        tree.extend(definitions)?;
        Ok(tree)
    }

    /// Adds definitions.
    pub(crate) fn extend(&mut self, definitions: &'a [Definition]) -> Result<()> {
        for definition in definitions {
            let Definition {
                path,
                value,
                comment,
                ..
            } = definition;
            let parts = path.parts().iter().map(|part| Cow::Borrowed(part.as_str()));
            let comment = comment.as_deref().map(Cow::Borrowed);
            self.insert(parts, Cow::Borrowed(value), comment)
                .map_err(|()| Problem::Conflict(path.clone()))?;
        }
        Ok(())
    }

    /// Adds one definition of ours.
    pub(crate) fn set(&mut self, path: &[&str], value: impl Into<Value>) -> Result<()> {
        let parts = path.iter().map(|part| Cow::Owned((*part).to_owned()));
        self.insert(parts, Cow::Owned(value.into()), None)
            .map_err(|()| {
                Problem::Conflict(AttrPath(path.iter().map(|&part| part.into()).collect()))
            })
    }

    /// Whether it defines nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.attrs.is_empty()
    }

    fn insert(
        &mut self,
        path: impl Iterator<Item = Cow<'a, str>>,
        value: Cow<'a, Value>,
        comment: Option<Cow<'a, str>>,
    ) -> std::result::Result<(), ()> {
        let mut path = path;
        let mut node = self.attrs.entry(path.next().ok_or(())?).or_default();
        for part in path {
            node = node.set()?.entry(part).or_default();
        }
        node.comments.extend(comment);
        node.add(value)
    }

    /// The bindings, with blank lines around those that take more than a line.
    pub(crate) fn code(&self, order: Order<'_>) -> Result<Code> {
        let mut code = String::new();
        let mut previous_is_long = false;
        for (name, node) in ordered(&self.attrs, order.top, &[]) {
            let mut text = String::new();
            write_binding(&mut text, name, node, order)?;
            let is_long = is_long(&text);
            if is_long || previous_is_long {
                code.push('\n');
            }
            code.push_str(&text);
            code.push('\n');
            previous_is_long = is_long;
        }
        Ok(Code::new(code.trim()))
    }
}

/// Whether the formatter will give a binding more than a line, roughly.
fn is_long(text: &str) -> bool {
    text.len() > WIDTH || text.contains('\n') || text.matches(';').count() > 1
}

impl<'a> Node<'a> {
    fn set(&mut self) -> std::result::Result<&mut Attrs<'a>, ()> {
        if let Content::Nothing = self.content {
            self.content = Content::Set(Attrs::new());
        }
        match &mut self.content {
            Content::Set(attrs) => Ok(attrs),
            _ => Err(()),
        }
    }

    fn add(&mut self, value: Cow<'a, Value>) -> std::result::Result<(), ()> {
        match value {
            Cow::Borrowed(Value::Commented(comment, inner)) => {
                self.comments.push(Cow::Borrowed(comment));
                self.add(Cow::Borrowed(inner.as_ref()))
            }
            Cow::Owned(Value::Commented(comment, inner)) => {
                self.comments.push(Cow::Owned(comment));
                self.add(Cow::Owned(*inner))
            }
            Cow::Borrowed(Value::Attrs(attrs)) => {
                let set = self.set()?;
                attrs.iter().try_for_each(|(name, value)| {
                    let node = set.entry(Cow::Borrowed(name)).or_default();
                    node.add(Cow::Borrowed(value))
                })
            }
            Cow::Owned(Value::Attrs(attrs)) => {
                let set = self.set()?;
                attrs.into_iter().try_for_each(|(name, value)| {
                    let node = set.entry(Cow::Owned(name)).or_default();
                    node.add(Cow::Owned(value))
                })
            }
            value => match &mut self.content {
                Content::Nothing => {
                    self.content = Content::Values(vec![value]);
                    Ok(())
                }
                // Code may be a list as well; beside one, it has to be.
                Content::Values(values)
                    if (merges(&value) || is_code(&value))
                        && values.iter().all(|it| merges(it) || is_code(it))
                        && (merges(&value) || values.iter().any(|it| merges(it))) =>
                {
                    values.push(value);
                    Ok(())
                }
                Content::Set(_) | Content::Values(_) => Err(()),
            },
        }
    }
}

/// Whether the module system merges several of the kind.
fn merges(value: &Value) -> bool {
    match value {
        Value::List(_) | Value::Concat(_) | Value::Lines(_) => true,
        Value::Apply(_, inner) | Value::Commented(_, inner) => merges(inner),
        _ => false,
    }
}

/// Whether it is code whose value is not known here.
fn is_code(value: &Value) -> bool {
    match value {
        Value::Expr(_) => true,
        Value::Apply(_, inner) | Value::Commented(_, inner) => is_code(inner),
        _ => false,
    }
}

fn write_binding(code: &mut String, name: &str, node: &Node<'_>, order: Order<'_>) -> Result<()> {
    let mut path = attr_name(name).into_owned();
    let mut last: Option<&str> = None;
    let mut node = node;
    let mut comments: Vec<&str> = Vec::new();
    loop {
        comments.extend(node.comments.iter().map(AsRef::as_ref));
        match &node.content {
            Content::Set(attrs) if attrs.len() == 1 => {
                for (name, inner) in attrs {
                    if let Some(last) = last.replace(name) {
                        path.push('.');
                        path.push_str(&attr_name(last));
                    }
                    node = inner;
                }
            }
            _ => break,
        }
    }
    for comment in comments {
        code.push_str(Code::comment(comment).as_str());
        code.push('\n');
    }
    code.push_str(&path);
    if let Some(last) = last {
        // A condition is about a set, not about `true`.
        if let Content::Values(values) = &node.content
            && let [value] = values.as_slice()
            && let Value::Apply(function, inner) = value.as_ref()
            && function.starts_with("lib.mkIf ")
            && **inner == Value::Bool(true)
        {
            let set = Value::attrs([(last, Value::Bool(true))]);
            code.push_str(" = ");
            code.push_str(&nix::render(&Value::apply(function.clone(), set))?);
            code.push(';');
            return Ok(());
        }
        code.push('.');
        code.push_str(&attr_name(last));
    }
    code.push_str(" = ");
    match &node.content {
        Content::Nothing => code.push_str("{ }"),
        Content::Set(attrs) if attrs.is_empty() => code.push_str("{ }"),
        Content::Set(attrs) => {
            code.push_str("{\n");
            for (name, node) in ordered(attrs, order.first, order.last) {
                write_binding(code, name, node, order)?;
                code.push('\n');
            }
            code.push('}');
        }
        Content::Values(values) => code.push_str(&match values.as_slice() {
            [value] => nix::render(value)?,
            values => nix::render(&merged(values))?,
        }),
    }
    code.push(';');
    Ok(())
}

/// Several values as one.
fn merged(values: &[Cow<'_, Value>]) -> Value {
    let lists = values.iter().map(|value| match value.as_ref() {
        Value::List(elements) => Some(elements.as_slice()),
        _ => None,
    });
    if let Some(lists) = lists.collect::<Option<Vec<_>>>() {
        return Value::List(lists.concat());
    }
    let owned = || values.iter().map(|value| value.as_ref().clone()).collect();
    if values
        .iter()
        .all(|value| matches!(value.as_ref(), Value::List(_) | Value::Concat(_)))
    {
        return Value::Concat(owned());
    }
    Value::apply("lib.mkMerge", Value::List(owned()))
}

#[cfg(test)]
mod tests {
    use model::{Definition, Layer, Origin};
    use nix::{AttrPath, Expr, Value};

    use super::{Order, Tree};

    fn definition(path: &str, value: Value) -> Definition {
        Definition {
            path: AttrPath::parse(path).unwrap(),
            value,
            origin: Origin {
                layer: Layer::Fleet,
                span: None,
            },
            over: vec![],
            comment: None,
        }
    }

    fn list(elements: &[i64]) -> Value {
        Value::List(elements.iter().copied().map(Value::Int).collect())
    }

    fn written(definitions: &[Definition]) -> Result<String, String> {
        let tree = Tree::new(definitions).map_err(|problem| problem.to_string())?;
        let code = tree.code(Order::top(&["z"])).unwrap();
        Ok(nix::format(&format!("{{ {code} }}")).unwrap())
    }

    #[test]
    fn definitions_become_one_set() {
        let definitions = [
            definition("b.c.d", Value::Int(1)),
            definition("b.c.\"e f\".enable", Value::Bool(true)),
            definition("b.c.\"e f\".a", Value::Null),
            definition(
                "b.g",
                Value::attrs([
                    ("h", Value::Int(2)),
                    ("i", Value::attrs([("j", Value::Int(3))])),
                ]),
            ),
            definition("b.g.k", Value::Int(4)),
            definition("l", Value::attrs::<&str>([])),
            definition("m", Value::Int(5)),
            Definition {
                comment: Some("Why.\nAnd how.".to_owned()),
                ..definition(
                    "n.o",
                    Value::Commented("Inner.".to_owned(), Box::new(Value::Int(6))),
                )
            },
            definition("z", Value::from("first")),
        ];
        let expected = "\
{
  z = \"first\";

  b = {
    c = {
      d = 1;
      \"e f\" = {
        enable = true;
        a = null;
      };
    };
    g = {
      h = 2;
      i.j = 3;
      k = 4;
    };
  };

  l = { };
  m = 5;

  # Why.
  # And how.
  # Inner.
  n.o = 6;
}
";
        assert_eq!(written(&definitions).unwrap(), expected);
    }

    #[test]
    fn conditions_are_about_sets() {
        let on = || Value::apply("lib.mkIf cfg.x", Value::Bool(true));
        let definitions = [
            definition("a.b.enable", on()),
            definition("c", on()),
            definition("d.enable", on()),
            definition("d.e", Value::Int(1)),
        ];
        let expected = "\
{
  a.b = lib.mkIf cfg.x { enable = true; };

  c = lib.mkIf cfg.x true;

  d = {
    enable = lib.mkIf cfg.x true;
    e = 1;
  };
}
";
        assert_eq!(written(&definitions).unwrap(), expected);
    }

    #[test]
    fn lists_append_and_lines_merge() {
        let lines = |text: &str| Value::Lines(text.to_owned());
        let expr = Value::Expr(Expr::parse("lib.optional c 3").unwrap());
        let cases = [
            (
                [list(&[1]), list(&[2])],
                "{\n  a = [\n    1\n    2\n  ];\n}\n",
            ),
            (
                [list(&[1]), Value::Concat(vec![list(&[2]), expr])],
                "{ a = [ 1 ] ++ [ 2 ] ++ lib.optional c 3; }\n",
            ),
            (
                [list(&[1]), Value::apply("lib.mkAfter", list(&[2]))],
                "{\n  a = lib.mkMerge [\n    [ 1 ]\n    (lib.mkAfter [ 2 ])\n  ];\n}\n",
            ),
            (
                [Value::Expr(Expr::parse("[ 1 ]").unwrap()), list(&[2])],
                "{\n  a = lib.mkMerge [\n    [ 1 ]\n    [ 2 ]\n  ];\n}\n",
            ),
            (
                [lines("x"), lines("y")],
                "{\n  a = lib.mkMerge [\n    \"x\"\n    \"y\"\n  ];\n}\n",
            ),
        ];
        for (values, expected) in cases {
            let definitions = values.map(|value| definition("a", value));
            assert_eq!(written(&definitions).unwrap(), expected);
        }
    }

    #[test]
    fn conflicts() {
        let cases = [
            (("a", Value::Int(1)), ("a", Value::Int(1))),
            (("a", Value::Int(1)), ("a.b", Value::Int(1))),
            (("a.b", Value::Int(1)), ("a", Value::Int(1))),
            (("a", list(&[1])), ("a", Value::Int(1))),
            (
                ("a", Value::attrs([("b", Value::Int(1))])),
                ("a.b", Value::Int(2)),
            ),
        ];
        for ((path, value), (other_path, other)) in cases {
            let definitions = [definition(path, value), definition(other_path, other)];
            let expected = format!("`{other_path}` is defined twice");
            assert_eq!(written(&definitions).unwrap_err(), expected);
        }
    }
}
