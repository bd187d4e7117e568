//! See `temper_fuzz::readers::call_sites`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| temper_fuzz::readers::call_sites(bytes));
