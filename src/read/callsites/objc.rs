//! Objective-C messages: which selector references and stubs stand for the selectors that are looked for.

use super::WANTED;
use super::image::Image;
use crate::read::fixups::Bindings;
use std::collections::BTreeMap;

/// Selectors whose messages are looked for: they load code, run scripts, or ask for access to something protected.
pub const MESSAGES: &[&str] = &[
    "load",
    "loadAndReturnError:",
    "preflightAndReturnError:",
    "principalClass",
    "bundleWithPath:",
    "bundleWithURL:",
    "initWithPath:",
    "builtInPlugInsPath",
    "requestAccessForMediaType:completionHandler:",
    "authorizationStatusForMediaType:",
    "requestFullAccessToEventsWithCompletion:",
    "requestFullAccessToRemindersWithCompletion:",
    "requestWriteOnlyAccessToEventsWithCompletion:",
    "requestAccessToEntityType:completion:",
    "requestAccessForEntityType:completionHandler:",
    "requestWhenInUseAuthorization",
    "requestAlwaysAuthorization",
    "startUpdatingLocation",
    "requestAuthorization:",
    "requestAuthorizationForAccessLevel:handler:",
    "requestRecordPermission:",
    "executeAndReturnError:",
    "executeAppleEvent:error:",
    "initWithSource:",
    "sendEventWithOptions:timeout:error:",
];

/// Stands for `objc_msgSend` among the indexes of sought functions.
pub(super) const SENDER: usize = usize::MAX;
/// Most bytes of one section of selector references or stubs.
const MOST_BYTES: u64 = 64 << 20;
const SEND: &str = "_objc_msgSend";

/// The name under which a message is told, when the index is one's.
pub(super) fn callee(index: usize) -> Option<String> {
    index.checked_sub(WANTED.len()).and_then(|index| MESSAGES.get(index)).map(|selector| format!("-[{selector}]"))
}

/// Arguments that are told of a message: receiver, selector, and one for each colon.
pub(super) fn count(index: usize) -> usize {
    let selector = index.checked_sub(WANTED.len()).and_then(|index| MESSAGES.get(index));
    selector.map_or(0, |selector| selector.matches(':').count().saturating_add(2))
}

/// The selector of a message.
pub(super) fn selector(index: usize) -> Option<&'static str> {
    index.checked_sub(WANTED.len()).and_then(|index| MESSAGES.get(index)).copied()
}

/// Fills in what refers to sought selectors.
pub(super) fn fill(image: &mut Image, bindings: &Bindings) {
    image.selectors = selector_references(image);
    if image.selectors.is_empty() {
        return;
    }
    let sends = |(at, name): (&u64, &String)| (name == SEND).then_some(*at);
    image.senders = bindings.stubs.iter().filter_map(sends).collect();
    image.sender_slots = bindings.slots.iter().filter_map(sends).collect();
    let stubs = stubs(image);
    image.targets.extend(stubs);
}

/// Address of a selector reference → index of its message.
fn selector_references(image: &Image) -> BTreeMap<u64, usize> {
    let mut found = BTreeMap::new();
    for section in image.sections().iter().filter(|section| section.name == "__objc_selrefs") {
        let Some(bytes) = image.bytes(section, section.address, section.size.min(MOST_BYTES)) else { continue };
        let mut at = section.address;
        for word in bytes.as_chunks::<8>().0 {
            if let Some(index) = message_at(image, u64::from_le_bytes(*word)) {
                found.insert(at, WANTED.len().saturating_add(index));
            }
            at = at.saturating_add(8);
        }
    }
    found
}

/// The message whose selector a word points to: as it is, in a chained fixup, or counted from the image's base.
fn message_at(image: &Image, word: u64) -> Option<usize> {
    let (short, long) = (word & 0xf_ffff_ffff, word & 0x7ff_ffff_ffff);
    let base = image.base();
    let places = [word, short, long, short.wrapping_add(base), (word & 0xffff_ffff).wrapping_add(base)];
    let name = places.into_iter().find_map(|at| image.selector_name(at))?;
    MESSAGES.iter().position(|selector| *selector == name)
}

/// The stubs of `__objc_stubs` that send a sought message: `adrp x1`, `ldr x1, [x1, …]`, jump. Their symbols (`_objc_msgSend$load`) are local
/// and mostly stripped, so the code is read.
fn stubs(image: &Image) -> Vec<(u64, usize)> {
    let mut found = Vec::new();
    for section in image.sections().iter().filter(|section| section.name == "__objc_stubs") {
        let Some(bytes) = image.bytes(section, section.address, section.size.min(MOST_BYTES)) else { continue };
        if image.is_arm64() {
            let words: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
            for (index, pair) in words.windows(2).enumerate() {
                let at = section.address.saturating_add((index as u64).saturating_mul(4));
                if let &[adrp, ldr] = pair
                    && adrp & 0x9f00_001f == 0x9000_0001
                    && ldr & 0xffc0_03ff == 0xf940_0021
                {
                    let slot = super::arm64::adr(at, adrp).wrapping_add(u64::from((ldr >> 10) & 0xfff).wrapping_mul(8));
                    found.extend(image.selectors.get(&slot).map(|message| (at, *message)));
                }
            }
        } else {
            // `mov rsi, [rip + …]` and a jump.
            for (index, code) in bytes.windows(7).enumerate() {
                if let &[0x48, 0x8b, 0x35, a, b, c, d] = code {
                    let at = section.address.saturating_add(index as u64);
                    let slot = at.wrapping_add(7).wrapping_add(i64::from(i32::from_le_bytes([a, b, c, d])) as u64);
                    found.extend(image.selectors.get(&slot).map(|message| (at, *message)));
                }
            }
        }
    }
    found
}
