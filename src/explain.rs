//! What a word means: a page for every scenario, cause, finding, entitlement, flag, code, reason, error number, usage key, certificate and
//! family of log lines, without a network. The words live in `explain/*.toml`; scenarios and causes are made from [`scenario::all`].
//!
//! It only looks up. Nothing here looks at an app or decides anything.

mod flags;
mod line;
mod nearest;
#[cfg(test)]
mod tests;

pub use line::in_evidence;
pub use nearest::nearest;

use crate::scenario::{self, Scenario};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::LazyLock;

/// Files of pages: (file stem, text). A new file is one line here.
const FILES: [(&str, &str); 13] = [
    ("entitlements", include_str!("../explain/entitlements.toml")),
    ("restricted", include_str!("../explain/restricted.toml")),
    ("flags", include_str!("../explain/flags.toml")),
    ("terminations", include_str!("../explain/terminations.toml")),
    ("exceptions", include_str!("../explain/exceptions.toml")),
    ("errors", include_str!("../explain/errors.toml")),
    ("security-errors", include_str!("../explain/security-errors.toml")),
    ("dyld", include_str!("../explain/dyld.toml")),
    ("usage", include_str!("../explain/usage.toml")),
    ("services", include_str!("../explain/services.toml")),
    ("certificates", include_str!("../explain/certificates.toml")),
    ("log", include_str!("../explain/log.toml")),
    ("findings", include_str!("../explain/findings.toml")),
];

/// What kind of word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A documented issue; most share their name with a cause.
    Scenario,
    /// A cause that has several scenarios.
    Cause,
    /// What Temper's detectors and its verification find.
    Finding,
    /// An entitlement that needs no provisioning profile.
    Entitlement,
    /// An entitlement that a provisioning profile must authorise.
    RestrictedEntitlement,
    /// A code-signing flag of a file or process.
    Flag,
    /// A namespace of termination reasons, or a code in one.
    Termination,
    /// An exception, signal or kernel code of a crash report.
    Exception,
    /// A number or errno that a call, a tool or a shell shows.
    Error,
    /// A reason dyld gives, or a variable it reads.
    Dyld,
    /// An Info.plist key.
    UsageKey,
    /// A service of the privacy system.
    TccService,
    /// A kind of signer, or a number that says who vouches for code.
    Certificate,
    /// A family of lines in a log.
    Log,
}

impl Kind {
    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Scenario => "scenario",
            Kind::Cause => "cause",
            Kind::Finding => "finding",
            Kind::Entitlement => "entitlement",
            Kind::RestrictedEntitlement => "entitlement that needs a provisioning profile",
            Kind::Flag => "code-signing flag",
            Kind::Termination => "termination reason",
            Kind::Exception => "exception",
            Kind::Error => "error",
            Kind::Dyld => "dyld",
            Kind::UsageKey => "Info.plist key",
            Kind::TccService => "privacy service",
            Kind::Certificate => "signer",
            Kind::Log => "log line",
        }
    }
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// The word, as Apple or Temper writes it. Unique with its case (`SANDBOX` is a namespace, `sandbox` a cause).
    pub id: String,
    /// Kind of word.
    pub kind: Kind,
    /// A line that says what it is.
    pub title: String,
    /// What it means.
    pub meaning: String,
    /// When it happens, or when it is used.
    pub when: String,
    /// What it is not: what people take it for.
    pub not_this: String,
    /// More lines: the ways to mend of a scenario, the bits of a number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<String>,
    /// Ids of other pages.
    pub related: Vec<String>,
    /// Where it comes from: an Apple page, a file of XNU, dyld or Security, a public thread.
    pub source: String,
    /// Other spellings that find this page.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Parts of a pasted line that find this page.
    #[serde(skip)]
    phrases: Vec<String>,
}

/// A file of pages. What stands at its top holds for every page that does not say otherwise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    kind: Kind,
    #[serde(default)]
    when: String,
    #[serde(default)]
    not_this: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    related: Vec<String>,
    page: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    phrases: Vec<String>,
    title: String,
    meaning: String,
    when: Option<String>,
    not_this: Option<String>,
    source: Option<String>,
    related: Option<Vec<String>>,
}

/// All pages: scenarios and causes first, then the files in order.
pub fn all() -> &'static [Page] {
    static ALL: LazyLock<Vec<Page>> = LazyLock::new(|| {
        let mut all: Vec<Page> = scenario::all().iter().map(of_scenario).collect();
        all.extend(causes());
        for (name, text) in FILES {
            all.extend(parse(name, text).expect("the embedded pages parse: a test reads every one of them"));
        }
        link_back(&mut all);
        all
    });
    &ALL
}

/// The page with exactly that id, with its case; other spellings do not count.
pub fn by_id(id: &str) -> Option<&'static Page> {
    all().iter().find(|page| page.id == id)
}

/// What can be explained, kind by kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Topic {
    /// Kind of word.
    pub kind: Kind,
    /// Number of pages.
    pub pages: usize,
    /// Id of its first page.
    pub example: &'static str,
}

/// Every kind that has pages, in the order of [`all`].
pub fn topics() -> Vec<Topic> {
    let mut topics: Vec<Topic> = Vec::new();
    for page in all() {
        match topics.iter_mut().find(|topic| topic.kind == page.kind) {
            Some(topic) => topic.pages += 1,
            None => topics.push(Topic { kind: page.kind, pages: 1, example: &page.id }),
        }
    }
    topics
}

/// Reads one file; an error names it.
fn parse(name: &str, text: &str) -> Result<Vec<Page>, String> {
    let file: File = toml::from_str(text).map_err(|error| format!("explain/{name}.toml: {error}"))?;
    let File { kind, when, not_this, source, related, page } = file;
    let pages = page.into_iter().map(|entry| Page {
        aliases: entry.aliases,
        phrases: entry.phrases,
        kind,
        title: entry.title,
        meaning: entry.meaning,
        when: entry.when.unwrap_or_else(|| when.clone()),
        not_this: entry.not_this.unwrap_or_else(|| not_this.clone()),
        related: entry.related.unwrap_or_else(|| related.iter().filter(|id| **id != entry.id).cloned().collect()),
        source: entry.source.unwrap_or_else(|| source.clone()),
        more: Vec::new(),
        id: entry.id,
    });
    Ok(pages.collect())
}

fn of_scenario(scenario: &Scenario) -> Page {
    let ways = scenario.remedies.iter().map(|remedy| {
        let weakens = remedy.weakens.as_deref().map(|what| format!(" Gives away: {what}")).unwrap_or_default();
        format!("{}: {}. {}{weakens}", remedy.rank.word(), remedy.title, one_line(&remedy.explanation))
    });
    let keys = scenario.remedies.iter().flat_map(|remedy| remedy.add_entitlements.iter().chain(&remedy.add_info_plist));
    let resource = scenario.resource.iter().flat_map(|r| std::iter::once(&r.entitlement).chain(&r.usage_keys).chain(&r.services));
    let mut related: Vec<String> = Vec::new();
    for word in std::iter::once(&scenario.cause).chain(resource).chain(keys) {
        if *word != scenario.id && !related.contains(word) {
            related.push(word.clone());
        }
    }
    Page {
        id: scenario.id.clone(),
        kind: Kind::Scenario,
        title: scenario.title.clone(),
        meaning: scenario.why.trim().to_owned(),
        when: one_line(&scenario.issue),
        not_this: scenario.not_this.trim().to_owned(),
        more: ways.collect(),
        related,
        source: scenario.sources.join("; "),
        aliases: scenario.document_issue.map(|number| format!("issue {number}")).into_iter().collect(),
        phrases: Vec::new(),
    }
}

/// Causes that no scenario is named after: they gather several.
fn causes() -> Vec<Page> {
    let gathers = scenario::CAUSES.iter().filter(|cause| scenario::by_id(cause).is_none());
    let page = |cause: &&str| {
        let scenarios: Vec<&Scenario> = scenario::all().iter().filter(|scenario| scenario.cause == **cause).collect();
        let mut sources: Vec<&str> = scenarios.iter().flat_map(|scenario| &scenario.sources).map(String::as_str).collect();
        sources.sort_unstable();
        sources.dedup();
        Page {
            id: (**cause).to_owned(),
            kind: Kind::Cause,
            title: "Protected data or a device is refused".into(),
            meaning: "Two conditions must hold before macOS asks the user: the hardened program carries the entitlement of the resource, and \
                      the Info.plist of the responsible app holds the usage string. Without the entitlement there is no prompt and the call is \
                      refused in silence; without the usage string macOS usually ends the process with a privacy message."
                .into(),
            when: "A program asks for one of these for the first time, on a Mac where the user has not decided yet.".into(),
            not_this: "Not the user's own refusal, and not the App Sandbox, which has keys of its own. Screen recording and Accessibility have \
                       no entitlement at all: the user switches them on in System Settings."
                .into(),
            more: scenarios.iter().map(|scenario| format!("{}: {}", scenario.id, scenario.title)).collect(),
            related: scenarios.iter().map(|scenario| scenario.id.clone()).collect(),
            source: sources.join("; "),
            aliases: vec!["privacy".into()],
            phrases: Vec::new(),
        }
    };
    gathers.map(page).collect()
}

/// A scenario does not know what leads to it: the findings that name it are added to its related pages.
fn link_back(all: &mut [Page]) {
    let (scenarios, others): (Vec<&mut Page>, Vec<&mut Page>) = all.iter_mut().partition(|page| page.kind == Kind::Scenario);
    for scenario in scenarios {
        let leads = |page: &&&mut Page| page.kind == Kind::Finding && page.related.contains(&scenario.id);
        let ids: Vec<String> = others.iter().filter(leads).map(|page| page.id.clone()).collect();
        scenario.related.extend(ids);
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The page for a word, a number or a pasted line; the best of [`pages`].
pub fn page(word: &str) -> Option<Cow<'static, Page>> {
    pages(word).into_iter().next()
}

/// Every page the word names, best first: with the same case before any case, an id before another spelling. A number that is no word of its own is read as
/// code-signing flags. A longer text is searched for the lines Temper knows, then for names that mean one thing only.
pub fn pages(word: &str) -> Vec<Cow<'static, Page>> {
    let word = plain(word);
    if word.is_empty() {
        return Vec::new();
    }
    let mut found = named(&word);
    let other = code_of(&word);
    if found.is_empty() && other != word {
        found = named(&other);
    }
    if found.is_empty() {
        found = all().iter().filter(|page| is_last_part(page, &word)).collect();
    }
    if found.is_empty()
        && let Some(page) = flags::decode(&word)
    {
        return vec![Cow::Owned(page)];
    }
    if found.is_empty() {
        found = in_line(&word);
    }
    if found.is_empty() {
        found = line::named(&word);
    }
    found.into_iter().map(Cow::Borrowed).collect()
}

/// Without quotes and blanks around it, with a plain minus sign and single blanks.
fn plain(word: &str) -> String {
    let word = word.replace(['\u{2212}', '\u{2013}'], "-");
    let quotes = ['"', '\'', '`', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}', '.', ',', ';', ':'];
    one_line(word.trim().trim_matches(quotes))
}

fn named(word: &str) -> Vec<&'static Page> {
    let exact = |page: &&Page| page.id == word;
    let alias = |page: &&Page| page.aliases.iter().any(|alias| alias == word) || page.id.strip_prefix('-').is_some_and(|id| id == word);
    let any_case = |page: &&Page| page.id.eq_ignore_ascii_case(word);
    let alias_any_case = |page: &&Page| page.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(word));
    let mut found: Vec<&'static Page> = Vec::new();
    let ways: [&dyn Fn(&&Page) -> bool; 4] = [&exact, &alias, &any_case, &alias_any_case];
    for way in ways {
        for page in all().iter().filter(way) {
            if !found.iter().any(|known| std::ptr::eq(*known, page)) {
                found.push(page);
            }
        }
    }
    found
}

/// `Namespace CODESIGNING, Code 0x2` → `CODESIGNING 2`: the words for the parts are left out and a hexadecimal code is written in decimal.
fn code_of(word: &str) -> String {
    const SILENT: [&str; 6] = ["namespace", "code", "termination", "reason", "exit", "error"];
    let parts = word.split([' ', ',', ':', '/', '(', ')', '=']).filter(|part| !part.is_empty());
    let kept: Vec<&str> = parts.filter(|part| !SILENT.iter().any(|silent| part.eq_ignore_ascii_case(silent))).collect();
    let number = |part: &str| {
        let digits = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X"))?;
        u64::from_str_radix(digits, 16).ok().map(|number| number.to_string())
    };
    match kept.as_slice() {
        // Only the namespace and the code: what follows is the indicator's text.
        [namespace, code, ..] => format!("{namespace} {}", number(code).unwrap_or_else(|| (*code).to_owned())),
        [one] => (*one).to_owned(),
        [] => word.to_owned(),
    }
}

/// `allow-jit` for `com.apple.security.cs.allow-jit`, `Camera` for `kTCCServiceCamera`, `runtime` for `CS_RUNTIME`.
fn is_last_part(page: &Page, word: &str) -> bool {
    let prefix = match page.kind {
        Kind::Entitlement | Kind::RestrictedEntitlement => ".",
        Kind::TccService => "kTCCService",
        Kind::Flag => "CS_",
        _ => return false,
    };
    let (id, word) = (page.id.to_ascii_lowercase(), word.to_ascii_lowercase());
    id.strip_suffix(&word).is_some_and(|rest| rest.ends_with(&prefix.to_ascii_lowercase()))
}

/// Pages whose phrase stands in a pasted line, the longest phrase first.
fn in_line(line: &str) -> Vec<&'static Page> {
    /// Nothing longer is a line that somebody asks about.
    const LONGEST: usize = 4096;
    let line: String = line.chars().take(LONGEST).collect::<String>().to_ascii_lowercase();
    let longest = |page: &Page| page.phrases.iter().filter(|phrase| line.contains(&phrase.to_ascii_lowercase())).map(String::len).max();
    let mut found: Vec<(usize, &Page)> = all().iter().filter_map(|page| longest(page).map(|length| (length, page))).collect();
    found.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
    found.into_iter().map(|(_, page)| page).collect()
}
