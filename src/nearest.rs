//! Suggests the name that a misspelt one was meant to be.

/// The candidate that `name` is a misspelling of, ignoring case; None if more than a third of it
/// differs.
pub fn nearest<S: AsRef<str>>(name: &str, names: impl IntoIterator<Item = S>) -> Option<S> {
    let name = name.to_lowercase();
    let most = (name.chars().count() / 3).max(1);
    let distances = names.into_iter().map(|other| (strsim::osa_distance(&name, &other.as_ref().to_lowercase()), other));
    let (_, nearest) = distances.filter(|(distance, _)| *distance <= most).min_by_key(|(distance, _)| *distance)?;
    Some(nearest)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_misspelt_name_has_a_nearest_one_and_another_has_none() {
        for (name, found) in [
            ("CONFIDENTAL", Some("CONFIDENTIAL")),
            ("COFNIDENTIAL", Some("CONFIDENTIAL")),
            ("confidential", Some("CONFIDENTIAL")),
            ("PROT", Some("PORT")),
            ("LO", Some("LOG")),
            ("SECRET", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, ["CONFIDENTIAL", "PORT", "HOST", "LOG"]), found, "{name}");
        }
    }
}
