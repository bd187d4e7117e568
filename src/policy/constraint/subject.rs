//! The code that a constraint is about, and what is known of each fact about it.

use crate::evidence::{Bundle, Evidence, Image, Signed, TargetKind};
use crate::policy::spawn::is_malformed;
use crate::read::cms::SignerKind;
use crate::read::entitlements::Value;
use crate::read::signature::constraint::{ConstraintSlot, Literal};
use std::path::Path;

/// Signing identifier of launchd.
const LAUNCHD: &str = "com.apple.xpc.launchd";
/// Folders of an app whose programs launchd starts, not the app.
const OF_LAUNCHD: [&str; 4] =
    ["Contents/Library/LaunchDaemons", "Contents/Library/LaunchAgents", "Contents/Library/LaunchServices", "Contents/Library/LoginItems"];

/// The code that a constraint is about.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A slice of the target.
    Code {
        /// The slice.
        image: &'a Image,
        /// It is the main executable of an app, which Launch Services starts.
        is_app: bool,
    },
    /// launchd itself, which starts services and agents.
    Launchd,
    /// Whoever starts the program.
    Starter,
}

/// What is known of a fact.
pub(super) enum Known<'a> {
    /// It has one of these values; several when a file does not tell which.
    Values(Vec<Literal>),
    /// Entitlements, for a query.
    Entitlements(&'a [(String, Value)]),
    /// The code has no such fact.
    Undefined,
    /// What it depends on.
    Open(&'static str),
}

impl<'a> Subject<'a> {
    /// A library that is loaded.
    pub fn library(image: &'a Image) -> Self {
        Subject::Code { image, is_app: false }
    }

    /// The code that a launch constraint of `image` is about. For the parent and the responsible process that is a guess from the place of the program: launchd
    /// starts services and agents, and the app around an XPC service is responsible for it; any other helper is started by the app around it ("Applying launch
    /// environment and library constraints").
    pub fn of(evidence: &'a Evidence, image: &'a Image, slot: ConstraintSlot) -> Self {
        let own = image.main_of.and_then(|index| evidence.bundles.get(index));
        let kind = own.map(|bundle| bundle.kind);
        if matches!(slot, ConstraintSlot::Itself | ConstraintSlot::Library) {
            return Subject::Code { image, is_app: kind == Some(TargetKind::App) };
        }
        let app = app_around(evidence, image);
        let is_of_launchd = OF_LAUNCHD.iter().any(|folder| app.is_some_and(|(bundle, _)| image.path.starts_with(bundle.path.join(folder))));
        let around = || app.map_or(Subject::Starter, |(_, image)| Subject::Code { image, is_app: true });
        match (kind, slot) {
            (Some(TargetKind::Xpc | TargetKind::Appex), ConstraintSlot::Parent) => Subject::Launchd,
            (Some(TargetKind::Xpc), _) => around(),
            // Whoever shows an extension is responsible for it.
            (Some(TargetKind::Appex), _) => Subject::Starter,
            (_, ConstraintSlot::Parent) if is_of_launchd => Subject::Launchd,
            _ if is_of_launchd => Subject::Starter,
            _ => around(),
        }
    }

    /// Name for people; `None` when it is not known who it is.
    pub fn name(&self) -> Option<String> {
        match self {
            Subject::Code { image, .. } => Some(image.path.file_name().unwrap_or_default().to_string_lossy().into_owned()),
            Subject::Launchd => Some("launchd".into()),
            Subject::Starter => None,
        }
    }

    pub(super) fn known(&self, fact: &str) -> Known<'a> {
        match self {
            Subject::Code { image, is_app } => of_code(image, *is_app, fact),
            Subject::Launchd => of_launchd(fact),
            Subject::Starter if is_public(fact) => Known::Open("who starts it"),
            Subject::Starter => Known::Open(UNKNOWN),
        }
    }
}

const UNKNOWN: &str = "what macOS knows of this fact, which Apple does not document";

/// Facts that Apple documents.
fn is_public(fact: &str) -> bool {
    const FACTS: [&str; 10] = [
        "cdhash",
        "entitlements",
        "is-init-proc",
        "is-sip-protected",
        "launch-type",
        "on-authorized-authapfs-volume",
        "on-system-volume",
        "signing-identifier",
        "team-identifier",
        "validation-category",
    ];
    FACTS.contains(&fact)
}

/// The innermost app around a program that is not its own, with its main executable: the slice of the same architecture, if there is one.
fn app_around<'a>(evidence: &'a Evidence, image: &Image) -> Option<(&'a Bundle, &'a Image)> {
    let is_around = |bundle: &&Bundle| bundle.kind == TargetKind::App && image.path.starts_with(&bundle.path);
    let other = |path: &&Path| **path != *image.path;
    let apps = evidence.bundles.iter().rev().filter(is_around);
    apps.filter_map(|bundle| {
        let path = bundle.executable.as_deref().filter(other)?;
        let main = evidence.slice_at(path, image.arch()).or_else(|| evidence.images_at(path).next())?;
        Some((bundle, main))
    })
    .next()
}

fn text(text: &str) -> Known<'static> {
    Known::Values(vec![Literal::Text(text.to_owned())])
}

fn numbers(numbers: &[i64]) -> Known<'static> {
    Known::Values(numbers.iter().copied().map(Literal::Integer).collect())
}

fn flag(value: bool) -> Known<'static> {
    Known::Values(vec![Literal::Bool(value)])
}

fn of_launchd(fact: &str) -> Known<'static> {
    match fact {
        "signing-identifier" => text(LAUNCHD),
        "team-identifier" => Known::Undefined,
        "validation-category" => numbers(&[1]),
        "is-init-proc" | "is-sip-protected" | "on-system-volume" => flag(true),
        fact if is_public(fact) => Known::Open("the launchd of that macOS"),
        _ => Known::Open(UNKNOWN),
    }
}

fn of_code<'a>(image: &'a Image, is_app: bool, fact: &str) -> Known<'a> {
    if image.signed == Signed::No && is_public(fact) {
        return Known::Undefined;
    }
    let Some((facts, directory)) = image.facts().and_then(|facts| Some((facts, facts.signature.directory()?))) else {
        return Known::Open("a signature that cannot be read");
    };
    let is_apples = facts.signer.kind == SignerKind::Apple;
    match fact {
        "cdhash" => Known::Values(vec![Literal::Data(directory.cdhash.to_vec())]),
        "signing-identifier" => text(&directory.identifier),
        "team-identifier" => team(facts.signer.kind, image.team().or(directory.team.as_deref())),
        "validation-category" => category(facts.signer.kind),
        "entitlements" if is_malformed(image) => Known::Open("entitlements that cannot be read"),
        "entitlements" => Known::Entitlements(facts.signature.entitlements.as_ref().map_or(&[], |set| set.entries.as_slice())),
        // launchd is Apple's, and the system volume is sealed with nothing but Apple's code on it.
        "is-init-proc" | "on-system-volume" | "on-authorized-authapfs-volume" if !is_apples => flag(false),
        "is-init-proc" => Known::Open("whether it is launchd"),
        "on-system-volume" | "on-authorized-authapfs-volume" | "is-sip-protected" => Known::Open("where it lies"),
        // 1 and 2 are the system's; 3 is Launch Services', since macOS 14.
        "launch-type" if is_app && !is_apples => numbers(&[0, 3]),
        "launch-type" => Known::Open("how it is started"),
        _ => Known::Open(UNKNOWN),
    }
}

/// "Team identifiers are present in executables signed by code signing identities for development, TestFlight, App Store, or Developer ID."
fn team(signer: SignerKind, team: Option<&str>) -> Known<'static> {
    match signer {
        SignerKind::DeveloperId
        | SignerKind::AppleDevelopment
        | SignerKind::AppleDistribution
        | SignerKind::AppStore
        | SignerKind::TestFlight => team.map_or(Known::Undefined, text),
        SignerKind::Other => Known::Open("a certificate that Temper does not trust"),
        SignerKind::Apple | SignerKind::SelfSigned | SignerKind::AdHoc | SignerKind::LinkerSigned | SignerKind::Unsigned => {
            Known::Undefined
        }
    }
}

/// Table of validation categories. Reports show both 0 and 10 for code that no identity of Apple's signed.
fn category(signer: SignerKind) -> Known<'static> {
    match signer {
        SignerKind::Apple => numbers(&[1]),
        SignerKind::TestFlight => numbers(&[2]),
        SignerKind::AppleDevelopment => numbers(&[3]),
        SignerKind::AppStore => numbers(&[4]),
        SignerKind::DeveloperId => numbers(&[6]),
        SignerKind::SelfSigned | SignerKind::AdHoc | SignerKind::LinkerSigned | SignerKind::Unsigned => numbers(&[0, 10]),
        SignerKind::AppleDistribution => Known::Open("how it is distributed"),
        SignerKind::Other => Known::Open("a certificate that Temper does not trust"),
    }
}
