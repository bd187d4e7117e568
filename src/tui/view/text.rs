//! An evidence text as given: decisive lines carry the number of their proof in the margin, noise is dimmed, a map of the marks stands at the right edge.

use crate::tui::layout::Regions;
use crate::tui::state::{State, TextView, Window};
use crate::tui::theme::{Mark, Role};
use crate::tui::words;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

/// A decisive line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decisive {
    /// Line, from 0.
    pub line: u64,
    /// Number of the proof on the answer screen (of the first diagnosis that has it).
    pub number: usize,
    /// What it means.
    pub meaning: String,
}

/// Decisive lines of a text, by line. Numbers count the proofs of the diagnoses in order, so that those of the first are the numbers on its answer screen.
pub fn marks(state: &State, source: usize) -> Vec<Decisive> {
    let Some(examination) = state.examination.as_deref() else { return Vec::new() };
    let Some(text) = examination.evidence.texts.get(source) else { return Vec::new() };
    let report = &examination.report;
    let mut out: Vec<Decisive> = Vec::new();
    let mut number = 0;
    for diagnosis in &report.diagnoses {
        for (finding, proof) in super::proofs(report, diagnosis) {
            let Some(found) = report.findings.get(finding) else { continue };
            let Some(proof) = found.proof.get(proof) else { continue };
            number += 1;
            let Some(line) = proof.line.filter(|_| proof.source == text.source) else { continue };
            let line = u64::from(line.saturating_sub(1));
            if !out.iter().any(|mark| mark.line == line) {
                out.push(Decisive { line, number, meaning: found.message.clone() });
            }
        }
    }
    out.sort_by_key(|mark| mark.line);
    out
}

/// Why a line is noise, by line number from 0.
fn noise(state: &State, source: usize) -> Vec<(u64, &str)> {
    let Some(examination) = state.examination.as_deref() else { return Vec::new() };
    let Some(text) = examination.evidence.texts.get(source) else { return Vec::new() };
    let lines = examination.report.noise.iter().filter(|noise| noise.source == text.source);
    lines.map(|noise| (u64::from(noise.line.saturating_sub(1)), noise.why.as_str())).collect()
}

/// Columns before the text: proof number, line number.
const MARGIN: usize = 12;

/// Rows one line takes: wrapped, and never more than the block less the last two rows, so that the next line is always in reach.
pub fn rows_of_line(line: &str, block: Rect) -> usize {
    wrapped(line, block).len()
}

fn wrapped(line: &str, block: Rect) -> Vec<String> {
    let columns = usize::from(block.width).saturating_sub(MARGIN + 2);
    let most = usize::from(block.height).saturating_sub(2).max(1);
    let mut rows = words::break_anywhere(&words::clean(line), columns);
    if rows.len() > most {
        rows.truncate(most);
        if let Some(last) = rows.last_mut() {
            *last = format!("{}…", words::cut(last, columns.saturating_sub(1)).trim_end_matches('…'));
        }
    }
    rows
}

/// The block for lines: all but the last row, which says what the selected line means.
pub fn lines_block(regions: &Regions) -> Rect {
    Rect { height: regions.main.height.saturating_sub(1), ..regions.main }
}

/// Draws it.
pub fn draw(state: &State, view: &TextView, regions: &Regions, buffer: &mut Buffer) {
    let marks = marks(state, view.source);
    let noise = noise(state, view.source);
    let block = lines_block(regions);
    let empty = Window::default();
    let window = state.windows.get(view.source).unwrap_or(&empty);
    if let Some(fault) = &window.fault {
        let line = format!("? not known: this text cannot be read again: {}", words::clean(fault));
        buffer.set_stringn(block.x + 2, block.y, line, usize::from(block.width.saturating_sub(3)), state.theme.style(Role::Unknown));
        return;
    }
    draw_lines(state, view, window, block, &marks, &noise, buffer);
    draw_map(state, window.total.unwrap_or(0), block, &marks, buffer);
    draw_meaning(state, view, regions, &marks, &noise, buffer);
    if let Some(aside) = regions.aside {
        draw_list(state, view, aside, &marks, buffer);
    }
}

fn draw_lines(
    state: &State,
    view: &TextView,
    window: &Window,
    block: Rect,
    marks: &[Decisive],
    noise: &[(u64, &str)],
    buffer: &mut Buffer,
) {
    let theme = state.theme;
    let mut y = block.y;
    let mut number = view.top;
    while y < block.bottom() && window.total.is_none_or(|total| number < total) {
        let line = number.checked_sub(window.first).and_then(|index| window.lines.get(usize::try_from(index).ok()?));
        let Some(line) = line else {
            buffer.set_string(block.x + 3, y, "reading…", theme.style(Role::Dim));
            return;
        };
        let mark = marks.iter().find(|mark| mark.line == number);
        let is_noise = noise.iter().any(|(line, _)| *line == number);
        let role = match (mark, is_noise) {
            (Some(_), _) => Role::Quote,
            (None, true) => Role::Dim,
            (None, false) => Role::Text,
        };
        for (row, text) in wrapped(line, block).into_iter().enumerate() {
            if y >= block.bottom() {
                return;
            }
            if row == 0 {
                margin(state, view, number, mark, Rect { y, height: 1, ..block }, buffer);
            }
            let mut style = theme.style(role);
            if mark.is_some() || number == view.line {
                style = style.add_modifier(Modifier::BOLD);
            }
            let x = block.x + u16::try_from(MARGIN).unwrap_or(0);
            buffer.set_string(x, y, &text, style);
            highlight(&text, &view.find, x, y, buffer);
            y += 1;
        }
        number += 1;
    }
}

/// The mark of the selected line, the number of the proof, the line number.
fn margin(state: &State, view: &TextView, number: u64, mark: Option<&Decisive>, row: Rect, buffer: &mut Buffer) {
    let theme = state.theme;
    if number == view.line {
        buffer.set_string(row.x + 1, row.y, "▸", theme.style(Role::Accent));
    }
    if let Some(mark) = mark {
        buffer.set_stringn(row.x + 2, row.y, format!("●{}", mark.number), 3, theme.style(Role::Accent));
    }
    buffer.set_string(row.x + 5, row.y, format!("{:>5}", number + 1), theme.style(Role::Dim));
}

/// Reverses what was searched for.
fn highlight(text: &str, find: &str, x: u16, y: u16, buffer: &mut Buffer) {
    let needle = find.to_lowercase();
    if needle.is_empty() {
        return;
    }
    let small = text.to_lowercase();
    // Lower case can change a text's length in some scripts; then places would be wrong and nothing is highlighted.
    if small.len() != text.len() {
        return;
    }
    for (at, found) in small.match_indices(&needle) {
        let (Some(before), Some(inside)) = (text.get(..at), text.get(at..at + found.len())) else { continue };
        let start = x + u16::try_from(words::width(before)).unwrap_or(0);
        let width = u16::try_from(words::width(inside)).unwrap_or(0);
        let area = Rect { x: start, y, width, height: 1 }.intersection(buffer.area);
        buffer.set_style(area, ratatui::style::Style::new().add_modifier(Modifier::REVERSED));
    }
}

/// Where in the whole text the decisive lines stand.
fn draw_map(state: &State, total: u64, block: Rect, marks: &[Decisive], buffer: &mut Buffer) {
    let x = block.right().saturating_sub(1);
    let height = u64::from(block.height);
    for y in block.y..block.bottom() {
        buffer.set_string(x, y, "│", state.theme.style(Role::Rule));
    }
    for mark in marks {
        let row = mark.line.saturating_mul(height).checked_div(total.max(1)).unwrap_or(0).min(height.saturating_sub(1));
        buffer.set_string(x, block.y + u16::try_from(row).unwrap_or(0), "●", state.theme.style(Role::Accent));
    }
}

/// What the selected line means, on the last row.
fn draw_meaning(state: &State, view: &TextView, regions: &Regions, marks: &[Decisive], noise: &[(u64, &str)], buffer: &mut Buffer) {
    let row = Rect { y: regions.main.bottom().saturating_sub(1), height: 1, ..regions.main };
    let (role, text) = if let Some(mark) = marks.iter().find(|mark| mark.line == view.line) {
        (Role::Heading, format!("● proof {}: {}", mark.number, mark.meaning))
    } else if let Some((_, why)) = noise.iter().find(|(line, _)| *line == view.line) {
        (Role::Dim, format!("● note: not the cause: {why}"))
    } else if !view.find.is_empty() {
        (Role::Dim, format!("find: {}", view.find))
    } else if marks.is_empty() {
        (Role::Dim, "no line of this text is decisive".to_owned())
    } else {
        (Role::Dim, format!("{} (n, N)", words::count(marks.len(), "decisive line", "decisive lines")))
    };
    buffer.set_stringn(
        row.x + 2,
        row.y,
        words::cut(&words::clean(&text), usize::from(row.width).saturating_sub(4)),
        usize::from(row.width),
        state.theme.style(role),
    );
}

/// On a wide screen: the decisive lines with what they mean.
fn draw_list(state: &State, view: &TextView, aside: Rect, marks: &[Decisive], buffer: &mut Buffer) {
    let mut b = crate::tui::page::Build::new(state.theme, usize::from(aside.width).saturating_sub(4), None);
    b.pieces(&[(Role::Heading, "Decisive lines")]);
    for mark in marks {
        b.blank();
        let role = if mark.line == view.line { Role::Heading } else { Role::Text };
        b.label((Mark::Note.role(), &format!("●{}", mark.number)), 4, role, &format!("line {}: {}", mark.line + 1, mark.meaning));
    }
    let rows = b.finish().rows;
    for (row, y) in rows.iter().zip(aside.y..aside.bottom()) {
        buffer.set_line(aside.x + 2, y, &row.line, aside.width.saturating_sub(3));
    }
}
