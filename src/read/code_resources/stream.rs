//! The property list as a stream of events, with bounds on what is read and kept.

use super::{CodeResources, Entry, MAX_ENTRIES, MAX_INPUT, Pattern, Rule, Rules, Seal};
use crate::read::{ReadError, Source};
use plist::stream::{OwnedEvent, Reader};
use std::io::{Error, Read, Result as IoResult, Seek, SeekFrom};

/// Most events; an entry has at most about ten.
const MAX_EVENTS: usize = 20 * MAX_ENTRIES;
/// Deepest nesting; a file Apple wrote has three levels.
const MAX_DEPTH: usize = 32;
/// Most bytes of all texts and data together: a binary property list can name one long text many times.
const MAX_TEXT: usize = 256 << 20;
/// Most rules of one dictionary; Apple's defaults are 13.
const MAX_RULES: usize = 1_000;
/// Most faults that are kept.
const MAX_FAULTS: usize = 100;
/// Bytes fetched at once.
const STEP: usize = 64 << 10;

/// Bytes in memory as a [`Source`].
pub(super) struct Bytes<'a>(pub &'a [u8]);

impl Source for Bytes<'_> {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.0.read_at(offset, buf)
    }
}

/// A [`Source`] as `std::io` sees it, fetched in steps.
struct Stream<'a> {
    source: &'a dyn Source,
    at: u64,
    buffer: Vec<u8>,
    start: u64,
}

impl Read for Stream<'_> {
    fn read(&mut self, out: &mut [u8]) -> IoResult<usize> {
        let is_inside = |at: u64, start: u64, length: usize| at.checked_sub(start).is_some_and(|offset| offset < length as u64);
        if !is_inside(self.at, self.start, self.buffer.len()) {
            let left = self.source.len().saturating_sub(self.at).min(STEP as u64);
            self.buffer = self.source.read_vec(self.at, left, STEP).map_err(Error::other)?;
            self.start = self.at;
        }
        let offset = usize::try_from(self.at.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let ready = self.buffer.get(offset..).unwrap_or_default();
        let count = ready.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..count), ready.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at = self.at.saturating_add(count as u64);
        Ok(count)
    }
}

impl Seek for Stream<'_> {
    fn seek(&mut self, to: SeekFrom) -> IoResult<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(distance) => self.source.len().checked_add_signed(distance),
            SeekFrom::Current(distance) => self.at.checked_add_signed(distance),
        };
        self.at = at.ok_or_else(|| Error::other("seek before the start"))?;
        Ok(self.at)
    }
}

/// Events, counted.
struct Events<'a> {
    reader: Reader<Stream<'a>>,
    events: usize,
    entries: usize,
    text: usize,
}

impl Events<'_> {
    fn next(&mut self) -> Result<OwnedEvent, ReadError> {
        self.events = self.events.saturating_add(1);
        if self.events > MAX_EVENTS {
            return Err(ReadError::new("CodeResources with too many values", 0));
        }
        let event = self.reader.next().ok_or_else(|| ReadError::new("CodeResources that ends too early", 0))?;
        let event = event.map_err(|error| ReadError::new(format!("CodeResources that cannot be read ({error})"), 0))?;
        let size = match &event {
            OwnedEvent::String(text) => text.len(),
            OwnedEvent::Data(data) => data.len(),
            _ => 0,
        };
        self.text = self.text.saturating_add(size);
        if self.text > MAX_TEXT {
            return Err(ReadError::new("CodeResources with too much text", 0));
        }
        Ok(event)
    }

    /// The next key of an open dictionary; `None` at its end.
    fn key(&mut self) -> Result<Option<String>, ReadError> {
        match self.next()? {
            OwnedEvent::EndCollection => Ok(None),
            OwnedEvent::String(key) => Ok(Some(key.into_owned())),
            _ => Err(ReadError::new("CodeResources with a key that is no string", 0)),
        }
    }

    /// Passes over the rest of a value that began with `event`.
    fn skip(&mut self, event: &OwnedEvent) -> Result<(), ReadError> {
        let mut depth = usize::from(is_start(event));
        while depth > 0 {
            match self.next()? {
                OwnedEvent::EndCollection => depth = depth.saturating_sub(1),
                event if is_start(&event) => depth = depth.saturating_add(1),
                _ => {}
            }
            if depth > MAX_DEPTH {
                return Err(ReadError::new("CodeResources nested too deeply", 0));
            }
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), ReadError> {
        self.entries = self.entries.saturating_add(1);
        if self.entries > MAX_ENTRIES { Err(ReadError::new("CodeResources with too many entries", 0)) } else { Ok(()) }
    }
}

fn is_start(event: &OwnedEvent) -> bool {
    matches!(event, OwnedEvent::StartArray(_) | OwnedEvent::StartDictionary(_))
}

fn note(faults: &mut Vec<ReadError>, what: String) {
    if faults.len() < MAX_FAULTS {
        faults.push(ReadError::new(what, 0));
    }
}

pub(super) fn read(source: &dyn Source) -> Result<CodeResources, ReadError> {
    if source.len() > MAX_INPUT {
        return Err(ReadError::new("CodeResources longer than Temper reads", 0));
    }
    let stream = Stream { source, at: 0, buffer: Vec::new(), start: 0 };
    let mut events = Events { reader: Reader::new(stream), events: 0, entries: 0, text: 0 };
    if !matches!(events.next()?, OwnedEvent::StartDictionary(_)) {
        return Err(ReadError::new("CodeResources whose root is no dictionary", 0));
    }
    let mut all = CodeResources::default();
    while let Some(key) = events.key()? {
        let first = events.next()?;
        let is_dictionary = matches!(first, OwnedEvent::StartDictionary(_));
        match key.as_str() {
            "files" if is_dictionary => all.files = entries(&mut events, &mut all.faults)?,
            "files2" if is_dictionary => all.files2 = Some(entries(&mut events, &mut all.faults)?),
            "rules" if is_dictionary => all.rules = Some(rules(&mut events, &mut all.faults)?),
            "rules2" if is_dictionary => all.rules2 = Some(rules(&mut events, &mut all.faults)?),
            "files" | "files2" | "rules" | "rules2" => {
                note(&mut all.faults, format!("`{key}` that is no dictionary"));
                events.skip(&first)?;
            }
            _ => events.skip(&first)?,
        }
    }
    all.files_count = all.files.len();
    if all.files2.is_some() {
        all.files = Vec::new();
    }
    Ok(all)
}

/// The entries of an open dictionary, sorted; of a path that stands twice the last stays.
fn entries(events: &mut Events<'_>, faults: &mut Vec<ReadError>) -> Result<Vec<Entry>, ReadError> {
    let mut entries: Vec<Entry> = Vec::new();
    while let Some(path) = events.key()? {
        events.count()?;
        let (seal, optional) = match events.next()? {
            OwnedEvent::Data(data) => (file(Some(&data), None), false),
            OwnedEvent::StartDictionary(_) => seal(events)?,
            other => {
                events.skip(&other)?;
                (Seal::Malformed("neither a digest nor a dictionary"), false)
            }
        };
        entries.push(Entry { path, seal, optional });
    }
    // Stable, so that the last of equal paths is the last in the file.
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
    for entry in entries {
        match kept.last_mut() {
            Some(last) if last.path == entry.path => {
                note(faults, format!("`{}` sealed twice; the last counts", entry.path));
                *last = entry;
            }
            _ => kept.push(entry),
        }
    }
    Ok(kept)
}

/// The seal of an open dictionary, and whether it is optional. Which kind it is, is decided in the order of `resources.cpp ResourceSeal`.
fn seal(events: &mut Events<'_>) -> Result<(Seal, bool), ReadError> {
    let (mut sha1, mut sha256, mut cdhash) = (None, None, None);
    let (mut requirement, mut symlink) = (None, None);
    let mut optional = false;
    let mut wrong = None;
    while let Some(key) = events.key()? {
        let value = events.next()?;
        match (key.as_str(), value) {
            ("hash", OwnedEvent::Data(data)) => sha1 = Some(data.into_owned()),
            ("hash2", OwnedEvent::Data(data)) => sha256 = Some(data.into_owned()),
            ("cdhash", OwnedEvent::Data(data)) => cdhash = Some(data.into_owned()),
            ("requirement", OwnedEvent::String(text)) => requirement = Some(text.into_owned()),
            ("symlink", OwnedEvent::String(text)) => symlink = Some(text.into_owned()),
            ("optional", OwnedEvent::Boolean(value)) => optional = value,
            (key, value) => {
                if matches!(key, "hash" | "hash2" | "cdhash" | "requirement" | "symlink" | "optional") {
                    wrong = Some("a value of the wrong type");
                }
                events.skip(&value)?;
            }
        }
    }
    let seal = match (wrong, requirement, symlink) {
        (Some(wrong), ..) => Seal::Malformed(wrong),
        (None, Some(requirement), _) => nested(cdhash.as_deref(), requirement),
        (None, None, Some(target)) => Seal::Symlink(target),
        (None, None, None) => file(sha1.as_deref(), sha256.as_deref()),
    };
    Ok((seal, optional))
}

fn file(sha1: Option<&[u8]>, sha256: Option<&[u8]>) -> Seal {
    let (one, two) = (sha1.map(TryFrom::try_from).transpose(), sha256.map(TryFrom::try_from).transpose());
    match (one, two) {
        (Ok(None), Ok(None)) => Seal::Malformed("no digest"),
        (Ok(sha1), Ok(sha256)) => Seal::File { sha1, sha256 },
        _ => Seal::Malformed("a digest of the wrong length"),
    }
}

fn nested(cdhash: Option<&[u8]>, requirement: String) -> Seal {
    match cdhash.map(TryFrom::try_from).transpose() {
        Ok(cdhash) => Seal::Nested { cdhash, requirement },
        Err(_) => Seal::Malformed("a cdhash of the wrong length"),
    }
}

fn rules(events: &mut Events<'_>, faults: &mut Vec<ReadError>) -> Result<Rules, ReadError> {
    let mut rules: Vec<Rule> = Vec::new();
    while let Some(source) = events.key()? {
        events.count()?;
        if rules.len() >= MAX_RULES {
            return Err(ReadError::new("CodeResources with too many rules", 0));
        }
        let mut rule = Rule { source, pattern: None, omit: false, optional: false, nested: false, weight: 1, is_plain: false };
        match events.next()? {
            OwnedEvent::Boolean(value) => (rule.omit, rule.is_plain) = (!value, value),
            OwnedEvent::StartDictionary(_) => {
                if !fill(events, &mut rule)? {
                    note(faults, format!("rule `{}` with a value of the wrong type", rule.source));
                }
            }
            other => {
                events.skip(&other)?;
                note(faults, format!("rule `{}` that is neither a boolean nor a dictionary", rule.source));
            }
        }
        rule.pattern = Pattern::parse(&rule.source);
        match rules.iter_mut().find(|known| known.source == rule.source) {
            Some(known) => *known = rule,
            None => rules.push(rule),
        }
    }
    Ok(Rules { rules, executable: None })
}

/// Fills a rule from an open dictionary; false when a value has the wrong type.
fn fill(events: &mut Events<'_>, rule: &mut Rule) -> Result<bool, ReadError> {
    let mut is_right = true;
    while let Some(key) = events.key()? {
        let value = events.next()?;
        match (key.as_str(), &value) {
            ("omit", OwnedEvent::Boolean(value)) => rule.omit = *value,
            ("optional", OwnedEvent::Boolean(value)) => rule.optional = *value,
            ("nested", OwnedEvent::Boolean(value)) => rule.nested = *value,
            ("weight", OwnedEvent::Integer(number)) => rule.weight = weight(number.as_signed().unwrap_or(i64::MAX)),
            // Apple's signer writes weights as `<real>`; the fraction is cut off.
            ("weight", OwnedEvent::Real(number)) => rule.weight = weight(*number as i64),
            (key, _) => {
                is_right &= !matches!(key, "omit" | "optional" | "nested" | "weight");
                events.skip(&value)?;
            }
        }
    }
    Ok(is_right)
}

/// A weight is unsigned; one that does not fit counts as the nearest that does.
fn weight(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}
