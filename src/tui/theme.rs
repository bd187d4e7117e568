//! Colours by role: sixteen roles, each one of the sixteen named colours of a terminal. Without colours every role still differs by weight, and every state
//! carries its word.

use crate::system::System;
use ratatui::style::{Color, Modifier, Style};

/// What the user asked for with `--theme`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// Ask the terminal for its background; no colours when `NO_COLOR` is set.
    #[default]
    Auto,
    /// For a dark background.
    Dark,
    /// For a light background.
    Light,
    /// No colours.
    None,
}

impl std::str::FromStr for Choice {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "auto" => Ok(Choice::Auto),
            "dark" => Ok(Choice::Dark),
            "light" => Ok(Choice::Light),
            "none" => Ok(Choice::None),
            _ => Err(format!("no theme '{word}'; choose auto, dark, light or none")),
        }
    }
}

/// The colours in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// For a dark background.
    Dark,
    /// For a light background.
    Light,
    /// Weight only.
    Plain,
}

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Running text.
    Text,
    /// Of less weight: labels, noise.
    Dim,
    /// The name of the program and of what is judged.
    Title,
    /// Heading in a page.
    Heading,
    /// Frame lines.
    Rule,
    /// The mark of the selected item.
    Accent,
    /// The name of a key on the last line.
    Key,
    /// ✓ fine.
    Good,
    /// ✗ broken.
    Bad,
    /// ▲ unwise, and what a remedy gives away.
    Unwise,
    /// ● note.
    Note,
    /// ? not known.
    Unknown,
    /// Quoted bytes or lines.
    Quote,
    /// Where a quote stands.
    Place,
    /// A line a diff adds.
    Add,
    /// A line a diff takes out.
    Remove,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 16] = [
        Role::Text,
        Role::Dim,
        Role::Title,
        Role::Heading,
        Role::Rule,
        Role::Accent,
        Role::Key,
        Role::Good,
        Role::Bad,
        Role::Unwise,
        Role::Note,
        Role::Unknown,
        Role::Quote,
        Role::Place,
        Role::Add,
        Role::Remove,
    ];
}

impl Theme {
    /// The style of a role.
    pub fn style(self, role: Role) -> Style {
        let style = Style::new().add_modifier(weight(role));
        match self {
            Theme::Plain => style,
            Theme::Dark => style.fg(dark(role)),
            Theme::Light => style.fg(light(role)),
        }
    }

    /// What is added to the style of the selected item.
    pub fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Decides the theme. Asks the terminal only for [`Choice::Auto`] without `NO_COLOR`, and must run before the terminal is put into raw mode, so that a
    /// late answer is not taken for keys.
    pub fn decide(choice: Choice, system: &dyn System) -> Theme {
        match choice {
            Choice::Dark => Theme::Dark,
            Choice::Light => Theme::Light,
            Choice::None => Theme::Plain,
            Choice::Auto if has_no_colours(system) => Theme::Plain,
            Choice::Auto => match terminal_colorsaurus::theme_mode(terminal_colorsaurus::QueryOptions::default()) {
                Ok(terminal_colorsaurus::ThemeMode::Light) => Theme::Light,
                Ok(terminal_colorsaurus::ThemeMode::Dark) | Err(_) => Theme::Dark,
            },
        }
    }
}

/// `NO_COLOR` counts when it is set and not empty (no-color.org).
fn has_no_colours(system: &dyn System) -> bool {
    system.variable("NO_COLOR").is_some_and(|value| !value.is_empty()) || system.variable("TERM").is_some_and(|term| term == "dumb")
}

fn weight(role: Role) -> Modifier {
    match role {
        Role::Title | Role::Heading | Role::Accent | Role::Key | Role::Bad | Role::Add => Modifier::BOLD,
        Role::Dim | Role::Rule | Role::Remove => Modifier::DIM,
        Role::Text | Role::Good | Role::Unwise | Role::Note | Role::Unknown | Role::Quote | Role::Place => Modifier::empty(),
    }
}

fn dark(role: Role) -> Color {
    match role {
        Role::Text => Color::Reset,
        Role::Dim | Role::Rule => Color::Gray,
        Role::Title | Role::Heading => Color::White,
        Role::Accent | Role::Key => Color::LightCyan,
        Role::Good | Role::Add => Color::LightGreen,
        Role::Bad | Role::Remove => Color::LightRed,
        Role::Unwise => Color::LightYellow,
        Role::Note => Color::LightBlue,
        Role::Unknown => Color::LightMagenta,
        Role::Quote => Color::Cyan,
        Role::Place => Color::Gray,
    }
}

fn light(role: Role) -> Color {
    match role {
        Role::Text => Color::Reset,
        Role::Dim | Role::Rule => Color::DarkGray,
        Role::Title | Role::Heading => Color::Black,
        Role::Accent | Role::Key => Color::Blue,
        Role::Good | Role::Add => Color::Green,
        Role::Bad | Role::Remove => Color::Red,
        // Yellow cannot be read on white.
        Role::Unwise => Color::Magenta,
        Role::Note | Role::Quote => Color::Blue,
        Role::Unknown => Color::Magenta,
        Role::Place => Color::DarkGray,
    }
}

/// A state's mark with its word: the word says it, the mark and the colour repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// ✓ fine
    Fine,
    /// ? not known
    Unknown,
    /// ● note
    Note,
    /// ▲ unwise
    Unwise,
    /// ✗ broken
    Broken,
}

impl Mark {
    /// The sign.
    pub fn sign(self) -> &'static str {
        match self {
            Mark::Fine => "✓",
            Mark::Unknown => "?",
            Mark::Note => "●",
            Mark::Unwise => "▲",
            Mark::Broken => "✗",
        }
    }

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Mark::Fine => "fine",
            Mark::Unknown => "not known",
            Mark::Note => "note",
            Mark::Unwise => "unwise",
            Mark::Broken => "broken",
        }
    }

    /// The role.
    pub fn role(self) -> Role {
        match self {
            Mark::Fine => Role::Good,
            Mark::Unknown => Role::Unknown,
            Mark::Note => Role::Note,
            Mark::Unwise => Role::Unwise,
            Mark::Broken => Role::Bad,
        }
    }

    /// The mark of a severity word of the report.
    pub fn of_severity(severity: &str) -> Mark {
        match severity {
            "error" => Mark::Broken,
            "warning" => Mark::Unwise,
            _ => Mark::Note,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_no_role_has_one() {
        for role in Role::ALL {
            assert_eq!(Theme::Plain.style(role).fg, None);
            assert_eq!(Theme::Plain.style(role).bg, None);
        }
    }

    #[test]
    fn a_light_theme_writes_nothing_bright() {
        let bright = [Color::White, Color::Yellow, Color::LightYellow, Color::LightCyan, Color::LightGreen, Color::Gray];
        for role in Role::ALL {
            assert!(!Theme::Light.style(role).fg.is_some_and(|colour| bright.contains(&colour)), "{role:?}");
        }
    }

    #[test]
    fn theme_words_are_read() {
        assert_eq!("light".parse(), Ok(Choice::Light));
        assert!("blue".parse::<Choice>().is_err());
    }
}
