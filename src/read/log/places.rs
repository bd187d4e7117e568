//! Folders that macOS keeps for programs which the user allows: what a program says that may not look into one.

use super::{LogFact, Proc};

/// Only Full Disk Access opens these (Apple: "Controlling app access to files in macOS"). Names inside a user's folder; the last two are beginnings.
const FULL_DISK: [&str; 27] = [
    "/.Trash",
    "/Library/Accounts",
    "/Library/Application Support/AddressBook",
    "/Library/Application Support/CallHistoryDB",
    "/Library/Application Support/CallHistoryTransactions",
    "/Library/Application Support/CloudDocs",
    "/Library/Application Support/Knowledge",
    "/Library/Application Support/MobileSync",
    "/Library/Application Support/com.apple.TCC",
    "/Library/Autosave Information",
    "/Library/Biome",
    "/Library/Calendars",
    "/Library/Cookies",
    "/Library/DuetExpertCenter",
    "/Library/HomeKit",
    "/Library/IdentityServices",
    "/Library/Mail",
    "/Library/Messages",
    "/Library/Metadata/CoreSpotlight",
    "/Library/PersonalizationPortrait",
    "/Library/Reminders",
    "/Library/Safari",
    "/Library/SafariTechnologyPreview",
    "/Library/Sharing",
    "/Library/Suggestions",
    "/Library/Containers/com.apple.",
    "/Library/Group Containers/group.com.apple.",
];
/// The user allows these one by one (Apple: NSDocumentsFolderUsageDescription and its like).
const FOLDERS: [&str; 3] = ["Documents", "Desktop", "Downloads"];
/// What else is not permitted for reasons of its own: owners, flags, attributes, names.
const OTHER: [&str; 13] =
    ["chown", "chmod", "chflags", "xattr", "unlink", "rm: ", "rmdir", "mv: ", "rename", "mount", "dlopen", "tried: ", "codesign"];

/// `ls: /Users/a/Library/Mail: Operation not permitted`, `EPERM: operation not permitted, scandir '…'`.
pub(super) fn refused(text: &str, logger: &Proc) -> Option<LogFact> {
    if !text.contains("peration not permitted") || OTHER.iter().any(|word| text.contains(word)) {
        return None;
    }
    let full_disk = FULL_DISK.iter().find_map(|place| path_with(text, place));
    let (path, full_disk) = match full_disk {
        Some(path) => (path, true),
        None => (FOLDERS.iter().find_map(|folder| of_user(text, folder).or_else(|| named(text, folder)))?, false),
    };
    Some(LogFact::ProtectedPlace { process: logger.clone(), path, full_disk })
}

/// The path in `text` that goes through `place`, from its first character to a quote, a colon or the end.
fn path_with(text: &str, place: &str) -> Option<String> {
    let at = text.find(place)?;
    let rest = text.get(at.checked_add(place.len())?..)?;
    if !place.ends_with('.') && !ends_name(rest) {
        return None;
    }
    let start = text.get(..at)?.rfind([' ', '\'', '"', '\u{2018}', '\u{201c}', '`', '(']).map_or(0, |before| before.saturating_add(1));
    let head = text.get(start..at)?.trim_start_matches(['\u{2018}', '\u{201c}']);
    let tail = rest.split(['\'', '"', ':', '\u{2019}', '\u{201d}', '`', ')']).next().unwrap_or("");
    Some(format!("{head}{place}{}", tail.trim_end()))
}

/// `/Users/‹name›/Documents…`, `~/Documents…`.
fn of_user(text: &str, folder: &str) -> Option<String> {
    let is_home = |before: &str| {
        before.ends_with('~') || before.rsplit_once('/').is_some_and(|(head, name)| head.ends_with("/Users") && !name.is_empty())
    };
    let place = format!("/{folder}");
    let (before, _) = text.split_once(&place)?;
    if is_home(before) { path_with(text, &place) } else { None }
}

/// `ls: Desktop: Operation not permitted`: a tool names the folder as it was given, from inside the user's folder.
fn named(text: &str, folder: &str) -> Option<String> {
    let (tool, rest) = text.trim_start().split_once(": ")?;
    let (path, why) = rest.split_once(": ")?;
    let is_folder = path.trim_end_matches('/').trim_start_matches("./") == folder && why.starts_with("Operation not permitted");
    (is_folder && !tool.contains([' ', '/'])).then(|| path.to_owned())
}

/// What follows a whole name.
fn ends_name(rest: &str) -> bool {
    rest.chars().next().is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '_'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::super::{LogFact, read};

    fn place(text: &str) -> Option<(String, bool)> {
        read(text).into_iter().find_map(|line| match line.fact {
            LogFact::ProtectedPlace { path, full_disk, .. } => Some((path, full_disk)),
            _ => None,
        })
    }

    #[test]
    fn a_refused_folder_is_known_in_the_words_of_many_programs() {
        let full = |path: &str| Some((path.to_owned(), true));
        let one = |path: &str| Some((path.to_owned(), false));
        for (text, want) in [
            ("ls: /Users/a/Library/Mail: Operation not permitted", full("/Users/a/Library/Mail")),
            ("[error] read_dir \"./Library/Safari\": Operation not permitted (os error 1)", full("./Library/Safari")),
            ("Error: EPERM: operation not permitted, scandir '/Users/a/.Trash'", full("/Users/a/.Trash")),
            (
                "open /Users/a/Library/Application Support/com.apple.TCC/TCC.db: operation not permitted",
                full("Support/com.apple.TCC/TCC.db")
                    .map(|_| ("/Users/a/Library/Application Support/com.apple.TCC/TCC.db".to_owned(), true)),
            ),
            ("PermissionError: [Errno 1] Operation not permitted: '/Users/a/Documents/plan'", one("/Users/a/Documents/plan")),
            ("cat: ~/Downloads/x: Operation not permitted", one("~/Downloads/x")),
            ("ls: Desktop: Operation not permitted", one("Desktop")),
            ("du: ./Downloads/: Operation not permitted", one("./Downloads/")),
        ] {
            assert_eq!(place(text), want, "{text}");
        }
    }

    #[test]
    fn other_refusals_are_not_about_a_folder() {
        for text in [
            "ls: /Users/a/Library/Mailer: Operation not permitted",
            "ls: /Users/a/Library/Mail: Permission denied",
            "chown: /Users/a/Documents/x: Operation not permitted",
            "open /srv/Documents/x: operation not permitted",
            "mylg: bind.socket: operation not permitted",
            "xattr: [Errno 1] Operation not permitted: '/Users/a/Desktop/x'",
            "ls: Desktop: Permission denied",
            "ls: Desktop-old: Operation not permitted",
        ] {
            assert_eq!(place(text), None, "{text}");
        }
    }
}
