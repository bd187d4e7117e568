//! Seeded changes of a bundle, each with what must come of it.

use crate::bundles::{Bundle, Node};
use crate::coverage::{Coverage, Entry, Part, join};
use crate::random::Random;
use std::sync::Arc;

/// What must come of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Every one of these is named; for each the names that will do.
    Reported(Vec<Vec<String>>),
    /// Nothing: Apple's rules ignore it.
    Nothing,
    /// Outside what is covered: only counted.
    Counted,
}

/// A change that was made.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its class in the table.
    pub class: String,
    /// In words, for whoever looks for a miss.
    pub words: String,
    pub expected: Expected,
}

/// Changes `bundle`; `None` when the chosen kind does not apply to it.
pub fn make(random: &mut Random, bundle: &mut Bundle, coverage: &Coverage) -> Option<Change> {
    match random.below(100) {
        0..26 => code_byte(random, bundle, coverage, &[Part::Code]),
        26..38 => code_byte(random, bundle, coverage, &[Part::LoadCommands]),
        38..48 => code_byte(random, bundle, coverage, &[Part::Directory, Part::SlotContent]),
        48..53 => code_byte(random, bundle, coverage, &[Part::SignedAttributes, Part::SignatureValue]),
        53..58 => code_byte(random, bundle, coverage, &[Part::OtherCms, Part::UnsignedAttributes]),
        58..62 => code_byte(random, bundle, coverage, &[Part::Frame, Part::Universal, Part::UncoveredDirectory, Part::Behind]),
        62..68 => plist_byte(random, bundle, coverage),
        68..72 => resource_byte(random, bundle, coverage),
        72..78 => truncate(random, bundle, coverage),
        78..83 => delete(random, bundle, coverage),
        83..88 => add(random, bundle, coverage),
        88..91 => exchange(random, bundle, coverage),
        91..93 => rename(random, bundle, coverage),
        93..96 => link(random, bundle, coverage),
        _ => ignored(random, bundle, coverage),
    }
}

fn bytes_of<'a>(bundle: &'a mut Bundle, path: &str) -> Option<&'a mut Vec<u8>> {
    match bundle.nodes.get_mut(path)? {
        Node::File(bytes) => Some(Arc::make_mut(bytes)),
        Node::Link(_) => None,
    }
}

/// The names that will do for a file: its own, that of the nested bundle whose main executable it is.
fn names(coverage: &Coverage, path: &str) -> Vec<String> {
    let mut names = vec![path.to_owned()];
    names.extend(coverage.bundles.iter().filter(|(_, executable)| *executable == path).map(|(bundle, _)| bundle.clone()));
    if let Some(executable) = coverage.plists.get(path) {
        names.extend(self::names(coverage, executable));
    }
    names
}

fn reported(coverage: &Coverage, paths: &[&str]) -> Expected {
    Expected::Reported(paths.iter().map(|path| names(coverage, path)).collect())
}

fn change_byte(random: &mut Random, bytes: &mut [u8], at: usize) -> String {
    let old = bytes[at];
    let new = match random.below(3) {
        0 => old ^ (1 << random.below(8)),
        1 => [0, 0xff, 0x80, 0x7f][random.below(4)],
        _ => (random.next() & 0xff) as u8,
    };
    bytes[at] = if new == old { old.wrapping_add(1) } else { new };
    format!("byte {at:#x}: {old:#04x} -> {:#04x}", bytes[at])
}

fn code_byte(random: &mut Random, bundle: &mut Bundle, coverage: &Coverage, wanted: &[Part]) -> Option<Change> {
    let choices: Vec<(&String, &std::ops::Range<usize>, Part)> = coverage
        .code
        .iter()
        .flat_map(|(path, parts)| parts.iter().filter(|(_, part)| wanted.contains(part)).map(move |(range, part)| (path, range, *part)))
        .collect();
    let (path, range, part) = *random.pick(&choices)?;
    let at = range.start + random.below(range.len());
    let words = change_byte(random, bytes_of(bundle, path)?, at);
    let expected = if part.is_covered() { reported(coverage, &[path]) } else { Expected::Counted };
    Some(Change { class: format!("a byte: {part:?}"), words: format!("{path} {words}"), expected })
}

fn plist_byte(random: &mut Random, bundle: &mut Bundle, coverage: &Coverage) -> Option<Change> {
    let paths: Vec<&String> = coverage.plists.keys().collect();
    let path = *random.pick(&paths)?;
    let bytes = bytes_of(bundle, path)?;
    let at = random.below(bytes.len());
    let words = change_byte(random, bytes, at);
    let class = if path.ends_with("Info.plist") { "a byte: Info.plist" } else { "a byte: CodeResources" };
    Some(Change { class: class.into(), words: format!("{path} {words}"), expected: reported(coverage, &[path]) })
}

/// Sealed files that are neither code nor a plist of a bundle.
fn resources<'a>(bundle: &Bundle, coverage: &'a Coverage, entry: Entry) -> Vec<(&'a String, bool)> {
    let is_there = |path: &str| bundle.nodes.contains_key(path) || entry == Entry::Nested;
    let sealed =
        coverage.sealed.iter().filter(|(path, (kind, _))| *kind == entry && is_there(path) && !coverage.plists.contains_key(*path));
    sealed.map(|(path, (_, is_optional))| (path, *is_optional)).collect()
}

fn resource_byte(random: &mut Random, bundle: &mut Bundle, coverage: &Coverage) -> Option<Change> {
    let (path, _) = *random.pick(&resources(bundle, coverage, Entry::File))?;
    let bytes = bytes_of(bundle, path)?;
    if bytes.is_empty() {
        return None;
    }
    let at = random.below(bytes.len());
    let words = change_byte(random, bytes, at);
    Some(Change { class: "a byte: a sealed file".into(), words: format!("{path} {words}"), expected: reported(coverage, &[path]) })
}

fn truncate(random: &mut Random, bundle: &mut Bundle, coverage: &Coverage) -> Option<Change> {
    let code = coverage.code.keys();
    let sealed = coverage.sealed.iter().filter(|(_, (entry, _))| *entry == Entry::File).map(|(path, _)| path);
    let paths: Vec<&String> = code.chain(coverage.plists.keys()).chain(sealed).collect();
    let path = *random.pick(&paths)?;
    let length = bytes_of(bundle, path)?.len();
    if length == 0 {
        return None;
    }
    let at = match random.below(3) {
        0 => random.below(length),
        1 => length - 1 - random.below(length.min(64)),
        _ => random.below(length.min(4096)),
    };
    let last = coverage.code.get(path).and_then(|parts| parts.iter().rev().find(|(_, part)| part.is_covered()).map(|(range, _)| range.end));
    // Behind the last covered byte lies only room.
    let is_covered = last.is_none_or(|last| at < last);
    bytes_of(bundle, path)?.truncate(at);
    let expected = if is_covered { reported(coverage, &[path]) } else { Expected::Counted };
    let class = if is_covered { "a truncated file" } else { "a truncated file, behind what is covered" };
    Some(Change { class: class.into(), words: format!("{path} cut to {at} of {length}"), expected })
}

/// Everything below a folder, or the one thing at a path.
fn below(bundle: &Bundle, path: &str) -> Vec<String> {
    let folder = format!("{path}/");
    bundle.nodes.keys().filter(|name| *name == path || name.starts_with(&folder)).cloned().collect()
}

fn delete(random: &mut Random, bundle: &mut Bundle, coverage: &Coverage) -> Option<Change> {
    let mut choices: Vec<(&String, bool, &str)> = Vec::new();
    for entry in [Entry::File, Entry::Link, Entry::Nested] {
        choices
            .extend(resources(bundle, coverage, entry).into_iter().map(|(path, is_optional)| (path, is_optional, "a sealed thing gone")));
    }
    choices.extend(coverage.plists.keys().map(|path| (path, false, "Info.plist or CodeResources gone")));
    choices.extend(coverage.bundles.values().map(|path| (path, false, "a main executable gone")));
    let (path, is_optional, class) = *random.pick(&choices)?;
    let paths = below(bundle, path);
    paths.iter().for_each(|path| drop(bundle.nodes.remove(path)));
    if bundle.nodes.is_empty() {
        return None;
    }
    let expected = if is_optional { Expected::Nothing } else { reported(coverage, &[path]) };
    let class = if is_optional { "ignored: an optional file gone" } else { class };
    Some(Change { class: class.into(), words: format!("{path} deleted"), expected })
}

fn add(random: &mut Random, bundle: &mut Bundle, coverage: &Coverage) -> Option<Change> {
    let base = random.pick(&coverage.bases)?.clone();
    let code = coverage.code.keys().next().and_then(|path| bundle.nodes.get(path).cloned())?;
    let text = Node::File(Arc::new(b"added".to_vec()));
    let places = [
        ("Resources/added.txt", &text),
        ("Resources/deep/er/added.bin", &text),
        ("Resources/en.lproj/added.strings", &text),
        ("Resources/.hidden", &text),
        ("Resources/added.dylib", &code),
        ("Frameworks/libadded.dylib", &code),
        ("MacOS/added", &code),
        ("Library/Spotlight/added", &text),
        ("Other/added.txt", &text),
        ("Resources/added link", &Node::Link("a.txt".into())),
        ("embedded.provisionprofile", &text),
    ];
    let (name, node) = random.pick(&places)?;
    let path = join(&base, name);
    if bundle.nodes.contains_key(&path) {
        return None;
    }
    bundle.nodes.insert(path.clone(), (*node).clone());
    Some(Change { class: "an added file".into(), words: format!("{path} added"), expected: Expected::Reported(vec![vec![path]]) })
}

fn exchange(random: &mut Random, bundle: &mut Bundle, coverage: &Coverage) -> Option<Change> {
    let files = resources(bundle, coverage, Entry::File);
    let ((one, _), (other, _)) = (*random.pick(&files)?, *random.pick(&files)?);
    let (first, second) = (bundle.nodes.get(one)?.clone(), bundle.nodes.get(other)?.clone());
    if first == second {
        return None;
    }
    bundle.nodes.insert(one.clone(), second);
    bundle.nodes.insert(other.clone(), first);
    Some(Change { class: "two files exchanged".into(), words: format!("{one} and {other}"), expected: reported(coverage, &[one, other]) })
}

fn rename(random: &mut Random, bundle: &mut Bundle, coverage: &Coverage) -> Option<Change> {
    let kind = *random.pick(&[Entry::File, Entry::Nested, Entry::Link])?;
    let (path, is_optional) = *random.pick(&resources(bundle, coverage, kind))?;
    let new = format!("{path}2");
    for old in below(bundle, path) {
        let node = bundle.nodes.remove(&old)?;
        bundle.nodes.insert(format!("{new}{}", &old[path.len()..]), node);
    }
    let mut expected = vec![vec![new.clone()]];
    if !is_optional {
        expected.push(names(coverage, path));
    }
    Some(Change { class: "a renamed thing".into(), words: format!("{path} -> {new}"), expected: Expected::Reported(expected) })
}

fn link(random: &mut Random, bundle: &mut Bundle, coverage: &Coverage) -> Option<Change> {
    let files =
        [resources(bundle, coverage, Entry::File), resources(bundle, coverage, Entry::Link), resources(bundle, coverage, Entry::Nested)]
            .concat();
    let (path, _) = *random.pick(&files)?;
    let (words, node) = match bundle.nodes.get(path) {
        Some(Node::Link(_)) if random.below(2) == 0 => ("leads elsewhere", Node::Link("elsewhere.txt".into())),
        Some(Node::Link(_)) => ("is a file now", Node::File(Arc::new(b"first".to_vec()))),
        _ => ("is a link now", Node::Link("b.txt".into())),
    };
    below(bundle, path).iter().for_each(|path| drop(bundle.nodes.remove(path)));
    bundle.nodes.insert(path.clone(), node);
    Some(Change { class: "a link and a file".into(), words: format!("{path} {words}"), expected: reported(coverage, &[path]) })
}

/// What no rule covers: nothing may be said.
fn ignored(random: &mut Random, bundle: &mut Bundle, coverage: &Coverage) -> Option<Change> {
    let base = random.pick(&coverage.bases)?.clone();
    let root = base.strip_suffix("Contents").map(|root| root.trim_end_matches('/').to_owned());
    let mut places = vec![join(&base, "Resources/.DS_Store"), join(&base, "Resources/en.lproj/locversion.plist"), join(&base, ".DS_Store")];
    if let Some(root) = root {
        places.extend([join(&base, "PkgInfo"), join(&base, "_MASReceipt/receipt"), join(&base, "CodeResources"), join(&root, ".DS_Store")]);
    }
    let path = random.pick(&places)?.clone();
    let length = 1 + random.below(32);
    let bytes = (0..length).map(|_| (random.next() & 0xff) as u8).collect();
    bundle.nodes.insert(path.clone(), Node::File(Arc::new(bytes)));
    Some(Change { class: "ignored: a file that the rules omit".into(), words: format!("{path} written"), expected: Expected::Nothing })
}
