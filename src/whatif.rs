//! What would change if an entitlement were there, or were not: refusals that vanish and stay, what it opens, what the notary and the store say, and sets
//! that make no sense together. Pure, without a new scan: the same model decides on changed facts.

use crate::detect::place;
use crate::diagnose::{Change, diagnose};
use crate::evidence::Evidence;
use crate::fix::edit::{self, EditError};
use crate::fix::plan;
use crate::keys::{self, short};
use crate::policy::{RESOURCES, key};
use crate::read::entitlements::Value;
use crate::report::{Diagnosis, EntitlementState, Remedy, Report};
use crate::scenario;
use std::path::Path;

/// Keys that can be tried on any executable, in Apple's order: the exceptions of the hardened runtime, then its resources, then what goes with them.
pub const KEYS: [&str; 16] = [
    key::ALLOW_JIT,
    key::UNSIGNED_MEMORY,
    key::DYLD_VARIABLES,
    key::LIBRARY_VALIDATION,
    key::PAGE_PROTECTION,
    key::DEBUGGER,
    key::AUDIO_INPUT,
    key::CAMERA,
    key::LOCATION,
    key::CONTACTS,
    key::CALENDARS,
    key::PHOTOS,
    key::APPLE_EVENTS,
    key::GET_TASK_ALLOW,
    key::APP_SANDBOX,
    key::INHERIT,
];

/// What is known of a key on one executable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// There, and the code needs it.
    Needed,
    /// The code needs it, and it is not there.
    Missing,
    /// There, and proven not to be needed.
    Excess,
    /// There, and without effect.
    Inert,
    /// There, and covered by another key.
    Redundant,
    /// There; whether the code needs it is not known.
    Present,
    /// Not there, and perhaps needed.
    Possible,
    /// Not there, and nothing asks for it.
    Absent,
}

impl Standing {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Needed => "needed",
            Standing::Missing => "missing",
            Standing::Excess => "not needed",
            Standing::Inert => "inert",
            Standing::Redundant => "covered",
            Standing::Present => "present",
            Standing::Possible => "perhaps",
            Standing::Absent => "",
        }
    }
}

/// One key of one executable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Key.
    pub key: String,
    /// It is signed in and true.
    pub was: bool,
    /// It would be.
    pub is: bool,
    /// What is known of it as it would be.
    pub standing: Standing,
    /// It can be switched. False when its value is no boolean.
    pub switches: bool,
}

/// What a change brings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Refusals that vanish.
    pub gone: Vec<String>,
    /// Refusals that stay.
    pub left: Vec<String>,
    /// Refusals that come.
    pub new: Vec<String>,
    /// What each added key gives away: (key, words).
    pub opens: Vec<(String, String)>,
    /// What each removed key gave away and no longer does.
    pub closes: Vec<(String, String)>,
    /// What the notary and the store will say.
    pub reviewers: Vec<String>,
    /// Sets that make no sense together.
    pub senseless: Vec<String>,
}

/// Executables that keys can be tried on, by relative path; the main executable first.
pub fn executables(report: &Report) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    let main = report.target.executable.iter();
    for path in main.chain(report.entitlements.iter().map(|state| &state.executable)) {
        let known = report.entitlements.iter().any(|state| state.executable == *path);
        if known && !paths.contains(path) {
            paths.push(path.clone());
        }
    }
    paths
}

/// The keys of one executable: those of [`KEYS`], then what else it carries. `before` is the report on the app as it is, `after` on the changed one.
pub fn rows(before: &Report, after: &Report, executable: &str) -> Vec<Row> {
    let others = states(before, executable).flat_map(|state| state.present.keys()).filter(|key| !KEYS.contains(&key.as_str()));
    let mut keys: Vec<String> = KEYS.iter().map(|key| (*key).to_owned()).collect();
    for key in others {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    keys.into_iter().map(|key| row(before, after, executable, key)).collect()
}

fn row(before: &Report, after: &Report, executable: &str, key: String) -> Row {
    let is_true = |report: &Report| states(report, executable).any(|state| state.present.get(&key) == Some(&serde_json::Value::Bool(true)));
    let switches = states(before, executable).all(|state| state.present.get(&key).is_none_or(serde_json::Value::is_boolean));
    let (was, is) = (is_true(before), is_true(after));
    // A key that any slice needs is needed: one file is signed into all of them.
    let any = |list: fn(&EntitlementState) -> &Vec<String>| states(after, executable).any(|state| list(state).contains(&key));
    let standing = match is || !switches {
        false if any(|state| &state.missing) => Standing::Missing,
        false if any(|state| &state.possible) => Standing::Possible,
        false => Standing::Absent,
        true if any(|state| &state.needed) => Standing::Needed,
        true if any(|state| &state.inert) => Standing::Inert,
        true if any(|state| &state.redundant) => Standing::Redundant,
        true if any(|state| &state.excess) => Standing::Excess,
        true => Standing::Present,
    };
    Row { key, was, is, standing, switches }
}

fn states<'a>(report: &'a Report, executable: &'a str) -> impl Iterator<Item = &'a EntitlementState> {
    report.entitlements.iter().filter(move |state| state.executable == executable)
}

/// The change with one key switched. Switching it back takes it out of the change again.
pub fn switched(change: &Change, before: &Report, executable: &str, key: &str) -> Change {
    let mut change = change.clone();
    let path = Path::new(executable);
    let known = change.entitlements.iter().position(|(on, name, _)| on == path && name == key);
    match known {
        Some(index) => {
            change.entitlements.remove(index);
        }
        None => {
            let was = row(before, before, executable, key.to_owned()).was;
            change.entitlements.push((path.to_path_buf(), key.to_owned(), !was));
        }
    }
    change
}

/// Decides on changed facts: the report on the changed app, without the steps of its remedies, and what the change brings.
pub fn try_out(evidence: &Evidence, before: &Report, change: &Change) -> (Report, Outcome) {
    let after = diagnose(evidence, change);
    let outcome = outcome(evidence, before, &after, change);
    (after, outcome)
}

/// Compares the report on the app as it is with the report on the changed one.
pub fn outcome(evidence: &Evidence, before: &Report, after: &Report, change: &Change) -> Outcome {
    let (was, is) = (refusals(before), refusals(after));
    // A message of the app as it was stays in the evidence; that no rule of macOS stands behind it any more is what tells. Where none did, because the file
    // is not in the app, it is that the change is a remedy.
    let mended = |id: &str| {
        let about = before.diagnoses.iter().filter(|diagnosis| id_of(diagnosis) == id);
        about.flat_map(|diagnosis| &diagnosis.remedies).any(|remedy| does(change, remedy))
    };
    let stays = |refusal: &Refusal| {
        let other = is.iter().find(|other| other.id == refusal.id);
        other.is_some_and(|other| other.by_rule || (!refusal.by_rule && !mended(&refusal.id)))
    };
    let gone = |refusal: &&Refusal| !stays(refusal);
    let words = |present: bool| -> Vec<(String, String)> {
        let mut keys: Vec<&String> = change.entitlements.iter().filter(|(_, _, is)| *is == present).map(|(_, key, _)| key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().map(|key| (key.clone(), gives_away(key))).collect()
    };
    Outcome {
        gone: was.iter().filter(gone).map(|refusal| refusal.words.clone()).collect(),
        left: was.iter().filter(|refusal| !gone(refusal)).map(|refusal| refusal.words.clone()).collect(),
        new: is.iter().filter(|refusal| !was.iter().any(|other| other.id == refusal.id)).map(|refusal| refusal.words.clone()).collect(),
        opens: words(true),
        closes: words(false),
        reviewers: reviewers(evidence, before, after, change),
        senseless: senseless(evidence, change),
    }
}

/// Whether the change is all that a remedy asks for.
fn does(change: &Change, remedy: &Remedy) -> bool {
    let on = |path: &str, key: &str, present: bool| {
        change.entitlements.iter().any(|(other, name, is)| other == Path::new(path) && name == key && *is == present)
    };
    let everywhere = |key: &String, present: bool| remedy.on.iter().chain(&remedy.also_on).all(|path| on(path, key, present));
    let is_about_keys = !(remedy.add_entitlements.is_empty() && remedy.remove_entitlements.is_empty());
    let is_more = remedy.needs_new_code || !remedy.add_info_plist.is_empty() || remedy.on.is_none();
    remedy.applies
        && is_about_keys
        && !is_more
        && remedy.add_entitlements.iter().all(|key| everywhere(key, true))
        && remedy.remove_entitlements.iter().all(|key| everywhere(key, false))
}

/// What a refusal that a diagnosis tells is known by.
fn id_of(diagnosis: &Diagnosis) -> String {
    format!("{:?}", diagnosis.identity())
}

/// Something that macOS refuses.
struct Refusal {
    /// The same in both reports.
    id: String,
    words: String,
    /// The model of macOS refuses it, and no message alone says so.
    by_rule: bool,
}

/// What macOS refuses. Leads are no refusals, and neither is what only says that nothing else was seen: the evidence is of the app as it was.
fn refusals(report: &Report) -> Vec<Refusal> {
    let sure = |d: &&Diagnosis| d.confidence != "possible" && d.cause != "not-signing";
    let diagnoses =
        report.diagnoses.iter().filter(sure).map(|d| Refusal { id: id_of(d), words: d.summary.clone(), by_rule: d.rule.is_some() });
    let loads = report.loads.iter().filter(|load| load.verdict == "refused").map(|load| Refusal {
        id: format!("load {} {}", load.executable, load.name),
        words: format!("{} may not load {}: {}", name(&load.executable), name(&load.name), load.rule),
        by_rule: true,
    });
    let spawn = report.spawn.iter().filter(|spawn| spawn.verdict == "refused").map(|spawn| Refusal {
        id: format!("spawn {} {}", spawn.executable, spawn.arch),
        words: format!("{} ({}) would not start: {}", name(&spawn.executable), spawn.arch, spawn.why),
        by_rule: true,
    });
    let missing =
        report.entitlements.iter().flat_map(|state| state.missing.iter().map(move |key| (state, key))).map(|(state, key)| Refusal {
            id: format!("key {} {} {key}", state.executable, state.arch),
            words: format!("{} ({}) lacks {}, which its code needs", name(&state.executable), state.arch, short(key)),
            by_rule: true,
        });
    let mut all: Vec<Refusal> = Vec::new();
    for refusal in diagnoses.chain(loads).chain(spawn).chain(missing) {
        match all.iter_mut().find(|known| known.id == refusal.id) {
            Some(known) => known.by_rule |= refusal.by_rule,
            None => all.push(refusal),
        }
    }
    all
}

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What a key gives away, in the words of the scenario whose remedy adds it.
fn gives_away(wanted: &str) -> String {
    let remedies = || scenario::all().iter().flat_map(|scenario| &scenario.remedies);
    let alone = remedies().filter(|remedy| remedy.add_entitlements == [wanted]).find_map(|remedy| remedy.weakens.clone());
    let among =
        || remedies().filter(|remedy| remedy.add_entitlements.iter().any(|key| key == wanted)).find_map(|remedy| remedy.weakens.clone());
    alone.or_else(among).unwrap_or_else(|| match wanted {
        key::PAGE_PROTECTION => {
            "Signed code pages may be changed and run: the signature no longer protects the program while it runs.".into()
        }
        key::DEBUGGER => "The program may attach to others that allow it, when the user agrees.".into(),
        key::APP_SANDBOX => "Nothing: it takes rights away, and the program must ask for each it needs.".into(),
        key::INHERIT => "Nothing: a helper takes over the sandbox of the program that starts it.".into(),
        _ => match RESOURCES.iter().find(|resource| resource.entitlement == wanted) {
            Some(resource) => format!("The program may ask the user for {}.", resource.name),
            None => "Not known to Temper: read Apple's page on this key.".into(),
        },
    })
}

fn reviewers(evidence: &Evidence, before: &Report, after: &Report, change: &Change) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    let refused = |report: &Report| report.notary.iter().map(|notary| format!("{}: {}", notary.path, notary.message)).collect::<Vec<_>>();
    let (was, is) = (refused(before), refused(after));
    said.extend(is.iter().filter(|line| !was.contains(line)).map(|line| format!("the notary would refuse {line}")));
    said.extend(was.iter().filter(|line| !is.contains(line)).map(|line| format!("the notary would no longer refuse {line}")));
    let added = |wanted: &str| change.entitlements.iter().any(|(_, key, present)| *present && key == wanted);
    for key in [key::GET_TASK_ALLOW, key::DEBUGGER].into_iter().filter(|key| added(key)) {
        said.push(format!("the App Store does not take {}", short(key)));
    }
    let questioned = [key::ALLOW_JIT, key::UNSIGNED_MEMORY, key::PAGE_PROTECTION, key::DYLD_VARIABLES, key::LIBRARY_VALIDATION];
    let sandboxed = evidence.main_images().any(|image| image.has_entitlement(key::APP_SANDBOX));
    for key in questioned.into_iter().filter(|key| sandboxed && added(key)) {
        said.push(format!("reviewers of the App Store ask why {} is needed", short(key)));
    }
    said
}

/// What is odd about the sets of keys as they would be and is not about those that are signed, on each executable that changes.
fn senseless(evidence: &Evidence, change: &Change) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for image in evidence.images.iter().filter(|image| change.entitlements.iter().any(|(path, _, _)| *path == image.path)) {
        let place = place(evidence, image);
        let signed = image.entitlements().map(|set| set.entries.as_slice()).unwrap_or_default();
        let before = keys::judge(signed, &place);
        let brought = keys::judge(&with(signed, &image.path, change), &place).into_iter().filter(|note| !before.contains(note));
        let who = image.path.file_name().unwrap_or_default().to_string_lossy();
        for note in brought {
            let line = format!("{who}: {}", keys::shortened(&note.message));
            if !said.contains(&line) {
                said.push(line);
            }
        }
    }
    said
}

/// The entitlements of an executable as the change makes them.
fn with(signed: &[(String, Value)], path: &Path, change: &Change) -> Vec<(String, Value)> {
    let mine = || change.entitlements.iter().filter(|(on, ..)| on == path);
    let kept = signed.iter().filter(|(name, _)| !mine().any(|(_, key, _)| key == name)).cloned();
    let added = mine().filter(|(.., present)| *present).map(|(_, key, _)| (key.clone(), Value::Bool(true)));
    kept.chain(added).collect()
}

/// The entitlements file that the change makes of an executable's signed entitlements, as a diff; empty when nothing changes.
pub fn diff(evidence: &Evidence, executable: &str, change: &Change) -> Result<String, EditError> {
    let mine = || change.entitlements.iter().filter(|(path, _, _)| path == Path::new(executable));
    let wanted = |present: bool| mine().filter(|(_, _, is)| *is == present).map(|(_, key, _)| key.clone()).collect();
    let edits = edit::Edits { add: wanted(true), remove: wanted(false) };
    plan::edit_as_signed(evidence, Path::new(executable), &edits).map(|file| file.diff)
}
