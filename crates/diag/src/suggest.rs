//! Did-you-mean.

/// The candidate that a misspelt word most likely means, if any is near enough.
pub fn closest<'a, S: AsRef<str>>(word: &str, candidates: impl IntoIterator<Item = &'a S>) -> Option<&'a str>
where
    S: 'a + ?Sized,
{
    let wanted = word.to_lowercase();
    let limit = (wanted.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(AsRef::as_ref)
        .filter(|candidate| *candidate != word)
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, candidate)| (*distance, *candidate))
        .map(|(_, candidate)| candidate)
}

/// A help line for an unknown name: the closest candidate, or the list when it is short.
pub fn did_you_mean<'a, S: AsRef<str>>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a S> + Clone,
) -> Option<String>
where
    S: 'a + ?Sized,
{
    if let Some(best) = closest(word, candidates.clone()) {
        return Some(format!("did you mean `{best}`?"));
    }
    let all: Vec<String> = candidates.into_iter().map(|c| format!("`{}`", c.as_ref())).collect();
    match all.len() {
        0 => None,
        1..=12 => Some(format!("expected one of {}", all.join(", "))),
        n => Some(format!("expected one of {}, … ({n} in all)", all[..10].join(", "))),
    }
}
