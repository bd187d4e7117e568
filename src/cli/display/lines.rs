//! The lines of the description, each with the least count of `-v` that shows it.

use super::code::Code;
use super::entitlements;
use crate::clean::clean;
use crate::read::cms::Certificate;
use crate::read::hex;
use crate::read::requirement::{Requirement, parse};
use crate::read::signature::{CodeDirectory, CodeSignatureFlags, ConstraintSlot, HashType};
use std::fmt::Write as _;
use time::OffsetDateTime;
use time::macros::format_description;

/// Slot of a ticket inside the signature.
const SLOT_TICKET: u32 = 0x10002;
const SLOT_REQUIREMENTS: u32 = 2;

struct Lines {
    out: String,
    verbosity: u8,
}

impl Lines {
    /// A line that is shown from this count of `-v` on. Texts of the file are cleaned here.
    fn at(&mut self, least: u8, label: &str, value: impl AsRef<str>) {
        if self.verbosity >= least {
            let _ = writeln!(self.out, "{label}{}", clean(value.as_ref()));
        }
    }
}

/// The description.
pub(super) fn describe(code: &Code, verbosity: u8) -> String {
    let mut lines = Lines { out: String::new(), verbosity };
    lines.at(0, "Executable=", code.executable.to_string_lossy());
    if let Some(directory) = code.signature.directory() {
        lines.at(1, "Identifier=", &directory.identifier);
        lines.at(1, "Format=", format(code));
        head(&mut lines, directory);
        versions(&mut lines, code);
        hashes(&mut lines, code, directory);
        segment(&mut lines, directory);
        slots(&mut lines, directory);
        constraints(&mut lines, code);
        lines.at(3, "CDHash=", hex(&directory.cdhash));
    }
    signer(&mut lines, code);
    rest(&mut lines, code);
    if verbosity >= 6 {
        code.constraints.iter().for_each(|entries| lines.out.push_str(&entitlements::constraint(entries)));
    }
    lines.out
}

fn format(code: &Code) -> String {
    let names = code.archs.join(" ");
    let own = match &code.macho {
        None => "generic".to_owned(),
        Some(_) if code.is_universal => format!("Mach-O universal ({names})"),
        Some(_) => format!("Mach-O thin ({names})"),
    };
    match &code.bundle {
        Some(_) if code.executable.ends_with("Info.plist") => "bundle".into(),
        Some(bundle) if bundle.is_app => format!("app bundle with {own}"),
        Some(_) => format!("bundle with {own}"),
        None => own,
    }
}

fn head(lines: &mut Lines, directory: &CodeDirectory) {
    let flags = directory.flags;
    let names = CodeSignatureFlags(flags.0).names();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(",") };
    let (code, special) = (directory.code_slots.len(), directory.special_slots.len());
    let text = format!(
        "v={:x} size={} flags={:#x}({names}) hashes={code}+{special} location=embedded",
        directory.version, directory.length, flags.0
    );
    lines.at(1, "CodeDirectory ", text);
    if directory.platform != 0 {
        lines.at(1, "Platform identifier=", directory.platform.to_string());
    }
}

fn versions(lines: &mut Lines, code: &Code) {
    if let Some((macho, platform)) = code.macho.as_ref().and_then(|macho| Some((macho, macho.platform?))) {
        lines.at(4, "VersionPlatform=", platform.to_string());
        lines.at(4, "VersionMin=", macho.min_os.map_or(0, |version| version.0).to_string());
        lines.at(4, "VersionSDK=", macho.sdk.map_or(0, |version| version.0).to_string());
    }
}

fn hash_name(kind: HashType) -> String {
    match kind {
        HashType::Sha1 => "sha1".into(),
        HashType::Sha256 => "sha256".into(),
        HashType::Sha256Truncated => "sha256-truncated".into(),
        HashType::Sha384 => "sha384".into(),
        HashType::Other(5) => "sha512".into(),
        HashType::Other(number) => number.to_string(),
    }
}

fn hash_number(kind: HashType) -> u8 {
    match kind {
        HashType::Sha1 => 1,
        HashType::Sha256 => 2,
        HashType::Sha256Truncated => 3,
        HashType::Sha384 => 4,
        HashType::Other(number) => number,
    }
}

fn hashes(lines: &mut Lines, code: &Code, directory: &CodeDirectory) {
    lines.at(3, "Hash type=", format!("{} size={}", hash_name(directory.hash_type), directory.hash_size));
    let mut all: Vec<&CodeDirectory> = code.signature.directories.iter().collect();
    all.sort_by_key(|directory| hash_number(directory.hash_type));
    for directory in &all {
        let name = hash_name(directory.hash_type);
        lines.at(3, "CandidateCDHash ", format!("{name}={}", hex(&directory.cdhash)));
        lines.at(3, "CandidateCDHashFull ", format!("{name}={}", hex(&directory.digest)));
    }
    lines.at(3, "Hash choices=", all.iter().map(|directory| hash_name(directory.hash_type)).collect::<Vec<_>>().join(","));
    if let Some(digest) = &code.cms_digest {
        lines.at(3, "CMSDigest=", hex(digest));
        lines.at(3, "CMSDigestType=", "2");
    }
}

fn segment(lines: &mut Lines, directory: &CodeDirectory) {
    if let Some((base, limit, flags)) = directory.exec_segment {
        lines.at(4, "Executable Segment base=", base.to_string());
        lines.at(4, "Executable Segment limit=", limit.to_string());
        lines.at(4, "Executable Segment flags=", format!("{flags:#x}"));
    }
    let size = match directory.page_size {
        0 => "none".to_owned(),
        shift => 1_u64.checked_shl(u32::from(shift)).unwrap_or(0).to_string(),
    };
    lines.at(4, "Page size=", size);
}

fn slots(lines: &mut Lines, directory: &CodeDirectory) {
    let none = || "0".repeat(usize::from(directory.hash_size) * 2);
    for (index, digest) in directory.special_slots.iter().enumerate().rev() {
        let digest = digest.as_deref().map_or_else(none, hex);
        lines.at(5, &format!("{:>6}=", format!("-{}", index + 1)), digest);
    }
    if lines.verbosity >= 6 {
        for (index, digest) in directory.code_slots.iter().enumerate() {
            lines.at(6, &format!("{index:>6}="), hex(digest));
        }
    }
}

/// Which constraints there are; without one newer systems print nothing.
fn constraints(lines: &mut Lines, code: &Code) {
    let has = |slot: &ConstraintSlot| code.signature.constraint(*slot).is_some();
    let name = |slot| match slot {
        ConstraintSlot::Itself => "Self Launch",
        ConstraintSlot::Parent => "Parent Launch",
        ConstraintSlot::Responsible => "Responsible Launch",
        ConstraintSlot::Library => "Library Load",
    };
    let (library, launch): (Vec<_>, Vec<_>) =
        ConstraintSlot::ALL.into_iter().filter(has).partition(|slot| *slot == ConstraintSlot::Library);
    for (heading, slots) in [("Launch Constraints:", launch), ("Library Load Constraints:", library)] {
        if !slots.is_empty() {
            lines.at(3, heading, "");
        }
        for slot in slots {
            lines.at(3, "\tHas ", format!("{} Constraints", name(slot)));
        }
    }
}

fn signer(lines: &mut Lines, code: &Code) {
    let Some(cms) = &code.signature.cms else { return lines.at(1, "Signature=", "adhoc") };
    lines.at(1, "Signature size=", cms.length.to_string());
    let name = |certificate: &Certificate| certificate.common_name.clone().unwrap_or_else(|| "(unavailable)".into());
    for certificate in &code.chain {
        lines.at(2, "Authority=", name(certificate));
    }
    if code.chain.is_empty() {
        lines.at(2, "Authority=", "(unavailable)");
    }
    match (cms.timestamp, cms.signing_time) {
        (Some(seconds), _) => lines.at(1, "Timestamp=", moment(seconds)),
        (None, Some(seconds)) => lines.at(1, "Signed Time=", moment(seconds)),
        (None, None) => {}
    }
}

/// As a Mac set to English (US) writes it, in UTC: `Apr 9, 2025 at 6:47:11 PM`.
fn moment(seconds: i64) -> String {
    let shape =
        format_description!("[month repr:short] [day padding:none], [year] at [hour repr:12 padding:none]:[minute]:[second] [period]");
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|time| time.format(&shape).ok());
    time.unwrap_or_else(|| seconds.to_string())
}

fn rest(lines: &mut Lines, code: &Code) {
    let directory = code.signature.directory();
    let is_bound = |slot: usize| slot.checked_sub(1).and_then(|index| directory?.special_slots.get(index)).is_some_and(Option::is_some);
    let is_stapled = code.bundle.as_ref().is_some_and(|bundle| bundle.is_stapled);
    if is_stapled || code.signature.blobs.iter().any(|blob| blob.slot == SLOT_TICKET) {
        lines.at(1, "Notarization Ticket=", "stapled");
    }
    let entries = code.bundle.as_ref().map_or(code.own_entries, |bundle| bundle.entries);
    match entries.filter(|_| is_bound(1)) {
        Some(count) => lines.at(1, "Info.plist entries=", count.to_string()),
        None => lines.at(1, "Info.plist=", "not bound"),
    }
    lines.at(1, "TeamIdentifier=", directory.and_then(|directory| directory.team.as_deref()).unwrap_or("not set"));
    if let Some(version) = directory.and_then(|directory| directory.runtime_version) {
        lines.at(1, "Runtime Version=", version.to_string());
    }
    match code.bundle.as_ref().and_then(|bundle| bundle.seal.as_ref()).filter(|_| is_bound(3)) {
        Some(seal) => {
            let rules = seal.active_rules().map_or(0, |rules| rules.rules.len());
            lines.at(1, "Sealed Resources ", format!("version={} rules={rules} files={}", seal.version(), files(seal)));
        }
        None => lines.at(1, "Sealed Resources=", "none"),
    }
    let blob = code.signature.blobs.iter().find(|blob| blob.slot == SLOT_REQUIREMENTS);
    match (blob, code.signature.requirements) {
        (Some(blob), Some(count)) => lines.at(1, "Internal requirements ", format!("count={count} size={}", blob.length)),
        _ => lines.at(1, "Internal requirements=", "none"),
    }
}

fn files(seal: &crate::read::code_resources::CodeResources) -> usize {
    seal.files2.as_ref().map_or(seal.files_count, Vec::len)
}

/// Internal requirements as `-d -r-` shows them. A designated one that the signature does not hold is made from it, as macOS makes it, and marked with `#`.
pub(super) fn requirements(code: &Code) -> String {
    let mut out = code.requirements().map(ToString::to_string).unwrap_or_default();
    if code.designated().is_none()
        && let Some(made) = implicit(code)
    {
        let _ = writeln!(out, "# designated => {made}");
    }
    out.lines().fold(String::new(), |text, line| text + &clean(line) + "\n")
}

/// The requirement macOS makes (TN3127): for ad hoc code its cdhash in every slice; for Developer ID its identifier, certificates and team.
fn implicit(code: &Code) -> Option<String> {
    let directory = code.signature.directory()?;
    if code.signature.cms.is_none() {
        let all: Vec<String> = code.cdhashes.iter().map(|cdhash| format!("cdhash H\"{}\"", hex(cdhash))).collect();
        return Some(all.join(" or "));
    }
    let leaf = code.chain.first()?;
    let is_developer_id = leaf.extensions.iter().any(|oid| oid == "1.2.840.113635.100.6.1.13");
    let team = leaf.organizational_unit.as_deref().filter(|_| is_developer_id)?;
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let text = format!(
        "identifier \"{}\" and anchor apple generic and certificate 1[field.1.2.840.113635.100.6.2.6] exists and certificate \
         leaf[field.1.2.840.113635.100.6.1.13] exists and certificate leaf[subject.OU] = \"{}\"",
        quoted(&directory.identifier),
        quoted(team)
    );
    // Through the compiler, so that words are quoted as Apple's printer quotes them.
    parse(&text).ok().map(|requirement: Requirement| requirement.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_an_american_mac_writes_it() {
        assert_eq!(moment(1_744_224_431), "Apr 9, 2025 at 6:47:11 PM");
        assert_eq!(moment(0), "Jan 1, 1970 at 12:00:00 AM");
    }
}
