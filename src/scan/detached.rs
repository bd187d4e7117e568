//! Signatures of what is no Mach-O: they lie in `_CodeSignature` of a bundle without Mach-O code, or in extended attributes of a file.

use super::bundle::Found;
use super::file::{self, FileSource, Places, Surroundings};
use super::walk::Seen;
use crate::evidence::{Detached, Evidence, Signed};
use crate::read::Source;
use crate::read::signature::{PageCheck, PageResult, Signature, detached};
use std::path::Path;

/// Signatures of the bundles without Mach-O code, of nested code that is none, and of the scripts that are started (`main`).
pub(super) fn read<'a>(
    evidence: &'a Evidence,
    seen: &Seen,
    main: impl Iterator<Item = &'a Path>,
    around: &Surroundings<'_>,
) -> Vec<Detached> {
    let bundles = around.bundles.iter().enumerate().filter_map(|(index, found)| of_bundle(index, found, evidence, seen, around));
    let mut all: Vec<Detached> = bundles.collect();
    let nested = evidence.seals.iter().flat_map(|check| &check.nested).map(|sealed| sealed.path.as_path());
    for path in nested.chain(main).filter(|path| seen.has_file(path) && evidence.images_at(path).next().is_none()) {
        if !all.iter().any(|known| known.path == path) {
            all.extend(of_file(path, around));
        }
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

/// The main executable that is no Mach-O; without one the Info.plist stands for the code (`BundleDiskRep::setup`).
fn of_bundle(index: usize, found: &Found, evidence: &Evidence, seen: &Seen, around: &Surroundings<'_>) -> Option<Detached> {
    let folder = found.seal.parent()?;
    if !seen.has_file(&folder.join(detached::CODE_DIRECTORY)) {
        return None;
    }
    let path = found.bundle.executable.as_ref().filter(|path| seen.has_file(path)).unwrap_or(&found.bundle.info_path);
    if evidence.images_at(path).next().is_some() {
        return None;
    }
    let part = |name: &str| {
        let path = folder.join(name);
        seen.has_file(&path).then(|| around.system.read_small(&around.root.join(path), detached::MAX_PART).ok())?
    };
    let signature = detached::read_parts(part)?.map_err(|error| error.to_string());
    Some(Detached {
        signed: compared(path, signature, &Places::of_bundle(found, around), around),
        path: path.clone(),
        main_of: Some(index),
    })
}

fn of_file(path: &Path, around: &Surroundings<'_>) -> Option<Detached> {
    let full = around.root.join(path);
    let signature = detached::read_parts(|name| around.system.attribute(&full, &detached::attribute(name)))?;
    let signed = compared(path, signature.map_err(|error| error.to_string()), &Places::default(), around);
    Some(Detached { path: path.to_path_buf(), main_of: None, signed })
}

fn compared(path: &Path, signature: Result<Signature, String>, places: &Places, around: &Surroundings<'_>) -> Signed {
    let pages = |signature: &Signature| pages(signature, &around.root.join(path), around);
    let signature = signature.and_then(|signature| Ok((pages(&signature)?, signature)));
    match signature {
        Err(why) => Signed::Unreadable(why),
        Ok(((pages, size), signature)) => {
            let mut facts = file::judged(signature, around.anchors);
            file::compare(&mut facts, places, None, pages, around);
            facts.slice_size = size;
            Signed::Yes(Box::new(facts))
        }
    }
}

/// Pages against every directory, and the size of the file.
fn pages(signature: &Signature, path: &Path, around: &Surroundings<'_>) -> Result<(Vec<Option<PageResult>>, u64), String> {
    let file = around.system.open(path).map_err(|error| format!("the code cannot be opened: {error}"))?;
    let source = FileSource::new(file, around.cancel, around.meter);
    let one = |directory| PageCheck::of_any_size(directory).map(|check| check.read(&source)).transpose();
    let pages: Result<Vec<_>, _> = signature.directories.iter().map(one).collect();
    Ok((pages.map_err(|error| format!("the code cannot be read to its end: {error}"))?, source.len()))
}
