//! Is a key that is there proven not to be needed? Only when every way to need it is ruled out: in the program, in every library it loads, and because it
//! opens no code that is not known. What stands in the way is said, with its address.

use super::super::case::Case;
use crate::detect::{Clue, RuledOut, call_text, rules_out};
use crate::dyld::LoadVerdict;
use crate::evidence::Image;
use crate::policy::{Action, Library, Process, RESOURCES, Resource, decide, key};
use crate::read::callsites::{CallSite, Value};
use crate::report::{KeyReason, Proof};

/// Most proofs that a reason names.
const MOST_PROOFS: usize = 16;

/// What keeps a proof from being one.
struct Hole {
    why: String,
    proof: Option<Proof>,
}

impl Hole {
    fn new(why: String) -> Self {
        Self { why, proof: None }
    }

    fn at(why: String, image: &Image, call: &CallSite) -> Self {
        Self { why, proof: Some(proof(image, call)) }
    }
}

fn proof(image: &Image, call: &CallSite) -> Proof {
    Proof {
        source: image.path.to_string_lossy().into_owned(),
        line: None,
        offset: None,
        address: Some(format!("{:#x}", call.address)),
        quote: call_text(call),
    }
}

/// The images of the target in a process started from a slice, itself first.
pub(super) fn images<'a>(case: &Case<'a>, executable: &Image) -> Vec<&'a Image> {
    let evidence = case.scene.evidence;
    let own = evidence.slice_at(&executable.path, executable.arch());
    let loads = case.scene.loads.iter().filter(|l| l.executable == executable.path && l.arch == executable.arch());
    let mut all: Vec<&Image> = own.into_iter().collect();
    let mut seen: std::collections::BTreeSet<&std::path::Path> = all.iter().map(|image| image.path.as_path()).collect();
    for path in loads.filter_map(|load| load.to.as_deref()) {
        if seen.insert(path) {
            all.extend(evidence.slice_at(path, executable.arch()));
        }
    }
    all
}

/// What is known of a key that is there and that nothing found asks for.
pub(super) fn judge(case: &Case<'_>, image: &Image, name: &str) -> KeyReason {
    let verdict = match name {
        key::ALLOW_JIT => memory(case, image, "map memory with MAP_JIT", |ruled| ruled.jit),
        key::UNSIGNED_MEMORY => memory(case, image, "run memory that no signature covers", |ruled| ruled.unsigned),
        key::PAGE_PROTECTION => {
            memory(case, image, "change code pages or run memory that no signature covers", |ruled| ruled.unsigned && ruled.patching)
        }
        key::LIBRARY_VALIDATION => foreign_libraries(case, image),
        key::DEBUGGER => task_ports(case, image),
        key::DYLD_VARIABLES => Err(Hole::new("nothing in the bundle sets such a variable; who starts the program may".into())),
        _ => match RESOURCES.iter().find(|resource| resource.entitlement == name) {
            Some(resource) => resource_unused(case, image, resource),
            None => Err(Hole::new("whether the code needs it is not something Temper can tell".into())),
        },
    };
    let reason =
        |standing, why: String, proof: Vec<Proof>| KeyReason { key: name.to_owned(), standing, why, proof, ..KeyReason::default() };
    match verdict {
        Ok((why, proof)) => reason("excess", why, proof),
        Err(hole) => reason("undecided", hole.why, hole.proof.into_iter().collect()),
    }
}

type Verdict = Result<(String, Vec<Proof>), Hole>;

/// Functions about memory that could need a key.
const MEMORY: &[&str] = &[
    "_mmap",
    "_mprotect",
    "_vm_protect",
    "_mach_vm_protect",
    "_vm_map",
    "_mach_vm_map",
    "_pthread_jit_write_protect_np",
    "_pthread_jit_write_with_callback_np",
];

fn memory(case: &Case<'_>, image: &Image, what: &str, ruled: impl Fn(RuledOut) -> bool) -> Verdict {
    let images = images(case, image);
    let mut proofs = Vec::new();
    let mut calls = 0;
    for part in &images {
        let file = part.path.display();
        if let Some(fault) = part.calls.faults.first() {
            return Err(Hole::new(format!("the calls of {file} could not all be followed: {}", fault.what)));
        }
        for name in MEMORY.iter().filter(|name| part.macho.imports(name)) {
            let mine: Vec<&CallSite> = part.calls.calls.iter().filter(|call| call.callee == **name).collect();
            let function = name.trim_start_matches('_');
            if mine.is_empty() && rules_out_unseen(name, &ruled) {
                continue;
            }
            if mine.is_empty() {
                return Err(Hole::new(format!("{file} imports {function} and calls it in no place that can be followed")));
            }
            for call in mine {
                if !rules_out(call).is_some_and(&ruled) {
                    return Err(Hole::at(
                        format!("a call of {function} in {file} may {what}: its arguments are not all known"),
                        part,
                        call,
                    ));
                }
                calls += 1;
                if proofs.len() < MOST_PROOFS {
                    proofs.push(proof(part, call));
                }
            }
        }
    }
    unknown_code(case, image, &images)?;
    if let Some((engine, file)) = engine(case, &images) {
        return Err(Hole::new(format!("{file} holds {engine}, which makes code in ways that its calls do not tell")));
    }
    let count =
        if images.len() == 1 { "it".to_owned() } else { format!("it and the {} libraries of its bundle that it loads", images.len() - 1) };
    let why = match calls {
        0 => format!("nothing in {count} can {what}: no function for that is imported, and it opens no code that is not known"),
        _ => format!("none of the {calls} calls about memory in {count} can {what}, and it opens no code that is not known"),
    };
    Ok((why, proofs))
}

/// A function that no arguments can make need the key.
fn rules_out_unseen(name: &str, ruled: &impl Fn(RuledOut) -> bool) -> bool {
    let unknown = CallSite {
        callee: name.to_owned(),
        address: 0,
        function: None,
        symbol: None,
        arguments: Vec::new(),
        is_tail: false,
        via: Vec::new(),
    };
    rules_out(&unknown).is_some_and(ruled)
}

/// An engine that a file holds, other than one that only links against it.
fn engine(case: &Case<'_>, images: &[&Image]) -> Option<(&'static str, String)> {
    case.clues(|c| matches!(c, Clue::Engine { .. })).find_map(|(_, detected)| {
        let Clue::Engine { name, .. } = &detected.clue else { return None };
        let holder = case.image_of(detected)?;
        images.iter().any(|image| std::ptr::eq(*image, holder)).then(|| (*name, holder.path.display().to_string()))
    })
}

/// Code that is opened at run time by a name that is not told, or that lies outside.
fn unknown_code(case: &Case<'_>, image: &Image, images: &[&Image]) -> Result<(), Hole> {
    let loads = case.scene.loads.iter().filter(|l| l.executable == image.path && l.arch == image.arch());
    for load in loads {
        if matches!(load.verdict, LoadVerdict::Outside | LoadVerdict::Missing) && !load.weak {
            return Err(Hole::new(format!("it loads {}, which is not in what was examined", load.name)));
        }
    }
    const OPENERS: &[&str] = &[
        "_NSAddImage",
        "_NSLinkModule",
        "_NSCreateObjectFileImageFromMemory",
        "_CFBundleLoadExecutable",
        "_CFBundleLoadExecutableAndReturnError",
        "_CFPlugInInstanceCreate",
    ];
    const MESSAGES: &[&str] = &["-[load]", "-[loadAndReturnError:]", "-[principalClass]"];
    for part in images {
        let file = part.path.display();
        if let Some(name) = OPENERS.iter().find(|name| part.macho.imports(name)) {
            return Err(Hole::new(format!("{file} imports {}, which opens code that is not known", name.trim_start_matches('_'))));
        }
        for call in &part.calls.calls {
            let told = |index: usize| matches!(call.arguments.get(index), Some(Value::Text(_)));
            let is_hole = match call.callee.as_str() {
                "_dlopen" => !told(0) && call.arguments.first() != Some(&Value::Known(0)),
                "_dlsym" => !told(1),
                "_syscall" => true,
                message => MESSAGES.contains(&message),
            };
            if is_hole {
                return Err(Hole::at(format!("{file} opens or finds code by a name that is made at run time"), part, call));
            }
        }
        for name in ["_dlopen", "_dlsym", "_syscall"] {
            if part.macho.imports(name) && !part.calls.calls.iter().any(|call| call.callee == name) {
                return Err(Hole::new(format!(
                    "{file} imports {} and calls it in no place that can be followed",
                    name.trim_start_matches('_')
                )));
            }
        }
    }
    Ok(())
}

fn foreign_libraries(case: &Case<'_>, image: &Image) -> Verdict {
    let images = images(case, image);
    let bare = Process::of(image).bare();
    for part in images.iter().skip(1) {
        if !decide(&bare, &Action::Load(Library::of(part))).allowed {
            return Err(Hole::new(format!("it loads {}, which library validation would refuse", part.path.display())));
        }
    }
    unknown_code(case, image, &images)?;
    let why = match images.len() {
        1 => "it loads nothing but libraries of the system, and opens no code at run time".to_owned(),
        count => format!("library validation allows each of the {} libraries that it loads, and it opens no other code", count - 1),
    };
    let proofs = images.iter().skip(1).take(MOST_PROOFS).map(|part| Proof {
        source: part.path.to_string_lossy().into_owned(),
        line: None,
        offset: None,
        address: None,
        quote: decide(&bare, &Action::Load(Library::of(part))).rule.to_owned(),
    });
    Ok((why, proofs.collect()))
}

fn task_ports(case: &Case<'_>, image: &Image) -> Verdict {
    const FUNCTIONS: &[&str] = &["_task_for_pid", "_task_read_for_pid", "_processor_set_tasks", "_ptrace", "_task_name_for_pid"];
    let images = images(case, image);
    for part in &images {
        if let Some(name) = FUNCTIONS.iter().find(|name| part.macho.imports(name)) {
            return Err(Hole::new(format!("{} imports {}", part.path.display(), name.trim_start_matches('_'))));
        }
    }
    unknown_code(case, image, &images)?;
    Ok((format!("no code of it imports a function that asks for another process ({})", names(FUNCTIONS)), Vec::new()))
}

/// The program itself does not use it, starts no program that could, and finds no class by a name that is made at run time.
fn resource_unused(case: &Case<'_>, image: &Image, resource: &Resource) -> Verdict {
    const STARTS: &[&str] = &[
        "_posix_spawn",
        "_posix_spawnp",
        "_execv",
        "_execve",
        "_execvp",
        "_fork",
        "_vfork",
        "_system",
        "_popen",
        "_OBJC_CLASS_$_NSTask",
        "_OBJC_CLASS_$_NSWorkspace",
    ];
    const BY_NAME: &[&str] = &["_NSClassFromString", "_objc_getClass", "_objc_lookUpClass", "_objc_getRequiredClass"];
    const CAPTURE: &[&str] = &[
        "_OBJC_CLASS_$_AVCaptureDevice",
        "_OBJC_CLASS_$_AVCaptureSession",
        "_OBJC_CLASS_$_AVAudioEngine",
        "_AudioDeviceCreateIOProcID",
        "_AudioUnitInitialize",
    ];
    let images = images(case, image);
    let captures = matches!(resource.scenario, "camera" | "microphone");
    for part in &images {
        let file = part.path.display();
        let imported = |names: &[&'static str]| names.iter().copied().find(|name| part.macho.imports(name));
        let uses = imported(resource.symbols).or_else(|| imported(CAPTURE).filter(|_| captures));
        if let Some(name) = uses {
            return Err(Hole::new(format!("{file} imports {}", name.trim_start_matches("_OBJC_CLASS_$_").trim_start_matches('_'))));
        }
        if let Some(name) = imported(STARTS) {
            let name = name.trim_start_matches("_OBJC_CLASS_$_").trim_start_matches('_');
            return Err(Hole::new(format!("{file} imports {name}: it may start programs, and macOS asks the responsible one for the key")));
        }
        if let Some(name) = imported(BY_NAME) {
            return Err(Hole::new(format!("{file} imports {}: it may find classes by name", name.trim_start_matches('_'))));
        }
    }
    unknown_code(case, image, &images)?;
    Ok((
        format!("no code of it imports what {} is used with ({}), and it starts no program", resource.name, names(resource.symbols)),
        Vec::new(),
    ))
}

fn names(symbols: &[&str]) -> String {
    symbols.iter().map(|name| name.trim_start_matches("_OBJC_CLASS_$_").trim_start_matches('_')).collect::<Vec<_>>().join(", ")
}
