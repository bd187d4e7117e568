//! The loop closed: diagnose, mend, prove, undo, on the practice apps, with a stub `codesign` that really signs with the practice identities.

use crate::support::practice::{self, Bench};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use temper::lab;

/// The stub `codesign` of the tests starts this program again to sign; without a stub there is nothing to sign.
#[test]
fn practice_codesign() {
    if practice::is_stub() {
        practice::codesign();
    }
}

/// A diagnosis as a report or a proof names it: cause and subject.
fn named(value: &Value) -> (String, String) {
    let text = |key: &str| value[key].as_str().unwrap().to_owned();
    (text("cause"), text("subject"))
}

/// Fixes a copy, and looks at all of it: the proof, the app again, the way back.
fn closes(bench: &Bench, lab: &lab::Lab, remedy: &str) {
    let app = bench.unpacked(lab);
    let original = practice::tree(&app);
    let target = bench.folder().join(format!("{}-{remedy}", lab.id));
    let fix = bench.temper(&[
        &["fix".as_ref(), app.as_os_str(), "--remedy".as_ref(), remedy.as_ref(), "--copy".as_ref(), target.as_os_str()][..],
        &["--yes", "--format", "json"].map(OsStr::new),
        &bench.evidence(lab),
    ]);
    let what = format!("{}, {remedy}: {}", lab.id, fix.error());
    let proof: Value = serde_json::from_slice(&fix.stdout).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(fix.status.code(), Some(0), "{what}\n{proof:#}");
    assert_eq!(
        (proof["schema"].as_str(), proof["holds"].as_bool(), proof["gone"].as_bool()),
        (Some("temper-proof/1"), Some(true), Some(true))
    );
    assert_eq!(proof["mended"]["cause"], lab.cause, "{what}");
    assert_eq!(practice::tree(&app), original, "{what}: the app itself was changed");

    let copy = target.join(lab.bundle);
    // Without the evidence, which tells of the build before.
    let report = bench.report_alone(&copy, lab);
    let diagnoses: Vec<_> = report["diagnoses"].as_array().unwrap().iter().map(named).collect();
    // Another library of the same kind lies outside the app, where nothing was mended.
    let another = lab.id == "foreign-plugin";
    assert!(another || !diagnoses.contains(&named(&proof["mended"])), "{what}: {diagnoses:?}");
    assert!(diagnoses.len() <= usize::from(another), "{what}: {diagnoses:?}");
    assert_eq!(proof["shown_by_bytes"], true, "{what}");
    let unsigned: Vec<_> = report["code"].as_array().unwrap().iter().filter(|code| code["signature"] != "valid").collect();
    assert!(unsigned.is_empty(), "{what}: {unsigned:?}");
    let new = proof["new"].as_array().unwrap();
    assert!(new.is_empty(), "{what}: {new:?}");

    // What is kept for the way back is no second app of the folder.
    assert_eq!(bench.report_alone(&target, lab)["target"]["kind"], "app", "{what}");

    let undo = bench.temper(&[&["undo".as_ref(), target.as_os_str()]]);
    assert_eq!(undo.status.code(), Some(0), "{what}: {}", undo.error());
    assert_eq!(practice::tree(&copy), original, "{what}: undo is not byte-identical");
    assert_eq!(practice::names(&target), [lab.bundle], "{what}: something was left behind");
}

#[test]
fn the_least_remedy_of_every_practice_app_closes_the_loop() {
    let bench = Bench::new();
    for lab in lab::all() {
        closes(&bench, lab, "least");
    }
}

#[test]
fn every_other_remedy_that_needs_no_new_code_closes_the_loop() {
    let bench = Bench::new();
    let mut tried = 0;
    for lab in lab::all() {
        let report = bench.report(&bench.unpacked(lab), lab);
        let remedies = report["diagnoses"][0]["remedies"].as_array().unwrap();
        for rank in ["recommended", "alternative", "fallback"] {
            let first = remedies.iter().find(|remedy| remedy["rank"] == rank && remedy["applies"] == true);
            let Some(remedy) = first.filter(|remedy| remedy["needs_new_code"] == false && remedy["least"] == false) else { continue };
            // One that changes nothing but the project, or that a person does, has no command.
            if remedy["steps"].as_array().unwrap().iter().any(|step| step["do"] == "run" && step["argv"][0] == "codesign") {
                closes(&bench, lab, rank);
                tried += 1;
            }
        }
    }
    assert!(tried > 0, "no practice app has another remedy that Temper can do");
}

#[test]
fn in_place_the_app_is_mended_and_undone_where_it_lies() {
    let bench = Bench::new();
    let lab = &lab::all()[0];
    let app = bench.unpacked(lab);
    let (original, beside) = (practice::tree(&app), practice::names(app.parent().unwrap()));
    let proof = bench.folder().join("proof.md");
    let arguments = ["fix".as_ref(), app.as_os_str(), "--in-place".as_ref(), "--yes".as_ref(), "--proof".as_ref(), proof.as_os_str()];
    let fix = bench.temper(&[&arguments, &bench.evidence(lab)]);
    assert_eq!(fix.status.code(), Some(0), "{}", fix.error());
    let said = String::from_utf8(fix.stdout).unwrap();
    assert!(said.contains("gone: ") && said.contains("signatures valid") && said.contains("files are the same"), "{said}");
    let markdown = std::fs::read_to_string(&proof).unwrap();
    assert!(markdown.contains(": mended") && markdown.contains("- [x] gone") && markdown.contains("SHA-256"), "{markdown}");
    assert_ne!(practice::tree(&app), original);
    let undo = bench.temper(&[&["undo".as_ref(), app.as_os_str()]]);
    assert_eq!(undo.status.code(), Some(0), "{}", undo.error());
    assert_eq!(practice::tree(&app), original);
    assert_eq!(practice::names(app.parent().unwrap()), beside);
    let again = bench.temper(&[&["undo".as_ref(), app.as_os_str()]]);
    assert_eq!(again.status.code(), Some(2));
}

#[test]
fn an_experiment_is_signed_ad_hoc_and_without_the_flag() {
    let bench = Bench::new();
    let lab = lab::all().iter().find(|lab| lab.id == "foreign-plugin").unwrap();
    let app = bench.unpacked(lab);
    let run = |name: &str, more: &[&str]| {
        let target = bench.folder().join(name);
        let more: Vec<&OsStr> = more.iter().map(OsStr::new).collect();
        let fixed = ["fix".as_ref(), app.as_os_str(), "--copy".as_ref(), target.as_os_str(), "--ad-hoc".as_ref(), "--yes".as_ref()];
        let fix = bench.temper(&[&fixed, &["--format", "json"].map(OsStr::new), &more, &bench.evidence(lab)]);
        let said = fix.error();
        let proof: Value = serde_json::from_slice(&fix.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
        (fix.status.code(), proof, target.join(lab.bundle))
    };
    let (status, proof, copy) = run("without", &["--no-runtime"]);
    assert_eq!((status, proof["gone"].as_bool()), (Some(0), Some(true)), "{proof:#}");
    let report = bench.report_alone(&copy, lab);
    assert!(report["code"].as_array().unwrap().iter().all(|code| code["hardened"] == false && code["signer"] == "ad-hoc"), "{report:#}");
}

#[test]
fn a_signer_that_does_other_things_is_found_out() {
    let bench = Bench::new();
    let lab = &lab::all()[0];
    let app = bench.unpacked(lab);
    let run = |name: &str, script: &str| {
        bench.program("codesign", script);
        let target = bench.folder().join(name);
        let arguments = ["fix".as_ref(), app.as_os_str(), "--copy".as_ref(), target.as_os_str(), "--yes".as_ref()];
        let fix = bench.temper(&[&arguments, &bench.evidence(lab)]);
        assert_eq!(fix.status.code(), Some(1), "{}", fix.error());
        // As one line: the page wraps.
        String::from_utf8(fix.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let said = run("lazy", "#!/bin/sh\nexit 0\n");
    assert!(said.contains("still there") && said.contains("allow-unsigned-executable-memory is not signed into"), "{said}");
    let said = run("messy", "#!/bin/sh\nmkdir -p Sketchbook.app/Contents/Resources; echo x > Sketchbook.app/Contents/Resources/new\n");
    assert!(said.contains("Contents/Resources/new was added by no step"), "{said}");
    let spoiler = "#!/bin/sh\nprintf x | dd of=Sketchbook.app/Contents/MacOS/Sketchbook bs=1 seek=20000 conv=notrunc 2>/dev/null\n";
    let said = run("spoiler", spoiler);
    assert!(said.contains("the signature of Contents/MacOS/Sketchbook") && said.contains("is invalid"), "{said}");
}

/// Names that a shell, an option parser, a terminal or a text would trip over.
fn hostile_names() -> Vec<OsString> {
    let mut names: Vec<OsString> =
        ["a b", "it's \"so\" $(id) `id` \\ *?", "-force", "--deep", "two\nlines", "tab\tbell\u{7}", "=x", "~", "ä漢\u{202e}"]
            .map(|name| OsString::from(format!("{name}.app")))
            .into();
    names.push(OsString::from_vec(b"\xff\xfe '.app".to_vec()));
    names
}

fn exact(step: &Value) -> Vec<Vec<u8>> {
    use base64::Engine as _;
    match step["argv_bytes"].as_array() {
        Some(bytes) => bytes.iter().map(|b| base64::engine::general_purpose::STANDARD.decode(b.as_str().unwrap()).unwrap()).collect(),
        None => step["argv"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap().as_bytes().to_vec()).collect(),
    }
}

#[test]
fn what_was_planned_is_what_ran_byte_for_byte() {
    let bench = Bench::new();
    let lab = &lab::all()[0];
    let source = bench.unpacked(lab);
    for (number, name) in hostile_names().into_iter().enumerate() {
        let folder = bench.folder().join(format!("hostile {number}"));
        let app = folder.join(&name);
        practice::copy(&source, &app);
        // Nested code with a name of the same kind; signed too, since the identity is another one.
        let mut library = OsString::from("-lib ");
        library.push(&name);
        library.push(".dylib");
        practice::copy(&source.join("Contents/Frameworks/libbrush.dylib"), &app.join("Contents/Frameworks").join(library));
        let common = [app.as_os_str(), "--ad-hoc".as_ref()];
        let plan =
            bench.temper(&[&["plan".as_ref(), "--format".as_ref(), "json".as_ref(), "--".as_ref()][..3], &common, &bench.evidence(lab)]);
        let plan: Value = serde_json::from_slice(&plan.stdout).unwrap_or_else(|error| panic!("{name:?}: {error}: {}", plan.error()));
        let mut planned: Vec<Vec<Vec<u8>>> = plan["sign"].as_array().unwrap().iter().map(exact).collect();
        assert!(planned.len() >= 3, "{name:?}");

        let script = bench.temper(&[&["plan", "--format", "sh"].map(OsStr::new), &common, &bench.evidence(lab)]);
        bench.take_log();
        let fix = bench.temper(&[
            &["fix", "--yes", "--copy"].map(OsStr::new),
            &[bench.folder().join(format!("mended {number}")).as_os_str()],
            &common,
            &bench.evidence(lab),
        ]);
        // The planned app was sealed without the library that was put in, which is no matter here.
        assert!(matches!(fix.status.code(), Some(0 | 1)), "{name:?}: {}", fix.error());
        planned.iter_mut().for_each(|argv| drop(argv.remove(0)));
        assert_eq!(bench.take_log(), planned, "{name:?}");

        let file = folder.join("plan.sh");
        std::fs::write(&file, &script.stdout).unwrap();
        let ran = bench.command("bash").arg(&file).output().unwrap();
        assert!(ran.status.success(), "{name:?}: {}\n{}", String::from_utf8_lossy(&ran.stderr), String::from_utf8_lossy(&script.stdout));
        assert_eq!(bench.take_log(), planned, "{name:?}: the script");
    }
}

#[test]
fn a_kill_at_any_command_leaves_the_old_app_and_a_way_back() {
    let bench = Bench::new();
    let lab = &lab::all()[0];
    let app = bench.unpacked(lab);
    let (original, beside) = (practice::tree(&app), practice::names(app.parent().unwrap()));
    for number in 1.. {
        bench.kill_at(number);
        let arguments = ["fix".as_ref(), app.as_os_str(), "--in-place".as_ref(), "--yes".as_ref(), "--ad-hoc".as_ref()];
        let fix = bench.temper(&[&arguments, &bench.evidence(lab)]);
        if fix.status.code().is_some() {
            assert!(number > 2, "the stub was to kill it at command {number}");
            break;
        }
        assert_eq!(practice::tree(&app), original, "killed at command {number}");
        let undo = bench.temper(&[&["undo".as_ref(), app.as_os_str()]]);
        assert_eq!(undo.status.code(), Some(0), "{}", undo.error());
        assert_eq!(practice::tree(&app), original);
        assert_eq!(practice::names(app.parent().unwrap()), beside);
    }
}

#[test]
fn a_failure_is_status_2_and_changes_nothing() {
    let bench = Bench::new();
    let lab = &lab::all()[0];
    let app = bench.unpacked(lab);
    let original = practice::tree(&app);
    let target = bench.folder().join("never");
    let fix = |more: &[&str]| {
        let more: Vec<&OsStr> = more.iter().map(OsStr::new).collect();
        bench.temper(&[&["fix".as_ref(), app.as_os_str(), "--copy".as_ref(), target.as_os_str()], &more, &bench.evidence(lab)])
    };
    let failed = |output: practice::Run, said: &str| {
        assert_eq!(output.status.code(), Some(2), "{}", output.error());
        assert!(output.error().contains(said), "{}", output.error());
        assert_eq!(practice::tree(&app), original);
        assert!(practice::names(&target).is_empty(), "{:?}", practice::names(&target));
    };
    failed(fix(&[]), "say --yes");
    failed(fix(&["--yes", "--identity", "nobody's"]), "no identity found");
    failed(fix(&["--yes", "--signer", "rcodesign", "--ad-hoc"]), "rcodesign is not in PATH");
    failed(fix(&["--yes", "--signer", "codesign", "--p12", "Cargo.toml"]), "keychain");
    failed(fix(&["--yes", "--remedy", "recommended", "--diagnosis", "9"]), "there is no diagnosis 9");
    failed(fix(&["--yes", "--remedy", "recommended"]), "needs new code");
    failed(fix(&["--yes", "--remedy", "alternative"]), "no alternative remedy");
    let nothing = bench.command(env!("CARGO_BIN_EXE_temper"));
    let mut nothing = nothing;
    nothing
        .env("PATH", bench.folder())
        .args(["fix".as_ref(), app.as_os_str(), "--in-place".as_ref(), "--yes".as_ref()])
        .args(bench.evidence(lab));
    let nothing = nothing.output().unwrap();
    let said = String::from_utf8(nothing.stderr).unwrap();
    assert!(nothing.status.code() == Some(2) && said.contains("no program that signs") && said.contains("apple-codesign"), "{said}");
    assert_eq!(practice::tree(&app), original);
}

#[test]
fn an_identity_that_is_ambiguous_or_unfit_is_explained_before_anything_is_done() {
    const OLD: &str = "1A2B3C4D5E6F708192A3B4C5D6E7F8091A2B3C4D";
    const NEW: &str = "89ABCDEF0123456789ABCDEF0123456789ABCDEF";
    const EXPIRED: &str = " (CSSMERR_TP_CERT_EXPIRED)";
    let practice = "Developer ID Application: Practice Software (PRACTICE01)";
    let bench = Bench::new();
    let lab = &lab::all()[0];
    let app = bench.unpacked(lab);
    let original = practice::tree(&app);
    let fix = |name: &str, more: &[&str]| {
        let target = bench.folder().join(name);
        let more: Vec<&OsStr> = ["--identity", practice].into_iter().chain(more.iter().copied()).map(OsStr::new).collect();
        let run = bench.temper(&[&["fix".as_ref(), app.as_os_str(), "--copy".as_ref(), target.as_os_str()], &more, &bench.evidence(lab)]);
        assert_eq!(practice::tree(&app), original);
        run
    };
    let refused = |rows: &[(&str, &str, &str)], parts: &[&str]| {
        bench.keychain(rows);
        let run = fix("never", &["--yes"]);
        assert!(run.status.code() == Some(2) && parts.iter().all(|part| run.error().contains(part)), "{}", run.error());
        assert!(bench.take_log().is_empty() && practice::names(&bench.folder().join("never")).is_empty(), "nothing is signed");
    };
    refused(&[(OLD, practice, ""), (NEW, practice, "")], &["ambiguous", OLD, NEW]);
    refused(&[(OLD, practice, EXPIRED)], &["has expired"]);
    refused(&[(OLD, "Apple Development: Jo (C3X9K2PLM4)", "")], &["the keychain has no identity", "Apple Development: Jo", "private key"]);
    refused(&[], &["no identity that signs code"]);

    let trace = bench.keychain(&[(OLD, practice, EXPIRED), (NEW, practice, "")]);
    std::fs::remove_file(&trace).unwrap();
    assert_eq!(fix("never", &[]).status.code(), Some(2));
    assert!(!trace.exists(), "without --yes the keychain is not asked");
    fix("renewed", &["--yes"]);
    assert_eq!(std::fs::read_to_string(&trace).unwrap(), "find-identity -v -p codesigning\n");
    let calls = bench.take_log();
    assert!(
        !calls.is_empty() && calls.iter().all(|call| call.iter().any(|word| word == NEW.as_bytes())),
        "the one that is fit, by its hash"
    );
}

#[test]
fn a_password_is_handed_over_and_never_shown() {
    let bench = Bench::new();
    let lab = &lab::all()[0];
    let app = bench.unpacked(lab);
    let seen = bench.folder().join("seen");
    let stub = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" > '{0}.argv'\nenv > '{0}.env'\ncat > '{0}.stdin'\n", seen.display());
    bench.program("rcodesign", &stub);
    let identity = bench.folder().join("id.p12");
    std::fs::write(&identity, "p12").unwrap();
    let run = |name: &str, more: &[&str], variable: &str| {
        let target = bench.folder().join(name);
        let mut command = bench.command(env!("CARGO_BIN_EXE_temper"));
        command.args(["fix".as_ref(), app.as_os_str(), "--copy".as_ref(), target.as_os_str(), "--p12".as_ref(), identity.as_os_str()]);
        command.args(["--yes"]).args(more).args(bench.evidence(lab)).env(variable, "hunter2");
        let output = command.output().unwrap();
        let read = |end: &str| std::fs::read_to_string(seen.with_extension(end)).unwrap();
        // The stub signs nothing, so the diagnosis stays.
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(read("stdin"), "hunter2\n");
        assert!(read("argv").contains("--p12-password-file\n/dev/stdin"), "{}", read("argv"));
        for shown in [read("argv"), read("env"), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap()] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    };
    run("one", &[], "TEMPER_P12_PASSWORD");
    run("two", &["--p12-password-env", "MY_PASSWORD"], "MY_PASSWORD");
}

#[test]
fn a_usage_string_is_set_in_a_binary_file_too() {
    let bench = Bench::new();
    let lab = lab::all().iter().find(|lab| lab.id == "no-usage-string").unwrap();
    let app = bench.unpacked(lab);
    let info = app.join("Contents/Info.plist");
    let value = plist::Value::from_file(&info).unwrap();
    value.to_file_binary(&info).unwrap();
    practice::sign_again(&app);
    let original: BTreeMap<PathBuf, Vec<u8>> = practice::tree(&app);
    let arguments = ["fix".as_ref(), app.as_os_str(), "--in-place".as_ref(), "--yes".as_ref()];
    let evidence = bench.evidence(lab);
    let refused = bench.temper(&[&arguments, &evidence]);
    assert!(refused.status.code() == Some(2) && refused.error().contains("--usage NSContactsUsageDescription="), "{}", refused.error());
    let fix = bench.temper(&[&arguments, &["--usage", "NSContactsUsageDescription=Grüße an Freunde"].map(OsStr::new), &evidence]);
    assert_eq!(fix.status.code(), Some(0), "{}{}", fix.error(), String::from_utf8_lossy(&fix.stdout));
    let bytes = std::fs::read(&info).unwrap();
    assert!(bytes.starts_with(b"bplist"));
    let value = plist::Value::from_file(&info).unwrap();
    let text = value.as_dictionary().unwrap()["NSContactsUsageDescription"].as_string().map(str::to_owned);
    assert_eq!(text.as_deref(), Some("Grüße an Freunde"));
    assert_eq!(bench.temper(&[&["undo".as_ref(), app.as_os_str()]]).status.code(), Some(0));
    assert_eq!(practice::tree(&app), original);
}

/// The stub is found by its name only when it stands in PATH; so that a Mac's own codesign is never run by a test.
#[test]
fn the_stub_stands_first_in_path() {
    let bench = Bench::new();
    let output = bench.command("sh").args(["-c", "command -v codesign"]).output().unwrap();
    assert!(Path::new(OsStr::from_bytes(output.stdout.trim_ascii())).starts_with(bench.folder()));
}
