//! See `temper_fuzz::readers::requirement`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| temper_fuzz::readers::requirement(bytes));
