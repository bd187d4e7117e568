//! Pages of `temper explain` for people.

use super::Look;
use super::page::Page as Sheet;
use crate::explain::{Kind, Page, Topic};
use std::borrow::Cow;

/// The first page of each word; the others that the word names are listed below it.
pub fn render(found: &[Vec<Cow<'static, Page>>], look: Look) -> String {
    let mut sheet = Sheet::new(look);
    for pages in found {
        let Some((first, others)) = pages.split_first() else { continue };
        one(&mut sheet, first);
        if !others.is_empty() {
            sheet.heading("The word also stands for", "");
            for page in others {
                sheet.text(2, &format!("{}: {}", page.id, page.title));
            }
        }
    }
    sheet.finish()
}

fn one(sheet: &mut Sheet, page: &Page) {
    sheet.heading(&page.id, "");
    sheet.text(0, &format!("{}: {}", page.kind.name(), page.title));
    for (heading, text) in [("What it means", &page.meaning), ("When", &page.when), ("What it is not", &page.not_this)] {
        if !text.is_empty() {
            sheet.heading(heading, "");
            paragraphs(sheet, text);
        }
    }
    if !page.more.is_empty() {
        sheet.heading(if page.kind == Kind::Scenario { "Ways to mend it, best first" } else { "In detail" }, "");
        for line in &page.more {
            sheet.labelled(2, "-", 4, line);
        }
    }
    if !page.related.is_empty() {
        sheet.heading("Related", "");
        sheet.text(2, &page.related.join(", "));
    }
    sheet.heading("Source", "");
    sheet.text(2, &page.source);
}

fn paragraphs(sheet: &mut Sheet, text: &str) {
    for (number, paragraph) in text.trim().split("\n\n").enumerate() {
        if number > 0 {
            sheet.blank();
        }
        sheet.text(2, &paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}

/// What can be explained, and how to ask.
pub fn topics(topics: &[Topic], look: Look) -> String {
    let mut sheet = Sheet::new(look);
    sheet.text(0, "temper explain WORD says what a word, a number or a pasted line means. There are pages for:");
    sheet.blank();
    for topic in topics {
        let pages = if topic.pages == 1 { "1 page".to_owned() } else { format!("{} pages", topic.pages) };
        sheet.labelled(2, topic.kind.name(), 22, &format!("{pages}, such as {}", topic.example));
    }
    sheet.blank();
    sheet.text(0, "temper explain --list shows every word.");
    sheet.finish()
}

/// Every id with its title, kind by kind.
pub fn list(pages: &[&Page], look: Look) -> String {
    let mut sheet = Sheet::new(look);
    let mut kind = None;
    for page in pages {
        if kind != Some(page.kind) {
            sheet.heading(page.kind.name(), "");
            kind = Some(page.kind);
        }
        sheet.labelled(2, &page.id, 32, &page.title);
    }
    sheet.finish()
}
