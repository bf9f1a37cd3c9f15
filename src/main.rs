//! The command: flags, configuration, listening socket, server, exit code.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use reeld::args::{Args, Early};
use reeld::config::Config;
use reeld::limits::SHED_MAX;
use reeld::ops::{AccessLog, NonBlockingWriter, diagnostics, file_limit, signals};
use reeld::serve::{self, Listener, Stop};
use reeld::site::Site;

/// Why the command failed: the exit code of sysexits.h, and a sentence.
struct Failure(u8, String);

const USAGE: u8 = 64;
const NO_INPUT: u8 = 66;
const UNAVAILABLE: u8 = 69;
const OS_ERROR: u8 = 71;
const NO_PERMISSION: u8 = 77;

/// Descriptors for everything that is no admitted connection: those who are told that there are too many, the listener, the
/// folder. Where there are few, a quarter of them.
const RESERVED_DESCRIPTORS: u64 = SHED_MAX as u64 + 64;

/// A connection and the file it is sent.
const DESCRIPTORS_OF_ONE: u64 = 2;

fn main() -> ExitCode {
    let Ok(diagnostics) = diagnostics::start() else { return ExitCode::from(OS_ERROR) };
    let code = match run(&diagnostics) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(code, sentence)) => {
            log::error!("{sentence}");
            ExitCode::from(code)
        }
    };
    diagnostics.flush();
    code
}

fn run(diagnostics: &NonBlockingWriter) -> Result<(), Failure> {
    signals::ignore_hangup().map_err(|error| Failure(OS_ERROR, format!("cannot start: {error}")))?;
    let arguments: Result<Vec<String>, _> = std::env::args_os().skip(1).map(|word| word.into_string()).collect();
    let arguments = arguments.map_err(|word| Failure(USAGE, format!("the argument {word:?} is not UTF-8")))?;
    let args = match Args::read(&arguments) {
        Ok(args) => args,
        Err(Early::Help(help)) => return print(&help),
        Err(Early::Wrong(sentence)) => {
            let what = sentence.trim_end_matches('.');
            return Err(Failure(USAGE, format!("{what}; `reeld --help` lists what can be said")));
        }
    };
    if args.version {
        return print(concat!("reeld ", env!("CARGO_PKG_VERSION")));
    }
    let environment = environment()?;
    let mut config =
        Config::new(args, |name| environment.get(name).cloned()).map_err(|sentence| Failure(USAGE, sentence))?;
    fit_connections(&mut config);
    let site = Site::scan(&config.content, config.hidden.clone()).map_err(|error| no_content(&config, &error))?;
    let listener = Listener::bind(config.host.as_deref(), config.port).map_err(|error| no_address(&config, &error))?;
    serve_until_told(&config, Arc::new(site), listener, diagnostics.clone())
        .map_err(|error| Failure(OS_ERROR, format!("cannot start: {error}")))
}

/// The variables that are for us.
fn environment() -> Result<HashMap<String, String>, Failure> {
    let ours = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let ours = ours.filter(|(name, _)| name.starts_with("REELD_"));
    // Passing over a value that cannot be read could show what it was meant to hide.
    ours.map(|(name, value)| match value.into_string() {
        Ok(value) => Ok((name, value)),
        Err(value) => Err(Failure(USAGE, format!("{name} is {value:?}; it must be UTF-8"))),
    })
    .collect()
}

fn print(text: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{text}")
        .map_err(|error| Failure(OS_ERROR, format!("cannot write to standard output: {error}")))
}

fn serve_until_told(
    config: &Config,
    site: Arc<Site>,
    listener: Listener,
    diagnostics: NonBlockingWriter,
) -> io::Result<()> {
    let stop = Arc::new(Stop::new()?);
    let stop_on_signal = Arc::clone(&stop);
    signals::watch(diagnostics, move || stop_on_signal.finish())?;
    announce(config, &site, listener.address()?);
    if !config.log {
        return serve::run(&config.serve, listener, site, None, stop);
    }
    let writer = NonBlockingWriter::start("access-log", io::stdout())?;
    serve::run(&config.serve, listener, site, Some(AccessLog::new(writer.clone())), stop)?;
    let lost = writer.flush();
    if lost > 0 {
        log::warn!("access-log: this output was too slow or full, lines lost at the end: {lost}");
    }
    Ok(())
}

/// The one line at the start.
fn announce(config: &Config, site: &Site, address: SocketAddr) {
    let (ip, port) = (address.ip(), address.port());
    let (host, every) = match ip {
        ip if ip.is_unspecified() => ("localhost".to_string(), " (all addresses)"),
        ip if ip.is_ipv6() => (format!("[{ip}]"), ""),
        ip => (ip.to_string(), ""),
    };
    log::info!(
        "serving {} files, {}, of {} with {} workers on http://{host}:{port}/{every} in parts of {} (part policy: {})",
        site.index().count(),
        site.index().total(),
        config.content.display(),
        config.serve.workers,
        config.serve.parts.size,
        config.serve.parts.policy.name(),
    );
}

/// Lowers the number of connections to what the system allows to be open, and says so.
fn fit_connections(config: &mut Config) {
    let Some(limit) = file_limit::raise() else { return };
    let reserved = RESERVED_DESCRIPTORS.min(limit / 4);
    let most = usize::try_from((limit - reserved) / DESCRIPTORS_OF_ONE).unwrap_or(usize::MAX).max(1);
    let wanted = config.serve.max_connections;
    if wanted > most {
        log::warn!(
            "only {most} connections instead of {wanted}, because the limit of open files is {limit}; raise it (ulimit -n, \
             LimitNOFILE=) or lower --max-connections"
        );
        config.serve.max_connections = most;
    }
}

fn no_content(config: &Config, error: &io::Error) -> Failure {
    let content = config.content.display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            Failure(NO_INPUT, format!("there is no folder '{content}'; name the folder to serve: reeld <content>"))
        }
        io::ErrorKind::NotADirectory => {
            Failure(NO_INPUT, format!("'{content}' is not a folder; name the folder to serve: reeld <content>"))
        }
        io::ErrorKind::PermissionDenied => {
            Failure(NO_PERMISSION, format!("the folder '{content}' may not be read by this user"))
        }
        _ => Failure(OS_ERROR, format!("cannot open the folder '{content}': {error}")),
    }
}

fn no_address(config: &Config, error: &io::Error) -> Failure {
    let Config { host, port, .. } = config;
    match (error.kind(), host) {
        (io::ErrorKind::AddrInUse, _) => {
            Failure(UNAVAILABLE, format!("port {port} is in use; choose another with --port, or 0 for a free one"))
        }
        (io::ErrorKind::PermissionDenied, _) => {
            Failure(NO_PERMISSION, format!("this user may not listen on port {port}; choose one from 1024 on"))
        }
        (_, Some(host)) => {
            Failure(USAGE, format!("--host is '{host}'; it must be an address or a name of this machine ({error})"))
        }
        (_, None) => Failure(OS_ERROR, format!("cannot listen on port {port}: {error}")),
    }
}
