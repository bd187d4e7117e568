//! `temper explain`: the pages of [`crate::explain`], found by the words of the command line.

use super::args::{Asked, Color, Format};
use super::text::{self, Look};
use crate::clean::{clean, clean_json};
use crate::explain::{self, Page};
use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use std::borrow::Cow;

/// Name and version of the JSON form.
const SCHEMA: &str = "temper-explain/1";

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

/// What there is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// For standard output.
    pub text: String,
    /// For standard error: a sentence for each word without a page, with the nearest ones.
    pub misses: Vec<String>,
}

impl Answer {
    /// Exit status: 0 every word has a page, 1 one has none.
    pub fn status(&self) -> u8 {
        u8::from(!self.misses.is_empty())
    }
}

/// The pages of the words; the topics when no word is given. Fails only when JSON cannot be written.
pub fn answer(ask: &Ask, look: Look) -> anyhow::Result<Answer> {
    let whole = |text| Answer { text, misses: Vec::new() };
    if ask.list {
        return list(ask.format, look).map(whole);
    }
    if ask.words.is_empty() {
        return topics(ask.format, look).map(whole);
    }
    let (found, unknown) = found(&ask.words);
    let text = match ask.format {
        Format::Text => text::explain::render(&found, look),
        Format::Json => {
            let pages: Vec<&Page> = found.iter().flatten().map(|page| &**page).collect();
            let misses: Vec<Value> = unknown.iter().map(|word| json!({ "word": word, "nearest": explain::nearest(word) })).collect();
            json(json!({ "schema": SCHEMA, "pages": pages, "unknown": misses }))?
        }
    };
    Ok(Answer { text, misses: unknown.iter().map(|word| miss(word)).collect() })
}

/// For each word asked for, its pages, best first; and the words that have none.
fn found(words: &[String]) -> (Vec<Vec<Cow<'static, Page>>>, Vec<&str>) {
    let together = explain::pages(&words.join(" "));
    if !together.is_empty() {
        return (vec![together], Vec::new());
    }
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for word in words {
        match explain::pages(word) {
            pages if pages.is_empty() => unknown.push(word.as_str()),
            pages => found.push(pages),
        }
    }
    (found, unknown)
}

fn miss(word: &str) -> String {
    let nearest = explain::nearest(word);
    let hint = if nearest.is_empty() { String::new() } else { format!("; did you mean {}?", nearest.join(", ")) };
    format!("nothing is known about '{}'{hint} ('temper explain --list' shows every word)", clean(word))
}

fn topics(format: Format, look: Look) -> anyhow::Result<String> {
    let topics = explain::topics();
    match format {
        Format::Text => Ok(text::explain::topics(&topics, look)),
        Format::Json => json(json!({ "schema": SCHEMA, "topics": topics })),
    }
}

fn list(format: Format, look: Look) -> anyhow::Result<String> {
    let pages: Vec<&Page> = explain::all().iter().collect();
    match format {
        Format::Text => Ok(text::explain::list(&pages, look)),
        Format::Json => json(json!({ "schema": SCHEMA, "pages": pages })),
    }
}

fn json(document: Value) -> anyhow::Result<String> {
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
        let said = answer(&ask(words), LOOK).expect("pages");
        assert_eq!((said.status(), said.misses), (0, vec![]));
        said.text
    }

    #[test]
    fn several_words_are_one_phrase_or_each_its_own() {
        let phrase = text_of(&["CODESIGNING", "2"]);
        assert!(phrase.starts_with("CODESIGNING 2"), "{phrase}");
        let two = text_of(&["-67054", "0x32"]);
        assert!(two.contains("-67054") && two.contains("KERN_CODESIGN_ERROR"), "{two}");
    }

    #[test]
    fn an_unknown_word_is_told_with_the_nearest_ones() {
        let said = answer(&ask(&["alow-jit"]), LOOK).expect("an answer");
        assert_eq!((said.status(), said.text.as_str(), said.misses.len()), (1, "", 1));
        assert!(said.misses[0].contains("did you mean com.apple.security.cs.allow-jit") && said.misses[0].contains("--list"), "{said:?}");
        let said = answer(&ask(&["evil\u{1b}[2J"]), LOOK).expect("an answer");
        assert!(!said.misses[0].contains('\u{1b}'), "{said:?}");
        // The words that have a page are shown all the same.
        let said = answer(&ask(&["xyzzyx", "-67054"]), LOOK).expect("an answer");
        assert!(said.status() == 1 && said.text.starts_with("-67054"), "{said:?}");
        let said = answer(&Ask { format: Format::Json, ..ask(&["alow-jit"]) }, LOOK).expect("an answer");
        let value: Value = serde_json::from_str(&said.text).expect("it is JSON");
        assert_eq!((&value["unknown"][0]["word"], said.status()), (&"alow-jit".into(), 1));
        assert_eq!(value["unknown"][0]["nearest"][0], "com.apple.security.cs.allow-jit");
    }

    #[test]
    fn without_a_word_the_topics_are_listed() {
        let text = text_of(&[]);
        for topic in explain::topics() {
            assert!(text.contains(topic.kind.name()) && text.contains(topic.example), "{topic:?} is not in\n{text}");
        }
        let said = answer(&Ask { format: Format::Json, ..Ask::default() }, LOOK).expect("JSON");
        let value: Value = serde_json::from_str(&said.text).expect("it is JSON");
        assert_eq!(value["topics"].as_array().map(Vec::len), Some(explain::topics().len()));
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
        let text = answer(&Ask { list: true, ..Ask::default() }, LOOK).expect("the list").text;
        for page in explain::all() {
            assert!(text.lines().any(|line| line.trim_start().starts_with(page.id.as_str())), "{}", page.id);
        }
    }

    #[test]
    fn json_holds_the_pages() {
        let said = answer(&Ask { format: Format::Json, ..ask(&["kTCCServiceCamera"]) }, LOOK).expect("JSON").text;
        let value: Value = serde_json::from_str(&said).expect("it is JSON");
        assert_eq!(value["schema"], "temper-explain/1");
        assert_eq!((&value["pages"][0]["id"], &value["pages"][0]["kind"]), (&"kTCCServiceCamera".into(), &"tcc-service".into()));
    }
}

/// For the end of its help.
pub const EXAMPLES: &str = "\
Examples:
  temper explain allow-jit
  temper explain CODESIGNING 2
  temper explain -67054
  temper explain 570503953          codeSigningFlags, bit by bit

Exit status:
  0  there is a page
  1  there is none; the nearest words are named
  2  Temper failed, or was called wrongly";

/// `temper explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Word, number or pasted line; several are looked up together first, then each; none lists the topics
    #[arg(value_name = "WORD", allow_negative_numbers = true)]
    words: Vec<String>,
    /// List every word that has a page
    #[arg(long, conflicts_with = "words")]
    list: bool,
    /// Form of the pages
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    format: Format,
    /// When to colour the text
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    color: Color,
}

impl ExplainArgs {
    /// What is asked for.
    pub fn asked(self) -> Asked {
        Asked::Explain(Ask { words: self.words, list: self.list, format: self.format }, self.color)
    }
}
