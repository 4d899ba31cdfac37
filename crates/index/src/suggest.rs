//! Which name a misspelt one means.
//!
//! Options are searched in three circles: the same path with one part mended; the whole index, by the
//! distance of whole paths; and paths that end alike elsewhere, which is how options move.

use crate::options::{Options, Place, segments};

/// The nearest of many names, if one is near enough: by edit distance, then by the common start.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .filter_map(|name| score(word, name).map(|score| (score, name)))
        .min()
        .map(|(_, name)| name)
}

/// Smaller is nearer: distance, letters that do not start alike, letters that are too much.
type Score = (usize, usize, usize);

fn score(word: &str, name: &str) -> Option<Score> {
    let limit = limit(word);
    if name.len().abs_diff(word.len()) > limit {
        return None;
    }
    let same_start = word
        .bytes()
        .zip(name.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let rest = word.len() - same_start;
    let lower = |text: &str| text.to_ascii_lowercase();
    let distance = if word.eq_ignore_ascii_case(name) {
        1
    } else {
        let exact = strsim::osa_distance(word, name);
        let folded = strsim::osa_distance(&lower(word), &lower(name)) + 1;
        exact.min(folded)
    };
    // Letters are lost more often than added.
    (distance <= limit).then_some((distance, rest, word.len().saturating_sub(name.len())))
}

/// How many letters may differ.
fn limit(word: &str) -> usize {
    match word.chars().count() {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    }
}

/// The options that an unknown path most likely means, best first, as paths.
///
/// `known` tells whether a path exists; it is asked about candidates.
pub(crate) fn option(
    options: &Options,
    path: &[String],
    broken: usize,
    reached: &[Place],
    known: impl Fn(&[String]) -> bool,
) -> Option<Vec<String>> {
    let word = path.get(broken)?;
    let rest = &path[broken + 1..];
    let with = |name: &str| -> Vec<String> {
        let mended = path[..broken].iter().cloned();
        mended
            .chain([name.to_owned()])
            .chain(rest.iter().cloned())
            .collect()
    };
    // The same path with this part mended: what makes the whole path exist comes first.
    let mut best: Option<((bool, Score), Vec<String>)> = None;
    for place in reached {
        for name in options.children(*place) {
            if name.starts_with(['<', '*']) {
                continue;
            }
            let name = name.trim_matches('"');
            let Some(score) = score(word, name) else {
                continue;
            };
            let candidate = with(name);
            let key = (!known(&candidate), score);
            if best.as_ref().is_none_or(|(other, _)| key < *other) {
                best = Some((key, candidate));
            }
        }
    }
    if let Some(((false, _), candidate)) = &best {
        return Some(candidate.clone());
    }
    // A part that is missing or too much.
    for place in reached {
        for name in options.children(*place) {
            // A part that takes any name would make sense of everything.
            let literal = options
                .child(*place, &name)
                .and_then(|below| options.child(below, &nix::attr_name(word)));
            if name.starts_with(['<', '*']) || literal.is_none() {
                continue;
            }
            let mut candidate: Vec<String> = path[..broken].to_vec();
            candidate.push(name.trim_matches('"').to_owned());
            candidate.extend(path[broken..].iter().cloned());
            if known(&candidate) {
                return Some(candidate);
            }
        }
    }
    let mut without = path.to_vec();
    without.remove(broken);
    if without.len() > 1 && known(&without) {
        return Some(without);
    }
    if let Some(moved) = moved(options, path, broken) {
        return Some(moved);
    }
    if let Some((_, candidate)) = best {
        return Some(candidate);
    }
    anywhere(options, path)
}

/// An option that ends alike elsewhere, if its place is told by the words of the path.
fn moved(options: &Options, path: &[String], broken: usize) -> Option<Vec<String>> {
    let last = path.last()?;
    let parent = path.get(broken.min(path.len().saturating_sub(2)))?;
    let mut found: Option<(usize, &str)> = None;
    for name in options.names() {
        if !name.len().cmp(&last.len()).is_gt() || !ends_with(name, last) {
            continue;
        }
        let parts = segments(name);
        if parts.len() < 2 || parts[parts.len() - 2] != parent && parts[parts.len() - 1] == "enable"
        {
            continue;
        }
        let shared = parts
            .iter()
            .filter(|part| path.iter().any(|p| p == *part))
            .count();
        // The last word, and a word between the first and the last, have to agree.
        let between = parts[1..parts.len() - 1].iter().any(|part| {
            let inner = path.get(1..path.len() - 1).unwrap_or_default();
            inner.iter().any(|word| word == part)
        });
        if !between || shared < 2 {
            continue;
        }
        let key = (parts.len() + path.len()).saturating_sub(2 * shared);
        if found.is_none_or(|(best, _)| key < best) {
            found = Some((key, name));
        }
    }
    let (distance, name) = found?;
    (distance <= 3).then(|| segments(name).into_iter().map(str::to_owned).collect())
}

fn ends_with(name: &str, last: &str) -> bool {
    name.strip_suffix(last)
        .is_some_and(|rest| rest.ends_with('.'))
        || name.len() > last.len()
            && name
                .get(name.len() - last.len()..)
                .is_some_and(|end| end.eq_ignore_ascii_case(last))
            && name[..name.len() - last.len()].ends_with('.')
}

/// The nearest path of the whole index.
fn anywhere(options: &Options, path: &[String]) -> Option<Vec<String>> {
    let word = path.join(".");
    let limit = (word.len() / 8).clamp(1, 4);
    let mut found: Option<(usize, &str)> = None;
    for name in options.names() {
        if name.len().abs_diff(word.len()) > limit {
            continue;
        }
        let distance = strsim::osa_distance(&word, name);
        if distance <= limit && found.is_none_or(|(best, _)| distance < best) {
            found = Some((distance, name));
        }
    }
    found.map(|(_, name)| segments(name).into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn names() {
        let names = ["openssh", "openvpn", "nginx", "enable", "enabled"];
        assert_eq!(nearest("opensh", names), Some("openssh"));
        assert_eq!(nearest("opnessh", names), Some("openssh"));
        assert_eq!(nearest("enabel", names), Some("enable"));
        assert_eq!(nearest("nginxx", names), Some("nginx"));
        assert_eq!(nearest("OpenSSH", names), Some("openssh"));
        assert_eq!(nearest("postgresql", names), None);
    }
}
