//! The closed set of placeholders a recipe may use: `«name»`.

/// What stands for a value of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Placeholder {
    /// `Demo.app`.
    App,
    /// `Demo`.
    AppName,
    /// File name of the main executable.
    ExecutableName,
    /// Who signs, for `--sign`.
    Identity,
    /// Entitlements file of the main executable.
    EntitlementsFile,
    /// The entitlements file that is edited: the main executable's, or else the helper's.
    EditedEntitlementsFile,
    /// Entitlements file of a helper.
    HelperEntitlementsFile,
    /// File name of a helper.
    HelperName,
    /// What of the helper is signed, relative to the app: its bundle, or the file.
    HelperObject,
    /// Entitlement to add.
    AddedKey,
    /// The build system's own name for it.
    AddedName,
    /// Entitlement to add that the build system has no name for.
    UnnamedKey,
    /// Entitlement to take out.
    RemovedKey,
    /// The build system's own name for it.
    RemovedName,
    /// Usage key.
    UsageKey,
    /// Its text.
    UsageText,
    /// The build system's own name for the usage key.
    UsageName,
    /// Usage key that the build system has no name for.
    UnnamedUsageKey,
    /// Library to sign again, relative to the app.
    Library,
    /// Its file name.
    LibraryName,
    /// A comma between the lines of a list, not after the last.
    Comma,
}

/// A list of the plan. A line is about one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum List {
    /// Entitlements to add.
    Added,
    /// Entitlements to take out.
    Removed,
    /// Usage strings.
    Usage,
    /// Executables beside the main one.
    Helpers,
    /// Libraries.
    Libraries,
}

/// All placeholders with their names.
const NAMES: [(&str, Placeholder); 21] = [
    ("app", Placeholder::App),
    ("app-name", Placeholder::AppName),
    ("executable-name", Placeholder::ExecutableName),
    ("identity", Placeholder::Identity),
    ("entitlements-file", Placeholder::EntitlementsFile),
    ("edited-entitlements-file", Placeholder::EditedEntitlementsFile),
    ("helper-entitlements-file", Placeholder::HelperEntitlementsFile),
    ("helper-name", Placeholder::HelperName),
    ("helper-object", Placeholder::HelperObject),
    ("added-key", Placeholder::AddedKey),
    ("added-name", Placeholder::AddedName),
    ("unnamed-key", Placeholder::UnnamedKey),
    ("removed-key", Placeholder::RemovedKey),
    ("removed-name", Placeholder::RemovedName),
    ("usage-key", Placeholder::UsageKey),
    ("usage-text", Placeholder::UsageText),
    ("usage-name", Placeholder::UsageName),
    ("unnamed-usage-key", Placeholder::UnnamedUsageKey),
    ("library", Placeholder::Library),
    ("library-name", Placeholder::LibraryName),
    ("comma", Placeholder::Comma),
];

impl Placeholder {
    /// The list it stands for one of; `None` for a single value.
    pub fn list(self) -> Option<List> {
        match self {
            Placeholder::AddedKey | Placeholder::AddedName | Placeholder::UnnamedKey => Some(List::Added),
            Placeholder::RemovedKey | Placeholder::RemovedName => Some(List::Removed),
            Placeholder::UsageKey | Placeholder::UsageText | Placeholder::UsageName | Placeholder::UnnamedUsageKey => Some(List::Usage),
            Placeholder::HelperEntitlementsFile | Placeholder::HelperName | Placeholder::HelperObject => Some(List::Helpers),
            Placeholder::Library | Placeholder::LibraryName => Some(List::Libraries),
            _ => None,
        }
    }
}

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Words(&'a str),
    Value(Placeholder),
}

/// The pieces of a text, or the name that is unknown.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((words, after)) = rest.split_once('«') {
        let (name, after) = after.split_once('»').ok_or("a placeholder that does not end")?;
        let known = NAMES.iter().find(|(known, _)| *known == name).map(|(_, placeholder)| *placeholder);
        pieces.push(Piece::Words(words));
        pieces.push(Piece::Value(known.ok_or_else(|| format!("unknown placeholder `{name}`"))?));
        rest = after;
    }
    pieces.push(Piece::Words(rest));
    Ok(pieces)
}

/// The placeholders of a text that was checked.
pub(super) fn all_in(text: &str) -> Vec<Placeholder> {
    let pieces = pieces(text).unwrap_or_default();
    pieces
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Value(placeholder) => Some(placeholder),
            Piece::Words(_) => None,
        })
        .collect()
}

/// Every name is known, and they are of one list. `each`: helpers do not count as one.
pub(super) fn check(line: &str, each: bool) -> Result<(), String> {
    pieces(line)?;
    let mut lists: Vec<List> = all_in(line).into_iter().filter_map(Placeholder::list).collect();
    lists.retain(|list| !(each && *list == List::Helpers));
    lists.dedup();
    if lists.len() > 1 { Err(format!("`{line}` is about two lists")) } else { Ok(()) }
}
