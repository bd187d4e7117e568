//! Audits the entitlements of signed programs: which memory key their code needs, with addresses, and whether the keys they ship are needed.
//!
//! `cargo run --release --example audit -- FOLDER…` prints the tables of `docs/vendor-audit.md`. With `--resign` it also signs every slice again without
//! entitlements, thin, with the practice identity, examines the copy, and says which keys it calls missing (a long run: the copies are whole programs).
#![allow(clippy::unwrap_used, reason = "a tool for whoever changes Temper: a panic with the place is what they need")]

#[path = "../tests/it/support/sign/mod.rs"]
#[allow(unused_imports, reason = "tests and the builder of practice apps use the rest")]
mod sign;

use sign::SignOptions;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use temper::diagnose::Change;
use temper::evidence::{Evidence, Image};
use temper::policy::key;
use temper::read::cms::{SignerKind, TrustAnchors};
use temper::report::{EntitlementState, KeyReason, Report};
use temper::scan::Request;
use temper::system::disk::RealSystem;
use temper::{Examination, lab};

/// Keys about memory, narrowest first.
const MEMORY: [&str; 3] = [key::ALLOW_JIT, key::UNSIGNED_MEMORY, key::PAGE_PROTECTION];
/// Addresses that are shown of one reason.
const SHOWN: usize = 3;

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let resign = arguments.iter().position(|a| a == "--resign").map(|at| arguments.remove(at)).is_some();
    if arguments.is_empty() {
        eprintln!("usage: audit [--resign] FOLDER…");
        std::process::exit(2);
    }
    let mut rows = Vec::new();
    for folder in arguments.iter().map(PathBuf::from) {
        for target in targets(&folder) {
            eprintln!("{}", target.display());
            match examine(&target) {
                Ok(examined) => rows.extend(rows_of(&folder, &target, &examined, resign)),
                Err(error) => eprintln!("  {error}"),
            }
        }
    }
    rows.sort_by(|a, b| a.name.cmp(&b.name).then(a.arch.cmp(b.arch)));
    print(&rows, resign);
}

/// One executable slice.
struct Row {
    name: String,
    arch: &'static str,
    hardened: bool,
    signer: String,
    need: String,
    proof: Vec<String>,
    shipped: Vec<(String, KeyReason, Vec<String>)>,
    /// Missing keys about memory of the same process without any key.
    stripped: Vec<String>,
    /// The same of a copy that was signed again.
    resigned: Option<Vec<String>>,
}

/// Apps, and programs outside any app; in bundles of another kind, the programs themselves.
fn targets(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut walk = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let Ok(entry) = entry else { continue };
        // An app in a framework is examined with the framework: what it loads lies there.
        let outermost = entry.file_type().is_dir() && entry.path().extension().is_some_and(|e| e == "app" || e == "framework");
        if outermost && has_program(entry.path()) {
            all.push(entry.path().to_path_buf());
            walk.skip_current_dir();
        } else if outermost {
            walk.skip_current_dir();
        } else if entry.file_type().is_file() && is_program(entry.path()) {
            all.push(entry.path().to_path_buf());
        }
    }
    all
}

fn has_program(folder: &Path) -> bool {
    walkdir::WalkDir::new(folder).into_iter().flatten().any(|entry| entry.file_type().is_file() && is_program(entry.path()))
}

/// MH_EXECUTE, or a universal file, whose slices are looked at later.
fn is_program(path: &Path) -> bool {
    use std::io::Read;
    let mut head = [0; 16];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
    read.is_ok() && (matches!(word(0), 0xfeed_facf | 0xfeed_face) && word(12) == 2 || word(0) == 0xbeba_feca && word(4).swap_bytes() < 20)
}

fn examine(path: &Path) -> Result<Examination, String> {
    let anchors = TrustAnchors { extra: vec![lab::anchor()] };
    let request = Request { path: Some(path.to_path_buf()), anchors, ..Request::default() };
    temper::examine(&RealSystem, &request, &|_| {}, &AtomicBool::new(false)).map_err(|error| error.to_string())
}

fn rows_of(folder: &Path, target: &Path, examined: &Examination, resign: bool) -> Vec<Row> {
    let evidence = &examined.evidence;
    let mut rows = Vec::new();
    for state in &examined.report.entitlements {
        let image = evidence.executables().find(|i| i.path == Path::new(&state.executable) && i.arch().name() == state.arch).unwrap();
        let hardened = image.is_hardened();
        if !hardened && !resign || image.facts().is_some_and(|facts| facts.signer.kind == SignerKind::Apple) {
            continue;
        }
        let whole = if target.is_dir() { target.join(&state.executable) } else { target.to_path_buf() };
        let name = whole.strip_prefix(folder).unwrap_or(&whole).to_string_lossy().into_owned();
        let bare = without_keys(evidence, image);
        let (need, proof) = if hardened { need(&bare, evidence, image) } else { Default::default() };
        rows.push(Row {
            name,
            arch: state.arch,
            hardened,
            signer: signer(image),
            need,
            proof,
            shipped: state.reasons.iter().filter(|r| state.present.contains_key(&r.key)).map(|r| shipped(&examined.report, r)).collect(),
            stripped: missing(state_of(&bare, state)),
            resigned: resign.then(|| resigned(&whole, image)),
        });
    }
    rows
}

fn signer(image: &Image) -> String {
    let kind = image.facts().map_or("unsigned", |facts| facts.signer.kind.word());
    image.team().map_or_else(|| kind.to_owned(), |team| format!("{kind} {team}"))
}

/// The report on the same code without its keys.
fn without_keys(evidence: &Evidence, image: &Image) -> Report {
    let keys = image.entitlements().map(|e| e.entries.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>()).unwrap_or_default();
    let entitlements = keys.into_iter().map(|key| (image.path.clone(), key, false)).collect();
    temper::decide(evidence.clone(), &Change { entitlements }).report
}

fn state_of<'a>(report: &'a Report, like: &EntitlementState) -> &'a EntitlementState {
    report.entitlements.iter().find(|state| state.executable == like.executable && state.arch == like.arch).unwrap()
}

fn missing(state: &EntitlementState) -> Vec<String> {
    state.missing.iter().filter(|key| MEMORY.contains(&key.as_str())).map(|key| short(key)).collect()
}

/// The key about memory that the code needs: proven, perhaps, proven not, or why that cannot be told.
fn need(bare: &Report, evidence: &Evidence, image: &Image) -> (String, Vec<String>) {
    let executable = image.path.to_string_lossy().into_owned();
    let of =
        |report: &Report| report.entitlements.iter().find(|s| s.executable == executable && s.arch == image.arch().name()).unwrap().clone();
    let state = of(bare);
    let reason = |key: &str| state.reasons.iter().find(|r| r.key == key);
    let sure: Vec<&KeyReason> = MEMORY.iter().filter(|key| state.missing.iter().any(|k| k == *key)).filter_map(|key| reason(key)).collect();
    if !sure.is_empty() {
        let words: Vec<String> = sure.iter().map(|r| format!("{} ({})", short(&r.key), certainty(bare, r))).collect();
        return (words.join(", "), sure.iter().flat_map(|r| seen(bare, r)).collect());
    }
    // Signed in, the keys are judged: excess is proof that none is needed.
    let keys = [key::ALLOW_JIT, key::UNSIGNED_MEMORY];
    let change = keys.iter().map(|key| (image.path.clone(), (*key).to_owned(), true)).collect();
    let with = temper::decide(evidence.clone(), &Change { entitlements: change }).report;
    let judged = of(&with);
    let open: Vec<&KeyReason> = judged.reasons.iter().filter(|r| keys.contains(&r.key.as_str()) && r.standing != "excess").collect();
    if open.is_empty() {
        let first = judged.reasons.iter().find(|r| keys.contains(&r.key.as_str())).unwrap();
        return (format!("none: {}", first.why), seen(&with, first));
    }
    let perhaps = state.possible.iter().filter(|key| MEMORY.contains(&key.as_str())).map(|key| short(key)).collect::<Vec<_>>();
    let lead = if perhaps.is_empty() { "cannot tell".to_owned() } else { format!("cannot tell, perhaps {}", perhaps.join(", ")) };
    let why: BTreeSet<&str> = open.iter().map(|r| r.why.as_str()).collect();
    (format!("{lead}: {}", why.into_iter().collect::<Vec<_>>().join("; ")), open.iter().flat_map(|r| seen(&with, r)).collect())
}

fn certainty(report: &Report, reason: &KeyReason) -> &'static str {
    let best = reason.findings.iter().filter_map(|index| report.findings.get(*index)).map(|f| f.confidence);
    if best.clone().any(|c| c == "certain") { "proven" } else { "likely" }
}

fn shipped(report: &Report, reason: &KeyReason) -> (String, KeyReason, Vec<String>) {
    (reason.key.clone(), reason.clone(), seen(report, reason))
}

fn seen(report: &Report, reason: &KeyReason) -> Vec<String> {
    let findings = reason.findings.iter().filter_map(|index| report.findings.get(*index));
    let proofs = findings.flat_map(|f| &f.proof).chain(&reason.proof);
    let line = |p: &temper::report::Proof| {
        let file = p.source.rsplit('/').next().unwrap_or(&p.source);
        match &p.address {
            Some(address) => format!("{file} {address} {}", p.quote),
            None => format!("{file}: {}", p.quote),
        }
    };
    proofs.map(line).collect()
}

/// A thin copy of the slice, signed again without entitlements: the keys about memory that are called missing.
fn resigned(file: &Path, image: &Image) -> Vec<String> {
    let bytes = std::fs::read(file).unwrap();
    let parts = sign::slices(&bytes);
    let slice = parts.get(image.slice.min(parts.len() - 1)).cloned().unwrap();
    let identifier = image.facts().and_then(|f| f.signature.directory()).map_or("copy".to_owned(), |d| d.identifier.clone());
    let part = &bytes[slice];
    // The signer is one for tests: it knows 64-bit slices with room for a signature, and panics at others.
    let signed = std::panic::catch_unwind(|| sign::sign(part, &SignOptions::hardened(&identifier)));
    let Ok(copy) = signed else { return vec!["not signed again: the test signer does not know such a file".to_owned()] };
    drop(bytes);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file.file_name().unwrap());
    std::fs::write(&path, copy).unwrap();
    match examine(&path) {
        Ok(examined) => examined.report.entitlements.first().map(missing).unwrap_or_default(),
        Err(error) => vec![error],
    }
}

fn short(key: &str) -> String {
    key.strip_prefix("com.apple.security.cs.").or(key.strip_prefix("com.apple.security.")).unwrap_or(key).to_owned()
}

/// A cell of a table: no line break and no bar.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn list(proofs: &[String]) -> String {
    let shown: Vec<String> =
        proofs.iter().take(SHOWN).map(|proof| format!("`{}`", cell(proof).replace("\\|", "+").replace('`', "'"))).collect();
    let rest = proofs.len().saturating_sub(SHOWN);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", shown.join("<br>"))
}

fn print(rows: &[Row], resign: bool) {
    println!("| Program | Slice | Signer | Memory key that its code needs | Seen at |\n|---|---|---|---|---|");
    let hardened = || rows.iter().filter(|row| row.hardened);
    for row in hardened() {
        println!("| {} | {} | {} | {} | {} |", cell(&row.name), row.arch, row.signer, cell(&row.need), list(&row.proof));
    }
    println!("\n| Program | Slice | Key it ships | Verdict | Why | Seen at |\n|---|---|---|---|---|---|");
    for row in hardened() {
        for (key, reason, proof) in &row.shipped {
            let verdict = if reason.standing == "undecided" { "cannot tell" } else { reason.standing };
            println!("| {} | {} | {} | {verdict} | {} | {} |", cell(&row.name), row.arch, short(key), cell(&reason.why), list(proof));
        }
    }
    println!(
        "\n| Program | Slice | Ships | Missing when its keys are taken away | {} |",
        if resign { "Missing in the copy signed again" } else { "" }
    );
    println!("|---|---|---|---|---|");
    let words = |keys: &[String]| if keys.is_empty() { "nothing".to_owned() } else { keys.join(", ") };
    for row in rows {
        let ships: Vec<String> =
            row.shipped.iter().map(|(key, ..)| key).filter(|key| MEMORY.contains(&key.as_str())).map(|key| short(key)).collect();
        let plain = if row.hardened { "" } else { " (not hardened)" };
        let again = row.resigned.as_ref().map(|keys| words(keys)).unwrap_or_default();
        println!("| {}{plain} | {} | {} | {} | {} |", cell(&row.name), row.arch, words(&ships), words(&row.stripped), cell(&again));
    }
    let shipped: Vec<&str> = hardened().flat_map(|row| &row.shipped).map(|(_, reason, _)| reason.standing).collect();
    let count = |standing: &str| shipped.iter().filter(|s| **s == standing).count();
    println!(
        "\n{} hardened slices; {} keys shipped: {} needed, {} excess, {} inert, {} redundant, {} cannot tell.",
        hardened().count(),
        shipped.len(),
        count("needed"),
        count("excess"),
        count("inert"),
        count("redundant"),
        count("undecided")
    );
}
