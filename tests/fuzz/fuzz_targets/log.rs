//! See `temper_fuzz::readers::log`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| temper_fuzz::readers::log(bytes));
