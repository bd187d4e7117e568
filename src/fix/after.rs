//! What comes after the signing: proof on a Mac, then the notary service. Pure texts.

use super::plan::whole;
use super::sign::Identity;
use crate::evidence::{Evidence, Image, TargetKind};
use crate::read::cms::SignerKind;
use crate::report::Diagnosis;
use crate::scenario;
use std::path::Path;

/// Stands for the name under which the user stored the credentials (`xcrun notarytool store-credentials`).
pub const PROFILE: &str = "YOUR-PROFILE";

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// What for, a sentence or two.
    pub text: String,
    /// Command; empty when it is done by hand.
    pub argv: Vec<String>,
}

impl After {
    fn run(text: &str, argv: &[&str]) -> Self {
        Self { text: text.to_owned(), argv: argv.iter().map(|word| (*word).to_owned()).collect() }
    }

    fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), argv: Vec::new() }
    }
}

/// How to see on a Mac that it is mended; then, when something was signed for distribution, how to notarize it.
pub fn steps(evidence: &Evidence, diagnosis: &Diagnosis, signed: bool, distribution: bool) -> Vec<After> {
    let mut all = prove(evidence, diagnosis);
    if signed {
        all.extend(ship(evidence, distribution));
    }
    all
}

/// Proof on a Mac.
fn prove(evidence: &Evidence, diagnosis: &Diagnosis) -> Vec<After> {
    let Some(app) = whole(evidence) else { return Vec::new() };
    let scenario = scenario::by_id(&diagnosis.scenario);
    let services =
        scenario.and_then(|scenario| scenario.resource.as_ref()).map(|resource| resource.services.as_slice()).unwrap_or_default();
    let mut all: Vec<After> = Vec::new();
    if let Some(identifier) = evidence.target.identifier.as_deref().filter(|id| !id.is_empty() && !id.starts_with('-')) {
        for service in services.iter().filter_map(|service| service.strip_prefix("kTCCService")) {
            all.push(After::run(
                "Forget what the user answered before: with an old answer macOS does not ask, and nothing is proved",
                &["tccutil", "reset", service, identifier],
            ));
        }
    }
    if evidence.target.kind == TargetKind::App {
        all.push(After::run(
            "Start it as a user does, never from Xcode or a debugger: those sign with get-task-allow and forgive what macOS refuses otherwise. A program \
             started from a terminal asks with the terminal's own permissions",
            &["open", &app],
        ));
    }
    if !matches!(evidence.target.kind, TargetKind::Folder | TargetKind::Framework | TargetKind::Xpc | TargetKind::Appex) {
        all.push(After::run("Or let Temper start it and read what macOS says", &["temper", "run", &app]));
    }
    if let Some(scenario) = scenario.filter(|scenario| !scenario.prove.is_empty()) {
        all.push(After::words(format!("It is mended when this holds: {}", scenario.prove)));
    }
    all.push(After::words(
        "It proves nothing on a Mac with System Integrity Protection off (csrutil status) or library validation off for all programs (DisableLibraryValidation), \
         with a debugger attached, or for the arm64 code when it ran under Rosetta; temper run names what it sees of that",
    ));
    all
}

/// Notarization.
fn ship(evidence: &Evidence, distribution: bool) -> Vec<After> {
    let signer = evidence.main_images().next().and_then(Image::facts).map(|facts| facts.signer.kind);
    let (Some(app), false) = (whole(evidence), matches!(signer, Some(SignerKind::Apple | SignerKind::AppStore | SignerKind::TestFlight)))
    else {
        return Vec::new();
    };
    let identity = Identity::of(evidence, distribution);
    let can_notarize = !identity.ad_hoc && matches!(signer, Some(SignerKind::DeveloperId)) || !identity.known;
    if !can_notarize {
        return vec![After::words(
            "To give it to others, sign it with a Developer ID and notarize it: the notary takes no other identity, and Gatekeeper opens nothing else",
        )];
    }
    let zip = format!("{}.zip", Path::new(&app).file_stem().unwrap_or_default().to_string_lossy());
    let mut all = vec![
        After::run(
            "Pack it for the notary; other zip programs lose links and attributes",
            &["ditto", "-c", "-k", "--keepParent", &app, &zip],
        ),
        After::run(
            "Send it, and wait for the answer. When it is refused, give the log to Temper (notarytool log ID)",
            &["xcrun", "notarytool", "submit", &zip, "--keychain-profile", PROFILE, "--wait"],
        ),
    ];
    match evidence.target.kind {
        TargetKind::MachO | TargetKind::Script | TargetKind::Folder => {
            all.push(After::words("A bare program holds no ticket: Gatekeeper asks Apple for it. To have one offline, ship it in a disk image or package and staple that"));
        }
        _ => all.push(After::run(
            "Put the ticket into the app, then pack it again to ship: the first zip has none",
            &["xcrun", "stapler", "staple", &app],
        )),
    }
    all.push(After::words("The ticket belongs to this very signature: whatever is signed again is notarized and stapled again"));
    all
}

/// What a new signer costs; `None` when the identity stays.
pub fn new_identity(identity: &Identity) -> Option<&'static str> {
    if identity.ad_hoc {
        Some(
            "To macOS each ad hoc build is another program: privacy answers and keychain items that the user gave to the last one are not this one's.",
        )
    } else if !identity.known {
        Some(
            "Signed by another identity it is another program to macOS: privacy answers and keychain items of the old one are lost, and it asks again.",
        )
    } else {
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fix::sample;

    #[test]
    fn a_walk_ends_in_a_proof_and_a_ticket() {
        let evidence = sample::app();
        let diagnosis = |scenario: &str| Diagnosis {
            cause: "jit",
            scenario: scenario.into(),
            confidence: "certain",
            subject: String::new(),
            arch: None,
            summary: String::new(),
            mended_by: "developer",
            findings: Vec::new(),
            rule: None,
            source: None,
            remedies: Vec::new(),
        };
        let words = |scenario: &str, signed| {
            let all = steps(&evidence, &diagnosis(scenario), signed, false);
            all.iter().filter(|one| !one.argv.is_empty()).map(|one| one.argv.join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(
            words("camera", true),
            [
                "tccutil reset Camera org.example.demo",
                "open Demo.app",
                "temper run Demo.app",
                "ditto -c -k --keepParent Demo.app Demo.zip",
                "xcrun notarytool submit Demo.zip --keychain-profile YOUR-PROFILE --wait",
                "xcrun stapler staple Demo.app",
            ]
        );
        assert_eq!(words("jit", false), ["open Demo.app", "temper run Demo.app"]);
        assert!(
            steps(&evidence, &diagnosis("jit"), true, false).last().is_some_and(|last| last.text.contains("signed again is notarized"))
        );
    }

    #[test]
    fn an_ad_hoc_app_is_not_sent_to_the_notary() {
        let mut evidence = sample::app();
        sample::sign_as(&mut evidence.images[sample::MAIN], SignerKind::AdHoc, None, None);
        let all = ship(&evidence, false);
        assert!(all.len() == 1 && all[0].argv.is_empty() && all[0].text.contains("Developer ID"), "{all:?}");
    }

    #[test]
    fn only_a_known_identity_that_stays_costs_nothing() {
        let identity = |name: &str, ad_hoc, known| Identity { name: name.into(), hash: None, ad_hoc, known };
        assert!(new_identity(&identity("-", true, true)).unwrap().contains("ad hoc"));
        assert!(new_identity(&identity("X", false, false)).is_some());
        assert_eq!(new_identity(&identity("Developer ID Application: A (B)", false, true)), None);
    }
}
