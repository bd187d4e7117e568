//! Signs Mach-O files and bundles as `codesign` does, with the practice certificates.
//!
//! For practice apps and test inputs only. It writes what it is told, also what `codesign` would refuse.
#![allow(dead_code, clippy::unwrap_used, reason = "test support: every test and the practice-app builder use a part of it")]

mod blob;
mod cms;
mod der;
mod macho;
mod seal;

#[allow(unused_imports, reason = "only tests need it")]
pub use blob::parts;
pub use cms::Identity;
#[allow(unused_imports, reason = "only the builder of practice apps and its tests need all")]
pub use macho::{arch_name, is_macho, join, set_sdk, slices, uuid};
pub use seal::sign_bundle;

use sha2::{Digest, Sha256};

/// The runtime flag.
pub const RUNTIME: u32 = 0x10000;

/// What becomes of the DER form of the entitlements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DerForm {
    /// Made from the XML, as `codesign` does.
    #[default]
    FromXml,
    /// Left out, as before macOS 11.
    Omitted,
    /// These bytes.
    Bytes(Vec<u8>),
}

/// How to sign.
#[derive(Debug, Clone)]
pub struct SignOptions {
    /// Signing identifier.
    pub identifier: String,
    /// Who signs.
    pub identity: Identity,
    /// CodeDirectory flags; `adhoc` is added for an ad-hoc identity.
    pub flags: u32,
    /// Entitlements, as XML text; embedded in main executables only, as `codesign` does.
    pub entitlements: Option<Vec<u8>>,
    /// DER form of the entitlements.
    pub der: DerForm,
    /// Launch and library constraints: slot and DER.
    pub constraints: Vec<(u32, Vec<u8>)>,
    /// Embeds entitlements in libraries too (`--force-library-entitlements`).
    pub force_entitlements: bool,
    /// Hardened-runtime version (`xx.yy.zz` packed); the SDK version when `None` and the runtime flag is set.
    pub runtime_version: Option<u32>,
    /// log2 of the page size; 14 for arm64 and 12 else when `None`.
    pub page_shift: Option<u8>,
    /// Bytes of Info.plist, for slot −1. `sign_bundle` fills it in.
    pub info_plist: Option<Vec<u8>>,
    /// Bytes of CodeResources, for slot −3. `sign_bundle` fills it in.
    pub code_resources: Option<Vec<u8>>,
    /// Signing time as UTCTime, "YYMMDDhhmmssZ".
    pub signing_time: &'static str,
    /// Adds a secure timestamp of that time, by the practice timestamp authority.
    pub timestamp: bool,
}

impl SignOptions {
    /// Hardened, signed by the practice identity, without entitlements.
    pub fn hardened(identifier: &str) -> Self {
        SignOptions {
            identifier: identifier.to_owned(),
            identity: Identity::Practice,
            flags: RUNTIME,
            entitlements: None,
            der: DerForm::FromXml,
            constraints: Vec::new(),
            force_entitlements: false,
            runtime_version: None,
            page_shift: None,
            info_plist: None,
            code_resources: None,
            signing_time: "260105120000Z",
            timestamp: true,
        }
    }

    /// Ad hoc, without the runtime.
    pub fn ad_hoc(identifier: &str) -> Self {
        SignOptions { identity: Identity::AdHoc, flags: 0, ..SignOptions::hardened(identifier) }
    }

    /// With these entitlements (XML text).
    pub fn entitled(mut self, xml: &[u8]) -> Self {
        self.entitlements = Some(xml.to_vec());
        self
    }

    /// With a constraint in a slot: what it requires, as a property list.
    pub fn constrained(self, slot: u32, requires: &plist::Value) -> Self {
        let der = der::constraint(requires);
        self.constrained_by(slot, der)
    }

    /// With these bytes as the constraint in a slot.
    pub fn constrained_by(mut self, slot: u32, der: Vec<u8>) -> Self {
        self.constraints.push((slot, der));
        self
    }

    /// By another identity.
    pub fn by(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }
}

/// An entitlements file with these keys set to true.
pub fn entitlements_xml(keys: &[&str]) -> Vec<u8> {
    let mut text = String::from(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n",
        "<plist version=\"1.0\">\n<dict>\n"
    ));
    for key in keys {
        text.push_str(&format!("\t<key>{key}</key>\n\t<true/>\n"));
    }
    text.push_str("</dict>\n</plist>\n");
    text.into_bytes()
}

/// Signs a thin or universal Mach-O; an existing signature is replaced.
pub fn sign(bytes: &[u8], options: &SignOptions) -> Vec<u8> {
    let parts = slices(bytes);
    if parts.len() == 1 && parts[0].start == 0 {
        return sign_slice(bytes, options);
    }
    join(&parts.into_iter().map(|range| sign_slice(&bytes[range], options)).collect::<Vec<_>>())
}

fn sign_slice(slice: &[u8], options: &SignOptions) -> Vec<u8> {
    let mut image = macho::Image::prepare(slice);
    image.make_room(0); // No trace of an older signature in what is measured.
    // The load commands lie in the first hashed page, so the room must be known before the real hashes are. ECDSA signatures vary
    // by a few bytes.
    let room = (blob::super_blob(&image, options).len() + 64).next_multiple_of(16);
    image.make_room(room);
    let signature = blob::super_blob(&image, options);
    image.finish(&signature)
}

/// The embedded SuperBlob of a thin slice.
pub fn signature_of(slice: &[u8]) -> Option<&[u8]> {
    macho::signature_range(slice).and_then(|range| slice.get(range))
}

/// A blob of a SuperBlob by slot number, with its header.
pub fn blob_of(super_blob: &[u8], slot: u32) -> Option<&[u8]> {
    let word = |at: usize| super_blob.get(at..at + 4).map(|b| u32::from_be_bytes(b.try_into().unwrap()) as usize);
    (0..word(8)?).map(|n| 12 + n * 8).find(|&at| word(at) == Some(slot as usize)).and_then(|at| {
        let start = word(at + 4)?;
        super_blob.get(start..start + word(start + 4)?)
    })
}

/// The CodeDirectory of a thin slice, with its header.
pub fn code_directory(slice: &[u8]) -> Option<&[u8]> {
    blob_of(signature_of(slice)?, 0)
}

/// The cdhash of a thin slice.
pub fn cdhash(slice: &[u8]) -> Option<[u8; 20]> {
    code_directory(slice).map(directory_hash)
}

fn directory_hash(directory: &[u8]) -> [u8; 20] {
    Sha256::digest(directory)[..20].try_into().unwrap()
}
