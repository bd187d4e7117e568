//! What a word means: the page `temper explain` prints, with the related words to go on to. A documented issue has a richer page: why macOS refuses, what it
//! is not, every way to mend it in the document's order with what each gives away.

use crate::explain::{self, Page};
use crate::scenario::{Remedy, Scenario};
use crate::tui::page::{Build, Target};
use crate::tui::state::State;
use crate::tui::theme::{Mark, Role};
use std::borrow::Cow;

/// Builds the page: of one word, to choose among several, or what can be explained.
pub fn build(state: &State, words: &[String], diagnosis: Option<usize>, b: &mut Build) {
    match words {
        [] => topics(b),
        [word] => match (state.scenario(word), find(word)) {
            (Some(scenario), _) => documented(state, scenario, diagnosis, b),
            (None, Some(page)) => one(&page, b),
            (None, None) => b.para(0, Role::Text, &format!("There is no page about '{word}'.")),
        },
        words => {
            b.pieces(&[(Role::Heading, "What shall be explained?")]);
            b.blank();
            words.iter().for_each(|word| link(word, b));
        }
    }
}

/// The page of a word: with exactly that id, else what is nearest to what was meant.
fn find(word: &str) -> Option<Cow<'static, Page>> {
    explain::by_id(word).map(Cow::Borrowed).or_else(|| explain::page(word))
}

/// Name of a word's page for the first line.
pub fn title(state: &State, word: &str) -> String {
    state
        .scenario(word)
        .map_or_else(|| find(word).map_or_else(|| word.to_owned(), |page| page.id.clone()), |scenario| scenario.title.clone())
}

/// A word that can be opened, with its title.
fn link(word: &str, b: &mut Build) {
    let Some(page) = find(word) else { return };
    b.item(Target::Word(word.to_owned()), |b| b.label((Role::Text, ""), 0, Role::Text, &format!("{}: {}", page.id, page.title)));
}

fn topics(b: &mut Build) {
    b.para(0, Role::Heading, "Nothing that is selected here has a page of its own.");
    b.para(
        0,
        Role::Text,
        "x explains what is selected: a diagnosis, a remedy, a finding, an object of code with its flags, signer and keys, or a line of the evidence. \
         These kinds of words have pages; 'temper explain WORD' prints one.",
    );
    b.blank();
    for topic in explain::topics() {
        let line = format!("{}, such as {}", topic.kind.name(), topic.example);
        b.item(Target::Word(topic.example.to_owned()), |b| b.para(0, Role::Text, &line));
    }
}

/// A page of [`crate::explain`].
fn one(page: &Page, b: &mut Build) {
    b.para(0, Role::Heading, &page.id);
    b.para(0, Role::Text, &format!("{}: {}", page.kind.name(), page.title));
    for (heading, text) in [("What it means", &page.meaning), ("When", &page.when), ("What it is not", &page.not_this)] {
        if !text.is_empty() {
            b.heading(heading);
            paragraphs(text, b);
        }
    }
    b.second_block();
    if !page.more.is_empty() {
        b.heading("In detail");
        for line in &page.more {
            b.label((Role::Dim, "  -"), 4, Role::Text, line);
        }
    }
    related(&page.related, b);
    b.heading("Where this comes from");
    b.para(2, Role::Dim, &page.source);
}

fn related(words: &[String], b: &mut Build) {
    if words.is_empty() {
        return;
    }
    b.heading("Related");
    words.iter().for_each(|word| link(word, b));
}

fn documented(state: &State, scenario: &Scenario, diagnosis: Option<usize>, b: &mut Build) {
    b.para(0, Role::Heading, &scenario.title);
    b.para(0, Role::Quote, &scenario.issue);
    if let Some(diagnosis) = diagnosis.and_then(|index| state.report()?.diagnoses.get(index)) {
        b.heading("Here");
        b.para(2, Role::Text, &diagnosis.summary);
        if let Some(rule) = &diagnosis.rule {
            b.para(2, Role::Text, rule);
        }
        if let Some(source) = &diagnosis.source {
            b.para(2, Role::Dim, &format!("Source: {source}"));
        }
    }
    b.heading("Why macOS refuses");
    paragraphs(&scenario.why, b);
    if !scenario.not_this.is_empty() {
        b.heading("What it is not");
        paragraphs(&scenario.not_this, b);
    }
    resource(scenario, b);
    b.second_block();
    b.heading("Ways to mend it, best first");
    for way in &scenario.remedies {
        b.blank();
        remedy(way, b);
    }
    if !scenario.prove.is_empty() {
        b.heading("How to see that it is mended");
        paragraphs(&scenario.prove, b);
    }
    if let Some(page) = explain::by_id(&scenario.id) {
        related(&page.related, b);
    }
    if !scenario.sources.is_empty() {
        b.heading("Where this comes from");
        for source in &scenario.sources {
            b.para(2, Role::Dim, source);
        }
    }
}

fn paragraphs(text: &str, b: &mut Build) {
    // Single line breaks are only the file's wrapping; an empty line parts paragraphs.
    for (number, paragraph) in text.trim().split("\n\n").enumerate() {
        if number > 0 {
            b.blank();
        }
        b.para(2, Role::Text, &paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}

fn resource(scenario: &Scenario, b: &mut Build) {
    let Some(resource) = &scenario.resource else { return };
    b.heading(&format!("What {} needs", resource.name));
    b.label((Role::Dim, "entitlement"), 15, Role::Text, &resource.entitlement);
    b.label((Role::Dim, "Info.plist"), 15, Role::Text, &resource.usage_keys.join(", "));
    if !resource.wrong_usage_keys.is_empty() {
        b.label((Role::Dim, "without effect"), 15, Role::Text, &resource.wrong_usage_keys.join(", "));
    }
}

fn remedy(remedy: &Remedy, b: &mut Build) {
    b.label((Role::Dim, remedy.rank.word()), 13, Role::Heading, &remedy.title);
    let keys =
        [("add", &remedy.add_entitlements), ("take out", &remedy.remove_entitlements), ("add to Info.plist:", &remedy.add_info_plist)];
    for (verb, keys) in keys {
        for key in keys {
            b.item(Target::Word(key.clone()), |b| b.para(4, Role::Text, &format!("{verb} {key}")));
        }
    }
    b.para(4, Role::Text, &remedy.explanation.split_whitespace().collect::<Vec<_>>().join(" "));
    if let Some(weakens) = &remedy.weakens {
        b.label((Mark::Unwise.role(), "    ▲ unwise: gives away"), 25, Role::Unwise, weakens);
    }
    for (number, manual) in remedy.manual.iter().enumerate() {
        b.label((Role::Dim, &format!("    {}.", number + 1)), 7, Role::Text, manual);
    }
    if remedy.needs_new_code {
        b.para(4, Role::Dim, "Needs new code.");
    }
    if remedy.development_only {
        b.para(4, Role::Unwise, "For development builds only: never ship it.");
    }
}
