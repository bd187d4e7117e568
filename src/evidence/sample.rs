//! An app for tests: a hardened Developer ID app with a helper, a framework, a foreign library in it, and a bundle of resources.

use crate::evidence::{Bundle, Evidence, Image, SignatureFacts, Signed, Target, TargetKind};
use crate::read::callsites::CallSites;
use crate::read::cms::{Signer, SignerKind};
use crate::read::entitlements::{Entitlements, Value};
use crate::read::macho::{Arch, FileType, MachO};
use crate::read::signature::{CodeDirectory, CodeSignatureFlags, CodeSlots, HashType, Signature};

pub const TEAM: &str = "TEAM123456";
pub const NAME: &str = "Developer ID Application: Ann (TEAM123456)";

/// Indexes of the images of [`app`].
pub const KIT: usize = 0;
pub const FOREIGN: usize = 1;
pub const MAIN: usize = 2;
pub const HELPER: usize = 3;

pub fn app() -> Evidence {
    let mut foreign = image("Contents/Frameworks/Kit.framework/Versions/A/Libraries/libx.dylib", FileType::Dylib, None, Some(1));
    sign_as(&mut foreign, SignerKind::DeveloperId, Some("Developer ID Application: Bob (OTHER12345)"), Some("OTHER12345"));
    let mut evidence = Evidence::empty();
    evidence.target = Target {
        path: "build/Demo.app".into(),
        root: "build/Demo.app".into(),
        kind: TargetKind::App,
        identifier: Some("org.example.demo".into()),
        executable: Some("Contents/MacOS/Demo".into()),
    };
    evidence.images = vec![
        image("Contents/Frameworks/Kit.framework/Versions/A/Kit", FileType::Dylib, Some(1), Some(1)),
        foreign,
        image("Contents/MacOS/Demo", FileType::Execute, Some(0), Some(0)),
        image("Contents/MacOS/helper", FileType::Execute, None, Some(0)),
    ];
    evidence.bundles = vec![
        bundle("", TargetKind::App, Some("Contents/MacOS/Demo")),
        bundle("Contents/Frameworks/Kit.framework", TargetKind::Framework, Some("Contents/Frameworks/Kit.framework/Versions/A/Kit")),
        bundle("Contents/Resources/Art.bundle", TargetKind::Bundle, None),
    ];
    evidence
}

fn bundle(path: &str, kind: TargetKind, executable: Option<&str>) -> Bundle {
    let info_path = std::path::Path::new(path).join("Contents/Info.plist");
    let has_seal = executable.is_some();
    Bundle {
        path: path.into(),
        kind,
        info_path,
        info: None,
        executable: executable.map(Into::into),
        has_profile: false,
        profile: None,
        has_seal,
    }
}

pub fn image(path: &str, file_type: FileType, main_of: Option<usize>, bundle: Option<usize>) -> Image {
    let runtime = if file_type == FileType::Execute { CodeSignatureFlags::RUNTIME } else { 0 };
    Image {
        path: path.into(),
        slice: 0,
        universal: false,
        macho: macho(file_type),
        signed: Signed::Yes(Box::new(facts(runtime))),
        calls: CallSites::default(),
        strings: Vec::new(),
        main_of,
        bundle,
        quarantine: None,
    }
}

pub fn facts_of(image: &mut Image) -> &mut SignatureFacts {
    match &mut image.signed {
        Signed::Yes(facts) => facts,
        _ => panic!("the sample is signed"),
    }
}

pub fn sign_as(image: &mut Image, kind: SignerKind, name: Option<&str>, team: Option<&str>) {
    facts_of(image).signer = Signer { kind, name: name.map(Into::into), team: team.map(Into::into), anchor: None, problem: None };
}

pub fn set_flags(image: &mut Image, flags: u32) {
    facts_of(image).signature.directories[0].flags = CodeSignatureFlags(flags);
}

pub fn entitle(image: &mut Image, entries: &[(&str, Value)]) {
    let entries = entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    facts_of(image).signature.entitlements = Some(Entitlements { entries, ..Entitlements::default() });
}

fn facts(flags: u32) -> SignatureFacts {
    let directory = CodeDirectory {
        slot: 0,
        version: 0x20500,
        flags: CodeSignatureFlags(flags),
        identifier: "org.example".into(),
        team: Some(TEAM.into()),
        hash_type: HashType::Sha256,
        hash_size: 32,
        platform: 0,
        page_size: 12,
        code_limit: 0,
        code_slots: CodeSlots::default(),
        special_slots: Vec::new(),
        exec_segment: None,
        runtime_version: None,
        cdhash: [0; 20],
        digest: Vec::new(),
        length: 0,
    };
    let signature = Signature {
        blobs: Vec::new(),
        directories: vec![directory],
        chosen: 0,
        entitlements: None,
        cms: None,
        requirements: Some(1),
        constraints: Vec::new(),
        bad_slots: Vec::new(),
        slot_faults: vec![Vec::new()],
        requirement_set: None,
        faults: Vec::new(),
    };
    let signer = Signer { kind: SignerKind::DeveloperId, name: Some(NAME.into()), team: Some(TEAM.into()), anchor: None, problem: None };
    SignatureFacts::new(signature, signer)
}

fn macho(file_type: FileType) -> MachO {
    MachO {
        arch: Arch::Arm64,
        is_64: true,
        file_type,
        flags: 0,
        uuid: None,
        platform: Some(1),
        min_os: None,
        sdk: None,
        install_name: None,
        libraries: Vec::new(),
        rpaths: Vec::new(),
        dyld_environment: Vec::new(),
        segments: Vec::new(),
        sections: Vec::new(),
        undefined: Vec::new(),
        signature: None,
        function_starts: None,
        has_symbols: true,
        info_plist: None,
        faults: Vec::new(),
    }
}
