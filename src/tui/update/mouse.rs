//! The mouse: the wheel scrolls, a click selects or presses.

use super::super::keymap::{Action, Context};
use super::super::state::{Effect, Screen, State};
use super::super::{layout, view};
use super::{act, activate, lines, regions};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

/// Wheel and left button.
pub fn mouse(state: &mut State, event: MouseEvent) -> Vec<Effect> {
    match event.kind {
        MouseEventKind::ScrollUp => scroll(state, true),
        MouseEventKind::ScrollDown => scroll(state, false),
        MouseEventKind::Down(MouseButton::Left) => return click(state, event.column, event.row),
        _ => {}
    }
    Vec::new()
}

/// The wheel moves what is under it by three rows; the selection stays.
fn scroll(state: &mut State, up: bool) {
    if let Screen::Text(_) = state.screen() {
        for _ in 0..3 {
            lines::step(state, if up { Action::Up } else { Action::Down });
        }
        return;
    }
    if let Some(place) = state.screen_mut().place_mut() {
        place.scroll = if up { place.scroll.saturating_sub(3) } else { place.scroll.saturating_add(3) };
    }
}

/// A click on a key's name presses it; on an item selects it; on the selected item does what Enter does.
fn click(state: &mut State, x: u16, y: u16) -> Vec<Effect> {
    let regions = regions(state);
    let point = ratatui::layout::Position { x, y };
    if let Some(offered) = regions.offered.iter().find(|offered| offered.area.contains(point)) {
        state.notice = None;
        return act(state, offered.action);
    }
    if regions.too_small || matches!(Context::of(state), Context::Confirm | Context::Undo | Context::Prompt | Context::Password) {
        return Vec::new();
    }
    if let Screen::Text(_) = state.screen() {
        lines::click(state, &regions, y);
        return Vec::new();
    }
    let page = view::page(state, &regions);
    let mut place = state.screen().place();
    let Some(item) = layout::item_at(&regions, &page, place, x, y) else { return Vec::new() };
    if item == place.cursor {
        return activate(state);
    }
    place.cursor = item;
    if let Some(here) = state.screen_mut().place_mut() {
        *here = place;
    }
    Vec::new()
}
