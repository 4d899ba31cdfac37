//! Which definitions give an option, and which machine has a name.

use model::{Definition, Fleet, Host};

use crate::places::Printed;

/// The definitions that give an option, those that share most of its path: several where lists are
/// printed as one.
pub(crate) fn matching<'a>(printed: &[Printed<'a>], option: &[String]) -> Vec<&'a Definition> {
    let mut most = 0;
    let mut found = Vec::new();
    for (prefix, definitions) in printed {
        for definition in *definitions {
            let own = prefix.iter().chain(definition.path.parts());
            let shared = own.zip(option).take_while(|(a, b)| a == b).count();
            let length = prefix.len() + definition.path.parts().len();
            let fits = shared == length || shared == option.len();
            if !fits || shared <= prefix.len() || shared < most {
                continue;
            }
            if shared > most {
                most = shared;
                found.clear();
            }
            found.push(definition);
        }
    }
    found
}

/// A host, a guest or an image.
pub(crate) fn machine<'a>(fleet: &'a Fleet, name: &str) -> Option<&'a Host> {
    fleet
        .hosts
        .get(name)
        .or_else(|| fleet.microvms.get(name).map(|vm| &vm.guest))
        .or_else(|| fleet.images.get(name).map(|image| &image.machine))
}

/// The path below which a user's Home Manager part stands.
pub(crate) fn home_path(user: &str) -> Vec<String> {
    ["home-manager", "users", user].map(str::to_owned).to_vec()
}
