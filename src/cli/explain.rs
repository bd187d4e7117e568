//! `temper explain`: the pages of [`crate::explain`], found by the words of the command line.

use super::args::Format;
use super::clean::{clean, clean_json};
use super::text::{self, Look};
use crate::explain::{self, Page};
use anyhow::{Context, bail};
use std::borrow::Cow;

/// What `temper explain` is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// The words; several are one phrase (`CODESIGNING 2`) when that is a page, else each is looked up.
    pub words: Vec<String>,
    /// All ids instead.
    pub list: bool,
    /// Form of the answer.
    pub format: Format,
}

/// The text for standard output. A word without a page is an error that names the nearest ones.
pub fn answer(ask: &Ask, look: Look) -> anyhow::Result<String> {
    if ask.list {
        return list(ask.format, look);
    }
    let found = found(&ask.words)?;
    match ask.format {
        Format::Text => Ok(text::explain::render(&found, look)),
        Format::Json => {
            let pages: Vec<&Page> = found.iter().flatten().map(|page| &**page).collect();
            json(&pages)
        }
    }
}

/// For each word asked for, its pages, best first.
fn found(words: &[String]) -> anyhow::Result<Vec<Vec<Cow<'static, Page>>>> {
    let together = explain::pages(&words.join(" "));
    if !together.is_empty() {
        return Ok(vec![together]);
    }
    let mut found = Vec::new();
    for word in words {
        let pages = explain::pages(word);
        if pages.is_empty() {
            bail!("nothing is known about '{}'{} ('temper explain --list' shows every word)", clean(word), suggestions(word));
        }
        found.push(pages);
    }
    Ok(found)
}

fn suggestions(word: &str) -> String {
    let nearest = explain::nearest(word);
    if nearest.is_empty() { String::new() } else { format!("; did you mean {}?", nearest.join(", ")) }
}

fn list(format: Format, look: Look) -> anyhow::Result<String> {
    let pages: Vec<&Page> = explain::all().iter().collect();
    match format {
        Format::Text => Ok(text::explain::list(&pages, look)),
        Format::Json => json(&pages),
    }
}

fn json(pages: &[&Page]) -> anyhow::Result<String> {
    let document = serde_json::json!({ "schema": "temper-explain/1", "pages": pages });
    let text = serde_json::to_string_pretty(&document).context("the pages could not be written as JSON")?;
    Ok(clean_json(&text) + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    const LOOK: Look = Look { width: 80, color: false };

    fn ask(words: &[&str]) -> Ask {
        Ask { words: words.iter().map(|word| (*word).to_owned()).collect(), ..Ask::default() }
    }

    fn text_of(words: &[&str]) -> String {
        answer(&ask(words), LOOK).expect("these words have pages")
    }

    #[test]
    fn several_words_are_one_phrase_or_each_its_own() {
        let phrase = text_of(&["CODESIGNING", "2"]);
        assert!(phrase.starts_with("CODESIGNING 2"), "{phrase}");
        let two = text_of(&["-67054", "0x32"]);
        assert!(two.contains("-67054") && two.contains("KERN_CODESIGN_ERROR"), "{two}");
    }

    #[test]
    fn an_unknown_word_is_an_error_with_the_nearest_ones() {
        let error = answer(&ask(&["alow-jit"]), LOOK).expect_err("there is no such word").to_string();
        assert!(error.contains("com.apple.security.cs.allow-jit") && error.contains("--list"), "{error}");
        let error = answer(&ask(&["evil\u{1b}[2J"]), LOOK).expect_err("there is no such word").to_string();
        assert!(!error.contains('\u{1b}'), "{error}");
    }

    #[test]
    fn every_page_fits_eighty_columns_and_says_everything() {
        for page in explain::all() {
            let text = text::explain::render(&[vec![Cow::Borrowed(page)]], LOOK);
            for line in text.lines() {
                // A single long word (a key, a path) stays whole: it is there to be copied.
                assert!(line.width() <= 80 || !line.trim().contains(' '), "{}: {line}", page.id);
                assert!(line.trim_end() == line, "{}: {line:?}", page.id);
            }
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            for part in [&page.title, &page.meaning, &page.when, &page.not_this, &page.source] {
                let part = part.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(flat.contains(&part), "{}: {part:?} is not shown in\n{text}", page.id);
            }
            assert!(page.related.iter().all(|id| text.contains(id.as_str())), "{text}");
        }
    }

    #[test]
    fn the_list_has_every_id_on_a_line() {
        let text = answer(&Ask { list: true, ..Ask::default() }, LOOK).expect("the list");
        for page in explain::all() {
            assert!(text.lines().any(|line| line.trim_start().starts_with(page.id.as_str())), "{}", page.id);
        }
    }

    #[test]
    fn json_holds_the_pages() {
        let said = answer(&Ask { format: Format::Json, ..ask(&["kTCCServiceCamera"]) }, LOOK).expect("JSON");
        let value: serde_json::Value = serde_json::from_str(&said).expect("it is JSON");
        assert_eq!(value["schema"], "temper-explain/1");
        assert_eq!((&value["pages"][0]["id"], &value["pages"][0]["kind"]), (&"kTCCServiceCamera".into(), &"tcc-service".into()));
    }
}
