//! Did-you-mean.
//!
//! Names are compared without case and by their dotted segments: a slip in one segment does not
//! license another one to differ altogether, a name without its category finds the full name, and a
//! name under the wrong category finds the only one that ends alike.

use std::collections::BTreeSet;

/// Words longer than this are no misspelt names; comparing them would only cost time.
const LONGEST: usize = 128;

/// So many equally good candidates are named; more of them mean that none is meant.
const MOST: usize = 3;

/// The candidate that a misspelt word most likely means, if any is near enough.
///
/// Takes whatever lends strings: `&["a", "b"]`, `&vec_of_strings`, `map.keys()`.
pub fn closest<'a, S: AsRef<str> + ?Sized + 'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a S>,
) -> Option<&'a str> {
    best(word, candidates).into_iter().next()
}

/// A help line for an unknown name: the closest candidate (or the few that are equally close), or the
/// list when it is short.
pub fn did_you_mean<'a, S: AsRef<str> + ?Sized + 'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a S> + Clone,
) -> Option<String> {
    let best: Vec<String> = best(word, candidates.clone())
        .into_iter()
        .map(|c| format!("`{c}`"))
        .collect();
    if let Some((last, rest)) = best.split_last() {
        let list = if rest.is_empty() {
            last.clone()
        } else {
            format!("{} or {last}", rest.join(", "))
        };
        return Some(format!("did you mean {list}?"));
    }
    let mut seen = BTreeSet::new();
    let all: Vec<String> = candidates
        .into_iter()
        .map(AsRef::as_ref)
        .filter(|candidate| seen.insert(*candidate))
        .map(|candidate| format!("`{candidate}`"))
        .collect();
    match all.len() {
        0 => None,
        1 => Some(format!("expected {}", all[0])),
        2..=12 => Some(format!("expected one of {}", all.join(", "))),
        n => Some(format!(
            "expected one of {}, … ({n} in all)",
            all[..10].join(", ")
        )),
    }
}

/// How a candidate resembles a word, the best kind first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The same but for case and separators.
    Spelling,
    /// The same last segment, one of the two without a category.
    Unqualified,
    /// A few letters differ.
    Slip,
    /// The same last segment in another place.
    Misplaced,
    /// The beginning of the candidate.
    Prefix,
}

/// The best candidates, sorted; more than one only if they are equally good.
fn best<'a, S: AsRef<str> + ?Sized + 'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a S>,
) -> Vec<&'a str> {
    let wanted = Name::new(word);
    let mut score = (Kind::Prefix, usize::MAX);
    let mut found = BTreeSet::new();
    for candidate in candidates
        .into_iter()
        .map(AsRef::as_ref)
        .filter(|c| *c != word)
    {
        let Some(this) = resemblance(&wanted, &Name::new(candidate)) else {
            continue;
        };
        if this < score {
            score = this;
            found.clear();
        }
        if this == score {
            found.insert(candidate);
        }
    }
    let most = match score.0 {
        Kind::Misplaced => 1,
        Kind::Spelling | Kind::Slip => usize::MAX,
        Kind::Unqualified | Kind::Prefix => MOST,
    };
    if found.len() > most {
        Vec::new()
    } else {
        found.into_iter().take(MOST).collect()
    }
}

/// A name, prepared for comparison.
struct Name {
    lower: String,
    segments: Vec<(usize, usize)>,
    short: bool,
}

impl Name {
    fn new(name: &str) -> Self {
        let short = name.len() <= LONGEST;
        let lower = if short {
            name.to_lowercase()
        } else {
            String::new()
        };
        let mut segments = Vec::new();
        let mut start = 0;
        for part in lower.split('.') {
            segments.push((start, start + part.len()));
            start += part.len() + 1;
        }
        Self {
            lower,
            segments,
            short,
        }
    }

    fn segment(&self, index: usize) -> &str {
        let (start, end) = self.segments[index];
        &self.lower[start..end]
    }

    fn last(&self) -> &str {
        self.segment(self.segments.len() - 1)
    }

    fn letters(&self) -> impl Iterator<Item = char> {
        self.lower
            .chars()
            .filter(|c| !matches!(c, '-' | '_' | '.' | '/' | ':' | ' '))
    }
}

fn resemblance(word: &Name, candidate: &Name) -> Option<(Kind, usize)> {
    if !word.short || !candidate.short || word.lower.is_empty() || candidate.lower.is_empty() {
        return None;
    }
    if word.letters().eq(candidate.letters()) {
        let differs = usize::from(word.lower != candidate.lower);
        return Some((Kind::Spelling, differs));
    }
    let (many, few) = (word.segments.len(), candidate.segments.len());
    let unqualified = (many == 1) != (few == 1);
    if unqualified && word.last() == candidate.last() {
        return Some((Kind::Unqualified, many.abs_diff(few)));
    }
    if many == few {
        if let Some(distance) = slips(word, candidate) {
            return Some((Kind::Slip, distance));
        }
        let same = (0..many)
            .filter(|i| word.segment(*i) == candidate.segment(*i))
            .count();
        if many > 1 && word.last() == candidate.last() && same + 1 == many {
            return Some((Kind::Misplaced, 0));
        }
    } else {
        if let Some(distance) = slip(&word.lower, &candidate.lower) {
            return Some((Kind::Slip, distance));
        }
        if unqualified && let Some(distance) = slip(word.last(), candidate.last()) {
            return Some((Kind::Slip, distance + 1));
        }
    }
    let begins = word.lower.len() >= 3 && candidate.lower.starts_with(&word.lower);
    begins.then_some((Kind::Prefix, 0))
}

/// The distance of two names with equally many segments, if no segment is too far off.
fn slips(word: &Name, candidate: &Name) -> Option<usize> {
    (0..word.segments.len())
        .map(|i| slip(word.segment(i), candidate.segment(i)))
        .sum()
}

/// The distance of two words, if it is small for their length.
fn slip(word: &str, candidate: &str) -> Option<usize> {
    if word == candidate {
        return Some(0);
    }
    let (long, short) = (word.chars().count(), candidate.chars().count());
    let limit = (long / 3).clamp(1, 4);
    if long.abs_diff(short) > limit {
        return None;
    }
    let distance = strsim::damerau_levenshtein(word, candidate);
    // Something must be left of both: `a` is no slip for `b`.
    (distance <= limit && distance < long.min(short)).then_some(distance)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{closest, did_you_mean};

    const FEATURES: &[&str] = &[
        "ai.ollama",
        "ai.open-webui",
        "desktop.hyprland",
        "gaming.heroic",
        "gaming.steam",
        "monitoring.stack",
        "virtualization.docker",
        "virtualization.libvirt",
    ];

    #[test]
    fn slips_of_the_finger() {
        for (word, meant) in [
            ("hots", "hosts"),
            ("hsots", "hosts"),
            ("tempaltes", "templates"),
            ("usres", "users"),
            ("inputs_", "inputs"),
        ] {
            let keys = ["hosts", "inputs", "templates", "users"];
            assert_eq!(closest(word, &keys), Some(meant), "{word}");
        }
        assert_eq!(closest("cp", &["cpu", "gpu"]), Some("cpu"));
        assert_eq!(closest("gpuu", &["cpu", "gpu"]), Some("gpu"));
    }

    #[test]
    fn case_and_separators_do_not_matter() {
        for word in ["time-zone", "time_zone", "TimeZone", "timezone", "TIMEZONE"] {
            assert_eq!(
                closest(word, &["language", "timeZone"]),
                Some("timeZone"),
                "{word}"
            );
        }
        assert_eq!(
            closest("x86-64-linux", &["aarch64-linux", "x86_64-linux"]),
            Some("x86_64-linux")
        );
        assert_eq!(closest("gaming/steam", FEATURES), Some("gaming.steam"));
        assert_eq!(closest("Gaming.Steam", FEATURES), Some("gaming.steam"));
        // The same letters in the same order beat another separator.
        assert_eq!(closest("a-B", &["a-b", "a_b"]), Some("a-b"));
    }

    #[test]
    fn dotted_names() {
        for (word, meant) in [
            ("gaming.stem", "gaming.steam"),
            ("gamign.steam", "gaming.steam"),
            ("steam", "gaming.steam"),
            ("stem", "gaming.steam"),
            ("Docker", "virtualization.docker"),
            ("games.steam", "gaming.steam"),
            ("desktop.steam", "gaming.steam"),
            ("virtualisation.docker", "virtualization.docker"),
            ("gamingsteam", "gaming.steam"),
            ("desktop", "desktop.hyprland"),
        ] {
            assert_eq!(closest(word, FEATURES), Some(meant), "{word}");
        }
        assert_eq!(closest("gaming.steam", &["steam", "heroic"]), Some("steam"));
    }

    #[test]
    fn a_common_path_does_not_excuse_another_name() {
        let options = ["services.openssh.ports", "services.openssh.banner"];
        assert_eq!(closest("services.openssh.users", &options), None);
        assert_eq!(
            closest("services.openssh.port", &options),
            Some("services.openssh.ports")
        );
        // Every service has `enable`; that tells nothing.
        let options = ["services.nginx.enable", "services.openssh.enable"];
        assert_eq!(closest("services.gitea.enable", &options), None);
    }

    #[test]
    fn nothing_is_better_than_nonsense() {
        assert_eq!(closest("a", &["b"]), None);
        assert_eq!(closest("", &["a", ""]), None);
        assert_eq!(closest("zsh", &["fish"]), None);
        assert_eq!(closest("hosts", &["hosts"]), None);
        assert_eq!(closest(&"x".repeat(1 << 20), FEATURES), None);
        assert_eq!(closest("x", &Vec::<String>::new()), None);
        assert_eq!(did_you_mean("x", &[] as &[&str]), None);
    }

    #[test]
    fn any_strings_will_do() {
        let owned: Vec<String> = vec!["hosts".into()];
        assert_eq!(closest("hots", &owned), Some("hosts"));
        let map = BTreeMap::from([("hosts".to_owned(), 1)]);
        assert_eq!(closest("hots", map.keys()), Some("hosts"));
        assert_eq!(
            did_you_mean("hots", map.keys()).unwrap(),
            "did you mean `hosts`?"
        );
        assert_eq!(closest("hots", ["hosts"]), Some("hosts"));
    }

    #[test]
    fn help_lines() {
        let help = |word, names: &[&str]| did_you_mean(word, names).unwrap();
        assert_eq!(
            help("steam", &["vm.steam", "gaming.steam"]),
            "did you mean `gaming.steam` or `vm.steam`?"
        );
        assert_eq!(
            help("gaming", FEATURES),
            "did you mean `gaming.heroic` or `gaming.steam`?"
        );
        assert_eq!(
            help("zsh", &["fish", "bash", "fish"]),
            "expected one of `fish`, `bash`"
        );
        assert_eq!(help("qqq", &["fish", "nu"]), "expected one of `fish`, `nu`");
        assert_eq!(help("qqq", &["fish"]), "expected `fish`");
        let many: Vec<String> = (10..40).map(|n| format!("name{n}")).collect();
        assert_eq!(
            did_you_mean("qqq", &many).unwrap(),
            "expected one of `name10`, `name11`, `name12`, `name13`, `name14`, `name15`, `name16`, \
             `name17`, `name18`, `name19`, … (30 in all)"
        );
    }
}
