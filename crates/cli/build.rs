//! The program is linked without a table of symbols: a fifth of its size. Tests and the wheel keep theirs, and no crate
//! is compiled again, as another `strip` in the profile would have it.

#![allow(clippy::print_stdout)] // This is how a build script speaks.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-link-arg-bin=tabgraft=-s");
    }
}
