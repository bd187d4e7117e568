use crate::diagnose::{Change, diagnose};
use crate::evidence::sample;
use crate::evidence::{Evidence, Image};
use crate::policy::key;
use crate::read::callsites::{CallSite, Value};
use crate::read::cms::SignerKind;
use crate::read::entitlements::Value as Entry;
use crate::read::info_plist::InfoPlist;
use crate::read::macho::{Arch, FileType, Library, LinkKind, Undefined};
use crate::report::{EntitlementState, KeyReason, Report};

const DEMO: &str = "Contents/MacOS/Demo";

/// A hardened executable with these keys that imports these functions.
fn program(keys: &[&str], imports: &[&str]) -> Image {
    let mut image = sample::image(DEMO, FileType::Execute, Some(0), Some(0));
    let entries: Vec<(&str, Entry)> = keys.iter().map(|key| (*key, Entry::Bool(true))).collect();
    sample::entitle(&mut image, &entries);
    import(&mut image, imports);
    image
}

fn import(image: &mut Image, names: &[&str]) {
    let undefined = |name: &&str| Undefined { name: (*name).to_owned(), library: None, weak: false };
    image.macho.undefined.extend(names.iter().map(undefined));
    image.macho.undefined.sort_by(|a, b| a.name.cmp(&b.name));
}

fn calling(mut image: Image, callee: &str, arguments: Vec<Value>) -> Image {
    if !image.macho.imports(callee) {
        import(&mut image, &[callee]);
    }
    let address = 0x1000 + image.calls.calls.len() as u64 * 0x10;
    image.calls.calls.push(CallSite {
        callee: callee.into(),
        address,
        function: None,
        symbol: None,
        arguments,
        is_tail: false,
        via: Vec::new(),
    });
    image
}

fn mmap(image: Image, protection: Value, flags: Value) -> Image {
    calling(image, "_mmap", vec![Value::Unknown, Value::Unknown, protection, flags, Value::Unknown, Value::Unknown])
}

fn mprotect(image: Image, protection: Value) -> Image {
    calling(image, "_mprotect", vec![Value::Unknown, Value::Unknown, protection])
}

/// The app of the sample with this executable alone.
fn of(image: Image) -> Evidence {
    let mut evidence = sample::app();
    evidence.images = vec![image];
    evidence.bundles.truncate(1);
    evidence
}

fn with_usage(mut evidence: Evidence, key: &str) -> Evidence {
    evidence.bundles[0].info = Some(InfoPlist { usage: vec![(key.to_owned(), "to talk".to_owned())], ..InfoPlist::default() });
    evidence
}

fn report(evidence: &Evidence) -> Report {
    diagnose(evidence, &Change::default())
}

fn state(evidence: &Evidence) -> EntitlementState {
    report(evidence).entitlements.into_iter().find(|state| state.executable == DEMO).unwrap()
}

fn reason(state: &EntitlementState, key: &str) -> KeyReason {
    state.reasons.iter().find(|reason| reason.key == key).unwrap_or_else(|| panic!("{key} has no reason: {:?}", state.reasons)).clone()
}

const JIT: Value = Value::Known(0x1802);
const PLAIN: Value = Value::Known(0x1002);

#[test]
fn a_proven_need_is_missing_with_the_finding_that_proves_it() {
    let evidence = of(mmap(program(&[], &[]), Value::Known(7), JIT));
    let state = state(&evidence);
    assert_eq!((state.needed.as_slice(), state.missing.as_slice()), (&[key::ALLOW_JIT.to_owned()][..], &[key::ALLOW_JIT.to_owned()][..]));
    let reason = reason(&state, key::ALLOW_JIT);
    let report = report(&evidence);
    assert_eq!((reason.standing, report.findings[reason.findings[0]].id), ("missing", "maps-jit-memory"));
    assert!(report.findings[reason.findings[0]].proof[0].address.is_some() && reason.rule.is_some());
}

#[test]
fn a_capability_of_an_engine_is_perhaps_needed_and_never_missing() {
    let evidence = of(program(&[], &["_OBJC_CLASS_$_AVCaptureDevice", "_AVMediaTypeVideo"]));
    let found = state(&evidence);
    assert_eq!((found.missing.len(), found.needed.len()), (0, 0));
    assert_eq!(found.possible, [key::CAMERA]);
    assert_eq!(reason(&found, key::CAMERA).standing, "possible");
    // The Info.plist says what for: a second sign.
    let meant = state(&with_usage(evidence, "NSCameraUsageDescription"));
    assert_eq!((meant.missing.as_slice(), meant.possible.len()), (&[key::CAMERA.to_owned()][..], 0));
}

#[test]
fn a_key_is_excess_only_when_no_call_can_need_it() {
    let plain = |keys: &[&str]| mprotect(mmap(program(keys, &[]), Value::Known(3), PLAIN), Value::OneOf(vec![1, 3]));
    let found = state(&of(plain(&[key::ALLOW_JIT, key::UNSIGNED_MEMORY])));
    assert_eq!(found.excess, [key::ALLOW_JIT, key::UNSIGNED_MEMORY]);
    let why = reason(&found, key::ALLOW_JIT);
    assert!(why.why.contains("none of the 2 calls") && why.proof.iter().all(|proof| proof.address.is_some()), "{why:?}");
    // One call that is not known is enough to leave it open, and it is named.
    let open = state(&of(mprotect(plain(&[key::UNSIGNED_MEMORY]), Value::Unknown)));
    let why = reason(&open, key::UNSIGNED_MEMORY);
    assert_eq!((why.standing, open.excess.len()), ("undecided", 0));
    assert_eq!(why.proof[0].address.as_deref(), Some("0x1020"));
    // That call cannot be about MAP_JIT: the other key is ruled out all the same.
    let still = state(&of(mprotect(plain(&[key::ALLOW_JIT]), Value::Unknown)));
    assert_eq!(still.excess, [key::ALLOW_JIT]);
}

#[test]
fn code_that_is_not_known_keeps_a_key() {
    let holes: [Image; 5] = [
        calling(program(&[key::ALLOW_JIT], &[]), "_dlopen", vec![Value::Unknown, Value::Known(1)]),
        calling(program(&[key::ALLOW_JIT], &[]), "_dlsym", vec![Value::Unknown, Value::Unknown]),
        calling(program(&[key::ALLOW_JIT], &[]), "-[loadAndReturnError:]", vec![]),
        program(&[key::ALLOW_JIT], &["_NSAddImage"]),
        program(&[key::ALLOW_JIT], &["_mmap"]),
    ];
    for image in holes {
        let found = state(&of(image));
        assert_eq!(reason(&found, key::ALLOW_JIT).standing, "undecided", "{found:?}");
    }
    let told = calling(program(&[key::ALLOW_JIT], &[]), "_dlopen", vec![Value::Text("/usr/lib/libz.dylib".into()), Value::Known(1)]);
    assert_eq!(state(&of(told)).excess, [key::ALLOW_JIT]);
}

#[test]
fn a_library_that_is_not_there_keeps_a_key() {
    let mut image = program(&[key::ALLOW_JIT], &[]);
    image.macho.libraries.push(Library { name: "/opt/homebrew/lib/libx.dylib".into(), kind: LinkKind::Required });
    let why = reason(&state(&of(image)), key::ALLOW_JIT);
    assert!(why.standing == "undecided" && why.why.contains("libx.dylib"), "{why:?}");
}

#[test]
fn a_foreign_library_needs_the_key_and_signing_it_is_better() {
    let mut evidence = sample::app();
    let mut main = program(&[key::LIBRARY_VALIDATION], &[]);
    main.macho.libraries.push(Library { name: "@executable_path/../Frameworks/libx.dylib".into(), kind: LinkKind::Required });
    let mut foreign = sample::image("Contents/Frameworks/libx.dylib", FileType::Dylib, None, Some(0));
    sample::sign_as(&mut foreign, SignerKind::DeveloperId, None, Some("OTHER12345"));
    evidence.images = vec![foreign, main];
    let found = state(&evidence);
    let why = reason(&found, key::LIBRARY_VALIDATION);
    assert_eq!(why.standing, "needed");
    assert!(why.why.contains("libx.dylib") && why.instead.unwrap().starts_with("sign "), "{:?}", why.why);
    // Of the same team nothing is refused: the key is not needed.
    sample::sign_as(&mut evidence.images[0], SignerKind::DeveloperId, None, Some(sample::TEAM));
    assert_eq!(state(&evidence).excess, [key::LIBRARY_VALIDATION]);
}

#[test]
fn a_resource_key_stays_where_other_programs_may_ask() {
    let spawns = state(&of(program(&[key::CAMERA], &["_posix_spawn"])));
    assert_eq!(reason(&spawns, key::CAMERA).standing, "undecided");
    let alone = state(&of(program(&[key::CAMERA], &[])));
    assert_eq!(alone.excess, [key::CAMERA]);
    let uses = state(&of(program(&[key::CAMERA], &["_OBJC_CLASS_$_AVCaptureVideoDataOutput"])));
    assert_eq!(uses.needed, [key::CAMERA]);
}

#[test]
fn keys_of_the_sandbox_are_without_effect_outside_it() {
    let found = state(&of(program(&[key::MICROPHONE, "com.apple.security.network.client"], &[])));
    assert_eq!(found.inert, [key::MICROPHONE, "com.apple.security.network.client"]);
    assert!(reason(&found, key::MICROPHONE).why.contains("App Sandbox"));
    let sandboxed = state(&of(program(&[key::APP_SANDBOX, key::MICROPHONE], &[])));
    assert!(sandboxed.inert.is_empty(), "{:?}", sandboxed.inert);
}

#[test]
fn on_intel_one_broad_key_serves_for_all() {
    let mut both = mprotect(mmap(mmap(program(&[], &[]), Value::Known(3), PLAIN), Value::Known(7), Value::Known(0x1002)), Value::Known(5));
    both = mmap(both, Value::Known(7), JIT);
    both.macho.arch = Arch::X86_64;
    let found = state(&of(both));
    assert_eq!(found.missing, [key::UNSIGNED_MEMORY]);
}

#[test]
fn keys_that_are_dangerous_together_are_named() {
    let found = state(&of(program(&[key::DYLD_VARIABLES, key::LIBRARY_VALIDATION, key::CAMERA], &[])));
    let sets: Vec<Vec<String>> = found.together.iter().map(|set| set.keys.clone()).collect();
    assert_eq!(sets, [vec![key::DYLD_VARIABLES, key::LIBRARY_VALIDATION], vec![key::LIBRARY_VALIDATION, key::CAMERA]]);
    assert!(state(&of(program(&[key::DYLD_VARIABLES], &[]))).together.is_empty());
}

#[test]
fn a_helpers_request_is_held_against_the_app() {
    let mut evidence = with_usage(sample::app(), "NSMicrophoneUsageDescription");
    let mut helper = sample::image("Contents/MacOS/helper", FileType::Execute, None, Some(0));
    import(&mut helper, &["_OBJC_CLASS_$_AVAudioRecorder"]);
    evidence.images = vec![program(&[key::AUDIO_INPUT], &[]), helper];
    let rows = report(&evidence).resources;
    let row = rows.iter().find(|row| row.asks == "Contents/MacOS/helper").unwrap();
    assert_eq!((row.responsible.as_str(), row.entitled, row.verdict), (DEMO, true, "asks"));
    assert_eq!(row.usage_key.as_deref(), Some("NSMicrophoneUsageDescription"));
    evidence.images[0] = program(&[], &[]);
    assert_eq!(report(&evidence).resources[0].verdict, "refused");
}
