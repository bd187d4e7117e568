//! Replaces what names people, machines, teams and bundles, everywhere the same way: a text that was equal to another stays equal to it.
//!
//! Works on the JSON of the facts: every string is looked at, whichever fact it belongs to, so that no new field is forgotten.

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Longest string that is searched for names, in bytes; nothing that Temper keeps is longer.
const MAX_TEXT: usize = 1 << 20;
/// Most names of one kind.
const MAX_NAMES: usize = 10_000;
/// A name shorter than this is replaced only where it is surely a name: many words contain it.
const SHORT: usize = 5;

/// First parts of bundle identifiers.
const TOP_LEVELS: &str = " com org net io dev app co me de uk fr ch eu jp cn ru xyz ai tv info edu us nl se no it es pl br in kr au ca cz at be dk fi \
    example test local tech cloud software tools games sh so gg is team pro studio design systems ";
/// Identifiers of frameworks that everybody ships: they say which engine it is, not whose app.
const PUBLIC: [&str; 6] = ["com.apple.", "com.github.Electron", "org.chromium.", "org.python.python", "org.example.id", "com.apple"];
/// Account names that name nobody.
const NOBODY: [&str; 9] = ["Shared", "USER", "user", "username", "Guest", "root", "runner", "me", "you"];
/// What stands before a person's or company's name in a certificate.
const CERTIFICATES: [&str; 9] = [
    "Developer ID Application: ",
    "Developer ID Installer: ",
    "Apple Development: ",
    "Apple Distribution: ",
    "Mac Developer: ",
    "iPhone Developer: ",
    "iPhone Distribution: ",
    "3rd Party Mac Developer Application: ",
    "3rd Party Mac Developer Installer: ",
];

/// Names found, in the order found.
#[derive(Default)]
struct Found {
    users: Vec<String>,
    hosts: Vec<String>,
    teams: Vec<String>,
    names: Vec<String>,
    identifiers: BTreeSet<String>,
}

fn add(list: &mut Vec<String>, name: &str) {
    if !name.is_empty() && list.len() < MAX_NAMES && !list.iter().any(|known| known == name) {
        list.push(name.to_owned());
    }
}

/// The facts with all names replaced. `thorough`: names of people and machines also where they stand alone.
pub(super) fn redact(mut facts: Value, thorough: bool) -> Value {
    let mut found = Found::default();
    each_string(&mut facts, "", &mut |key, text| found.collect(key, text));
    let replacements = found.replacements(thorough);
    let words: Vec<&str> = replacements.keys().map(String::as_str).collect();
    // The words are bounded in number and length; without an automaton nothing would be replaced, so there would be no case.
    let Ok(automaton) = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&words) else { return Value::Null };
    let new: Vec<&str> = replacements.values().map(String::as_str).collect();
    each_string(&mut facts, "", &mut |_, text| {
        if let Some(changed) = replaced(text, &automaton, &new) {
            *text = changed;
        }
    });
    facts
}

/// Calls `act` with every string and the name of the field it stands in.
fn each_string(value: &mut Value, key: &str, act: &mut dyn FnMut(&str, &mut String)) {
    match value {
        Value::String(text) => act(key, text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_string(item, key, act)),
        Value::Object(members) => members.iter_mut().for_each(|(key, item)| each_string(item, key, act)),
        _ => {}
    }
}

/// The text with all known words replaced; `None` when there is none in it.
fn replaced(text: &str, automaton: &AhoCorasick, new: &[&str]) -> Option<String> {
    let mut out: Option<String> = None;
    let (mut done, mut at) = (0, 0);
    while let Some(hit) = automaton.find(aho_corasick::Input::new(text).span(at..text.len())) {
        if is_word(text, hit.start(), hit.end()) {
            let out = out.get_or_insert_default();
            out.push_str(&text[done..hit.start()]);
            out.push_str(new.get(hit.pattern().as_usize()).copied().unwrap_or_default());
            done = hit.end();
            at = hit.end();
        } else {
            at = hit.start() + text[hit.start()..].chars().next().map_or(1, char::len_utf8);
        }
    }
    let mut out = out?;
    out.push_str(&text[done..]);
    Some(out)
}

/// No letter or digit goes on before or after it.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    let (before, inside, after) = (&text[..start], &text[start..end], &text[end..]);
    let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let begins = is_part(inside.chars().next()) && is_part(before.chars().next_back());
    let ends = is_part(inside.chars().next_back()) && is_part(after.chars().next());
    !begins && !ends
}

impl Found {
    fn collect(&mut self, key: &str, text: &str) {
        if text.len() > MAX_TEXT {
            return;
        }
        let is_team_field =
            matches!(key, "team" | "teams" | "prefixes" | "organizational_unit" | "constraint_text") || key.ends_with("_team");
        if is_team_field && text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) {
            add(&mut self.teams, text);
        }
        if matches!(key, "organization" | "common_name" | "team_name" | "app_id_name") && !text.starts_with("Apple") {
            add(&mut self.names, text);
        }
        if key == "devices" {
            add(&mut self.hosts, text);
        }
        if key.ends_with("identifier") && may_be_identifier(text) {
            self.identifier(text);
        }
        self.users_of_paths(text);
        self.certificates(text);
        self.tokens(text);
        self.file_names(text);
    }

    /// `/Users/eve/…`.
    fn users_of_paths(&mut self, text: &str) {
        for mark in ["/Users/", "/home/"] {
            for (at, _) in text.match_indices(mark) {
                let rest = &text[at + mark.len()..];
                let end = rest.find(|c: char| c == '/' || c.is_whitespace() || "'\"`<>():;,*|\\]}".contains(c)).unwrap_or(rest.len());
                self.user(&rest[..end]);
            }
        }
    }

    fn user(&mut self, name: &str) {
        let is_ours = name.strip_prefix("user").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        if !NOBODY.contains(&name) && !is_ours && !name.starts_with('.') {
            add(&mut self.users, name);
        }
    }

    fn host(&mut self, name: &str) {
        let is_ours = name.strip_prefix("host").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
        if !is_ours && name != "localhost" && name.len() > 1 {
            add(&mut self.hosts, name);
            add(&mut self.hosts, name.strip_suffix(".local").unwrap_or(name));
        }
    }

    /// `Developer ID Application: Name (TEAM)`.
    fn certificates(&mut self, text: &str) {
        for mark in CERTIFICATES {
            for (at, _) in text.match_indices(mark) {
                let rest = &text[at + mark.len()..];
                let end = rest.find(['"', '\n']).unwrap_or(rest.len());
                let whole = rest[..end].trim_end();
                match whole.rsplit_once(" (") {
                    Some((name, team)) => {
                        add(&mut self.names, name);
                        let team = team.split(')').next().unwrap_or(team);
                        if team.len() == 10 && team.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                            add(&mut self.teams, team);
                        }
                    }
                    None => add(&mut self.names, whole),
                }
            }
        }
    }

    /// Teams, identifiers, prompts and machines among the words of a text.
    fn tokens(&mut self, text: &str) {
        let is_end = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@'));
        for token in text.split(is_end).filter(|token| token.len() > 3) {
            if let Some((user, host)) = token.split_once('@') {
                self.prompt(user, host);
            }
            for word in token.split(['.', '@']) {
                if is_team(word) && !word.starts_with("TEAM0") {
                    add(&mut self.teams, word);
                }
            }
            if let Some(name) = token.strip_suffix(".local").filter(|name| !name.contains(['@', '/'])) {
                self.host(&format!("{name}.local"));
            }
            if is_identifier(token) {
                self.identifier(token);
            } else {
                self.identifier_at_the_end(token);
            }
        }
    }

    /// `eve@studio`; not a package with its version (`openssl@3`).
    fn prompt(&mut self, user: &str, host: &str) {
        let plain = |name: &str| !name.is_empty() && name.starts_with(|c: char| c.is_ascii_alphabetic()) && !name.contains('@');
        if plain(user) && plain(host) && !matches!(host, "latest" | "next" | "beta" | "rc") {
            self.user(user);
            self.host(host.trim_end_matches(['.', '-']));
        }
    }

    /// `TEAMID1234.com.acme.app`, `group.com.acme.app`.
    fn identifier_at_the_end(&mut self, token: &str) {
        let Some((first, rest)) = token.split_once('.') else { return };
        if (is_team(first) || matches!(first, "group" | "iCloud" | "teamid")) && is_identifier(rest) {
            self.identifier(rest);
        }
    }

    fn identifier(&mut self, identifier: &str) {
        if self.identifiers.len() < MAX_NAMES && !PUBLIC.iter().any(|known| identifier.starts_with(known)) {
            self.identifiers.insert(identifier.trim_matches(['.', '-', '_']).to_owned());
        }
    }

    /// `App_2020-01-01-101010_Eves-Mac.crash`: old reports carry the machine's name.
    fn file_names(&mut self, text: &str) {
        let Some(stem) = text.strip_suffix(".crash").or_else(|| text.strip_suffix(".ips")) else { return };
        let Some((before, host)) = stem.rsplit_once('_') else { return };
        let digits = before.bytes().rev().take(6).filter(u8::is_ascii_digit).count();
        if digits == 6 {
            self.host(host);
        }
    }

    /// What is replaced by what.
    fn replacements(&self, thorough: bool) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for (number, user) in (1..).zip(&self.users) {
            let new = format!("user{number}");
            for (before, after) in [("/Users/", ""), ("/home/", ""), ("", "@")] {
                all.insert(format!("{before}{user}{after}"), format!("{before}{new}{after}"));
            }
            if thorough && user.len() >= SHORT && !is_common(user) {
                all.insert(user.clone(), new);
            }
        }
        for (number, host) in (1..).zip(&self.hosts) {
            let new = format!("host{number}");
            all.insert(format!("@{host}"), format!("@{new}"));
            all.insert(format!("_{host}."), format!("_{new}."));
            if thorough && host.len() >= SHORT && !is_common(host) {
                all.insert(host.clone(), new);
            }
        }
        for (number, name) in (1..).zip(&self.names) {
            if thorough && (name.len() >= SHORT || name.contains(' ')) && !is_common(name) {
                all.insert(name.clone(), format!("Name {number}"));
            }
            for mark in CERTIFICATES {
                all.insert(format!("{mark}{name}"), format!("{mark}Name {number}"));
            }
        }
        all.extend((1..).zip(&self.teams).map(|(number, team)| (team.clone(), format!("TEAM{number:06}"))));
        self.identifiers_into(&mut all);
        all
    }

    /// An identifier that goes on from another one still does: helpers belong to their app.
    fn identifiers_into(&self, all: &mut BTreeMap<String, String>) {
        let mut number = 0;
        let mut new: BTreeMap<&str, String> = BTreeMap::new();
        for identifier in &self.identifiers {
            let ends = identifier.match_indices('.').map(|(at, _)| at).rev();
            let known = ends.into_iter().find_map(|at| Some((new.get(&identifier[..at])?, &identifier[at..])));
            let name = match known {
                Some((first, rest)) => format!("{first}{rest}"),
                None => {
                    number += 1;
                    format!("org.example.id{number}")
                }
            };
            new.insert(identifier, name);
        }
        all.extend(new.into_iter().map(|(old, new)| (old.to_owned(), new)));
    }
}

/// Ten capital letters and digits, some of each.
fn is_team(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    word.len() == 10 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) && (1..10).contains(&digits)
}

/// A name in reverse order of a domain: `com.acme.app`.
fn is_identifier(token: &str) -> bool {
    let parts: Vec<&str> = token.split('.').collect();
    let [first, second, ..] = parts.as_slice() else { return false };
    let is_part = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let begins = TOP_LEVELS.split_whitespace().any(|level| level == *first);
    begins && *second != "apple" && parts.len() > 2 && parts.iter().all(is_part)
}

/// The value of a field for identifiers: also a short one, or one that begins with a rarer top level. File names of libraries are none.
fn may_be_identifier(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let begins = |part: &&str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let is_known = TOP_LEVELS.split_whitespace().any(|level| parts.first() == Some(&level));
    let is_file = parts.last().is_some_and(|last| matches!(*last, "dylib" | "so" | "framework" | "bundle" | "node"));
    parts.iter().all(begins) && !is_file && (is_known && parts.len() > 1 || parts.len() > 2)
}

/// Words that stand in many texts and mean no person there.
fn is_common(word: &str) -> bool {
    const WORDS: &str = " admin administrator build builder builds developer guest tester testing local localhost macbook macos github gitlab jenkins \
        travis vagrant apple public library system users applications server python electron node code codesign runtime certain explained release debug ";
    WORDS.split_whitespace().any(|known| known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn redacted(text: &str) -> String {
        redact(json!({ "quote": text }), true)["quote"].as_str().unwrap().to_owned()
    }

    #[test]
    fn short_identifiers_are_replaced_where_they_are_sure() {
        let facts = json!({ "identifier": "example.parlour", "quote": "example.parlour[77] in example.parlour.helper", "cs_identifier": "libz.1.dylib" });
        let want = json!({ "identifier": "org.example.id1", "quote": "org.example.id1[77] in org.example.id1.helper", "cs_identifier": "libz.1.dylib" });
        assert_eq!(redact(facts, true), want);
    }

    #[test]
    fn names_are_replaced_and_what_decides_stays() {
        let table = [
            ("/Users/margot/Lib/x.dylib", "/Users/user1/Lib/x.dylib"),
            ("eve@studio App % ./tool", "user1@host1 App % ./tool"),
            ("(Team ID: 9ABCDE1234, platform: no)", "(Team ID: TEAM000001, platform: no)"),
            ("9ABCDE1234.com.acme.app", "TEAM000001.org.example.id1"),
            ("com.acme.app com.acme.app.helper", "org.example.id1 org.example.id1.helper"),
            ("com.apple.security.cs.allow-jit", "com.apple.security.cs.allow-jit"),
            ("/opt/homebrew/opt/openssl@3/lib/libssl.3.dylib", "/opt/homebrew/opt/openssl@3/lib/libssl.3.dylib"),
            ("Authority=Developer ID Application: Acme GmbH (9ABCDE1234)", "Authority=Developer ID Application: Name 1 (TEAM000001)"),
            ("UUID 5F3C1B7E-0000-3000-8000-A1B2C3D4E5F6", "UUID 5F3C1B7E-0000-3000-8000-A1B2C3D4E5F6"),
            ("/Users/USER/*/App", "/Users/USER/*/App"),
            ("margot said /Users/margot/x", "user1 said /Users/user1/x"),
            ("App_2020-01-01-101010_Eves-Mac.crash", "App_2020-01-01-101010_host1.crash"),
        ];
        for (given, want) in table {
            assert_eq!(redacted(given), want, "{given}");
        }
    }

    #[test]
    fn the_same_name_is_replaced_the_same_way_everywhere() {
        let facts = json!({ "team": "ABCDEFGHIJ", "lines": ["signed by ABCDEFGHIJ", "XABCDEFGHIJ"] });
        assert_eq!(redact(facts, true), json!({ "team": "TEAM000001", "lines": ["signed by TEAM000001", "XABCDEFGHIJ"] }));
    }

    #[test]
    fn what_was_replaced_once_stays_as_it_is() {
        let once = redacted("/Users/margot/x 9ABCDE1234.com.acme.app eve@studio");
        assert_eq!(redacted(&once), once);
    }
}
