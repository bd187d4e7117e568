//! Practice apps: small real apps with a fault, embedded, for the first run and for newcomers.
//!
//! Their sources, and what builds and signs them, lie in `scenarios/labs`. They are signed under a practice root that counts in their own
//! requests only.

use crate::read::cms::TrustAnchors;
use crate::scan::Request;
use crate::system::System;
use std::io;
use std::path::{Path, PathBuf};

/// A practice app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lab {
    /// Kebab-case id, the folder's name in `scenarios/labs`.
    pub id: &'static str,
    /// Title.
    pub title: &'static str,
    /// The story: who has what trouble.
    pub story: &'static str,
    /// Cause id that is the right answer.
    pub cause: &'static str,
    /// Name of the bundle folder ("Sketchbook.app").
    pub bundle: &'static str,
    /// Files of the bundle: (relative path, bytes, executable).
    pub files: &'static [(&'static str, &'static [u8], bool)],
    /// Evidence: (name, text).
    pub evidence: &'static [(&'static str, &'static str)],
}

/// Path of a file below `scenarios/labs`, for the compiler.
macro_rules! embedded {
    ($($part:literal),+) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/labs/", $($part),+)
    };
}

/// Files of a bundle: `data` or `program`, then the path in the bundle.
macro_rules! files {
    ($folder:literal: $($kind:ident $path:literal),+ $(,)?) => {
        &[$(($path, include_bytes!(embedded!($folder, "/", $path)), files!(@ $kind))),+]
    };
    (@ data) => { false };
    (@ program) => { true };
}

/// Evidence texts of a practice app.
macro_rules! evidence {
    ($id:literal: $($name:literal),+) => {
        &[$(($name, include_str!(embedded!($id, "/evidence/", $name)))),+]
    };
}

static LABS: [Lab; 6] = [
    Lab {
        id: "jit-flip",
        title: "Killed at the first stroke",
        story: "Sketchbook compiles its brushes to machine code. Since its developer switched on the hardened runtime it is killed at the \
                first stroke, although it was signed with allow-jit.",
        cause: "jit",
        bundle: "Sketchbook.app",
        files: files!("jit-flip/Sketchbook.app":
            data "Contents/Info.plist",
            program "Contents/MacOS/Sketchbook",
            program "Contents/Frameworks/libbrush.dylib",
            data "Contents/_CodeSignature/CodeResources",
        ),
        evidence: evidence!("jit-flip": "Sketchbook-2026-03-02-101422.crash"),
    },
    Lab {
        id: "jit-map-jit",
        title: "A trap in a system library",
        story: "Abacus compiles formulas and asks for their memory the way Apple documents it. Hardened, it stops with a trap inside a \
                system library before it has compiled anything.",
        cause: "jit",
        bundle: "Abacus.app",
        files: files!("jit-map-jit/Abacus.app":
            data "Contents/Info.plist",
            program "Contents/MacOS/Abacus",
            data "Contents/_CodeSignature/CodeResources",
        ),
        evidence: evidence!("jit-map-jit": "Abacus-2026-03-04-175903.ips"),
    },
    Lab {
        id: "dyld-launcher",
        title: "The library is there, yet not found",
        story: "Tidewatch brings its library along and points DYLD_LIBRARY_PATH at it. The hardened build says that the library cannot be \
                found, on every machine, and no message mentions the variable.",
        cause: "dyld-shipping",
        bundle: "Tidewatch.app",
        files: files!("dyld-launcher/Tidewatch.app":
            data "Contents/Info.plist",
            program "Contents/MacOS/Tidewatch",
            program "Contents/Frameworks/libtide.1.dylib",
            data "Contents/_CodeSignature/CodeResources",
        ),
        evidence: evidence!("dyld-launcher": "terminal.txt"),
    },
    Lab {
        id: "foreign-plugin",
        title: "Effects that went missing",
        story: "Mixbench loads effects of other developers. In the hardened build the effects are gone; nothing crashes, and only the log \
                says why.",
        cause: "library-validation",
        bundle: "Mixbench.app",
        files: files!("foreign-plugin/Mixbench.app":
            data "Contents/Info.plist",
            program "Contents/MacOS/Mixbench",
            data "Contents/PlugIns/Reverb.bundle/Contents/Info.plist",
            program "Contents/PlugIns/Reverb.bundle/Contents/MacOS/Reverb",
            data "Contents/PlugIns/Reverb.bundle/Contents/_CodeSignature/CodeResources",
            data "Contents/_CodeSignature/CodeResources",
        ),
        evidence: evidence!("foreign-plugin": "console.log"),
    },
    Lab {
        id: "silent-microphone",
        title: "No question, no sound",
        story: "Voicenote asks for the microphone and has its usage description. New users never see the question, and the app does not \
                appear in System Settings; for the developer it works.",
        cause: "protected-resource",
        bundle: "Voicenote.app",
        files: files!("silent-microphone/Voicenote.app":
            data "Contents/Info.plist",
            program "Contents/MacOS/Voicenote",
            data "Contents/_CodeSignature/CodeResources",
        ),
        evidence: evidence!("silent-microphone": "tccd.log"),
    },
    Lab {
        id: "no-usage-string",
        title: "Ended while reading contacts",
        story: "Cardfile reads the address book and was signed with the entitlement for it. It is ended the moment it asks.",
        cause: "protected-resource",
        bundle: "Cardfile.app",
        files: files!("no-usage-string/Cardfile.app":
            data "Contents/Info.plist",
            program "Contents/MacOS/Cardfile",
            data "Contents/_CodeSignature/CodeResources",
        ),
        evidence: evidence!("no-usage-string": "Cardfile-2026-03-05-083217.ips"),
    },
];

/// All practice apps; the first is opened when Temper starts without a path.
pub fn all() -> &'static [Lab] {
    &LABS
}

/// The root the practice apps are signed under: (name, DER). Its private key is public, so it counts for practice apps and nothing else.
pub fn anchor() -> (String, Vec<u8>) {
    ("Temper Practice Root CA".to_owned(), include_bytes!(embedded!("pki/root.cert.der")).to_vec())
}

/// Unpacks a practice app into `folder` (made if needed) and returns the request that examines it, with the practice root as anchor.
/// A file that already holds the right bytes is left alone. Fails when a file cannot be written.
pub fn unpack(system: &dyn System, lab: &Lab, folder: &Path) -> io::Result<Request> {
    let bundle = folder.join(lab.id).join(lab.bundle);
    for (path, bytes, _) in lab.files {
        let path = bundle.join(path);
        // A byte more than the right size is enough to see that a file is another one.
        let present = system.read_small(&path, bytes.len().saturating_add(1)).is_ok_and(|found| found == *bytes);
        if !present {
            system.write_atomic(&path, bytes)?;
        }
    }
    Ok(Request {
        path: Some(bundle),
        pasted: lab.evidence.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect(),
        anchors: TrustAnchors { extra: vec![anchor()] },
        ..Request::default()
    })
}

/// Folder practice apps are unpacked into: the user's cache (`XDG_CACHE_HOME`, else `~/.cache`), one folder per version. Without a home, the
/// folder for temporary files (`TMPDIR`, else `/tmp`).
pub fn folder(system: &dyn System) -> PathBuf {
    let absolute = |name: &str| system.variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .or_else(|| absolute("TMPDIR"))
        .unwrap_or_else(|| PathBuf::from("/tmp"));
    cache.join("temper").join(concat!("labs-", env!("CARGO_PKG_VERSION")))
}
