//! The command line of tabgraft.

fn main() {}
