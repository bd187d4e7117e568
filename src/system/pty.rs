//! Starts a program in a session and on a pseudo-terminal of its own, and stays with it until it is gone.
//!
//! The program never gets Temper's terminal: it can neither read its keys nor write to it, nor stop or signal Temper's process group.
//! Three habits of macOS shape the loop: output that nobody read is lost when the last holder of the terminal closes it (so Temper holds it open to the end),
//! a child with unread output cannot be reaped (so the loop that waits also reads), and only who watched a process before it ended learns why the kernel
//! ended it (so the watch is set between fork and exec).
#![allow(unsafe_code)]

use super::launch::{Control, Ended, How, KernelSays, Launch, Stop};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, killpg, sigaction};
use nix::sys::termios::{LocalFlags, OutputFlags, SetArg, tcgetattr, tcsetattr};
use nix::unistd::Pid;
use std::ffi::{CString, OsStr};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long the loop waits for output before it looks at anything else.
const STEP: u16 = 40;
/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(3);
/// From SIGKILL to giving up: a process that hangs in the kernel cannot be ended by anybody.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long output is still read after the program is gone, when something that it started goes on writing.
const DRAIN: Duration = Duration::from_secs(1);

#[cfg(target_os = "macos")]
use super::macos::ExitWatch;

/// Elsewhere the kernel tells nothing but the signal.
#[cfg(not(target_os = "macos"))]
struct ExitWatch;

#[cfg(not(target_os = "macos"))]
impl ExitWatch {
    fn on(_pid: i32) -> io::Result<Self> {
        Ok(Self)
    }
    fn note(&mut self) {}
    fn says(self) -> KernelSays {
        KernelSays::default()
    }
}

/// Runs a program to its end. `output` gets every byte it writes; an error of `output` ends the program and is given back.
///
/// Fails when the program cannot be started (the error of `exec`), or cannot be ended.
pub(super) fn launch(launch: &Launch, control: &Control, output: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<Ended> {
    let interrupts = launch.takes_interrupts.then(Interrupts::taken);
    let pty = Pty::open()?;
    let (child, watch) = start(launch, &pty)?;
    let mut run = Run {
        group: Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?),
        started: Instant::now(),
        limit: launch.limit,
        stage: Stage::Running,
        sent: 0,
        stopped: None,
    };
    let outcome = run.until_gone(&pty, control, interrupts.as_ref(), watch, output);
    finish(run, child, pty, outcome, output)
}

/// The two ends of a pseudo-terminal. Bytes come out of it as they were written into it.
struct Pty {
    master: OwnedFd,
    slave: OwnedFd,
}

impl Pty {
    fn open() -> io::Result<Self> {
        let size = Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        let ends = openpty(Some(&size), None)?;
        for end in [&ends.master, &ends.slave] {
            nix::fcntl::fcntl(end, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))?;
        }
        let mut modes = tcgetattr(&ends.slave)?;
        modes.output_flags.remove(OutputFlags::OPOST);
        modes.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(&ends.slave, SetArg::TCSANOW, &modes)?;
        Ok(Self { master: ends.master, slave: ends.slave })
    }

    /// Bytes that are there within `wait` milliseconds; none when there are none.
    fn read(&self, buffer: &mut [u8], wait: u16) -> io::Result<usize> {
        let mut ends = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ends, PollTimeout::from(wait)) {
            Ok(0) | Err(Errno::EINTR) => return Ok(0),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        if !ends[0].revents().is_some_and(|events| events.contains(PollFlags::POLLIN)) {
            return Ok(0);
        }
        match nix::unistd::read(&self.master, buffer) {
            Ok(count) => Ok(count),
            // EIO: nobody holds the other end any more.
            Err(Errno::EINTR | Errno::EAGAIN | Errno::EIO) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives up the program's end; true when somebody else still holds it.
    fn released_and_held(self) -> bool {
        drop(self.slave);
        let mut ends = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ends, PollTimeout::ZERO) {
            Ok(_) => !ends[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP)),
            Err(_) => false,
        }
    }
}

/// Starts the program. The watch of its end stands before its first instruction.
fn start(launch: &Launch, pty: &Pty) -> io::Result<(Child, Option<ExitWatch>)> {
    let image = Image::of(launch)?;
    let mut command = Command::new(&launch.program);
    command.stdin(Stdio::null()).stdout(Stdio::from(pty.slave.try_clone()?)).stderr(Stdio::from(pty.slave.try_clone()?));
    let (mut ready, ready_end) = io::pipe()?;
    let (go_end, mut go) = io::pipe()?;
    let ends = Ends { ready: ready_end.as_raw_fd(), go: go_end.as_raw_fd(), go_of_parent: go.as_raw_fd() };
    // SAFETY: both allocate nothing, take no lock and call only functions that are async-signal-safe.
    unsafe { command.pre_exec(move || detach(ends).and_then(|()| image.exec())) };
    std::thread::scope(|scope| {
        // `spawn` returns only after exec, so another thread answers the child that waits before it.
        let watcher = scope.spawn(move || {
            let mut pid = [0; 4];
            ready.read_exact(&mut pid).ok()?;
            let watch = ExitWatch::on(i32::from_ne_bytes(pid)).ok();
            go.write_all(&[1]).ok()?;
            watch
        });
        let child = command.spawn();
        // A child that was never made must not be waited for.
        drop((ready_end, go_end));
        let watch = watcher.join().unwrap_or(None);
        Ok((child?, watch))
    })
}

/// What exec gets. Not left to `Command`: that calls `execvp`, which hands a file that the kernel does not know to `/bin/sh`.
struct Image {
    program: CString,
    arguments: Vec<*const libc::c_char>,
    environment: Vec<*const libc::c_char>,
    /// What the pointers point to.
    _strings: Vec<CString>,
}

// SAFETY: the pointers lead to strings that the structure owns and nobody changes.
unsafe impl Send for Image {}
// SAFETY: as above.
unsafe impl Sync for Image {}

impl Image {
    fn of(launch: &Launch) -> io::Result<Self> {
        let text = |bytes: &[u8]| CString::new(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a NUL in the command"));
        let program = text(launch.program.as_os_str().as_bytes())?;
        let mut strings = vec![program.clone()];
        for argument in &launch.arguments {
            strings.push(text(argument.as_bytes())?);
        }
        let first_variable = strings.len();
        let kept = |name: &OsStr| {
            !launch.unset.iter().any(|other| name == other.as_str()) && !launch.set.iter().any(|(other, _)| name == other.as_str())
        };
        for (name, value) in std::env::vars_os().filter(|(name, _)| kept(name)) {
            strings.push(text(&[name.as_bytes(), b"=", value.as_bytes()].concat())?);
        }
        for (name, value) in &launch.set {
            strings.push(text(format!("{name}={value}").as_bytes())?);
        }
        let (arguments, environment) = strings.split_at(first_variable);
        let list = |part: &[CString]| part.iter().map(|text| text.as_ptr()).chain(std::iter::once(std::ptr::null())).collect();
        let (arguments, environment) = (list(arguments), list(environment));
        Ok(Self { program, arguments, environment, _strings: strings })
    }

    /// Becomes the program; comes back only with why that failed.
    fn exec(&self) -> io::Result<()> {
        // SAFETY: the strings end in NUL, both lists in a null pointer, and all of it lives in `self`.
        unsafe { libc::execve(self.program.as_ptr(), self.arguments.as_ptr(), self.environment.as_ptr()) };
        Err(io::Error::last_os_error())
    }
}

/// Ends of the pipes, as the child knows them.
#[derive(Clone, Copy)]
struct Ends {
    ready: RawFd,
    go: RawFd,
    go_of_parent: RawFd,
}

/// In the child, between fork and exec: a session and a terminal of its own, no signal blocked or ignored, then a word from the parent.
fn detach(ends: Ends) -> io::Result<()> {
    let check = |status: libc::c_int| if status < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
    // SAFETY: system calls on descriptors that this process holds, with buffers that outlive them. Standard output is the pseudo-terminal already.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGTSTP, libc::SIGPIPE, libc::SIGCHLD] {
            libc::signal(signal, libc::SIG_DFL);
        }
        check(libc::setsid())?;
        check(libc::ioctl(libc::STDOUT_FILENO, libc::c_ulong::from(libc::TIOCSCTTY as u32) as _, 0))?;
        // Else the child would never see the end of the pipe when the parent dies.
        libc::close(ends.go_of_parent);
        let pid = libc::getpid().to_ne_bytes();
        let mut word = 0_u8;
        if libc::write(ends.ready, pid.as_ptr().cast(), pid.len()) != pid.len() as isize
            || libc::read(ends.go, (&raw mut word).cast(), 1) != 1
        {
            return Err(io::Error::from_raw_os_error(libc::ECANCELED));
        }
    }
    Ok(())
}

/// How far the ending of a program is.
enum Stage {
    Running,
    /// It was asked to end.
    Asked(Instant),
    Killed(Instant),
}

struct Run {
    group: Pid,
    started: Instant,
    limit: Duration,
    stage: Stage,
    /// Interrupts passed on.
    sent: usize,
    stopped: Option<Stop>,
}

/// What the loop found.
struct Found {
    ran: Duration,
    kernel: KernelSays,
    /// Why the output could not be passed on.
    unheard: Option<io::Error>,
}

impl Run {
    fn until_gone(
        &mut self,
        pty: &Pty,
        control: &Control,
        interrupts: Option<&Interrupts>,
        mut watch: Option<ExitWatch>,
        output: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<Found> {
        let mut buffer = vec![0; 64 << 10];
        let mut unheard = None;
        while !is_gone(self.group)? {
            self.asked(control.interrupts() + interrupts.map_or(0, Interrupts::count), interrupts.is_some_and(Interrupts::ending));
            self.time()?;
            if let Some(watch) = &mut watch {
                watch.note();
            }
            let count = pty.read(&mut buffer, STEP)?;
            if count > 0
                && unheard.is_none()
                && let Err(error) = output(&buffer[..count])
            {
                unheard = Some(error);
                self.end(Stop::Ending);
            }
        }
        let kernel = watch.map(ExitWatch::says).unwrap_or_default();
        Ok(Found { ran: self.started.elapsed(), kernel, unheard })
    }

    /// Passes on what was asked of Temper.
    fn asked(&mut self, interrupts: usize, ending: bool) {
        if ending {
            self.end(Stop::Ending);
        }
        if interrupts > self.sent {
            self.stopped.get_or_insert(Stop::Interrupt);
            match self.sent {
                0 if interrupts == 1 => self.signal(Signal::SIGINT),
                _ => self.kill(),
            }
            self.sent = interrupts;
        }
    }

    fn time(&mut self) -> io::Result<()> {
        match self.stage {
            Stage::Running if self.started.elapsed() >= self.limit => self.end(Stop::Limit),
            Stage::Asked(since) if since.elapsed() >= GRACE => self.kill(),
            Stage::Killed(since) if since.elapsed() >= PATIENCE => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it hangs in the kernel and does not end, even killed"));
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, why: Stop) {
        if matches!(self.stage, Stage::Running) {
            self.stopped.get_or_insert(why);
            self.signal(Signal::SIGTERM);
            // A stopped process gets no SIGTERM until it goes on.
            self.signal(Signal::SIGCONT);
            self.stage = Stage::Asked(Instant::now());
        }
    }

    fn kill(&mut self) {
        if !matches!(self.stage, Stage::Killed(_)) {
            self.signal(Signal::SIGKILL);
            self.stage = Stage::Killed(Instant::now());
        }
    }

    fn signal(&self, signal: Signal) {
        // ESRCH: nobody is left in the group.
        let _ = killpg(self.group, signal);
    }
}

/// Has it ended? It stays a zombie, so that its id and its group are nobody else's.
fn is_gone(pid: Pid) -> io::Result<bool> {
    // SAFETY: the structure is plain data, for which zeros are valid, and the call writes into it only.
    let (status, signal) = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let id = libc::id_t::try_from(pid.as_raw()).unwrap_or_default();
        let status = libc::waitid(libc::P_PID, id, &raw mut info, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT);
        (status, info.si_signo)
    };
    match status {
        0 => Ok(signal != 0),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
            error => Err(error),
        },
    }
}

/// After the loop, however it ended: no member of the group outlives a stop, the child is reaped, the rest of its output is read.
fn finish(
    run: Run,
    mut child: Child,
    pty: Pty,
    outcome: io::Result<Found>,
    output: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Ended> {
    let found = match outcome {
        Ok(found) => found,
        Err(error) => {
            run.signal(Signal::SIGKILL);
            // Reaped when it can be; a process that hangs in the kernel would hold Temper too.
            drop(child.try_wait());
            return Err(error);
        }
    };
    if run.stopped.is_some() {
        run.signal(Signal::SIGKILL);
    }
    let status = child.wait()?;
    let mut unheard = found.unheard;
    let mut buffer = vec![0; 64 << 10];
    let drained = Instant::now();
    while drained.elapsed() < DRAIN {
        match pty.read(&mut buffer, STEP)? {
            0 => break,
            count if unheard.is_none() => unheard = output(&buffer[..count]).err(),
            _ => {}
        }
    }
    match unheard {
        Some(error) => Err(error),
        None => Ok(Ended {
            pid: child.id(),
            how: how(status),
            stopped: run.stopped,
            ran: found.ran,
            kernel: found.kernel,
            left_behind: pty.released_and_held(),
        }),
    }
}

fn how(status: ExitStatus) -> How {
    match status.signal() {
        Some(number) => How::Signalled(number, Signal::try_from(number).map_or("", Signal::as_str)),
        None => How::Exited(status.code().unwrap_or_default()),
    }
}

/// Interrupts since they were taken, and requests to end. A handler can reach nothing else.
static INTERRUPTS: AtomicUsize = AtomicUsize::new(0);
static ENDING: AtomicUsize = AtomicUsize::new(0);

extern "C" fn caught(signal: libc::c_int) {
    let counter = if signal == libc::SIGINT { &INTERRUPTS } else { &ENDING };
    counter.fetch_add(1, Ordering::Relaxed);
}

/// While it lives, ctrl-c and requests to end do not end Temper: the program is told first. Dropping it gives the signals back.
struct Interrupts {
    before: Vec<(Signal, SigAction)>,
}

impl Interrupts {
    fn taken() -> Self {
        INTERRUPTS.store(0, Ordering::Relaxed);
        ENDING.store(0, Ordering::Relaxed);
        let action = SigAction::new(SigHandler::Handler(caught), SaFlags::SA_RESTART, SigSet::empty());
        let mut before = Vec::new();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            // SAFETY: the handler only adds to an atomic number.
            let Ok(old) = (unsafe { sigaction(signal, &action) }) else { continue };
            before.push((signal, old));
        }
        let taken = Self { before };
        taken.give_back(|old| matches!(old.handler(), SigHandler::SigIgn));
        taken
    }

    /// Signals that were ignored before (`nohup`) stay so.
    fn give_back(&self, wanted: impl Fn(&SigAction) -> bool) {
        for (signal, old) in self.before.iter().filter(|(_, old)| wanted(old)) {
            // SAFETY: what stood there before stands there again.
            let _ = unsafe { sigaction(*signal, old) };
        }
    }

    fn count(&self) -> usize {
        INTERRUPTS.load(Ordering::Relaxed)
    }

    fn ending(&self) -> bool {
        ENDING.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        self.give_back(|_| true);
    }
}
