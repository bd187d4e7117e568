//! Entitlement keys: what each is for, which value it takes, and what is odd about a set of them. Pure.
//!
//! `temper lint` asks it about files, the detector of keys about what is signed. A key that is not in the table is "unknown to Temper", never "invalid":
//! Apple adds keys with every system.

mod judge;
mod table;

pub use judge::{Note, Place, judge, redundant};

use crate::read::entitlements::Value;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An exception of the hardened runtime, or a key that tightens it. Counts only with the runtime flag.
    HardenedRuntime,
    /// A protected resource. Counts with the runtime flag and in the sandbox.
    Resource,
    /// Counts only with `com.apple.security.app-sandbox`.
    Sandbox,
    /// Counts everywhere and needs no provisioning profile.
    Unrestricted,
    /// A provisioning profile must authorise it (TN3125).
    Restricted,
    /// For development; the notary refuses it.
    Development,
    /// For Apple's own code: macOS refuses it in anybody else's.
    AppleInternal,
    /// Enhanced security (macOS 26): tightens.
    EnhancedSecurity,
    /// macOS does not look at it.
    NoEffect,
}

impl Kind {
    /// The word of the JSON output.
    pub fn word(self) -> &'static str {
        match self {
            Kind::HardenedRuntime => "hardened-runtime",
            Kind::Resource => "resource",
            Kind::Sandbox => "sandbox",
            Kind::Unrestricted => "unrestricted",
            Kind::Restricted => "restricted",
            Kind::Development => "development-only",
            Kind::AppleInternal => "apple-internal",
            Kind::EnhancedSecurity => "enhanced-security",
            Kind::NoEffect => "no-effect",
        }
    }
}

/// The value a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// `<true/>`, `<false/>`
    Bool,
    /// `<string>`
    Text,
    /// `<integer>`
    Integer,
    /// `<array>` of strings
    Array,
    /// `<string>`, or an `<array>` of them
    TextOrArray,
    /// `<dict>`
    Dict,
    /// Not known.
    Any,
}

impl Type {
    /// The value is of this type.
    pub fn admits(self, value: &Value) -> bool {
        let is_texts = |value: &Value| matches!(value, Value::Array(items) if items.iter().all(|item| matches!(item, Value::String(_))));
        match self {
            Type::Bool => matches!(value, Value::Bool(_)),
            Type::Text => matches!(value, Value::String(_)),
            Type::Integer => matches!(value, Value::Integer(_)),
            Type::Array => is_texts(value),
            Type::TextOrArray => matches!(value, Value::String(_)) || is_texts(value),
            Type::Dict => matches!(value, Value::Dict(_)),
            Type::Any => true,
        }
    }

    /// For people: `a boolean`.
    pub fn words(self) -> &'static str {
        match self {
            Type::Bool => "a boolean: <true/>",
            Type::Text => "a <string>",
            Type::Integer => "an <integer>",
            Type::Array => "an <array> of strings",
            Type::TextOrArray => "a <string> or an <array> of strings",
            Type::Dict => "a <dict>",
            Type::Any => "any value",
        }
    }
}

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// What it is for.
    pub kind: Kind,
    /// The value it takes.
    pub value: Type,
    /// Where that comes from.
    pub source: &'static str,
}

/// All keys, in groups.
pub fn all() -> impl Iterator<Item = Key> {
    table::GROUPS
        .iter()
        .flat_map(|group| group.keys.iter().map(|&(name, value)| Key { name, kind: group.kind, value, source: group.source }))
}

/// The key of that name, letter for letter: macOS tells capitals apart.
pub fn lookup(name: &str) -> Option<Key> {
    all().find(|key| key.name == name)
}

/// The kind of a key that may not be in the table: whole families have a meaning by their prefix.
pub fn kind_of(name: &str) -> Option<Kind> {
    const FAMILIES: &[(&str, Kind)] = &[
        ("com.apple.security.temporary-exception.", Kind::Sandbox),
        ("com.apple.private.", Kind::AppleInternal),
        ("com.apple.rootless.", Kind::AppleInternal),
        ("com.apple.developer.", Kind::Restricted),
    ];
    lookup(name).map(|key| key.kind).or_else(|| FAMILIES.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, kind)| *kind))
}

/// A key without the prefix that nearly all of them have, for people.
pub fn short(name: &str) -> &str {
    name.strip_prefix("com.apple.security.").unwrap_or(name)
}

/// A sentence with every key named as [`short`] names it.
pub fn shortened(sentence: &str) -> String {
    sentence.replace("com.apple.security.", "")
}

/// The key to write instead of one that does nothing.
pub fn instead(name: &str) -> Option<&'static str> {
    table::INSTEAD.iter().find(|(wrong, _)| *wrong == name).and_then(|(_, right)| *right)
}

/// Longest name that is compared with all keys, in bytes.
const MAX_COMPARED: usize = 200;

/// The known key that a name was probably meant to be: the same but for capitals and blanks, the same last part under another prefix, or few edits away.
/// `None` for a known key, and when nothing is near.
pub fn nearest(name: &str) -> Option<&'static str> {
    if lookup(name).is_some() || name.len() > MAX_COMPARED {
        return None;
    }
    let bare = name.trim().to_ascii_lowercase();
    let useful = || all().filter(|key| !matches!(key.kind, Kind::NoEffect | Kind::AppleInternal));
    if let Some(same) = useful().find(|key| key.name.eq_ignore_ascii_case(&bare)) {
        return Some(same.name);
    }
    let allowed = if bare.len() >= 20 { 3 } else { 1 };
    let closest = useful()
        .filter(|key| key.name.len().abs_diff(bare.len()) <= allowed)
        .map(|key| (edits(bare.as_bytes(), key.name.to_ascii_lowercase().as_bytes()), key.name))
        .min();
    if let Some((_, name)) = closest.filter(|(edits, _)| *edits <= allowed) {
        return Some(name);
    }
    // com.apple.security.allow-jit for com.apple.security.cs.allow-jit.
    let last = bare.rsplit('.').next().filter(|last| last.len() >= 8 && bare.starts_with("com.apple."))?;
    let mut same = useful().filter(|key| key.name.rsplit('.').next() == Some(last) && key.kind != Kind::Restricted);
    same.next().filter(|_| same.next().is_none()).map(|key| key.name)
}

/// Edits from one word to another: a letter more, less, other, or two neighbours swapped.
pub(crate) fn edits<T: PartialEq>(from: &[T], to: &[T]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for i in 0..from.len() {
        let mut next = vec![i + 1];
        for j in 0..to.len() {
            let mut least = (row[j] + usize::from(from[i] != to[j])).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && from[i] == to[j - 1] && from[i - 1] == to[j] {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_is_long_and_names_each_key_once() {
        let names: Vec<&str> = all().map(|key| key.name).collect();
        assert!(names.len() >= 150, "{}", names.len());
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert!(all().all(|key| !key.source.is_empty() && key.name.trim() == key.name));
    }

    #[test]
    fn the_table_and_the_policy_agree_on_what_needs_a_profile() {
        for key in all() {
            match key.kind {
                Kind::Restricted => assert!(policy::is_restricted(key.name), "{}", key.name),
                Kind::HardenedRuntime
                | Kind::Resource
                | Kind::Sandbox
                | Kind::Unrestricted
                | Kind::Development
                | Kind::EnhancedSecurity => {
                    assert!(!policy::is_restricted(key.name), "{}", key.name);
                }
                Kind::AppleInternal | Kind::NoEffect => {}
            }
        }
        for resource in policy::RESOURCES {
            assert_eq!(lookup(resource.entitlement).map(|key| key.kind), Some(Kind::Resource));
        }
    }

    #[test]
    fn every_replacement_is_a_key_that_works() {
        for (wrong, right) in table::INSTEAD {
            assert_eq!(lookup(wrong).map(|key| key.kind), Some(Kind::NoEffect), "{wrong}");
            assert!(right.is_none_or(|right| lookup(right).is_some_and(|key| key.kind != Kind::NoEffect)), "{wrong}");
        }
        assert_eq!(
            instead("com.apple.security.personal-information.contacts"),
            Some("com.apple.security.personal-information.addressbook")
        );
        assert_eq!(instead("com.apple.security.cs.allow-jit"), None);
    }

    #[test]
    fn a_misspelt_key_finds_its_neighbour() {
        for (written, meant) in [
            ("com.apple.security.cs.allow-jitt", "com.apple.security.cs.allow-jit"),
            ("com.apple.security.cs.alow-jit", "com.apple.security.cs.allow-jit"),
            ("com.apple.security.cs.allow-jti", "com.apple.security.cs.allow-jit"),
            ("com.apple.security.cs.Allow-JIT", "com.apple.security.cs.allow-jit"),
            ("com.apple.security.cs.allow-jit ", "com.apple.security.cs.allow-jit"),
            ("com.apple.security.allow-jit", "com.apple.security.cs.allow-jit"),
            ("com.apple.security.cs.disable-library-validaton", "com.apple.security.cs.disable-library-validation"),
            ("com.apple.security.device.audio_input", "com.apple.security.device.audio-input"),
            ("keychain-access-group", "keychain-access-groups"),
        ] {
            assert_eq!(nearest(written), Some(meant), "{written}");
        }
        for far in ["com.apple.security.something.else.entirely", "com.example.own-key", "com.apple.security.cs.allow-jit", "", "x"] {
            assert_eq!(nearest(far), None, "{far}");
        }
        assert_eq!(nearest(&"com.apple.security.".repeat(1000)), None, "a long name is not compared");
    }

    #[test]
    fn families_have_a_kind_and_other_names_none() {
        assert_eq!(kind_of("com.apple.private.new"), Some(Kind::AppleInternal));
        assert_eq!(kind_of("com.apple.developer.new"), Some(Kind::Restricted));
        assert_eq!(kind_of("com.apple.security.new"), None);
    }

    #[test]
    fn values_are_of_a_type_or_not() {
        let text = || Value::String("a".into());
        assert!(Type::Bool.admits(&Value::Bool(false)) && !Type::Bool.admits(&text()));
        assert!(Type::Array.admits(&Value::Array(vec![text()])) && !Type::Array.admits(&text()));
        assert!(!Type::Array.admits(&Value::Array(vec![Value::Bool(true)])));
        assert!(Type::TextOrArray.admits(&text()) && !Type::Dict.admits(&text()) && Type::Any.admits(&text()));
    }
}
