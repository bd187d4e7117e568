//! Reports made by hand: one for each verdict, and one made of hostile strings.

use serde_json::{Map, Value, json};
use temper::report::*;

pub fn all() -> Vec<(&'static str, Report)> {
    vec![
        ("explained", explained()),
        ("other-cause", other_cause()),
        ("undetermined", undetermined()),
        ("at-risk", at_risk()),
        ("clear", clear()),
        ("hostile", hostile()),
    ]
}

pub fn explained() -> Report {
    Report {
        verdict: Verdict::Explained,
        evidence: vec![EvidenceItem {
            source: "report.crash".into(),
            kind: "crash-report",
            process: Some("Lumaplay".into()),
            uuid: Some("5F3C1B7E-0000-3000-8000-A1B2C3D4E5F6".into()),
            matches: "this-build",
            also: vec![],
        }],
        diagnoses: vec![jit(), library()],
        findings: vec![killed(), flips(), refused(), development_key()],
        entitlements: vec![entitlements("arm64"), entitlements("x86_64")],
        resources: vec![],
        code: vec![program("arm64"), program("x86_64"), plugin(), fine_library()],
        loads: vec![load("refused", "the library is signed by no team"), load("allowed", "same team")],
        spawn: vec![spawn("runs", "nothing in its signature stops it"), spawn("unknown", "its pages were not compared with its signature")],
        notary: vec![Notary {
            path: PROGRAM.into(),
            arch: Some("arm64"),
            message: "The signature does not include a secure timestamp.".into(),
        }],
        noise: (3..16)
            .map(|line| Noise { source: "log.txt".into(), line, why: "logged for every program without a profile".into() })
            .collect(),
        build_systems: vec![],
        gaps: vec![GapItem { path: String::new(), path_bytes: None, why: "notarization was not asked for: that needs a Mac".into() }],
        ..clear()
    }
}

pub fn other_cause() -> Report {
    let mut diagnosis = jit();
    diagnosis.cause = "not-signing";
    diagnosis.scenario = "not-signing".into();
    diagnosis.summary = "the program followed a null pointer; nothing in the report speaks of signing".into();
    diagnosis.mended_by = "user";
    diagnosis.rule = None;
    diagnosis.source = None;
    diagnosis.remedies = vec![Remedy { add_entitlements: vec![], ..remedy("recommended", "Look for the fault in the program", true) }];
    Report { verdict: Verdict::OtherCause, diagnoses: vec![diagnosis], ..explained() }
}

pub fn undetermined() -> Report {
    let mut diagnosis = jit();
    diagnosis.confidence = "possible";
    diagnosis.arch = None;
    diagnosis.subject = String::new();
    Report {
        verdict: Verdict::Undetermined,
        target: Target {
            path: String::new(),
            kind: "none",
            identifier: None,
            executable: None,
            hardened: None,
            signer: None,
            team: None,
            path_bytes: None,
        },
        diagnoses: vec![diagnosis],
        collect: vec![
            Collect {
                why: "what the system said while it happened".into(),
                argv: ["log", "show", "--last", "10m", "--info", "--predicate", "process == \"kernel\" OR process IN {\"amfid\",\"tccd\"}"]
                    .map(str::to_owned)
                    .to_vec(),
            },
            Collect { why: "the app itself".into(), argv: vec![] },
        ],
        ..explained()
    }
}

pub fn at_risk() -> Report {
    let mut other = library();
    other.remedies = jit().remedies;
    Report { verdict: Verdict::AtRisk, evidence: vec![], diagnoses: vec![jit(), other], ..explained() }
}

pub fn clear() -> Report {
    Report {
        schema: "temper-report/1",
        target: Target {
            path: "/Applications/Lumaplay.app".into(),
            path_bytes: None,
            kind: "app",
            identifier: Some("org.example.lumaplay".into()),
            executable: Some(PROGRAM.into()),
            hardened: Some(true),
            signer: Some("developer-id"),
            team: Some("N4W7PXQ29K".into()),
        },
        trust_anchor: "Apple".into(),
        verdict: Verdict::Clear,
        evidence: vec![],
        diagnoses: vec![],
        findings: vec![],
        entitlements: vec![],
        resources: vec![],
        code: vec![fine_library()],
        loads: vec![],
        spawn: vec![],
        notary: vec![],
        noise: vec![],
        collect: vec![],
        build_systems: vec![],
        gaps: vec![],
    }
}

/// Every string that can come from an inspected file holds what a terminal would obey.
pub fn hostile() -> Report {
    let evil = || "x\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}gpj\r\n\u{200b}\t\u{e0041}y".to_owned();
    let mut report = explained();
    report.target.path = evil();
    report.target.path_bytes = Some("eP8=".into());
    report.target.team = Some(evil());
    report.trust_anchor = evil();
    report.evidence.iter_mut().for_each(|item| (item.source, item.process) = (evil(), Some(evil())));
    for diagnosis in &mut report.diagnoses {
        (diagnosis.subject, diagnosis.summary, diagnosis.rule) = (evil(), evil(), Some(evil()));
        for remedy in &mut diagnosis.remedies {
            (remedy.on, remedy.also_on, remedy.title) = (Some(evil()), vec![evil()], evil());
            (remedy.why_not, remedy.explanation, remedy.weakens) = (remedy.why_not.as_ref().map(|_| evil()), Some(evil()), Some(evil()));
            (remedy.add_entitlements, remedy.remove_entitlements, remedy.add_info_plist) = (vec![evil()], vec![evil()], vec![evil()]);
            for step in &mut remedy.steps {
                (step.text, step.file, step.diff, step.argv) = (evil(), Some(evil()), Some(evil()), vec!["codesign".into(), evil()]);
            }
        }
    }
    for finding in &mut report.findings {
        (finding.message, finding.subject, finding.location.path, finding.location.place) = (evil(), evil(), evil(), evil());
        finding.proof.iter_mut().for_each(|proof| (proof.source, proof.quote) = (evil(), evil()));
    }
    for state in &mut report.entitlements {
        state.executable = evil();
        state.present = Map::from_iter([(evil(), json!(evil())), ("dict".into(), json!({ evil(): [evil()] }))]);
        state.missing = vec![evil()];
    }
    report.code.iter_mut().for_each(|code| (code.path, code.team) = (evil(), Some(evil())));
    report.loads.iter_mut().for_each(|load| (load.from, load.name, load.rule) = (evil(), evil(), evil()));
    report.spawn.iter_mut().for_each(|spawn| (spawn.executable, spawn.why) = (evil(), evil()));
    report.notary.iter_mut().for_each(|item| (item.path, item.message) = (evil(), evil()));
    report.noise.iter_mut().for_each(|item| (item.source, item.why) = (evil(), evil()));
    report.gaps.iter_mut().for_each(|gap| (gap.path, gap.why) = (evil(), evil()));
    report.collect = vec![Collect { why: evil(), argv: vec![evil(), evil()] }];
    report
}

const PROGRAM: &str = "Contents/MacOS/Lumaplay";
const LIBRARY: &str = "Contents/Frameworks/libluajit-5.1.2.dylib";
const PLUGIN: &str = "Contents/PlugIns/libfx.dylib";
const ALLOW_JIT: &str = "com.apple.security.cs.allow-jit";
const UNSIGNED_MEMORY: &str = "com.apple.security.cs.allow-unsigned-executable-memory";

fn jit() -> Diagnosis {
    let code = Remedy { needs_new_code: true, ..remedy("recommended", "Map generated code with MAP_JIT, and add allow-jit", true) };
    let no = Remedy {
        applies: false,
        why_not: Some("the Intel slice can be given a key for this".into()),
        ..remedy("alternative", "Turn the engine's JIT off", true)
    };
    let least = Remedy {
        least: true,
        add_entitlements: vec![UNSIGNED_MEMORY.into()],
        remove_entitlements: vec![ALLOW_JIT.into()],
        weakens: Some(
            "Unsigned code anywhere in memory may run: a flaw that lets an attacker write memory becomes one that lets him run code."
                .into(),
        ),
        steps: steps(),
        ..remedy("fallback", "Replace allow-jit by allow-unsigned-executable-memory", true)
    };
    Diagnosis {
        cause: "jit",
        scenario: "jit".into(),
        confidence: "certain",
        subject: PROGRAM.into(),
        arch: Some("x86_64"),
        summary: "macOS killed Lumaplay because it ran code that it had written into memory without MAP_JIT".into(),
        mended_by: "developer",
        findings: vec![0, 1],
        rule: Some("memory that was written may run only when it was mapped with MAP_JIT or the process may run unsigned memory".into()),
        source: Some("xnu: osfmk/vm/vm_fault.c".into()),
        remedies: vec![code, no, least],
    }
}

fn library() -> Diagnosis {
    Diagnosis {
        cause: "library-validation",
        scenario: "library-validation".into(),
        confidence: "likely",
        summary: "Lumaplay may not load libfx.dylib, which is signed by no team".into(),
        mended_by: "other-developer",
        findings: vec![2],
        remedies: vec![Remedy { least: true, ..remedy("recommended", "Sign the library with your own team", true) }],
        ..jit()
    }
}

fn remedy(rank: &'static str, title: &str, applies: bool) -> Remedy {
    Remedy {
        rank,
        least: false,
        applies,
        why_not: None,
        needs_new_code: false,
        title: title.into(),
        on: Some(PROGRAM.into()),
        also_on: vec![],
        add_entitlements: vec![],
        remove_entitlements: vec![],
        add_info_plist: vec![],
        weakens: None,
        explanation: Some("The engine writes pages and then makes them executable, without MAP_JIT. Only this key covers that.".into()),
        steps: vec![],
    }
}

fn steps() -> Vec<Step> {
    let diff = format!(
        "--- as signed\n+++ Lumaplay.entitlements\n@@ -4,3 +4,3 @@\n <dict>\n-\t<key>{ALLOW_JIT}</key>\n+\t<key>{UNSIGNED_MEMORY}</key>\n \t<true/>\n"
    );
    let identity = "Developer ID Application: Example (N4W7PXQ29K)";
    let argv = [
        "codesign",
        "--force",
        "--options",
        "runtime",
        "--timestamp",
        "--entitlements",
        "Lumaplay.entitlements",
        "--sign",
        identity,
        "It's mine.app",
    ];
    vec![
        Step { action: "edit", file: Some("Lumaplay.entitlements".into()), diff: Some(diff), argv: vec![], text: String::new() },
        Step {
            action: "run",
            file: None,
            diff: None,
            argv: argv.map(str::to_owned).to_vec(),
            text: "Sign the app again, from the inside out".into(),
        },
        Step {
            action: "manual",
            file: None,
            diff: None,
            argv: vec![],
            text: "Run the release build outside any debugger until generated code has run".into(),
        },
    ]
}

fn killed() -> Finding {
    let proof =
        |line, quote: &str| Proof { source: "report.crash".into(), line: Some(line), offset: None, address: None, quote: quote.into() };
    Finding {
        id: "killed-anonymous-page",
        kind: "symptom",
        subject: PROGRAM.into(),
        arch: Some("x86_64"),
        severity: "error",
        confidence: "certain",
        message: "killed by CODESIGNING 2 while executing anonymous r-x memory".into(),
        location: Location { path: "report.crash".into(), place: "line 9".into() },
        code: Some(-67061),
        proof: vec![
            proof(9, "Termination Reason:    Namespace CODESIGNING, Code 0x2"),
            proof(31, "VM_ALLOCATE   000000010a2f1000-000000010a2f5000 [   16K] r-x/rwx SM=PRV"),
        ],
    }
}

fn flips() -> Finding {
    Finding {
        id: "memory-flipped",
        kind: "need",
        message: "makes written memory executable without MAP_JIT".into(),
        location: Location { path: LIBRARY.into(), place: "x86_64, __TEXT,__text".into() },
        proof: vec![Proof {
            source: LIBRARY.into(),
            line: None,
            offset: Some(0x4c10),
            address: Some("0x4c10".into()),
            quote: "mprotect(…, r-x) on memory mapped without MAP_JIT".into(),
        }],
        ..killed()
    }
}

fn refused() -> Finding {
    Finding {
        id: "library-refused",
        kind: "defect",
        subject: PLUGIN.into(),
        arch: None,
        severity: "error",
        message: "signed ad hoc: there is no team to compare".into(),
        location: Location { path: PLUGIN.into(), place: "arm64".into() },
        proof: vec![],
        ..killed()
    }
}

fn development_key() -> Finding {
    Finding {
        id: "get-task-allow-shipped",
        kind: "lint",
        severity: "warning",
        message: "get-task-allow is in a build that is signed for distribution".into(),
        location: Location { path: PROGRAM.into(), place: "arm64, entitlements".into() },
        ..killed()
    }
}

fn entitlements(arch: &'static str) -> EntitlementState {
    let present: [(&str, Value); 3] = [
        (ALLOW_JIT, json!(true)),
        ("com.apple.security.get-task-allow", json!(true)),
        ("com.apple.security.application-groups", json!(["group.example"])),
    ];
    EntitlementState {
        executable: PROGRAM.into(),
        arch,
        present: present.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        needed: vec![UNSIGNED_MEMORY.into()],
        missing: vec![UNSIGNED_MEMORY.into()],
        excess: vec![ALLOW_JIT.into()],
        inert: vec![],
        redundant: vec![],
        ..EntitlementState::default()
    }
}

fn program(arch: &'static str) -> Code {
    Code {
        path: PROGRAM.into(),
        path_bytes: None,
        arch,
        file_type: "execute",
        flags: "0x10000".into(),
        flag_names: vec!["runtime"],
        identifier: Some("org.example.lumaplay".into()),
        team: Some("N4W7PXQ29K".into()),
        signer: "developer-id",
        authority: Some("Developer ID Application: Example (N4W7PXQ29K)".into()),
        runtime_version: Some("14.4.0".into()),
        cdhash: Some("0123456789abcdef0123456789abcdef01234567".into()),
        requirement: Some("identifier \"org.example.lumaplay\" and anchor apple generic".into()),
        constraints: vec![CodeConstraint {
            slot: 9,
            on: "parent",
            demands: Some("is-init-proc is true".into()),
            judgement: Some("depends"),
            against: None,
            why: vec!["is-init-proc must be true, which depends on who starts it".into()],
        }],
        uuid: Some("5F3C1B7E-0000-3000-8000-A1B2C3D4E5F6".into()),
        entitlements: vec![ALLOW_JIT.into()],
        hardened: true,
        signature: "valid",
        problems: vec!["get-task-allow-shipped"],
    }
}

fn plugin() -> Code {
    Code {
        path: PLUGIN.into(),
        file_type: "dylib",
        team: None,
        signer: "ad-hoc",
        authority: None,
        hardened: false,
        entitlements: vec![],
        problems: vec!["library-refused"],
        ..program("arm64")
    }
}

fn fine_library() -> Code {
    Code { path: LIBRARY.into(), file_type: "dylib", entitlements: vec![], problems: vec![], ..program("arm64") }
}

fn load(verdict: &'static str, rule: &str) -> Load {
    Load {
        from: PROGRAM.into(),
        executable: PROGRAM.into(),
        arch: "arm64",
        name: "@rpath/libfx.dylib".into(),
        to: Some(PLUGIN.into()),
        verdict,
        rule: rule.into(),
        kind: "plug-in",
        dangling: false,
    }
}

fn spawn(verdict: &'static str, why: &str) -> Spawn {
    Spawn { executable: PROGRAM.into(), arch: "arm64", verdict, why: why.into(), confidence: "certain", ..Spawn::default() }
}
