//! The rules of the house that the compiler does not know. Reads the sources as tokens and fails with file, line and rule.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Modules in the order the data flows. Nothing uses what stands to its right; faces do not use each other.
const ORDER: &[&[&str]] = &[
    &["read"],
    &["evidence"],
    &["finding"],
    &["system"],
    &["watch"],
    &["casefile"],
    &["scan"],
    &["verify"],
    &["policy"],
    &["keys"],
    &["dyld"],
    &["detect"],
    &["scenario"],
    &["explain"],
    &["report"],
    &["diagnose"],
    &["fix"],
    &["recipe"],
    &["whatif"],
    &["lab"],
    &["clean"],
    &["proof"],
    &["run"],
    &["collect"],
    // The whole pipeline, in lib.rs.
    &["examine", "Examination"],
    &["cli", "tui"],
    &["main"],
];

/// Crates that touch the outside.
const OUTSIDE: &[&str] = &["walkdir", "tempfile", "nix", "libc", "etcetera", "notify"];
/// Modules of std that do.
const OUTSIDE_STD: &[&[&str]] = &[
    &["fs"],
    &["process"],
    &["env"],
    &["net"],
    &["os", "unix"],
    &["os", "fd"],
    &["os", "macos"],
    &["time", "SystemTime"],
    &["time", "Instant"],
];
/// Methods of `Path` that ask the disk.
const DISK_METHODS: &[&str] = &["exists", "try_exists", "canonicalize", "read_dir", "symlink_metadata"];
/// What `main.rs` may have of it.
const IN_MAIN: &[&[&str]] = &[&["std", "process", "ExitCode"], &["std", "env", "args_os"], &["std", "env", "args"]];
const LONGEST_FILE: usize = 700;

#[test]
fn the_sources_keep_the_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let sources: Vec<(String, String)> = files
        .iter()
        .map(|file| (file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/"), std::fs::read_to_string(file).unwrap()))
        .collect();
    assert!(sources.len() > 20, "the sources were not found");
    let faults = check(&sources);
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
}

/// All faults of some files: (path below `src`, text).
fn check(sources: &[(String, String)]) -> Vec<String> {
    let files: Vec<File> = sources.iter().map(|(path, text)| File::new(path, text)).collect();
    let tests: BTreeSet<String> = files.iter().flat_map(File::test_modules).collect();
    let mut faults = Vec::new();
    for file in &files {
        let is_test =
            file.path.ends_with("/tests.rs") || file.path.contains("/tests/") || tests.iter().any(|test| file.path.starts_with(test));
        let shipped = if is_test { &[][..] } else { &file.tokens[..file.shipped] };
        direction(file, &file.tokens, &mut faults);
        outside(file, shipped, &mut faults);
        unwraps(file, shipped, &mut faults);
        goblin(file, &file.tokens, &mut faults);
        faces(file, &file.tokens, &mut faults);
        unsafe_code(file, &file.tokens, &mut faults);
        // A table of test texts is read from its middle; still no book.
        let longest = if is_test { LONGEST_FILE + 300 } else { LONGEST_FILE };
        if file.lines > longest {
            faults.push(format!("src/{}: {} lines; split it by meaning at {longest}", file.path, file.lines));
        }
    }
    faults
}

// --- the rules

fn rank(name: &str) -> Option<usize> {
    ORDER.iter().position(|names| names.contains(&name))
}

fn direction(file: &File, tokens: &[Token], faults: &mut Vec<String>) {
    let Some(mine) = rank(file.module()) else { return };
    for path in paths(tokens) {
        let Some(used) = file.module_used(&path.names) else { continue };
        let Some(theirs) = rank(used) else { continue };
        if used != file.module() && theirs >= mine {
            faults.push(format!("src/{}:{}: direction: {} uses {used}, which stands to its right", file.path, path.line, file.module()));
        }
    }
}

fn outside(file: &File, tokens: &[Token], faults: &mut Vec<String>) {
    if file.module() == "system" {
        return;
    }
    for path in paths(tokens) {
        let names: Vec<&str> = path.names.iter().map(String::as_str).collect();
        let of_crate = names.len() > 1 && OUTSIDE.contains(&names[0]) && !(names[0] == "nix" && file.module() == "tui");
        let of_std = names[0] == "std" && OUTSIDE_STD.iter().any(|module| names[1..].starts_with(module));
        let clock = names.iter().any(|name| matches!(*name, "SystemTime" | "Instant"));
        let allowed = file.module() == "main" && IN_MAIN.iter().any(|known| names.starts_with(known));
        if (of_crate || of_std || clock) && !allowed {
            faults.push(format!("src/{}:{}: outside: {} belongs behind system::System", file.path, path.line, names.join("::")));
        }
    }
    for (index, method) in calls(tokens) {
        if DISK_METHODS.contains(&method) {
            faults.push(format!("src/{}:{}: outside: .{method}() asks the disk", file.path, tokens[index].line));
        }
    }
}

fn goblin(file: &File, tokens: &[Token], faults: &mut Vec<String>) {
    if file.path == "read/macho.rs" || file.path.starts_with("read/macho/") {
        return;
    }
    for token in tokens.iter().filter(|token| token.text == "goblin") {
        faults.push(format!("src/{}:{}: goblin: only read/macho knows it", file.path, token.line));
    }
}

fn faces(file: &File, tokens: &[Token], faults: &mut Vec<String>) {
    if matches!(file.module(), "tui" | "main") {
        return;
    }
    for path in paths(tokens).iter().filter(|path| path.names.len() > 1 && matches!(path.names[0].as_str(), "ratatui" | "crossterm")) {
        faults.push(format!("src/{}:{}: faces: {} belongs into tui", file.path, path.line, path.names[0]));
    }
}

fn unsafe_code(file: &File, tokens: &[Token], faults: &mut Vec<String>) {
    if matches!(file.path.as_str(), "system/macos.rs" | "system/pty.rs") {
        return;
    }
    for token in tokens.iter().filter(|token| token.text == "unsafe") {
        faults.push(format!("src/{}:{}: unsafe: only system/macos.rs and system/pty.rs", file.path, token.line));
    }
}

fn unwraps(file: &File, tokens: &[Token], faults: &mut Vec<String>) {
    for (index, method) in calls(tokens) {
        if method == "unwrap" {
            faults.push(format!("src/{}:{}: unwrap outside tests", file.path, tokens[index].line));
        }
    }
}

// --- reading sources

struct Token {
    text: String,
    line: usize,
}

struct File {
    path: String,
    tokens: Vec<Token>,
    /// Tokens before the test module at the end.
    shipped: usize,
    lines: usize,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        let tokens = tokens(text);
        let shipped = (0..tokens.len()).find(|&at| is_test_module(&tokens[at..]) && !declares_file(&tokens[at..])).unwrap_or(tokens.len());
        Self { path: path.to_owned(), tokens, shipped, lines: text.lines().count() }
    }

    /// First part of the path: the module of the crate it belongs to.
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// How many `super` lead from this file to the crate.
    fn depth(&self) -> usize {
        let parts = self.path.split('/').count();
        if self.path.ends_with("/mod.rs") { parts - 1 } else { parts }
    }

    /// The module of the crate that a path names, through `crate`, `temper` or enough `super`.
    fn module_used<'a>(&self, names: &'a [String]) -> Option<&'a str> {
        let supers = names.iter().take_while(|name| *name == "super").count();
        match names.first()?.as_str() {
            "crate" => names.get(1),
            "temper" if self.module() == "main" => names.get(1),
            "super" if supers >= self.depth() => names.get(supers),
            _ => None,
        }
        .map(String::as_str)
    }

    /// Beginnings of the paths of files that a `#[cfg(test)] mod name;` of this file declares.
    fn test_modules(&self) -> Vec<String> {
        let stem = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        let folder = stem.strip_suffix("/mod").unwrap_or(stem);
        let declared = (0..self.tokens.len()).map(|at| &self.tokens[at..]).filter(|rest| is_test_module(rest) && declares_file(rest));
        declared.flat_map(|rest| [".rs", "/"].map(|end| format!("{folder}/{}{end}", name_of_module(rest)))).collect()
    }
}

/// `#[cfg(test)]`, more attributes, a visibility, `mod name`.
fn is_test_module(tokens: &[Token]) -> bool {
    starts(tokens, &["#", "[", "cfg", "(", "test", ")", "]"]) && after_attributes(tokens).is_some_and(|rest| starts(rest, &["mod"]))
}

fn declares_file(tokens: &[Token]) -> bool {
    after_attributes(tokens).is_some_and(|rest| rest.get(2).is_some_and(|token| token.text == ";"))
}

fn name_of_module(tokens: &[Token]) -> &str {
    after_attributes(tokens).and_then(|rest| rest.get(1)).map_or("", |token| &token.text)
}

fn after_attributes(mut tokens: &[Token]) -> Option<&[Token]> {
    while starts(tokens, &["#", "["]) {
        let mut depth = 0;
        let end = tokens.iter().position(|token| {
            depth += i32::from(token.text == "[") - i32::from(token.text == "]");
            token.text == "]" && depth == 0
        })?;
        tokens = &tokens[end + 1..];
    }
    if !starts(tokens, &["pub"]) {
        return Some(tokens);
    }
    let visibility = if starts(&tokens[1..], &["("]) { tokens.iter().position(|token| token.text == ")")? } else { 0 };
    Some(&tokens[visibility + 1..])
}

fn starts(tokens: &[Token], texts: &[&str]) -> bool {
    tokens.len() >= texts.len() && tokens.iter().zip(texts).all(|(token, text)| token.text == *text)
}

/// `.name(`: (index of the name, name).
fn calls(tokens: &[Token]) -> impl Iterator<Item = (usize, &str)> {
    tokens.windows(3).enumerate().filter(|(_, w)| w[0].text == "." && w[2].text == "(").map(|(index, w)| (index + 1, w[1].text.as_str()))
}

struct UsedPath {
    names: Vec<String>,
    line: usize,
}

/// Every `a::b::c`, with groups (`a::{b, c::d}`) written out.
fn paths(tokens: &[Token]) -> Vec<UsedPath> {
    let mut all = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_name(&tokens[at]) { at = path(tokens, at, &[], &mut all) } else { at += 1 }
    }
    all
}

/// Reads the path at `at`; the index behind it.
fn path(tokens: &[Token], mut at: usize, before: &[String], all: &mut Vec<UsedPath>) -> usize {
    let line = tokens[at].line;
    let mut names = before.to_vec();
    while tokens.get(at).is_some_and(is_name) {
        names.push(tokens[at].text.clone());
        at += 1;
        if tokens.get(at).is_none_or(|token| token.text != "::") {
            break;
        }
        at += 1;
        if tokens.get(at).is_some_and(|token| token.text == "{") {
            return group(tokens, at + 1, &names, all);
        }
    }
    all.push(UsedPath { names, line });
    at
}

fn group(tokens: &[Token], mut at: usize, before: &[String], all: &mut Vec<UsedPath>) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "}" => return at + 1,
            _ if is_name(token) => at = path(tokens, at, before, all),
            _ => at += 1,
        }
    }
    at
}

fn is_name(token: &Token) -> bool {
    token.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, numbers, `::` and single signs; no comments, no strings, no characters.
fn tokens(text: &str) -> Vec<Token> {
    let characters: Vec<char> = text.chars().collect();
    let mut all = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < characters.len() {
        let end = end_of_token(&characters, at);
        let piece = &characters[at..end];
        let silent = piece[0].is_whitespace() || matches!(piece[0], '"' | '\'') || piece.len() > 1 && piece[0] == '/' || is_string(piece);
        if !silent {
            all.push(Token { text: piece.iter().collect(), line });
        }
        line += piece.iter().filter(|c| **c == '\n').count();
        at = end;
    }
    all
}

fn is_string(piece: &[char]) -> bool {
    piece[0].is_alphabetic() && piece.last() == Some(&'"') || piece[0] == 'r' && piece.len() > 2 && piece.last() == Some(&'#')
}

fn end_of_token(text: &[char], at: usize) -> usize {
    let peek = |offset: usize| text.get(at + offset).copied().unwrap_or('\0');
    match text[at] {
        '/' if peek(1) == '/' => find(text, at, |rest| rest[0] == '\n'),
        '/' if peek(1) == '*' => block_comment(text, at),
        ':' if peek(1) == ':' => at + 2,
        '"' => string(text, at + 1),
        '\'' => character_or_lifetime(text, at),
        c if c.is_alphanumeric() || c == '_' => {
            let end = find(text, at, |rest| !(rest[0].is_alphanumeric() || rest[0] == '_'));
            let prefix: String = text[at..end].iter().collect();
            match (prefix.as_str(), text.get(end)) {
                ("b" | "c", Some('"')) => string(text, end + 1),
                ("b", Some('\'')) => character_or_lifetime(text, end),
                ("r" | "br" | "cr", Some('"' | '#')) => raw_string(text, end),
                _ => end,
            }
        }
        _ => at + 1,
    }
}

fn find(text: &[char], from: usize, stop: impl Fn(&[char]) -> bool) -> usize {
    (from..text.len()).find(|&at| stop(&text[at..])).unwrap_or(text.len())
}

fn block_comment(text: &[char], at: usize) -> usize {
    let (mut at, mut depth) = (at, 0);
    while at < text.len() {
        match text[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string(text: &[char], mut at: usize) -> usize {
    while at < text.len() {
        match text[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

fn raw_string(text: &[char], at: usize) -> usize {
    let hashes = text[at..].iter().take_while(|c| **c == '#').count();
    // A raw name (`r#type`) has no quote.
    if text.get(at + hashes) != Some(&'"') {
        return at + hashes;
    }
    let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    (find(text, at + hashes + 1, |rest| rest.starts_with(&close)) + close.len()).min(text.len())
}

fn character_or_lifetime(text: &[char], at: usize) -> usize {
    match text[at + 1..] {
        ['\\', _, ..] => find(text, at + 3, |rest| rest[0] == '\'') + 1,
        [_, '\'', ..] => at + 3,
        _ => find(text, at + 1, |rest| !(rest[0].is_alphanumeric() || rest[0] == '_')),
    }
    .min(text.len())
}

// --- the rules can fail

fn faults_of(path: &str, text: &str) -> Vec<String> {
    check(&[(path.to_owned(), text.to_owned())])
}

fn refuses(path: &str, text: &str, rule: &str) {
    let faults = faults_of(path, text);
    assert!(faults.iter().any(|fault| fault.contains(rule)), "{path}: {text:?} broke no {rule:?}: {faults:?}");
}

fn accepts(path: &str, text: &str) {
    assert_eq!(faults_of(path, text), Vec::<String>::new(), "{path}: {text:?}");
}

#[test]
fn a_path_to_the_right_is_refused() {
    refuses("read/macho.rs", "use crate::scan::Request;", "read uses scan");
    refuses("policy.rs", "fn f() -> crate::report::Report { todo() }", "policy uses report");
    refuses("detect/memory.rs", "use crate::{policy, evidence::Image, diagnose::{self, Change}};", "detect uses diagnose");
    refuses("policy/rules.rs", "use super::super::dyld::Load;", "policy uses dyld");
    refuses("policy/mod.rs", "use super::dyld::Load;", "policy uses dyld");
    refuses("scan.rs", "use super::verify::verify;", "scan uses verify");
    refuses("cli/text.rs", "use crate::tui::theme;", "cli uses tui");
    refuses("tui/state.rs", "use crate::cli::json;", "tui uses cli");
    refuses("lab.rs", "fn f() { crate::examine(); }", "lab uses examine");
    refuses("lab.rs", "#[cfg(test)]\nmod tests { use crate::tui::run; }", "lab uses tui");
}

#[test]
fn a_path_to_the_left_is_accepted() {
    accepts("diagnose.rs", "use crate::{read::macho::Arch, policy::{self, decide}, report::Report};");
    accepts("policy/rules.rs", "use super::dyld; use crate::policy::Action;");
    accepts("tui/mod.rs", "use crate::{examine, Examination, lab, fix};");
    accepts("main.rs", "use temper::{cli, tui};");
    accepts("lib.rs", "pub mod tui; fn f() { crate::tui::run() }");
}

#[test]
fn comments_and_strings_are_not_code() {
    accepts(
        "read/macho.rs",
        "//! See [`crate::scan`].\n/* crate::tui /* unsafe */ */ const A: &str = \"crate::scan std::fs\"; const B: &str = r#\"unsafe \" goblin\"#;",
    );
    refuses("read/cms.rs", "const A: char = '\"'; use crate::scan::Request; // \"", "read uses scan");
    refuses("read/cms.rs", "fn f<'a>(x: &'a str) -> &'a str { crate::scan::f(x) }", "read uses scan");
    refuses(
        "read/cms.rs",
        "const A: &[u8] = b\"\\\"\"; const B: char = '\\''; const R: u8 = r#type; use crate::scan::Request;",
        "read uses scan",
    );
}

#[test]
fn the_outside_is_refused_outside_system() {
    for text in [
        "use std::fs;",
        "use std::{io, fs::File};",
        "fn f() { std::env::var(\"HOME\"); }",
        "use std::process::Command;",
        "use std::net::TcpStream;",
        "use std::os::unix::fs::FileExt;",
        "use std::time::Instant;",
        "use std::time::{Duration, SystemTime};",
        "use walkdir::WalkDir;",
        "fn f() { tempfile::tempdir(); }",
        "use nix::sys::signal;",
        "use libc::c_int;",
        "use etcetera::BaseStrategy;",
        "use notify::Watcher;",
        "fn f(p: &Path) -> bool { p.exists() }",
    ] {
        refuses("scan.rs", text, "outside");
        accepts("system/disk.rs", text);
        accepts("scan.rs", &format!("fn g() {{}}\n#[cfg(test)]\nmod tests {{ {text} }}"));
        accepts("scan/tests.rs", text);
    }
    accepts("scan.rs", "use std::{io, time::Duration}; fn f() { condvar.notify(); std::thread::scope(|_| ()); }");
    refuses("scan.rs", "#[cfg(test)]\nmod tests;\nuse std::fs;", "outside");
}

#[test]
fn files_of_tests_are_exempt_and_only_those() {
    let sources = |first: &str| [("tui/mod.rs".to_owned(), first.to_owned()), ("tui/sample.rs".to_owned(), "use std::fs;".to_owned())];
    assert!(check(&sources("#[cfg(test)]\n#[allow(dead_code)]\nmod sample;")).is_empty());
    assert!(check(&sources("#[cfg(test)]\npub(crate) mod sample;")).is_empty());
    assert!(check(&sources("#[cfg(test)]\npub mod sample;")).is_empty());
    assert_eq!(check(&sources("mod sample;")).len(), 1);
    assert_eq!(check(&sources("pub(crate) mod sample;")).len(), 1);
}

#[test]
fn main_and_tui_have_their_exceptions() {
    accepts("main.rs", "use std::process::ExitCode; fn main() { std::env::args_os(); }");
    refuses("main.rs", "fn main() { std::process::exit(1) }", "outside");
    refuses("main.rs", "fn main() { std::env::var(\"HOME\"); }", "outside");
    accepts("tui/mod.rs", "use nix::sys::signal; use crossterm::event; use ratatui::Frame;");
    refuses("tui/mod.rs", "use libc::c_int;", "outside");
}

#[test]
fn the_terminal_belongs_to_its_face() {
    accepts("main.rs", "fn f() { crossterm::terminal::size(); }");
    refuses("cli/text.rs", "fn f() { crossterm::terminal::size(); }", "faces");
    refuses("diagnose.rs", "use ratatui::text::Line;", "faces");
}

#[test]
fn goblin_lives_in_one_place() {
    accepts("read/macho.rs", "use goblin::mach::header;");
    accepts("read/macho/load.rs", "use goblin::mach::header;");
    refuses("read/signature.rs", "use goblin::mach::header;", "goblin");
    refuses("scan.rs", "#[cfg(test)]\nmod tests { use goblin::mach; }", "goblin");
}

#[test]
fn unsafe_lives_in_two_files() {
    accepts("system/macos.rs", "fn f() { unsafe { g() } }");
    accepts("read/mod.rs", "#![forbid(unsafe_code)]");
    refuses("system/disk.rs", "fn f() { unsafe { g() } }", "unsafe");
}

#[test]
fn unwrap_is_for_tests() {
    refuses("scan.rs", "fn f() { g()\n    .unwrap() }", "src/scan.rs:2: unwrap");
    accepts("scan.rs", "fn f() { g().unwrap_or(1) }\n#[cfg(test)]\nmod tests { fn f() { g().unwrap() } }");
    refuses("scan.rs", "#[cfg(test)]\nfn only_in_tests() {}\nfn f() { g().unwrap() }", "unwrap");
}

#[test]
fn a_long_file_is_refused() {
    refuses("scan.rs", &"\n".repeat(LONGEST_FILE + 1), "split it");
    accepts("scan.rs", &"\n".repeat(LONGEST_FILE));
}
