//! Examinations made by hand, for the tests of the face: one for each kind of answer.

use super::state::{FixOffer, Library, Tools};
use crate::Examination;
use crate::evidence::{Evidence, EvidenceText, Gap, Target, TargetKind, TextFacts};
use crate::fix::apply::{Step, StepKind};
use crate::fix::plan::{FileEdit, Plan};
use crate::fix::prove::{self, FileLine, Keys, Named, SignatureLine};
use crate::fix::sign::SignStep;
use crate::lab::Lab;
use crate::read::identity::{self, Identity};
use crate::recipe::Project;
use crate::report::{
    Code, Collect, Diagnosis, EntitlementState, EvidenceItem, Finding, GapItem, Load, Location, Noise, Proof, Remedy, Report, Spawn,
    Verdict,
};
use crate::scenario::{Answer, Interview, Question, Scenario};
use std::path::PathBuf;
use std::sync::LazyLock;

pub const APP: &str = "Contents/MacOS/Lumaplay";
pub const LUA: &str = "Contents/Frameworks/libluajit-5.1.2.dylib";
const FX: &str = "Contents/PlugIns/fx/libfx.dylib";
const JIT_KEY: &str = "com.apple.security.cs.allow-jit";
const MEMORY_KEY: &str = "com.apple.security.cs.allow-unsigned-executable-memory";

/// The text of the sample crash report: forty lines, the decisive ones 9 and 31.
pub fn crash_text() -> String {
    let line = |number: usize| match number {
        1 => "Process:               Lumaplay [4711]".to_owned(),
        2 => "Path:                  /Applications/Lumaplay.app/Contents/MacOS/Lumaplay".to_owned(),
        9 => "Termination Reason:    Namespace CODESIGNING, Code 0x2".to_owned(),
        12 => "Error: a line that looks bad \u{1b}[31mand tries to colour itself".to_owned(),
        20 => format!("a very long line {}", "abcdefghij ".repeat(30)),
        31 => "--> VM_ALLOCATE        10e5c4000-10e5d4000 [   64K] r-x/rwx SM=PRV".to_owned(),
        number => format!("line {number} of the report"),
    };
    (1..=40).map(|number| line(number) + "\n").collect()
}

fn proof(source: &str, line: Option<u32>, address: Option<&str>, quote: &str) -> Proof {
    Proof { source: source.into(), line, offset: None, address: address.map(Into::into), quote: quote.into() }
}

fn finding(id: &'static str, kind: &'static str, subject: &str, severity: &'static str, message: &str, proof: Vec<Proof>) -> Finding {
    let location = Location { path: proof.first().map_or(subject, |proof| proof.source.as_str()).into(), place: "arm64".into() };
    Finding {
        id,
        kind,
        subject: subject.into(),
        arch: Some("arm64"),
        severity,
        confidence: "certain",
        message: message.into(),
        location,
        code: None,
        proof,
    }
}

fn code(path: &str, file_type: &'static str, team: Option<&str>, keys: &[&str]) -> Code {
    Code {
        path: path.into(),
        path_bytes: None,
        arch: "arm64",
        file_type,
        flags: "0x10000".into(),
        flag_names: vec!["runtime"],
        identifier: Some("com.example.lumaplay".into()),
        team: team.map(Into::into),
        signer: if team.is_some() { "developer-id" } else { "ad-hoc" },
        authority: team.map(|team| format!("Developer ID Application: Example ({team})")),
        runtime_version: Some("14.2.0".into()),
        cdhash: Some("a3".repeat(20)),
        requirement: None,
        constraints: Vec::new(),
        uuid: None,
        entitlements: keys.iter().map(|key| (*key).into()).collect(),
        hardened: true,
        signature: "valid",
        problems: Vec::new(),
    }
}

fn remedy(rank: &'static str, title: &str) -> Remedy {
    Remedy {
        rank,
        least: false,
        applies: true,
        why_not: None,
        needs_new_code: false,
        title: title.into(),
        on: Some(APP.into()),
        also_on: Vec::new(),
        add_entitlements: Vec::new(),
        remove_entitlements: Vec::new(),
        add_info_plist: Vec::new(),
        weakens: None,
        explanation: None,
        steps: Vec::new(),
    }
}

fn report(verdict: Verdict) -> Report {
    Report {
        schema: "temper-report/1",
        target: crate::report::Target {
            path: "/build/Lumaplay.app".into(),
            path_bytes: None,
            kind: "app",
            identifier: Some("com.example.lumaplay".into()),
            executable: Some(APP.into()),
            hardened: Some(true),
            signer: Some("developer-id"),
            team: Some("N4W7PXQ29K".into()),
        },
        trust_anchor: "Apple".into(),
        verdict,
        evidence: Vec::new(),
        diagnoses: Vec::new(),
        findings: Vec::new(),
        entitlements: Vec::new(),
        code: vec![
            code(APP, "execute", Some("N4W7PXQ29K"), &[JIT_KEY]),
            code(LUA, "dylib", Some("N4W7PXQ29K"), &[]),
            code("Contents/Frameworks/libz.dylib", "dylib", Some("N4W7PXQ29K"), &[]),
            code("Contents/Helpers/render", "execute", Some("N4W7PXQ29K"), &[]),
            code(FX, "bundle", None, &[]),
        ],
        resources: Vec::new(),
        loads: vec![Load {
            from: APP.into(),
            executable: APP.into(),
            arch: "arm64",
            name: "@rpath/libluajit-5.1.2.dylib".into(),
            to: Some(LUA.into()),
            verdict: "allowed",
            rule: "same team".into(),
            kind: "required",
            dangling: false,
        }],
        spawn: vec![Spawn { executable: APP.into(), arch: "arm64", verdict: "runs", why: "nothing refuses it".into(), ..Spawn::default() }],
        notary: Vec::new(),
        noise: Vec::new(),
        collect: Vec::new(),
        build_systems: vec![],
        gaps: vec![GapItem { path: String::new(), path_bytes: None, why: "notarization needs a Mac".into() }],
    }
}

fn with_crash(mut report: Report, matches: &'static str) -> Examination {
    report.evidence = vec![EvidenceItem {
        source: "report.crash".into(),
        kind: "crash-report",
        process: Some("Lumaplay".into()),
        uuid: None,
        matches,
        also: Vec::new(),
    }];
    let mut examination = without_texts(report);
    examination.evidence.texts = vec![EvidenceText {
        source: "report.crash".into(),
        path: None,
        kind: "crash-report",
        facts: TextFacts::Log(Vec::new()),
        also: Vec::new(),
    }];
    examination
}

fn without_texts(report: Report) -> Examination {
    let mut evidence = Evidence::empty();
    evidence.target = Target {
        path: "/build/Lumaplay.app".into(),
        root: "/build/Lumaplay.app".into(),
        kind: TargetKind::App,
        identifier: Some("com.example.lumaplay".into()),
        executable: Some(APP.into()),
    };
    evidence.gaps = vec![Gap { path: PathBuf::new(), why: "notarization needs a Mac".into() }];
    Examination { evidence, report, project: None }
}

fn diagnosis(cause: &'static str, summary: &str, findings: Vec<usize>, remedies: Vec<Remedy>) -> Diagnosis {
    Diagnosis {
        cause,
        scenario: "jit".into(),
        confidence: "certain",
        subject: APP.into(),
        arch: Some("arm64"),
        summary: summary.into(),
        mended_by: "developer",
        findings,
        rule: Some("allow-jit is granted, but covers only memory mapped with MAP_JIT.".into()),
        source: Some("XNU, vm_fault_enter".into()),
        remedies,
    }
}

/// Certain: code generated at run time without MAP_JIT.
pub fn jit() -> Examination {
    let mut report = report(Verdict::Explained);
    report.findings = vec![
        finding(
            "ran-anonymous-page",
            "symptom",
            APP,
            "error",
            "macOS killed the process for code that belongs to no file.",
            vec![
                proof("report.crash", Some(9), None, "Termination Reason:    Namespace CODESIGNING, Code 0x2"),
                proof("report.crash", Some(31), None, "--> VM_ALLOCATE        10e5c4000-10e5d4000 [   64K] r-x/rwx SM=PRV"),
            ],
        ),
        finding(
            "makes-written-pages-executable",
            "need",
            LUA,
            "error",
            "LuaJIT makes memory executable that it has written.",
            vec![proof(LUA, None, Some("0x4c10"), "mprotect(…, PROT_READ|PROT_EXEC) on memory mapped without MAP_JIT")],
        ),
        finding("excess-entitlement", "lint", APP, "warning", "allow-jit is granted and nothing uses MAP_JIT.", vec![]),
        finding("old-sdk", "lint", APP, "note", "Built with the SDK of macOS 11.", vec![]),
        finding("unsigned-plugin", "lint", FX, "note", "The plug-in has no team.", vec![]),
    ];
    report.noise = vec![Noise { source: "report.crash".into(), line: 12, why: "every report of this kind has such a line".into() }];
    report.entitlements = vec![EntitlementState {
        executable: APP.into(),
        arch: "arm64",
        present: [(JIT_KEY.to_owned(), serde_json::Value::Bool(true))].into_iter().collect(),
        needed: vec![MEMORY_KEY.into()],
        missing: vec![MEMORY_KEY.into()],
        excess: vec![JIT_KEY.into()],
        inert: vec![],
        redundant: vec![],
        ..EntitlementState::default()
    }];
    let adopt = Remedy {
        needs_new_code: true,
        explanation: Some("Memory mapped with MAP_JIT may be written and executed in turn; allow-jit then is enough.".into()),
        ..remedy("recommended", "Build LuaJIT with MAP_JIT; allow-jit is enough then")
    };
    let sandbox = Remedy {
        applies: false,
        why_not: Some("the faulting page belongs to no file, so no patching of code is involved".into()),
        ..remedy("alternative", "Stop patching code of other images")
    };
    let allow = Remedy {
        least: true,
        add_entitlements: vec![MEMORY_KEY.into()],
        remove_entitlements: vec![JIT_KEY.into()],
        weakens: Some("unsigned code anywhere in memory may run".into()),
        explanation: Some("Pages that were written may be executed, wherever they lie.".into()),
        ..remedy("fallback", "Allow unsigned executable memory")
    };
    let summary = "macOS killed Lumaplay because it ran code it had generated in memory that was not mapped for it.";
    report.diagnoses = vec![diagnosis("jit", summary, vec![0, 1], vec![adopt, sandbox, allow])];
    with_crash(report, "this-build")
}

/// The same app after the walk: nothing is left.
pub fn mended() -> Examination {
    without_texts(report(Verdict::Clear))
}

/// Two diagnoses without evidence: a plug-in of nobody's team is refused, and the camera lacks its usage string.
pub fn library_validation() -> Examination {
    let mut report = report(Verdict::AtRisk);
    report.findings = vec![
        finding(
            "library-refused",
            "need",
            FX,
            "error",
            "libfx.dylib has no team.",
            vec![proof(FX, None, None, "flags=0x2(adhoc) TeamIdentifier=not set")],
        ),
        finding(
            "camera-used",
            "need",
            APP,
            "warning",
            "AVCaptureDevice is used.",
            vec![proof(APP, None, Some("0x100008a40"), "_OBJC_CLASS_$_AVCaptureDevice")],
        ),
    ];
    report.loads.push(Load {
        from: APP.into(),
        executable: APP.into(),
        arch: "arm64",
        name: "libfx.dylib".into(),
        to: Some(FX.into()),
        verdict: "refused",
        rule: "it has no team".into(),
        kind: "plug-in",
        dangling: false,
    });
    let sign = Remedy { least: true, on: Some(FX.into()), ..remedy("recommended", "Sign the library with the app's own team") };
    let usage = Remedy {
        least: true,
        add_entitlements: vec!["com.apple.security.device.camera".into()],
        add_info_plist: vec!["NSCameraUsageDescription".into()],
        weakens: Some("the app may ask for the camera".into()),
        ..remedy("recommended", "Declare the camera")
    };
    let mut camera = diagnosis(
        "protected-resource",
        "The camera will be refused: its entitlement and its usage string are missing.",
        vec![1],
        vec![usage],
    );
    camera.confidence = "likely";
    let mut library =
        diagnosis("library-validation", "Lumaplay will not load libfx.dylib: it is not signed by the app's team.", vec![0], vec![sign]);
    library.rule = Some("Library validation admits Apple's code and code of the same team.".into());
    report.diagnoses = vec![library, camera];
    without_texts(report)
}

/// A crash with another cause.
pub fn other_cause() -> Examination {
    let mut report = report(Verdict::OtherCause);
    report.findings = vec![
        finding(
            "null-pointer",
            "symptom",
            APP,
            "error",
            "The process read address 0x8: a pointer was null.",
            vec![proof("report.crash", Some(9), None, "KERN_INVALID_ADDRESS at 0x0000000000000008")],
        ),
        finding("no-codesigning-namespace", "symptom", APP, "note", "The report names no CODESIGNING termination.", vec![]),
        finding("process-valid", "symptom", APP, "note", "The process was still CS_VALID when it died.", vec![]),
    ];
    let mut other =
        diagnosis("not-signing", "Lumaplay used a null pointer; signature and hardened runtime have no part in it.", vec![0, 1, 2], vec![]);
    other.rule = None;
    report.diagnoses = vec![other];
    with_crash(report, "another-build")
}

/// Evidence that does not decide.
pub fn undetermined() -> Examination {
    let mut report = report(Verdict::Undetermined);
    report.collect = vec![
        Collect {
            why: "The log of the moment it failed: the kernel says there why it killed the process.".into(),
            argv: ["log", "show", "--last", "10m", "--predicate", "process == \"kernel\""].map(Into::into).into(),
        },
        Collect { why: "The crash report of this build, from Console, Crash Reports.".into(), argv: vec![] },
    ];
    with_crash(report, "unknown")
}

/// Somebody else's app: its user cannot mend it.
pub fn somebody_else() -> Examination {
    let mut examination = jit();
    if let Some(diagnosis) = examination.report.diagnoses.first_mut() {
        diagnosis.mended_by = "other-developer";
    }
    examination
}

/// Names and quotes that try to move the cursor and to reorder the line, and one of wide characters.
pub fn hostile() -> Examination {
    let mut examination = jit();
    let nasty = "\u{1b}]52;c;aGk=\u{7}\u{1b}[2Jevil\r\n\u{202e}gpj.exe\u{200b}";
    if let Some(diagnosis) = examination.report.diagnoses.first_mut() {
        diagnosis.summary = format!("{nasty} 日本語の名前はとても長い名前で端末の幅を超えることもあるのです");
        diagnosis.subject = format!("Contents/MacOS/{nasty}");
    }
    for finding in &mut examination.report.findings {
        finding.message = nasty.into();
        for proof in &mut finding.proof {
            proof.quote = nasty.into();
        }
    }
    examination.report.target.path = format!("/x/{nasty}.app");
    examination.report.code[1].path = format!("Contents/Frameworks/{nasty}");
    examination.report.gaps[0].why = nasty.into();
    examination
}

/// The plan for the least remedy of [`jit`].
pub fn plan() -> Plan {
    let after = format!("<dict>\n\t<key>{MEMORY_KEY}</key>\n\t<true/>\n</dict>\n");
    let before = format!("<dict>\n\t<key>{JIT_KEY}</key>\n\t<true/>\n</dict>\n");
    let diff = format!(
        "--- Lumaplay.entitlements\n+++ Lumaplay.entitlements\n@@ -1,4 +1,4 @@\n <dict>\n-\t<key>{JIT_KEY}</key>\n+\t<key>{MEMORY_KEY}</key>\n \t<true/>\n </dict>\n"
    );
    let edit = FileEdit {
        executable: APP.into(),
        file: "Lumaplay.entitlements".into(),
        before,
        after,
        diff,
        from: "as signed, 1 key".into(),
        warnings: vec![],
    };
    let argv = [
        "codesign",
        "--force",
        "--options",
        "runtime",
        "--timestamp",
        "--entitlements",
        "Lumaplay.entitlements",
        "--sign",
        "Developer ID Application: Example",
        "/build/Lumaplay.app",
    ];
    Plan {
        edits: vec![edit],
        after: vec![],
        info_plist: vec![],
        manual: vec![],
        sign: vec![
            SignStep {
                object: LUA.into(),
                argv: ["codesign", "--force", "--sign", "ID", LUA].map(Into::into).into(),
                entitlements: None,
                why: "library of another team".into(),
                ..SignStep::default()
            },
            SignStep {
                object: PathBuf::new(),
                argv: argv.map(Into::into).into(),
                entitlements: Some("Lumaplay.entitlements".into()),
                why: "holds a changed object".into(),
                ..SignStep::default()
            },
        ],
        check: vec![["codesign", "--verify", "--strict", "/build/Lumaplay.app"].map(Into::into).into()],
        cautions: vec!["signing again voids the notarization ticket".into()],
    }
}

/// What the fix by [`plan`] would do.
pub fn offer() -> FixOffer {
    let step = |kind, text: &str, diff: &str| Step { kind, text: text.into(), diff: diff.into() };
    let sign = |sign: &SignStep| {
        let exact = sign.argv.iter().map(Into::into).collect();
        let object = sign.argv.last().cloned().unwrap_or_default();
        step(StepKind::Sign(Box::new(SignStep { exact, ..sign.clone() })), &format!("Sign {object}: {}", sign.why), "")
    };
    let plan = plan();
    let edit = &plan.edits[0];
    let write = StepKind::Write(edit.file.clone(), edit.after.clone());
    let mut steps = vec![
        step(StepKind::Copy, "Copy Lumaplay.app; the steps work on the copy", ""),
        step(write, "Write Lumaplay.entitlements for Contents/MacOS/Lumaplay (as signed, 1 key)", &edit.diff),
    ];
    steps.extend(plan.sign.iter().map(sign));
    steps.push(step(StepKind::Place, "Put the copy to /build/mended/Lumaplay.app", ""));
    FixOffer {
        signer: "codesign",
        identity: "Developer ID Application: Example (the one in use)".into(),
        app: "/build/mended/Lumaplay.app".into(),
        way_back: "/build/mended/.temper-fix-1".into(),
        folder: "/build/mended/.temper-fix-1/work".into(),
        steps,
        cautions: plan.cautions,
    }
}

/// What the keychain says: one that is fit, one to be careful with, one that has expired, and one with a hostile name.
pub fn identities() -> Vec<Identity> {
    let list = "  1) 0A1B2C3D4E5F60718293A4B5C6D7E8F901234567 \"Developer ID Application: Example (EXAMPLE001)\"\n  \
                2) 89ABCDEF0123456789ABCDEF0123456789ABCDEF \"Apple Development: Jo Doe (C3X9K2PLM4)\"\n  \
                3) 1A2B3C4D5E6F708192A3B4C5D6E7F8091A2B3C4D \"Developer ID Application: Example (EXAMPLE001)\" (CSSMERR_TP_CERT_EXPIRED)\n  \
                4) FFFFCDEF0123456789ABCDEF0123456789ABCDEF \"-\u{1b}[2J\u{202e}evil\"\n";
    identity::keychain(list.as_bytes())
}

/// A machine with both programs that sign, and a keychain.
pub fn tools() -> Tools {
    Tools { codesign: true, rcodesign: true, security: Some("/usr/bin/security".into()) }
}

/// The proof of that fix.
pub fn proved() -> prove::Proof {
    let signature = |path: &str| SignatureLine {
        path: path.into(),
        arch: "arm64",
        before: "valid".into(),
        after: "valid".into(),
        signer: "Developer ID Application: Example".into(),
        same_code: true,
    };
    let file = |path: &str, why: &str| FileLine {
        path: path.into(),
        change: "changed",
        before: Some("a1".repeat(32)),
        after: Some("b2".repeat(32)),
        why: Some(why.into()),
    };
    let diagnosis = &jit().report.diagnoses[0];
    prove::Proof {
        schema: "temper-proof/1",
        app: "/build/mended/Lumaplay.app".into(),
        holds: true,
        mended: Named {
            cause: "jit".into(),
            scenario: "jit".into(),
            subject: APP.into(),
            summary: diagnosis.summary.clone(),
            confidence: "certain".into(),
        },
        remedy: "Allow unsigned executable memory".into(),
        gone: true,
        shown_by_bytes: true,
        new: vec![],
        other: vec![],
        notary: vec![],
        keys: vec![Keys {
            executable: APP.into(),
            arch: "arm64",
            landed: vec![MEMORY_KEY.into()],
            removed: vec![JIT_KEY.into()],
            dropped: vec![],
            unasked: vec![],
            kept: 2,
        }],
        files: vec![file(APP, "it was signed"), file("Contents/_CodeSignature/CodeResources", "the seal of what was signed")],
        same_files: 41,
        signatures: vec![signature(APP), signature(LUA)],
        faults: vec![],
        steps: vec![],
    }
}

/// A proof of a fix that went wrong.
pub fn bad_proof() -> prove::Proof {
    let mut proof = prove::Proof { holds: false, gone: false, ..proved() };
    proof.keys[0].dropped = proof.keys[0].landed.drain(..).collect();
    proof.files.push(FileLine {
        path: "Contents/Resources/art".into(),
        change: "removed",
        before: Some("c3".repeat(32)),
        after: None,
        why: None,
    });
    proof.signatures[1].after = "invalid".into();
    proof.notary = vec!["Contents/MacOS/Lumaplay: no secure timestamp".into()];
    proof
}

/// [`jit`] in a project of electron-builder, with a change of its configuration.
pub fn project() -> Examination {
    let mut examination = jit();
    let package = "{\n  \"name\": \"lumaplay\",\n  \"devDependencies\": { \"electron-builder\": \"25\" }\n}\n";
    let builder = "appId: com.example.lumaplay\nmac:\n  hardenedRuntime: true\n";
    let project = Project::of("/p".as_ref(), true, &[("package.json", package), ("electron-builder.yml", builder)]);
    crate::recipe::fill(&examination.evidence, Some(&project), &mut examination.report);
    examination.project = Some(project);
    examination
}

/// Words of the samples.
pub fn library() -> Library {
    static SCENARIOS: LazyLock<Vec<Scenario>> = LazyLock::new(|| vec![scenario()]);
    static INTERVIEW: LazyLock<Interview> = LazyLock::new(interview);
    static LABS: [Lab; 2] = [
        Lab {
            id: "sketchbook",
            title: "A plug-in that is not loaded",
            story: "Mara's drawing app lost its brushes when she hardened it.",
            cause: "library-validation",
            bundle: "Sketchbook.app",
            files: &[],
            evidence: &[],
        },
        Lab {
            id: "lumaplay",
            title: "A player that dies at once",
            story: "Lumaplay runs Lua scripts, and dies since it is hardened.",
            cause: "jit",
            bundle: "Lumaplay.app",
            files: &[],
            evidence: &[],
        },
    ];
    Library { scenarios: &SCENARIOS, interview: &INTERVIEW, labs: &LABS }
}

fn interview() -> Interview {
    let answer = |text: &str, next: Option<&str>, scenario: Option<&str>| Answer {
        text: text.into(),
        next: next.map(Into::into),
        scenario: scenario.map(Into::into),
    };
    Interview {
        start: "when".into(),
        questions: vec![
            Question {
                id: "when".into(),
                ask: "When does it break?".into(),
                how: "Start the app from a terminal:\n./Demo.app/Contents/MacOS/Demo".into(),
                answers: vec![answer("It dies at once", Some("jit"), None), answer("A plug-in is missing", None, Some("jit"))],
            },
            Question {
                id: "jit".into(),
                ask: "Does it generate code while it runs?".into(),
                how: "An engine for JavaScript, Lua or Java does.".into(),
                answers: vec![answer("Yes", None, Some("jit")), answer("I do not know", None, Some("jit"))],
            },
        ],
    }
}

fn scenario() -> Scenario {
    let text = r#"
        cause = "jit"
        title = "Code is generated at run time"
        issue = "My app runs non-native code with a JIT, and crashes once it is hardened."
        document_issue = 1
        why = "A hardened process may not execute memory that was written\nand that no signature covers.\n\nThe exception is memory mapped with MAP_JIT."
        not_this = "A crash at address 0 is a null pointer."
        prove = "Run the release build and use a script."
        sources = ["Apple, Hardened Runtime"]
        [[remedy]]
        id = "adopt"
        rank = "recommended"
        title = "Map the memory with MAP_JIT and grant allow-jit"
        explanation = "Memory mapped with MAP_JIT may be written and executed in turn."
        needs_new_code = true
        add_entitlements = ["com.apple.security.cs.allow-jit"]
        weakens = "the app may run code it generates"
        [[remedy]]
        id = "allow"
        rank = "fallback"
        title = "Allow unsigned executable memory"
        explanation = "Memory mapped with MAP_JIT may be written and executed in turn."
        may_be_least = true
        add_entitlements = ["com.apple.security.cs.allow-unsigned-executable-memory"]
        weakens = "unsigned code anywhere in memory may run"
    "#;
    let scenario: Scenario = toml::from_str(text).expect("the text above is a scenario");
    Scenario { id: "jit".into(), ..scenario }
}
