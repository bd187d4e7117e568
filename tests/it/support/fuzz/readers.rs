//! The door to every reader, as hostile bytes meet it. The fuzz targets and the seeded mutations in `cargo test` go through the same doors.

use temper::policy::constraint::{Subject, demands, judge as judge_constraint};
use temper::read::cms::{self, TrustAnchors};
use temper::read::macho::{self, Slices};
use temper::read::requirement::{self, Facts};
use temper::read::signature::{self, Signature};
use temper::read::source::Window;
use temper::read::{Source, callsites, code_resources, crash, entitlements, fixups, info_plist, log, profile};

/// A reader: its name, which is the name of the fuzz target, and its door.
pub type Reader = (&'static str, fn(&[u8]));

/// Every reader.
pub const READERS: [Reader; 14] = [
    ("macho", macho),
    ("callsites", call_sites),
    ("superblob", superblob),
    ("code_directory", code_directory),
    ("der", der),
    ("constraint", constraint),
    ("entitlements", entitlements_file),
    ("cms", cms),
    ("requirement", requirement),
    ("plist", plist),
    ("code_resources", code_resources),
    ("profile", profile),
    ("crash", crash),
    ("log", log),
];

/// Slices, load commands, symbols and bindings of a thin or universal file.
pub fn macho(bytes: &[u8]) {
    for_slices(bytes, |window| {
        if let Ok(macho) = macho::read(window) {
            fixups::read(window, &macho);
        }
    });
}

/// Calls of a thin or universal file.
pub fn call_sites(bytes: &[u8]) {
    for_slices(bytes, |window| {
        if let Ok(macho) = macho::read(window) {
            callsites::find(window, &macho, &fixups::read(window, &macho));
        }
    });
}

fn for_slices(bytes: &[u8], read: impl Fn(&dyn Source)) {
    macho::looks_like_macho(bytes);
    let slices = macho::slices(&bytes.to_vec()).unwrap_or(Slices { universal: false, slices: Vec::new(), faults: Vec::new() });
    let source = bytes.to_vec();
    for slice in slices.slices.iter().take(4) {
        if let Some(window) = Window::new(&source, slice.offset, slice.size) {
            read(&window);
        }
    }
}

/// The embedded signature with everything in it.
pub fn superblob(bytes: &[u8]) {
    if let Ok(signature) = signature::read(bytes) {
        said(&signature);
    }
}

/// One CodeDirectory, and its pages against these same bytes.
pub fn code_directory(bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let header = [0xfade_0cc0, length.saturating_add(20), 1, 0, 20];
    let mut superblob: Vec<u8> = header.iter().flat_map(|word: &u32| word.to_be_bytes()).collect();
    superblob.extend(bytes);
    if let Ok(signature) = signature::read(&superblob) {
        said(&signature);
        for directory in &signature.directories {
            let _ = signature::check_pages(&bytes.to_vec(), directory);
        }
    }
}

fn said(signature: &Signature) {
    for directory in &signature.directories {
        directory.flags.names();
    }
    if let Some(Ok(set)) = &signature.requirement_set {
        let _ = set.to_string();
    }
    if let Some(cms) = &signature.cms {
        judge(cms);
    }
}

fn judge(cms: &cms::Cms) {
    let anchors = TrustAnchors { extra: vec![temper::lab::anchor()] };
    cms::judge(cms, &anchors);
    cms::trusted_chain(&cms.chain, &anchors);
    cms::timestamp_chain(cms, &anchors);
    cms.was_valid_when_stamped();
}

/// Entitlements in DER form.
pub fn der(bytes: &[u8]) {
    let _ = entitlements::read_der(bytes);
    entitlements::read_embedded(None, Some(bytes));
}

/// A launch or library constraint, what it says, and what it comes to.
pub fn constraint(bytes: &[u8]) {
    let read = signature::constraint::read(bytes);
    if let Ok(constraint) = &read {
        demands(constraint);
    }
    judge_constraint(&read, &Subject::Launchd);
    judge_constraint(&read, &Subject::Starter);
}

/// Entitlements as XML: a file, and embedded.
pub fn entitlements_file(bytes: &[u8]) {
    entitlements::looks_like_plist(bytes);
    entitlements::read_file(bytes);
    entitlements::read_embedded(Some(bytes), Some(&[0x70, 5, 2, 1, 1, 0xb0, 0]));
}

/// The CMS wrapper, its chain and its timestamp.
pub fn cms(bytes: &[u8]) {
    if let Ok(read) = cms::read(bytes, &[b"a directory", b"another directory"]) {
        judge(&read);
    }
    let _ = cms::content(bytes);
    let _ = cms::read_anchor(bytes);
}

/// A requirement, a set of them, and a requirement's text. What was read must be printed as a text that can be read.
pub fn requirement(bytes: &[u8]) {
    let blob = requirement::read(bytes).ok();
    let set = requirement::read_set(bytes).ok();
    let text = requirement::parse(&temper::read::lossy(bytes)).ok();
    for requirement in [blob, text].iter().flatten() {
        let known = Facts {
            identifier: Some("com.example"),
            cdhashes: &[[1; 20]],
            platform: Some(0),
            chain_is_complete: true,
            info: Some(&[]),
            entitlements: Some(&[]),
            ..Facts::default()
        };
        requirement.evaluate(&Facts::default());
        requirement.evaluate(&known);
        let _ = requirement::parse(&requirement.to_string());
    }
    if let Some(set) = set {
        let _ = set.to_string();
        set.designated();
    }
}

/// Info.plist, XML or binary.
pub fn plist(bytes: &[u8]) {
    let _ = info_plist::read(bytes);
    let _ = requirement::info_values(bytes);
}

/// The seal of a bundle, and its rules on paths.
pub fn code_resources(bytes: &[u8]) {
    let Ok(read) = code_resources::read_bytes(bytes) else { return };
    read.has_weak_rules();
    let Some(rules) = read.active_rules() else { return };
    let paths = ["Resources/en.lproj/Main.strings", "Frameworks/a.framework", "x/.DS_Store", "", "\u{e9}\n"];
    for path in paths.into_iter().chain(read.entries().iter().take(16).map(|entry| entry.path.as_str())) {
        rules.classify(path, false);
        rules.classify(path, true);
        rules.classify_folder(path);
        read.find(path);
    }
    rules.unsupported().chain(rules.custom_omissions()).count();
}

/// A provisioning profile.
pub fn profile(bytes: &[u8]) {
    let Ok(read) = profile::read(bytes) else { return };
    read.is_intact();
    read.authorises("com.apple.developer.team-identifier", &entitlements::Value::String("TEAM".into()));
    read.is_for_application("TEAM.com.example");
    read.has_certificate(&[0; 32]);
    read.is_for_device("00008103-0000000000000000");
    read.is_valid_at(0);
    judge(&read.cms);
}

/// A crash report, text or JSON, and what its words say.
pub fn crash(bytes: &[u8]) {
    let text = temper::read::lossy(bytes);
    crash::looks_like_crash(&text);
    if let Ok(report) = crash::read(&text) {
        log::read_report(&report);
    }
}

/// A log.
pub fn log(bytes: &[u8]) {
    let text = temper::read::lossy(bytes);
    log::kind_of(bytes);
    log::read(&text);
    log::read_message(&text);
    log::read_dyld(&text);
}
