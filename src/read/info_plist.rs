//! Info.plist: identifier, executable, usage descriptions, environment.

pub(in crate::read) mod bounded;

use super::ReadError;
use plist::{Dictionary, Value};
use serde::{Deserialize, Serialize};

/// The facts of an Info.plist (XML or binary) that matter here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// Keys that have a field of their own in [`InfoPlist`].
const FIELDS: [&str; 7] = [
    "CFBundleIdentifier",
    "CFBundleExecutable",
    "CFBundleShortVersionString",
    "CFBundleVersion",
    "CFBundlePackageType",
    "LSEnvironment",
    "LSMinimumSystemVersion",
];

/// Reads an Info.plist. Bounded: 200,000 events, depth 64. An error when it is no property list or its root is no dictionary.
pub fn read(bytes: &[u8]) -> Result<InfoPlist, ReadError> {
    let Value::Dictionary(root) = bounded::read(bytes)? else {
        return Err(ReadError::new("Info.plist whose root is no dictionary", 0));
    };
    let text = |key: &str| root.get(key).and_then(Value::as_string).map(str::to_owned);
    let is_usage = |key: &str| key.ends_with("UsageDescription");
    let mut keys: Vec<String> = root.keys().filter(|key| !FIELDS.contains(&key.as_str()) && !is_usage(key)).cloned().collect();
    keys.sort_unstable();
    Ok(InfoPlist {
        identifier: text("CFBundleIdentifier"),
        executable: text("CFBundleExecutable"),
        short_version: text("CFBundleShortVersionString"),
        version: text("CFBundleVersion"),
        package_type: text("CFBundlePackageType"),
        usage: root.iter().filter(|(key, _)| is_usage(key)).map(|(key, value)| (key.clone(), string(value))).collect(),
        environment: root.get("LSEnvironment").and_then(Value::as_dictionary).map(environment).unwrap_or_default(),
        minimum_system: text("LSMinimumSystemVersion"),
        keys,
        entries: root.len(),
    })
}

/// The whole property list, bounded as [`read`] is: to write it back with a change.
pub fn value(bytes: &[u8]) -> Result<Value, ReadError> {
    bounded::read(bytes)
}

fn environment(variables: &Dictionary) -> Vec<(String, String)> {
    variables.iter().filter(|(_, value)| value.as_string().is_some()).map(|(name, value)| (name.clone(), string(value))).collect()
}

fn string(value: &Value) -> String {
    value.as_string().unwrap_or_default().to_owned()
}

#[cfg(test)]
#[allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    const SAMPLE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>CFBundleIdentifier</key><string>com.example.app</string>
<key>NSMicrophoneUsageDescription</key><string>To hear you</string>
<key>NSCameraUsageDescription</key><true/>
<key>LSEnvironment</key><dict><key>DYLD_LIBRARY_PATH</key><string>/opt</string><key>N</key><integer>1</integer></dict>
<key>SUFeedURL</key><string>https://example.com</string>
<key>ElectronAsarIntegrity</key><dict/>
</dict></plist>"#;

    fn check(info: &InfoPlist) {
        assert_eq!(info.identifier.as_deref(), Some("com.example.app"));
        assert_eq!(info.executable, None);
        let usage = [("NSMicrophoneUsageDescription", "To hear you"), ("NSCameraUsageDescription", "")];
        assert_eq!(info.usage, usage.map(|(key, text)| (key.to_owned(), text.to_owned())));
        assert_eq!(info.environment, [("DYLD_LIBRARY_PATH".to_owned(), "/opt".to_owned())]);
        assert_eq!(info.keys, ["ElectronAsarIntegrity", "SUFeedURL"]);
        assert_eq!(info.entries, 6);
    }

    #[test]
    fn xml_utf16_and_binary_say_the_same() {
        check(&read(SAMPLE.as_bytes()).unwrap());
        let units = std::iter::once(0xfeff).chain(SAMPLE.replace("UTF-8", "UTF-16").encode_utf16().collect::<Vec<_>>());
        let wide: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
        check(&read(&wide).unwrap());
        let mut binary = Vec::new();
        bounded::read(SAMPLE.as_bytes()).unwrap().to_writer_binary(&mut binary).unwrap();
        assert!(binary.starts_with(b"bplist00"));
        check(&read(&binary).unwrap());
    }

    /// Arrays that each hold the next one four times: 4^40 values in few bytes.
    fn reference_bomb() -> Vec<u8> {
        let mut bytes = b"bplist00".to_vec();
        let mut offsets = Vec::new();
        for next in 1..=40_u8 {
            offsets.push(bytes.len() as u8);
            bytes.extend([0xa4, next, next, next, next]);
        }
        offsets.push(bytes.len() as u8);
        bytes.push(0x09);
        let table = bytes.len() as u64;
        bytes.extend(&offsets);
        bytes.extend([0, 0, 0, 0, 0, 0, 1, 1]);
        bytes.extend((offsets.len() as u64).to_be_bytes());
        bytes.extend(0_u64.to_be_bytes());
        bytes.extend(table.to_be_bytes());
        bytes
    }

    #[test]
    fn a_reference_bomb_is_a_quick_error() {
        let start = Instant::now();
        let error = read(&reference_bomb()).unwrap_err();
        assert!(error.what.contains("too many values"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn endless_nesting_is_a_quick_error_in_every_form() {
        let start = Instant::now();
        let xml = format!("<plist>{}", "<array>".repeat(100_000));
        assert!(read(xml.as_bytes()).unwrap_err().what.contains("nested too deeply"));
        let dicts = format!("<plist>{}", "<dict><key>a</key>".repeat(100_000));
        assert!(read(dicts.as_bytes()).unwrap_err().what.contains("nested too deeply"));
        assert!(read("(".repeat(100_000).as_bytes()).is_err());
        assert!(read("{a=".repeat(100_000).as_bytes()).is_err());
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn what_is_no_dictionary_is_an_error() {
        for bytes in
            [b"".as_slice(), b"x", b"<plist><array/></plist>", b"bplist00", b"<plist><dict><key>a</key></dict></plist>", b"\xff\xfe<"]
        {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn no_truncation_and_no_flipped_byte_panics() {
        let mut binary = Vec::new();
        bounded::read(SAMPLE.as_bytes()).unwrap().to_writer_binary(&mut binary).unwrap();
        for sample in [SAMPLE.as_bytes(), &binary] {
            for end in 0..sample.len() {
                let _ = read(&sample[..end]);
                let mut flipped = sample.to_vec();
                flipped[end] ^= 0x41;
                let _ = read(&flipped);
            }
        }
    }
}
