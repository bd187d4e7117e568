//! What only macOS has: extended attributes of a file, the pasteboard. Type-checked on Linux; never run there.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Longest attribute that is read (bytes): a quarantine value has about 60.
const MAX_ATTRIBUTE: usize = 4096;

/// Value of an extended attribute of the file itself, not of what a link names; `None` when absent, too long or refused.
pub(super) fn attribute(path: &Path, name: &str) -> Option<Vec<u8>> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let name = CString::new(name).ok()?;
    let mut value = vec![0_u8; MAX_ATTRIBUTE];
    // SAFETY: both strings end in NUL and outlive the call; the buffer is writable for the length that is given.
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
