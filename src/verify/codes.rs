//! Apple's codes and words for what is wrong with a signature, and which of Temper's findings stands for which of them.

use crate::finding::{Kind, Severity};

/// When `codesign --verify` fails for a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fails {
    /// Whatever the options.
    Always,
    /// With `--strict`; Gatekeeper and the notary are strict too.
    Strict,
    /// The code is valid, and does not satisfy its requirement (exit status 3).
    Requirement,
    /// Never.
    Never,
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Id of the finding.
    pub id: &'static str,
    /// Apple's code; `None` when Apple has none.
    pub code: Option<i32>,
    /// When `codesign` fails.
    pub fails: Fails,
    /// Kind and severity of the finding.
    pub kind: Kind,
    /// See `kind`.
    pub severity: Severity,
}

const fn defect(id: &'static str, code: i32) -> Rule {
    Rule { id, code: Some(code), fails: Fails::Always, kind: Kind::Defect, severity: Severity::Error }
}

const fn strict(id: &'static str, code: i32) -> Rule {
    Rule { id, code: Some(code), fails: Fails::Strict, kind: Kind::Lint, severity: Severity::Warning }
}

/// `codesign` fails, and yet the bytes do not prove what macOS refused: something to compare is not there.
const fn incomplete(id: &'static str, code: i32) -> Rule {
    Rule { id, code: Some(code), fails: Fails::Always, kind: Kind::Lint, severity: Severity::Warning }
}

const fn lint(id: &'static str, severity: Severity) -> Rule {
    Rule { id, code: None, fails: Fails::Never, kind: Kind::Lint, severity }
}

/// The chain does not end in a root that the Mac trusts.
pub const NOT_TRUSTED: i32 = -2_147_409_622;
/// A certificate is past its end.
pub const CERTIFICATE_EXPIRED: i32 = -2_147_409_654;
/// A certificate is before its beginning.
pub const CERTIFICATE_NOT_VALID_YET: i32 = -2_147_409_653;

/// Every kind of fault, in the order in which Security meets them (`StaticCode.cpp staticValidate`): the first of them is what `codesign` says.
pub const RULES: &[Rule] = &[
    incomplete("framework-without-current-version", -67028),
    defect("unsigned-executable", -67062),
    defect("signature-unreadable", -67061),
    defect("certificate-missing", -67062),
    defect("signature-malformed", -67061),
    defect("two-directories-of-one-digest", -67061),
    defect("cms-unreadable", -67061),
    defect("cms-does-not-verify", -67061),
    defect("cms-covers-another-directory", -67061),
    defect("cms-names-other-directories", -67061),
    defect("timestamp-does-not-verify", -67061),
    defect("certificate-chain-broken", NOT_TRUSTED),
    Rule { code: None, ..defect("certificate-not-for-code-signing", 0) },
    defect("certificate-expired-when-signed", CERTIFICATE_EXPIRED),
    defect("certificate-not-yet-valid-when-signed", CERTIFICATE_NOT_VALID_YET),
    defect("info-plist-does-not-match", -67030),
    defect("signature-slot-does-not-match", -67061),
    defect("requirements-unreadable", -67052),
    defect("code-limit-beyond-end", -67061),
    defect("code-not-covered", -67061),
    Rule { code: None, fails: Fails::Never, ..defect("page-size-not-accepted", 0) },
    defect("page-digest-not-accepted", -67000),
    defect("page-does-not-match", -67061),
    defect("seal-does-not-match", -67023),
    incomplete("bundle-not-sealed", -67056),
    defect("seal-unreadable", -67055),
    defect("seal-entry-malformed", -67055),
    incomplete("code-not-signed", -67062),
    incomplete("main-executable-missing", -67029),
    incomplete("main-executable-not-code", -67062),
    incomplete("nested-code-is-no-code", -67062),
    defect("nested-code-unsigned", -67062),
    defect("nested-code-does-not-match", -67021),
    defect("nested-code-not-sealed", -67054),
    defect("file-added-to-seal", -67054),
    defect("sealed-file-modified", -67054),
    defect("sealed-link-changed", -67054),
    defect("sealed-file-changed-kind", -67054),
    defect("sealed-file-missing", -67054),
    defect("nested-code-missing", -67054),
    incomplete("file-not-read", -67060),
    strict("seal-has-custom-rules", -67013),
    strict("seal-is-weak", -67007),
    strict("data-after-signature", -67010),
    strict("file-longer-than-signed", -67045),
    strict("unsealed-contents-in-bundle-root", -67014),
    strict("bundle-layout-ambiguous", -67011),
    strict("unsealed-contents-in-framework-root", -67008),
    strict("framework-version-invalid", -67009),
    strict("ds-store-is-link", -67012),
    strict("link-leaves-bundle", -67003),
    strict("file-has-sideband-data", -66999),
    Rule {
        id: "designated-requirement-not-satisfied",
        code: Some(-67050),
        fails: Fails::Requirement,
        kind: Kind::Lint,
        severity: Severity::Warning,
    },
    Rule { code: Some(CERTIFICATE_EXPIRED), ..lint("certificate-expired", Severity::Note) },
    Rule { code: Some(CERTIFICATE_NOT_VALID_YET), ..lint("certificate-not-yet-valid", Severity::Note) },
    Rule { code: Some(NOT_TRUSTED), ..lint("signer-not-trusted", Severity::Note) },
    lint("timestamp-signer-not-trusted", Severity::Note),
    lint("directories-disagree", Severity::Warning),
    lint("exec-segment-does-not-match", Severity::Warning),
    lint("entitlements-forms-differ", Severity::Warning),
    lint("nested-code-was-signed-again", Severity::Note),
    lint("nested-code-not-judged", Severity::Note),
];

/// The rule for a finding's id, and its place in the order; `None` for findings that are not about signatures.
pub fn rule(id: &str) -> Option<(usize, &'static Rule)> {
    RULES.iter().enumerate().find(|(_, rule)| rule.id == id)
}

/// What `codesign` prints for a code (`SecErrorMessages.strings`, CSCommon.h); `None` for a code that is not in the table.
pub fn text(code: i32) -> Option<&'static str> {
    let (_, text) = TEXTS.iter().find(|(known, _)| *known == code)?;
    Some(text)
}

const TEXTS: &[(i32, &str)] = &[
    (-67072, "unimplemented code signing feature"),
    (-67071, "invalid API object reference"),
    (-67070, "invalid or inappropriate API flag(s) specified"),
    (-67069, "a required pointer argument was NULL"),
    (-67068, "cannot find code object on disk"),
    (-67067, "cannot locate guests using this attribute set"),
    (-67066, "given attribute values are invalid"),
    (-67065, "host has no guest with the requested attributes"),
    (-67064, "ambiguous guest specification (host has multiple guests with these attribute values)"),
    (-67063, "code identity has been invalidated"),
    (-67062, "code object is not signed at all"),
    (-67061, "invalid signature (code or signature have been modified)"),
    (-67060, "the code cannot be read by the verifier (file system permissions etc.)"),
    (-67059, "unsupported type or version of signature"),
    (-67058, "a required plist file or resource is malformed"),
    (-67057, "resources are present but not sealed by signature"),
    (-67056, "code has no resources but signature indicates they must be present"),
    (-67055, "the sealed resource directory is invalid"),
    (-67054, "a sealed resource is missing or invalid"),
    (-67053, "invalid resource specification rule(s)"),
    (-67052, "invalid or corrupted code requirement(s)"),
    (-67051, "unsupported type or version of code requirement(s)"),
    (-67050, "code failed to satisfy specified code requirement(s)"),
    (-67049, "object file format unrecognized, invalid, or unsuitable"),
    (-67048, "internal error in Code Signing subsystem"),
    (-67045, "invalid or unsupported format for signature"),
    (-67037, "operation inapplicable or not supported for this type of code"),
    (-67036, "code signing CMS is too large"),
    (-67034, "the code on disk does not match what is running"),
    (-67033, "the code signing database could not be opened"),
    (-67032, "access to the code signing database was denied"),
    (-67030, "invalid Info.plist (plist or signature have been modified)"),
    (-67029, "the code has no main executable file"),
    (-67028, "bundle format unrecognized, invalid, or unsuitable"),
    (-67027, "no matches for search or update operation"),
    (-67026, "file created by an AppSandbox, exec/open not allowed"),
    (-67025, "presented data is out of date"),
    (-67024, "a system database or file is corrupt"),
    (-67023, "invalid resource directory (directory or signature have been modified)"),
    (-67022, "nested code is not signed at all"),
    (-67021, "nested code is modified or invalid"),
    (-67020, "monitor callback returned invalid value"),
    (-67019, "the codesign_allocate helper tool cannot be found or used"),
    (-67018, "the code signing operation was vetoed"),
    (-67017, "library validation flag cannot be used with an i386 binary"),
    (-67016, "unsupported resource found (something not a directory, file or symlink)"),
    (-67015, "the main executable or Info.plist must be a regular file (no symlinks, etc.)"),
    (-67014, "unsealed contents present in the bundle root"),
    (-67013, "resource envelope is obsolete (custom omit rules)"),
    (-67012, ".DS_Store files cannot be a symlink"),
    (-67011, "bundle format is ambiguous (could be app or framework)"),
    (-67010, "main executable failed strict validation"),
    (-67009, "embedded framework contains modified or invalid version"),
    (-67008, "unsealed contents present in the root directory of an embedded framework"),
    (-67007, "resource envelope is obsolete (version 1 signature)"),
    (-67006, "operation was terminated explicitly"),
    (-67005, "code signature is for another platform"),
    (-67004, "code is too big for current signing format"),
    (-67003, "invalid destination for symbolic link in bundle"),
    (-67002, "the code is valid but does not seem to be an app"),
    (-67001, "disk image is unrecognized, invalid, or unsuitable"),
    (-67000, "a requested signature digest algorithm is not supported"),
    (-66999, "resource fork, Finder information, or similar detritus not allowed"),
    (-66998, "a Team Identifier is required and was not found, or is invalid"),
    (-66997, "the Team Identifier does not match"),
    (-66996, "the signature is valid but the signer is not trusted"),
    (-66994, "invalid entitlements"),
    (-66993, "invalid runtime version"),
    (-66992, "notarization indicates this code has been revoked"),
    (NOT_TRUSTED, "CSSMERR_TP_NOT_TRUSTED"),
    (CERTIFICATE_EXPIRED, "CSSMERR_TP_CERT_EXPIRED"),
    (CERTIFICATE_NOT_VALID_YET, "CSSMERR_TP_CERT_NOT_VALID_YET"),
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_has_an_id_of_its_own_and_every_code_its_text() {
        let ids: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), RULES.len());
        for rule in RULES {
            assert!(rule.code.is_none_or(|code| text(code).is_some()), "{}", rule.id);
        }
    }

    #[test]
    fn every_code_has_one_text() {
        let codes: BTreeSet<i32> = TEXTS.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes.len(), TEXTS.len());
        assert_eq!(text(-67062), Some("code object is not signed at all"));
        assert_eq!(text(1), None);
    }
}
