//! A documented issue: why macOS refuses, what it is not, every way to mend it in the document's order with what each gives away.

use crate::scenario::{Remedy, Scenario};
use crate::tui::page::{Build, Target};
use crate::tui::state::State;
use crate::tui::theme::{Mark, Role};

/// Builds the page.
pub fn build(state: &State, id: &str, diagnosis: Option<usize>, b: &mut Build) {
    let Some(scenario) = state.scenario(id) else {
        b.para(0, Role::Text, &format!("There is no text about '{id}'."));
        return;
    };
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
    let target = Target::Words(remedy.add_entitlements.join("\n"));
    let text = |b: &mut Build| {
        b.label((Role::Dim, remedy.rank.word()), 13, Role::Heading, &remedy.title);
    };
    // Only a remedy with keys has something to copy.
    if remedy.add_entitlements.is_empty() {
        text(b)
    } else {
        b.item(target, text)
    }
    for key in &remedy.add_entitlements {
        b.para(4, Role::Text, &format!("add {key}"));
    }
    for key in &remedy.remove_entitlements {
        b.para(4, Role::Text, &format!("take out {key}"));
    }
    for key in &remedy.add_info_plist {
        b.para(4, Role::Text, &format!("add to Info.plist: {key}"));
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
