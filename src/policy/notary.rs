//! What the notary service would refuse, in its own words (Apple: Resolving common notarization issues). Pure.
//!
//! It looks at signatures, the runtime flag, one entitlement and the SDK; it accepts every exception of the hardened runtime. What it finds by scanning for
//! malware nobody can say beforehand.

use super::spawn::{SignatureState, is_malformed, is_product};
use super::{CERTAIN, Decision, LIKELY, Lift, Shows, allow, deny, key};
use crate::evidence::{Evidence, Image};
use crate::finding::Confidence;
use crate::read::cms::SignerKind;
use crate::read::macho::{FileType, Version};

/// What decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The signature of the slice.
    pub signature: SignatureState,
    /// Signer.
    pub signer: SignerKind,
    /// There is a secure timestamp.
    pub is_stamped: bool,
    /// MH_EXECUTE.
    pub is_executable: bool,
    /// The runtime flag is set.
    pub is_hardened: bool,
    /// `com.apple.security.get-task-allow` is true.
    pub lets_debug: bool,
    /// Line of the first fault of entitlements that cannot be parsed.
    pub malformed: Option<u32>,
    /// SDK version; `None` when the slice does not say.
    pub sdk: Option<Version>,
}

/// One thing that it would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The notary's words.
    pub message: String,
    /// The rule.
    pub decision: Decision,
}

impl Submission {
    /// The facts on a slice. `is_broken`: verification found that its signature does not hold.
    pub fn of(image: &Image, is_broken: bool) -> Self {
        let facts = image.facts();
        let cms = facts.and_then(|facts| facts.signature.cms.as_ref());
        let fault = image.entitlements().and_then(|set| set.fatal()).filter(|_| is_malformed(image));
        let bad_pages = facts.and_then(|facts| facts.pages.as_ref()).is_some_and(|pages| pages.bad_count > 0);
        Self {
            signature: SignatureState::of(image, is_broken || bad_pages),
            signer: facts.map_or(SignerKind::Unsigned, |facts| facts.signer.kind),
            is_stamped: cms.is_some_and(|cms| cms.timestamp.is_some()),
            is_executable: image.is_executable(),
            is_hardened: image.is_hardened(),
            lets_debug: image.has_entitlement(key::GET_TASK_ALLOW),
            malformed: fault.map(|fault| fault.line.max(1)),
            sdk: image.macho.sdk,
        }
    }
}

/// The slices that the notary would look at: none when the target does not go to it, as Apple's own and the App Store's do not.
pub fn submitted(evidence: &Evidence) -> Vec<&Image> {
    let signer = |image: &Image| image.facts().map_or(SignerKind::Unsigned, |facts| facts.signer.kind);
    let elsewhere = [SignerKind::Apple, SignerKind::AppStore, SignerKind::TestFlight, SignerKind::AppleDistribution];
    let goes = is_product(evidence.target.kind) && !evidence.main_images().any(|image| elsewhere.contains(&signer(image)));
    let all = evidence.images.iter().chain(&evidence.archived).filter(|_| goes);
    // Object files are no code that runs.
    all.filter(|image| !matches!(image.macho.file_type, FileType::Object | FileType::Dsym)).collect()
}

const SOURCE: &str = "Apple: Resolving common notarization issues";

/// All that it would refuse of one slice.
pub fn refusals(submission: &Submission) -> Vec<Refusal> {
    const RULES: &[fn(&Submission) -> Option<Refusal>] = &[signature, signer, timestamp, runtime, debugging, entitlements, sdk];
    RULES.iter().filter_map(|rule| rule(submission)).collect()
}

/// The first of them, or that there is none.
pub fn decide(submission: &Submission) -> Decision {
    let none = || allow("the notary refuses nothing of it, as far as its signature goes", SOURCE, LIKELY);
    refusals(submission).into_iter().next().map_or_else(none, |refusal| refusal.decision)
}

fn refuse(holds: bool, certainty: Confidence, message: &str, rule: &'static str, lift: Lift) -> Option<Refusal> {
    holds.then(|| Refusal { message: message.to_owned(), decision: deny(rule, SOURCE, certainty, Shows::RefusedToOther, vec![lift]) })
}

fn signature(submission: &Submission) -> Option<Refusal> {
    let lift = Lift::Signing("sign it again, after the last change");
    let rule = "the notary verifies every signature";
    refuse(submission.signature == SignatureState::Broken, CERTAIN, "The signature of the binary is invalid.", rule, lift)
}

fn signer(submission: &Submission) -> Option<Refusal> {
    let lift = || Lift::Signing("sign it with your Developer ID Application certificate");
    let rule = "the notary takes only code that is signed with a Developer ID Application certificate";
    let is_missing = submission.signature == SignatureState::Missing;
    refuse(is_missing, CERTAIN, "The binary is not signed.", rule, lift()).or_else(|| {
        // Apple's own code may lie in an app: it is not judged by this rule.
        let is_other = !matches!(submission.signer, SignerKind::DeveloperId | SignerKind::Apple);
        refuse(is_other, CERTAIN, "The binary is not signed with a valid Developer ID certificate.", rule, lift())
    })
}

fn timestamp(submission: &Submission) -> Option<Refusal> {
    let holds = submission.signer == SignerKind::DeveloperId && !submission.is_stamped;
    let lift = Lift::Signing("sign it with --timestamp");
    refuse(holds, CERTAIN, "The signature does not include a secure timestamp.", "the notary asks for a secure timestamp", lift)
}

fn runtime(submission: &Submission) -> Option<Refusal> {
    let holds = submission.is_executable && !submission.is_hardened && submission.signature != SignatureState::Missing;
    let lift = Lift::Signing("sign it with --options runtime");
    let rule = "the notary asks for the hardened runtime on every executable";
    refuse(holds, CERTAIN, "The executable does not have the hardened runtime enabled.", rule, lift)
}

fn debugging(submission: &Submission) -> Option<Refusal> {
    let message = "The executable requests the com.apple.security.get-task-allow entitlement.";
    let lift = Lift::Signing("sign it without get-task-allow");
    refuse(submission.lets_debug, CERTAIN, message, "the notary takes no program that lets others take it over", lift)
}

fn entitlements(submission: &Submission) -> Option<Refusal> {
    let line = submission.malformed?;
    let lift = Lift::Signing("sign it with entitlements as plain XML: no byte order mark, no comments");
    let message = format!("Embedded entitlements are invalid: syntax error near line {line}");
    refuse(true, CERTAIN, &message, "the notary parses embedded entitlements strictly", lift)
}

/// 10.9 packed: `LC_VERSION_MIN_MACOSX` and `LC_BUILD_VERSION` hold xxxx.yy.zz.
const SDK_10_9: Version = Version(0x000a_0900);

fn sdk(submission: &Submission) -> Option<Refusal> {
    let holds = submission.sdk.is_some_and(|sdk| sdk < SDK_10_9);
    let lift = Lift::Code("build it with a newer SDK");
    refuse(holds, CERTAIN, "The binary uses an SDK older than the 10.9 SDK.", "the notary asks for the 10.9 SDK or a later one", lift)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Submission {
        Submission {
            signature: SignatureState::Intact,
            signer: SignerKind::DeveloperId,
            is_stamped: true,
            is_executable: true,
            is_hardened: true,
            lets_debug: false,
            malformed: None,
            sdk: Some(Version(0x000e_0000)),
        }
    }

    fn messages(submission: &Submission) -> Vec<String> {
        refusals(submission).into_iter().map(|refusal| refusal.message).collect()
    }

    #[test]
    fn a_program_signed_for_distribution_is_taken() {
        assert_eq!(messages(&good()), Vec::<String>::new());
        assert!(decide(&good()).allowed);
    }

    #[test]
    fn each_fault_is_refused_in_the_notarys_words() {
        let rows: [(Submission, &str); 7] = [
            (Submission { signature: SignatureState::Broken, ..good() }, "The signature of the binary is invalid."),
            (
                Submission { signer: SignerKind::AppleDevelopment, ..good() },
                "The binary is not signed with a valid Developer ID certificate.",
            ),
            (Submission { is_stamped: false, ..good() }, "The signature does not include a secure timestamp."),
            (Submission { is_hardened: false, ..good() }, "The executable does not have the hardened runtime enabled."),
            (Submission { lets_debug: true, ..good() }, "The executable requests the com.apple.security.get-task-allow entitlement."),
            (Submission { malformed: Some(1), ..good() }, "Embedded entitlements are invalid: syntax error near line 1"),
            (Submission { sdk: Some(Version(0x000a_0800)), ..good() }, "The binary uses an SDK older than the 10.9 SDK."),
        ];
        for (submission, message) in rows {
            assert_eq!(messages(&submission), [message]);
            assert!(!decide(&submission).allowed && !decide(&submission).lifts.is_empty());
        }
    }

    #[test]
    fn an_unsigned_binary_is_refused_once() {
        let unsigned = Submission {
            signature: SignatureState::Missing,
            signer: SignerKind::Unsigned,
            is_stamped: false,
            is_hardened: false,
            ..good()
        };
        assert_eq!(messages(&unsigned), ["The binary is not signed."]);
    }

    #[test]
    fn a_library_needs_no_runtime_flag_and_apples_code_no_developer_id() {
        assert_eq!(messages(&Submission { is_executable: false, is_hardened: false, ..good() }), Vec::<String>::new());
        assert_eq!(messages(&Submission { signer: SignerKind::Apple, is_stamped: false, ..good() }), Vec::<String>::new());
        assert_eq!(messages(&Submission { sdk: Some(SDK_10_9), ..good() }), Vec::<String>::new());
        assert_eq!(messages(&Submission { sdk: None, ..good() }), Vec::<String>::new());
    }
}
