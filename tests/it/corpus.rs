//! Every fact that the corpus records of real signed macOS code is what the report says.
//!
//! `TEMPER_CORPUS` names the folder that the corpus's fetch script filled; the facts (`corpus.toml`) lie beside that script, or where
//! `TEMPER_CORPUS_FACTS` says. Without it the test says that it was skipped; with `TEMPER_REQUIRE_CORPUS=1` absence fails. `TEMPER_CORPUS_ITEM` names one item.
//!
//! The corpus records what readers of bytes found, by the standards of their formats; Temper says what Apple's code makes of the same bytes. Where the two speak
//! of unlike things, the comparison brings the recorded fact to Temper's terms and says why; it leaves no fact out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use temper::Examination;
use temper::evidence::{Evidence, SignatureFacts};
use temper::read::entitlements::Entitlements;
use temper::read::macho::{self, FileType};
use temper::read::signature::{CodeDirectory, HashType};
use temper::read::source::Window;
use temper::report::{Code, Report};
use temper::scan::Request;
use temper::system::disk::RealSystem;
use temper::verify::{codes, verify};
use toml::{Table, Value};

#[test]
fn the_report_says_what_the_corpus_records() {
    let Some(folder) = std::env::var_os("TEMPER_CORPUS").map(PathBuf::from) else {
        assert!(std::env::var_os("TEMPER_REQUIRE_CORPUS").is_none(), "TEMPER_REQUIRE_CORPUS is set and TEMPER_CORPUS is not");
        eprintln!("skipped: TEMPER_CORPUS does not name the corpus");
        return;
    };
    let facts = std::env::var_os("TEMPER_CORPUS_FACTS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/corpus.toml"), PathBuf::from);
    let text = std::fs::read_to_string(&facts).unwrap_or_else(|error| panic!("{}: {error}", facts.display()));
    let corpus: Table = text.parse().expect("corpus.toml is TOML");
    let only = std::env::var("TEMPER_CORPUS_ITEM").ok();
    let mut wrong = Vec::new();
    let mut compared = 0;
    for item in tables(&corpus, "item").filter(|item| only.as_ref().is_none_or(|only| *only == string(item, "name"))) {
        let root = folder.join(string(item, "archive"));
        if root.join(".ok").exists() {
            compared += tables(item, "slice").count();
            check_item(&root, item, &mut wrong);
        }
    }
    let least = if only.is_some() { 1 } else { 20 };
    assert!(compared >= least, "only {compared} slices found below {}", folder.display());
    assert!(wrong.is_empty(), "{} of {compared} slices:\n{}", wrong.len(), wrong.join("\n"));
}

fn check_item(root: &Path, item: &Table, wrong: &mut Vec<String>) {
    let target = root.join(string(item, "path"));
    let Examination { evidence, report, .. } = examine(&target);
    let binary =
        item.get("binary").map(|_| std::fs::canonicalize(root.join(string(item, "binary"))).expect("the recorded binary is there"));
    let name = string(item, "name");
    // The whole path: a framework whose links became copies has its program two or three times.
    let is_recorded = |code: &&Code| Some(evidence.target.root.join(&code.path)) == binary;
    let code: Vec<&Code> = report.code.iter().filter(is_recorded).collect();
    let slices: Vec<&Table> = tables(item, "slice").filter(|slice| !is_symbols(slice)).collect();
    if tables(item, "slice").any(is_symbols) {
        wrong.extend(symbols_faults(item, binary.as_deref(), &report).into_iter().map(|fault| format!("{name}: {fault}")));
    }
    if code.len() != slices.len() {
        wrong.push(format!("{name}: {} slices recorded, {} reported", slices.len(), code.len()));
        return;
    }
    let mut all: Vec<(String, &'static str, String, String)> = Vec::new();
    for (slice, code) in slices.iter().zip(code) {
        let of_slice = |(what, recorded, found)| (string(slice, "arch"), what, recorded, found);
        all.extend(facts(slice, code, &report).into_iter().map(of_slice));
        let image = evidence.images.iter().find(|image| image.path == Path::new(&code.path) && image.arch().name() == code.arch);
        if let Some(facts) = image.and_then(|image| image.facts()) {
            all.extend(signature_facts(slice, facts).into_iter().map(of_slice));
        }
    }
    let of_item = |(what, recorded, found)| (String::new(), what, recorded, found);
    all.extend(seal_facts(item, &evidence).into_iter().map(of_item));
    all.push(of_item(("findings of verification", expected_findings(item, &evidence), found_findings(&evidence))));
    for (arch, what, recorded, found) in all {
        if recorded != found {
            wrong.push(format!("{name} {arch}: {what}: recorded {recorded}, found {found}"));
        }
    }
    let bundle = item.get("bundle").and_then(Value::as_table);
    if let Some(identifier) = bundle.and_then(|bundle| bundle.get("identifier")).and_then(Value::as_str)
        && report.target.identifier.as_deref() != Some(identifier)
    {
        wrong.push(format!("{name}: bundle identifier: recorded {identifier}, reported {:?}", report.target.identifier));
    }
}

/// Debug symbols: Mach-O to a reader of bytes, no code to macOS.
fn is_symbols(slice: &Table) -> bool {
    string(slice, "filetype") == "dsym"
}

/// The recorded slices of debug symbols are read, and none of them is reported as code: the report says that there is none.
fn symbols_faults(item: &Table, binary: Option<&Path>, report: &Report) -> Vec<String> {
    let bytes = std::fs::read(binary.expect("symbols are a file")).expect("symbols are read");
    let slices = macho::slices(&bytes).expect("symbols are Mach-O").slices;
    let read = slices.iter().map(|slice| {
        let window = Window::new(&bytes, slice.offset, slice.size).expect("the slice is in the file");
        (slice.arch.name().to_owned(), macho::read(&window).is_ok_and(|macho| macho.file_type == FileType::Dsym))
    });
    let read: Vec<_> = read.collect();
    let recorded: Vec<_> = tables(item, "slice").map(|slice| (string(slice, "arch"), is_symbols(slice))).collect();
    let mut faults = Vec::new();
    if read != recorded {
        faults.push(format!("symbols: recorded {recorded:?}, read {read:?}"));
    }
    if !report.code.is_empty() || !report.gaps.iter().any(|gap| gap.why.contains("no code was found")) {
        faults.push(format!("symbols: reported as code {}, gaps {:?}", report.code.len(), report.gaps));
    }
    faults
}

/// (what, recorded, reported) for one slice.
fn facts(slice: &Table, code: &Code, report: &Report) -> Vec<(&'static str, String, String)> {
    let signed = match string(slice, "signed").as_str() {
        "adhoc" => "ad-hoc".to_owned(),
        other => other.to_owned(),
    };
    let mut all = vec![
        ("architecture", string(slice, "arch"), code.arch.to_owned()),
        ("file type", string(slice, "filetype"), code.file_type.to_owned()),
        ("signer", signed.clone(), code.signer.to_owned()),
    ];
    if signed == "unsigned" {
        all.push(("signature", "unsigned".into(), code.signature.into()));
        return all;
    }
    let bad_pages = slice.get("bad_pages").and_then(Value::as_array).is_some_and(|pages| !pages.is_empty());
    let pages_reported =
        report.findings.iter().any(|f| f.id == "page-does-not-match" && f.subject == code.path && f.arch == Some(code.arch));
    let names: Vec<String> = strings(slice, "flag_names");
    all.extend([
        ("flags", format!("{:#x}", slice.get("flags").and_then(Value::as_integer).unwrap_or(-1)), code.flags.clone()),
        ("flag names", names.join(","), code.flag_names.join(",")),
        ("identifier", string(slice, "identifier"), code.identifier.clone().unwrap_or_default()),
        ("team", string(slice, "team"), code.team.clone().unwrap_or_default()),
        ("cdhash", string(slice, "cdhash"), code.cdhash.clone().unwrap_or_default()),
        ("runtime version", string(slice, "runtime"), code.runtime_version.clone().unwrap_or_default()),
        ("hardened", names.iter().any(|name| name == "runtime").to_string(), code.hardened.to_string()),
        ("bad pages", bad_pages.to_string(), pages_reported.to_string()),
    ]);
    if slice.contains_key("signer") {
        all.push(("authority", string(slice, "signer"), code.authority.clone().unwrap_or_default()));
    }
    // Recorded from the DER when the XML is malformed, as macOS reads them.
    let mut recorded: Vec<String> =
        slice.get("entitlements").and_then(Value::as_table).map(|t| t.keys().cloned().collect()).unwrap_or_default();
    let mut reported = code.entitlements.clone();
    recorded.sort();
    reported.sort();
    all.push(("entitlements", recorded.join(" "), reported.join(" ")));
    all
}

/// The code directories, their pages and slots, and the timestamp.
fn signature_facts(slice: &Table, facts: &SignatureFacts) -> Vec<(&'static str, String, String)> {
    let signature = &facts.signature;
    let Some(chosen) = signature.directory() else { return vec![("directory", "one".into(), "none".into())] };
    let slots = |directory: &CodeDirectory| -> Vec<i64> {
        (1..).zip(&directory.special_slots).filter(|(_, digest)| digest.is_some()).map(|(slot, _)| slot).collect()
    };
    let pages = facts.pages.clone().unwrap_or_default();
    let bad: Vec<i64> = pages.bad.iter().map(|&page| page as i64).collect();
    let bad_of_any: BTreeSet<i64> = facts
        .directories
        .iter()
        .filter_map(|check| check.pages.as_ref())
        .flat_map(|pages| pages.bad.iter().map(|&page| page as i64))
        .collect();
    let entitlements = signature.entitlements.as_ref();
    let der = entitlements
        .filter(|entitlements| entitlements.has_der)
        .map_or("absent", |entitlements| if entitlements.der_is_v1 { "v1" } else { "legacy-set" });
    let xml = entitlements
        .filter(|entitlements| entitlements.xml.is_some())
        .map_or("absent", |entitlements| if is_well_formed(entitlements) { "ok" } else { "malformed" });
    let hashes: BTreeSet<&str> = signature.directories.iter().map(hash_name).collect();
    let stamped = signature.cms.as_ref().and_then(|cms| cms.timestamp_verifies).unwrap_or(false);
    vec![
        ("digests", strings(slice, "hashes").join(" "), hashes.into_iter().collect::<Vec<_>>().join(" ")),
        ("version of the directory", integer(slice, "cd_version").to_string(), chosen.version.to_string()),
        ("code limit", integer(slice, "code_limit").to_string(), chosen.code_limit.to_string()),
        ("page size", integer(slice, "page_size").to_string(), (1_u64 << chosen.page_size).to_string()),
        ("pages", integer(slice, "code_pages").to_string(), pages.checked.to_string()),
        ("pages that do not match", format!("{:?}", integers(slice, "bad_pages")), format!("{bad:?}")),
        (
            "the same of any directory",
            format!("{:?}", integers(slice, "bad_pages")),
            format!("{:?}", bad_of_any.into_iter().collect::<Vec<_>>()),
        ),
        ("special slots", format!("{:?}", integers(slice, "special_slots")), format!("{:?}", slots(chosen))),
        ("special slots that do not match", "[]".into(), format!("{:?}", signature.slot_faults.concat())),
        ("entitlements, XML", string(slice, "ent_xml"), xml.into()),
        ("entitlements, DER", string(slice, "ent_der"), der.into()),
        ("secure timestamp", slice.get("secure_timestamp").and_then(Value::as_bool).unwrap_or(false).to_string(), stamped.to_string()),
    ]
}

/// Well-formed by XML 1.0, which is what is recorded. Unlike AMFI's reader (`OSUnserializeXML.y`, which skips blanks before a tag) it wants the XML declaration
/// at the very beginning. A comment, which Temper remarks since Apple advises against it, is well-formed to both.
fn is_well_formed(entitlements: &Entitlements) -> bool {
    let text = entitlements.xml.as_deref().unwrap_or_default();
    let has_blanks_before_declaration = !text.starts_with(b"<?xml") && text.trim_ascii_start().starts_with(b"<?xml");
    entitlements.fatal().is_none() && !has_blanks_before_declaration
}

fn hash_name(directory: &CodeDirectory) -> &'static str {
    match directory.hash_type {
        HashType::Sha1 => "sha1",
        HashType::Sha256 => "sha256",
        _ => "other",
    }
}

/// What the seal of a bundle says against what is there.
fn seal_facts(item: &Table, evidence: &Evidence) -> Vec<(&'static str, String, String)> {
    let Some(bundle) = item.get("bundle").and_then(Value::as_table) else { return Vec::new() };
    let mut all = Vec::new();
    let mains: Vec<&SignatureFacts> =
        evidence.images.iter().filter(|image| image.main_of == Some(0)).filter_map(|image| image.facts()).collect();
    let word = |slot: fn(&SignatureFacts) -> Option<bool>| match mains.first().and_then(|facts| slot(facts)) {
        _ if mains.iter().any(|facts| slot(facts) == Some(false)) => "bad",
        Some(_) => "ok",
        None => "absent",
    };
    for (key, found) in
        [("info_plist_slot", word(|facts| facts.info_plist_matches)), ("resources_slot", word(|facts| facts.resources_match))]
    {
        if bundle.contains_key(key) {
            all.push((key, string(bundle, key), found.to_owned()));
        }
    }
    if !bundle.contains_key("seal_version") {
        return all;
    }
    let Some(check) = evidence.seals.iter().find(|check| check.bundle.as_os_str().is_empty() && check.unusable.is_none()) else {
        all.push(("seal", "read".into(), "not read".into()));
        return all;
    };
    let bad_nested = verify(evidence)
        .into_iter()
        .filter(|finding| matches!(finding.id, "nested-code-does-not-match" | "nested-code-unsigned" | "nested-code-not-judged"));
    let found = [
        ("seal_version", u64::from(check.version)),
        // Recorded are all entries of the seal; Temper counts nested code apart.
        ("sealed_files", check.files + check.nested_count),
        ("sealed_nested", check.nested_count),
        ("seal_missing", check.counts.missing),
        ("seal_altered", check.counts.modified),
        ("seal_added_files", check.counts.added_files),
        ("seal_nested_bad", bad_nested.count() as u64),
    ];
    all.extend(found.map(|(key, found)| (key, integer(bundle, key).to_string(), found.to_string())));
    all
}

/// Files that are not in the seal: the corpus counts them and does not say which are code.
const ADDED: &str = "added to the seal";

/// The corpus does not record requirements. Who signs ad hoc has no certificate, so a designated requirement that asks for one (pnpm's, which a signer other than
/// Apple's wrote) is met by nobody: `codesign --verify` says so, with status 3.
fn asks_for_certificate(item: &Table, evidence: &Evidence) -> bool {
    let is_ad_hoc = tables(item, "slice").all(|slice| string(slice, "signed") == "adhoc");
    let sets = evidence.images.iter().filter_map(|image| image.facts()?.signature.requirement_set.as_ref()?.as_ref().ok());
    let texts: Vec<String> = sets.filter_map(|set| Some(set.designated()?.to_string())).collect();
    is_ad_hoc && texts.iter().any(|text| text.contains("anchor ") || text.contains("certificate "))
}

/// What verification must find, by what is recorded: nothing of what is intact.
fn expected_findings(item: &Table, evidence: &Evidence) -> String {
    let mut ids = BTreeSet::new();
    let slices: Vec<&Table> = tables(item, "slice").filter(|slice| !is_symbols(slice)).collect();
    if asks_for_certificate(item, evidence) {
        ids.insert("designated-requirement-not-satisfied");
    }
    if slices.iter().any(|slice| !integers(slice, "bad_pages").is_empty()) {
        ids.insert("page-does-not-match");
    }
    // A file that is named alone, and that macOS starts without a signature all the same.
    if item.get("bundle").is_none() && slices.iter().any(|slice| string(slice, "signed") == "unsigned") {
        ids.insert("code-not-signed");
    }
    if let Some(bundle) = item.get("bundle").and_then(Value::as_table) {
        let is_signed = slices.iter().any(|slice| string(slice, "signed") != "unsigned");
        if is_signed && bundle.get("code_resources").and_then(Value::as_bool) == Some(false) {
            ids.insert("bundle-not-sealed");
        }
        if integer(bundle, "seal_version") == 1 {
            ids.insert("seal-is-weak");
        }
        if integer(bundle, "seal_added_files") > 0 {
            ids.insert(ADDED);
        }
        match string(bundle, "layout").as_str() {
            "versioned-no-current" => ids.extend(["framework-without-current-version"]),
            "versioned-current-is-dir" => ids.extend(["bundle-layout-ambiguous", "unsealed-contents-in-framework-root"]),
            _ => {}
        }
    }
    ids.into_iter().collect::<Vec<_>>().join(" ")
}

fn found_findings(evidence: &Evidence) -> String {
    let found = verify(evidence);
    assert!(found.iter().all(|finding| codes::rule(finding.id).is_some()), "{found:?}");
    let id = |id: &'static str| if matches!(id, "file-added-to-seal" | "nested-code-not-sealed") { ADDED } else { id };
    let ids: BTreeSet<&str> = found.iter().map(|finding| id(finding.id)).collect();
    ids.into_iter().collect::<Vec<_>>().join(" ")
}

fn integer(table: &Table, key: &str) -> i64 {
    table.get(key).and_then(Value::as_integer).unwrap_or(0)
}

fn integers(table: &Table, key: &str) -> Vec<i64> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_integer).collect()
}

fn examine(target: &Path) -> Examination {
    let request = Request { path: Some(target.to_path_buf()), ..Request::default() };
    let examined = temper::examine(&RealSystem, &request, &|_| {}, &AtomicBool::new(false));
    examined.unwrap_or_else(|error| panic!("{}: {error}", target.display()))
}

fn tables<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

fn string(table: &Table, key: &str) -> String {
    table.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn strings(table: &Table, key: &str) -> Vec<String> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
