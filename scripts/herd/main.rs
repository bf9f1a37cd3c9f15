//! A load generator: crowds of badly behaved clients against a reeld of its own, and probes beside
//! them.

mod client;
mod crowd;
mod freshness;
mod presets;
mod probe;
#[path = "../../tests/support/program.rs"]
#[allow(dead_code, reason = "the tests need more of it")]
mod program;
mod report;
mod server;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use argh::FromArgs;

use report::Report;

/// Sends a herd of clients against a reeld that it starts, and measures how other clients fare
/// beside them. Prints a table of what each preset measured and its bound; exits 1 if one is
/// missed.
#[derive(FromArgs)]
struct Args {
    /// the presets to run (default: all but soak, which takes 20 minutes)
    #[argh(positional)]
    presets: Vec<String>,

    /// the program (default: the release build of this folder)
    #[argh(option, default = "PathBuf::from(\"target/release/reeld\")")]
    server: PathBuf,

    /// divide the number of clients by this, and check no bounds on time (default: 1)
    #[argh(option, default = "1")]
    divide: usize,
}

fn main() -> ExitCode {
    let args: Args = argh::from_env();
    server::raise_open_files();
    let all = || presets::ALL.iter().chain([&presets::SOAK]);
    let known: Vec<&str> = all().map(|preset| preset.name).collect();
    let mut chosen = Vec::new();
    for name in &args.presets {
        match all().find(|preset| preset.name == name) {
            Some(preset) => chosen.push(preset),
            None => {
                eprintln!("herd: there is no preset '{name}'; there are {}", known.join(", "));
                return ExitCode::from(64);
            }
        }
    }
    if chosen.is_empty() {
        chosen.extend(presets::ALL);
    }
    println!("| preset | what | measured | must be | |\n|---|---|---|---|---|");
    let mut all_right = true;
    for preset in chosen {
        let mut report = Report::new(args.divide);
        if let Err(error) = (preset.run)(&args.server, &mut report) {
            report.must("it runs to its end", error, "no error", false);
        }
        for row in &report.rows {
            println!(
                "| {} | {} | {} | {} | {} |",
                preset.name,
                row.what,
                row.measured,
                row.bound,
                if row.right { "ok" } else { "**short**" }
            );
            all_right &= row.right;
        }
    }
    if all_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
