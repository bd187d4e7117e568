//! What is odd about a set of entitlements: each rule one function (Apple: Hardened Runtime, App Sandbox; TN3125).

use super::{Kind, Type, instead, kind_of, lookup, nearest};
use crate::finding::Severity;
use crate::policy::{self, key};
use crate::read::entitlements::Value;
use crate::read::macho::Arch;

/// One remark about one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Kebab-case id; names what was found.
    pub id: &'static str,
    /// How bad. A note is no fault.
    pub severity: Severity,
    /// The key as written.
    pub key: String,
    /// One sentence.
    pub message: String,
}

/// Where the set stands. What is not known of it is `None`, and no rule is built on it.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The executable has the runtime flag.
    pub is_hardened: Option<bool>,
    /// A provisioning profile lies beside it.
    pub has_profile: Option<bool>,
    /// Slices of the executable; empty when not known.
    pub archs: Vec<Arch>,
}

type Entries = [(String, Value)];

/// A rule on one key of a set.
type Rule = fn(&Entries, &Place, &str, &Value) -> Option<Note>;

/// All remarks, in the order of the keys, then of the rules.
pub fn judge(entries: &Entries, place: &Place) -> Vec<Note> {
    const RULES: &[Rule] = &[
        unknown,
        no_effect,
        wrong_type,
        is_false,
        internal,
        sandbox_only,
        inherited,
        not_hardened,
        covered,
        alone,
        no_wider,
        enhanced,
        development,
        restricted,
    ];
    let all = entries.iter().flat_map(|(name, value)| RULES.iter().filter_map(move |rule| rule(entries, place, name, value)));
    all.collect()
}

fn note(id: &'static str, severity: Severity, key: &str, message: String) -> Option<Note> {
    Some(Note { id, severity, key: key.to_owned(), message })
}

fn is_true(entries: &Entries, name: &str) -> bool {
    entries.iter().any(|(key, value)| key == name && *value == Value::Bool(true))
}

fn has(entries: &Entries, name: &str) -> bool {
    entries.iter().any(|(key, _)| key == name)
}

/// A key that is not in the table: misspelt when a known one is near.
fn unknown(_: &Entries, _: &Place, name: &str, _: &Value) -> Option<Note> {
    if lookup(name).is_some() {
        return None;
    }
    if let Some(meant) = nearest(name) {
        return note("key-misspelt", Severity::Warning, name, format!("{name} is not a key of macOS: did you mean {meant}?"));
    }
    match kind_of(name) {
        Some(Kind::Sandbox | Kind::AppleInternal) => None,
        _ => note("key-unknown", Severity::Note, name, format!("{name} is unknown to Temper; macOS may know it")),
    }
}

fn no_effect(_: &Entries, _: &Place, name: &str, _: &Value) -> Option<Note> {
    if kind_of(name) != Some(Kind::NoEffect) {
        return None;
    }
    let right = instead(name).map(|right| format!("; the key is {right}")).unwrap_or_default();
    note("key-without-effect", Severity::Warning, name, format!("{name} does nothing on macOS{right}"))
}

/// `<string>true</string>` is no boolean: macOS takes the key for absent.
fn wrong_type(_: &Entries, _: &Place, name: &str, value: &Value) -> Option<Note> {
    let known = lookup(name).filter(|known| known.kind != Kind::NoEffect && !known.value.admits(value))?;
    let effect = if known.value == Type::Bool { "; as it stands it counts as absent" } else { "" };
    note("key-wrong-type", Severity::Warning, name, format!("{name} takes {}{effect}", known.value.words()))
}

fn is_false(_: &Entries, _: &Place, name: &str, value: &Value) -> Option<Note> {
    let known = lookup(name).filter(|known| known.value == Type::Bool && *value == Value::Bool(false))?;
    note("key-false", Severity::Note, known.name, format!("{name} is false, which is the same as absent; Apple says to leave it out"))
}

fn internal(_: &Entries, _: &Place, name: &str, _: &Value) -> Option<Note> {
    if kind_of(name) != Some(Kind::AppleInternal) {
        return None;
    }
    let message = format!("{name} is for Apple's own code: macOS refuses to start anybody else's program with it");
    note("key-apple-internal", Severity::Warning, name, message)
}

fn sandbox_only(entries: &Entries, _: &Place, name: &str, _: &Value) -> Option<Note> {
    if kind_of(name) != Some(Kind::Sandbox) || name == key::APP_SANDBOX || is_true(entries, key::APP_SANDBOX) {
        return None;
    }
    let right = policy::RESOURCES.iter().find(|resource| resource.wrong_entitlements.contains(&name));
    let right = right.map(|right| format!("; the hardened runtime asks for {}", right.entitlement)).unwrap_or_default();
    let message = format!("{name} belongs to the App Sandbox and does nothing without {}{right}", key::APP_SANDBOX);
    note("key-needs-sandbox", Severity::Warning, name, message)
}

/// A tool that inherits its sandbox may have no sandbox key of its own (Apple: Embedding a command-line tool in a sandboxed app).
fn inherited(entries: &Entries, _: &Place, name: &str, value: &Value) -> Option<Note> {
    let is_sandboxed = is_true(entries, key::APP_SANDBOX) && is_true(entries, key::INHERIT);
    let is_more = kind_of(name) == Some(Kind::Sandbox) && ![key::APP_SANDBOX, key::INHERIT].contains(&name) && *value != Value::Bool(false);
    if !is_sandboxed || !is_more {
        return None;
    }
    let message = format!("{name} beside {}: a program that inherits its sandbox is ended at launch for it", key::INHERIT);
    note("key-beside-inherit", Severity::Warning, name, message)
}

/// Exceptions and resources count only with the runtime flag; resources in the sandbox too.
fn not_hardened(entries: &Entries, place: &Place, name: &str, value: &Value) -> Option<Note> {
    let counts = match kind_of(name)? {
        Kind::HardenedRuntime => false,
        Kind::Resource => is_true(entries, key::APP_SANDBOX),
        _ => true,
    };
    if counts || place.is_hardened != Some(false) || *value == Value::Bool(false) {
        return None;
    }
    note("key-inert", Severity::Warning, name, format!("{name} does nothing: the program is signed without the runtime flag"))
}

fn covered(entries: &Entries, place: &Place, name: &str, _: &Value) -> Option<Note> {
    let (_, by) = redundant(&|name| is_true(entries, name), &place.archs).into_iter().find(|(covered, _)| *covered == name)?;
    note("key-redundant", Severity::Note, name, format!("{name} is covered by {by}"))
}

/// Keys that another one covers, with that one. `archs` are the slices that run with them; without any only what holds on all.
///
/// On Intel the memory keys are a chain; on Apple silicon the two broad ones are equal, and `allow-jit` is needed beside them.
pub fn redundant(is_true: &dyn Fn(&str) -> bool, archs: &[Arch]) -> Vec<(&'static str, &'static str)> {
    let mut all = Vec::new();
    let any_arm = archs.is_empty() || archs.iter().any(|arch| arch.is_arm64());
    let all_arm = !archs.is_empty() && archs.iter().all(|arch| arch.is_arm64());
    let broad = [key::UNSIGNED_MEMORY, key::PAGE_PROTECTION].into_iter().find(|name| is_true(name));
    if let Some(broad) = broad.filter(|_| is_true(key::ALLOW_JIT) && !any_arm) {
        all.push((key::ALLOW_JIT, broad));
    }
    if is_true(key::UNSIGNED_MEMORY) && is_true(key::PAGE_PROTECTION) {
        // Where both mean the same, the one that says more than is needed should go.
        let pair = (key::UNSIGNED_MEMORY, key::PAGE_PROTECTION);
        all.push(if all_arm { (pair.1, pair.0) } else { pair });
    }
    all
}

/// A key that does less than its reader may think without another.
fn alone(entries: &Entries, _: &Place, name: &str, value: &Value) -> Option<Note> {
    let is_alone = name == key::DYLD_VARIABLES && *value == Value::Bool(true) && !is_true(entries, key::LIBRARY_VALIDATION);
    let message = format!("{name} without {}: only libraries of the same team and Apple's can be loaded that way", key::LIBRARY_VALIDATION);
    if is_alone { note("key-does-less-alone", Severity::Note, name, message) } else { None }
}

/// On Apple silicon the widest of the memory keys does no more than a narrower one, whose name says less.
fn no_wider(entries: &Entries, place: &Place, name: &str, value: &Value) -> Option<Note> {
    let is_wide = name == key::PAGE_PROTECTION && *value == Value::Bool(true) && !is_true(entries, key::UNSIGNED_MEMORY);
    let arm = place.archs.iter().filter(|arch| arch.is_arm64()).count();
    let advice = if arm == place.archs.len() { ": ask for that one" } else { "" };
    let message = format!("{name} does no more than {} on Apple silicon{advice}", key::UNSIGNED_MEMORY);
    if is_wide && arm > 0 { note("key-no-wider", Severity::Note, name, message) } else { None }
}

/// Each part of enhanced security needs the base key and a version (Apple: Enabling enhanced security for your app).
fn enhanced(entries: &Entries, _: &Place, name: &str, _: &Value) -> Option<Note> {
    const BASE: &str = "com.apple.security.hardened-process";
    const VERSIONS: [&str; 2] = [
        "com.apple.security.hardened-process.enhanced-security-version-string",
        "com.apple.security.hardened-process.enhanced-security-version",
    ];
    let is_part = name.strip_prefix(BASE).is_some_and(|rest| rest.starts_with('.')) && !VERSIONS.contains(&name);
    let missing = match () {
        () if !is_part => return None,
        () if !is_true(entries, BASE) => BASE,
        () if !VERSIONS.iter().any(|version| has(entries, version)) => VERSIONS[0],
        () => return None,
    };
    note("key-needs-another", Severity::Warning, name, format!("{name} counts only beside {missing}"))
}

fn development(_: &Entries, _: &Place, name: &str, value: &Value) -> Option<Note> {
    if kind_of(name) != Some(Kind::Development) || *value != Value::Bool(true) {
        return None;
    }
    let message = format!("{name} is for development: the notary refuses it, and any process of the user may take the program over");
    note("key-development-only", Severity::Warning, name, message)
}

fn restricted(_: &Entries, place: &Place, name: &str, _: &Value) -> Option<Note> {
    let is_restricted = policy::is_restricted(name) && !matches!(kind_of(name), Some(Kind::AppleInternal | Kind::NoEffect));
    match (is_restricted && nearest(name).is_none(), place.has_profile) {
        (false, _) | (true, Some(true)) => None,
        (true, Some(false)) => note(
            "key-needs-profile",
            Severity::Warning,
            name,
            format!("{name} must be authorised by a provisioning profile, and there is none"),
        ),
        (true, None) => {
            let message = format!("{name} must be authorised by a provisioning profile; without one macOS does not start the program");
            note("key-needs-profile", Severity::Note, name, message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YES: Value = Value::Bool(true);

    fn set(keys: &[&str]) -> Vec<(String, Value)> {
        keys.iter().map(|key| ((*key).to_owned(), YES)).collect()
    }

    fn ids_at(entries: &Entries, place: &Place) -> Vec<&'static str> {
        judge(entries, place).into_iter().map(|note| note.id).collect()
    }

    fn ids(keys: &[&str]) -> Vec<&'static str> {
        ids_at(&set(keys), &Place::default())
    }

    #[test]
    fn a_plain_set_is_fine() {
        assert_eq!(ids(&[key::ALLOW_JIT, key::CAMERA, "com.apple.security.hypervisor"]), Vec::<&str>::new());
    }

    #[test]
    fn a_misspelt_key_and_an_unknown_one_are_told_apart() {
        let notes = judge(&set(&["com.apple.security.cs.alow-jit"]), &Place::default());
        assert_eq!((notes[0].id, notes[0].severity), ("key-misspelt", Severity::Warning));
        assert!(notes[0].message.ends_with("did you mean com.apple.security.cs.allow-jit?"), "{}", notes[0].message);
        assert_eq!(ids(&["com.apple.security.brand-new-thing"]), ["key-unknown"]);
        assert_eq!(ids(&["com.apple.developer.brand-new-thing"]), ["key-unknown", "key-needs-profile"]);
    }

    #[test]
    fn a_key_without_effect_names_the_one_that_has_it() {
        let notes = judge(&set(&["com.apple.security.personal-information.contacts", "run-unsigned-code"]), &Place::default());
        assert_eq!(notes.iter().map(|note| note.id).collect::<Vec<_>>(), ["key-without-effect"; 2]);
        assert!(notes[0].message.contains("addressbook"), "{}", notes[0].message);
    }

    #[test]
    fn a_text_is_no_boolean_and_a_boolean_no_list() {
        let text = vec![(key::ALLOW_JIT.to_owned(), Value::String("true".into()))];
        assert_eq!(ids_at(&text, &Place::default()), ["key-wrong-type"]);
        assert_eq!(ids(&["com.apple.security.application-groups"]), ["key-wrong-type"]);
        let good = vec![("com.apple.security.application-groups".to_owned(), Value::Array(vec![Value::String("g".into())]))];
        assert_eq!(ids_at(&good, &Place::default()), Vec::<&str>::new());
    }

    #[test]
    fn false_is_the_same_as_absent() {
        let no = vec![(key::ALLOW_JIT.to_owned(), Value::Bool(false))];
        assert_eq!(ids_at(&no, &Place { is_hardened: Some(false), ..Place::default() }), ["key-false"]);
    }

    #[test]
    fn apples_own_keys_are_refused_to_others() {
        assert_eq!(ids(&["com.apple.private.skip-library-validation"]), ["key-apple-internal"]);
        assert_eq!(ids(&["com.apple.private.brand-new"]), ["key-apple-internal"]);
    }

    #[test]
    fn sandbox_keys_need_the_sandbox() {
        assert_eq!(ids(&["com.apple.security.network.client"]), ["key-needs-sandbox"]);
        assert_eq!(ids(&[key::APP_SANDBOX, "com.apple.security.network.client"]), Vec::<&str>::new());
        let notes = judge(&set(&["com.apple.security.device.microphone"]), &Place::default());
        assert!(notes[0].message.contains(key::AUDIO_INPUT), "{}", notes[0].message);
    }

    #[test]
    fn a_tool_that_inherits_its_sandbox_has_no_key_of_its_own() {
        assert_eq!(ids(&[key::APP_SANDBOX, key::INHERIT, "com.apple.security.network.client"]), ["key-beside-inherit"]);
        assert_eq!(ids(&[key::APP_SANDBOX, key::INHERIT, key::ALLOW_JIT]), Vec::<&str>::new());
    }

    #[test]
    fn runtime_keys_need_the_runtime_flag() {
        let place = Place { is_hardened: Some(false), ..Place::default() };
        assert_eq!(ids_at(&set(&[key::ALLOW_JIT, key::CAMERA]), &place), ["key-inert", "key-inert"]);
        assert_eq!(ids_at(&set(&[key::APP_SANDBOX, key::CAMERA]), &place), Vec::<&str>::new(), "the sandbox asks for it too");
        assert_eq!(ids_at(&set(&[key::ALLOW_JIT]), &Place { is_hardened: Some(true), ..place }), Vec::<&str>::new());
    }

    #[test]
    fn a_broader_key_covers_a_narrower_one_by_architecture() {
        let at = |keys: &[&str], archs: &[Arch]| ids_at(&set(keys), &Place { archs: archs.to_vec(), ..Place::default() });
        let jit = [key::ALLOW_JIT, key::UNSIGNED_MEMORY];
        assert_eq!(at(&jit, &[Arch::X86_64]), ["key-redundant"]);
        assert_eq!(at(&jit, &[Arch::X86_64, Arch::Arm64]), Vec::<&str>::new());
        assert_eq!(at(&jit, &[]), Vec::<&str>::new());
        let both = [key::UNSIGNED_MEMORY, key::PAGE_PROTECTION];
        assert_eq!(at(&both, &[]), ["key-redundant"]);
        let is_true = |name: &str| both.contains(&name);
        assert_eq!(redundant(&is_true, &[Arch::Arm64]), [(key::PAGE_PROTECTION, key::UNSIGNED_MEMORY)]);
        assert_eq!(redundant(&is_true, &[Arch::X86_64]), [(key::UNSIGNED_MEMORY, key::PAGE_PROTECTION)]);
    }

    #[test]
    fn the_widest_memory_key_is_no_wider_on_apple_silicon() {
        let at = |archs: &[Arch]| ids_at(&set(&[key::PAGE_PROTECTION]), &Place { archs: archs.to_vec(), ..Place::default() });
        assert_eq!(at(&[Arch::Arm64]), ["key-no-wider"]);
        assert_eq!(at(&[Arch::Arm64, Arch::X86_64]), ["key-no-wider"]);
        assert!(at(&[Arch::X86_64]).is_empty() && at(&[]).is_empty(), "on Intel it does more");
    }

    #[test]
    fn dyld_variables_alone_do_less() {
        assert_eq!(ids(&[key::DYLD_VARIABLES]), ["key-does-less-alone"]);
        assert_eq!(ids(&[key::DYLD_VARIABLES, key::LIBRARY_VALIDATION]), Vec::<&str>::new());
    }

    #[test]
    fn enhanced_security_needs_its_base_and_a_version() {
        const HEAP: &str = "com.apple.security.hardened-process.hardened-heap";
        const BASE: &str = "com.apple.security.hardened-process";
        assert_eq!(ids(&[HEAP]), ["key-needs-another"]);
        assert_eq!(ids(&[BASE, HEAP]), ["key-needs-another"]);
        let mut whole = set(&[BASE, HEAP]);
        whole.push(("com.apple.security.hardened-process.enhanced-security-version-string".into(), Value::String("2".into())));
        assert_eq!(ids_at(&whole, &Place::default()), Vec::<&str>::new());
    }

    #[test]
    fn keys_for_development_are_named() {
        assert_eq!(ids(&[key::GET_TASK_ALLOW]), ["key-development-only"]);
        assert_eq!(ids_at(&[(key::GET_TASK_ALLOW.to_owned(), Value::Bool(false))], &Place::default()), ["key-false"]);
    }

    #[test]
    fn restricted_keys_need_a_profile() {
        let groups = vec![("keychain-access-groups".to_owned(), Value::Array(vec![Value::String("T.a".into())]))];
        let at = |has_profile| judge(&groups, &Place { has_profile, ..Place::default() });
        assert_eq!(at(None)[0].severity, Severity::Note);
        assert_eq!(at(Some(false))[0].severity, Severity::Warning);
        assert_eq!(at(Some(true)), Vec::new());
    }
}
