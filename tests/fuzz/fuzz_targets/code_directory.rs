//! See `temper_fuzz::readers::code_directory`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| temper_fuzz::readers::code_directory(bytes));
