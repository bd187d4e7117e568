//! See `temper_fuzz::readers::superblob`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| temper_fuzz::readers::superblob(bytes));
