//! The command: flags, configuration, listening socket, server, exit code.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use reeld::admin::AdminListener;
use reeld::args::{Args, EarlyExit};
use reeld::check;
use reeld::config::{Config, DEFAULT_PORT};
use reeld::environment::Environment;
use reeld::limits::ADMIN_CONNECTIONS_MAX;
use reeld::ops::{
    AccessLog, Descriptor, LogFile, LogFormat, NonBlockingWriter, Observer, Observers, ServiceManager, addresses,
    diagnostics, file_limit, qr_code, signals,
};
use reeld::serve::{self, Listener, Shutdown, activation};
use reeld::site::{AccessRules, Site, missing_confidential};
use rustix::termios::tcgetwinsize;

mod failure;
mod supervision;

use failure::Failure;
use supervision::Supervision;

/// How long the start waits for the content folder, so that it can exit if the folder is wrong.
const OPEN_WAIT: Duration = Duration::from_secs(1);

/// Columns of a report that goes to no terminal.
const WIDTH: usize = 100;

fn main() -> ExitCode {
    let Ok(diagnostics) = diagnostics::start() else { return ExitCode::from(failure::OS_ERROR) };
    let code = match run(&diagnostics) {
        Ok(code) => code,
        Err(Failure { code, sentence }) => {
            log::error!("{sentence}");
            ExitCode::from(code)
        }
    };
    diagnostics.flush();
    code
}

fn run(diagnostics: &NonBlockingWriter) -> Result<ExitCode, Failure> {
    let cannot_start = |error| Failure::system("cannot start", &error);
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let args = match Args::read(&arguments) {
        Ok(args) => args,
        Err(EarlyExit::Help(help)) => return print(&help),
        Err(EarlyExit::Wrong(sentence)) => {
            let what = sentence.trim_end_matches('.');
            return Err(Failure::usage(format!("{what}; `reeld --help` lists the flags")));
        }
    };
    if args.version {
        return print(concat!("reeld ", env!("CARGO_PKG_VERSION")));
    }
    let (is_check, as_json) = (args.check, args.json);
    if as_json && !is_check {
        return Err(Failure::usage("--json is for --check; `reeld --check --json <content>` checks the folder"));
    }
    if args.explain.is_none() && !args.header.is_empty() {
        return Err(Failure::usage(
            "-H is for --explain; `reeld --explain /film.mp4 -H 'Range: bytes=0-' <content>` explains a response",
        ));
    }
    if args.explain.is_some() && is_check {
        return Err(Failure::usage("--check and --explain cannot be combined; use one of them"));
    }
    if let Some(field) = args.header.iter().find(|field| !field.contains(':') || field.contains(['\r', '\n'])) {
        return Err(Failure::usage(format!("-H is '{field}'; it must be a field in one line, as 'Range: bytes=0-99'")));
    }
    let (target, fields) = (args.explain.clone(), args.header.clone());
    let mut config = Config::new(args, &Environment::new(std::env::vars_os())).map_err(Failure::usage)?;
    if is_check {
        return check_folder(&config, as_json);
    }
    if let Some(target) = target {
        return explain(&config, &target, &fields);
    }
    let sockets = activation::inherited_sockets().map_err(Failure::usage)?;
    signals::ignore_hangup().map_err(cannot_start)?;
    fit_connections(&mut config)?;
    let stop = Arc::new(Shutdown::new().map_err(cannot_start)?);
    let listener = listen(&config, sockets)?;
    let bind_admin =
        |address| AdminListener::bind(address, config.admin_public).map_err(|error| Failure::no_admin(address, &error));
    let admin = config.admin.map(bind_admin).transpose()?;
    let site = open_site(&config, &stop)?;
    serve_until_shutdown(&config, site, listener, admin, stop, diagnostics.clone())?;
    Ok(ExitCode::SUCCESS)
}

/// Reports what is wrong with the files of the content folder.
fn check_folder(config: &Config, as_json: bool) -> Result<ExitCode, Failure> {
    // The report tells what the scan would log.
    log::set_max_level(log::LevelFilter::Error);
    let site = Site::new(config.content.clone(), config.access_rules.clone());
    open(&site, &config.content, &config.access_rules)?;
    let progress = io::stderr().is_terminal().then(|| check::Progress::new(io::stderr(), Instant::now()));
    let report = check::run(&site, &config.content, progress);
    let width = tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    let text = if as_json { report.json() } else { report.text(if width > 0 { width } else { WIDTH }) };
    let printed = print(&text)?;
    Ok(if report.findings.is_empty() { printed } else { ExitCode::from(failure::FOUND) })
}

/// Prints the response to a GET of this target and the rules that decide it.
fn explain(config: &Config, target: &str, fields: &[String]) -> Result<ExitCode, Failure> {
    // The rules tell what the scan would log.
    log::set_max_level(log::LevelFilter::Error);
    let site = Site::new(config.content.clone(), config.access_rules.clone());
    open(&site, &config.content, &config.access_rules)?;
    site.scan_now();
    let explanation = serve::explain(&config.serve, Arc::new(site), target, fields);
    print(&explanation.map_err(|error| Failure::system("cannot explain", &error))?.to_string())
}

/// Listens on the sockets of a service manager, or else on the configured address.
fn listen(config: &Config, sockets: Vec<TcpListener>) -> Result<Listener, Failure> {
    let (host, port, stall_timeout) = (config.host.as_deref(), config.port, config.serve.stall_timeout);
    if sockets.is_empty() {
        return Listener::bind(host, port, stall_timeout).map_err(|error| Failure::no_address(host, port, &error));
    }
    if host.is_some() || port != DEFAULT_PORT {
        log::warn!("--host and --port are not used, because the service manager has opened the listening sockets");
    }
    Listener::inherit(sockets, stall_timeout).map_err(|error| Failure::system("cannot use the sockets passed", &error))
}

/// Opens the content folder on a thread that then watches it until the server ends. If the folder
/// does not answer soon, the server listens anyway and serves it once it does.
fn open_site(config: &Config, stop: &Arc<Shutdown>) -> Result<Arc<Site>, Failure> {
    let system = |error| Failure::system("cannot start", &error);
    let site = Arc::new(Site::new(config.content.clone(), config.access_rules.clone()));
    let (sender, opened) = mpsc::channel();
    let stop = Arc::clone(stop);
    let (watched, content, access_rules) = (Arc::clone(&site), config.content.clone(), config.access_rules.clone());
    let watch = move || {
        let result = open(&watched, &content, &access_rules);
        let is_open = result.is_ok();
        if let Err(mpsc::SendError(Err(failure))) = sender.send(result) {
            log::error!("{}", failure.sentence);
        }
        if is_open {
            watched.watch(stop.as_fd());
        }
    };
    thread::Builder::new().name("content".into()).spawn(watch).map_err(system)?;
    match opened.recv_timeout(OPEN_WAIT) {
        Ok(result) => result.map(|()| site),
        Err(_) => {
            log::warn!("the folder '{}' does not answer; it is served when it does", config.content.display());
            Ok(site)
        }
    }
}

/// Opens the content folder if all confidential folders are in it.
fn open(site: &Site, content: &Path, access_rules: &AccessRules) -> Result<(), Failure> {
    let no_content = |error| Failure::no_content(content, &error);
    std::fs::read_dir(content).map_err(no_content)?;
    match missing_confidential(content, access_rules) {
        Some(sentence) => Err(Failure::usage(sentence)),
        None => site.open().map_err(no_content),
    }
}

fn print(text: &str) -> Result<ExitCode, Failure> {
    let written = writeln!(io::stdout(), "{text}");
    written.map_err(|error| Failure::system("cannot write to standard output", &error))?;
    Ok(ExitCode::SUCCESS)
}

fn serve_until_shutdown(
    config: &Config,
    site: Arc<Site>,
    listener: Listener,
    admin: Option<AdminListener>,
    stop: Arc<Shutdown>,
    diagnostics: NonBlockingWriter,
) -> Result<(), Failure> {
    let log = config.log.map(|format| start_log(format, config.log_file.as_deref())).transpose()?;
    let manager = ServiceManager::from_env();
    let (stop_on_signal, reloaded_site, reloaded_log) = (Arc::clone(&stop), Arc::clone(&site), log.clone());
    let reloading_manager = manager.clone();
    let reload = move || {
        log::info!("SIGHUP: the log file is opened again, and the folder is scanned again");
        let reload = || {
            reloaded_log.iter().for_each(|log| log.writer().reopen());
            reloaded_site.rescan();
        };
        // The end of a reload is the same READY=1 as that of the start.
        match reloading_manager.as_ref().filter(|_| reloaded_site.is_open()) {
            Some(manager) => manager.reload(reload),
            None => reload(),
        }
    };
    let cannot_start = |error| Failure::system("cannot start", &error);
    signals::watch(diagnostics.clone(), reload, move || stop_on_signal.drain()).map_err(cannot_start)?;
    announce(config, &listener.addresses().map_err(cannot_start)?, &diagnostics);
    if let Some(admin) = &admin {
        log::info!("for operators: {}", url(&admin.address().map_err(cannot_start)?));
    }
    let logging = log.clone().map(|log| Arc::new(log) as Arc<dyn Observer>);
    let observers = logging.into_iter().chain(admin.iter().flat_map(AdminListener::observers));
    let observer = Observers::all(observers.collect());
    let server = serve::start(&config.serve, listener, Arc::clone(&site), observer, Arc::clone(&stop));
    let server = server.map_err(cannot_start)?;
    if let Some(admin) = admin {
        admin.start(server.monitor(), Arc::clone(&site), log.clone()).map_err(cannot_start)?;
    }
    if let Some(manager) = manager {
        let supervision = Supervision::new(server.monitor(), site);
        manager.watch(supervision, stop, config.serve.drain_timeout).map_err(cannot_start)?;
    }
    server.wait().map_err(cannot_start)?;
    let lost = log.map_or(0, |log| log.writer().flush());
    if lost > 0 {
        log::warn!("access-log: this output was too slow or full, lines lost at the end: {lost}");
    }
    Ok(())
}

/// Starts the access log on this file, or on standard output.
fn start_log(format: LogFormat, file: Option<&Path>) -> Result<AccessLog, Failure> {
    let Some(path) = file else {
        let output = Descriptor(io::stdout(), "standard output");
        return AccessLog::start(format, output).map_err(|error| Failure::system("cannot start", &error));
    };
    let opened = LogFile::open(path.to_path_buf()).and_then(|file| AccessLog::start(format, file));
    opened.map_err(|error| Failure::no_log(path, &error))
}

/// The line at the start, then the addresses for other devices if the line does not name them, and
/// on a terminal a QR code of the first.
fn announce(config: &Config, bound: &[SocketAddr], diagnostics: &NonBlockingWriter) {
    let urls: Vec<String> = bound.iter().map(url).collect();
    log::info!(
        "serving {} with {} workers on {} in parts of {} (part policy: {})",
        config.content.display(),
        config.serve.workers,
        urls.join(" and "),
        config.serve.parts.size,
        config.serve.parts.policy.name(),
    );
    let others = addresses::for_other_devices(bound);
    for address in others.iter().filter(|address| !bound.contains(address)) {
        log::info!("on other devices: {}", url(address));
    }
    if config.qr_code && log::log_enabled!(log::Level::Info) && io::stderr().is_terminal() {
        let code = others.first().and_then(|address| qr_code::half_blocks(&url(address)));
        code.into_iter().for_each(|code| diagnostics.add(code.as_bytes()));
    }
}

fn url(address: &SocketAddr) -> String {
    match address {
        any if any.ip().is_unspecified() => format!("http://localhost:{}/ (all addresses)", any.port()),
        address => format!("http://{address}/"),
    }
}

/// Lowers the number of connections to what the limit of open files allows, with a warning.
fn fit_connections(config: &mut Config) -> Result<(), Failure> {
    let Some(limit) = file_limit::raise() else { return Ok(()) };
    let admin = if config.admin.is_some() { ADMIN_CONNECTIONS_MAX as u64 + 1 } else { 0 };
    let most =
        file_limit::connections(limit.saturating_sub(admin)).ok_or_else(|| Failure::too_few_descriptors(limit))?;
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
