//! Every program of this workspace: the target is the one that it is called by.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tabgraft_fuzz::run(env!("CARGO_BIN_NAME"), bytes));
