//! See `temper_fuzz::readers::entitlements_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| temper_fuzz::readers::entitlements_file(bytes));
