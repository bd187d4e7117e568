//! Mutation score of verification: changes valid bundles in every way that a signature or a seal covers, and counts what Temper does not report.
//!
//! `cargo run --release --example mutate [COUNT [SEED]] [--only NUMBER] [--rcodesign]`. `TEMPER_CORPUS` adds real bundles; `--rcodesign` adds bundles that
//! `rcodesign` (in PATH) has signed, and counts what its `verify` reports of one change in 64. Prints the table of `docs/mutation-score.md`;
//! the exit status is 1 when something covered was missed, or something that macOS ignores was reported. Everything follows from the seed.
#![allow(clippy::unwrap_used, reason = "a tool for whoever changes verification: a panic with the place is what they need")]

mod bundles;
mod changes;
mod coverage;
#[path = "../../tests/it/support/files.rs"]
mod files;
mod other;
#[path = "../../tests/it/support/fuzz/random.rs"]
mod random;
#[path = "../../tests/it/support/sign/mod.rs"]
mod sign;

use bundles::{Bundle, Node};
use changes::Expected;
use coverage::Coverage;
use random::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use temper::cli::verify::Options;
use temper::read::cms::{self, TrustAnchors};
use temper::scan::{self, Request};
use temper::system::fake::FakeSystem;
use temper::verify::codes::{self, Fails};
use temper::verify::verify;

/// 2026-02-01, within the life of the practice certificates.
const DAY: i64 = 1_769_904_000;
/// Every so many changes the words of `temper verify --deep --strict` are asked for too.
const FACE: usize = 16;
/// Every so many changes `rcodesign verify` looks too.
const OTHER: usize = 64;
/// Misses that are shown.
const SHOWN: usize = 40;

struct Subject {
    bundle: Bundle,
    coverage: Coverage,
    /// What is said of the untouched bundle.
    before: BTreeSet<(String, String)>,
    is_practice: bool,
}

/// One line of the table.
#[derive(Default)]
struct Line {
    tried: usize,
    reported: usize,
    must: usize,
    right: usize,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let only: Option<usize> = arguments.iter().position(|word| word == "--only").and_then(|at| arguments.get(at + 1)?.parse().ok());
    let number = |at: usize, otherwise: usize| arguments.get(at).and_then(|word| word.parse().ok()).unwrap_or(otherwise);
    let (count, seed) = (number(0, 100_000), number(1, 1));
    let mut other = arguments.iter().any(|word| word == "--rcodesign").then(other::Rcodesign::default);
    let (subjects, mut wrong) = subjects(other.is_some());
    let practice = subjects.iter().filter(|subject| subject.is_practice).count();
    println!("{} bundles: {practice} signed here, {} real ones", subjects.len(), subjects.len() - practice);
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    let (mut face_tried, mut face_wrong) = (0, 0);
    let begin = std::time::Instant::now();
    for index in only.map_or(0..count, |index| index..index + 1) {
        let mut random = Random::new((seed as u64) << 40 ^ index as u64);
        // The next kind is tried when the first does not apply; every number gives a change.
        let (subject, bundle, change) = loop {
            let subject = random.pick(&subjects).unwrap();
            let mut bundle = subject.bundle.clone();
            if let Some(change) = changes::make(&mut random, &mut bundle, &subject.coverage) {
                break (subject, bundle, change);
            }
        };
        let found = found(&bundle);
        let new: BTreeSet<&(String, String)> = found.difference(&subject.before).collect();
        let is_named = |names: &Vec<String>| new.iter().any(|(id, name)| is_refusal(id) && names.contains(name));
        if let Some(other) = other.as_mut().filter(|_| index % OTHER == 0) {
            other.look(&subject.bundle, &bundle, &change);
        }
        let is_found = match &change.expected {
            Expected::Reported(all) => all.iter().all(is_named),
            Expected::Nothing => new.is_empty(),
            Expected::Counted => true,
        };
        let is_face = index % FACE == 0 && change.expected != Expected::Counted || !is_found || only.is_some();
        let said = is_face.then(|| face(&bundle));
        let line = lines.entry(change.class.clone()).or_default();
        line.tried += 1;
        line.reported += usize::from(!new.is_empty());
        line.must += usize::from(change.expected != Expected::Counted);
        line.right += usize::from(change.expected != Expected::Counted && is_found);
        let is_face_right = match (&said, &change.expected) {
            (Some((status, _)), Expected::Nothing) => *status == 0,
            (Some((status, _)), Expected::Reported(_)) => *status != 0,
            _ => true,
        };
        face_tried += usize::from(is_face);
        face_wrong += usize::from(!is_face_right);
        if !is_found || !is_face_right || only.is_some() {
            wrong += 1;
            if wrong <= SHOWN {
                println!(
                    "--only {index}: {}: {} ({})\n  expected {:?}\n  found {new:?}",
                    bundle.name, change.words, change.class, change.expected
                );
                if let Some((status, text)) = &said {
                    println!("  `temper verify` said, with status {status}: {}", text.trim_end());
                }
            }
        }
    }
    table(&lines);
    println!("\n`temper verify --deep --strict`: {face_tried} of these changes tried, {face_wrong} with the wrong exit status");
    if let Some(other) = &other {
        println!("\n{other}");
    }
    println!("{wrong} wrong of {count} changes, seed {seed}, in {:.0} s", begin.elapsed().as_secs_f64());
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The valid bundles; and how many of those signed here are not called so.
fn subjects(with_rcodesign: bool) -> (Vec<Subject>, usize) {
    let real = std::env::var_os("TEMPER_CORPUS").map(|folder| corpus(Path::new(&folder))).unwrap_or_default();
    let by_rcodesign = if with_rcodesign { other::signed() } else { Vec::new() };
    let practice = bundles::practice().into_iter().chain(by_rcodesign);
    let all = practice.map(|bundle| (bundle, true)).chain(real.into_iter().map(|bundle| (bundle, false)));
    let mut wrong = 0;
    let mut subjects = Vec::new();
    for (bundle, is_practice) in all {
        let Some(coverage) = coverage::of(&bundle) else {
            println!("{}: not worked out", bundle.name);
            wrong += usize::from(is_practice);
            continue;
        };
        let before = found(&bundle);
        if is_practice && (!before.is_empty() || face(&bundle).0 != 0) {
            wrong += 1;
            println!("{}: untouched, and yet: {before:?} {:?}", bundle.name, face(&bundle));
        }
        // Real code that is not intact is no beginning for a change.
        if is_practice || is_clean(&before) {
            subjects.push(Subject { bundle, coverage, before, is_practice });
        }
    }
    (subjects, wrong)
}

/// Real bundles and signed files that are small enough.
fn corpus(folder: &Path) -> Vec<Bundle> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths.into_iter().filter(|path| !path.is_symlink()) {
            let is_bundle = path.extension().is_some_and(|end| ["app", "framework", "bundle"].iter().any(|wanted| end == *wanted));
            if path.is_dir() && !is_bundle {
                folders.push(path);
            } else if is_bundle || path.metadata().is_ok_and(|data| data.len() < 1 << 20 && data.len() > 4096) && is_code(&path) {
                found.extend(bundles::real(&path));
            }
        }
    }
    found
}

fn is_code(path: &Path) -> bool {
    let mut head = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut head));
    read.is_ok() && is_code_head(head)
}

/// A thin 64-bit or a universal Mach-O.
fn is_code_head(head: [u8; 4]) -> bool {
    matches!(head, [0xcf, 0xfa, 0xed, 0xfe] | [0xca, 0xfe, 0xba, 0xbe])
}

fn is_refusal(id: &str) -> bool {
    codes::rule(id).is_some_and(|(_, rule)| rule.fails != Fails::Never)
}

fn is_clean(found: &BTreeSet<(String, String)>) -> bool {
    !found.iter().any(|(id, _)| is_refusal(id))
}

fn machine(bundle: &Bundle) -> (FakeSystem, Request) {
    let mut system = FakeSystem::new();
    let root = bundle.root();
    for (path, node) in &bundle.nodes {
        let path = if path.is_empty() { root.clone() } else { format!("{root}/{path}") };
        system = match node {
            Node::File(bytes) => system.file(&path, bytes.as_slice()),
            Node::Link(target) => system.link(&path, target),
        };
    }
    system.thread_count = 1;
    system.clock = DAY;
    let roots = [Some(include_bytes!("../../scenarios/labs/pki/root.cert.pem").to_vec()), other::root()];
    let extra = roots.iter().flatten().map(|root| cms::read_anchor(root).unwrap()).collect();
    let request = Request { path: Some(root.into()), anchors: TrustAnchors { extra }, at: Some(DAY), ..Request::default() };
    (system, request)
}

/// Findings of verification: (id, subject). A target that is refused altogether is reported too, by its name.
fn found(bundle: &Bundle) -> BTreeSet<(String, String)> {
    let (system, request) = machine(bundle);
    match scan::scan(&system, &request, &|_| {}, &AtomicBool::new(false)) {
        Ok(evidence) => {
            // A file that was named alone is known by its name, here by "".
            let name = |subject: String| if subject == bundle.name && bundle.nodes.contains_key("") { String::new() } else { subject };
            verify(&evidence).into_iter().map(|finding| (finding.id.to_owned(), name(finding.subject))).collect()
        }
        Err(_) => BTreeSet::from([("signature-unreadable".to_owned(), String::new())]),
    }
}

/// Exit status and words of `temper verify --deep --strict`.
fn face(bundle: &Bundle) -> (u8, String) {
    let (system, request) = machine(bundle);
    let options = Options { verbosity: 0, strict: true, deep: true, ..Options::default() };
    match temper::cli::verify::verify(&system, &request, options) {
        Ok(said) => (said.status, said.text),
        Err(error) => (2, error.to_string()),
    }
}

fn table(lines: &BTreeMap<String, Line>) {
    println!("\n| Change | Tried | Reported | Must be right | Right |\n|---|---:|---:|---:|---:|");
    let mut sum = Line::default();
    for (class, line) in lines {
        let (must, right) =
            if line.must == 0 { ("–".into(), "only counted".into()) } else { (line.must.to_string(), line.right.to_string()) };
        println!("| {class} | {} | {} | {must} | {right} |", line.tried, line.reported);
        sum.tried += line.tried;
        sum.reported += line.reported;
        sum.must += line.must;
        sum.right += line.right;
    }
    let percent = sum.right as f64 * 100.0 / sum.must.max(1) as f64;
    println!("| **All** | {} | {} | {} | {} ({percent:.3} %) |", sum.tried, sum.reported, sum.must, sum.right);
}
