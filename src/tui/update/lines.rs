//! Evidence texts: moving, searching, and which lines are read.

use super::super::keymap::Action;
use super::super::layout::Regions;
use super::super::state::{Effect, JobId, Needle, Screen, SourceId, State, TextOrigin, TextView, Window};
use super::super::view;
use super::{push, regions, text_view};
use std::ops::Range;

/// Lines kept before and after the first shown one.
const BEFORE: u64 = 200;
const AFTER: u64 = 600;

/// Opens a text at a line, or where its first decisive line stands. `instead` replaces the text on the screen.
pub fn open(state: &mut State, source: usize, line: Option<u64>, instead: bool) {
    let line = line.or_else(|| view::marks(state, source).first().map(|mark| mark.line)).unwrap_or(0);
    if instead {
        state.stack.pop();
    }
    push(state, text_view(source, line));
}

fn text(state: &State) -> Option<&TextView> {
    match state.screen() {
        Screen::Text(view) => Some(view),
        _ => None,
    }
}

fn text_mut(state: &mut State) -> Option<&mut TextView> {
    match state.screen_mut() {
        Screen::Text(view) => Some(view),
        _ => None,
    }
}

/// Moves the selected line.
pub fn step(state: &mut State, action: Action) {
    let height = u64::from(view::lines_block(&regions(state)).height).max(1);
    let Some(view) = text_mut(state) else { return };
    view.line = match action {
        Action::Up => view.line.saturating_sub(1),
        Action::Down => view.line.saturating_add(1),
        Action::PageUp => view.line.saturating_sub(height - 1),
        Action::PageDown => view.line.saturating_add(height - 1),
        Action::HalfUp => view.line.saturating_sub(height / 2),
        Action::HalfDown => view.line.saturating_add(height / 2),
        Action::Top => 0,
        _ => u64::MAX,
    };
}

/// Selects the line at a row of the terminal.
pub fn click(state: &mut State, regions: &Regions, y: u16) {
    let block = view::lines_block(regions);
    let Some(view) = text(state) else { return };
    if y < block.y || y >= block.bottom() {
        return;
    }
    let mut row = block.y;
    let mut line = view.top;
    loop {
        row = row.saturating_add(u16::try_from(rows(state, view.source, line, regions)).unwrap_or(1).max(1));
        if row > y {
            break;
        }
        line += 1;
    }
    if let Some(view) = text_mut(state) {
        view.line = line;
    }
}

fn rows(state: &State, source: usize, number: u64, regions: &Regions) -> usize {
    kept(state, source, number).map_or(1, |line| view::rows_of_line(line, view::lines_block(regions)))
}

fn kept(state: &State, source: usize, number: u64) -> Option<&str> {
    let window = state.windows.get(source)?;
    let index = usize::try_from(number.checked_sub(window.first)?).ok()?;
    window.lines.get(index).map(String::as_str)
}

/// The selected line.
pub fn line(state: &State, view: &TextView) -> Option<String> {
    kept(state, view.source, view.line).map(str::to_owned)
}

/// Keeps the selected line in the text and in sight.
pub fn settle(state: &mut State, regions: &Regions) {
    let Some(view) = text(state) else { return };
    let total = state.windows.get(view.source).and_then(|window| window.total);
    let line = total.map_or(view.line, |total| view.line.min(total.saturating_sub(1)));
    let height = usize::from(view::lines_block(regions).height).max(1);
    let mut top = view.top.min(line);
    // From the selected line upwards: as many lines as fit above it.
    let mut room = height.saturating_sub(rows(state, view.source, line, regions));
    let mut lowest = line;
    while lowest > top {
        let above = rows(state, view.source, lowest - 1, regions);
        if above > room {
            break;
        }
        room -= above;
        lowest -= 1;
    }
    top = top.max(lowest);
    // No empty rows below the end while there is text above.
    if let Some(total) = total.filter(|total| total.saturating_sub(top) < height as u64) {
        let mut below: usize = (top..total).map(|number| rows(state, view.source, number, regions)).sum();
        while top > 0 && below + rows(state, view.source, top - 1, regions) <= height {
            top -= 1;
            below += rows(state, view.source, top, regions);
        }
    }
    if let Some(view) = text_mut(state) {
        view.line = line;
        view.top = top;
    }
}

/// The read that the text on the screen needs now.
pub fn wanted(state: &mut State) -> Option<Effect> {
    let view = text(state)?;
    let (source, top) = (view.source, view.top);
    let origin = origin(state, source)?;
    let window = state.windows.get(source)?;
    let height = u64::from(state.size.1);
    let last = window.total.map_or(top + height, |total| (top + height).min(total));
    let have = window.first..window.first + window.lines.len() as u64;
    let has = |range: &Range<u64>| range.contains(&top) && range.end >= last;
    let is_asked = window.asked.as_ref().is_some_and(|(_, range)| has(range));
    if window.fault.is_some() || is_asked || (window.total.is_some() && (has(&have) || last <= top)) {
        return None;
    }
    let range = top.saturating_sub(BEFORE)..top.saturating_add(AFTER);
    let job = state.job();
    state.windows.get_mut(source)?.asked = Some((job, range.clone()));
    Some(Effect::ReadLines(job, origin, range))
}

fn origin(state: &State, source: usize) -> Option<TextOrigin> {
    Some(TextOrigin { source: SourceId(source), request: state.request.clone()?, examination: state.examination.clone()? })
}

/// Lines came. Only those that were asked for last are kept.
pub fn arrived(state: &mut State, job: JobId, source: SourceId, first: u64, lines: Vec<String>, total: u64) -> Vec<Effect> {
    if let Some(window) = asked(state, job).filter(|(number, _)| *number == source.0).map(|(_, window)| window) {
        *window = Window { asked: None, total: Some(total), first, lines, fault: None };
    }
    Vec::new()
}

fn asked(state: &mut State, job: JobId) -> Option<(usize, &mut Window)> {
    state.windows.iter_mut().enumerate().find(|(_, window)| window.asked.as_ref().is_some_and(|(asked, _)| *asked == job))
}

/// The next place of a search, or the next decisive line around the end.
pub fn find_again(state: &mut State, backwards: bool) -> Vec<Effect> {
    let Some(view) = text(state) else { return Vec::new() };
    let (source, line, find) = (view.source, view.line, view.find.clone());
    if find.is_empty() {
        next_mark(state, source, line, backwards);
        return Vec::new();
    }
    let Some(origin) = origin(state, source) else { return Vec::new() };
    let job = state.job();
    if let Some(view) = text_mut(state) {
        view.finding = Some(job);
    }
    vec![Effect::Find(job, origin, Needle { text: find, from: line, backwards })]
}

fn next_mark(state: &mut State, source: usize, line: u64, backwards: bool) {
    let marks = view::marks(state, source);
    let next = if backwards {
        marks.iter().rev().find(|mark| mark.line < line).or(marks.last())
    } else {
        marks.iter().find(|mark| mark.line > line).or(marks.first())
    };
    match next {
        Some(mark) => {
            let line = mark.line;
            if let Some(view) = text_mut(state) {
                view.line = line;
            }
        }
        None => state.notice = Some("no line of this text is decisive".into()),
    }
}

/// A search ended.
pub fn found(state: &mut State, job: JobId, source: SourceId, line: Option<u64>) -> Vec<Effect> {
    let Some(view) = text_mut(state).filter(|view| view.finding == Some(job) && view.source == source.0) else { return Vec::new() };
    view.finding = None;
    match line {
        Some(line) => view.line = line,
        None => {
            let notice = format!("'{}' is not in this text", view.find);
            state.notice = Some(notice);
        }
    }
    Vec::new()
}

/// A read or a search failed; true when it was one of those.
pub fn failed(state: &mut State, job: JobId, why: &str) -> bool {
    if let Some((_, window)) = asked(state, job) {
        *window = Window { fault: Some(why.to_owned()), ..Window::default() };
        return true;
    }
    match text_mut(state).filter(|view| view.finding == Some(job)) {
        Some(view) => {
            view.finding = None;
            state.notice = Some(why.to_owned());
            true
        }
        None => false,
    }
}
