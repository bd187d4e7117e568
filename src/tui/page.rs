//! A page: rows of styled text, some of which can be selected. Every screen but the evidence text is one, so that moving, scrolling, clicking and drawing are
//! written once.

use super::keymap::Action;
use super::state::SignRow;
use super::theme::{Mark, Role, Theme};
use super::words;
use ratatui::text::{Line, Span};
use std::path::PathBuf;

/// What a selectable row stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The walk through the remedies of the diagnosis.
    Mend,
    /// What to tell the developer.
    Tell,
    /// A remedy of the diagnosis.
    Remedy(usize),
    /// A proof: finding, proof.
    Proof(usize, usize),
    /// A finding.
    Finding(usize),
    /// A diagnosis.
    Diagnosis(usize),
    /// Something to collect.
    Collect(usize),
    /// The log, to be fetched.
    Fetch,
    /// A crash report that this machine has.
    Report(usize),
    /// All findings.
    List,
    /// A practice app.
    Lab(usize),
    /// The path prompt.
    OpenPath,
    /// How to paste.
    Paste,
    /// The interview.
    Interview,
    /// Back to the answer there is.
    Resume,
    /// An answer of a question.
    Reply(usize),
    /// A folder of the tree.
    Folder(String),
    /// A file of code.
    Object(String),
    /// A signing or checking command.
    Command(usize),
    /// The shown diff: write it.
    Edit,
    /// Examine again.
    Check,
    /// A line of input.
    Line,
    /// An entry of a folder.
    Entry(PathBuf, bool),
    /// A word with a page of explanation; a documented issue is one.
    Word(String),
    /// A row of the key table.
    Do(Action),
    /// An entitlement to switch.
    Switch(String),
    /// Somebody who could sign.
    Sign(SignRow),
    /// Text to copy.
    Words(String),
}

/// A row.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// Text.
    pub line: Line<'static>,
    /// Index of the target it belongs to.
    pub item: Option<usize>,
}

/// A page.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Main column.
    pub rows: Vec<Row>,
    /// Second column; empty when there is none.
    pub aside: Vec<Row>,
    /// What can be selected, in order.
    pub targets: Vec<Target>,
}

impl Page {
    /// Rows of a target: whether they are in the second column, first and last.
    pub fn rows_of(&self, item: usize) -> Option<(bool, usize, usize)> {
        let find = |rows: &[Row]| {
            let first = rows.iter().position(|row| row.item == Some(item))?;
            let last = rows.iter().rposition(|row| row.item == Some(item))?;
            Some((first, last))
        };
        find(&self.rows).map(|(first, last)| (false, first, last)).or_else(|| find(&self.aside).map(|(first, last)| (true, first, last)))
    }
}

/// Builds a page. Every text passes `words::clean`.
pub struct Build {
    theme: Theme,
    widths: (usize, Option<usize>),
    page: Page,
    beside: bool,
    item: Option<usize>,
}

impl Build {
    /// A page with a main column of that width and, on a wide screen, a second one.
    pub fn new(theme: Theme, main: usize, aside: Option<usize>) -> Self {
        Self { theme, widths: (main, aside), page: Page::default(), beside: false, item: None }
    }

    /// The page.
    pub fn finish(self) -> Page {
        self.page
    }

    /// There is room for a second column.
    pub fn is_wide(&self) -> bool {
        self.widths.1.is_some()
    }

    /// From here on: the second block. Beside the first on a wide screen, else below it.
    pub fn second_block(&mut self) {
        if self.is_wide() {
            self.beside = true;
        } else {
            self.blank();
        }
    }

    /// What is written now stands in the second column.
    pub fn is_beside(&self) -> bool {
        self.beside
    }

    /// Columns to write in.
    pub fn width(&self) -> usize {
        match self.widths.1 {
            Some(aside) if self.beside => aside,
            _ => self.widths.0,
        }
    }

    /// Number of rows of the current column.
    fn rows(&mut self) -> &mut Vec<Row> {
        if self.beside { &mut self.page.aside } else { &mut self.page.rows }
    }

    /// What `build` writes can be selected as one thing.
    pub fn item(&mut self, target: Target, build: impl FnOnce(&mut Build)) {
        self.page.targets.push(target);
        self.item = Some(self.page.targets.len() - 1);
        build(self);
        self.item = None;
    }

    /// An empty row, never two in a row and never the first.
    pub fn blank(&mut self) {
        if self.rows().last().is_some_and(|row| !row.line.spans.is_empty()) {
            self.rows().push(Row::default());
        }
    }

    /// One row of pieces, cut at the right edge.
    pub fn pieces(&mut self, pieces: &[(Role, &str)]) {
        let mut left = self.width();
        let mut spans = Vec::new();
        for (role, text) in pieces {
            let text = words::cut(&words::clean(text), left);
            left -= words::width(&text).min(left);
            spans.push(Span::styled(text, self.theme.style(*role)));
        }
        let item = self.item;
        self.rows().push(Row { line: Line::from(spans), item });
    }

    /// A row with something at the right edge, which is never cut.
    pub fn ends(&mut self, pieces: &[(Role, &str)], right: (Role, &str)) {
        let width = self.width();
        let end = words::cut(&words::clean(right.1), width);
        let room = width.saturating_sub(words::width(&end) + 1);
        let mut left = room;
        let mut spans = Vec::new();
        for (role, text) in pieces {
            let text = words::cut(&words::clean(text), left);
            left -= words::width(&text).min(left);
            spans.push(Span::styled(text, self.theme.style(*role)));
        }
        spans.push(Span::raw(" ".repeat(left + 1)));
        spans.push(Span::styled(end, self.theme.style(right.0)));
        let item = self.item;
        self.rows().push(Row { line: Line::from(spans), item });
    }

    /// A heading.
    pub fn heading(&mut self, text: &str) {
        self.blank();
        self.pieces(&[(Role::Heading, text)]);
    }

    /// A paragraph, wrapped, with an indent.
    pub fn para(&mut self, indent: usize, role: Role, text: &str) {
        self.hanging(&[(role, &" ".repeat(indent))], indent, role, text);
    }

    /// A quote: wrapped anywhere, nothing lost, at most `rows` rows.
    pub fn quote(&mut self, indent: usize, text: &str, rows: usize) {
        let text = words::clean(text);
        let lines = words::break_anywhere(&text, self.width().saturating_sub(indent));
        let more = lines.len() > rows;
        for (number, line) in lines.into_iter().take(rows).enumerate() {
            let cut = if more && number + 1 == rows { "…" } else { "" };
            let line = format!("{}{line}", " ".repeat(indent));
            let kept = words::cut(&line, self.width().saturating_sub(cut.len().min(1)));
            self.pieces(&[(Role::Quote, &kept), (Role::Dim, cut)]);
        }
    }

    /// A label of at most `indent` columns and, beside it, wrapped text.
    pub fn label(&mut self, label: (Role, &str), indent: usize, role: Role, text: &str) {
        let lead = words::fit(&words::clean(label.1), indent);
        self.hanging(&[(label.0, &lead)], indent, role, text);
    }

    /// A mark with its word, then wrapped text.
    pub fn marked(&mut self, mark: Mark, role: Role, text: &str) {
        let lead = format!("{} ", mark.sign());
        self.hanging(&[(mark.role(), &lead)], 2, role, text);
    }

    /// Text that hangs `indent` columns from the left, its first row led by pieces of that width.
    fn hanging(&mut self, lead: &[(Role, &str)], indent: usize, role: Role, text: &str) {
        let lines = words::wrap(&words::clean(text), self.width().saturating_sub(indent));
        for (number, line) in lines.iter().enumerate() {
            if number == 0 {
                let mut pieces = lead.to_vec();
                pieces.push((role, line));
                self.pieces(&pieces);
            } else {
                let blank = " ".repeat(indent);
                self.pieces(&[(role, &blank), (role, line)]);
            }
        }
    }
}
