//! Facts that were written to a case file and are read again: words that the program knows as constants.

use super::Word;
use serde::{Deserialize, Deserializer, de};
use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Longest word, in bytes: the longest constant is one sentence.
const MAX_WORD: usize = 400;
/// Most different words in one run. They are kept until the program ends, so a hostile file must not bring any number of them.
const MAX_WORDS: usize = 2_000;

/// A word that is a constant where it was written. Each is stored once; an error for more words than the program has constants.
pub(crate) fn word<'de, D: Deserializer<'de>>(source: D) -> Result<Word, D::Error> {
    let word = String::deserialize(source)?;
    kept(&word).ok_or_else(|| de::Error::custom("more or longer words than Temper has"))
}

/// Fields of a report with the lines at which they stand.
pub(crate) fn words_with_lines<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<(Word, u32)>, D::Error> {
    let pairs = Vec::<(String, u32)>::deserialize(source)?;
    let kept = pairs.iter().map(|(word, line)| kept(word).map(|word| (word, *line))).collect::<Option<_>>();
    kept.ok_or_else(|| de::Error::custom("more or longer words than Temper has"))
}

fn kept(word: &str) -> Option<&'static str> {
    static WORDS: OnceLock<Mutex<BTreeSet<&'static str>>> = OnceLock::new();
    let mut words = WORDS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = words.get(word) {
        return Some(known);
    }
    if word.len() > MAX_WORD || words.len() >= MAX_WORDS {
        return None;
    }
    let new: &'static str = Box::leak(word.to_owned().into_boxed_str());
    words.insert(new);
    Some(new)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_stored_once_and_a_very_long_one_not_at_all() {
        assert!(std::ptr::eq(kept("v8").unwrap(), kept("v8").unwrap()));
        assert_eq!(kept(&"x".repeat(MAX_WORD + 1)), None);
    }
}
