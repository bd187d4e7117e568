//! See `temper_fuzz::readers::plist`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| temper_fuzz::readers::plist(bytes));
