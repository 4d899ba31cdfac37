//! The one table of diagnostic codes. A code never changes its meaning; a retired one is not reused.

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Its stable name, as printed in brackets.
    pub name: &'static str,
    /// One line: what is wrong.
    pub summary: &'static str,
    /// Why it matters and what to do, in Markdown.
    pub explanation: &'static str,
}

/// Looks a code up.
pub fn code(name: &str) -> Option<&'static Code> {
    REGISTRY.iter().find(|c| c.name == name)
}

macro_rules! codes {
    ($($name:literal: $summary:literal, $explanation:literal;)*) => {
        /// Every code, sorted by name.
        pub const REGISTRY: &[Code] = &[
            $(Code { name: $name, summary: $summary, explanation: $explanation },)*
        ];
    };
}

codes! {
    "ambiguous-scalar": "a plain scalar that readers of YAML disagree about",
        "Only `true` and `false` are booleans, and numbers are decimal. `yes`, `010`, `0x1f` or an integer beyond 64 bits mean different things to different readers. Quote the value if text is meant.";
    "bad-attribute-path": "a key is not an attribute path of Nix",
        "Keys of settings are attribute paths as Nix writes them: parts joined by dots, with quotes around a part that is not an identifier. A part `${…}` is code; write a body instead.";
    "bad-condition": "`when` of `!if` is neither an option nor code",
        "A condition that is known at generation needs no `!if`. Give `!opt NAME`, a boolean option of the feature, or `!nix EXPR`.";
    "bad-file": "a file cannot be read as what it should be",
        "A body must be UTF-8 text.";
    "bad-half": "a home feature has a system half",
        "`homeFeatures` holds features with a Home Manager half only. Move the definition to `features`.";
    "bad-key": "a key that nothing can be encrypted for, or that lets nobody in",
        "`sshKeys` take public keys as `authorized_keys` has them. The key book takes public keys of ssh (ed25519, and RSA with agenix) and age recipients. sops-nix turns the ssh key of a host into an age key, which only ed25519 keys allow.";
    "bad-name": "a name that cannot be used",
        "Names become file names, attributes, host names and unit names, so each kind has its rule, which the message states.";
    "bad-package": "a package of your own that `callPackage` cannot call",
        "An entry of `fleet.packages.own` is a folder with `package.nix` or `default.nix`, or a `.nix` file, that holds a function whose arguments are what the package needs.";
    "bad-path": "a path that leads outside the spec folder",
        "Files are named relative to the spec folder and lie below it, because the output takes them along and must stand alone.";
    "bad-port": "a port of a feature names an option of another type",
        "`option` must name an option of type `port` or `{ list: port }`, and `when` a boolean one.";
    "bad-size": "a size without unit or with an unknown one",
        "Sizes are a whole number and a unit that is a power of 1024: `16GiB`, `16G`, `512M`.";
    "bad-summary": "a summary that is not one line without a period",
        "The summary becomes the description of the feature's flag and a cell of the reference, so it is one line without a final period.";
    "bad-tag-content": "a tag before something it cannot take",
        "`!nix`, `!lines` and the naming tags take a scalar, `!if` a mapping with `when` and `then`.";
    "bad-task": "a task that cannot be a recipe",
        "A task becomes a recipe of the Justfile: a script for bash, whose parameters are variables, with a description of one line. Required parameters come first, and one that takes all that follows last.";
    "bad-user": "a user's settings contradict each other",
        "A service account has no home and no admin rights, and `root` exists on every host already.";
    "bad-value": "a value outside what the key allows",
        "The message names the value and what is expected.";
    "bidi-control": "text holds a character that turns the direction of writing",
        "Such characters show text in another order than it has, so that what is reviewed is not what runs. The text of the spec becomes code and comments, and no language needs them there.";
    "body-shape": "a body that is a whole module",
        "A body stands inside the module that is made for its feature: it is the set of definitions, or `let … in` one, without arguments. `cfg`, `config`, `lib` and `pkgs` are there.";
    "body-template": "a body cannot be rendered",
        "A body is a minijinja template with few values and functions; undefined names are errors. Jinja's marks in Nix code (two braces in a row) need a space or a `raw` block.";
    "boot-loaders": "two boot loaders on one machine",
        "`hardware.boot.loader` names one, and a setting or a feature switches on another. Where the host names none, gen takes the one that is switched on for it.";
    "cache-twice": "a priority for the cache that nixpkgs adds by itself",
        "nixpkgs appends `https://cache.nixos.org/` to the caches of every host, so the same cache with a priority in its address would be a second one. It announces 40: lower numbers are asked before it, higher ones after it.";
    "catalog-clash": "a name of a catalog that somebody else has too",
        "What a fleet uses of a catalog becomes a part of its spec, so it must have a name of its own there. `except` leaves names of a catalog out.";
    "catalog-edited": "the copy of a catalog was changed by hand",
        "What is below `catalogs/NAME` is not what `gen catalog update` copied. It is used as it is, and the next update would refuse to replace it. Bring the change to where the catalog is kept.";
    "catalog-except": "`except` names what a catalog does not have",
        "The name may be misspelt, or the catalog has lost it since.";
    "catalog-lock": "the record of copied catalogs cannot be used",
        "`catalogs/lock.json` says of which commit each copy is, and what its files were.";
    "catalog-missing": "a catalog is not there",
        "A folder is read where it is; of a git repository there must be a copy below the spec folder, which `gen catalog update` makes. The copy is committed, so that generation needs no network.";
    "catalog-name": "a catalog that cannot be called that",
        "The name is that of a folder in the output, and of one below the spec folder.";
    "catalog-path": "a path that leads out of a catalog, or to what cannot be one",
        "A catalog stands alone: files that it names lie below its folder. The folder itself is beside the spec folder or below it.";
    "catalog-rev": "a catalog that is not pinned to a commit",
        "A branch or tag would be another commit tomorrow, and a short id may become ambiguous.";
    "catalog-section": "a section that a catalog cannot have",
        "Hosts, users, secrets and the like are a fleet's own business. A catalog holds features, profiles, templates and disk layouts.";
    "catalog-stale": "the copy of a catalog is of another commit",
        "The spec asks for another commit, folder or repository than what was copied.";
    "catalog-unused": "the copy of a catalog that the spec does not declare",
        "It is not read.";
    "catalog-url": "the address of a catalog that git cannot read safely",
        "Addresses begin with `https://`, `ssh://`, `git://`, `http://` or `file://`, or are of the form `git@example.org:catalog.git`.";
    "computed-port": "a port is code, so the firewall stays closed",
        "Ports are opened at generation, from numbers. Where the port is code its number is not known; write it, or open it by hand.";
    "container-hardware": "a container is given what only machines have",
        "A container (`platform: lxc`) shares the kernel of the machine below it, which also boots it and mounts its disks.";
    "deploy-address": "a host that is deployed has no address",
        "deploy-rs connects to `deploy.address`, or to the address that others use (`network.address`). A host that has neither is not deployed: `deploy: false`.";
    "deploy-login": "whoever deploys cannot log in",
        "Deployment is by ssh: the host needs a server, and `sshUser` an account there that the server lets in with a key.";
    "deploy-rights": "whoever deploys may not do what it takes",
        "A system is activated by `root`, so another `sshUser` needs sudo, without a password or with `interactiveSudo`. Unless hosts build for themselves, they must trust the user to copy what was built elsewhere.";
    "deploy-setting": "a setting of the deployment has no effect",
        "The message says why; remove it, or what is in its way.";
    "derive": "a derived option cannot be computed",
        "The expression failed, or it gave something that is not data. It may read only what the documentation of the spec language lists.";
    "disk-layout": "a disk layout that cannot work",
        "The parameters of the layout contradict each other; the message says how.";
    "duplicate-address": "two hosts have one address",
        "Others reach a host by its address, so two active hosts cannot share one.";
    "duplicate-interface": "two MicroVMs have the same interface",
        "MAC addresses, names of interfaces on the host and addresses must differ, because the guests may run on one host. Leave them out where they do not matter: they are made from the name.";
    "duplicate-key": "a key is given twice",
        "YAML readers would silently keep one of the two. Remove one, or merge them.";
    "duplicate-name": "a name is defined twice",
        "Files merge by section; within a section each name has one definition. Both places are shown.";
    "duplicate-uid": "two users have one uid",
        "Files of one would belong to the other.";
    "duplicate-value": "two machines share a value that each needs for itself",
        "The feature marks the option as `unique`: addresses, keys and identities by which others tell machines apart.";
    "duplicate-volume": "two volumes or shares of a MicroVM are in each other's way",
        "Every image belongs to one volume, every tag to one share, and at every place of the guest one thing is mounted.";
    "empty-feature": "a feature does nothing",
        "A feature needs a `nixos` or `home` tree, a body, or features that it requires.";
    "eval-assertion": "an assertion of a module fails",
        "A module says that its options do not fit together. The message is the module's own; the line is the one that its words are likeliest about.";
    "eval-build": "an evaluation would have to build something",
        "Import from derivation is off: Nix would have to build before it knows what to build. Put the text into the spec or a file.";
    "eval-conflict": "two definitions of an option that takes one",
        "Both stand at the same priority. Take one of them away, or settle it with `!force`.";
    "eval-error": "Nix cannot evaluate a machine",
        "The message is Nix's own, the line the nearest that its trace names. `gen eval --show-trace` prints all that Nix says.";
    "eval-file": "a file is not there for Nix",
        "A flake in git holds only files that git knows: `git add -N` makes a new one visible. A path in code is relative to the generated file.";
    "eval-input": "an input of the flake cannot be had",
        "It is not in `flake.lock`, or cannot be fetched. `nix flake lock` in the output folder locks what is missing.";
    "eval-name": "a name that is not there",
        "Code reads an attribute or a variable that does not exist: a package, a function of `lib`, an option of `config`.";
    "eval-option": "an option that does not exist",
        "The release of nixpkgs that is locked has no such option. With an index (`gen index`) `gen check` finds this without Nix.";
    "eval-package": "nixpkgs refuses a package",
        "It is unfree, insecure, broken, or not made for this platform. `fleet.packages` says what is allowed.";
    "eval-recursion": "a value asks for itself",
        "Often an option is defined by way of itself, or `imports` depend on `config`.";
    "eval-type": "a value of another type than the option's",
        "The message names the type that is expected and the value that was given.";
    "eval-undefined": "an option without a value",
        "Something reads an option that nothing defines and that has no default.";
    "eval-warning": "a module warns",
        "The message is the module's own. Warnings of several machines are told once.";
    "extends-cycle": "a template or profile extends itself",
        "Following `extends` leads back to the start. Remove one link of the cycle.";
    "feature-collision": "two features set one option differently",
        "Both are on, and both set the option at the same priority, so the module system would refuse. Switch one off, or settle the value at the host with `!force`.";
    "feature-conflict": "two features that exclude each other are both on",
        "One of them declares the conflict. Switch one off; the message shows what switches each on.";
    "forward-collision": "a forwarded port is taken on the host",
        "Two guests of one host cannot both have a port of it, and neither can a guest and a service of the host.";
    "home-only-feature": "a Home Manager feature where a system feature is needed",
        "Hosts and templates enable system halves. Name the feature in a profile or in a user's `home.features`.";
    "index-outdated": "the index is of another release than the lock file",
        "Options and packages are checked against an index of the inputs that `flake.lock` pins. It was made of others; `gen index` makes it anew.";
    "index-unreadable": "the index cannot be read",
        "A file of the index is not what `gen index` writes. Make it anew with that command, or remove the folder to go on unchecked.";
    "internal-error": "gen itself made a mistake",
        "The spec was found sound, but the output could not be made from it. This is a bug; please report it with the spec that shows it.";
    "key-not-text": "a key that is a list or a mapping",
        "Keys are text. Quote a key that begins with a bracket or brace.";
    "listed-twice": "a list holds the same twice",
        "A layout, a profile, a zone or a file counts once however often it is listed. Mostly another was meant.";
    "literal-credential": "a credential in the spec",
        "The spec and the output are public to everyone who reads the repository and the store. Declare a secret and name it with `!secret`.";
    "literal-hash": "a password hash in the spec",
        "A hash is not the password, but everyone who can read the repository or the store can try passwords against it. NixOS takes a file as well, `hashedPasswordFile`, and the spec a secret.";
    "merge-key": "a YAML merge key",
        "Merge keys hide where a value comes from. Templates and profiles are there for what several places share.";
    "microvm-memory": "the memory of a MicroVM does not fit",
        "The guests of a host share its memory, and what they have is gone for the host. QEMU hangs with exactly 2 GiB.";
    "microvm-network": "the network of a MicroVM contradicts itself",
        "With user networking ports of the host are forwarded to the guest; a guest on a bridge has an address of its own instead.";
    "microvm-system": "a MicroVM is of another platform than its host",
        "A guest runs on the processor of its host: what is built for another platform would not start.";
    "microvm-vcpu": "a MicroVM has more processors than its host",
        "A guest with more virtual processors than the host has threads only waits for itself.";
    "missing-file": "a file that is named does not exist",
        "Files are named relative to the spec folder. Hand-written modules must reach what they import by a relative path below it.";
    "missing-host-key": "a secret is for a host whose key is not known",
        "The file cannot be encrypted for the host, which would fail when it starts. Add its public ssh or age key to `secrets.keys.hosts`, then encrypt again: `scripts/manage-secrets.sh rekey`.";
    "missing-key": "a required key is missing",
        "The message names the key and what it is for.";
    "missing-option": "an option without default has no value",
        "The feature cannot work without it. Set it where the feature is enabled.";
    "missing-secret-file": "an encrypted file does not exist",
        "The flake names it, so it will not evaluate until the file is created with the command shown.";
    "missing-section": "a required section is missing",
        "Every fleet has a section `fleet` with its name.";
    "nix-syntax": "code that is not valid Nix",
        "Everything tagged `!nix`, every body and every hand-written module is parsed before it is copied.";
    "no-bios-partition": "GRUB without a BIOS boot partition",
        "On a disk with a partition table of today GRUB needs a small partition of its own to be started by BIOS. Layouts make it with `bios: true`.";
    "no-boot-loader": "a host without a boot loader",
        "The machine would be built but could not start. Set `hardware.boot`, or `loader: none` where something else boots it.";
    "no-efi-partition": "systemd-boot without an EFI partition",
        "systemd-boot lives on the EFI system partition, which must be mounted.";
    "no-hosts": "a spec without hosts",
        "There is nothing to generate.";
    "no-installer": "a host that cannot have an installer, or has one and not",
        "A container boots no installer; start it from an image. Otherwise say once whether a host has one: `installer` at the host, or an entry of `installers`.";
    "no-root-file-system": "a host without a root file system",
        "NixOS refuses to evaluate without one. Name a disk layout, or set `fileSystems`.";
    "no-unstable": "a package of the second package set, which the fleet does not have",
        "`pkgs-unstable` is passed to modules only where `fleet.packages.unstable` is true.";
    "nul-in-text": "text with a NUL character",
        "Strings of Nix cannot hold NUL.";
    "open-password": "a throw-away password that others than the host can try",
        "Passwords stand in the spec only for guests that nobody but their own host reaches: forwarded from 127.0.0.1, not on a bridge. Everywhere else keys log in.";
    "open-secret": "a secret that every user may read",
        "The mode gives others the right to read the decrypted file.";
    "option-type": "a value of the wrong type",
        "Values given to a feature's options are checked against their types before anything is rendered.";
    "output-edited": "a generated file was changed by hand",
        "The file differs both from what was last written and from what is to be written. It is kept, and by default nothing else is written either, so that the output stays one piece. Move the change to the spec (a setting, or a hand-written module under `modules:`), or discard the change with `gen --overwrite FILE`.";
    "output-ejected-differs": "a file that is yours would be generated otherwise now",
        "The file was given to you by `gen eject` and is left alone. Since then the spec has come to give something else there. Bring the change over by hand and eject the file again to say that it is settled, or have it generated again with `gen --overwrite FILE`.";
    "output-ejected-missing": "a file that is yours is gone",
        "The file was given to you by `gen eject`, and what is generated around it may name it still. Bring it back, or have it generated again with `gen --overwrite FILE`.";
    "output-ejected-names": "a file that is yours names one that is no longer generated",
        "The file that is named would have been removed. Since a file that was given to you by `gen eject` names it, it stays and becomes yours as well, with what it names in turn. Take it out of the file that names it to do without it, and remove it with `gen --overwrite FILE`.";
    "output-ejected-orphan": "a file that is yours has no place in the spec any more",
        "The file was given to you by `gen eject`. Since then what it was generated for was removed from the spec or was given another name by hand (`gen rename` takes such files along), so nothing that is generated uses it. Move it over the new file and eject that one, delete it, or run `gen eject FILE` to keep it where it is without gen.";
    "output-manifest": "the manifest cannot be used",
        "`.gen/manifest.json` says which files belong to gen. Without it nothing can be written or removed safely. After a merge conflict take either side and run gen, which writes it anew. If it is lost, delete it: files that are just as gen writes them become its own again, all others are kept and reported.";
    "output-missing": "a generated file was deleted by hand",
        "The spec still asks for the file, so it is written again. To do without it, take what it comes from out of the spec.";
    "output-obstructed": "something else is where a generated file belongs",
        "A file is where a folder is needed, a folder is where a file is needed, or a device, pipe or socket is there. Nothing is written until it is moved.";
    "output-orphan-edited": "a file that is no longer generated was changed by hand",
        "The spec no longer asks for the file, but it is not as it was written, so it is kept. Move it out of the output folder, or delete it.";
    "output-overwrite-unmatched": "`--overwrite` names no generated file",
        "The path names neither a file that gen generates or owns nor a folder with one. Give the path as messages print it.";
    "output-path": "a generated file cannot have its path",
        "Two files would be the same where case does not count, or a name holds what a path must not. Rename what the file comes from: an asset, host, user or feature.";
    "output-read-only": "a generated file is to change but is read-only",
        "Its owner may not write it, which is taken as a wish to keep it. Nothing is written until it is writable.";
    "output-stale": "the output is not what the spec gives",
        "`gen check` compares the output folder with what the spec gives now. Run `gen` to write it; `gen diff` shows what changes.";
    "output-symlink": "a symbolic link is in the output folder",
        "A generated file, or a folder above one, is a symbolic link. It could lead anywhere, so it is never followed, and nothing is written until it is replaced.";
    "output-unmerged": "a generated file has a merge conflict",
        "Both sides of a merge changed the file, and its markers are in it. What is in a generated file follows from the spec: merge the spec, then have the file written anew with `gen --overwrite FILE`. It is kept until then, and nothing else is written either.";
    "output-unowned": "a file that gen did not write is in the way",
        "A file is to be written where another one already is, with other content and not in the manifest. It is kept, and by default nothing else is written either. Move it elsewhere or replace it with `gen --overwrite FILE`.";
    "package-broken": "a package is marked as broken",
        "nixpkgs refuses to evaluate a package that is known not to build. Choose another one or another release.";
    "package-not-allowed": "a feature needs packages that the fleet does not allow",
        "Unfree and insecure packages are allowed by name only, in `fleet.packages`.";
    "package-renamed": "an old name of a package",
        "nixpkgs keeps old names as aliases for a while, with a warning or an error that says what to use instead. Write the new name.";
    "package-unknown": "nixpkgs has no such package",
        "The path below `pkgs` is in no package set of the index. If an overlay adds it, name the overlay under `fleet.packages.overlays`.";
    "package-unsupported": "a package does not exist for the system of a host",
        "nixpkgs refuses to evaluate a package that does not support the platform.";
    "password-secret": "a password that is to belong to somebody",
        "sops-nix decrypts the passwords of users before there are users, so only root can have them.";
    "pin-unknown": "a pin of a package that the index does not know",
        "The name may be misspelt. It may also be right, where the set that the package comes from is of another release than the index; then `attribute` says what it is called there.";
    "port-collision": "two features listen on one port of a host",
        "Give one of them another port by its option.";
    "private-key": "a private key in the spec",
        "Remove it from the spec and from history, and make a new one. Public keys belong here.";
    "removed-option": "an option of a feature is gone",
        "A feature had it once and has it no more. The help says what to do instead.";
    "renamed-option": "an option of a feature has another name",
        "`gen migrate` gives what the spec says to the new one.";
    "required-feature-disabled": "a feature is switched off but required",
        "Another feature that is on requires it. Remove the line that switches it off, or switch off what requires it.";
    "reserved-option": "`enable` is implied",
        "Every feature has a flag `enable`, which naming the feature sets.";
    "retired-host": "something refers to a retired host",
        "A retired host stays in the spec for the record; nothing may depend on it.";
    "same-key": "a key that two names have",
        "Whoever has it reads what is for either of the two, and taking it away from one takes it from both.";
    "secret-access": "a host uses a secret that it may not read",
        "Add the host to the secret's readers, then rekey, so that the host can decrypt it.";
    "self-reference": "a feature requires or excludes itself",
        "Remove the entry.";
    "setting-conflict": "a setting and a feature set one option differently",
        "Both stand at the same priority, so the module system would refuse. Set the feature's own option, or say `!force`.";
    "setting-elsewhere": "an option that has a key of its own in the spec",
        "The generator sets this option from another key, which the message names.";
    "setting-of-feature": "a feature's option among settings",
        "Options of features are set under `features`, where names and types are checked.";
    "setting-read-only": "an option that can only be read is set",
        "The module system computes it; a second definition is an error.";
    "setting-removed": "an option that was removed is set",
        "The module system refuses it. The release notes say what replaces it.";
    "setting-renamed": "an option is set by its old name",
        "It still works, with a warning at each evaluation. Write the new name.";
    "setting-shadowed": "a setting that has no effect",
        "A feature sets the option at a higher priority, so the value would be ignored silently. Set the feature's own option, or say `!force`.";
    "setting-type": "an option is given a value of another type",
        "The module system would refuse the value. The message says what the option takes.";
    "setting-unknown": "an option that does not exist is set or read",
        "The index of the modules that the fleet uses has no such option. A slip of the pen is the usual reason; an option of Home Manager in a host, or the other way round, the second.";
    "shut-port": "a port of a feature that opens on no interface of the host",
        "Features open their ports in zones, and the host has no interface in any of them, so nothing reaches the port from outside. Name the interface of a zone in `network.zones`, choose another zone for the feature in `network.open`, or say by an empty list (`lan: []`) that the host has no interface there. The interface of a MicroVM on a bridge is in the zones that its `network.zones` lists. What settings, hand-written modules or features of the spec open by themselves is not reported.";
    "small-swap": "less swap than memory on a host that hibernates",
        "Hibernation writes the memory to swap. What does not fit keeps the machine from going to sleep.";
    "spec-empty": "the spec folder holds no YAML file",
        "There is nothing to generate from. `gen init` starts a small fleet.";
    "spec-encoding": "a file of the spec is not UTF-8",
        "YAML is read as UTF-8, and so are the names of files. Save or rename the file.";
    "spec-missing": "there is no spec folder",
        "The folder that is named by `--spec`, or `spec` in the working folder, is not there. `gen init` starts a small fleet; `-C DIR` goes to another folder first.";
    "spec-special-file": "a device, pipe or socket is in the spec folder",
        "It is never opened, since that could block. Move it out of the spec folder.";
    "spec-symlink": "a symbolic link in the spec folder leads nowhere or out of it",
        "The same spec must give the same output on any machine, so only links to files inside the folder are followed. Copy the file into the spec folder.";
    "spec-too-large": "a file in the spec folder is too large",
        "A YAML file may have 16 MiB, another file 64 MiB. Split it, or keep it out of the spec folder.";
    "spec-unreadable": "a file of the spec cannot be read",
        "The system refused to read the file or folder. Nothing that depends on it is checked until it can be read.";
    "spec-version": "a version of the spec format that is not known",
        "The spec was written for another version of the tool.";
    "system-only-feature": "a system feature where a home feature is needed",
        "Profiles and users enable Home Manager halves. Name the feature at a host or in a template.";
    "tag-on-key": "a tag before a key",
        "Tags stand before values.";
    "tag-outside-feature": "`!opt` or `!if` outside a feature",
        "They refer to the options of the feature whose body they stand in.";
    "task-name": "a task has the name of a generated recipe",
        "Recipes of the Justfile are made from the spec, and their names are taken. Give the task another.";
    "undeclared-secret": "a body uses a secret that its feature does not list",
        "Listed secrets are checked against the hosts' access, so every secret of a body is listed.";
    "undefined-variable": "code uses a name that is not defined",
        "Code may use the arguments of the module that it stands in and what it binds itself; `cfg` is for features.";
    "unexpected-tag": "a tag where none is allowed",
        "The key takes plain data.";
    "unknown-disk": "a disk layout that is not defined",
        "Hosts name layouts of the section `disks`.";
    "unknown-feature": "a feature that does not exist",
        "Neither the spec nor the catalog has a feature of that id.";
    "unknown-host": "a host that is not defined",
        "The name is neither a host nor a group.";
    "unknown-input": "a flake input that is not defined",
        "Declare it under `inputs`.";
    "unknown-key": "a key that is not part of the language here",
        "Keys are checked at every level; the help names the nearest, or all that are known here.";
    "unknown-key-holder": "an editor of a secret without a public key",
        "Users who edit secrets are named in `secrets.keys.users`.";
    "unknown-microvm": "a MicroVM that is not defined",
        "Names are those of the section `microvms`.";
    "unknown-option": "an option that the feature does not have",
        "The help names the nearest option, or all of them.";
    "unknown-profile": "a profile that is not defined",
        "Profiles are defined in the section `profiles`.";
    "unknown-program": "a program that does not exist",
        "A program is a folder with a `default.nix`: one of the catalog, or `programs/NAME` below the spec folder.";
    "unknown-rule": "a lint rule that does not exist",
        "`gen lint --list` lists the rules, and `docs/reference/lint` explains them.";
    "unknown-secret": "a secret that is not declared",
        "Declare it under `secrets.items` with the hosts that read it.";
    "unknown-tag": "a tag that is not part of the language",
        "The tags are listed in the documentation of the spec language.";
    "unknown-template": "a template that is not defined",
        "Templates are defined in the section `templates`.";
    "unknown-time-zone": "a time zone that is not among those that gen knows",
        "NixOS takes every text for a time zone, and a machine with one that is none is in UTC, without a word. The names are those of the IANA database that gen was built with; what is no misspelt name of those and could be a newer one is only warned of.";
    "unknown-type": "an option type that does not exist",
        "The types are listed in the documentation of the spec language.";
    "unknown-user": "a user that is not defined",
        "Users are defined once, in the section `users`.";
    "unknown-zone": "a zone that is not declared",
        "Zones are declared in `fleet.zones`, so that a misspelt one does not silently leave a port closed.";
    "unlisted-package": "a package of the spec folder that is not listed",
        "What lies below `packages` is a package of the fleet's own once `fleet.packages.own` names it.";
    "unmet-need": "a feature on a host that cannot run it",
        "The feature states facts that its host must have, such as a GPU of a vendor.";
    "unneeded-disable": "a feature is switched off that nothing switches on",
        "The line has no effect. Remove it.";
    "unquoted-text": "a number or boolean where text is wanted",
        "YAML reads it as another type and may change it: `25.10` would become 25.1. Quote it.";
    "unreadable-secret": "a user's home uses a secret that the user may not read",
        "Decrypted files belong to root unless the secret says otherwise, so what runs as the user would not get the value. Give the secret an `owner`, or a `group` of the user's with a mode that lets it read.";
    "unused-feature": "a feature of the spec that nothing enables",
        "It is checked but not emitted.";
    "unused-input": "a flake input that nothing uses",
        "Inputs that nothing uses are not emitted.";
    "unused-key": "the key of a user whom no secret is for",
        "Nothing is encrypted for the key. A secret without `users` is for all of them.";
    "unused-profile": "a profile that nobody has",
        "It is checked but not emitted.";
    "unused-secret": "a secret that no host uses",
        "It is kept in the rules of the secret backend, but no host decrypts it.";
    "unused-template": "a template that no host uses",
        "It is checked but not emitted.";
    "unused-user": "a user that no host has",
        "The account is not emitted.";
    "value-and-below": "an option has a value, and one below it has one too",
        "One of the two layers treats the option as a leaf, the other as a set.";
    "wrong-type": "a value of another shape than the key takes",
        "The message says what is expected and what was found.";
    "yaml-budget": "a file that is too large, too deep or repeats itself too often",
        "The limits keep a hostile or broken file from taking all memory.";
    "yaml-documents": "several YAML documents in one file",
        "Every file below the spec folder is read; give each document its own file.";
    "yaml-syntax": "the file is not valid YAML",
        "The parser could not read the file. Everything after the place is not checked until it is mended.";
}

#[cfg(test)]
mod tests {
    use super::REGISTRY;

    #[test]
    fn names_are_sorted_and_kebab_case() {
        for pair in REGISTRY.windows(2) {
            assert!(
                pair[0].name < pair[1].name,
                "{} stands before {}",
                pair[0].name,
                pair[1].name
            );
        }
        for code in REGISTRY {
            assert!(
                code.name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c == '-'),
                "{}",
                code.name
            );
            assert!(!code.summary.ends_with('.'), "{}", code.name);
            assert!(code.explanation.ends_with('.'), "{}", code.name);
        }
    }
}
