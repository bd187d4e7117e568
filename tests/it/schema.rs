//! The published JSON Schema describes the report that Temper writes.

use super::samples;
use serde_json::{Value, json};
use std::path::Path;
use temper::cli::args::Format;
use temper::cli::text::Look;
use temper::scan::Request;
use temper::system::disk::RealSystem;

fn schema() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// What is wrong with a document, by place.
pub fn faults(document: &Value) -> Vec<String> {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path)).collect()
}

fn sample() -> Value {
    serde_json::to_value(samples::explained()).unwrap()
}

/// A change of the sample that the schema must refuse.
fn refused(pointer: &str, value: Value) {
    let mut document = sample();
    *document.pointer_mut(pointer).unwrap_or_else(|| panic!("the sample has no {pointer}")) = value;
    assert!(!faults(&document).is_empty(), "{pointer} was accepted");
}

#[test]
fn the_schema_is_a_schema() {
    assert!(jsonschema::meta::is_valid(&schema()));
}

#[test]
fn every_sample_is_valid() {
    for (name, report) in samples::all() {
        assert_eq!(faults(&serde_json::to_value(report).unwrap()), Vec::<String>::new(), "{name}");
    }
}

/// Practice apps with their evidence, and alone.
#[test]
fn every_report_on_a_practice_app_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    assert!(!temper::lab::all().is_empty());
    for lab in temper::lab::all() {
        let whole = temper::lab::unpack(&RealSystem, lab, folder.path()).unwrap();
        let alone = Request { pasted: vec![], ..whole.clone() };
        let evidence = Request { path: None, ..whole.clone() };
        for request in [whole, alone, evidence] {
            let text = temper::cli::check(&RealSystem, &request, Format::Json, Look { width: 80, color: false }, None).unwrap().text;
            assert_eq!(faults(&serde_json::from_str(&text).unwrap()), Vec::<String>::new(), "{}", lab.id);
        }
    }
}

#[test]
fn fields_may_be_added_at_every_level() {
    let mut document = sample();
    for pointer in ["", "/target", "/diagnoses/0", "/diagnoses/0/remedies/0", "/findings/0/proof/0", "/code/0"] {
        document.pointer_mut(pointer).unwrap().as_object_mut().unwrap().insert("new-field".into(), json!(1));
    }
    assert_eq!(faults(&document), Vec::<String>::new());
}

#[test]
fn words_are_a_closed_set() {
    for pointer in [
        "/schema",
        "/verdict",
        "/target/kind",
        "/target/signer",
        "/evidence/0/kind",
        "/evidence/0/matches",
        "/diagnoses/0/cause",
        "/diagnoses/0/confidence",
        "/diagnoses/0/arch",
        "/diagnoses/0/mended_by",
        "/diagnoses/0/remedies/0/rank",
        "/diagnoses/0/remedies/2/steps/0/do",
        "/findings/0/kind",
        "/findings/0/severity",
        "/findings/0/confidence",
        "/code/0/arch",
        "/code/0/type",
        "/code/0/flags",
        "/code/0/signer",
        "/code/0/signature",
        "/code/0/cdhash",
        "/loads/0/verdict",
        "/spawn/0/verdict",
    ] {
        refused(pointer, json!("no-such-word"));
    }
}

#[test]
fn types_are_strict() {
    refused("/diagnoses/0/findings/0", json!(-1));
    refused("/findings/0/proof/0/line", json!(0));
    refused("/findings/1/proof/0/address", json!(19472));
    refused("/diagnoses/0/remedies/0/least", json!("yes"));
    refused("/gaps/0/why", json!(null));
}

#[test]
fn the_least_change_is_one_that_applies_and_needs_no_new_code() {
    refused("/diagnoses/0/remedies/1/least", json!(true));
    refused("/diagnoses/0/remedies/0/least", json!(true));
    let mut document = sample();
    document["diagnoses"][0]["remedies"][0]["needs_new_code"] = json!(false);
    document["diagnoses"][0]["remedies"][0]["least"] = json!(true);
    assert!(faults(&document).iter().any(|fault| fault.starts_with("/diagnoses/0/remedies")), "two least remedies were accepted");
}

#[test]
fn another_cause_adds_no_entitlement() {
    let mut document = sample();
    document["verdict"] = json!("other-cause");
    assert!(!faults(&document).is_empty());
}

/// Walks a document beside its schema: what the document holds, the schema names, and requires unless it may be left out.
fn undocumented(value: &Value, schema: &Value, root: &Value, at: &str, out: &mut Vec<String>) {
    let schema = match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    };
    match value {
        Value::Object(fields) if schema.get("properties").is_some() => {
            for (name, field) in fields {
                match schema["properties"].get(name) {
                    Some(inner) => undocumented(field, inner, root, &format!("{at}/{name}"), out),
                    None => out.push(format!("{at}/{name}")),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| undocumented(item, &schema["items"], root, &format!("{at}/*"), out)),
        _ => {}
    }
}

#[test]
fn every_field_is_documented() {
    for (name, report) in samples::all() {
        let mut missing = Vec::new();
        undocumented(&serde_json::to_value(report).unwrap(), &schema(), &schema(), "", &mut missing);
        assert_eq!(missing, Vec::<String>::new(), "{name}: fields that docs/report.schema.json does not name");
    }
}

#[test]
fn every_field_but_the_optional_is_required() {
    const OPTIONAL: [&str; 8] = ["path_bytes", "also_on", "explanation", "argv", "authority", "uuid", "requirement", "constraints"];
    let whole = sample();
    let mut open = vec![String::new()];
    while let Some(pointer) = open.pop() {
        let names: Vec<String> = match whole.pointer(&pointer).unwrap() {
            Value::Object(fields) if !pointer.ends_with("/present") => fields.keys().cloned().collect(),
            Value::Array(items) if !items.is_empty() => vec!["0".into()],
            _ => continue,
        };
        for name in names {
            let inner = format!("{pointer}/{name}");
            let is_optional = OPTIONAL.contains(&name.as_str()) || (name == "code" && pointer.starts_with("/findings"));
            let may_go = is_optional && inner != "/evidence/0/uuid" && !inner.starts_with("/collect");
            if name != "0" && !may_go {
                let mut document = whole.clone();
                document.pointer_mut(&pointer).unwrap().as_object_mut().unwrap().remove(&name);
                assert!(!faults(&document).is_empty(), "{inner} may be left out");
            }
            open.push(inner);
        }
    }
}
