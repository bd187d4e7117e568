//! Line 1: where one is, and what is being judged.

use crate::report::{Report, Target};
use crate::tui::state::{FixStage, Purpose, Screen, Stage, State};
use crate::tui::theme::Role;
use crate::tui::words;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws it: the right end is never cut, the left end is.
pub fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let right = words::cut(&words::clean(&right(state)), width / 2);
    let mut room = width.saturating_sub(words::width(&right) + 3);
    let mut x = area.x + 1;
    for (number, (role, text)) in left(state).into_iter().enumerate() {
        let gap = if number == 0 { 0 } else { 3 };
        let text = words::clean(&text);
        let wide = words::width(&text) + gap;
        // Facts that do not fit are left out whole; the first two (program and target) are cut.
        if wide > room && number > 1 {
            break;
        }
        let text = words::cut(&text, room.saturating_sub(gap));
        buffer.set_string(x + u16::try_from(gap).unwrap_or(0), area.y, &text, state.theme.style(role));
        let used = words::width(&text) + gap;
        x += u16::try_from(used).unwrap_or(0);
        room = room.saturating_sub(used);
    }
    let start = area.right().saturating_sub(u16::try_from(words::width(&right)).unwrap_or(0) + 1);
    buffer.set_string(start, area.y, &right, state.theme.style(Role::Dim));
}

fn left(state: &State) -> Vec<(Role, String)> {
    let mut pieces = vec![(Role::Title, "Temper".to_owned())];
    let name = state.report().map_or_else(String::new, |report| target_name(&report.target));
    let trail = trail(state);
    match (name.is_empty(), trail.is_empty()) {
        (true, true) => {}
        (true, false) => pieces.push((Role::Title, trail)),
        (false, true) => pieces.push((Role::Title, name)),
        (false, false) => pieces.push((Role::Title, format!("{name} › {trail}"))),
    }
    if let (Screen::Answer { .. }, Some(report)) = (state.screen(), state.report()) {
        pieces.extend(facts(state, report).into_iter().map(|fact| (Role::Text, fact)));
    }
    pieces
}

/// File name of the target; `evidence only` without one.
pub fn target_name(target: &Target) -> String {
    if target.kind == "none" {
        return "evidence only".into();
    }
    target.path.trim_end_matches('/').rsplit('/').next().unwrap_or(&target.path).to_owned()
}

fn trail(state: &State) -> String {
    match state.screen() {
        Screen::Start { .. } => "start".into(),
        Screen::Progress { .. } => "examining".into(),
        Screen::Failure { .. } => "nothing examined".into(),
        Screen::Answer { .. } => String::new(),
        Screen::Tell { .. } => "tell the developer".into(),
        Screen::Mend(_) => "mend".into(),
        Screen::Fix(page) => match &page.stage {
            FixStage::Preparing(_) | FixStage::Refused(_) | FixStage::Asking(_) => "mend › do it".into(),
            FixStage::Running(_) | FixStage::Stopped(..) => "mend › being done".into(),
        },
        Screen::Who(_) => "mend › who signs".into(),
        Screen::Password(_) => "mend › password".into(),
        Screen::Proof { .. } => "mend › proof".into(),
        Screen::Run(_) => "run".into(),
        Screen::Collect(_) => "fetch the log".into(),
        Screen::Code(_) => "code".into(),
        Screen::Object { path, .. } => format!("code › {}", path.rsplit('/').next().unwrap_or(path)),
        Screen::Text(view) => {
            let source = state.examination.as_ref().and_then(|examination| examination.evidence.texts.get(view.source));
            format!("evidence › {}", source.map_or("", |text| text.source.as_str()))
        }
        Screen::List { .. } => "all findings".into(),
        Screen::Finding { .. } => "all findings › one".into(),
        Screen::Interview { .. } => "questions".into(),
        Screen::Explain { words, .. } => match words.as_slice() {
            [word] => format!("explain › {}", super::explain::title(state, word)),
            _ => "explain".into(),
        },
        Screen::WhatIf(_) => "what if".into(),
        Screen::Help { .. } => "help".into(),
        Screen::Open(open) if open.purpose == Purpose::SignWith => "mend › who signs".into(),
        Screen::Open(_) => "open".into(),
        Screen::Save(save) if save.proof.is_some() => "save the proof".into(),
        Screen::Save(_) => "save the case".into(),
    }
}

/// Facts on the target, most important first.
fn facts(state: &State, report: &Report) -> Vec<String> {
    let mut facts = Vec::new();
    if state.watch.is_some() {
        facts.push("watching".to_owned());
    }
    if state.lab.is_some() {
        facts.push("practice app".to_owned());
    }
    match (report.target.kind, report.target.hardened) {
        ("none", _) => {}
        (_, Some(true)) => facts.push("hardened".to_owned()),
        (_, Some(false)) => facts.push("not hardened".to_owned()),
        (_, None) => facts.push("hardened? not known".to_owned()),
    }
    if let Some(signer) = report.target.signer {
        facts.push(signed_by(signer, report.target.team.as_deref()));
    }
    if let Some(item) = report.evidence.iter().find(|item| item.kind != "unusable") {
        let word = match item.matches {
            "this-build" => "this build",
            "another-build" => "another build",
            "another-program" => "another program",
            _ => "build not known",
        };
        facts.push(format!("{}: {word}", item.source));
    }
    facts
}

/// Signer and team for people.
pub fn signed_by(signer: &str, team: Option<&str>) -> String {
    let name = match signer {
        "apple" => "Apple",
        "app-store" => "App Store",
        "testflight" => "TestFlight",
        "developer-id" => "Developer ID",
        "apple-development" => "Apple Development",
        "apple-distribution" => "Apple Distribution",
        "self-signed" => "self-signed",
        "ad-hoc" => "ad hoc",
        "linker-signed" => "linker-signed",
        "unsigned" => "unsigned",
        _ => "another signer",
    };
    match team {
        Some(team) => format!("{name} {team}"),
        None => name.to_owned(),
    }
}

fn right(state: &State) -> String {
    let Some(report) = state.report() else { return String::new() };
    match state.screen() {
        Screen::Answer { diagnosis, .. } if report.diagnoses.len() > 1 => format!("{} of {}", diagnosis + 1, report.diagnoses.len()),
        Screen::Mend(mend) if mend.stages().len() > 1 => {
            let what = match mend.stage {
                Stage::Remedy => "remedy",
                Stage::Write(_) => "entitlements",
                Stage::Build => "build system",
                Stage::ByHand => "by hand",
                Stage::Sign => "sign",
                Stage::Check => "check again",
            };
            format!("{what}: step {} of {}", mend.position() + 1, mend.stages().len())
        }
        Screen::Fix(page) => match &page.stage {
            FixStage::Running(run) => format!("step {} of {}", (run.done.len() + 1).min(run.offer.steps.len()), run.offer.steps.len()),
            _ => String::new(),
        },
        Screen::Code(_) => {
            let paths: std::collections::BTreeSet<_> = report.code.iter().map(|code| code.path.as_str()).collect();
            let marks = super::code::Marks::of(report);
            let is_faulty = |code: &&crate::report::Code| marks.mark(code).0 > crate::tui::theme::Mark::Note;
            let faulty: std::collections::BTreeSet<_> = report.code.iter().filter(is_faulty).map(|code| code.path.as_str()).collect();
            format!("{}, {} with faults", words::count(paths.len(), "object", "objects"), faulty.len())
        }
        Screen::Text(view) => {
            let total = state.windows.get(view.source).and_then(|window| window.total);
            total.map_or_else(String::new, |total| format!("line {} of {total}", view.line + 1))
        }
        _ => String::new(),
    }
}
