//! Protected resources, Apple events, the sandbox's part in both, and other apps' bundles.

use super::resources::{RESOURCES, SERVICES, Usage};
use super::{CERTAIN, Decision, LIKELY, Lift, Process, Shows, allow, deny, key};

const SOURCE: &str = "Apple: Hardened Runtime, resource access; Requesting access to protected resources";

/// A resource of the hardened runtime: the entitlement, then the sandbox's key, then the usage description.
pub(super) fn resource(process: &Process, entitlement: &str, usage_present: Option<bool>) -> Decision {
    let known = RESOURCES.iter().find(|r| r.entitlement == entitlement);
    // The privacy prompts and the entitlements for them began with macOS 10.14.
    let guards = process.is_runtime() && process.since(10, 14);
    if let Some(resource) = known.filter(|resource| guards && !process.has(resource.entitlement)) {
        return deny(
            "a hardened program is never allowed to ask for this without the entitlement: no prompt, no message",
            SOURCE,
            CERTAIN,
            Shows::Silence,
            vec![Lift::Entitlements(vec![resource.entitlement])],
        );
    }
    if known.is_some() && process.platform && !process.has(entitlement) {
        return deny(
            "one of Apple's own programs that is not made to ask, a shell for one, never gets a prompt",
            "tccd: \"Platform binary prompting is 'Deny'\"",
            LIKELY,
            Shows::Silence,
            vec![Lift::Signing("start the work from a signed program of your own")],
        );
    }
    if let Some(resource) = known.filter(|_| process.is_sandboxed())
        && !resource.sandbox_keys.is_empty()
        && !resource.sandbox_keys.iter().any(|key| process.has(key))
    {
        let lift = resource.sandbox_keys.first().map(|key| Lift::Entitlements(vec![*key]));
        return deny(
            "the sandbox refuses this without a key of its own, whatever the hardened runtime allows",
            "Apple: App Sandbox entitlements",
            CERTAIN,
            Shows::SandboxViolation,
            lift.into_iter().collect(),
        );
    }
    if usage_present == Some(false) && process.since(10, 14) {
        return deny("a program that asks without a usage description is ended", SOURCE, CERTAIN, Shows::Abort, vec![Lift::UsageString]);
    }
    allow("the user is asked", SOURCE, CERTAIN)
}

/// tccd looks for the entitlement only when it would prompt.
pub(super) fn granted(process: &Process, entitlement: &str) -> Decision {
    const GRANTED: &str = "public reports with tccd's log: grants from before the app was hardened go on working";
    let asked = resource(process, entitlement, None);
    if asked.shows == Some(Shows::SandboxViolation) {
        return asked;
    }
    allow("what the user granted before stays granted; only a new prompt asks for the entitlement", GRANTED, LIKELY)
}

pub(super) fn apple_event(process: &Process, same_team: bool, usage_present: Option<bool>) -> Decision {
    const EVENTS: &str = "Apple: Apple Events entitlement";
    if same_team {
        return allow("events to itself or to programs of the same team need no entitlement", EVENTS, CERTAIN);
    }
    let mut asked = resource(process, key::APPLE_EVENTS, usage_present);
    if asked.shows == Some(Shows::Silence) {
        asked.shows = Some(Shows::AppleEventError);
    }
    asked
}

/// A service that the hardened runtime has no entitlement for.
pub(super) fn service(process: &Process, name: &str, usage_present: Option<bool>) -> Decision {
    let usage = SERVICES.iter().find(|service| service.name == name).map(|service| service.usage);
    match usage {
        Some(Usage::Required(_)) if usage_present == Some(false) => deny(
            "a program that asks without a usage description is ended or silently refused",
            SOURCE,
            LIKELY,
            Shows::Abort,
            vec![Lift::UsageString],
        ),
        Some(Usage::Optional(_)) => allow("the user is asked; without a usage description the question gives no reason", SOURCE, LIKELY),
        Some(Usage::None) => allow("no entitlement and no usage description: the user adds the program in System Settings", SOURCE, LIKELY),
        _ if process.platform => allow("the user is asked", SOURCE, LIKELY),
        _ => allow("the user is asked; the hardened runtime has no entitlement for this", SOURCE, LIKELY),
    }
}

/// A key that counts only beside `com.apple.security.app-sandbox` (Apple: App Sandbox entitlements).
pub fn is_sandbox_only(name: &str) -> bool {
    const PREFIXES: &[&str] = &["network.", "files.", "temporary-exception.", "assets."];
    const KEYS: &[&str] = &[
        "device.usb",
        "device.bluetooth",
        "device.serial",
        "device.firewire",
        "device.microphone",
        "print",
        "scripting-targets",
        "inherit",
    ];
    let Some(rest) = name.strip_prefix("com.apple.security.") else { return false };
    PREFIXES.iter().any(|prefix| rest.starts_with(prefix)) || KEYS.contains(&rest)
}

/// A tool that a sandboxed app starts takes the app's sandbox over, and may ask for nothing of its own.
pub(super) fn inherit_sandbox(process: &Process) -> Decision {
    const INHERIT: &str = "Apple: Embedding a command-line tool in a sandboxed app";
    if !process.has(key::INHERIT) {
        return allow("without com.apple.security.inherit the tool has a sandbox of its own, or none", INHERIT, LIKELY);
    }
    if !process.is_sandboxed() {
        return deny(
            "com.apple.security.inherit counts only beside com.apple.security.app-sandbox",
            INHERIT,
            CERTAIN,
            Shows::Silence,
            vec![Lift::Entitlements(vec![key::APP_SANDBOX])],
        );
    }
    let own = |name: &String| (is_sandbox_only(name) && name != key::INHERIT) || RESOURCES.iter().any(|r| r.entitlement == *name);
    if process.entitlements.iter().any(own) {
        return deny(
            "a tool that inherits its sandbox is ended at launch when it has further keys of the sandbox",
            INHERIT,
            CERTAIN,
            Shows::SandboxAbort,
            vec![Lift::Signing("leave app-sandbox and inherit, and the exceptions of the hardened runtime that it needs")],
        );
    }
    allow("the tool takes over the sandbox of the app that starts it", INHERIT, CERTAIN)
}

/// App Management: since macOS 13 an app may not change another team's.
pub(super) fn change_other_app(process: &Process, same_team: bool) -> Decision {
    const MANAGEMENT: &str = "Apple: NSUpdateSecurityPolicy; public logs of App Management";
    if !process.since(13, 0) {
        return allow("before macOS 13 only file permissions count", MANAGEMENT, LIKELY);
    }
    if same_team && process.team.is_some() {
        return allow("an app of the same team may be changed", MANAGEMENT, CERTAIN);
    }
    deny(
        "since macOS 13 a program may change another team's app only when the user or that app's Info.plist lets it; no entitlement does",
        MANAGEMENT,
        LIKELY,
        Shows::Errno("EPERM"),
        vec![
            Lift::Signing("sign the updater with the team of the app"),
            Lift::Signing("name the updater in the app's NSUpdateSecurityPolicy"),
        ],
    )
}
