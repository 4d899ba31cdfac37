//! What is known about options from outside of the files: an index of nixpkgs, if there is one.

/// A value that an option has by default, as data.
pub type Literal = nix::DefValue;

/// The module system that an option belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// NixOS.
    Nixos,
    /// Home Manager.
    Home,
}

/// Facts about the options that the files do not declare themselves.
pub trait OptionFacts: Sync {
    /// The literal default of an option; nothing if it is computed, or the option is not known.
    fn default_of(&self, context: Context, path: &[&str]) -> Option<Literal>;

    /// Whether several different definitions of an option are merged, as those of lists and lines
    /// are; nothing if the option is not known.
    fn merges(&self, context: Context, path: &[&str]) -> Option<bool> {
        let _ = (context, path);
        None
    }
}

/// No facts: rules that need them find nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFacts;

impl OptionFacts for NoFacts {
    fn default_of(&self, _: Context, _: &[&str]) -> Option<Literal> {
        None
    }
}
