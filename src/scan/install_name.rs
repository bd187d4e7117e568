//! Install names: which files a name in a load command can mean. Pure; used for the libraries of a single Mach-O and by `dyld`.
//!
//! Paths are relative to the target's root and lexical: links were resolved by the scan, or are matched by the caller.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// A place where dyld would look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Candidate {
    /// In the target, relative to its root.
    Inside(PathBuf),
    /// Elsewhere on the machine, as written after expansion.
    Outside(String),
}

/// An LC_RPATH and the folder of the image it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rpath {
    /// As written.
    pub text: String,
    /// Folder of the image that has it, relative to the root.
    pub folder: PathBuf,
}

/// Where names are looked up.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Folder of the image that names the library, relative to the root.
    pub loader: &'a Path,
    /// Folder of the main executable, relative to the root.
    pub executable: &'a Path,
    /// LC_RPATHs of the loading chain, the image's own first.
    pub rpaths: &'a [Rpath],
    /// The target's root as an absolute path, or its name alone: absolute paths that lead into it are inside.
    pub root: &'a Path,
}

/// Libraries of the system, which every process may load: `/usr/lib` (not `/usr/local/lib`) and `/System`.
pub fn is_system(name: &str) -> bool {
    name.starts_with("/usr/lib/") || name.starts_with("/System/")
}

/// Joins `tail` to `base` without looking at a disk; `None` when `..` leaves the root.
pub fn join(base: &Path, tail: &Path) -> Option<PathBuf> {
    let mut joined = PathBuf::new();
    for part in base.components().chain(tail.components()) {
        match part {
            Component::Normal(name) => joined.push(name),
            Component::CurDir => {}
            Component::ParentDir if joined.pop() => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(joined)
}

/// The places where dyld looks for `name`, in its order. Empty for a relative name (`libfoo.dylib`): dyld takes that from the current folder.
pub fn candidates(name: &str, context: &Context<'_>) -> Vec<Candidate> {
    if let Some(tail) = at_path(name, "@rpath") {
        return context.rpaths.iter().filter_map(|rpath| rpath_candidate(rpath, tail, context)).collect();
    }
    expand(name, context.loader, context).into_iter().collect()
}

/// One rpath with the rest of the name; `None` for a relative rpath, which dyld takes from the current folder.
fn rpath_candidate(rpath: &Rpath, tail: &str, context: &Context<'_>) -> Option<Candidate> {
    match expand(&rpath.text, &rpath.folder, context)? {
        Candidate::Inside(folder) => Some(join(&folder, Path::new(tail)).map_or_else(|| outside(&rpath.text, tail), Candidate::Inside)),
        Candidate::Outside(folder) => Some(expand_absolute(&folder, Some(tail), context)),
    }
}

fn outside(folder: &str, tail: &str) -> Candidate {
    Candidate::Outside(format!("{}/{tail}", folder.trim_end_matches('/')))
}

/// `@loader_path`, `@executable_path` or an absolute path; `None` for anything else.
fn expand(name: &str, loader: &Path, context: &Context<'_>) -> Option<Candidate> {
    for (prefix, folder) in [("@loader_path", loader), ("@executable_path", context.executable)] {
        if let Some(tail) = at_path(name, prefix) {
            return Some(join(folder, Path::new(tail)).map_or_else(|| Candidate::Outside(name.to_owned()), Candidate::Inside));
        }
    }
    name.starts_with('/').then(|| expand_absolute(name, None, context))
}

/// What follows `prefix/` in a name, or nothing for the prefix alone.
fn at_path<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let tail = name.strip_prefix(prefix)?;
    if tail.is_empty() { Some("") } else { tail.strip_prefix('/').map(|tail| tail.trim_start_matches('/')) }
}

fn expand_absolute(path: &str, tail: Option<&str>, context: &Context<'_>) -> Candidate {
    let whole = tail.map_or_else(|| path.to_owned(), |tail| format!("{}/{tail}", path.trim_end_matches('/')));
    inside_root(Path::new(&whole), context.root).map_or(Candidate::Outside(whole), Candidate::Inside)
}

/// The part of an absolute path after the root: under the root itself, or after a folder of the same name when that is a bundle's
/// (`/Applications/Demo.app/Contents/…` for a `Demo.app` that lies elsewhere while it is examined).
pub fn inside_root(path: &Path, root: &Path) -> Option<PathBuf> {
    let tail = path.strip_prefix(root).ok().filter(|_| root.is_absolute()).or_else(|| after_bundle(path, root.file_name()?))?;
    join(Path::new(""), tail)
}

fn after_bundle<'a>(path: &'a Path, name: &OsStr) -> Option<&'a Path> {
    Path::new(name).extension()?;
    path.ancestors().skip(1).find(|folder| folder.file_name() == Some(name)).and_then(|folder| path.strip_prefix(folder).ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn inside(path: &str) -> Candidate {
        Candidate::Inside(path.into())
    }

    fn check(name: &str, rpaths: &[(&str, &str)], expected: &[Candidate]) {
        let rpaths: Vec<_> = rpaths.iter().map(|(text, folder)| Rpath { text: (*text).into(), folder: folder.into() }).collect();
        let context = Context {
            loader: Path::new("Contents/Frameworks"),
            executable: Path::new("Contents/MacOS"),
            rpaths: &rpaths,
            root: Path::new("/build/Demo.app"),
        };
        assert_eq!(candidates(name, &context), expected, "{name}");
    }

    #[test]
    fn at_paths_start_from_the_image_they_name() {
        check("@loader_path/liba.dylib", &[], &[inside("Contents/Frameworks/liba.dylib")]);
        check("@executable_path/../Frameworks/liba.dylib", &[], &[inside("Contents/Frameworks/liba.dylib")]);
        check("@loader_pathological/liba.dylib", &[], &[]);
    }

    #[test]
    fn an_at_path_that_leaves_the_target_is_outside() {
        let name = "@loader_path/../../../liba.dylib";
        check(name, &[], &[Candidate::Outside(name.into())]);
    }

    #[test]
    fn rpaths_are_tried_in_order() {
        check(
            "@rpath/liba.dylib",
            &[("@loader_path", "Contents/PlugIns"), ("@executable_path/../lib/", ""), ("/opt/homebrew/lib", ""), ("relative", "")],
            &[
                inside("Contents/PlugIns/liba.dylib"),
                inside("Contents/lib/liba.dylib"),
                Candidate::Outside("/opt/homebrew/lib/liba.dylib".into()),
            ],
        );
    }

    #[test]
    fn an_absolute_path_into_the_app_is_inside_wherever_the_app_lies() {
        check("/Applications/Demo.app/Contents/Frameworks/a", &[], &[inside("Contents/Frameworks/a")]);
        check("/build/Demo.app/Contents/a", &[], &[inside("Contents/a")]);
        check("/Applications/Other.app/Contents/a", &[], &[Candidate::Outside("/Applications/Other.app/Contents/a".into())]);
        check("/Applications/Demo.app/../../x", &[], &[Candidate::Outside("/Applications/Demo.app/../../x".into())]);
    }

    #[test]
    fn a_relative_name_has_no_place() {
        check("libfoo.dylib", &[("@loader_path", "")], &[]);
    }

    #[test]
    fn the_systems_libraries_are_known() {
        assert!(is_system("/usr/lib/libSystem.B.dylib") && is_system("/System/Library/Frameworks/AppKit.framework/AppKit"));
        assert!(!is_system("/usr/local/lib/liba.dylib") && !is_system("/usr/libexec/x"));
    }
}
