//! A page of text: wrapped by columns, marked, coloured if asked. Every string is cleaned here, so that no caller can forget it.

use super::Look;
use crate::clean::{clean, clean_lines};
use crate::fix::sign::quote;
use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

/// State of a thing. The sign is never shown without its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Broken,
    Unwise,
    Note,
    Fine,
    Unknown,
    Perhaps,
}

impl Mark {
    /// Sign and word, at most eleven columns.
    fn words(self) -> &'static str {
        match self {
            Mark::Broken => "✗ broken",
            Mark::Unwise => "▲ unwise",
            Mark::Note => "● note",
            Mark::Fine => "✓ fine",
            Mark::Unknown => "? not known",
            Mark::Perhaps => "? perhaps",
        }
    }

    fn style(self) -> Style {
        let color = match self {
            Mark::Broken => AnsiColor::Red,
            Mark::Unwise => AnsiColor::Yellow,
            Mark::Note => AnsiColor::Blue,
            Mark::Fine => AnsiColor::Green,
            Mark::Unknown | Mark::Perhaps => AnsiColor::Magenta,
        };
        color.on_default().bold()
    }

    /// The mark of a finding of that severity.
    pub(super) fn of_severity(severity: &str) -> Self {
        match severity {
            "error" => Mark::Broken,
            "warning" => Mark::Unwise,
            _ => Mark::Note,
        }
    }
}

/// Columns from the left edge to the text after a mark.
const AFTER_MARK: usize = 13;

pub(super) struct Page {
    out: String,
    look: Look,
}

impl Page {
    pub(super) fn new(look: Look) -> Self {
        Self { out: String::new(), look }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// One empty line; never two, and none at the top.
    pub(super) fn blank(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// A heading, with what it counts or names behind it.
    pub(super) fn heading(&mut self, heading: &str, beside: &str) {
        self.blank();
        let text = if beside.is_empty() { String::new() } else { format!("   {beside}") };
        let column = heading.width();
        self.hang(0, heading, Style::new().bold().underline(), column, &text);
    }

    /// A mark and a text.
    pub(super) fn marked(&mut self, indent: usize, mark: Mark, text: &str) {
        self.hang(indent, mark.words(), mark.style(), indent + AFTER_MARK, text);
    }

    /// A label and a text that begins at `column`.
    pub(super) fn labelled(&mut self, indent: usize, label: &str, column: usize, text: &str) {
        self.hang(indent, label, Style::new().dimmed(), column, text);
    }

    /// A text, every line indented.
    pub(super) fn text(&mut self, indent: usize, text: &str) {
        self.hang(indent, "", Style::new(), indent, text);
    }

    /// A text beside the text of [`Page::marked`].
    pub(super) fn below_mark(&mut self, indent: usize, text: &str) {
        self.text(indent + AFTER_MARK, text);
    }

    /// Lines that must stay as they are: a diff.
    pub(super) fn verbatim(&mut self, indent: usize, text: &str) {
        for line in clean_lines(text) {
            self.out.push_str(&" ".repeat(indent));
            self.out.push_str(&line);
            self.end_line();
        }
    }

    /// A command for pasting: broken only between arguments, where the shell reads on after a backslash.
    pub(super) fn command(&mut self, indent: usize, argv: &[String]) {
        self.words(indent, argv.iter().map(|argument| quote(argument)));
    }

    /// Words of a shell, quoted already.
    pub(super) fn words(&mut self, indent: usize, words: impl Iterator<Item = String>) {
        let mut line = " ".repeat(indent);
        let mut empty = true;
        for argument in words {
            // Quoting writes control characters as escapes of the shell; cleaning finds nothing left to change.
            let argument = clean(&argument);
            let full = line.width() + argument.width() + 3 > self.look.width;
            if full && !empty {
                self.out.push_str(&line);
                self.out.push_str(" \\\n");
                line = " ".repeat(indent + 4);
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(&argument);
            empty = false;
        }
        self.out.push_str(&line);
        self.end_line();
    }

    /// `label` at `indent`, then `text` from `column` on, wrapped; on a line of its own when the label is too long.
    fn hang(&mut self, indent: usize, label: &str, style: Style, column: usize, text: &str) {
        let label = clean(label);
        let text = clean(text);
        let lines = wrap(&text, self.look.width.saturating_sub(column));
        let mut used = indent;
        self.out.push_str(&" ".repeat(indent));
        if !label.is_empty() {
            self.push_styled(&label, style);
            used += label.width();
            let touches = used > column || used == column && !text.starts_with(' ');
            if touches && !text.is_empty() {
                self.end_line();
                used = 0;
            }
        }
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                self.end_line();
                used = 0;
            }
            self.out.push_str(&" ".repeat(column.saturating_sub(used)));
            self.out.push_str(line);
        }
        self.end_line();
    }

    fn push_styled(&mut self, text: &str, style: Style) {
        if self.look.color {
            self.out.push_str(&format!("{style}{text}{style:#}"));
        } else {
            self.out.push_str(text);
        }
    }

    fn end_line(&mut self) {
        let end = self.out.trim_end_matches(' ').len();
        self.out.truncate(end);
        self.out.push('\n');
    }
}

/// Lines of at most `width` columns, broken at spaces; spaces within a line stay. A word that is wider stands on a line of its own, unbroken: it may be a path
/// or a key that somebody copies.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut spaces = 0;
    for (index, word) in text.split(' ').enumerate() {
        spaces += usize::from(index > 0);
        if word.is_empty() {
            continue;
        }
        let fits = line.width() + spaces + word.width() <= width;
        if !fits && !line.trim().is_empty() {
            lines.push(std::mem::take(&mut line));
            spaces = 0;
        }
        line.push_str(&" ".repeat(spaces));
        line.push_str(word);
        spaces = 0;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Look = Look { width: 40, color: false };

    fn page(fill: impl FnOnce(&mut Page)) -> String {
        let mut page = Page::new(PLAIN);
        fill(&mut page);
        page.finish()
    }

    #[test]
    fn words_wrap_by_columns_not_by_bytes() {
        assert_eq!(wrap("日本 日本 日本", 10), ["日本 日本", "日本"]);
        assert_eq!(wrap("a b", 3), ["a b"]);
        assert_eq!(wrap("a  b", 3), ["a", "b"]);
        assert_eq!(wrap("one Contents/MacOS/Program two", 8), ["one", "Contents/MacOS/Program", "two"]);
        assert_eq!(wrap("", 8), [""]);
    }

    #[test]
    fn a_label_that_is_too_long_stands_on_its_own_line() {
        assert_eq!(page(|p| p.labelled(2, "short", 10, "text")), "  short   text\n");
        assert_eq!(page(|p| p.labelled(2, "a-long-label", 10, "text")), "  a-long-label\n          text\n");
    }

    #[test]
    fn a_wrapped_text_hangs_under_its_first_word() {
        let text = page(|p| p.marked(0, Mark::Broken, "macOS killed the program because it ran code"));
        assert_eq!(text, "✗ broken     macOS killed the program\n             because it ran code\n");
    }

    #[test]
    fn a_command_breaks_between_arguments_only() {
        let argv =
            ["codesign", "--force", "--options", "runtime", "--sign", "Developer ID Application: Me (AB12CD34EF)"].map(str::to_owned);
        let text = page(|p| p.command(2, &argv));
        let lines: Vec<&str> = text.lines().collect();
        let (last, rest) = lines.split_last().expect("a command has a line");
        assert!(rest.iter().all(|line| line.ends_with(" \\")), "{text}");
        assert!(last.contains("'Developer ID Application: Me (AB12CD34EF)'"), "{text}");
    }

    #[test]
    fn hostile_strings_stay_on_their_line() {
        let text = page(|p| p.labelled(0, "evil\x1b[2J", 4, "a\nb\u{202e}"));
        assert_eq!(text, "evil\\x1b[2J\n    a b\\u{202e}\n");
    }

    #[test]
    fn colour_changes_no_words() {
        let mut colored = Page::new(Look { color: true, ..PLAIN });
        colored.marked(0, Mark::Unknown, "text");
        let colored = colored.finish();
        assert!(colored.contains('\x1b'));
        assert_eq!(anstream::adapter::strip_str(&colored).to_string(), page(|p| p.marked(0, Mark::Unknown, "text")));
    }
}
