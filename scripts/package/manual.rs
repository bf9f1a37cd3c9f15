//! Writes the man page and the completions of three shells into the folder given, made from the
//! flags themselves.

#![forbid(unsafe_code)]

use std::path::Path;
use std::{env, fs, io};

use argh::{ArgsInfo, CommandInfoWithArgs, FlagInfoKind};
use argh_complete::{Generator, bash::Bash, fish::Fish, zsh::Zsh};
use reeld::args::Args;

/// The man page, with places for what the flags say of themselves.
const PAGE: &str = include_str!("reeld.1");

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).ok_or_else(|| io::Error::other("the folder to write to is missing"))?;
    let command = Args::get_args_info();
    let files = [
        ("reeld.1", man_page(&command)),
        ("reeld.bash", Bash::generate("reeld", &command)),
        ("_reeld", zsh(&command)),
        // argh_complete asks for the words as fish 4 does, which still knows the option of fish 3.
        ("reeld.fish", Fish::generate("reeld", &command).replace("commandline -xpc", "commandline -opc")),
    ];
    files.iter().try_for_each(|(name, text)| fs::write(Path::new(&folder).join(name), text))
}

/// The completions of zsh with folders for the argument, which argh_complete leaves out.
fn zsh(command: &CommandInfoWithArgs) -> String {
    Zsh::generate("reeld", command).replace("&& return 0", "'::folder:_files -/' && return 0")
}

fn man_page(command: &CommandInfoWithArgs) -> String {
    let options: Vec<String> = command
        .flags
        .iter()
        .map(|flag| {
            let names: Vec<String> =
                flag.short.iter().map(|short| format!("-{short}")).chain([flag.long.to_string()]).collect();
            let value = match &flag.kind {
                FlagInfoKind::Switch => String::new(),
                FlagInfoKind::Option { arg_name } => format!(" \\fI{}\\fR", escape(arg_name)),
            };
            format!(".TP\n\\fB{}\\fR{value}\n{}", escape(&names.join(", ")), escape(flag.description))
        })
        .collect();
    PAGE.replace("@VERSION@", env!("CARGO_PKG_VERSION"))
        .replace("@DESCRIPTION@", &escape(command.description))
        .replace("@OPTIONS@", &options.join("\n"))
}

/// As text of a man page: a hyphen may be typed, and a dot or apostrophe begins no request
/// (man(7)).
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}
