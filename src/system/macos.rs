//! What only macOS has: extended attributes of a file, the pasteboard, exchanging two files, why a process was killed, settings of the machine.
//! Type-checked on Linux; never run there.
#![allow(unsafe_code)]

use super::launch::{KernelSays, Machine};
use std::ffi::{CStr, CString};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Longest attribute that is read (bytes): a quarantine value has about 60, the CMS of a signed script 10,000.
const MAX_ATTRIBUTE: usize = 1 << 20;

/// Value of an extended attribute of the file itself, not of what a link names; `None` when absent, too long or refused.
pub(super) fn attribute(path: &Path, name: &str) -> Option<Vec<u8>> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let name = CString::new(name).ok()?;
    // SAFETY: both strings end in NUL and outlive the call; without a buffer only the length is asked for.
    let length = unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), std::ptr::null_mut(), 0, 0, libc::XATTR_NOFOLLOW) };
    let length = usize::try_from(length).ok().filter(|length| *length <= MAX_ATTRIBUTE)?;
    let mut value = vec![0_u8; length];
    // SAFETY: as above; the buffer is writable for the length that is given.
    let length = unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len(), 0, libc::XATTR_NOFOLLOW) };
    value.truncate(usize::try_from(length).ok()?);
    Some(value)
}

/// Whether the file itself has an extended attribute, of whatever length (a resource fork may be long).
pub(super) fn has_attribute(path: &Path, name: &str) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return false };
    let Ok(name) = CString::new(name) else { return false };
    // SAFETY: both strings end in NUL and outlive the call; without a buffer only the length is asked for.
    unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), std::ptr::null_mut(), 0, 0, libc::XATTR_NOFOLLOW) >= 0 }
}

/// Puts a text on the pasteboard through `pbcopy`; Terminal.app ignores the escape sequence for it and says nothing.
pub(super) fn copy(text: &str) -> io::Result<()> {
    let mut child = Command::new("/usr/bin/pbcopy").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text.as_bytes())?;
    }
    match child.wait()?.success() {
        true => Ok(()),
        false => Err(io::Error::other("pbcopy failed")),
    }
}

unsafe extern "C" {
    /// libSystem; xnu, `bsd/sys/codesign.h`.
    fn csops(pid: libc::pid_t, operation: libc::c_uint, data: *mut libc::c_void, size: libc::size_t) -> libc::c_int;
    /// libSystem; xnu, `bsd/sys/csr.h`. 0 with the configuration of System Integrity Protection.
    fn csr_get_active_config(config: *mut u32) -> libc::c_int;
}

/// `CS_OPS_STATUS` of xnu, `bsd/sys/codesign.h`: the flags of a process.
const CS_OPS_STATUS: libc::c_uint = 0;

/// A watch on the end of one process: set while it lives, read when it is gone.
pub(super) struct ExitWatch {
    queue: OwnedFd,
    pid: libc::pid_t,
    flags: Option<u32>,
}

impl ExitWatch {
    /// Sets it. Only the parent of a process is told the details (xnu, `bsd/kern/kern_event.c`, `filt_procattach`).
    pub(super) fn on(pid: i32) -> io::Result<Self> {
        // SAFETY: the call takes nothing; what it gives is owned here alone.
        let queue = unsafe {
            let queue = libc::kqueue();
            if queue < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(queue)
        };
        let watch = Self { queue, pid, flags: None };
        let wanted = libc::kevent {
            ident: usize::try_from(pid).map_err(io::Error::other)?,
            filter: libc::EVFILT_PROC,
            flags: libc::EV_ADD | libc::EV_ONESHOT,
            fflags: libc::NOTE_EXIT | libc::NOTE_EXITSTATUS | libc::NOTE_EXIT_DETAIL,
            data: 0,
            udata: std::ptr::null_mut(),
        };
        // SAFETY: one structure is read, none is written.
        let status = unsafe { libc::kevent(watch.queue.as_raw_fd(), &raw const wanted, 1, std::ptr::null_mut(), 0, std::ptr::null()) };
        if status < 0 { Err(io::Error::last_os_error()) } else { Ok(watch) }
    }

    /// Notes the flags that the process has now.
    pub(super) fn note(&mut self) {
        let mut flags = 0_u32;
        // SAFETY: the kernel writes four bytes into the number (`CS_OPS_STATUS` asks for exactly that size).
        let status = unsafe { csops(self.pid, CS_OPS_STATUS, (&raw mut flags).cast(), size_of::<u32>()) };
        if status == 0 {
            self.flags = Some(flags);
        }
    }

    /// What the kernel says, after the process has ended.
    pub(super) fn says(self) -> KernelSays {
        let mut event = libc::kevent { ident: 0, filter: 0, flags: 0, fflags: 0, data: 0, udata: std::ptr::null_mut() };
        let soon = libc::timespec { tv_sec: 1, tv_nsec: 0 };
        // SAFETY: one structure is written, none is read.
        let count = unsafe { libc::kevent(self.queue.as_raw_fd(), std::ptr::null(), 0, &raw mut event, 1, &raw const soon) };
        let told = count == 1 && event.flags & libc::EV_ERROR == 0 && event.fflags & libc::NOTE_EXIT != 0;
        // Without a detail the bit NOTE_EXIT_DETAIL is not set, and a process that was not killed for its signature has none of that kind.
        KernelSays { for_signature: told.then_some(event.fflags & libc::NOTE_EXIT_CSERROR != 0), flags: self.flags }
    }
}

/// Settings of this machine.
pub(super) fn machine() -> Machine {
    let mut config = 0_u32;
    // SAFETY: the call writes the number and nothing else.
    let sip = unsafe { csr_get_active_config(&raw mut config) } == 0;
    Machine {
        sip: sip.then_some(config == 0),
        library_validation_off: Some(library_validation_off()),
        apple_silicon: number(c"hw.optional.arm64").map(|value| value == 1).or(Some(false)),
    }
}

/// The setting that switches library validation off for all programs (XNU's AppleMobileFileIntegrity reads it at start).
fn library_validation_off() -> bool {
    let Ok(settings) = plist::Value::from_file("/Library/Preferences/com.apple.security.libraryvalidation.plist") else { return false };
    settings.as_dictionary().and_then(|all| all.get("DisableLibraryValidation")).and_then(plist::Value::as_boolean) == Some(true)
}

/// A number of the kernel's; `None` when this Mac has no such name.
fn number(name: &CStr) -> Option<i32> {
    let mut value = 0_i32;
    let mut size = size_of::<i32>();
    // SAFETY: the name ends in NUL; the kernel writes at most `size` bytes into the number.
    let status = unsafe { libc::sysctlbyname(name.as_ptr(), (&raw mut value).cast(), &raw mut size, std::ptr::null_mut(), 0) };
    (status == 0 && size == size_of::<i32>()).then_some(value)
}
/// Exchanges two files or folders in one moment (`renamex_np(2)`). `Unsupported` where the file system cannot: APFS can, HFS+ and network volumes cannot.
pub(super) fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    let (a, b) = (CString::new(a.as_os_str().as_bytes())?, CString::new(b.as_os_str().as_bytes())?);
    // SAFETY: both strings end in NUL and outlive the call.
    match unsafe { libc::renamex_np(a.as_ptr(), b.as_ptr(), libc::RENAME_SWAP) } {
        0 => Ok(()),
        _ => match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::ENOTSUP) => Err(io::ErrorKind::Unsupported.into()),
            error => Err(error),
        },
    }
}
