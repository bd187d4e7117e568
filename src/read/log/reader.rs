//! The pass over a text: from keyword to keyword, each line with one cut up by the families that want it.

use super::keywords::{self, Families};
use super::{LogFact, LogLine, Proc, amfi, codesign, cut, dyld, kernel, notary, prefix, runtime, shell, system, tcc};
use crate::read::crash::clean;
use std::collections::VecDeque;

/// Most facts that are kept: so many first ones and so many last ones.
pub(super) const MAX_FACTS: usize = 10_000;
/// Most facts of the two kinds that fill whole logs.
const MAX_COMMON: usize = 2_000;
/// Longest part of one line that is looked at.
const MAX_LINE: usize = 64 << 10;
/// How far before a keyword a line's start is looked for.
const MAX_BEFORE: usize = 16 << 10;
/// Longest quote, in characters.
const MAX_QUOTE: usize = 500;

/// Lines that a mailer or a form wrapped are at most so long, in bytes; a single word may be longer.
const WIDEST_WRAP: usize = 82;
/// A line is broken only when the next word does not fit: together they are longer than this.
const NARROWEST_WRAP: usize = 64;
/// Most lines of one wrapped record.
const MAX_RECORD: usize = 16;

/// The lines after the one being read, cleaned.
pub(super) type Following<'a> = dyn Fn() -> Box<dyn Iterator<Item = String> + 'a> + 'a;

/// What earlier lines said that later ones need.
#[derive(Default)]
pub(super) struct Context {
    /// File that `codesign -d` is talking about (`Executable=`).
    pub executable: Option<String>,
    /// File that the last `codesign` or `spctl` command named.
    pub named_file: Option<String>,
    /// The last command was `codesign -d --entitlements`, and nothing of its answer was seen yet.
    pub asks_entitlements: bool,
    /// The lines are output of `codesign -d`.
    pub displays: bool,
    /// Program of the last command.
    pub program: Option<String>,
    /// Process that a debugger was told to attach to.
    pub attach_pid: Option<u64>,
    /// DYLD_ variables seen so far.
    pub variables: Vec<(String, Option<String>)>,
    /// Commands with their output.
    pub runs: Vec<Run>,
    /// AMFI refused something.
    pub refused: bool,
    /// The next `In subcomponent:` belongs to a sentence that was read with it.
    pub part_told: bool,
}

/// A command of a transcript.
pub(super) struct Run {
    pub line: u32,
    pub quote: String,
    pub words: Vec<String>,
    pub output: Vec<String>,
}

impl Context {
    pub fn displayed_file(&self) -> Option<String> {
        self.executable.clone().or_else(|| self.named_file.clone())
    }
}

/// The first and the last facts.
#[derive(Default)]
struct Kept {
    first: Vec<LogLine>,
    last: VecDeque<LogLine>,
    /// Sandbox denials and noise so far: a busy log has more of them than of everything else.
    common: usize,
}

impl Kept {
    fn push(&mut self, line: LogLine) {
        if matches!(line.fact, LogFact::SandboxDenied { .. } | LogFact::Noise { .. }) {
            self.common = self.common.saturating_add(1);
            if self.common > MAX_COMMON {
                return;
            }
        }
        let same = |known: &LogLine| known.line == line.line && known.fact == line.fact;
        if self.first.len() < MAX_FACTS {
            if !self.first.iter().rev().take(8).any(same) {
                self.first.push(line);
            }
            return;
        }
        if self.last.len() >= MAX_FACTS {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }
}

/// The part of a line that is looked at.
fn head_of(line: &str) -> &str {
    let mut end = line.len().min(MAX_LINE);
    while !line.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    line.get(..end).unwrap_or("")
}

/// A line as given, cut to 500 characters.
pub(super) fn quote_of(line: &str) -> String {
    line.trim_end_matches(['\r', '\n']).trim_start_matches('\u{feff}').chars().take(MAX_QUOTE).collect()
}

/// Reads all lines. With `skips_json` those of an `.ips` are left to its own reader.
pub(super) fn scan(text: &str, skips_json: bool) -> (Vec<LogLine>, Context) {
    let mut reader = Reader { text, context: Context::default(), kept: Kept::default(), barren_until: 0, skips_json };
    reader.scan();
    let mut facts = reader.kept.first;
    facts.extend(reader.kept.last);
    (facts, reader.context)
}

struct Reader<'a> {
    text: &'a str,
    /// Lines of an `.ips` are left to its own reader.
    skips_json: bool,
    context: Context,
    kept: Kept,
    /// Number of the line before which no message of dyld begins.
    barren_until: u32,
}

/// A line: its number, its place, and where the next one begins.
struct Place<'a> {
    number: u32,
    raw: &'a str,
    start: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    /// Jumps from keyword to keyword; only lines with one are cut up.
    fn scan(&mut self) {
        let searcher = keywords::searcher();
        let mut at = 0_usize;
        let mut counted = (0_usize, 1_u32);
        while let Some(hit) = searcher.next(self.text, at) {
            let place = self.place(hit, at, &mut counted);
            let (line, families) = (clean::line(place.raw), searcher.families(place.raw));
            let taken = match self.wrapped(&line, &place, at) {
                Some((whole, more)) => self.record(&whole, searcher.families(&whole), &place).then_some(more),
                None => None,
            };
            let taken = taken.unwrap_or_else(|| self.line(&line, families, &place));
            at = place.end.max(hit.saturating_add(1));
            for _ in 0..taken {
                at = self
                    .text
                    .get(at..)
                    .and_then(|rest| rest.find('\n'))
                    .map_or(self.text.len(), |end| at.saturating_add(end).saturating_add(1));
            }
            while !self.text.is_char_boundary(at) {
                at = at.saturating_add(1);
            }
            if at >= self.text.len() {
                break;
            }
        }
    }

    /// The line around a keyword, at most [`MAX_LINE`] bytes of it.
    fn place(&self, hit: usize, floor: usize, counted: &mut (usize, u32)) -> Place<'a> {
        let bytes = self.text.as_bytes();
        let lowest = hit.saturating_sub(MAX_BEFORE).max(floor);
        let mut start = bytes
            .get(lowest..hit)
            .and_then(|before| memchr::memrchr(b'\n', before))
            .map_or(lowest, |end| lowest.saturating_add(end).saturating_add(1));
        let highest = hit.saturating_add(MAX_LINE).min(bytes.len());
        let mut end = bytes
            .get(hit..highest)
            .and_then(|after| memchr::memchr(b'\n', after))
            .map_or(highest, |end| hit.saturating_add(end).saturating_add(1));
        while !self.text.is_char_boundary(start) {
            start = start.saturating_sub(1);
        }
        while !self.text.is_char_boundary(end) {
            end = end.saturating_add(1);
        }
        let (from, line) = *counted;
        let newlines = bytes.get(from..start).map_or(0, |between| memchr::memchr_iter(b'\n', between).count());
        let number = line.saturating_add(u32::try_from(newlines).unwrap_or(u32::MAX));
        *counted = (start.max(from), number);
        Place { number, raw: self.text.get(start..end).unwrap_or("").trim_end_matches(['\n', '\r']), start, end }
    }

    /// The whole log record of which `line` is a part, when something broke it over several lines, and how many lines of it follow. `None` for the usual
    /// case: a record is one line. Only a record that begins with a log's prefix is put together: other text has line breaks of its own.
    fn wrapped(&self, line: &str, place: &Place<'a>, floor: usize) -> Option<(String, usize)> {
        if let Some(sentence) = self.broken_sentence(line, place, floor).or_else(|| self.broken_page(line, place)) {
            return Some(sentence);
        }
        let is_part = |line: &str| !line.trim().is_empty() && (line.len() <= WIDEST_WRAP || !line.trim().contains(' '));
        let begins = |line: &str| {
            let bare = line.contains("dlopen(") || line.trim_start().starts_with("Library Validation failed: Rejecting");
            bare || prefix::split(line).logger != Proc::default() || prefix::names_process(line)
        };
        let goes_on = |line: &str, next: &str| {
            let word = next.split_whitespace().next().unwrap_or("");
            line.len().saturating_add(1).saturating_add(word.len()) > NARROWEST_WRAP && shell::prompt(next).is_none()
        };
        if !is_part(line) {
            return None;
        }
        let mut parts = VecDeque::from([line.to_owned()]);
        if !begins(line) {
            let before = self.text.get(floor..place.start)?.trim_end_matches(['\n', '\r']);
            let mut found = false;
            for earlier in before.rsplit('\n').take(MAX_RECORD) {
                let earlier = clean::line(head_of(earlier)).into_owned();
                let is_before = parts.front().is_some_and(|next| goes_on(&earlier, next));
                if !is_part(&earlier) || !is_before || shell::prompt(&earlier).is_some() {
                    return None;
                }
                found = begins(&earlier);
                parts.push_front(earlier);
                if found {
                    break;
                }
            }
            if !found {
                return None;
            }
        }
        let mut more = 0_usize;
        for later in self.text.get(place.end..).unwrap_or("").lines().take(MAX_RECORD) {
            let later = clean::line(head_of(later)).into_owned();
            let is_next = parts.back().is_some_and(|last| goes_on(last, &later));
            if !is_next || !is_part(&later) || prefix::split(&later).logger != Proc::default() || prefix::names_process(&later) {
                break;
            }
            parts.push_back(later);
            more = more.saturating_add(1);
        }
        (parts.len() > 1).then(|| (parts.iter().map(|part| part.trim()).collect::<Vec<_>>().join(" "), more))
    }

    /// tccd's sentence, of which an editor or a form made several lines of any width: from its beginning to the end of what it names.
    fn broken_sentence(&self, line: &str, place: &Place<'a>, floor: usize) -> Option<(String, usize)> {
        const BEGINNING: &str = "Prompting policy for hardened runtime";
        let is_whole = |text: &str| text.contains("it is missing") && text.contains("requesting=") || text.len() > 4_096;
        let mut whole = line.trim().to_owned();
        if !line.contains(BEGINNING) {
            let before = self.text.get(floor..place.start)?.trim_end_matches(['\n', '\r']);
            let above = before.rsplit('\n').take(2).map(|line| clean::line(head_of(line)).trim().to_owned());
            let mut above: Vec<String> = above.take_while(|line| !line.is_empty()).collect();
            above.truncate(above.iter().position(|line| line.contains(BEGINNING))?.saturating_add(1));
            above.reverse();
            whole = format!("{} {whole}", above.join(" "));
        }
        let mut more = 0_usize;
        for later in self.text.get(place.end..).unwrap_or("").lines().take(MAX_RECORD) {
            let later = clean::line(head_of(later));
            let later = later.trim();
            if is_whole(&whole) || later.is_empty() || prefix::split(later).logger != Proc::default() || shell::prompt(later).is_some() {
                break;
            }
            whole = format!("{whole} {later}");
            more = more.saturating_add(1);
        }
        (whole.len() > line.trim().len()).then_some((whole, more))
    }

    /// The kernel's words on a page, of which somebody set the end in a line of its own.
    fn broken_page(&self, line: &str, place: &Place<'a>) -> Option<(String, usize)> {
        let next = kernel::is_broken(line).then(|| self.text.get(place.end..).unwrap_or("").lines().next()).flatten()?;
        let next = clean::line(head_of(next)).trim().to_owned();
        (!next.is_empty() && shell::prompt(&next).is_none()).then(|| (format!("{} {next}", line.trim()), 1))
    }

    /// Reads a record that was put together, as far as daemons and the kernel write it. False when it says nothing: then its lines are read one by one.
    fn record(&mut self, whole: &str, families: Families, place: &Place<'a>) -> bool {
        let message = prefix::split(whole);
        let mut facts = Vec::new();
        if families.has(Families::AMFI) {
            amfi::facts(&message.text, &message.logger, &mut facts);
        }
        if families.has(Families::KERNEL) {
            kernel::facts(&message.text, &mut facts);
        }
        if families.has(Families::TCC) {
            tcc::facts(&message.text, &message.logger, &mut facts);
        }
        if families.has(Families::DYLD) && facts.is_empty() && !message.text.contains("tried:") {
            facts.extend(dyld::read(&message.text).map(LogFact::Load));
        }
        if families.has(Families::SYSTEM) && facts.is_empty() {
            system::facts(&message.text, &message.logger, self.context.refused, &mut facts);
        }
        let said = !facts.is_empty();
        for fact in facts {
            self.keep(fact, place);
        }
        said
    }

    /// Reads one line. Returns how many of the following lines belong to it.
    fn line(&mut self, line: &str, families: Families, place: &Place<'a>) -> usize {
        let text = self.text;
        let end = place.end;
        let following = move || -> Box<dyn Iterator<Item = String> + 'a> {
            Box::new(text.get(end..).unwrap_or("").lines().map(|line| clean::line(head_of(line)).into_owned()))
        };
        let mut facts = Vec::new();
        let mut taken = 0_usize;
        if self.skips_json && line.trim_start().starts_with(['"', '{']) {
            return 0;
        }
        if let Some(command) = shell::prompt(line).filter(|_| families.has(Families::SHELL)) {
            shell::command(command, place.number, &mut self.context, &following, &mut facts);
        } else if line.trim_start().starts_with("(lldb)") {
            self.context.attach_pid = line.split_whitespace().filter_map(|word| word.parse().ok()).next_back().or(self.context.attach_pid);
        } else {
            let message = prefix::split(line);
            taken = self.message(&message, line, families, place, &following, &mut facts);
        }
        for fact in facts {
            self.keep(fact, place);
        }
        taken
    }

    fn keep(&mut self, mut fact: LogFact, place: &Place<'a>) {
        self.context.refused |= matches!(
            fact,
            LogFact::RestrictedEntitlements { .. }
                | LogFact::LaunchSignatureRefused { .. }
                | LogFact::LaunchConstraint { .. }
                | LogFact::EntitlementsUnparsable { .. }
        );
        if let LogFact::AttachRefused { process } = &mut fact
            && process.pid.is_none()
        {
            process.pid = self.context.attach_pid;
        }
        self.kept.push(LogLine { line: place.number, quote: quote_of(place.raw), fact });
    }

    /// Facts of a message, by the families whose keywords stand in it.
    fn message(
        &mut self,
        message: &prefix::Message,
        line: &str,
        families: Families,
        place: &Place<'a>,
        following: &Following<'a>,
        facts: &mut Vec<LogFact>,
    ) -> usize {
        let (text, logger) = (message.text.as_str(), &message.logger);
        if families.has(Families::AMFI) {
            amfi::facts(text, logger, facts);
        }
        if families.has(Families::KERNEL) {
            kernel::facts(text, facts);
        }
        if families.has(Families::TCC) {
            tcc::facts(text, logger, facts);
        }
        let mut taken = 0_usize;
        let by_others = facts.iter().any(|fact| !matches!(fact, LogFact::Noise { .. }));
        if families.has(Families::DYLD) && !by_others && place.number >= self.barren_until {
            let (block, more) = dyld::block(text, following());
            let failure = dyld::read(&block);
            if failure.is_none() && more >= dyld::MAX_LINES {
                // No message is so long: to begin it anew at each of its lines would take very long and tell nothing either.
                self.barren_until = place.number.saturating_add(u32::try_from(more / 2).unwrap_or(0));
            }
            if let Some(failure) = failure {
                facts.push(LogFact::Load(failure));
                taken = more;
            } else if self.kept.first.iter().any(|line| matches!(line.fact, LogFact::DyldVariable { .. })) {
                facts.extend(dyld::not_found_by_name(text).map(LogFact::Load));
            }
        }
        if families.has(Families::SYSTEM) {
            system::facts(text, logger, self.context.refused, facts);
        }
        if families.has(Families::RUNTIME) {
            let speaker = || self.speaker(logger, place);
            runtime::facts(text, &speaker, facts);
            if runtime::makes_callback(text) && following().take(2).any(|next| next.starts_with("MemoryError")) {
                facts.push(LogFact::EngineMemory { engine: "libffi", process: speaker(), degrades: false });
            }
        }
        if families.has(Families::CODESIGN) {
            codesign::facts(line.trim(), &mut self.context, following, facts);
        }
        if families.has(Families::NOTARY) && facts.is_empty() {
            notary::sentence(text, facts);
        }
        if families.has(Families::SHELL) {
            let mut found = Vec::new();
            shell::output(text, &self.context, &mut found);
            facts.extend(found);
        }
        taken
    }

    /// Who said a message without prefix: the last NSLog line shortly before it, else the command that was run.
    fn speaker(&self, logger: &Proc, place: &Place<'a>) -> Proc {
        if *logger != Proc::default() {
            return logger.clone();
        }
        let before = self.text.get(..place.start).unwrap_or("");
        for line in before.rsplit('\n').skip(1).take(20) {
            let line = clean::line(head_of(line));
            if shell::prompt(&line).is_some() {
                break;
            }
            let earlier = prefix::split(&line).logger;
            if earlier != Proc::default() {
                return earlier;
            }
        }
        let name = self.context.program.clone();
        let path = name.clone().filter(|name| name.starts_with('/'));
        Proc { name: name.map(|name| cut::file_name(&name).to_owned()), path, ..Proc::default() }
    }
}
