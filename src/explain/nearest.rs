//! Words that look like the one that was asked for.

use super::{Page, all};
use crate::keys::edits;

/// Longest word that is compared; longer ones are cut.
const LONGEST: usize = 80;
/// Most suggestions.
const MOST: usize = 5;

/// Ids of the pages whose id or other spelling is nearest, best first, at most five; empty when nothing comes near.
pub fn nearest(word: &str) -> Vec<&'static str> {
    let word = lower(word);
    if word.is_empty() {
        return Vec::new();
    }
    let mut scored: Vec<(usize, usize, &'static str)> = all()
        .iter()
        .enumerate()
        .filter_map(|(index, page)| {
            spellings(page).filter_map(|spelling| score(&word, &lower(spelling))).min().map(|s| (s, index, page.id.as_str()))
        })
        .collect();
    scored.sort_unstable();
    let mut ids: Vec<&'static str> = Vec::new();
    for (_, _, id) in scored {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids.truncate(MOST);
    ids
}

fn lower(word: &str) -> Vec<char> {
    word.trim().to_lowercase().chars().take(LONGEST).collect()
}

/// The id, what stands behind its last dot or its prefix, and the other spellings.
fn spellings(page: &Page) -> impl Iterator<Item = &str> {
    let id = page.id.as_str();
    let last = id.rsplit('.').next().filter(|part| *part != id);
    let short = id.strip_prefix("kTCCService").or_else(|| id.strip_prefix("CS_"));
    std::iter::once(id).chain(last).chain(short).chain(page.aliases.iter().map(String::as_str))
}

/// Smaller is nearer; `None` when too far. A slip of the hand comes before a part of a word, that before letters in the right order.
fn score(word: &[char], candidate: &[char]) -> Option<usize> {
    let allowed = (word.len().max(candidate.len()) / 3).clamp(1, 8);
    let edits = edits(word, candidate);
    if edits <= allowed {
        return Some(edits * 10);
    }
    let extra = candidate.len().saturating_sub(word.len());
    if word.len() >= 3 && candidate.windows(word.len()).any(|part| part == word) {
        return Some(40 + extra);
    }
    if candidate.len() >= 4 && word.windows(candidate.len()).any(|part| part == candidate) {
        return Some(60 + word.len() - candidate.len());
    }
    // In a much longer name nearly every word's letters stand in the right order somewhere.
    (word.len() >= 4 && extra <= word.len() && is_subsequence(word, candidate)).then_some(100 + extra)
}

fn is_subsequence(word: &[char], candidate: &[char]) -> bool {
    let mut rest = candidate.iter();
    word.iter().all(|wanted| rest.any(|c| c == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart(a: &str, b: &str) -> usize {
        edits(&lower(a), &lower(b))
    }

    #[test]
    fn edits_are_counted() {
        assert_eq!(apart("jit", "jit"), 0);
        assert_eq!(apart("runtime", "rutnime"), 1);
        assert_eq!(apart("kitten", "sitting"), 3);
        assert_eq!((apart("", "abc"), apart("abc", "")), (3, 3));
    }

    #[test]
    fn a_slip_of_the_hand_is_found() {
        assert_eq!(nearest("libary-validation").first(), Some(&"library-validation"));
        assert_eq!(nearest("alow-jit").first(), Some(&"com.apple.security.cs.allow-jit"));
        assert_eq!(nearest("NSCameraUsageDescripton").first(), Some(&"NSCameraUsageDescription"));
        assert_eq!(nearest("CS_RUNTME").first(), Some(&"CS_RUNTIME"));
    }

    #[test]
    fn a_part_of_a_word_is_found() {
        assert!(nearest("page-protection").contains(&"com.apple.security.cs.disable-executable-page-protection"));
    }

    #[test]
    fn suggestions_are_few_and_nonsense_has_none() {
        assert!(nearest("com.apple.developer").len() <= MOST);
        assert_eq!(nearest("qqqqqqqqqqqqwwwwwwwwww"), Vec::<&str>::new());
        assert_eq!(nearest("foo-bar"), Vec::<&str>::new());
        assert_eq!(nearest(""), Vec::<&str>::new());
        nearest(&"x".repeat(100_000));
    }
}
