//! A program whose output is passed on as it comes, within bounds of time and amount. No terminal and no shell are involved.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long the loop waits for output before it looks at anything else, in milliseconds.
const STEP: u16 = 40;
/// Bytes of standard error that are kept.
const MOST_ERRORS: usize = 64 << 10;

/// A program to run, and how long it may go on. What goes beyond is ended (SIGKILL: it only reads, and leaves nothing half done).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Argument list; the first is looked up in `PATH` when it has no slash.
    pub argv: Vec<OsString>,
    /// How long it may run.
    pub limit: Duration,
    /// Bytes of standard output that it may write.
    pub most: u64,
}

/// Why a program was ended before its own end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The time was up.
    Time,
    /// It wrote too much.
    Amount,
    /// It was asked for.
    Stopped,
}

/// How a program ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Streamed {
    /// Exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// Why it was ended; `None` when it ended by itself.
    pub cut: Option<Cut>,
    /// The beginning of its standard error.
    pub stderr: Vec<u8>,
}

/// The two streams of a program, each until its end.
struct Pipes {
    out: Option<ChildStdout>,
    error: Option<ChildStderr>,
    buffer: Vec<u8>,
}

impl Pipes {
    fn of(child: &mut Child) -> Self {
        Self { out: child.stdout.take(), error: child.stderr.take(), buffer: vec![0; 64 << 10] }
    }

    /// Which of the two have something to read, after at most one step.
    fn ready(&self) -> io::Result<(bool, bool)> {
        let ends = [self.out.as_ref().map(AsFd::as_fd), self.error.as_ref().map(AsFd::as_fd)];
        let mut polled: Vec<PollFd<'_>> = ends.iter().flatten().map(|end| PollFd::new(*end, PollFlags::POLLIN)).collect();
        match poll(&mut polled, PollTimeout::from(STEP)) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok((false, false)),
            Err(error) => return Err(error.into()),
        }
        let mut says = polled.iter().map(|end| end.any().unwrap_or(false));
        let out = self.out.is_some() && says.next().unwrap_or(false);
        Ok((out, self.error.is_some() && says.next().unwrap_or(false)))
    }
}

/// What is there; nothing at the end of the stream, which is closed then.
fn read<'a>(end: &mut Option<impl Read>, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
    let count = match end.as_mut().map(|end| end.read(buffer)) {
        Some(Ok(count)) => count,
        Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => return Ok(&[]),
        Some(Err(error)) => return Err(error),
        None => 0,
    };
    if count == 0 {
        *end = None;
    }
    Ok(&buffer[..count])
}

/// Runs it to its end, or to the first bound. An error when it cannot be started.
pub(super) fn stream(wanted: &Stream, stop: &AtomicBool, output: &mut dyn FnMut(&[u8])) -> io::Result<Streamed> {
    let Some((program, arguments)) = wanted.argv.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no program to run"));
    };
    let started = Instant::now();
    let mut child = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let outcome = until_the_end(wanted, stop, started, &mut child, output);
    // Nothing that Temper started outlives the call. Of a program that has ended already, both do nothing.
    drop(child.kill());
    let status = child.wait()?;
    let (cut, stderr) = outcome?;
    Ok(Streamed { status: status.code(), cut, stderr })
}

fn until_the_end(
    wanted: &Stream,
    stop: &AtomicBool,
    started: Instant,
    child: &mut Child,
    output: &mut dyn FnMut(&[u8]),
) -> io::Result<(Option<Cut>, Vec<u8>)> {
    let mut pipes = Pipes::of(child);
    let (mut written, mut stderr) = (0_u64, Vec::new());
    loop {
        let bounds = [
            (stop.load(Ordering::Relaxed), Cut::Stopped),
            (started.elapsed() >= wanted.limit, Cut::Time),
            (written >= wanted.most, Cut::Amount),
        ];
        if let Some((_, cut)) = bounds.into_iter().find(|(is_reached, _)| *is_reached) {
            return Ok((Some(cut), stderr));
        }
        // Asked before the streams are read: what it wrote until then is still there.
        let has_ended = child.try_wait()?.is_some();
        let (out, error) = pipes.ready()?;
        let mut nothing = true;
        if out {
            let bytes = read(&mut pipes.out, &mut pipes.buffer)?;
            nothing &= bytes.is_empty();
            written = written.saturating_add(bytes.len() as u64);
            output(bytes);
        }
        if error {
            let bytes = read(&mut pipes.error, &mut pipes.buffer)?;
            nothing &= bytes.is_empty();
            stderr.extend_from_slice(&bytes[..bytes.len().min(MOST_ERRORS - stderr.len())]);
        }
        // Something that it started may hold its streams for ever.
        if has_ended && nothing {
            return Ok((None, stderr));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration, most: u64) -> Stream {
        Stream { argv: ["/bin/sh", "-c", script].map(Into::into).to_vec(), limit, most }
    }

    fn run(script: &str, limit: Duration, most: u64, stop: &AtomicBool) -> (Streamed, Vec<u8>) {
        let mut all = Vec::new();
        let ended = stream(&shell(script, limit, most), stop, &mut |bytes| all.extend_from_slice(bytes)).unwrap();
        (ended, all)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn both_streams_and_the_status_are_kept_apart() {
        let (ended, all) = run("echo out; echo error >&2; exit 3", LONG, 1 << 20, &AtomicBool::new(false));
        assert_eq!((all.as_slice(), ended.stderr.as_slice()), (&b"out\n"[..], &b"error\n"[..]));
        assert_eq!((ended.status, ended.cut), (Some(3), None));
    }

    #[test]
    fn all_of_a_long_output_comes() {
        let (ended, all) = run("head -c 3000000 /dev/zero", LONG, 1 << 30, &AtomicBool::new(false));
        assert_eq!((all.len(), ended.status, ended.cut), (3_000_000, Some(0), None));
    }

    #[test]
    fn what_never_ends_is_ended_by_amount_and_by_time() {
        let (ended, all) = run("exec yes", LONG, 1 << 20, &AtomicBool::new(false));
        assert!(ended.cut == Some(Cut::Amount) && all.len() < (1 << 20) + (64 << 10), "{:?}, {}", ended.cut, all.len());
        let before = Instant::now();
        let (ended, _) = run("exec yes >&2", Duration::from_millis(200), 1 << 20, &AtomicBool::new(false));
        assert!(ended.cut == Some(Cut::Time) && ended.stderr.len() == MOST_ERRORS, "{:?}", ended.cut);
        assert!(before.elapsed() < LONG);
    }

    #[test]
    fn it_stops_when_asked_though_it_says_nothing() {
        let stop = AtomicBool::new(true);
        let before = Instant::now();
        let (ended, all) = run("exec sleep 1000", LONG, 1 << 20, &stop);
        assert!(ended.cut == Some(Cut::Stopped) && all.is_empty() && before.elapsed() < LONG);
    }

    #[test]
    fn a_child_that_holds_the_output_does_not_hold_temper() {
        let before = Instant::now();
        let (ended, all) = run("sleep 20 & echo said", LONG, 1 << 20, &AtomicBool::new(false));
        assert_eq!((ended.status, ended.cut, all.as_slice()), (Some(0), None, &b"said\n"[..]));
        assert!(before.elapsed() < Duration::from_secs(15), "{:?}", before.elapsed());
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let missing = Stream { argv: vec!["/no/such/log".into()], limit: LONG, most: 1 };
        let error = stream(&missing, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
