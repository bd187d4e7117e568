//! One pass over a slice: page hashes, strings, and the digests of the whole file when they are wanted.
//!
//! Pages are hashed by as many threads as have nothing else to do; what needs the order of the file stays with one.

use super::digest::{Digests, WholeFile};
use super::file::{FileSource, STEP, Surroundings};
use super::strings::{self, StringSearch};
use crate::evidence::StringHit;
use crate::read::macho::MachO;
use crate::read::signature::{CodeDirectory, PageCheck, PageResult};
use crate::read::source::Window;
use crate::read::{ReadError, Source};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;

/// Where a slice lies.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) source: &'a FileSource<'a>,
    pub(super) start: u64,
    pub(super) size: u64,
}

impl<'a> Place<'a> {
    /// `None` when it leaves the file.
    pub(super) fn window(self) -> Option<Window<'a>> {
        Window::new(self.source, self.start, self.size)
    }
}

/// What one pass over a slice gives.
#[derive(Default)]
pub(super) struct Streamed {
    /// For each directory; `None` when its pages were not compared.
    pub(super) pages: Vec<Option<PageResult>>,
    pub(super) strings: Vec<StringHit>,
    pub(super) gaps: Vec<String>,
}

/// Part of a slice that is read at once.
type Step = (u64, u64);

/// Feeds the page checks of all directories, the digests of the whole file when they are wanted, and with the constant sections the string search.
pub(super) fn stream(
    place: Place<'_>,
    macho: &MachO,
    directories: &[CodeDirectory],
    whole: Option<WholeFile>,
    around: &Surroundings<'_>,
) -> (Streamed, Option<Digests>) {
    let mut streamed = Streamed::default();
    let checks = checks(directories);
    if checks.iter().any(Option::is_none) {
        streamed.gaps.push("the pages were not compared: digest or page size of the signature is not one that macOS accepts".into());
    }
    let compared = directories.iter().zip(&checks).filter(|(_, check)| check.is_some());
    let pages_end = compared.map(|(directory, _)| directory.code_limit.min(place.size)).max().unwrap_or(0);
    let searched = if around.signatures_only { Vec::new() } else { strings::sections(macho) };
    let sections: Vec<Step> = searched.into_iter().map(|(at, size)| (at, at.saturating_add(size).min(place.size))).collect();
    let end = if whole.is_some() { place.size } else { pages_end };
    let is_ordered = |step: &Step| whole.is_some() || overlaps(&sections, *step);
    let (own, shared): (Vec<Step>, Vec<Step>) = steps(0, end).partition(is_ordered);
    let rest = sections.iter().flat_map(|&(start, section_end)| steps(start.max(end), section_end)).collect();
    let pass = Pass { place, directories, sections, own, shared, rest, next: AtomicUsize::new(0) };
    match pass.run(checks, whole, around) {
        Ok((checks, search, whole)) => {
            streamed.pages = checks.into_iter().map(|check| check.map(PageCheck::finish)).collect();
            streamed.strings = search.finish();
            (streamed, whole.map(WholeFile::finish))
        }
        Err((error, search)) => {
            streamed.gaps.push(format!("could not be read to its end: {error}"));
            streamed.pages = vec![None; directories.len()];
            streamed.strings = search.finish();
            (streamed, None)
        }
    }
}

fn checks(directories: &[CodeDirectory]) -> Vec<Option<PageCheck<'_>>> {
    directories.iter().map(PageCheck::new).collect()
}

/// Steps begin where pages do.
fn steps(start: u64, end: u64) -> impl Iterator<Item = Step> {
    let count = end.saturating_sub(start).div_ceil(STEP);
    (0..count).map(move |index| (start + index * STEP, (start + (index + 1) * STEP).min(end)))
}

fn overlaps(sections: &[Step], (start, end): Step) -> bool {
    sections.get(sections.partition_point(|section| section.1 <= start)).is_some_and(|section| section.0 < end)
}

type Checks<'a> = Vec<Option<PageCheck<'a>>>;

struct Pass<'a> {
    place: Place<'a>,
    directories: &'a [CodeDirectory],
    /// What is searched for strings, in file order.
    sections: Vec<Step>,
    /// Steps that one thread goes through in file order.
    own: Vec<Step>,
    /// Steps whose order does not matter: nothing but pages.
    shared: Vec<Step>,
    /// Steps of sections behind the pages.
    rest: Vec<Step>,
    /// Index of the next step of `shared`.
    next: AtomicUsize,
}

/// Checks, search and digests after a pass; or why it could not be finished, with what was found until then.
type Outcome<'a> = Result<(Checks<'a>, StringSearch, Option<WholeFile>), (ReadError, StringSearch)>;

impl<'a> Pass<'a> {
    fn run(&'a self, mut checks: Checks<'a>, mut whole: Option<WholeFile>, around: &Surroundings<'_>) -> Outcome<'a> {
        let mut search = StringSearch::new();
        let read = std::thread::scope(|scope| {
            let mut helpers: Vec<ScopedJoinHandle<'_, Result<Checks<'a>, ReadError>>> = Vec::new();
            let mut call = || {
                // A thread for less than a few steps is not worth its start.
                if self.next.load(Ordering::Relaxed) + 4 < self.shared.len() && around.spare.take() {
                    helpers.push(scope.spawn(|| {
                        let mut checks = self::checks(self.directories);
                        let read = self.share(&mut checks, &mut || {});
                        around.spare.give();
                        read.map(|()| checks)
                    }));
                }
            };
            let read = self.ordered(&mut checks, &mut whole, &mut search, &mut call).and_then(|()| self.share(&mut checks, &mut call));
            if read.is_err() {
                self.next.store(self.shared.len(), Ordering::Relaxed);
            }
            let joined: Vec<_> =
                helpers.into_iter().map(|helper| helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect();
            read?;
            for other in joined {
                checks
                    .iter_mut()
                    .zip(other?)
                    .for_each(|(check, other)| check.iter_mut().zip(other).for_each(|(check, other)| check.merge(other)));
            }
            Ok(())
        });
        match read {
            Ok(()) => Ok((checks, search, whole)),
            Err(error) => Err((error, search)),
        }
    }

    /// What needs the order of the file.
    fn ordered(
        &self,
        checks: &mut Checks<'_>,
        whole: &mut Option<WholeFile>,
        search: &mut StringSearch,
        call: &mut dyn FnMut(),
    ) -> Result<(), ReadError> {
        let mut reader = Reader::new(self.place)?;
        for (index, step) in self.own.iter().chain(&self.rest).enumerate() {
            call();
            let bytes = reader.read(*step)?;
            if index < self.own.len() {
                whole.iter_mut().for_each(|whole| whole.update(bytes));
                feed(checks, step.0, bytes);
            }
            find(search, &self.sections, step.0, bytes);
        }
        Ok(())
    }

    /// Takes steps as long as there are any.
    fn share(&self, checks: &mut Checks<'_>, call: &mut dyn FnMut()) -> Result<(), ReadError> {
        let mut reader = Reader::new(self.place)?;
        while let Some(step) = self.shared.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            call();
            feed(checks, step.0, reader.read(*step)?);
        }
        Ok(())
    }
}

struct Reader<'a> {
    window: Window<'a>,
    buffer: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn new(place: Place<'a>) -> Result<Self, ReadError> {
        let window = place.window().ok_or_else(|| ReadError::new("slice leaves the file", place.start))?;
        Ok(Self { window, buffer: Vec::new() })
    }

    fn read(&mut self, (start, end): Step) -> Result<&[u8], ReadError> {
        // At most STEP bytes.
        self.buffer.resize(usize::try_from(end - start).unwrap_or(0), 0);
        self.window.read_at(start, &mut self.buffer)?;
        Ok(&self.buffer)
    }
}

fn feed(checks: &mut Checks<'_>, offset: u64, bytes: &[u8]) {
    for check in checks.iter_mut().flatten() {
        check.seek(offset);
        check.feed(bytes);
    }
}

/// Gives the search what of `bytes` lies in a section.
fn find(search: &mut StringSearch, sections: &[Step], offset: u64, bytes: &[u8]) {
    let end = offset + bytes.len() as u64;
    let first = sections.partition_point(|section| section.1 <= offset);
    for &(section_start, section_end) in sections.iter().skip(first).take_while(|section| section.0 < end) {
        let from = section_start.max(offset);
        let to = section_end.min(end);
        let part = usize::try_from(from - offset).ok().zip(usize::try_from(to.saturating_sub(offset)).ok());
        if let Some(part) = part.and_then(|(from, to)| bytes.get(from..to)) {
            search.feed(from, part);
        }
        if section_end <= end {
            search.end_section();
        }
    }
}
