//! What every detector looks at: the evidence, who loads what, and which image a report or line means.

use crate::dyld::Load;
use crate::evidence::{Evidence, Image};
use crate::read::crash::CrashReport;
use crate::read::log::Proc;
use crate::read::macho::Arch;
use std::path::{Path, PathBuf};

/// Evidence with what follows from it.
pub struct Scene<'a> {
    /// Facts.
    pub evidence: &'a Evidence,
    /// Loads of every executable.
    pub loads: &'a [Load],
}

impl<'a> Scene<'a> {
    /// Executable slices that load `image` (itself, when it is one): by load commands, or as a plug-in.
    pub fn hosts(&self, image: &'a Image) -> Vec<&'a Image> {
        if image.is_executable() {
            return vec![image];
        }
        let mut hosts: Vec<&Image> = Vec::new();
        for load in self.loads.iter().filter(|load| load.to.as_deref() == Some(&*image.path) && load.arch == image.arch()) {
            let found = self.evidence.images_at(&load.executable).find(|candidate| candidate.arch() == load.arch);
            hosts.extend(found.filter(|host| !hosts.iter().any(|known| std::ptr::eq(*known, *host))));
        }
        hosts
    }

    /// The slice with this UUID.
    pub fn by_uuid(&self, uuid: &str) -> Option<&'a Image> {
        self.evidence.images.iter().find(|image| image.macho.uuid.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(uuid)))
    }

    /// The file a path of a report or log means: the longest tail of it that is a path in the target. `AppName.app/…` in the middle counts from there.
    pub fn file(&self, reported: &str) -> Option<PathBuf> {
        let parts: Vec<&str> = reported.split('/').filter(|part| !part.is_empty()).collect();
        let known = |candidate: &Path| {
            self.evidence.files.binary_search_by(|file| file.as_path().cmp(candidate)).is_ok()
                || self.evidence.images_at(candidate).next().is_some()
        };
        (0..parts.len()).map(|start| parts.iter().skip(start).collect::<PathBuf>()).find(|candidate| known(candidate))
    }

    /// The file a path means, by its name alone when the tail is not there: framework links, redacted folders.
    pub fn file_by_name(&self, reported: &str) -> Option<PathBuf> {
        if let Some(found) = self.file(reported) {
            return Some(found);
        }
        let name = Path::new(reported).file_name()?;
        let mut found = self.evidence.images.iter().filter(|image| image.path.file_name() == Some(name)).map(|image| image.path.clone());
        let first = found.next()?;
        found.all(|other| other == first).then_some(first)
    }

    /// Name for a file of which only a path in a report is known: with no target at hand, the part inside the outermost bundle, else the file's name.
    /// Empty when there is a target: then a path that cannot be found in it says nothing.
    pub fn reported_name(&self, path: &str) -> String {
        if self.evidence.target.kind != crate::evidence::TargetKind::None {
            return String::new();
        }
        let inside = path.find(".app/").and_then(|start| path.get(start + 5..)).filter(|rest| !rest.is_empty());
        inside.or_else(|| path.rsplit('/').next()).unwrap_or(path).to_owned()
    }

    /// The image of a process named in a line: by path, then by bundle or code identifier, then by name.
    pub fn process(&self, process: &Proc) -> Option<&'a Image> {
        let by_path = process.path.as_deref().and_then(|path| self.file_by_name(path)).and_then(|path| self.image(&path));
        by_path
            .or_else(|| process.identifier.as_deref().and_then(|id| self.by_identifier(id)))
            .or_else(|| process.name.as_deref().and_then(|name| self.by_process_name(name)))
    }

    /// The executable that crashed.
    pub fn crashed(&self, report: &CrashReport) -> Option<&'a Image> {
        let by_uuid = report.uuid.as_deref().and_then(|uuid| self.by_uuid(uuid)).filter(|image| image.is_executable());
        if by_uuid.is_some() {
            return by_uuid;
        }
        let arch = reported_arch(report);
        let process =
            Proc { name: report.process.clone(), pid: report.pid, identifier: report.identifier.clone(), path: report.path.clone() };
        let found = self.process(&process)?;
        let exact = self.evidence.images_at(&found.path).find(|image| arch.is_some_and(|arch| same_family(image.arch(), arch)));
        Some(exact.unwrap_or(found))
    }

    /// Slice to judge of a file: the one asked for with `--arch`, else the first executable slice.
    pub fn image(&self, path: &Path) -> Option<&'a Image> {
        let wanted = self.evidence.arch;
        let asked = self.evidence.images_at(path).find(|image| wanted.is_none_or(|arch| image.arch() == arch));
        asked.or_else(|| self.evidence.images_at(path).next())
    }

    fn by_identifier(&self, identifier: &str) -> Option<&'a Image> {
        let bundle = self
            .evidence
            .bundles
            .iter()
            .find(|bundle| bundle.info.as_ref().and_then(|info| info.identifier.as_deref()) == Some(identifier));
        let main = bundle.and_then(|bundle| bundle.executable.as_deref()).and_then(|path| self.image(path));
        main.or_else(|| {
            self.evidence
                .executables()
                .find(|image| image.facts().and_then(|f| f.signature.directory()).is_some_and(|d| d.identifier == identifier))
        })
    }

    fn by_process_name(&self, name: &str) -> Option<&'a Image> {
        // Process names are cut to 32 bytes by the kernel (MAXCOMLEN is 16 in ps).
        let same = |image: &&Image| {
            let file = image.path.file_name().unwrap_or_default().to_string_lossy();
            file == name || (name.len() >= 15 && file.starts_with(name))
        };
        self.evidence.executables().find(same)
    }

    /// arm64 and arm64e run each other's reports.
    pub fn same_family(a: Arch, b: Arch) -> bool {
        same_family(a, b)
    }

    /// The executable a symptom is about when the text does not say: the main one, if there is one.
    pub fn main(&self) -> Option<&'a Image> {
        let wanted = self.evidence.arch;
        self.evidence
            .main_images()
            .find(|image| wanted.is_none_or(|arch| image.arch() == arch))
            .or_else(|| self.evidence.main_images().next())
    }
}

/// Architecture of the process in a crash report.
pub fn reported_arch(report: &CrashReport) -> Option<Arch> {
    let cpu = report.cpu.as_deref()?.to_ascii_uppercase();
    if cpu.contains("ARM") {
        Some(Arch::Arm64)
    } else if cpu.contains("X86") {
        Some(if cpu.contains("64") { Arch::X86_64 } else { Arch::I386 })
    } else {
        None
    }
}

pub(super) fn same_family(a: Arch, b: Arch) -> bool {
    a == b || (a.is_arm64() && b.is_arm64())
}
