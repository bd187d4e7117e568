//! The tree of all code: signer, team, flags, hardened or not, entitlements, and what is wrong with each.

use super::object;
use super::title::signed_by;
use crate::report::{Code, Finding, Load, Report, Spawn};
use crate::tui::page::{Build, Target};
use crate::tui::state::{State, Tree};
use crate::tui::theme::{Mark, Role};
use crate::tui::words;
use std::collections::{BTreeMap, HashMap};

/// A row of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Relative path.
    pub path: String,
    /// What is shown of it: the path below its parent.
    pub name: String,
    /// How deep.
    pub depth: usize,
    /// Indexes into the report's code: its slices; empty for a folder.
    pub slices: Vec<usize>,
    /// Objects below a folder.
    pub below: usize,
}

/// The rows that are shown: folders that hold one entry only are joined with it, folded ones are not entered.
pub fn nodes(report: &Report, tree: &Tree) -> Vec<Node> {
    let marks = Marks::of(report);
    let mut files: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, code) in report.code.iter().enumerate() {
        if is_shown(&marks, code, tree) {
            files.entry(code.path.as_str()).or_default().push(index);
        }
    }
    let files: Vec<(&str, Vec<usize>)> = files.into_iter().collect();
    let mut out = Vec::new();
    // A stack instead of recursion: a path can be as deep as its file system allows. Ranges of `files` that share a folder, with the depth they are shown at.
    let mut open: Vec<(String, usize, std::ops::Range<usize>)> = vec![(String::new(), 0, 0..files.len())];
    while let Some((folder, depth, range)) = open.pop() {
        let Some((path, slices)) = files.get(range.start) else { continue };
        let rest = path.strip_prefix(folder.as_str()).unwrap_or(path).trim_start_matches('/');
        let (head, is_file) = match rest.split_once('/') {
            Some((head, _)) => (head, false),
            None => (rest, true),
        };
        let child = if folder.is_empty() { head.to_owned() } else { format!("{folder}/{head}") };
        if is_file {
            out.push(Node { path: child, name: head.to_owned(), depth, slices: slices.clone(), below: 0 });
            if range.start + 1 < range.end {
                open.push((folder, depth, range.start + 1..range.end));
            }
            continue;
        }
        let end = range.clone().skip(1).find(|&index| !is_below(files.get(index).map_or("", |file| file.0), &child)).unwrap_or(range.end);
        if end < range.end {
            open.push((folder.clone(), depth, end..range.end));
        }
        let shared = shared_folder(&files, range.start..end, &child);
        let name = shared.strip_prefix(folder.as_str()).unwrap_or(&shared).trim_start_matches('/').to_owned();
        if end - range.start == 1 {
            // A single file needs no folder row of its own.
            let name = path.strip_prefix(folder.as_str()).unwrap_or(path).trim_start_matches('/').to_owned();
            out.push(Node { path: (*path).to_owned(), name, depth, slices: slices.clone(), below: 0 });
            continue;
        }
        out.push(Node { path: shared.clone(), name, depth, slices: Vec::new(), below: end - range.start });
        if !tree.folded.contains(&shared) {
            open.push((shared, depth + 1, range.start..end));
        }
    }
    out
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// The deepest folder that all of these files share, at least `folder`.
fn shared_folder(files: &[(&str, Vec<usize>)], range: std::ops::Range<usize>, folder: &str) -> String {
    let (Some(first), Some(last)) = (files.get(range.start), files.get(range.end.saturating_sub(1))) else { return folder.to_owned() };
    // Sorted: what the first and the last share, all share.
    let pairs = first.0.split('/').zip(last.0.split('/'));
    let shared: Vec<&str> = pairs.take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    let whole = shared.join("/");
    // The last component of a single file is its name, not a folder.
    if range.len() < 2 || whole.len() < folder.len() || files.binary_search_by(|file| file.0.cmp(whole.as_str())).is_ok() {
        folder.to_owned()
    } else {
        whole
    }
}

fn is_shown(marks: &Marks, code: &Code, tree: &Tree) -> bool {
    if tree.only_problems && marks.mark(code).0 < Mark::Note {
        return false;
    }
    let filter = tree.filter.to_lowercase();
    if filter.is_empty() {
        return true;
    }
    let team = code.team.as_deref().unwrap_or_default();
    let mut texts =
        [code.path.as_str(), code.signer, team, code.arch, code.file_type].into_iter().chain(code.entitlements.iter().map(String::as_str));
    texts.any(|text| text.to_lowercase().contains(&filter))
}

/// Findings and refused loads by path, so that judging all of a big app does not compare everything with everything.
pub struct Marks<'a> {
    findings: HashMap<&'a str, Vec<&'a Finding>>,
    refused: HashMap<(&'a str, &'a str), &'a Load>,
    /// Slices that macOS would not start, of files of which it would start no other.
    dead: HashMap<(&'a str, &'a str), &'a Spawn>,
}

impl<'a> Marks<'a> {
    /// Of a report.
    pub fn of(report: &'a Report) -> Self {
        let mut findings: HashMap<&str, Vec<&Finding>> = HashMap::new();
        for finding in &report.findings {
            findings.entry(&finding.subject).or_default().push(finding);
            if finding.location.path != finding.subject {
                findings.entry(&finding.location.path).or_default().push(finding);
            }
        }
        let refused = report.loads.iter().filter(|load| load.verdict == "refused");
        let refused = refused.filter_map(|load| Some(((load.to.as_deref()?, load.arch), load))).collect();
        let dead = report.not_started().map(|spawn| ((spawn.executable.as_str(), spawn.arch), spawn)).collect();
        Self { findings, refused, dead }
    }

    /// The worst that is known of a slice, and the sentence that says so.
    pub fn mark(&self, code: &Code) -> (Mark, Option<String>) {
        let is_about = |finding: &&&Finding| {
            let is_named = finding.subject == code.path || code.problems.contains(&finding.id);
            is_named && finding.arch.is_none_or(|arch| arch == code.arch)
        };
        let about = self.findings.get(code.path.as_str()).into_iter().flatten().filter(is_about);
        let worst = about.map(|finding| (Mark::of_severity(finding.severity), finding.message.clone())).max_by_key(|(mark, _)| *mark);
        let slice = (code.path.as_str(), code.arch);
        match (worst, self.refused.get(&slice), code.signature) {
            (Some((Mark::Broken, message)), _, _) => (Mark::Broken, Some(message)),
            (_, Some(load), _) => {
                let process = load.executable.rsplit('/').next().unwrap_or(&load.executable);
                (Mark::Broken, Some(format!("{process} may not load it: {}", load.rule)))
            }
            (_, _, "invalid") => (Mark::Broken, Some("its signature does not match".into())),
            _ if self.dead.contains_key(&slice) => {
                (Mark::Broken, self.dead.get(&slice).map(|spawn| format!("macOS does not start it: {}", spawn.why)))
            }
            (Some((mark, message)), _, _) => (mark, Some(message)),
            (None, _, "unsigned") => (Mark::Note, Some("unsigned".into())),
            (None, _, "unchecked") => (Mark::Unknown, Some("its signature was not checked".into())),
            _ => (Mark::Fine, None),
        }
    }
}

/// Builds the page.
pub fn build(state: &State, tree: &Tree, b: &mut Build) {
    let Some(report) = state.report() else { return };
    let nodes = nodes(report, tree);
    let marks = Marks::of(report);
    if !tree.filter.is_empty() || tree.only_problems {
        let what = if tree.only_problems { "with something to say" } else { "that contains" };
        b.pieces(&[(Role::Dim, "only code "), (Role::Dim, what), (Role::Dim, " "), (Role::Heading, &tree.filter)]);
    }
    if nodes.is_empty() {
        b.para(0, Role::Text, if report.code.is_empty() { "There is no code here." } else { "No code matches." });
        return;
    }
    for node in &nodes {
        if node.slices.is_empty() {
            b.item(Target::Folder(node.path.clone()), |b| folder(node, tree, b));
        } else {
            b.item(Target::Object(node.path.clone()), |b| file(report, &marks, node, tree, b));
        }
    }
    b.second_block();
    if let Some(node) = nodes.get(tree.place.cursor).filter(|node| b.is_wide() && !node.slices.is_empty()) {
        object::describe(report, &node.path, b);
    }
}

fn folder(node: &Node, tree: &Tree, b: &mut Build) {
    let is_folded = tree.folded.contains(&node.path);
    let name = format!("{}{} {}", "  ".repeat(node.depth), if is_folded { "▹" } else { "▾" }, node.name);
    let count = if is_folded { format!(" ({})", node.below) } else { String::new() };
    b.pieces(&[(Role::Heading, &name), (Role::Dim, &count)]);
}

fn file(report: &Report, marks: &Marks, node: &Node, tree: &Tree, b: &mut Build) {
    let slices: Vec<&Code> = node.slices.iter().filter_map(|&index| report.code.get(index)).collect();
    let Some(first) = slices.first() else { return };
    let (mark, why) = slices.iter().map(|code| marks.mark(code)).max_by_key(|(mark, _)| *mark).unwrap_or((Mark::Fine, None));
    let width = b.width();
    let signer_width = match width {
        74.. => 25,
        62.. => 13,
        _ => 0,
    };
    // Hardened 9, keys 7, word 9.
    let name_width = width.saturating_sub(signer_width + 25);
    let lead = format!("{}{} ", "  ".repeat(node.depth), mark.sign());
    let name = words::fit(
        &words::cut_path(&words::clean(&node.name), name_width.saturating_sub(words::width(&lead) + 1)),
        name_width.saturating_sub(words::width(&lead)),
    );
    let signer = words::fit(&words::cut(&words::clean(&signer(report, first)), signer_width.saturating_sub(1)), signer_width);
    let hardened = words::fit(if slices.iter().all(|code| code.hardened) { "hardened" } else { "-" }, 9);
    let keys = if first.entitlements.is_empty() { "-".to_owned() } else { words::count(first.entitlements.len(), "key", "keys") };
    let keys = words::fit(&keys, 7);
    b.pieces(&[
        (mark.role(), &lead),
        (Role::Text, &name),
        (Role::Dim, &signer),
        (Role::Text, &hardened),
        (Role::Text, &keys),
        (mark.role(), mark.word()),
    ]);
    let indent = node.depth * 2 + 4;
    if let Some(why) = why.filter(|_| mark > Mark::Fine) {
        b.pieces(&[(Role::Text, &" ".repeat(indent)), (mark.role(), &words::cut(&words::clean(&why), width.saturating_sub(indent)))]);
    }
    if tree.show_keys {
        for key in &first.entitlements {
            b.pieces(&[(Role::Text, &" ".repeat(indent)), (Role::Dim, key)]);
        }
    }
}

fn signer(report: &Report, code: &Code) -> String {
    let main = report.target.team.as_deref();
    if code.team.is_some() && code.team.as_deref() == main && Some(code.path.as_str()) != report.target.executable.as_deref() {
        return "same team".into();
    }
    signed_by(code.signer, code.team.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::sample;

    fn shown(tree: &Tree) -> Vec<String> {
        nodes(&sample::jit().report, tree).into_iter().map(|node| format!("{}{}", "  ".repeat(node.depth), node.name)).collect()
    }

    #[test]
    fn folders_with_one_way_down_are_joined() {
        let rows = [
            "Contents",
            "  Frameworks",
            "    libluajit-5.1.2.dylib",
            "    libz.dylib",
            "  Helpers/render",
            "  MacOS/Lumaplay",
            "  PlugIns/fx/libfx.dylib",
        ];
        assert_eq!(shown(&Tree::default()), rows);
    }

    #[test]
    fn a_folded_folder_hides_what_is_in_it() {
        let tree = Tree { folded: ["Contents/Frameworks".to_owned()].into(), ..Tree::default() };
        assert!(!shown(&tree).iter().any(|row| row.contains("libluajit")));
    }

    #[test]
    fn a_filter_finds_entitlements_too() {
        let tree = Tree { filter: "ALLOW-JIT".into(), ..Tree::default() };
        assert_eq!(shown(&tree).len(), 1);
    }
}
