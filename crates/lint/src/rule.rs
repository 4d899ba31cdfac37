//! What a rule is.

use diag::Code;
use rnix::{SyntaxKind, SyntaxNode};

use crate::check::File;
use crate::config::Level;
use crate::module::Module;
use crate::scope::Scope;
use crate::tree::{Tree, TreeReport};

/// A rule.
pub struct Rule {
    /// Its code, `lint/` and the name; the summary says what is wrong, the explanation why it
    /// matters and what to do.
    pub code: Code,
    /// How serious its findings are unless someone says otherwise.
    pub level: Level,
    /// Documentation.
    pub docs: Docs,
    /// Whether some of its findings have a safe fix.
    pub fixes: bool,
    pub(crate) check: Check,
}

impl Rule {
    /// Its name.
    pub fn name(&self) -> &'static str {
        crate::config::bare(self.code.name)
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Documentation of a rule. The examples are run by a test.
#[derive(Clone, Copy, Debug)]
pub struct Docs {
    /// What is found, in Markdown, and what is not.
    pub what: &'static str,
    /// Code with a finding. A line `#- PATH` starts a file.
    pub bad: &'static str,
    /// Code without.
    pub good: &'static str,
    /// A good reason to silence it.
    pub reason: &'static str,
}

/// A file of an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its path.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The files of an example; one without a name is `default.nix`.
pub fn examples(text: &str) -> Vec<Example> {
    let mut files: Vec<Example> = Vec::new();
    for line in text.split_inclusive('\n') {
        if let Some(path) = line.strip_prefix("#- ") {
            files.push(Example {
                path: path.trim().to_owned(),
                text: String::new(),
            });
            continue;
        }
        match files.last_mut() {
            Some(file) => file.text.push_str(line),
            None => files.push(Example {
                path: "default.nix".to_owned(),
                text: line.to_owned(),
            }),
        }
    }
    files
}

/// How a rule looks at code.
pub(crate) enum Check {
    /// At every node of these kinds.
    Nodes(&'static [SyntaxKind], fn(&SyntaxNode, &mut File<'_>)),
    /// At every node of these kinds, and at the whole tree.
    NodesAndTree(
        &'static [SyntaxKind],
        fn(&SyntaxNode, &mut File<'_>),
        fn(&Tree<'_>, &mut TreeReport<'_>),
    ),
    /// At the end of everything that binds names.
    Scopes(fn(&Scope<'_>, &SyntaxNode, &mut File<'_>)),
    /// At every module of a file.
    Modules(fn(&Module, &mut File<'_>)),
    /// At a whole tree of files.
    Tree(fn(&Tree<'_>, &mut TreeReport<'_>)),
    /// By the crate itself, about what is around the code.
    Driver,
}
