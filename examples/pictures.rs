//! Draws the real screens into `docs/pictures/*.svg`, and writes the table of keys into README.md: practice apps are examined, keys are pressed, and what the terminal would show becomes text on a grid.
//!
//! ```sh
//! cargo run --example pictures
//! ```
//!
//! Nothing in a picture depends on the machine: the apps lie on a disk in memory, and the clock is fixed. A test holds the committed pictures to this.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use temper::lab::{self, Lab};
use temper::scan::Request;
use temper::system::fake::FakeSystem;
use temper::tui::state::{Effect, Library, Msg, PlanOrder, State, TextOrigin};
use temper::tui::theme::Theme;
use temper::tui::{update, view};

/// 2026-03-10, after every practice report was written.
const NOW: i64 = 1_773_100_800;

/// A picture: name of its file, practice app, keys, columns and rows.
struct Picture {
    name: &'static str,
    lab: &'static str,
    /// Instead of the app's own evidence.
    report: Option<&'static str>,
    keys: &'static str,
    size: (u16, u16),
}

const fn picture(name: &'static str, lab: &'static str, keys: &'static str) -> Picture {
    Picture { name, lab, report: None, keys, size: (80, 24) }
}

/// A death that signing has nothing to do with: memory at an address that was never mapped, in code of the app itself.
const NULL_POINTER: &str = include_str!("null-pointer.crash");

const PICTURES: [Picture; 11] = [
    picture("answer", "jit-flip", ""),
    picture("remedies", "jit-flip", "enter"),
    picture("entitlements", "jit-flip", "enter enter"),
    picture("confirm", "jit-flip", "enter enter enter"),
    picture("signing", "jit-flip", "enter enter right"),
    picture("code", "foreign-plugin", "c"),
    picture("evidence", "jit-flip", "e"),
    picture("interview", "jit-flip", "i"),
    Picture { size: (120, 30), ..picture("what-if", "jit-map-jit", "t enter") },
    Picture { report: Some(NULL_POINTER), ..picture("other-cause", "jit-flip", "") },
    Picture { size: (120, 40), ..picture("wide", "foreign-plugin", "") },
];

/// The table stands where its first line stands.
#[allow(dead_code, reason = "the test that compares the pictures uses only draw_all")]
fn write_keys(readme: &Path) -> std::io::Result<()> {
    let text = std::fs::read_to_string(readme)?;
    let table = temper::tui::keymap::markdown();
    let Some(begin) = table.lines().next().and_then(|first| text.find(first)) else { return Ok(()) };
    let (before, old) = text.split_at(begin);
    let length: usize = old.split_inclusive('\n').take_while(|line| line.starts_with('|')).map(str::len).sum();
    std::fs::write(readme, format!("{before}{table}{}", old.get(length..).unwrap_or_default()))
}

#[allow(dead_code, reason = "the test that compares the pictures uses only draw_all")]
fn main() -> std::io::Result<()> {
    write_keys(&Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"))?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
    std::fs::create_dir_all(&folder)?;
    for (name, svg) in draw_all() {
        std::fs::write(folder.join(&name), svg)?;
        println!("docs/pictures/{name}");
    }
    Ok(())
}

/// All pictures: name of the file, SVG.
pub fn draw_all() -> Vec<(String, String)> {
    PICTURES.iter().map(|picture| (format!("{}.svg", picture.name), draw(picture))).collect()
}

fn draw(picture: &Picture) -> String {
    let lab = lab::all().iter().position(|lab| lab.id == picture.lab).expect("the picture names a practice app");
    let mut desk = Desk::new(&lab::all()[lab], picture);
    let effects = if picture.report.is_some() {
        update::begin(&mut desk.state, Some(desk.request.clone()))
    } else {
        update::update(&mut desk.state, Msg::Resize(picture.size.0, picture.size.1));
        open_lab(&mut desk.state, lab)
    };
    desk.answer(effects);
    for name in picture.keys.split_whitespace() {
        let effects = update::update(&mut desk.state, Msg::Key(key(name)));
        desk.answer(effects);
    }
    let mut terminal = Terminal::new(TestBackend::new(picture.size.0, picture.size.1)).expect("a terminal in memory has no way to fail");
    terminal.draw(|frame| view::draw(&desk.state, frame)).expect("a terminal in memory has no way to fail");
    svg(terminal.backend().buffer(), &format!("temper {}", lab::all()[lab].bundle))
}

/// Opens a practice app the way a person does: from the start screen, by its row.
fn open_lab(state: &mut State, lab: usize) -> Vec<Effect> {
    let mut effects = update::begin(state, None);
    for effect in &mut effects {
        if let Effect::OpenLab(_, wanted) = effect {
            *wanted = lab;
        }
    }
    if let Some(running) = &mut state.running {
        running.lab = Some(lab);
    }
    effects
}

fn key(name: &str) -> KeyEvent {
    let code = match name {
        "enter" => KeyCode::Enter,
        "down" => KeyCode::Down,
        "right" => KeyCode::Right,
        letter => KeyCode::Char(letter.chars().next().expect("a key has a name")),
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}

/// The face on a machine in memory. Does the work of the worker, at once.
struct Desk {
    state: State,
    system: FakeSystem,
    request: Request,
}

impl Desk {
    fn new(lab: &Lab, picture: &Picture) -> Self {
        let mut system = FakeSystem::new();
        for (path, bytes, _) in lab.files {
            system = system.file(&format!("/{}/{path}", lab.bundle), *bytes);
        }
        let own = || lab.evidence.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        let pasted = picture.report.map_or_else(own, |report| vec![("Sketchbook.crash".to_owned(), report.as_bytes().to_vec())]);
        let anchors = temper::read::cms::TrustAnchors { extra: vec![lab::anchor()] };
        let request = Request { path: Some(lab.bundle.into()), pasted, anchors, at: Some(NOW), ..Request::default() };
        let library = Library { scenarios: temper::scenario::all(), interview: temper::scenario::interview(), labs: lab::all() };
        Self { state: State::new(picture.size, Theme::Dark, library, None), system, request }
    }

    fn answer(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let message = match effect {
                Effect::OpenLab(job, _) => {
                    update::update(&mut self.state, Msg::Unpacked(job, Box::new(self.request.clone())));
                    self.examine(job)
                }
                Effect::Examine(job, _) => self.examine(job),
                Effect::Try(job, before, change) => {
                    let (after, outcome) = temper::whatif::try_out(&before.evidence, &before.report, &change);
                    Msg::Tried(job, Box::new(after), Box::new(outcome))
                }
                Effect::Plan(job, order) => Msg::Planned(job, Box::new(plan(&order))),
                Effect::ReadLines(job, origin, range) => {
                    let text = text(&origin);
                    let lines = text.lines().skip(range.start as usize).take((range.end - range.start) as usize);
                    Msg::Lines(job, origin.source, range.start, lines.map(str::to_owned).collect(), text.lines().count() as u64)
                }
                _ => continue,
            };
            let more = update::update(&mut self.state, message);
            self.answer(more);
        }
    }

    fn examine(&self, job: temper::tui::state::JobId) -> Msg {
        let examination = temper::examine(&self.system, &self.request, &|_| {}, &AtomicBool::new(false));
        Msg::Examined(job, Arc::new(examination.expect("a practice app can be examined")))
    }
}

fn plan(order: &PlanOrder) -> temper::fix::plan::Plan {
    let examination = &order.examination;
    let diagnosis = &examination.report.diagnoses[order.diagnosis];
    let plan = temper::fix::plan::plan(&examination.evidence, diagnosis, &diagnosis.remedies[order.remedy], &[]);
    plan.expect("a remedy that applies has a plan")
}

fn text(origin: &TextOrigin) -> String {
    let name = &origin.examination.evidence.texts[origin.source.0].source;
    let (_, bytes) = origin.request.pasted.iter().find(|(pasted, _)| pasted == name).expect("the evidence of a practice app is in memory");
    String::from_utf8_lossy(bytes).into_owned()
}

/// Size of a cell, and of the frame around the screen, in pixels.
const CELL: (f32, f32) = (8.4, 18.0);
const FONT: f32 = 14.0;
const BASE: f32 = 13.5;
const EDGE: f32 = 14.0;
const BAR: f32 = 36.0;

fn svg(buffer: &Buffer, title: &str) -> String {
    let (columns, rows) = (f32::from(buffer.area.width), f32::from(buffer.area.height));
    let (width, height) = (columns * CELL.0 + 2.0 * EDGE, rows * CELL.1 + BAR + EDGE);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.1} {height:.1}\">\n\
         <style>text{{font:{FONT}px ui-monospace,\"SF Mono\",Menlo,\"DejaVu Sans Mono\",Consolas,monospace;white-space:pre}}</style>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"9\" fill=\"{BACKGROUND}\"/>\n\
         <circle cx=\"20\" cy=\"18\" r=\"6\" fill=\"#ff5f57\"/><circle cx=\"40\" cy=\"18\" r=\"6\" fill=\"#febc2e\"/>\
         <circle cx=\"60\" cy=\"18\" r=\"6\" fill=\"#28c840\"/>\n\
         <text x=\"{:.1}\" y=\"23\" text-anchor=\"middle\" fill=\"#8b93a1\">{}</text>\n",
        width / 2.0,
        escape(title)
    );
    for y in 0..buffer.area.height {
        for (x, run, cell) in runs(buffer, y) {
            let (left, top) = (EDGE + f32::from(x) * CELL.0, BAR + f32::from(y) * CELL.1 + BASE);
            let weight = if cell.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
            let dim = if cell.modifier.contains(Modifier::DIM) { " opacity=\".75\"" } else { "" };
            let span = run.chars().count() as f32 * CELL.0;
            // The length keeps every column on the grid, whatever font is found.
            let _ = writeln!(
                out,
                "<text x=\"{left:.1}\" y=\"{top:.1}\" textLength=\"{span:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"{weight}{dim}>{}</text>",
                colour(cell.fg),
                escape(&run)
            );
        }
    }
    out.push_str("</svg>\n");
    out
}

/// The pieces of one style in a row: first column, text, a cell of it. Two blanks end a piece: not every viewer keeps blanks.
fn runs(buffer: &Buffer, y: u16) -> Vec<(u16, String, &Cell)> {
    let mut runs: Vec<(u16, String, &Cell)> = Vec::new();
    let mut blanks = 2;
    for x in 0..buffer.area.width {
        let cell = &buffer[(x, y)];
        if cell.symbol() == " " {
            blanks += 1;
            continue;
        }
        match runs.last_mut() {
            Some((_, text, first)) if blanks < 2 && (first.fg, first.modifier) == (cell.fg, cell.modifier) => {
                text.extend(std::iter::repeat_n(' ', blanks));
                text.push_str(cell.symbol());
            }
            _ => runs.push((x, cell.symbol().to_owned(), cell)),
        }
        blanks = 0;
    }
    runs
}

const BACKGROUND: &str = "#16181d";

fn colour(colour: Color) -> &'static str {
    match colour {
        Color::White => "#ffffff",
        Color::Gray => "#a9b0bc",
        Color::DarkGray => "#6b7280",
        Color::Cyan => "#56b6c2",
        Color::LightCyan => "#7fd6e0",
        Color::LightGreen => "#b5e08f",
        Color::LightRed => "#ff7b86",
        Color::LightYellow => "#ffd68a",
        Color::LightBlue => "#8cc8ff",
        Color::LightMagenta => "#dd9cf0",
        _ => "#d4d7dd",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
