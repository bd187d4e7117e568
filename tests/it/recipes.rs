//! The build system in use: recognised in small project folders and in apps, and its plain files edited.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use temper::evidence::{Evidence, TargetKind};
use temper::fix::{apply, plan};
use temper::recipe::{self, Case, Project, project};
use temper::report::Report;
use temper::scan::Request;
use temper::system::disk::RealSystem;
use temper::system::fake::FakeSystem;
use temper::{Examination, lab};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recipes").join(name)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn recognised(evidence: &Evidence, project: Option<&Project>) -> Vec<String> {
    recipe::recognise(evidence, project).into_iter().map(|found| found.recipe.id.clone()).collect()
}

/// An app that holds these files, without a disk.
fn app(files: &[&str]) -> Evidence {
    let mut evidence = Evidence::empty();
    evidence.target.kind = TargetKind::App;
    evidence.target.path = "/x/Demo.app".into();
    evidence.target.executable = Some("Contents/MacOS/Demo".into());
    evidence.files = files.iter().map(PathBuf::from).collect();
    evidence.files.push("Contents/MacOS/Demo".into());
    evidence.files.sort();
    evidence
}

#[test]
fn every_project_folder_is_recognised_as_what_it_is() {
    let expected: [(&str, &[&str]); 18] = [
        ("electron-builder", &["electron-builder"]),
        ("electron-builder-package", &["electron-builder"]),
        ("electron-forge", &["electron-forge"]),
        ("tauri", &["tauri"]),
        ("pyinstaller", &["pyinstaller"]),
        ("briefcase", &["briefcase"]),
        ("jpackage", &["jpackage"]),
        ("godot", &["godot"]),
        ("unity", &["unity"]),
        ("dotnet", &["dotnet"]),
        ("dotnet-macos", &["dotnet-macos"]),
        ("goreleaser", &["goreleaser"]),
        ("qt", &["qt"]),
        ("cmake", &["cmake"]),
        ("fastlane", &["fastlane"]),
        ("xcode", &["xcode"]),
        ("xcconfig", &["xcconfig"]),
        ("none", &[]),
    ];
    for (name, ids) in expected {
        let project = project::open(&RealSystem, &fixture(name)).unwrap();
        assert_eq!(recognised(&Evidence::empty(), Some(&project)), ids, "{name}");
    }
}

#[test]
fn an_app_shows_what_made_it() {
    let electron = "Contents/Frameworks/Electron Framework.framework/Versions/A/Electron Framework";
    let expected: [(&[&str], &[&str]); 13] = [
        (&[electron, "Contents/Resources/app.asar"], &["electron"]),
        (&["Contents/Resources/base_library.zip"], &["pyinstaller"]),
        (&["Contents/Resources/app/demo/__main__.py", "Contents/Resources/app_packages/toga/__init__.py"], &["briefcase"]),
        (&["Contents/app/.jpackage.xml"], &["jpackage"]),
        (&["Contents/app/Demo.cfg", "Contents/runtime/Contents/Info.plist"], &["jpackage"]),
        (&["Contents/Resources/Demo.pck"], &["godot"]),
        (&["Contents/Frameworks/UnityPlayer.dylib"], &["unity"]),
        (&["Contents/MonoBundle/Demo.dll"], &["dotnet-macos"]),
        (&["Contents/MacOS/libcoreclr.dylib"], &["dotnet"]),
        (&["Contents/Resources/Demo.pck", "Contents/Resources/data_Demo_macos_arm64/libcoreclr.dylib"], &["godot"]),
        (&["Contents/Resources/qt.conf", "Contents/PlugIns/platforms/libqcocoa.dylib"], &["qt"]),
        // A sound bank, a Java runtime beside other things, libraries of Qt alone: none says what made the app.
        (&["Contents/Resources/sounds.pck", "Contents/runtime/Contents/Info.plist", "Contents/Frameworks/QtCore.framework/QtCore"], &[]),
        (&["Contents/Resources/app.asar", "Contents/Resources/app/main.py"], &[]),
    ];
    for (files, ids) in expected {
        assert_eq!(recognised(&app(files), None), ids, "{files:?}");
    }
}

#[test]
fn what_lies_around_an_app_does_not_speak_against_the_app() {
    let electron = "Contents/Frameworks/Electron Framework.framework/Versions/A/Electron Framework";
    let around = |files: &[(&str, &str)]| Project::of(Path::new("/p"), false, files);
    let given = |files: &[(&str, &str)]| Project::of(Path::new("/p"), true, files);
    let builder = [("electron-builder.yml", "mac:\n")];
    assert_eq!(recognised(&app(&[electron]), Some(&around(&builder))), ["electron-builder"]);
    // The app is no Electron app, whatever lies beside it; unless its developer says so.
    assert_eq!(recognised(&app(&[]), Some(&around(&builder))), Vec::<String>::new());
    assert_eq!(recognised(&app(&[]), Some(&given(&builder))), ["electron-builder"]);
    let cmake = [("CMakeLists.txt", "project(Demo)")];
    assert_eq!(recognised(&app(&[]), Some(&around(&cmake))), ["cmake"]);
    assert_eq!(recognised(&app(&[electron]), Some(&around(&cmake))), ["electron"]);
    assert_eq!(recognised(&app(&["Contents/Frameworks/UnityPlayer.dylib"]), Some(&around(&builder))), ["unity"]);
}

/// A practice app in a project folder, examined.
fn examined(
    lab: &str,
    name: Option<&str>,
    inside: &str,
    request: impl FnOnce(&Path, Request) -> Request,
) -> (tempfile::TempDir, Examination) {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("project");
    if let Some(name) = name {
        copy(&fixture(name), &project);
    }
    let lab = lab::all().iter().find(|known| known.id == lab).unwrap();
    let mut asked = lab::unpack(&RealSystem, lab, &project.join(inside)).unwrap();
    asked.at = Some(1_790_000_000);
    let asked = request(&project, asked);
    let examination = temper::examine(&RealSystem, &asked, &|_| {}, &AtomicBool::new(false)).unwrap();
    (folder, examination)
}

fn texts(report: &Report) -> String {
    report.build_systems.iter().flat_map(|system| &system.texts).map(|text| format!("{}\n{}\n", text.title, text.text)).collect()
}

#[test]
fn a_project_around_the_app_is_found() {
    let (_folder, examination) = examined("jit-map-jit", Some("tauri"), "src-tauri/target/release", |_, request| request);
    let [system] = &examination.report.build_systems[..] else { panic!("{:?}", examination.report.build_systems) };
    assert_eq!(system.id, "tauri");
    assert!(
        system.why.starts_with("tauri.conf.json is in ") || system.why.starts_with("src-tauri/tauri.conf.json is in "),
        "{}",
        system.why
    );
    assert!(texts(&examination.report).contains("<key>com.apple.security.cs.allow-jit</key><true/>"));
    assert!(
        system.edits.iter().any(|edit| edit.file.ends_with("src-tauri/tauri.conf.json")
            && edit.diff.contains("+      \"entitlements\": \"Entitlements.plist\"")),
        "{:#?}",
        system.edits
    );
}

#[test]
fn a_plain_app_has_no_build_system() {
    let (_folder, examination) = examined("jit-map-jit", Some("none"), "build", |_, request| request);
    assert!(examination.report.build_systems.is_empty(), "{:?}", examination.report.build_systems);
    assert!(examination.project.is_none());
}

#[test]
fn a_folder_too_far_up_is_not_looked_at() {
    let (_folder, examination) = examined("jit-map-jit", Some("cmake"), "1/2/3/4/5", |_, request| request);
    assert!(examination.project.is_none(), "{:?}", examination.project);
    let (_folder, examination) = examined("jit-map-jit", Some("cmake"), "1/2/3/4", |_, request| request);
    assert!(examination.project.is_some());
}

#[test]
fn a_project_can_be_named_and_a_wrong_one_is_a_gap() {
    let (_folder, examination) =
        examined("no-usage-string", None, "x", |_, request| Request { project: Some(fixture("briefcase")), ..request });
    assert_eq!(examination.report.build_systems[0].id, "briefcase");
    let (_folder, examination) =
        examined("no-usage-string", None, "x", |_, request| Request { project: Some("/no/such/folder".into()), ..request });
    assert!(examination.report.gaps.iter().any(|gap| gap.why.contains("project folder cannot be read")), "{:?}", examination.report.gaps);
}

/// Applies every edit for the first remedy that applies; checks that the files are what was shown, and that nothing is left to do.
fn applied(lab: &str, name: &str, look: impl FnOnce(&Path, &[String])) {
    let (folder, examination) = examined(lab, None, "elsewhere", |_, request| request);
    let project_folder = folder.path().canonicalize().unwrap().join(name);
    copy(&fixture(name), &project_folder);
    let evidence = &examination.evidence;
    let diagnosis = &examination.report.diagnoses[0];
    let remedy = diagnosis.remedies.iter().find(|remedy| remedy.applies).unwrap();
    let plan = plan::plan(evidence, diagnosis, remedy, &[]).unwrap();
    let case = Case { evidence, diagnosis, remedy, plan: &plan };
    let proposals = || {
        let project = project::open(&RealSystem, &project_folder).unwrap();
        let found = recipe::recognise(evidence, Some(&project));
        assert_eq!(found.len(), 1, "{name}");
        recipe::proposals(found[0].recipe, &case, &project)
    };
    let first = proposals();
    assert!(!first.is_empty(), "{name}: nothing to edit");
    for proposal in &first {
        apply::write(&RealSystem, &evidence.target.root, &proposal.edit).unwrap();
        assert_eq!(fs::read_to_string(&proposal.edit.file).unwrap(), proposal.edit.after);
    }
    assert_eq!(proposals(), [], "{name}: a second time changes something");
    let diffs: Vec<String> = first.iter().map(|proposal| proposal.edit.diff.clone()).collect();
    look(&project_folder, &diffs);
    // Taken back, the folder is what it was.
    for proposal in first {
        apply::take_back(&RealSystem, &evidence.target.root, &proposal.edit).unwrap();
        let original = fixture(name).join(&proposal.file);
        assert_eq!(fs::read(&proposal.edit.file).ok(), fs::read(original).ok());
    }
}

fn read(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap()
}

const MICROPHONE: &str = "com.apple.security.device.audio-input";

#[test]
fn electron_builder_takes_its_file_by_name() {
    applied("silent-microphone", "electron-builder", |folder, diffs| {
        assert_eq!(diffs.len(), 1, "{diffs:#?}");
        let text = read(folder, "build/entitlements.mac.plist");
        assert!(text.contains(&format!("    <key>{MICROPHONE}</key>\n    <true/>\n")) && text.contains("cs.allow-jit"), "{text}");
    });
}

#[test]
fn the_file_that_a_configuration_names_is_the_one_that_is_edited() {
    applied("silent-microphone", "electron-builder-package", |folder, diffs| {
        assert_eq!(diffs.len(), 1, "{diffs:#?}");
        assert!(read(folder, "signing/mac.plist").contains(MICROPHONE));
        assert!(!folder.join("build").exists());
    });
}

#[test]
fn tauri_gets_a_new_file_and_a_setting_that_names_it() {
    applied("silent-microphone", "tauri", |folder, diffs| {
        assert_eq!(diffs.len(), 2, "{diffs:#?}");
        let config = read(folder, "src-tauri/tauri.conf.json");
        assert!(
            config.contains(
                "    \"icon\": [\"icons/icon.icns\"],\n    \"macOS\": {\n      \"entitlements\": \"Entitlements.plist\"\n    }\n"
            ),
            "{config}"
        );
        assert!(read(folder, "src-tauri/Entitlements.plist").contains(MICROPHONE));
    });
}

#[test]
fn briefcase_names_keys_in_its_own_table() {
    applied("silent-microphone", "briefcase", |folder, _| {
        let text = read(folder, "pyproject.toml");
        assert!(
            text.contains(&format!(
                "universal_build = true  # both kinds of Mac\nrequires = [\"toga-cocoa~=0.4.0\"]\nentitlement.\"{MICROPHONE}\" = true\n"
            )),
            "{text}"
        );
    });
}

#[test]
fn goreleaser_gets_a_new_file_and_a_setting_that_names_it() {
    applied("silent-microphone", "goreleaser", |folder, _| {
        assert!(
            read(folder, ".goreleaser.yaml")
                .ends_with("        password: \"{{.Env.MACOS_SIGN_PASSWORD}}\"\n        entitlements: entitlements.xml\n")
        );
        assert!(read(folder, "entitlements.xml").contains(MICROPHONE));
    });
}

#[test]
fn usage_strings_go_where_each_configuration_wants_them() {
    const KEY: &str = "NSContactsUsageDescription";
    applied("no-usage-string", "electron-builder", |folder, _| {
        let text = read(folder, "electron-builder.yml");
        assert!(text.contains(&format!("    - zip\n  extendInfo:\n    {KEY}: \"Cardfile uses")), "{text}");
        assert!(text.contains("hardenedRuntime: false\n") && text.contains("# The runtime stays off"), "{text}");
    });
    applied("no-usage-string", "electron-builder-package", |folder, _| {
        let json: serde_json::Value = serde_json::from_str(&read(folder, "package.json")).unwrap();
        assert!(json["build"]["mac"]["extendInfo"][KEY].as_str().unwrap().starts_with("Cardfile uses"));
    });
    applied("no-usage-string", "tauri", |folder, _| {
        assert!(read(folder, "src-tauri/Info.plist").contains(&format!("<key>{KEY}</key>\n\t<string>Cardfile uses")));
    });
    applied("no-usage-string", "briefcase", |folder, _| {
        assert!(read(folder, "pyproject.toml").contains(&format!("info.{KEY} = \"Cardfile uses")));
    });
}

#[test]
fn a_link_is_not_taken_for_a_file_to_make() {
    let json = r#"{"build": {"mac": {"entitlements": "signing/mac.plist"}}, "devDependencies": {"electron-builder": "25"}}"#;
    let system = FakeSystem::new().file("/p/package.json", json).file("/etc/secret", "x").link("/p/signing/mac.plist", "/etc/secret");
    let project = project::open(&system, Path::new("/p")).unwrap();
    assert!(project.has("signing/mac.plist") && project.text("signing/mac.plist").is_none());
    assert!(!system.opened().contains(&PathBuf::from("/etc/secret")));
    let system = FakeSystem::new().file("/p/package.json", json.replace("signing/mac.plist", "../../etc/secret")).file("/etc/secret", "x");
    let project = project::open(&system, Path::new("/p")).unwrap();
    assert!(!project.has("../../etc/secret") && project.matching("*secret").is_none());
}

#[test]
fn the_home_folder_and_what_lies_above_it_are_not_looked_at() {
    let mut system =
        FakeSystem::new().file("/u/me/CMakeLists.txt", "project(x)").file("/u/CMakeLists.txt", "project(x)").folder("/u/me/a/Demo.app");
    system.variables.insert("HOME".into(), "/u/me".into());
    assert_eq!(project::find(&system, Path::new("/u/me/a/Demo.app")), None);
    system.variables.insert("HOME".into(), "/u/other".into());
    assert_eq!(project::find(&system, Path::new("/u/me/a/Demo.app")).unwrap().folder, Path::new("/u/me"));
}

#[test]
fn what_to_paste_stands_in_the_text_report() {
    use temper::cli::text::{Look, render};
    let (_folder, examination) = examined("jit-map-jit", Some("cmake"), "build", |_, request| request);
    let text = render(&examination.report, Look { width: 100, color: false });
    assert!(text.contains("In your build system   CMake\n  because CMakeLists.txt is in"), "{text}");
    assert!(text.contains("XCODE_ATTRIBUTE_CODE_SIGN_ENTITLEMENTS \"${CMAKE_CURRENT_SOURCE_DIR}/Abacus.entitlements\""), "{text}");
}

#[test]
fn a_library_to_be_signed_again_is_named() {
    let (_folder, examination) = examined("foreign-plugin", Some("cmake"), "build", |_, request| request);
    let text = texts(&examination.report);
    // The plug-in lies in the app, so one way is to sign it with the app's identity.
    assert!(text.contains("list(APPEND CPACK_BUNDLE_APPLE_CODESIGN_FILES \"Contents/PlugIns/Reverb.bundle\")"), "{text}");
    assert!(text.contains("<key>com.apple.security.cs.disable-library-validation</key><true/>"), "{text}");
}

#[test]
fn a_report_with_build_systems_fits_the_schema() {
    let schema: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json")).unwrap()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for name in ["tauri", "briefcase", "cmake", "xcode", "pyinstaller"] {
        let (_folder, examination) =
            examined("no-usage-string", None, "x", |_, request| Request { project: Some(fixture(name)), ..request });
        let document = serde_json::to_value(&examination.report).unwrap();
        assert_eq!(validator.iter_errors(&document).map(|error| error.to_string()).collect::<Vec<_>>(), Vec::<String>::new(), "{name}");
        assert!(!document["build_systems"][0]["texts"].as_array().unwrap().is_empty(), "{name}");
    }
}
