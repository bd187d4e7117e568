//! `embedded.provisionprofile`: which restricted entitlements Apple allows a team's code, signed with which certificates, on which devices,
//! until when.
//!
//! A CMS SignedData that carries a property list (TN3125). An entitlement that is restricted must be claimed by the code and allowed here.
//!
//! Left out: the DER form of the profile, which newer systems read beside the property list.

use super::cms::{self, Cms};
use super::entitlements::{self, Value};
use super::info_plist::bounded;
use super::{ReadError, cms::ber};
use plist::Dictionary;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Largest profile that is read (bytes). A development profile with hundreds of devices and certificates has less than 1 MiB.
pub const MAX_PROFILE: usize = 16 << 20;

/// A provisioning profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Name.
    pub name: Option<String>,
    /// UUID.
    pub uuid: Option<String>,
    /// AppIDName.
    pub app_id_name: Option<String>,
    /// TeamName.
    pub team_name: Option<String>,
    /// TeamIdentifier.
    pub teams: Vec<String>,
    /// ApplicationIdentifierPrefix: mostly the team, another for App IDs of old.
    pub prefixes: Vec<String>,
    /// Platform (`OSX`, `iOS` …).
    pub platforms: Vec<String>,
    /// Entitlements: what the profile allows, in file order.
    pub entitlements: Vec<(String, Value)>,
    /// DeveloperCertificates: SHA-256 of each certificate that may sign.
    pub certificates: Vec<[u8; 32]>,
    /// ProvisionedDevices; `None` when the profile lists none.
    pub devices: Option<Vec<String>>,
    /// ProvisionsAllDevices is true (Developer ID, enterprise).
    pub all_devices: bool,
    /// CreationDate, seconds since 1970 UTC.
    pub created: Option<i64>,
    /// ExpirationDate, seconds since 1970 UTC.
    pub expires: Option<i64>,
    /// Who signed the profile: see [`Profile::is_intact`] and [`cms::trusted_chain`] of its chain.
    pub cms: Cms,
}

/// Reads a profile. An error when it is no SignedData, carries no property list or its root is no dictionary.
pub fn read(bytes: &[u8]) -> Result<Profile, ReadError> {
    if bytes.len() > MAX_PROFILE {
        return Err(ReadError::new("provisioning profile longer than Temper reads", 0));
    }
    let content = cms::content(bytes)?.ok_or_else(|| ReadError::new("provisioning profile without content", 0))?;
    let cms = cms::read(bytes, &[&content]).unwrap_or_else(|fault| cms::unreadable(bytes.len(), fault));
    let root = bounded::read(&content)?.into_dictionary();
    let root = root.ok_or_else(|| ReadError::new("provisioning profile whose root is no dictionary", 0))?;
    let text = |key: &str| root.get(key).and_then(plist::Value::as_string).map(str::to_owned);
    let allowed = root.get("Entitlements").and_then(plist::Value::as_dictionary);
    let allowed = allowed.into_iter().flatten().map(|(key, value)| (key.clone(), entitlements::convert(value.clone())));
    let certificates = root.get("DeveloperCertificates").and_then(plist::Value::as_array);
    let certificates = certificates.into_iter().flatten().filter_map(plist::Value::as_data);
    Ok(Profile {
        name: text("Name"),
        uuid: text("UUID"),
        app_id_name: text("AppIDName"),
        team_name: text("TeamName"),
        teams: texts(&root, "TeamIdentifier").unwrap_or_default(),
        prefixes: texts(&root, "ApplicationIdentifierPrefix").unwrap_or_default(),
        platforms: texts(&root, "Platform").unwrap_or_default(),
        entitlements: allowed.collect(),
        certificates: certificates.map(|der| Sha256::digest(der).into()).collect(),
        devices: texts(&root, "ProvisionedDevices"),
        all_devices: root.get("ProvisionsAllDevices").and_then(plist::Value::as_boolean) == Some(true),
        created: date(&root, "CreationDate"),
        expires: date(&root, "ExpirationDate"),
        cms,
    })
}

fn texts(root: &Dictionary, key: &str) -> Option<Vec<String>> {
    let values = root.get(key)?.as_array()?;
    Some(values.iter().filter_map(plist::Value::as_string).map(str::to_owned).collect())
}

/// A date by way of its text: `plist` offers only the clock's type besides.
fn date(root: &Dictionary, key: &str) -> Option<i64> {
    let text = root.get(key)?.as_date()?.to_xml_format().replace(['-', ':', 'T'], "");
    ber::time(&ber::Element { tag: 0x18, body: text.as_bytes(), whole: &[], offset: 0, body_offset: 0 })
}

impl Profile {
    /// The signature over the profile verifies with its signer's key. Whether that signer is Apple, the chain tells.
    pub fn is_intact(&self) -> bool {
        self.cms.signature_verifies && self.cms.digest_matches
    }

    /// What the profile allows for an entitlement; `None` when it does not name it.
    pub fn allowed(&self, key: &str) -> Option<&Value> {
        self.entitlements.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The profile allows code to claim this entitlement with this value (TN3125): a value equal to the allowed one; a text that begins with what
    /// stands before a closing `*` (`TEAM.*`); a list each of whose elements is allowed; a boolean that is false.
    pub fn authorises(&self, key: &str, value: &Value) -> bool {
        self.allowed(key).is_some_and(|allowed| covers(allowed, value))
    }

    /// The App ID the profile is for, with its prefix: `com.apple.application-identifier` on the Mac, `application-identifier` elsewhere. It may
    /// end in `*`.
    pub fn application_identifier(&self) -> Option<&str> {
        let value = self.allowed("com.apple.application-identifier").or_else(|| self.allowed("application-identifier"));
        match value {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Code with this App ID (`TEAM.identifier`) may use the profile.
    pub fn is_for_application(&self, identifier: &str) -> bool {
        self.application_identifier().is_some_and(|pattern| text_covers(pattern, identifier))
    }

    /// Code signed with the certificate of this SHA-256 may use the profile.
    pub fn has_certificate(&self, sha256: &[u8; 32]) -> bool {
        self.certificates.contains(sha256)
    }

    /// The profile works on the device with this identifier (UDID).
    pub fn is_for_device(&self, identifier: &str) -> bool {
        self.all_devices || self.devices.iter().flatten().any(|device| device.eq_ignore_ascii_case(identifier))
    }

    /// `seconds` since 1970 UTC lie between creation and expiry; `None` when the profile names no expiry.
    pub fn is_valid_at(&self, seconds: i64) -> Option<bool> {
        let expires = self.expires?;
        Some(seconds < expires && self.created.is_none_or(|created| seconds >= created))
    }
}

/// The depth of both values is bounded by their readers.
fn covers(allowed: &Value, claimed: &Value) -> bool {
    match (allowed, claimed) {
        (_, Value::Array(claims)) if !matches!(allowed, Value::Dict(_) | Value::Bool(_)) => {
            claims.iter().all(|claim| covers(allowed, claim))
        }
        (Value::Array(patterns), claim) => patterns.iter().any(|pattern| covers(pattern, claim)),
        (Value::String(pattern), Value::String(text)) => text_covers(pattern, text),
        (Value::Bool(allowed), Value::Bool(claimed)) => *allowed || !*claimed,
        (Value::Dict(allowed), Value::Dict(claims)) => {
            let of = |key: &str| allowed.iter().find(|(name, _)| name == key).map(|(_, value)| value);
            claims.iter().all(|(key, claim)| of(key).is_some_and(|allowed| covers(allowed, claim)))
        }
        (allowed, claimed) => allowed == claimed,
    }
}

fn text_covers(pattern: &str, text: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == text, |start| text.starts_with(start))
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
    use super::super::cms::practice::{AUTHORITY, LEAF, attached, certificate};
    use super::*;

    const SAMPLE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>Name</key><string>Practice</string>
<key>UUID</key><string>00000000-0000-0000-0000-000000000001</string>
<key>TeamIdentifier</key><array><string>TEAM123456</string></array>
<key>ApplicationIdentifierPrefix</key><array><string>TEAM123456</string></array>
<key>Platform</key><array><string>OSX</string></array>
<key>CreationDate</key><date>2024-01-01T00:00:00Z</date>
<key>ExpirationDate</key><date>2025-01-01T00:00:00Z</date>
<key>DeveloperCertificates</key><array><data>AAEC</data></array>
<key>ProvisionedDevices</key><array><string>00008103-000A11112222333A</string></array>
<key>Entitlements</key><dict>
<key>com.apple.application-identifier</key><string>TEAM123456.com.example.app</string>
<key>keychain-access-groups</key><array><string>TEAM123456.*</string><string>com.apple.token</string></array>
<key>com.apple.developer.associated-domains</key><string>*</string>
<key>com.apple.developer.networking.networkextension</key><array><string>dns-proxy</string></array>
<key>com.apple.vm.networking</key><true/>
<key>com.apple.developer.aps-environment</key><string>production</string>
</dict></dict></plist>"#;

    fn signed(text: &str) -> Vec<u8> {
        attached(text.as_bytes(), LEAF, &[certificate(LEAF), certificate(AUTHORITY)])
    }

    fn sample() -> Profile {
        read(&signed(SAMPLE)).unwrap()
    }

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    fn list(texts: &[&str]) -> Value {
        Value::Array(texts.iter().map(|one| text(one)).collect())
    }

    #[test]
    fn a_profile_says_who_may_do_what_where_and_until_when() {
        let profile = sample();
        assert!(profile.is_intact());
        assert_eq!(profile.cms.chain[0].common_name.as_deref(), Some(LEAF.common));
        assert_eq!(profile.name.as_deref(), Some("Practice"));
        assert_eq!((profile.teams.as_slice(), profile.platforms.as_slice()), (&["TEAM123456".to_owned()][..], &["OSX".to_owned()][..]));
        assert_eq!((profile.created, profile.expires), (Some(1_704_067_200), Some(1_735_689_600)));
        assert_eq!(profile.is_valid_at(1_720_000_000), Some(true));
        assert_eq!(profile.is_valid_at(1_735_689_600), Some(false));
        assert_eq!(profile.is_valid_at(1_704_067_199), Some(false));
        assert!(profile.has_certificate(&Sha256::digest([0, 1, 2]).into()) && !profile.has_certificate(&[0; 32]));
        assert!(profile.is_for_device("00008103-000a11112222333a") && !profile.is_for_device("other"));
        assert!(profile.is_for_application("TEAM123456.com.example.app") && !profile.is_for_application("TEAM123456.com.example"));
    }

    #[test]
    fn a_changed_profile_is_not_intact() {
        let mut bytes = signed(SAMPLE);
        let at = bytes.windows(4).position(|window| window == b"2025").unwrap();
        bytes[at + 2] = b'3';
        let profile = read(&bytes).unwrap();
        assert_eq!(profile.expires, Some(2_051_222_400));
        assert!(!profile.is_intact());
    }

    #[test]
    fn entitlements_are_authorised_by_value_wildcard_and_list() {
        let profile = sample();
        let groups = "keychain-access-groups";
        assert!(profile.authorises(groups, &list(&["TEAM123456.com.example.app", "com.apple.token"])));
        assert!(!profile.authorises(groups, &list(&["TEAM123456.com.example.app", "OTHER.group"])));
        assert!(profile.authorises(groups, &text("TEAM123456.")));
        assert!(!profile.authorises(groups, &Value::Bool(true)));
        assert!(profile.authorises("com.apple.developer.associated-domains", &list(&["applinks:example.com"])));
        assert!(profile.authorises("com.apple.developer.networking.networkextension", &list(&["dns-proxy"])));
        assert!(!profile.authorises("com.apple.developer.networking.networkextension", &list(&["dns-settings"])));
        assert!(profile.authorises("com.apple.vm.networking", &Value::Bool(true)));
        assert!(profile.authorises("com.apple.vm.networking", &Value::Bool(false)));
        assert!(!profile.authorises("com.apple.vm.networking", &text("true")));
        assert!(!profile.authorises("com.apple.vm.networking", &list(&[])));
        assert!(profile.authorises("com.apple.developer.aps-environment", &text("production")));
        assert!(!profile.authorises("com.apple.developer.aps-environment", &text("development")));
        assert!(!profile.authorises("com.apple.developer.endpoint-security.client", &Value::Bool(true)));
    }

    #[test]
    fn what_carries_no_property_list_is_an_error() {
        for bytes in [b"".to_vec(), b"<plist><dict/></plist>".to_vec(), signed("no list"), signed("<plist><array/></plist>")] {
            assert!(read(&bytes).is_err());
        }
    }

    #[test]
    fn no_truncation_and_no_changed_byte_panics() {
        let bytes = signed(SAMPLE);
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "cut at {end}");
            if end % 53 == 0 {
                let mut changed = bytes.clone();
                changed[end] ^= 0x80;
                let _ = read(&changed);
            }
        }
    }
}
