//! Every fact that the corpus records of real signed macOS code is what the report says.
//!
//! `TEMPER_CORPUS` names the folder that the corpus's fetch script filled; the facts (`corpus.toml`) lie beside that script, or where
//! `TEMPER_CORPUS_FACTS` says. Without it the test says that it was skipped; with `TEMPER_REQUIRE_CORPUS=1` absence fails.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use temper::report::{Code, Report};
use temper::scan::Request;
use temper::system::disk::RealSystem;
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
    let mut wrong = Vec::new();
    let mut compared = 0;
    for item in tables(&corpus, "item") {
        let root = folder.join(string(item, "archive"));
        if root.join(".ok").exists() {
            compared += tables(item, "slice").count();
            check_item(&root, item, &mut wrong);
        }
    }
    assert!(compared >= 20, "only {compared} slices found below {}", folder.display());
    assert!(wrong.is_empty(), "{} of {compared} slices:\n{}", wrong.len(), wrong.join("\n"));
}

fn check_item(root: &Path, item: &Table, wrong: &mut Vec<String>) {
    let target = root.join(string(item, "path"));
    let report = examine(&target);
    let binary = item.get("binary").map(|_| root.join(string(item, "binary")));
    let name = string(item, "name");
    let code: Vec<&Code> = report.code.iter().filter(|code| binary.as_deref().is_some_and(|file| file.ends_with(&code.path))).collect();
    let slices: Vec<&Table> = tables(item, "slice").collect();
    if code.len() != slices.len() {
        wrong.push(format!("{name}: {} slices recorded, {} reported", slices.len(), code.len()));
        return;
    }
    for (slice, code) in slices.iter().zip(code) {
        for (what, recorded, reported) in facts(slice, code, &report) {
            if recorded != reported {
                wrong.push(format!("{name} {}: {what}: recorded {recorded}, reported {reported}", string(slice, "arch")));
            }
        }
    }
    let bundle = item.get("bundle").and_then(Value::as_table);
    if let Some(identifier) = bundle.and_then(|bundle| bundle.get("identifier")).and_then(Value::as_str)
        && report.target.identifier.as_deref() != Some(identifier)
    {
        wrong.push(format!("{name}: bundle identifier: recorded {identifier}, reported {:?}", report.target.identifier));
    }
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
    // A malformed set is none to macOS; what is in it is recorded from the bytes all the same.
    if string(slice, "ent_xml") != "malformed" {
        let mut recorded: Vec<String> =
            slice.get("entitlements").and_then(Value::as_table).map(|t| t.keys().cloned().collect()).unwrap_or_default();
        let mut reported = code.entitlements.clone();
        recorded.sort();
        reported.sort();
        all.push(("entitlements", recorded.join(" "), reported.join(" ")));
    }
    all
}

fn examine(target: &Path) -> Report {
    let request = Request { path: Some(target.to_path_buf()), ..Request::default() };
    let examined = temper::examine(&RealSystem, &request, &|_| {}, &AtomicBool::new(false));
    examined.unwrap_or_else(|error| panic!("{}: {error}", target.display())).report
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
