//! Where everything stands. Pure; drawing and the mouse both ask it.

use super::keymap::{self, Action, Context};
use super::page::Page;
use super::state::{Place, State};
use super::words;
use ratatui::layout::Rect;

/// Smallest columns and rows that Temper draws on.
pub const SMALLEST: (u16, u16) = (40, 10);
/// From this width on a second block stands beside the first.
pub const WIDE: u16 = 110;
/// Blanks between two keys on the last line.
const GAP: usize = 3;

/// Where everything stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regions {
    /// Line 1.
    pub title: Rect,
    /// The frame line below it.
    pub upper: Rect,
    /// First (or only) block.
    pub main: Rect,
    /// Second block.
    pub aside: Option<Rect>,
    /// The open line of input, over the last row of the body.
    pub prompt: Option<Rect>,
    /// The frame line above the keys.
    pub lower: Rect,
    /// Last line.
    pub keys: Rect,
    /// Keys on it.
    pub offered: Vec<Offered>,
    /// Too small to draw: a sentence only.
    pub too_small: bool,
}

/// A key on the last line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// Where.
    pub area: Rect,
    /// Its name.
    pub key: String,
    /// Its word.
    pub label: &'static str,
    /// What it does.
    pub action: Action,
}

/// Where everything stands in `area`.
pub fn layout(state: &State, area: Rect) -> Regions {
    let mut regions = blocks(state, area);
    if !regions.too_small {
        regions.offered = offered(state, regions.keys);
    }
    regions
}

/// The same without the keys on the last line. Which keys are offered depends on the page (is there something to copy?), and the page only on the blocks.
pub fn blocks(state: &State, area: Rect) -> Regions {
    let too_small = area.width < SMALLEST.0 || area.height < SMALLEST.1;
    let row = |y: u16| Rect { x: area.x, y: area.y + y.min(area.height.saturating_sub(1)), width: area.width, height: 1.min(area.height) };
    let last = area.height.saturating_sub(1);
    let body = Rect { x: area.x, y: area.y + 2.min(area.height), width: area.width, height: area.height.saturating_sub(4) };
    let prompt = state.screen().prompt().map(|_| Rect { y: body.bottom().saturating_sub(1), height: 1.min(body.height), ..body });
    let body = if prompt.is_some() { Rect { height: body.height.saturating_sub(1), ..body } } else { body };
    let (main, aside) = columns(body);
    let keys = row(last);
    Regions { title: row(0), upper: row(1), main, aside, prompt, lower: row(last.saturating_sub(1)), keys, offered: Vec::new(), too_small }
}

/// One column, or two on a wide screen.
fn columns(body: Rect) -> (Rect, Option<Rect>) {
    if body.width < WIDE {
        return (body, None);
    }
    let first = body.width * 3 / 5;
    let main = Rect { width: first, ..body };
    let aside = Rect { x: body.x + first, width: body.width - first, ..body };
    (main, Some(aside))
}

/// Columns for text in a block: one blank, the mark of the selection, one blank; and one blank at the right.
pub fn text_width(block: Rect) -> usize {
    usize::from(block.width).saturating_sub(4)
}

/// The keys that work here, as many as fit, `?` and `q` always among them.
fn offered(state: &State, keys: Rect) -> Vec<Offered> {
    let is_fixed = |action: Action| matches!(action, Action::Help | Action::Quit | Action::Back | Action::Yes);
    let shown = keymap::bindings(Context::of(state)).filter(|binding| keymap::is_offered(state, binding));
    let shown: Vec<(String, &str, Action)> =
        shown.filter_map(|binding| Some((keymap::name(binding.keys.first()?), keymap::label(state, binding), binding.action))).collect();
    let columns = |key: &str, label: &str| words::width(key) + 1 + words::width(label);
    let fixed: usize = shown.iter().filter(|(.., action)| is_fixed(*action)).map(|(key, label, _)| columns(key, label) + GAP).sum();
    let mut room = usize::from(keys.width).saturating_sub(fixed + 1);
    let mut x = keys.x + 1;
    let mut out = Vec::new();
    for (key, label, action) in shown {
        let wide = columns(&key, label);
        if !is_fixed(action) {
            if wide + GAP > room {
                continue;
            }
            room -= wide + GAP;
        }
        let width = u16::try_from(wide).unwrap_or(u16::MAX).min(keys.right().saturating_sub(x));
        out.push(Offered { area: Rect { x, y: keys.y, width, height: 1 }, key, label, action });
        x = x.saturating_add(width).saturating_add(GAP as u16);
    }
    out
}

/// The item on the page at a point of the terminal.
pub fn item_at(regions: &Regions, page: &Page, place: Place, x: u16, y: u16) -> Option<usize> {
    let point = ratatui::layout::Position { x, y };
    let (rows, block, scroll) = if regions.main.contains(point) {
        (&page.rows, regions.main, place.scroll)
    } else {
        let block = regions.aside.filter(|block| block.contains(point))?;
        (&page.aside, block, place.aside)
    };
    rows.get(scroll + usize::from(y - block.y))?.item
}

/// A place within the page: the cursor on an item, no column scrolled past its end.
pub fn clamp(regions: &Regions, page: &Page, place: Place) -> Place {
    let most = |rows: usize, block: Rect| rows.saturating_sub(usize::from(block.height));
    Place {
        cursor: place.cursor.min(page.targets.len().saturating_sub(1)),
        scroll: place.scroll.min(most(page.rows.len(), regions.main)),
        aside: place.aside.min(regions.aside.map_or(0, |block| most(page.aside.len(), block))),
    }
}

/// The place scrolled as little as needed to show the selected item (its first row, if it is taller than the block).
pub fn reveal(regions: &Regions, page: &Page, mut place: Place) -> Place {
    let Some((beside, first, last)) = page.rows_of(place.cursor) else { return clamp(regions, page, place) };
    let block = if beside { regions.aside.unwrap_or(regions.main) } else { regions.main };
    let height = usize::from(block.height).max(1);
    let scroll = if beside { &mut place.aside } else { &mut place.scroll };
    if last >= *scroll + height {
        *scroll = last + 1 - height;
    }
    if first < *scroll {
        *scroll = first;
    }
    clamp(regions, page, place)
}
