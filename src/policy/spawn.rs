//! Will macOS start this program, on which systems, and if not, why? Pure.
//!
//! The order is that of the kernel and AMFI: can it run at all, is it signed, can its entitlements be read, may it claim them, do its launch constraints let it
//! start. The first refusal counts.

use super::constraint::{self, Applied, Outcome as Answer, is_heeded};
use super::{CERTAIN, Decision, LIKELY, Lift, Process, Shows, allow, deny, is_restricted};
use crate::evidence::{Evidence, Image, Signed, TargetKind};
use crate::read::cms::SignerKind;
use crate::read::entitlements::Value;
use crate::read::macho::{Arch, Version};
use crate::read::profile::Profile;

/// Whether the bytes are what was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureState {
    /// They are.
    Intact,
    /// They were not compared.
    Unchecked,
    /// They are not.
    Broken,
    /// Not signed.
    Missing,
}

impl SignatureState {
    /// Of a slice; `is_broken` is what verification found.
    pub fn of(image: &Image, is_broken: bool) -> Self {
        match &image.signed {
            Signed::No => SignatureState::Missing,
            Signed::Unreadable(_) => SignatureState::Broken,
            Signed::Yes(_) if is_broken => SignatureState::Broken,
            Signed::Yes(facts) if facts.pages.is_none() => SignatureState::Unchecked,
            Signed::Yes(_) => SignatureState::Intact,
        }
    }
}

/// What the provisioning profile says of the restricted keys that the program claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// It claims none, or Apple re-signed it.
    NotNeeded,
    /// A bare executable has nowhere to keep a profile.
    NoPlace,
    /// Its bundle holds none.
    NoProfile,
    /// The profile cannot be read, or its own signature does not verify; why.
    Unreadable(String),
    /// The profile is for other systems than macOS.
    OtherPlatform,
    /// The profile has expired, or is not valid yet.
    OutOfDate,
    /// The profile is for another team.
    OtherTeam,
    /// The profile is for another App ID.
    OtherApplication,
    /// The profile does not name the certificate that signed.
    OtherCertificate,
    /// The profile is for the App Store: nothing runs by it until Apple has signed again.
    ForStore,
    /// The profile does not allow these keys, or not with these values.
    Uncovered(Vec<String>),
    /// All of them are allowed, on the Macs that the profile lists.
    OnListedMacs,
    /// All of them are allowed.
    Granted,
}

/// What decides beside the process itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The signature of the slice.
    pub signature: SignatureState,
    /// macOS cannot read the entitlements; what is wrong with them.
    pub is_malformed: bool,
    /// Keys that a profile must authorise.
    pub restricted: Vec<String>,
    /// Whether one does.
    pub authority: Authority,
    /// Platform the slice was built for (1 macOS, 6 Mac Catalyst …); `None` when it does not say.
    pub platform: Option<u32>,
    /// Oldest macOS that it asks for, (major, minor).
    pub min_os: Option<(u16, u16)>,
    /// Slots 8 to 10: it says itself who may start it, each against who likely does.
    pub constraints: Vec<Applied>,
    /// `com.apple.quarantine`; `None` when not known.
    pub is_quarantined: Option<bool>,
}

/// Systems that can run a slice, as far as it says: (major, minor) of macOS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Systems {
    /// The oldest.
    pub from: Option<(u16, u16)>,
    /// The newest; `None` for no end.
    pub until: Option<(u16, u16)>,
}

/// What macOS does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Starts it.
    Runs,
    /// Does not.
    Refused,
    /// What decides is not known.
    Unknown,
}

impl Outcome {
    /// The word of the JSON report.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Runs => "runs",
            Outcome::Refused => "refused",
            Outcome::Unknown => "unknown",
        }
    }
}

/// The verdict on one slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What macOS does.
    pub outcome: Outcome,
    /// The rule that decides.
    pub decision: Decision,
    /// One sentence for people, with names.
    pub why: String,
    /// Systems that can run it.
    pub systems: Systems,
    /// What it depends on besides.
    pub conditions: Vec<&'static str>,
}

impl Launch {
    /// The facts on a slice. `is_broken`: verification found that its signature does not hold.
    pub fn of(evidence: &Evidence, image: &Image, is_broken: bool) -> Self {
        let restricted = restricted(image);
        Self {
            signature: SignatureState::of(image, is_broken),
            is_malformed: is_malformed(image),
            authority: authority(evidence, image, &restricted),
            restricted,
            platform: image.macho.platform,
            min_os: min_os(evidence, image),
            constraints: constraint::of_launch(evidence, image),
            // Most copies lose extended attributes: only its presence says something.
            is_quarantined: image.quarantine.is_some().then_some(true),
        }
    }
}

/// The entitlements cannot be read by macOS. The DER form decides where it is there: a fault in the XML beside a good one stops nothing.
pub fn is_malformed(image: &Image) -> bool {
    image.entitlements().is_some_and(|set| (set.entries.is_empty() || !set.has_der) && set.fatal().is_some())
}

/// Keys that a provisioning profile must authorise (TN3125). One that is false claims nothing.
pub fn restricted(image: &Image) -> Vec<String> {
    let entries = image.entitlements().map(|set| set.entries.as_slice()).unwrap_or_default();
    entries.iter().filter(|(key, value)| is_restricted(key) && *value != Value::Bool(false)).map(|(key, _)| key.clone()).collect()
}

fn authority(evidence: &Evidence, image: &Image, restricted: &[String]) -> Authority {
    let Some(facts) = image.facts().filter(|_| !restricted.is_empty()) else { return Authority::NotNeeded };
    if matches!(facts.signer.kind, SignerKind::Apple | SignerKind::AppStore | SignerKind::TestFlight) {
        return Authority::NotNeeded;
    }
    let bundle = image.main_of.and_then(|index| evidence.bundles.get(index));
    let Some(bundle) = bundle else { return Authority::NoPlace };
    match &bundle.profile {
        None if bundle.has_profile => Authority::Unreadable("it was not read".into()),
        None => Authority::NoProfile,
        Some(Err(why)) => Authority::Unreadable(why.clone()),
        Some(Ok(profile)) => by_profile(profile, image, restricted, evidence.examined_at),
    }
}

/// What a profile grants a slice at `now` (TN3125: team, App ID, certificate, expiry, devices).
fn by_profile(profile: &Profile, image: &Image, restricted: &[String], now: i64) -> Authority {
    let facts = image.facts();
    let entitlements = image.entitlements();
    let leaf = facts.and_then(|facts| facts.signature.cms.as_ref()).and_then(|cms| cms.chain.first());
    let claimed = match entitlements.and_then(|set| set.get("com.apple.application-identifier")) {
        Some(Value::String(claimed)) => Some(claimed.as_str()),
        _ => None,
    };
    let team = facts.and_then(|facts| facts.signature.directory()).and_then(|directory| directory.team.as_ref());
    let uncovered = || -> Vec<String> {
        let value = |key: &str| entitlements.and_then(|set| set.get(key)).cloned().unwrap_or(Value::Bool(true));
        restricted.iter().filter(|key| !profile.authorises(key, &value(key))).cloned().collect()
    };
    match () {
        () if !profile.is_intact() => Authority::Unreadable("its own signature does not verify".into()),
        () if !profile.platforms.is_empty() && !profile.platforms.iter().any(|name| name == "OSX") => Authority::OtherPlatform,
        () if profile.is_valid_at(now) == Some(false) => Authority::OutOfDate,
        () if team.is_some_and(|team| !profile.teams.is_empty() && !profile.teams.contains(team)) => Authority::OtherTeam,
        () if claimed.is_some_and(|claimed| profile.application_identifier().is_some() && !profile.is_for_application(claimed)) => {
            Authority::OtherApplication
        }
        () if leaf.is_some_and(|leaf| !profile.certificates.is_empty() && !profile.has_certificate(&leaf.sha256)) => {
            Authority::OtherCertificate
        }
        () if !uncovered().is_empty() => Authority::Uncovered(uncovered()),
        () if profile.devices.is_none() && !profile.all_devices => Authority::ForStore,
        () if !profile.all_devices => Authority::OnListedMacs,
        () => Authority::Granted,
    }
}

fn pair(version: Version) -> (u16, u16) {
    ((version.0 >> 16) as u16, ((version.0 >> 8) & 0xff) as u16)
}

/// The newer of what the slice and the Info.plist of its bundle ask for. A Mac Catalyst slice counts in versions of iOS.
fn min_os(evidence: &Evidence, image: &Image) -> Option<(u16, u16)> {
    let own = image.macho.min_os.filter(|version| version.0 != 0 && matches!(image.macho.platform, None | Some(1))).map(pair);
    let bundle = image.main_of.and_then(|index| evidence.bundles.get(index));
    let said = bundle.and_then(|bundle| bundle.info.as_ref()?.minimum_system.as_deref());
    let said = said.and_then(|text| {
        let mut parts = text.split('.').map(str::parse);
        Some((parts.next()?.ok()?, parts.next().and_then(Result::ok).unwrap_or(0)))
    });
    own.max(said)
}

/// Systems that have an architecture: Apple silicon begins with 11.0; 10.14 is the last that runs 32-bit code (Apple: 32-bit app compatibility).
fn systems(arch: Arch, min_os: Option<(u16, u16)>) -> Systems {
    match arch {
        Arch::Arm64 | Arch::Arm64e => Systems { from: min_os.max(Some((11, 0))), until: None },
        Arch::I386 => Systems { from: min_os, until: Some((10, 14)) },
        _ => Systems { from: min_os, until: None },
    }
}

const TN3125: &str = "Apple TN3125 Inside Code Signing: Provisioning Profiles";
const EXEC: &str = "XNU bsd/kern/mach_loader.c, kern_exec.c";

/// A refusal and its words; `None` when the rule does not apply.
type Rule = fn(&Process, &Launch) -> Option<(Decision, String)>;

/// Asks the model.
pub fn verdict(process: &Process, launch: &Launch) -> Verdict {
    const RULES: &[Rule] = &[architecture, platform, system, unsigned, broken, malformed, unauthorised, constrained];
    let systems = systems(process.arch, launch.min_os);
    let conditions = conditions(process, launch);
    if let Some((decision, why)) = RULES.iter().find_map(|rule| rule(process, launch)) {
        return Verdict { outcome: Outcome::Refused, decision, why, systems, conditions };
    }
    let decision = allow("nothing in its signature, entitlements or profile stops it", EXEC, LIKELY);
    let (outcome, why) = match unknown(process, launch) {
        Some(why) => (Outcome::Unknown, why),
        None => (Outcome::Runs, decision.rule.to_owned()),
    };
    Verdict { outcome, decision, why, systems, conditions }
}

fn unknown(process: &Process, launch: &Launch) -> Option<String> {
    match () {
        () if launch.signature == SignatureState::Unchecked => Some("its pages were not compared with its signature".into()),
        () if process.platform => Some("Apple's own programs run only from their own place (launch constraints)".into()),
        () if launch.platform == Some(2) => Some("a program for iOS, which macOS starts only as the App Store delivers it".into()),
        () if matches!(launch.authority, Authority::Unreadable(_)) => Some("its provisioning profile cannot be read".into()),
        () => open(process, launch),
    }
}

/// A launch constraint that depends on what is not known.
fn open(process: &Process, launch: &Launch) -> Option<String> {
    let is_open = |applied: &&Applied| applied.judgement.outcome == Answer::Depends && is_heeded(process.os, applied.slot);
    launch.constraints.iter().find(is_open).map(Applied::why)
}

fn conditions(process: &Process, launch: &Launch) -> Vec<&'static str> {
    let mut all = vec![match launch.is_quarantined {
        Some(true) => "it is quarantined: Gatekeeper judges it before its first start, and asks for notarization",
        Some(false) => "it is not quarantined",
        None => "whether it is quarantined is not known",
    }];
    if launch.authority == Authority::OnListedMacs {
        all.push("only on the Macs that its provisioning profile lists");
    }
    if let Some(first) = launch.constraints.first() {
        let ignored = !is_heeded(process.os, first.slot);
        all.push(if ignored {
            "this macOS ignores its launch constraints: 13.3 is the first to heed them"
        } else {
            "macOS before 13.3 ignores its launch constraints"
        });
    }
    all
}

fn architecture(process: &Process, _: &Launch) -> Option<(Decision, String)> {
    const RULE: &str = "macOS 10.15 and later run no 32-bit code";
    let is_old = process.os.is_some_and(|os| os < (10, 15));
    let source = "Apple: 32-bit app compatibility with macOS High Sierra 10.13.4";
    let lifts = vec![Lift::Code("build for x86_64 and arm64")];
    match process.arch {
        Arch::I386 if !is_old => Some((deny(RULE, source, CERTAIN, Shows::LoadError, lifts), RULE.into())),
        Arch::Other(..) => {
            const OTHER: &str = "no Mac that runs this macOS has such a processor";
            Some((deny(OTHER, EXEC, CERTAIN, Shows::LoadError, lifts), OTHER.into()))
        }
        _ => None,
    }
}

/// Simulators and other devices. Mac Catalyst (6), DriverKit (10) and programs for iOS (2) are macOS's own affair.
fn platform(process: &Process, launch: &Launch) -> Option<(Decision, String)> {
    const RULE: &str = "macOS starts only programs built for it";
    let name = match launch.platform? {
        2 if !process.arch.is_arm64() => "iOS",
        3 => "tvOS",
        4 => "watchOS",
        5 => "bridgeOS",
        7 => "the iOS simulator",
        8 => "the tvOS simulator",
        9 => "the watchOS simulator",
        11 => "visionOS",
        12 => "the visionOS simulator",
        _ => return None,
    };
    let lifts = vec![Lift::Code("build it for macOS")];
    Some((deny(RULE, EXEC, CERTAIN, Shows::LoadError, lifts), format!("it is built for {name}, not for macOS")))
}

fn system(process: &Process, launch: &Launch) -> Option<(Decision, String)> {
    const RULE: &str = "a program does not start on a macOS older than it asks for";
    let (asked, least) = process.os.zip(systems(process.arch, launch.min_os).from)?;
    if asked >= least {
        return None;
    }
    let why = format!("it asks for macOS {}.{} or later, and this is {}.{}", least.0, least.1, asked.0, asked.1);
    let lifts = vec![Lift::Code("build with a lower deployment target")];
    Some((deny(RULE, "Apple: LSMinimumSystemVersion; dyld", CERTAIN, Shows::LoadError, lifts), why))
}

fn unsigned(process: &Process, launch: &Launch) -> Option<(Decision, String)> {
    const RULE: &str = "Apple silicon runs no unsigned program";
    let holds = launch.signature == SignatureState::Missing && process.arch.is_arm64();
    let lifts = vec![Lift::Signing("sign it; ad hoc is enough to run it on this Mac")];
    holds.then(|| {
        (deny(RULE, "Apple: macOS Big Sur 11.0.1 Universal Apps Release Notes", CERTAIN, Shows::KilledInvalidPage, lifts), RULE.into())
    })
}

/// On Apple silicon any program; on Intel one whose pages are enforced, and one with a Team ID ("Broken signature with Team ID fatal").
fn broken(process: &Process, launch: &Launch) -> Option<(Decision, String)> {
    const RULE: &str = "a program whose signature does not match is killed at launch or at the first page that does not";
    if launch.signature != SignatureState::Broken {
        return None;
    }
    let certainty = if process.arch.is_arm64() { CERTAIN } else { LIKELY };
    if !process.arch.is_arm64() && !process.is_hardened() && process.team.is_none() {
        return None;
    }
    let why = if process.arch.is_arm64() {
        "its signature does not match, and Apple silicon starts no such program"
    } else if process.team.is_some() {
        "its signature does not match, which macOS does not forgive a program with a Team ID"
    } else {
        "its signature does not match, and the hardened runtime kills it at the first page that was changed"
    };
    let lifts = vec![Lift::Signing("sign it again, after the last change")];
    Some((
        deny(RULE, "XNU osfmk/vm/vm_fault.c, bsd/kern/ubc_subr.c; logs of amfid", certainty, Shows::KilledInvalidPage, lifts),
        why.into(),
    ))
}

fn malformed(process: &Process, launch: &Launch) -> Option<(Decision, String)> {
    const RULE: &str = "since macOS 10.15.4 a program whose entitlements cannot be parsed does not start";
    let is_old = process.os.is_some_and(|os| os < (10, 15));
    let lifts = vec![Lift::Signing("sign it again with entitlements as plain XML: no byte order mark, no comments")];
    let holds = launch.is_malformed && !is_old;
    holds.then(|| {
        (
            deny(RULE, "logs of AMFI: entitlements cannot be parsed", LIKELY, Shows::KilledInvalidPage, lifts),
            "macOS cannot parse its entitlements".into(),
        )
    })
}

/// Keys that must be authorised by a provisioning profile, where none does (TN3125).
fn unauthorised(_: &Process, launch: &Launch) -> Option<(Decision, String)> {
    const ABSENT: &str = "a restricted entitlement must be authorised by a provisioning profile";
    const FITS: &str = "a restricted entitlement must be authorised by a provisioning profile that fits the program";
    let why = refusal_words(&launch.authority)?;
    let is_absent = matches!(launch.authority, Authority::NoPlace | Authority::NoProfile);
    let (rule, certainty) = if is_absent { (ABSENT, CERTAIN) } else { (FITS, LIKELY) };
    let keys = match &launch.authority {
        Authority::Uncovered(keys) => keys,
        _ => &launch.restricted,
    };
    let lifts = vec![Lift::Signing("embed a provisioning profile that authorises the entitlements, or take them out")];
    Some((
        deny(rule, TN3125, certainty, Shows::KilledInvalidPage, lifts),
        format!("it claims {}, which a provisioning profile must authorise; {why}", keys.join(", ")),
    ))
}

fn constrained(process: &Process, launch: &Launch) -> Option<(Decision, String)> {
    constraint::launch(process, &launch.constraints)
}

/// Why the keys are not authorised; `None` when they are, or it is not known.
pub fn refusal_words(authority: &Authority) -> Option<&'static str> {
    Some(match authority {
        Authority::NotNeeded | Authority::Granted | Authority::OnListedMacs | Authority::Unreadable(_) => return None,
        Authority::NoPlace => "a bare executable has nowhere to keep one",
        Authority::NoProfile => "its bundle holds none",
        Authority::OtherPlatform => "the one in its bundle is not for macOS",
        Authority::OutOfDate => "the one in its bundle is not valid at this date",
        Authority::OtherTeam => "the one in its bundle is for another team",
        Authority::OtherApplication => "the one in its bundle is for another App ID",
        Authority::OtherCertificate => "the one in its bundle does not name the certificate that signed it",
        Authority::ForStore => "the one in its bundle is for the App Store, by which nothing runs before Apple signs it again",
        Authority::Uncovered(_) => "the one in its bundle does not",
    })
}

/// Gatekeeper and the notary look only at apps and code to be run: a target of this kind is judged as a whole.
pub(super) fn is_product(kind: TargetKind) -> bool {
    !matches!(kind, TargetKind::None | TargetKind::Script)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::signature::ConstraintSlot;

    fn process(arch: Arch) -> Process {
        Process {
            arch,
            rosetta: false,
            flags: 0,
            entitlements: Vec::new(),
            team: None,
            platform: false,
            signer: SignerKind::AdHoc,
            restricted: false,
            os: None,
        }
    }

    fn launch() -> Launch {
        Launch {
            signature: SignatureState::Intact,
            is_malformed: false,
            restricted: Vec::new(),
            authority: Authority::NotNeeded,
            platform: Some(1),
            min_os: Some((10, 13)),
            constraints: Vec::new(),
            is_quarantined: None,
        }
    }

    fn outcome(process: &Process, launch: &Launch) -> Outcome {
        verdict(process, launch).outcome
    }

    #[test]
    fn a_plain_program_runs_from_its_system_on() {
        let verdict = verdict(&process(Arch::X86_64), &launch());
        assert_eq!(verdict.outcome, Outcome::Runs);
        assert_eq!(verdict.systems, Systems { from: Some((10, 13)), until: None });
        assert_eq!(verdict.conditions, ["whether it is quarantined is not known"]);
        assert_eq!(super::verdict(&process(Arch::Arm64), &launch()).systems.from, Some((11, 0)), "Apple silicon begins with 11");
    }

    #[test]
    fn old_architectures_run_on_old_systems_only() {
        assert_eq!(outcome(&process(Arch::I386), &launch()), Outcome::Refused);
        assert_eq!(outcome(&Process { os: Some((10, 14)), ..process(Arch::I386) }, &launch()), Outcome::Runs);
        assert_eq!(verdict(&process(Arch::I386), &launch()).systems.until, Some((10, 14)));
        assert_eq!(outcome(&process(Arch::Other(18, 0)), &launch()), Outcome::Refused);
    }

    #[test]
    fn unsigned_code_runs_on_intel_only() {
        let unsigned = Launch { signature: SignatureState::Missing, ..launch() };
        assert_eq!(outcome(&process(Arch::Arm64), &unsigned), Outcome::Refused);
        assert_eq!(outcome(&process(Arch::X86_64), &unsigned), Outcome::Runs);
    }

    #[test]
    fn a_broken_signature_is_fatal_on_apple_silicon_and_for_hardened_or_team_signed_code() {
        let broken = Launch { signature: SignatureState::Broken, ..launch() };
        assert_eq!(outcome(&process(Arch::Arm64), &broken), Outcome::Refused);
        assert_eq!(outcome(&process(Arch::X86_64), &broken), Outcome::Runs);
        let hardened = Process { flags: crate::read::signature::CodeSignatureFlags::RUNTIME, ..process(Arch::X86_64) };
        assert_eq!(outcome(&hardened, &broken), Outcome::Refused);
        let team = Process { team: Some("TEAM123456".into()), ..process(Arch::X86_64) };
        assert_eq!(outcome(&team, &broken), Outcome::Refused);
        assert_eq!(verdict(&team, &broken).decision.certainty, LIKELY);
        assert_eq!(outcome(&process(Arch::Arm64), &Launch { signature: SignatureState::Unchecked, ..launch() }), Outcome::Unknown);
    }

    #[test]
    fn malformed_entitlements_are_fatal_since_catalina() {
        let malformed = Launch { is_malformed: true, ..launch() };
        assert_eq!(outcome(&process(Arch::X86_64), &malformed), Outcome::Refused);
        assert_eq!(outcome(&Process { os: Some((10, 14)), ..process(Arch::X86_64) }, &malformed), Outcome::Runs);
    }

    #[test]
    fn a_program_for_another_platform_does_not_start() {
        let at = |platform| outcome(&process(Arch::Arm64), &Launch { platform: Some(platform), ..launch() });
        assert_eq!((at(1), at(6), at(7), at(11)), (Outcome::Runs, Outcome::Runs, Outcome::Refused, Outcome::Refused));
        assert_eq!(at(2), Outcome::Unknown, "the App Store delivers programs for iOS");
    }

    #[test]
    fn a_system_that_is_too_old_is_said() {
        let newer = Launch { min_os: Some((14, 0)), ..launch() };
        let refused = verdict(&Process { os: Some((13, 6)), ..process(Arch::Arm64) }, &newer);
        assert_eq!(refused.outcome, Outcome::Refused);
        assert_eq!(refused.why, "it asks for macOS 14.0 or later, and this is 13.6");
        assert_eq!(outcome(&Process { os: Some((14, 0)), ..process(Arch::Arm64) }, &newer), Outcome::Runs);
    }

    #[test]
    fn each_way_a_profile_can_fail_is_a_refusal() {
        let claims = |authority| Launch { restricted: vec!["keychain-access-groups".into()], authority, ..launch() };
        for authority in [
            Authority::NoPlace,
            Authority::NoProfile,
            Authority::OtherPlatform,
            Authority::OutOfDate,
            Authority::OtherTeam,
            Authority::OtherApplication,
            Authority::OtherCertificate,
            Authority::ForStore,
            Authority::Uncovered(vec!["keychain-access-groups".into()]),
        ] {
            let verdict = verdict(&process(Arch::X86_64), &claims(authority.clone()));
            assert_eq!(verdict.outcome, Outcome::Refused, "{authority:?}");
            assert!(verdict.why.contains("keychain-access-groups"), "{}", verdict.why);
        }
        for authority in [Authority::Granted, Authority::NotNeeded] {
            assert_eq!(outcome(&process(Arch::X86_64), &claims(authority)), Outcome::Runs);
        }
        assert_eq!(outcome(&process(Arch::X86_64), &claims(Authority::Unreadable("cut off".into()))), Outcome::Unknown);
        let listed = verdict(&process(Arch::X86_64), &claims(Authority::OnListedMacs));
        assert_eq!((listed.outcome, listed.conditions.len()), (Outcome::Runs, 2));
    }

    #[test]
    fn apples_own_programs_are_not_decided() {
        assert_eq!(outcome(&Process { platform: true, ..process(Arch::Arm64) }, &launch()), Outcome::Unknown);
    }

    fn constrained_to(outcome: Answer) -> Launch {
        let judgement = constraint::Judgement { outcome, reasons: vec!["team-identifier must be A".into()] };
        Launch { constraints: vec![Applied { slot: ConstraintSlot::Parent, subject: Some("Demo".into()), judgement }], ..launch() }
    }

    #[test]
    fn a_launch_constraint_refuses_leaves_open_or_lets_start() {
        let refused = verdict(&process(Arch::Arm64), &constrained_to(Answer::Fails));
        assert_eq!(refused.outcome, Outcome::Refused);
        assert_eq!(refused.why, "its parent constraint does not let Demo start it: team-identifier must be A");
        assert_eq!(refused.decision.least_keys(), None, "no entitlement lifts a constraint");
        assert_eq!(outcome(&process(Arch::Arm64), &constrained_to(Answer::Unreadable)), Outcome::Refused);
        let open = verdict(&process(Arch::Arm64), &constrained_to(Answer::Depends));
        assert_eq!(open.outcome, Outcome::Unknown);
        assert_eq!(open.why, "whether its parent constraint holds is not known: team-identifier must be A");
        assert_eq!(outcome(&process(Arch::Arm64), &constrained_to(Answer::Holds)), Outcome::Runs);
    }

    #[test]
    fn a_macos_before_13_3_ignores_launch_constraints_and_that_is_said() {
        let old = |os| verdict(&Process { os: Some(os), ..process(Arch::Arm64) }, &constrained_to(Answer::Fails));
        assert_eq!((old((13, 2)).outcome, old((13, 3)).outcome), (Outcome::Runs, Outcome::Refused));
        assert!(old((13, 2)).conditions.iter().any(|line| line.contains("this macOS ignores its launch constraints")));
        assert!(old((13, 3)).conditions.iter().any(|line| line.contains("macOS before 13.3")));
    }

    #[test]
    fn quarantine_is_said_when_it_is_known() {
        let verdict = verdict(&process(Arch::Arm64), &Launch { is_quarantined: Some(true), ..launch() });
        assert_eq!(verdict.outcome, Outcome::Runs);
        assert!(verdict.conditions[0].contains("Gatekeeper"));
    }
}
