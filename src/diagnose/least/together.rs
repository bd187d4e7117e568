//! Keys that give away more together than each alone.

use crate::evidence::Image;
use crate::policy::{RESOURCES, key};
use crate::report::Together;

pub(super) fn of(image: &Image) -> Vec<Together> {
    let has = |name: &str| image.has_entitlement(name);
    // Without the runtime flag nothing is guarded that they could open.
    if !image.is_hardened() {
        return Vec::new();
    }
    let mut all = Vec::new();
    let mut add = |keys: &[&str], why: &str| {
        if keys.iter().all(|key| has(key)) {
            all.push(Together { keys: keys.iter().map(|key| (*key).to_owned()).collect(), why: why.to_owned() });
        }
    };
    add(
        &[key::DYLD_VARIABLES, key::LIBRARY_VALIDATION],
        "whoever starts the program can put any code into it before its own runs, and that code has its name, its keychain and its permissions",
    );
    add(
        &[key::UNSIGNED_MEMORY, key::LIBRARY_VALIDATION],
        "neither the libraries nor the memory that it runs has to be signed by anyone: little of the hardened runtime is left",
    );
    add(
        &[key::PAGE_PROTECTION, key::LIBRARY_VALIDATION],
        "its code may be replaced on disk by other libraries and in memory by anything: little of the hardened runtime is left",
    );
    add(
        &[key::GET_TASK_ALLOW, key::LIBRARY_VALIDATION],
        "for debugging plug-ins only: any process may take it over, and any library be loaded. Never ship both",
    );
    let granted: Vec<&str> = RESOURCES.iter().map(|r| r.entitlement).filter(|key| has(key)).collect();
    if has(key::LIBRARY_VALIDATION) && !granted.is_empty() {
        let keys = std::iter::once(key::LIBRARY_VALIDATION).chain(granted).map(str::to_owned).collect();
        let why = "a library of anybody's that gets into the process uses what the user granted to the program";
        all.push(Together { keys, why: why.to_owned() });
    }
    all
}
