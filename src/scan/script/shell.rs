//! Shell scripts, line by line.

use super::words::{self, Value, Variables, Word};
use super::{Place, Read, script_line};
use crate::evidence::{ScriptAct, ScriptLine};
use std::collections::BTreeSet;

/// Words of the language that may stand before a command.
const KEYWORDS: &[&str] = &["if", "then", "else", "elif", "do", "while", "until", "!", "{", "}", "fi", "done", "esac", "time", "in"];
/// Commands of the shell itself, and those whose start says nothing about the app.
const UNREMARKABLE: &[&str] = &[
    "echo", "printf", "exit", "return", "cd", "test", "[", "[[", "set", "unset", "shift", "wait", "trap", "read", "true", "false", ":",
    "local", "readonly", "alias", "for", "case", "function", "break", "continue", "umask", "ulimit", "pwd", "mkdir", "rm", "mv", "ln",
    "chmod", "touch", "sleep", "kill", "cat", "grep", "head", "tail", "tee", "cp", "sed", "rsync", "ditto", "dd", "pushd", "popd", "let",
    "shopt", "setopt", "dirname", "basename", "xattr", "codesign", "hash", "type", "which", "uname",
];

/// A script as far as it was read.
struct Reader<'a> {
    place: &'a Place<'a>,
    variables: Variables,
    /// Names that were exported before they got a value.
    exported: BTreeSet<String>,
    /// Assignments not exported so far.
    pending: Vec<(String, ScriptLine)>,
    exports_all: bool,
    lines: Vec<ScriptLine>,
    gaps: Vec<String>,
    /// The last command, when it is worth a line only as the last.
    last: Option<ScriptLine>,
}

/// One command and where it stands.
struct Command<'a> {
    line: u32,
    quote: &'a str,
}

pub(super) fn read(text: &str, place: &Place<'_>) -> Read {
    let mut reader = Reader {
        place,
        variables: Variables::new(),
        exported: BTreeSet::new(),
        pending: Vec::new(),
        exports_all: false,
        lines: Vec::new(),
        gaps: Vec::new(),
        last: None,
    };
    for (line, quote) in logical_lines(text) {
        for words in words::split(&quote) {
            reader.command(&words, &Command { line, quote: &quote });
        }
    }
    reader.lines.extend(reader.last.take());
    reader.lines.sort_by_key(|line| line.line);
    Read { interpreter: String::new(), lines: reader.lines, gaps: reader.gaps, other_language: None }
}

/// Lines with their continuations joined and the bodies of here-documents left out.
fn logical_lines(text: &str) -> Vec<(u32, String)> {
    let mut joined: Vec<(u32, String)> = Vec::new();
    let mut open = false;
    let mut until: Option<String> = None;
    for (line, number) in text.lines().zip(1_u32..) {
        if let Some(end) = &until {
            if line.trim_start_matches('\t') == end {
                until = None;
            }
            continue;
        }
        let is_comment = !open && line.trim_start().starts_with('#');
        let continues = !is_comment && line.ends_with('\\') && !line.ends_with("\\\\");
        let part = if continues { &line[..line.len() - 1] } else { line };
        match joined.last_mut() {
            Some((_, whole)) if open => whole.push_str(part),
            _ => joined.push((number, part.to_owned())),
        }
        open = continues;
        until = if is_comment { None } else { here_document(line) };
    }
    joined
}

/// The word that ends a here-document which begins on this line.
fn here_document(line: &str) -> Option<String> {
    let (_, after) = line.split_once("<<")?;
    if after.starts_with('<') {
        return None;
    }
    let after = after.strip_prefix('-').unwrap_or(after).trim_start();
    let word: String = after.chars().take_while(|c| !c.is_whitespace() && !";|&)>".contains(*c)).collect();
    let word = word.trim_matches(['"', '\'', '\\']).to_owned();
    // `1<<3` in arithmetic begins none.
    word.starts_with(|c: char| c.is_alphabetic() || c == '_').then_some(word)
}

fn assignment(word: &Word) -> Option<(&str, &str)> {
    let (name, value) = word.text.split_once('=')?;
    let name = name.strip_suffix('+').unwrap_or(name);
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some((name, value))
}

/// Options with an argument of a command that runs the rest of its line; `None` for any other command.
fn options_of_prefix(command: &str) -> Option<&'static [&'static str]> {
    match command.rsplit('/').next().unwrap_or(command) {
        "exec" => Some(&["-a"]),
        "env" => Some(&["-u", "-P", "-C"]),
        "nice" => Some(&["-n"]),
        "arch" => Some(&["-arch"]),
        "sudo" => Some(&["-u"]),
        "open" => Some(&["-b"]),
        "command" | "nohup" | "builtin" | "caffeinate" => Some(&[]),
        _ => None,
    }
}

impl Reader<'_> {
    fn command(&mut self, words: &[Word], at: &Command<'_>) {
        let skip = words.iter().take_while(|word| !word.quoted && KEYWORDS.contains(&word.text.as_str())).count();
        let words = words.get(skip..).unwrap_or_default();
        let assigned = words.iter().take_while(|word| assignment(word).is_some()).count();
        let (assignments, words) = words.split_at(assigned);
        if words.is_empty() {
            assignments.iter().for_each(|word| self.assign(word, at));
            return;
        }
        assignments.iter().for_each(|word| self.sets(word, at));
        self.last = None;
        self.run(words, at);
    }

    /// `A=1` alone: a variable of the shell, of the environment once it is exported.
    fn assign(&mut self, word: &Word, at: &Command<'_>) {
        let Some((name, value)) = assignment(word) else { return };
        if self.exports_all || self.exported.contains(name) {
            self.sets(word, at);
            return;
        }
        self.remember(name, value, word);
        let act = ScriptAct::Sets { name: name.to_owned(), value: value.to_owned() };
        self.pending.retain(|(pending, _)| pending != name);
        self.pending.push((name.to_owned(), script_line(at.line, at.quote, act)));
    }

    /// `A=1 command`, `export A=1`, `env A=1`.
    fn sets(&mut self, word: &Word, at: &Command<'_>) {
        let Some((name, value)) = assignment(word) else { return };
        self.remember(name, value, word);
        let act = ScriptAct::Sets { name: name.to_owned(), value: value.to_owned() };
        self.lines.push(script_line(at.line, at.quote, act));
        self.gap_of_value(name, word, at.line);
    }

    fn remember(&mut self, name: &str, value: &str, word: &Word) {
        let written = Word { text: value.to_owned(), ..word.clone() };
        let value = words::value(&written, &self.variables);
        self.variables.insert(name.to_owned(), value);
    }

    /// Only variables of dyld decide anything here; the value of another may stay unknown.
    fn gap_of_value(&mut self, name: &str, word: &Word, line: u32) {
        if name.starts_with("DYLD_") && word.runs_a_command() && words::value(word, &self.variables) == Value::Unknown {
            self.gaps.push(format!("line {line}: the value of {name} would have to be found by running `{}`", word.text));
        }
    }

    fn export(&mut self, words: &[Word], at: &Command<'_>) {
        for word in words.iter().filter(|word| !word.text.starts_with('-')) {
            if assignment(word).is_some() {
                self.sets(word, at);
                continue;
            }
            self.exported.insert(word.text.clone());
            let Some(index) = self.pending.iter().position(|(name, _)| *name == word.text) else { continue };
            let (name, line) = self.pending.remove(index);
            if let ScriptAct::Sets { value, .. } = &line.does {
                let written = Word { text: value.clone(), literal: !value.contains(['$', '`']), quoted: true };
                self.gap_of_value(&name, &written, line.line);
            }
            self.lines.push(line);
        }
    }

    fn run(&mut self, words: &[Word], at: &Command<'_>) {
        let Some(word) = words.first() else { return };
        let rest = words.get(1..).unwrap_or_default();
        match word.text.as_str() {
            "export" => self.export(rest, at),
            "declare" | "typeset" if rest.iter().any(|word| word.text.starts_with('-') && word.text.contains('x')) => self.export(rest, at),
            "declare" | "typeset" | "local" | "readonly" => rest.iter().for_each(|word| self.assign(word, at)),
            "set" => self.exports_all |= rest.iter().any(|word| word.text == "-a" || word.text == "allexport"),
            "launchctl" if rest.first().is_some_and(|word| word.text == "setenv") => self.launchctl(rest, at),
            "." | "source" => {
                self.gaps.push(format!("line {}: it reads another script, which was not followed: `{}`", at.line, at.quote.trim()))
            }
            "eval" => {
                self.gaps.push(format!("line {}: what it evaluates would have to be found by running it: `{}`", at.line, at.quote.trim()))
            }
            name if options_of_prefix(name).is_some() => self.prefixed(words, at),
            _ => {
                self.overwrites(words, at);
                self.starts(word, at, false);
            }
        }
    }

    /// Commands that run the rest of their line: their options, assignments, then the program.
    fn prefixed(&mut self, words: &[Word], at: &Command<'_>) {
        let mut with_argument: &[&str] = &[];
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            rest = after;
            if let Some(options) = options_of_prefix(&word.text) {
                with_argument = options;
            } else if with_argument.contains(&word.text.as_str()) {
                rest = after.get(1..).unwrap_or_default();
            } else if assignment(word).is_some() {
                self.sets(word, at);
            } else if is_redirection(word) {
                return;
            } else if word.quoted || !word.text.starts_with('-') {
                self.starts(word, at, true);
                return;
            }
        }
    }

    fn launchctl(&mut self, rest: &[Word], at: &Command<'_>) {
        if let [_, name, value, ..] = rest {
            let act = ScriptAct::Sets { name: name.text.clone(), value: value.text.clone() };
            self.lines.push(script_line(at.line, at.quote, act));
        }
    }

    fn starts(&mut self, word: &Word, at: &Command<'_>, is_certain: bool) {
        let value = words::value(word, &self.variables);
        let name = word.text.rsplit('/').next().unwrap_or_default();
        let is_path = word.text.contains('/') || (word.text.starts_with('$') && !word.literal);
        let unremarkable = UNREMARKABLE.contains(&name) || is_redirection(word) || name.is_empty();
        if unremarkable && !is_certain {
            return;
        }
        let act = ScriptAct::Starts { command: word.text.clone(), image: self.place.file(&value) };
        let line = script_line(at.line, at.quote, act);
        if is_certain || is_path {
            if value == Value::Unknown && word.runs_a_command() {
                self.gaps.push(format!("line {}: which program it starts would have to be found by running `{}`", at.line, word.text));
            }
            self.lines.push(line);
        } else {
            self.last = Some(line);
        }
    }

    fn overwrites(&mut self, words: &[Word], at: &Command<'_>) {
        let name = words.first().map(|word| word.text.rsplit('/').next().unwrap_or_default()).unwrap_or_default();
        let has = |options: &[&str]| words.iter().any(|word| options.contains(&word.text.as_str()));
        let plain = || words.iter().skip(1).filter(|word| !word.text.starts_with('-') && !is_redirection(word));
        let file = match name {
            "cp" | "ditto" if plain().count() >= 2 => plain().next_back().map(|word| word.text.as_str()),
            "rsync" if has(&["--inplace"]) => plain().next_back().map(|word| word.text.as_str()),
            "sed" if words.iter().any(|word| word.text.starts_with("-i") || word.text == "--in-place") => {
                plain().next_back().map(|word| word.text.as_str())
            }
            "tee" => plain().next().map(|word| word.text.as_str()),
            "dd" => words.iter().find_map(|word| word.text.strip_prefix("of=")),
            "cat" => redirected_to(words),
            _ => None,
        };
        if let Some(file) = file.filter(|file| !file.starts_with("/dev/")) {
            self.lines.push(script_line(at.line, at.quote, ScriptAct::Overwrites { file: file.to_owned() }));
        }
    }
}

fn is_redirection(word: &Word) -> bool {
    !word.quoted && word.text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '&').starts_with(['>', '<'])
}

/// The file behind the first `>` or `>>`.
fn redirected_to(words: &[Word]) -> Option<&str> {
    let at = words.iter().position(|word| !word.quoted && word.text.starts_with('>'))?;
    let joined = words[at].text.trim_start_matches(['>', '|']);
    if joined.is_empty() { words.get(at + 1).map(|word| word.text.as_str()) } else { Some(joined) }
}
