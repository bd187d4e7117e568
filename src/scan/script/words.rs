//! Words of a shell script: where they end, and what they stand for as far as that is known without running anything.

use std::collections::BTreeMap;

/// What a word stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// This text.
    Text(String),
    /// A path that starts at the folder of the script (`../lib`; empty for the folder itself).
    Here(String),
    /// Something a shell would have to find out.
    Unknown,
}

/// A word as written, with its outer quotes removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// The text without quote characters.
    pub(super) text: String,
    /// Nothing in it is expanded.
    pub(super) literal: bool,
    /// Part of it is in quotes: it is no keyword, and no operator.
    pub(super) quoted: bool,
}

impl Word {
    /// It holds a command whose output would have to be known.
    pub(super) fn runs_a_command(&self) -> bool {
        !self.literal && (self.text.contains("$(") || self.text.contains('`'))
    }
}

/// Variables that have a value so far.
pub(super) type Variables = BTreeMap<String, Value>;

/// Deepest nesting of `$(…)` that is followed.
const MAX_DEPTH: usize = 8;

/// What a word stands for.
pub(super) fn value(word: &Word, variables: &Variables) -> Value {
    if word.literal { Value::Text(word.text.clone()) } else { evaluate(&word.text, variables, 0) }
}

fn evaluate(text: &str, variables: &Variables, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Unknown;
    }
    let mut whole = Value::Text(String::new());
    let mut rest = text;
    while !rest.is_empty() {
        let (part, after) = match rest.find(['$', '`']) {
            Some(0) => expansion(rest, variables, depth),
            at => {
                let (plain, after) = rest.split_at(at.unwrap_or(rest.len()));
                (Value::Text(plain.to_owned()), after)
            }
        };
        whole = append(whole, part);
        if whole == Value::Unknown {
            return whole;
        }
        rest = after;
    }
    whole
}

fn append(before: Value, part: Value) -> Value {
    match (before, part) {
        (Value::Text(a), Value::Text(b)) => Value::Text(a + &b),
        (Value::Text(a), Value::Here(b)) if a.is_empty() => Value::Here(b),
        (Value::Here(a), Value::Text(b)) if a.is_empty() && !b.starts_with('/') && !b.is_empty() => Value::Unknown,
        (Value::Here(a), Value::Text(b)) => Value::Here((a + &b).trim_start_matches('/').to_owned()),
        _ => Value::Unknown,
    }
}

/// The expansion at the start of `text`, and what follows it.
fn expansion<'a>(text: &'a str, variables: &Variables, depth: usize) -> (Value, &'a str) {
    if let Some(inner) = text.strip_prefix('`') {
        let (command, after) = inner.split_once('`').unwrap_or((inner, ""));
        return (command_output(command, variables, depth), after);
    }
    if let Some(inner) = text.strip_prefix("$(") {
        let end = closing(inner, '(', ')');
        let (command, after) = inner.split_at(end);
        return (command_output(command, variables, depth), after.get(1..).unwrap_or(""));
    }
    if let Some(inner) = text.strip_prefix("${") {
        let end = closing(inner, '{', '}');
        let (parameter, after) = inner.split_at(end);
        return (parameter_value(parameter, variables, depth), after.get(1..).unwrap_or(""));
    }
    let inner = text.strip_prefix('$').unwrap_or(text);
    let name_end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inner.len());
    match (inner.strip_prefix('0'), name_end) {
        (Some(after), _) => (Value::Here(SELF.into()), after),
        (None, 0) => (Value::Unknown, ""),
        (None, end) => (variable(&inner[..end], variables), &inner[end..]),
    }
}

/// The script itself, below its own folder. A name that no path can have.
const SELF: &str = "\u{0}";

fn variable(name: &str, variables: &Variables) -> Value {
    match name {
        "BASH_SOURCE" => Value::Here(SELF.into()),
        _ => variables.get(name).cloned().unwrap_or(Value::Unknown),
    }
}

/// `${NAME}`, `${NAME%/*}`, `${NAME:-default}`, `${BASH_SOURCE[0]}`.
fn parameter_value(parameter: &str, variables: &Variables, depth: usize) -> Value {
    let name_end = parameter.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(parameter.len());
    let (name, operator) = parameter.split_at(name_end);
    let operator = operator.strip_prefix("[0]").unwrap_or(operator);
    let plain = if name == "0" { Value::Here(SELF.into()) } else { variable(name, variables) };
    match operator {
        "" | ":A" => plain,
        "%/*" | ":h" | ":A:h" | ":a:h" => parent(plain),
        _ => match operator.strip_prefix(":-").or_else(|| operator.strip_prefix('-')) {
            Some(default) if plain == Value::Unknown && depth < MAX_DEPTH => evaluate(default, variables, depth + 1),
            Some(_) => plain,
            None => Value::Unknown,
        },
    }
}

/// The output of a command that says where the script is; unknown for any other.
fn command_output(command: &str, variables: &Variables, depth: usize) -> Value {
    if depth >= MAX_DEPTH {
        return Value::Unknown;
    }
    let simple = split(command);
    let mut commands = simple.iter().map(Vec::as_slice).filter(|words| !words.is_empty());
    let (Some(first), second, None) = (commands.next(), commands.next(), commands.next()) else { return Value::Unknown };
    let arguments: Vec<&Word> = arguments(first);
    let argument = |at: usize| arguments.get(at).map_or(Value::Unknown, |word| nested(word, variables, depth));
    let name = first.first().map_or("", |word| word.text.as_str());
    let name = name.rsplit('/').next().unwrap_or(name);
    match (name, second.and_then(|words| words.first()).map(|word| word.text.as_str()), arguments.len()) {
        ("dirname", None, 1) => parent(argument(0)),
        ("realpath" | "readlink" | "greadlink" | "echo", None, 1) => argument(0),
        ("cd", Some("pwd"), 1) => argument(0),
        _ => Value::Unknown,
    }
}

fn nested(word: &Word, variables: &Variables, depth: usize) -> Value {
    if word.literal { Value::Text(word.text.clone()) } else { evaluate(&word.text, variables, depth + 1) }
}

/// The words after the command that are neither options nor redirections.
fn arguments(words: &[Word]) -> Vec<&Word> {
    let mut arguments = Vec::new();
    let mut skip = false;
    for word in words.iter().skip(1) {
        let redirects = !word.quoted && (word.text.contains('>') || word.text.contains('<'));
        if redirects {
            skip = word.text.ends_with(['>', '<']);
        } else if skip {
            skip = false;
        } else if word.quoted || !word.text.starts_with('-') {
            arguments.push(word);
        }
    }
    arguments
}

fn parent(value: Value) -> Value {
    match value {
        Value::Here(tail) if tail == SELF => Value::Here(String::new()),
        Value::Here(tail) if tail.is_empty() => Value::Here("..".into()),
        Value::Here(tail) => Value::Here(tail.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned()),
        Value::Text(text) => text.rsplit_once('/').map_or(Value::Unknown, |(folder, _)| Value::Text(folder.to_owned())),
        Value::Unknown => Value::Unknown,
    }
}

/// Offset of the bracket that closes one already opened; the length when there is none.
fn closing(text: &str, open: char, close: char) -> usize {
    let mut depth = 1_usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (c, quote) {
            _ if escaped => escaped = false,
            ('\\', None | Some('"')) => escaped = true,
            ('\'', None) => quote = Some('\''),
            ('\'', Some('\'')) => quote = None,
            // Double quotes inside $(…) nest anew; brackets in them count all the same, which serves both.
            (_, Some(_)) => {}
            _ if c == open => depth += 1,
            _ if c == close => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// Splits a text into simple commands, and those into words. Operators that end a command are dropped; redirections stay words.
pub(super) fn split(text: &str) -> Vec<Vec<Word>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<Word> = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '\\' => escape(rest, &mut word),
            '\'' => single_quotes(rest, &mut word),
            '"' => double_quotes(rest, &mut word),
            '$' | '`' => substitution(rest, &mut word),
            '#' if word.is_none() => rest.find('\n').unwrap_or(rest.len()),
            ' ' | '\t' | '\r' => end_word(&mut word, &mut commands),
            // `2>&1`, `&>`: part of a redirection.
            '&' if word.as_ref().is_some_and(|w| !w.quoted && w.text.ends_with(['>', '<'])) || rest.starts_with("&>") => {
                plain(c, &mut word)
            }
            ';' | '&' | '|' | '\n' | '(' | ')' => {
                end_word(&mut word, &mut commands);
                commands.push(Vec::new());
                1
            }
            _ => plain(c, &mut word),
        };
        rest = rest.get(taken..).unwrap_or("");
    }
    end_word(&mut word, &mut commands);
    commands
}

fn end_word(word: &mut Option<Word>, commands: &mut [Vec<Word>]) -> usize {
    if let (Some(word), Some(command)) = (word.take(), commands.last_mut()) {
        command.push(word);
    }
    1
}

fn current(word: &mut Option<Word>) -> &mut Word {
    word.get_or_insert(Word { text: String::new(), literal: true, quoted: false })
}

fn plain(c: char, word: &mut Option<Word>) -> usize {
    current(word).text.push(c);
    c.len_utf8()
}

fn escape(rest: &str, word: &mut Option<Word>) -> usize {
    let escaped = rest.chars().nth(1);
    match escaped {
        Some('\n') | None => {}
        Some(c) => current(word).text.push(c),
    }
    1 + escaped.map_or(0, char::len_utf8)
}

fn single_quotes(rest: &str, word: &mut Option<Word>) -> usize {
    let inner = &rest[1..];
    let end = inner.find('\'').unwrap_or(inner.len());
    let word = current(word);
    word.quoted = true;
    word.text.push_str(&inner[..end]);
    end + 2
}

fn double_quotes(rest: &str, word: &mut Option<Word>) -> usize {
    current(word).quoted = true;
    let mut at = 1;
    while let Some(c) = rest.get(at..).and_then(|left| left.chars().next()) {
        at += match c {
            '"' => return at + 1,
            '\\' => escape(&rest[at..], word),
            '$' | '`' => substitution(&rest[at..], word),
            _ => plain(c, word),
        };
    }
    at
}

/// A `$…` or backtick expansion, kept as written.
fn substitution(rest: &str, word: &mut Option<Word>) -> usize {
    let end = if let Some(inner) = rest.strip_prefix('`') {
        inner.find('`').map_or(rest.len(), |at| at + 2)
    } else if let Some(inner) = rest.strip_prefix("$(") {
        (closing(inner, '(', ')') + 3).min(rest.len())
    } else if let Some(inner) = rest.strip_prefix("${") {
        (closing(inner, '{', '}') + 3).min(rest.len())
    } else {
        1
    };
    let word = current(word);
    word.literal = false;
    word.text.push_str(&rest[..end]);
    end
}
