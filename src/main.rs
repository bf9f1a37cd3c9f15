//! The command: flags, configuration, listening socket, server, exit code.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use reeld::args::{Args, EarlyExit};
use reeld::config::Config;
use reeld::environment::Environment;
use reeld::ops::{AccessLog, NonBlockingWriter, diagnostics, file_limit, signals};
use reeld::serve::{self, Listener, Stop};
use reeld::site::{Site, missing_confidential};

mod failure;

use failure::Failure;

fn main() -> ExitCode {
    let Ok(diagnostics) = diagnostics::start() else { return ExitCode::from(failure::OS_ERROR) };
    let code = match run(&diagnostics) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, sentence }) => {
            log::error!("{sentence}");
            ExitCode::from(code)
        }
    };
    diagnostics.flush();
    code
}

fn run(diagnostics: &NonBlockingWriter) -> Result<(), Failure> {
    signals::ignore_hangup().map_err(|error| Failure::system("cannot start", &error))?;
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let args = match Args::read(&arguments) {
        Ok(args) => args,
        Err(EarlyExit::Help(help)) => return print(&help),
        Err(EarlyExit::Wrong(sentence)) => {
            let what = sentence.trim_end_matches('.');
            return Err(Failure::usage(format!("{what}; `reeld --help` lists what can be said")));
        }
    };
    if args.version {
        return print(concat!("reeld ", env!("CARGO_PKG_VERSION")));
    }
    let mut config = Config::new(args, &Environment::new(std::env::vars_os())).map_err(Failure::usage)?;
    fit_connections(&mut config)?;
    let site = Site::scan(&config.content, config.hidden.clone())
        .map_err(|error| Failure::no_content(&config.content, &error))?;
    if let Some(sentence) = missing_confidential(&config.content, &config.hidden) {
        return Err(Failure::usage(sentence));
    }
    let listener = Listener::bind(config.host.as_deref(), config.port, config.serve.stall_timeout)
        .map_err(|error| Failure::no_address(config.host.as_deref(), config.port, &error))?;
    serve_until_told(&config, Arc::new(site), listener, diagnostics.clone())
        .map_err(|error| Failure::system("cannot start", &error))
}

fn print(text: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{text}").map_err(|error| Failure::system("cannot write to standard output", &error))
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
    announce(config, &site, &listener.addresses()?);
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
fn announce(config: &Config, site: &Site, addresses: &[SocketAddr]) {
    let urls: Vec<String> = addresses.iter().map(url).collect();
    log::info!(
        "serving {} files, {}, of {} with {} workers on {} in parts of {} (part policy: {})",
        site.index().count(),
        site.index().total(),
        config.content.display(),
        config.serve.workers,
        urls.join(" and "),
        config.serve.parts.size,
        config.serve.parts.policy.name(),
    );
}

fn url(address: &SocketAddr) -> String {
    match address {
        any if any.ip().is_unspecified() => format!("http://localhost:{}/ (all addresses)", any.port()),
        address => format!("http://{address}/"),
    }
}

/// Lowers the number of connections to what the system allows to be open, and says so.
fn fit_connections(config: &mut Config) -> Result<(), Failure> {
    let Some(limit) = file_limit::raise() else { return Ok(()) };
    let most = file_limit::connections(limit).ok_or_else(|| Failure::too_few_descriptors(limit))?;
    let wanted = config.serve.max_connections;
    if wanted > most {
        log::warn!(
            "only {most} connections instead of {wanted}, because the limit of open files is {limit}; raise it (ulimit -n, \
             LimitNOFILE=) or lower --max-connections"
        );
        config.serve.max_connections = most;
    }
    Ok(())
}
