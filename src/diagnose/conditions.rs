//! Conditions in words: why a remedy does not apply, when its scenario does not say it better.

use crate::scenario::Condition;

impl Condition {
    /// Why a remedy does not apply, when the scenario does not say it better: `holds` tells whether the condition is there.
    pub fn sentence(self, holds: bool) -> &'static str {
        match (self, holds) {
            (Condition::Arm64, false) => "only for Apple silicon code",
            (Condition::Arm64, true) => "not on Apple silicon",
            (Condition::X86_64, false) => "only for Intel code",
            (Condition::X86_64, true) => "not for Intel code",
            (Condition::UsesMapJit, false) => "nothing shows that the code maps with MAP_JIT",
            (Condition::UsesMapJit, true) => "the code maps with MAP_JIT already",
            (Condition::FlipsPages, false) => "nothing shows that written pages are made executable",
            (Condition::FlipsPages, true) => "the code makes written pages executable without MAP_JIT",
            (Condition::MapsWriteExecute, false) => "nothing shows memory that is writable and executable at once",
            (Condition::MapsWriteExecute, true) => "the code asks for memory that is writable and executable at once",
            (Condition::PatchesCode, false) => "no code page was patched",
            (Condition::PatchesCode, true) => "a code page was patched",
            (Condition::HasAllowJit, false) => "allow-jit is not there",
            (Condition::HasAllowJit, true) => "allow-jit is there already",
            (Condition::HasKey, false) => "the key is not there",
            (Condition::HasKey, true) => "the key is there already",
            (Condition::Hardened, false) => "the program is not hardened",
            (Condition::Hardened, true) => "the program is hardened",
            (Condition::Sandboxed, false) => "the program is not sandboxed",
            (Condition::Sandboxed, true) => "the program is sandboxed",
            (Condition::InsideBundle, false) => "the file does not lie in the bundle",
            (Condition::InsideBundle, true) => "the file lies in the bundle, so that it can be signed",
            (Condition::OutsideBundle, false) => "the file does not come from outside the bundle",
            (Condition::OutsideBundle, true) => "the file comes from outside the bundle",
            (Condition::NoTeam, false) => "the program is signed with a team",
            (Condition::NoTeam, true) => "the program is signed ad hoc: there is no team",
            (Condition::HasTeam, false) => "the program has no team",
            (Condition::HasTeam, true) => "the program is signed with a team",
            (Condition::UsageMissing, false) => "the usage description is there",
            (Condition::UsageMissing, true) => "the usage description is missing",
            (Condition::EntitlementMissing, false) => "the entitlement is there",
            (Condition::EntitlementMissing, true) => "the entitlement is missing",
            (Condition::DevelopmentBuild, false) => "only on a development build",
            (Condition::DevelopmentBuild, true) => "not on a development build",
            (Condition::DistributionBuild, false) => "only on a build for distribution",
            (Condition::DistributionBuild, true) => "never on a build for distribution",
            (Condition::ThroughScript, false) => "no script starts the program",
            (Condition::ThroughScript, true) => "a script starts the program",
            (Condition::BareExecutable, false) => "the program lies in a bundle",
            (Condition::BareExecutable, true) => "a bare executable has nowhere to keep it",
        }
    }
}
