//! Evidence as it arrives: cut, shuffled, doubled, wrapped, quoted, coloured. The cause stays or is not known any more; it never becomes another one at
//! *certain*, and no key is added that the right answer forbids.
//!
//! Texts are those of `tests/cases` and `tests/snippets`, and of the folder that `TEMPER_CASES` names, laid out the same way.

use crate::support::fuzz::random::Random;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use temper::report::{Report, Verdict};
use temper::scan::Request;
use temper::system::fake::FakeSystem;

/// Prefixes tried of one text; of a longer one only every k-th.
const MOST_CUTS: usize = 24;
/// Orders in which the lines of one text are tried.
const SHUFFLES: u64 = 3;

/// `TEMPER_LONG=1`: every prefix is tried, and more orders.
fn is_long_run() -> bool {
    std::env::var_os("TEMPER_LONG").is_some_and(|value| value != "0")
}

/// Evidence with what may be said of it.
struct Sample {
    name: String,
    texts: Vec<(String, String)>,
    causes: Vec<String>,
    /// `*` is any.
    never_adds: Vec<String>,
}

/// What a change leaves of a text.
#[derive(Clone, Copy, PartialEq)]
enum Leaves {
    /// Everything, in other clothes: the cause stays.
    All,
    /// All words, but lines broken or doubled: another cause may be thought of, but not as certain, and no forbidden key is urged.
    Words,
    /// Less, or in disorder: another cause may be thought of, but not as certain. What speaks against a key may be in the part that is gone.
    Part,
}

fn strings(value: Option<&toml::Value>) -> Vec<String> {
    let list = value.and_then(toml::Value::as_array).into_iter().flatten();
    list.map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn own_cases() -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let read = |path: PathBuf| {
        let case: toml::Table = toml::from_str(&std::fs::read_to_string(path.join("case.toml")).unwrap()).unwrap();
        let files = entries(&path).into_iter().filter(|file| file.is_file() && !file.ends_with("case.toml"));
        let texts = files.map(|file| (name_of(&file), std::fs::read_to_string(&file).unwrap())).collect();
        let (causes, never_adds) = (strings(case["expect"].get("causes")), strings(case["expect"].get("never_adds")));
        let never_adds = if case["negative"].as_bool().unwrap() { vec!["*".to_owned()] } else { never_adds };
        Sample { name: name_of(&path), texts, causes, never_adds }
    };
    entries(&folder).into_iter().filter(|path| path.is_dir()).map(read).collect()
}

fn snippets() -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snippets");
    let read = |path: PathBuf| {
        let snippet: toml::Table = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let text = |key: &str| snippet.get(key).map(|text| (key.to_owned(), text.as_str().unwrap().to_owned()));
        let texts = [text("text"), text("second")].into_iter().flatten().collect();
        Sample { name: name_of(&path), texts, causes: strings(snippet.get("causes")), never_adds: strings(snippet.get("never_adds")) }
    };
    entries(&folder).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "toml")).map(read).collect()
}

/// Cases with `[right_answer]`: their causes have other names, so what the whole evidence says is what stays.
fn given_cases() -> Vec<Sample> {
    let Some(folder) = std::env::var_os("TEMPER_CASES").map(PathBuf::from) else { return Vec::new() };
    let read = |path: PathBuf| {
        let case: toml::Table = toml::from_str(&std::fs::read_to_string(path.join("case.toml")).unwrap()).unwrap();
        let files = strings(case.get("evidence_files")).into_iter().filter(|name| name != "bundle.toml");
        let texts = files.filter_map(|name| Some((name.clone(), std::fs::read_to_string(path.join(&name)).ok()?))).collect();
        let never_adds = strings(case["right_answer"].get("must_not_propose"));
        Sample { name: name_of(&path), texts, causes: Vec::new(), never_adds }
    };
    entries(&folder).into_iter().filter(|path| path.join("case.toml").is_file()).map(read).collect()
}

fn each_line(text: &str, change: impl Fn(&str) -> String) -> String {
    text.lines().map(|line| change(line) + "\n").collect()
}

fn shuffled(text: &str, seed: u64) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let mut random = Random::new(seed + 1);
    for end in (1..lines.len()).rev() {
        lines.swap(end, random.below(end + 1));
    }
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}

/// As a mail program wraps: at the last blank before column 72; a longer word stays whole.
fn wrapped(text: &str) -> String {
    each_line(text, |line| {
        let (mut out, mut width) = (String::new(), 0);
        for word in line.split_inclusive(' ') {
            if width > 0 && width + word.trim_end().chars().count() > 72 {
                out = out.trim_end().to_owned() + "\n";
                width = 0;
            }
            out += word;
            width += word.chars().count();
        }
        out
    })
}

/// As a word processor does: straight quotes become pairs.
fn smart(text: &str) -> String {
    let (mut single, mut double) = (false, false);
    let mut curl = |c: char, before: Option<char>| match c {
        '"' => {
            double = !double;
            if double { '“' } else { '”' }
        }
        '\'' if before.is_some_and(char::is_alphanumeric) && !single => '’',
        '\'' => {
            single = !single;
            if single { '‘' } else { '’' }
        }
        c => c,
    };
    let mut before = None;
    text.chars().map(|c| curl(c, before.replace(c))).collect()
}

/// Blanks at a line's start and runs of blanks become tabs.
fn tabbed(text: &str) -> String {
    text.replace("    ", "\t").replace("   ", "\t").replace("  ", "\t")
}

fn variants(text: &str) -> Vec<(String, String, Leaves)> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let step = if is_long_run() { 1 } else { lines.len().div_ceil(MOST_CUTS).max(1) };
    let cut = |end: usize| (format!("first {end} lines"), lines[..end].concat(), Leaves::Part);
    let mut all: Vec<_> = (1..lines.len()).step_by(step).map(cut).collect();
    all.extend(
        (0..SHUFFLES * if is_long_run() { 8 } else { 1 }).map(|seed| (format!("shuffled {seed}"), shuffled(text, seed), Leaves::Part)),
    );
    let twice = format!("{}\n{text}", text.trim_end());
    let mut whole = |name: &str, text: String| all.push((name.to_owned(), text, Leaves::All));
    whole("twice", twice);
    whole("CRLF", text.replace('\n', "\r\n"));
    whole("quoted", each_line(text, |line| format!("> {line}")));
    whole("quoted twice", each_line(text, |line| format!("> > {line}")));
    whole("coloured", each_line(text, |line| format!("\u{1b}[31m{line}\u{1b}[0m")));
    whole("coloured words", text.replace("error", "\u{1b}[1;31merror\u{1b}[0m").replace("code", "\u{1b}[1mcode\u{1b}[22m"));
    whole("smart quotes", smart(text));
    whole("tabs", tabbed(text));
    let part = |name: &str, text: String| (name.to_owned(), text, Leaves::Words);
    all.push(part("each line twice", each_line(text, |line| format!("{line}\n{line}"))));
    all.push(part("wrapped", wrapped(text)));
    all
}

fn report(texts: &[(String, String)]) -> Report {
    let pasted = texts.iter().map(|(name, text)| (name.clone(), text.clone().into_bytes())).collect();
    let request = Request { pasted, at: Some(1_790_000_000), ..Request::default() };
    temper::examine(&FakeSystem::new(), &request, &|_| {}, &AtomicBool::new(false)).unwrap().report
}

/// Keys that applicable remedies of what is not merely possible add; where only a part of the text is left, of what is certain.
fn adds(report: &Report, leaves: Leaves) -> BTreeSet<&str> {
    let counts = |confidence: &str| confidence == "certain" || confidence == "likely" && leaves != Leaves::Part;
    let sure = report.diagnoses.iter().filter(|diagnosis| counts(diagnosis.confidence));
    let remedies = sure.flat_map(|diagnosis| &diagnosis.remedies).filter(|remedy| remedy.applies);
    remedies.flat_map(|remedy| &remedy.add_entitlements).map(String::as_str).collect()
}

fn fault(sample: &Sample, whole: &Report, changed: &Report, leaves: Leaves) -> Option<String> {
    let of_whole = whole.diagnoses.first().map_or("none", |top| top.cause);
    let top = changed.diagnoses.first();
    let cause = top.map_or("none", |top| top.cause);
    let is_right = cause == of_whole || sample.causes.iter().any(|right| right == cause);
    let is_open = matches!(changed.verdict, Verdict::Undetermined | Verdict::AtRisk | Verdict::Clear);
    let is_certain = top.is_some_and(|top| top.confidence == "certain");
    if !is_right && (is_certain || leaves == Leaves::All && !is_open) {
        let top = top.map_or("", |top| &top.summary);
        return Some(format!("{} {cause} instead of {of_whole}: {top}", changed.verdict.word()));
    }
    let already = adds(whole, Leaves::All);
    let banned = |key: &&&str| !already.contains(**key) && sample.never_adds.iter().any(|never| never == "*" || never == **key);
    let keys = adds(changed, leaves);
    let keys: Vec<_> = keys.iter().filter(banned).collect();
    (!keys.is_empty()).then(|| format!("adds {keys:?} for {cause}"))
}

fn faults(sample: &Sample) -> Vec<String> {
    let whole = report(&sample.texts);
    let mut wrong = Vec::new();
    for (index, (file, text)) in sample.texts.iter().enumerate() {
        for (variant, changed, leaves) in variants(text) {
            let mut texts = sample.texts.clone();
            texts[index].1 = changed;
            let fault = fault(sample, &whole, &report(&texts), leaves);
            wrong.extend(fault.map(|fault| format!("{} {file}, {variant}: {fault}", sample.name)));
        }
    }
    wrong
}

#[test]
fn changed_evidence_never_gives_another_cause_as_certain() {
    let samples: Vec<Sample> = [own_cases(), snippets(), given_cases()].into_iter().flatten().collect();
    assert!(samples.len() > 200, "{}", samples.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let take = || samples.get(next.fetch_add(1, Ordering::Relaxed));
        std::iter::from_fn(take).flat_map(faults).collect::<Vec<String>>()
    };
    let mut wrong: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    wrong.sort();
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}
