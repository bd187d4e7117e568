//! Info.plist: identifier, executable, usage descriptions, environment.

use super::ReadError;

/// The facts of an Info.plist (XML or binary) that matter here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InfoPlist {
    /// CFBundleIdentifier.
    pub identifier: Option<String>,
    /// CFBundleExecutable.
    pub executable: Option<String>,
    /// CFBundleShortVersionString.
    pub short_version: Option<String>,
    /// CFBundleVersion.
    pub version: Option<String>,
    /// CFBundlePackageType (`APPL`, `FMWK`, `XPC!`, `BNDL`).
    pub package_type: Option<String>,
    /// Keys that end in `UsageDescription` → text (empty when not a string), in file order.
    pub usage: Vec<(String, String)>,
    /// LSEnvironment.
    pub environment: Vec<(String, String)>,
    /// LSMinimumSystemVersion.
    pub minimum_system: Option<String>,
    /// Other top-level keys, for fingerprints (`ElectronAsarIntegrity`, `SUFeedURL` …), sorted.
    pub keys: Vec<String>,
    /// Count of top-level entries (`Info.plist entries=`).
    pub entries: usize,
}

/// Reads an Info.plist. Bounded: 200,000 events, depth 64.
pub fn read(_bytes: &[u8]) -> Result<InfoPlist, ReadError> {
    Err(ReadError::new("no Info.plist", 0))
}
