#![allow(clippy::unwrap_used)]

use super::render::{Case, Values};
use super::*;
use crate::evidence::Evidence;
use crate::evidence::sample;
use crate::fix::plan::{FileEdit, Plan};
use crate::fix::sign::SignStep;
use crate::read::macho::FileType;
use crate::report::{Diagnosis, Remedy};
use std::path::{Path, PathBuf};

const HELPER: &str = "Contents/Frameworks/Demo Helper (Renderer).app/Contents/MacOS/Demo Helper (Renderer)";
const LIBRARY: &str = "Contents/Frameworks/Kit.framework/Versions/A/Libraries/libx.dylib";

fn evidence() -> Evidence {
    let mut evidence = sample::app();
    evidence.images.insert(0, sample::image(HELPER, FileType::Execute, None, Some(0)));
    evidence
}

fn diagnosis() -> Diagnosis {
    Diagnosis {
        cause: "jit",
        scenario: "jit".into(),
        confidence: "certain",
        subject: "Contents/MacOS/Demo".into(),
        arch: None,
        summary: String::new(),
        mended_by: "developer",
        findings: Vec::new(),
        rule: None,
        source: None,
        remedies: Vec::new(),
    }
}

fn remedy() -> Remedy {
    Remedy {
        rank: "recommended",
        least: true,
        applies: true,
        why_not: None,
        needs_new_code: false,
        title: "t".into(),
        explanation: None,
        on: None,
        also_on: Vec::new(),
        add_entitlements: vec!["com.apple.security.cs.allow-jit".into(), "com.apple.security.app-sandbox".into()],
        remove_entitlements: vec!["com.apple.security.cs.disable-library-validation".into()],
        add_info_plist: Vec::new(),
        weakens: None,
        steps: Vec::new(),
    }
}

fn edit(executable: &str) -> FileEdit {
    let after = "<plist version=\"1.0\">\n<dict>\n\t<key>com.apple.security.cs.allow-jit</key>\n\t<true/>\n</dict>\n</plist>\n";
    FileEdit {
        executable: executable.into(),
        file: "x.entitlements".into(),
        before: String::new(),
        after: after.into(),
        diff: String::new(),
        from: "no entitlements signed".into(),
        warnings: Vec::new(),
    }
}

fn plan() -> Plan {
    let usage = |key: &str| (PathBuf::from("Contents/Info.plist"), key.to_owned(), "Demo's \"camera\" #1 … <say> what".to_owned());
    let library =
        SignStep { object: LIBRARY.into(), argv: Vec::new(), exact: Vec::new(), entitlements: None, why: "signed by another team".into() };
    Plan {
        edits: vec![edit("Contents/MacOS/Demo"), edit(HELPER), edit("Contents/MacOS/helper")],
        info_plist: vec![usage("NSCameraUsageDescription"), usage("NSSpeechRecognitionUsageDescription")],
        sign: vec![library],
        ..Plan::default()
    }
}

fn with_case<T>(look: impl FnOnce(&Case<'_>) -> T) -> T {
    let (evidence, diagnosis, remedy, plan) = (evidence(), diagnosis(), remedy(), plan());
    look(&Case { evidence: &evidence, diagnosis: &diagnosis, remedy: &remedy, plan: &plan })
}

fn rendered(id: &str, purpose: Purpose) -> String {
    let recipe = all().iter().find(|recipe| recipe.id == id).unwrap();
    with_case(|case| {
        let values = Values::new(recipe, case, None);
        let texts = recipe.texts.iter().filter(|text| text.purpose == purpose).flat_map(|text| values.texts(text));
        texts.map(|(title, file, text)| format!("{title} [{}]\n{text}\n", file.unwrap_or_default())).collect()
    })
}

#[test]
fn every_recipe_parses_and_is_named_once() {
    let mut ids: Vec<&str> = all().iter().map(|recipe| recipe.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), FILES.len());
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes")).unwrap().count();
    assert_eq!(files, FILES.len(), "a file in recipes/ is not in the list");
    for recipe in all() {
        assert!(recipe.yields_to.iter().all(|other| ids.contains(&other.as_str())), "{}", recipe.id);
    }
}

#[test]
fn every_text_is_rendered_for_a_plan() {
    for recipe in all() {
        with_case(|case| {
            let values = Values::new(recipe, case, None);
            for text in &recipe.texts {
                let rendered = values.texts(text);
                assert!(!rendered.is_empty(), "{}: {}", recipe.id, text.title);
                for (title, file, body) in rendered {
                    let all = format!("{title}\n{}\n{body}", file.unwrap_or_default());
                    assert!(!all.contains(['«', '»']), "{}: {all}", recipe.id);
                    assert!(
                        !body.trim().is_empty() && !body.contains("\"\"") && (text.language == Language::Shell || !body.contains("''")),
                        "{}: {all}",
                        recipe.id
                    );
                }
            }
        });
    }
}

#[test]
fn values_are_written_as_the_language_wants_them() {
    assert!(
        rendered("electron-builder", Purpose::UsageString).contains(r#"NSCameraUsageDescription: "Demo's \"camera\" #1 … <say> what""#)
    );
    assert!(rendered("tauri", Purpose::UsageString).contains("<string>Demo's &quot;camera&quot; #1 … &lt;say&gt; what</string>"));
    assert!(rendered("pyinstaller", Purpose::UsageString).contains(r#"'NSCameraUsageDescription': 'Demo\'s "camera" #1"#));
    assert!(rendered("fastlane", Purpose::UsageString).contains(r#"key: "NSCameraUsageDescription", value: "Demo's \"camera\" \#1"#));
    let shell = rendered("unity", Purpose::Entitlements);
    assert!(shell.contains("--entitlements Demo.entitlements --sign 'Developer ID Application: Ann (TEAM123456)' Demo.app"), "{shell}");
}

#[test]
fn an_electron_helper_gets_a_file_of_its_own() {
    let text = rendered("electron", Purpose::HelperEntitlements);
    assert!(text.contains(r#"filePath.includes("Contents/Frameworks/Demo Helper (Renderer).app"#), "{text}");
    assert!(
        text.contains(r#"entitlements: "Demo Helper (Renderer).entitlements""#) && text.contains(r#"entitlements: "helper.entitlements""#),
        "{text}"
    );
    let builder = rendered("electron-builder", Purpose::HelperEntitlements);
    assert_eq!(builder.matches("entitlementsInherit: build/entitlements.mac.inherit.plist").count(), 1, "{builder}");
}

#[test]
fn a_name_of_the_build_system_takes_the_place_of_the_key() {
    let text = rendered("godot", Purpose::Entitlements);
    assert!(text.contains("codesign/entitlements/allow_jit_code_execution=true\n"), "{text}");
    assert!(text.contains("codesign/entitlements/additional=\"<key>com.apple.security.app-sandbox</key><true/>\""), "{text}");
    assert!(rendered("godot", Purpose::RemoveEntitlement).contains("codesign/entitlements/disable_library_validation=false"));
    let usage = rendered("godot", Purpose::UsageString);
    assert!(usage.contains("privacy/camera_usage_description=\"Demo's \\\"camera\\\""), "{usage}");
    assert!(usage.contains("<key>NSSpeechRecognitionUsageDescription</key>"), "{usage}");
}

#[test]
fn a_hostile_name_ends_no_line_and_no_string() {
    let mut evidence = evidence();
    evidence.target.path = "x/a\"\n  evil: true\u{1b}.app".into();
    evidence.target.executable = Some("Contents/MacOS/a';\nb".into());
    let (diagnosis, remedy) = (diagnosis(), remedy());
    let plan = Plan { edits: vec![edit("Contents/MacOS/a';\nb")], ..Plan::default() };
    let case = Case { evidence: &evidence, diagnosis: &diagnosis, remedy: &remedy, plan: &plan };
    for recipe in all() {
        let values = Values::new(recipe, &case, None);
        for text in recipe.texts.iter().filter(|text| text.purpose == Purpose::Entitlements) {
            let lines = text.text.lines().count() + remedy.add_entitlements.len() - 1;
            for (_, _, body) in values.texts(text) {
                assert!(body.lines().count() <= lines && !body.contains('\u{1b}'), "{}: {body}", recipe.id);
            }
        }
    }
    let forge = all().iter().find(|recipe| recipe.id == "electron-forge").unwrap();
    let text = Values::new(forge, &case, None).texts(&forge.texts[0]).remove(0).2;
    assert!(text.contains(r#"endsWith("/a\"   evil: true .app")"#), "{text}");
}

/// A recipe with one text, for what must be refused.
fn recipe(text: &str) -> Result<Recipe, String> {
    let purposes = ["entitlements", "helper-entitlements", "usage-string", "hardened-runtime", "remove-entitlement", "resign-library"];
    let texts: String =
        purposes.map(|purpose| format!("[[text]]\nfor = \"{purpose}\"\ntitle = \"t\"\nlanguage = \"text\"\ntext = \"{text}\"\n")).concat();
    parse(
        "x",
        &format!("name = \"X\"\nproject = [{{ file = \"x\" }}]\nsources = [\"s\"]\n[entitlements]\nmain = \"m\"\nhelper = \"h\"\n{texts}"),
    )
}

#[test]
fn unknown_names_are_refused() {
    assert!(recipe("«app»").is_ok());
    assert!(recipe("«ap»").unwrap_err().contains("unknown placeholder `ap`"));
    assert!(recipe("«app").unwrap_err().contains("does not end"));
    assert!(recipe("«added-key» «library»").unwrap_err().contains("two lists"));
    assert!(parse("x", "name = \"X\"\nnonsense = 1\n").is_err());
}
