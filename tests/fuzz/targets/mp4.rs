#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reeld_fuzz::mp4(bytes));
