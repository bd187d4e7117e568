//! Drawing: the frame, and one file for each screen. Takes `&State` and changes nothing.

mod answer;
mod code;
mod collect;
mod explain;
mod fixing;
mod help;
mod interview;
mod list;
mod mend;
mod object;
mod open;
mod progress;
mod proof;
mod run;
mod save;
mod start;
mod tell;
mod text;
mod title;
mod tryout;
mod who;

pub use answer::{is_other_cause, proofs};
pub use code::{Marks, Node, nodes};
pub use object::flags_word;
pub use open::shown_entries;
pub use tell::message;
pub use text::lines_block;
pub use text::{marks, rows_of_line};
pub use title::target_name;
pub use who::rows as sign_rows;

use super::layout::{self, Regions};
use super::page::{Build, Page, Row};
use super::state::{Screen, State};
use super::theme::{Role, Theme};
use super::words;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

/// The page of the screen on top; empty for an evidence text, which draws itself.
pub fn page(state: &State, regions: &Regions) -> Page {
    let mut b = Build::new(state.theme, layout::text_width(regions.main), regions.aside.map(layout::text_width));
    match state.screen() {
        Screen::Start { place } => start::build(state, place.cursor, &mut b),
        Screen::Progress { .. } => progress::build(state, &mut b),
        Screen::Failure { what, why, .. } => progress::failure(what, why, &mut b),
        Screen::Answer { diagnosis, .. } => answer::build(state, *diagnosis, &mut b),
        Screen::Tell { diagnosis, .. } => tell::build(state, *diagnosis, &mut b),
        Screen::Mend(mend) => mend::build(state, mend, &mut b),
        Screen::Fix(page) => fixing::build(page, &mut b),
        Screen::Who(page) => who::build(state, page, &mut b),
        Screen::Password(masked) => who::password(masked, &mut b),
        Screen::Proof { asks, .. } => {
            if let Some(fixed) = state.fixes.last() {
                proof::build(fixed, *asks, &mut b);
            }
        }
        Screen::Run(page) => run::build(page, &mut b),
        Screen::Collect(page) => collect::build(page, &mut b),
        Screen::Code(tree) => code::build(state, tree, &mut b),
        Screen::Object { path, .. } => object::build(state, path, &mut b),
        Screen::Text(_) => {}
        Screen::List { place } => list::build(state, place.cursor, &mut b),
        Screen::Finding { finding, .. } => list::finding(state, *finding, &mut b),
        Screen::Interview { question, place } => interview::build(state, question, place.cursor, &mut b),
        Screen::Explain { words, diagnosis, .. } => explain::build(state, words, *diagnosis, &mut b),
        Screen::WhatIf(tryout) => tryout::build(state, tryout, &mut b),
        Screen::Help { of, .. } => help::build(*of, &mut b),
        Screen::Open(open) => open::build(state, open, &mut b),
        Screen::Save(save) => save::build(save, &mut b),
    }
    b.finish()
}

/// Draws everything.
pub fn draw(state: &State, frame: &mut Frame) {
    let area = frame.area();
    let regions = layout::layout(state, area);
    if regions.too_small {
        return draw_too_small(area, frame.buffer_mut());
    }
    let page = page(state, &regions);
    let buffer = frame.buffer_mut();
    title::draw(state, regions.title, buffer);
    draw_rule(state.theme, regions.upper, buffer);
    if let Screen::Text(view) = state.screen() {
        text::draw(state, view, &regions, buffer);
    } else {
        draw_page(state, &page, &regions, buffer);
    }
    draw_lower(state, &page, &regions, buffer);
    draw_keys(state.theme, &regions, buffer);
    if let Some(position) = draw_prompt(state, &regions, buffer) {
        frame.set_cursor_position(position);
    }
}

fn draw_too_small(area: Rect, buffer: &mut Buffer) {
    let (columns, rows) = layout::SMALLEST;
    let sentence = format!(
        "Temper needs {columns} columns and {rows} rows; this window has {} and {}. Make it larger, or press q to leave.",
        area.width, area.height
    );
    for (y, line) in (area.y..area.bottom()).zip(words::wrap(&sentence, usize::from(area.width))) {
        buffer.set_stringn(area.x, y, line, usize::from(area.width), ratatui::style::Style::new());
    }
}

fn draw_rule(theme: Theme, area: Rect, buffer: &mut Buffer) {
    buffer.set_string(area.x, area.y, "─".repeat(usize::from(area.width)), theme.style(Role::Rule));
}

fn draw_page(state: &State, page: &Page, regions: &Regions, buffer: &mut Buffer) {
    let place = layout::clamp(regions, page, state.screen().place());
    draw_column(state.theme, &page.rows, regions.main, place.scroll, place.cursor, buffer);
    if let Some(aside) = regions.aside.filter(|_| !page.aside.is_empty()) {
        for y in aside.y..aside.bottom() {
            buffer.set_string(aside.x, y, "│", state.theme.style(Role::Rule));
        }
        let block = Rect { x: aside.x + 1, width: aside.width - 1, ..aside };
        draw_column(state.theme, &page.aside, block, place.aside, place.cursor, buffer);
    }
}

/// One column: the mark of the selection at the left, then the rows. Only the first row of the selected item carries the mark; all its rows are bold.
fn draw_column(theme: Theme, rows: &[Row], block: Rect, scroll: usize, cursor: usize, buffer: &mut Buffer) {
    for (index, y) in (scroll..rows.len()).zip(block.y..block.bottom()) {
        let Some(row) = rows.get(index) else { break };
        let is_selected = row.item == Some(cursor);
        let is_first = index == 0 || rows.get(index - 1).is_none_or(|above| above.item != row.item);
        if is_selected && (is_first || index == scroll) {
            buffer.set_string(block.x + 1, y, "▸", theme.style(Role::Accent));
        }
        let line = if is_selected { row.line.clone().patch_style(theme.selected()) } else { row.line.clone() };
        buffer.set_line(block.x + 3, y, &line, block.width.saturating_sub(3));
    }
}

/// The lower frame line: what was said last, and whether there is more.
fn draw_lower(state: &State, page: &Page, regions: &Regions, buffer: &mut Buffer) {
    draw_rule(state.theme, regions.lower, buffer);
    let place = layout::clamp(regions, page, state.screen().place());
    let height = usize::from(regions.main.height);
    let more = match (place.scroll > 0, place.scroll + height < page.rows.len()) {
        (true, true) => " more above and below ",
        (true, false) => " more above ",
        (false, true) => " more below ",
        (false, false) => "",
    };
    let wide = u16::try_from(words::width(more)).unwrap_or(0);
    buffer.set_string(regions.lower.right().saturating_sub(wide + 2), regions.lower.y, more, state.theme.style(Role::Dim));
    if let Some(notice) = &state.notice {
        let room = usize::from(regions.lower.width.saturating_sub(wide + 6));
        let notice = format!(" {} ", words::cut(&words::clean(notice), room));
        buffer.set_string(regions.lower.x + 2, regions.lower.y, notice, state.theme.style(Role::Heading));
    }
}

fn draw_keys(theme: Theme, regions: &Regions, buffer: &mut Buffer) {
    for offered in &regions.offered {
        let line = Line::from(vec![
            Span::styled(offered.key.clone(), theme.style(Role::Key)),
            Span::raw(" "),
            Span::styled(offered.label, theme.style(Role::Dim)),
        ]);
        buffer.set_line(offered.area.x, offered.area.y, &line, offered.area.width);
    }
}

/// The open line of input; where the terminal's cursor stands.
fn draw_prompt(state: &State, regions: &Regions, buffer: &mut Buffer) -> Option<Position> {
    if let Screen::Password(masked) = state.screen() {
        return draw_mask(state, masked.typed, regions, buffer);
    }
    let (area, lead, input) = match (state.screen(), state.screen().prompt(), regions.prompt) {
        (_, Some(prompt), Some(area)) => {
            let lead = match prompt.kind {
                super::state::PromptKind::Find => " find: ",
                super::state::PromptKind::Filter => " show only: ",
                super::state::PromptKind::Arguments => " arguments: ",
            };
            (area, lead, &prompt.input)
        }
        (Screen::Open(open), _, _) => {
            let y = regions.main.y + u16::try_from(open::LINE_ROW).unwrap_or(0);
            (Rect { y, height: 1, ..regions.main }, "   ", &open.input)
        }
        _ => return None,
    };
    if area.y >= regions.lower.y {
        return None;
    }
    let room = usize::from(area.width).saturating_sub(words::width(lead) + 2);
    let scroll = input.visual_scroll(room);
    let shown: String = words::clean(input.value()).chars().skip(scroll).collect();
    buffer.set_string(area.x, area.y, words::fit(lead, usize::from(area.width)), state.theme.style(Role::Dim));
    let x = area.x + u16::try_from(words::width(lead)).unwrap_or(0);
    buffer.set_string(x, area.y, words::cut(&shown, room), state.theme.style(Role::Heading));
    let offset = u16::try_from(input.visual_cursor().saturating_sub(scroll)).unwrap_or(0);
    Some(Position { x: (x + offset).min(area.right().saturating_sub(1)), y: area.y })
}

/// A dot for each character that was typed, the last ones when they are more than the row has room for.
fn draw_mask(state: &State, typed: usize, regions: &Regions, buffer: &mut Buffer) -> Option<Position> {
    let area = Rect { y: regions.main.y + u16::try_from(open::LINE_ROW).unwrap_or(0), ..regions.main };
    let shown = u16::try_from(typed).unwrap_or(u16::MAX).min(area.width.saturating_sub(5));
    buffer.set_string(area.x + 3, area.y, "•".repeat(usize::from(shown)), state.theme.style(Role::Heading));
    Some(Position { x: area.x + 3 + shown, y: area.y })
}
