//! The binary `thalweg`: see [`thalweg::cli`].

fn main() -> std::process::ExitCode {
    thalweg::cli::main()
}
