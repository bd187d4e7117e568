//! See `temper_fuzz::readers::code_resources`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| temper_fuzz::readers::code_resources(bytes));
