//! Turns flags and environment into a valid configuration.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::args::Args;
use crate::bytes::{self, Bytes};
use crate::environment::Environment;
use crate::http::TrustedProxies;
use crate::http::range::{PartPolicy, Parts};
use crate::ops::LogFormat;
use crate::serve::{SendMethod, Settings, default_workers};
use crate::site::AccessRules;

/// A valid configuration.
#[derive(Debug)]
pub struct Config {
    /// The folder to serve.
    pub content: PathBuf,
    /// The address to listen on; None for all.
    pub host: Option<String>,
    pub port: u16,
    pub access_rules: AccessRules,
    /// The form of the access log, if there is one.
    pub log: Option<LogFormat>,
    /// The file of the access log; None for standard output.
    pub log_file: Option<PathBuf>,
    /// The address for operators, if there is one.
    pub admin: Option<SocketAddr>,
    /// Whether other machines may use it.
    pub admin_public: bool,
    /// Whether a terminal is shown the address as a QR code.
    pub qr_code: bool,
    pub serve: Settings,
}

/// The port without `--port`.
pub const DEFAULT_PORT: u16 = 8080;

/// The part size that players are known to work with.
const PART: Bytes = Bytes(5 * 1024 * 1024);

/// A year. More is a mistake, and could overflow when it is added to an `Instant`.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// More threads than this are a mistake: connections wait in the pollers, not in the pool.
const MOST_WORKERS: usize = 1024;

/// More connections than this have no descriptors on any usual system.
const MOST_CONNECTIONS: usize = 1_000_000;

impl Config {
    /// Merges the flags with the environment.
    ///
    /// Fails with one sentence that names the wrong value or variable and says what would be right.
    pub fn new(args: Args, environment: &Environment) -> Result<Self, String> {
        let given = |name, flag: Option<String>| environment.setting(name, flag.map(OsString::from));
        let content = environment.setting("content", args.content).value.unwrap_or_else(|| "content".into());
        let (place, folders) = several("confidential", args.confidential, ':', environment)?;
        let access_rules = AccessRules::new(folders.iter().map(String::as_str)).map_err(|folder| {
            format!("{place} is '{folder}'; it must be a folder in the content folder, relative to it")
        })?;
        let (place, networks) = several("trusted-proxy", args.trusted_proxy, ',', environment)?;
        let trusted_proxies = TrustedProxies::new(networks.iter().map(String::as_str)).map_err(|network| {
            format!(
                "{place} is '{network}'; it must be an IP address or a network, like 127.0.0.1, 10.0.0.0/8 or fd00::/8"
            )
        })?;
        let seconds =
            |name, flag, default| given(name, flag).read(Duration::from_secs(default), positive_seconds, SECONDS);
        let switch = |name, flag: bool| given(name, flag.then(|| "1".into())).read(false, switch_named, "1 or 0");
        let proxy_protocol = switch("proxy-protocol", args.proxy_protocol)?;
        if proxy_protocol && trusted_proxies.is_empty() {
            return Err("--proxy-protocol needs --trusted-proxy: the addresses that send a PROXY header".into());
        }
        let config = Config {
            content: content.into(),
            host: given("host", args.host).read(
                None,
                |text| is_host(text).then(|| Some(text.to_string())),
                "an IP address or a host name, like 192.0.2.1, ::1 or localhost",
            )?,
            port: given("port", args.port).read(DEFAULT_PORT, |text| text.parse().ok(), "a number from 0 to 65535")?,
            access_rules,
            log: given("log", args.log).read(Some(LogFormat::Combined), log_named, "combined, json or off")?,
            log_file: given("log-file", args.log_file).value.map(PathBuf::from),
            admin: given("admin", args.admin).read(None, |text| text.parse().ok().map(Some), ADMIN_ADDRESS)?,
            admin_public: switch("admin-public", args.admin_public)?,
            qr_code: !switch("no-qr", args.no_qr)?,
            serve: Settings {
                workers: given("workers", args.workers).read(
                    default_workers(),
                    |text| text.parse().ok().filter(|workers: &NonZeroUsize| workers.get() <= MOST_WORKERS),
                    "a number from 1 to 1024",
                )?,
                max_connections: given("max-connections", args.max_connections).read(
                    4096,
                    |text| text.parse().ok().filter(|count| (1..=MOST_CONNECTIONS).contains(count)),
                    "a number from 1 to 1000000",
                )?,
                idle_timeout: seconds("idle-timeout", args.idle_timeout, 30)?,
                head_timeout: seconds("head-timeout", args.head_timeout, 10)?,
                stall_timeout: seconds("stall-timeout", args.stall_timeout, 60)?,
                drain_timeout: seconds("drain-timeout", args.drain_timeout, 30)?,
                parts: Parts {
                    policy: given("part-policy", args.part_policy).read(
                        PartPolicy::Always,
                        policy_named,
                        "always, open-ended, players or never",
                    )?,
                    size: given("part-size", args.part_size).read(
                        PART,
                        |text| text.parse().ok().filter(|size: &Bytes| size.0 > 0),
                        bytes::EXPECTED,
                    )?,
                },
                listing: !switch("no-listing", args.no_listing)?,
                faststart: switch("faststart", args.faststart)?,
                transfer: given("transfer", args.transfer).read(
                    SendMethod::Pread,
                    transfer_named,
                    "pread or sendfile",
                )?,
                cors: given("cors", args.cors).read(
                    None,
                    |text| text.parse().ok().map(Some),
                    "'*' or an origin as browsers send it, like https://films.example or http://localhost:3000",
                )?,
                trusted_proxies,
                proxy_protocol,
            },
        };
        environment.check_all_known()?;
        match config.admin {
            Some(address) if !address.ip().to_canonical().is_loopback() && !config.admin_public => Err(format!(
                "--admin is '{address}', which other machines reach; choose an address of 127.0.0.0/8 or [::1], or add \
                 --admin-public"
            )),
            None if config.admin_public => {
                Err("--admin-public is for --admin; add an address, like --admin 127.0.0.1:9090".into())
            }
            _ => Ok(config),
        }
    }
}

/// Where the values of a flag that may be repeated are set, and the values; in its variable
/// `separator` is between them.
fn several(
    name: &str,
    flags: Vec<String>,
    separator: char,
    environment: &Environment,
) -> Result<(String, Vec<String>), String> {
    let listed = environment.setting(name, None);
    if !flags.is_empty() {
        return Ok((format!("--{name}"), flags));
    }
    let place = listed.place.clone();
    let values = |text: &str| text.split(separator).filter(|value| !value.is_empty()).map(String::from).collect();
    Ok((place, listed.read(Vec::new(), |text| Some(values(text)), "a text")?))
}

const ADMIN_ADDRESS: &str = "an IP address and a port, like 127.0.0.1:9090 or [::1]:9090";

const SECONDS: &str = "a number of seconds greater than 0, like 30 or 0.5, and at most a year";

fn positive_seconds(text: &str) -> Option<Duration> {
    let time = Duration::try_from_secs_f64(text.parse().ok()?).ok()?;
    (!time.is_zero() && time <= LONGEST).then_some(time)
}

/// Whether this is an IP address, possibly with a zone (RFC 4007 section 11), or can be a host name
/// (RFC 1123 section 2.1). A name that ends in a number is taken for a mistyped IPv4 address.
fn is_host(text: &str) -> bool {
    if let Some((address, interface)) = text.split_once('%') {
        return address.parse::<Ipv6Addr>().is_ok() && !interface.is_empty();
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.chars().all(|letter| letter.is_alphanumeric() || "-_".contains(letter))
    };
    let labels = text.strip_suffix('.').unwrap_or(text);
    let last = labels.rsplit('.').next().unwrap_or_default();
    let ends_in_number = last.chars().all(|digit| digit.is_ascii_digit());
    text.parse::<IpAddr>().is_ok() || labels.split('.').all(is_label) && !ends_in_number
}

fn log_named(name: &str) -> Option<Option<LogFormat>> {
    match name {
        "combined" => Some(Some(LogFormat::Combined)),
        "json" => Some(Some(LogFormat::Json)),
        "off" => Some(None),
        _ => None,
    }
}

fn switch_named(name: &str) -> Option<bool> {
    match name {
        "1" => Some(true),
        "0" => Some(false),
        _ => None,
    }
}

fn transfer_named(name: &str) -> Option<SendMethod> {
    match name {
        "pread" => Some(SendMethod::Pread),
        "sendfile" => Some(SendMethod::Sendfile),
        _ => None,
    }
}

fn policy_named(name: &str) -> Option<PartPolicy> {
    PartPolicy::ALL.into_iter().find(|policy| policy.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(line: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let args = Args::read(&words).expect("argh takes the flags");
        let variables = environment.iter().map(|(name, value)| (name.into(), value.into()));
        Config::new(args, &Environment::new(variables))
    }

    #[test]
    fn defaults_are_those_of_the_help() {
        let config = config("", &[]).expect("nothing is wrong");
        assert_eq!(
            (config.content.to_str(), config.host, config.port, config.log),
            (Some("content"), None, 8080, Some(LogFormat::Combined))
        );
        assert_eq!((config.serve.parts.size, config.serve.parts.policy), (Bytes(5_242_880), PartPolicy::Always));
        assert_eq!((config.serve.max_connections, config.serve.workers), (4096, default_workers()));
        let Settings { idle_timeout, head_timeout, stall_timeout, drain_timeout, .. } = config.serve;
        assert_eq!(
            [idle_timeout, head_timeout, stall_timeout, drain_timeout].map(|time| time.as_secs()),
            [30, 10, 60, 30]
        );
    }

    #[test]
    fn the_flag_wins_over_the_environment() {
        let environment =
            [("REELD_PORT", "81"), ("REELD_PART_SIZE", "64KiB"), ("REELD_LOG", ""), ("REELD_CONTENT", "a")];
        let config = config("--port 82 --idle-timeout 0.5", &environment).expect("nothing is wrong");
        assert_eq!((config.port, config.serve.parts.size.0, config.log), (82, 65_536, Some(LogFormat::Combined)));
        assert_eq!((config.content.to_str(), config.serve.idle_timeout), (Some("a"), Duration::from_millis(500)));
    }

    #[test]
    fn a_switch_is_a_variable_of_one_or_zero() {
        for (line, value, is_on) in [("", "", true), ("", "0", true), ("", "1", false), ("--no-listing", "0", false)] {
            let config = config(line, &[("REELD_NO_LISTING", value)]).expect("nothing is wrong");
            assert_eq!((config.serve.listing, config.qr_code), (is_on, true), "{line} {value}");
        }
        assert!(!config("--no-qr", &[]).expect("nothing is wrong").qr_code);
    }

    #[test]
    fn confidential_folders_add_up() {
        let expected = AccessRules::new(["a", "b/c"]).expect("these are folders");
        assert_eq!(
            config("--confidential a --confidential b/c/", &[]).map(|config| config.access_rules),
            Ok(expected.clone())
        );
        assert_eq!(config("", &[("REELD_CONFIDENTIAL", "a:b/c")]).map(|config| config.access_rules), Ok(expected));
    }

    #[test]
    fn trusted_proxies_add_up() {
        let expected = TrustedProxies::new(["::1", "10.0.0.0/8"]).expect("networks");
        for (line, listed) in [("--trusted-proxy ::1 --trusted-proxy 10.0.0.0/8", "127.0.0.1"), ("", "::1,10.0.0.0/8")]
        {
            let config = config(line, &[("REELD_TRUSTED_PROXY", listed), ("REELD_PROXY_PROTOCOL", "1")]);
            let config = config.expect("nothing is wrong");
            assert_eq!((config.serve.trusted_proxies, config.serve.proxy_protocol), (expected.clone(), true));
        }
        assert!(config("", &[]).expect("nothing is wrong").serve.trusted_proxies.is_empty());
    }

    #[test]
    fn a_wrong_value_is_named_with_what_would_be_right() {
        for (line, sentence) in [
            ("--port abc", "--port is 'abc'; it must be a number from 0 to 65535"),
            ("--port 65536", "--port is '65536'; it must be a number from 0 to 65535"),
            ("--workers 0", "--workers is '0'; it must be a number from 1 to 1024"),
            ("--max-connections 0", "--max-connections is '0'; it must be a number from 1 to 1000000"),
            (
                "--host 192.0.2",
                "--host is '192.0.2'; it must be an IP address or a host name, like 192.0.2.1, ::1 or localhost",
            ),
            ("--log xml", "--log is 'xml'; it must be combined, json or off"),
            (
                "--part-size 5XB",
                "--part-size is '5XB'; it must be a number of bytes greater than 0, as 5242880 or with a unit: K, M or \
                 G (also KiB, MiB, GiB), or kB, MB or GB (powers of 1000)",
            ),
            ("--transfer mmap", "--transfer is 'mmap'; it must be pread or sendfile"),
            (
                "--trusted-proxy ::1 --trusted-proxy 10.0.0.0/33",
                "--trusted-proxy is '10.0.0.0/33'; it must be an IP address or a network, like 127.0.0.1, 10.0.0.0/8 or \
                 fd00::/8",
            ),
            ("--proxy-protocol", "--proxy-protocol needs --trusted-proxy: the addresses that send a PROXY header"),
            ("--part-policy some", "--part-policy is 'some'; it must be always, open-ended, players or never"),
        ] {
            assert_eq!(config(line, &[]).map(|_| ()), Err(sentence.to_string()));
        }
        for line in [
            "--part-size 0",
            "--idle-timeout 0",
            "--idle-timeout NaN",
            "--head-timeout -1",
            "--stall-timeout 1e300",
            "--drain-timeout inf",
            "--confidential ../x",
            "--confidential /",
            "--cors films.example",
        ] {
            assert!(config(line, &[]).is_err(), "{line}");
        }
        let confidential = config("", &[("REELD_CONFIDENTIAL", "../x")]).map(|_| ());
        assert!(confidential.is_err_and(|sentence| sentence.starts_with("REELD_CONFIDENTIAL is '../x'")));
        let no_switch = config("", &[("REELD_NO_QR", "yes")]).map(|_| ());
        assert_eq!(no_switch, Err("REELD_NO_QR is 'yes'; it must be 1 or 0".to_string()));
        let from_environment = config("", &[("REELD_WORKERS", "many")]).map(|_| ());
        assert_eq!(from_environment, Err("REELD_WORKERS is 'many'; it must be a number from 1 to 1024".to_string()));
    }
    #[test]
    fn a_host_is_an_address_or_a_name() {
        for host in
            ["127.0.0.1", "::1", "fe80::1%eth0", "localhost", "localhost.", "films.example", "my_nas", "3com.example"]
        {
            assert!(is_host(host), "{host}");
        }
        for host in [
            "300.1.1.1",
            "192.0.2.1:80",
            "[::1]",
            "::g",
            "fe80::1%",
            "eth0%fe80::1",
            "http://h/",
            "a b",
            "a..b",
            ".",
            "*",
            "host\n",
        ] {
            assert!(!is_host(host), "{host:?}");
        }
    }

    #[test]
    fn an_unknown_variable_is_refused_with_the_nearest_name() {
        for (name, sentence) in [
            ("REELD_CONFIDENTAL", "REELD_CONFIDENTAL is no setting of reeld; did you mean REELD_CONFIDENTIAL?"),
            ("REELD_confidential", "REELD_confidential is no setting of reeld; did you mean REELD_CONFIDENTIAL?"),
            ("REELD_PASSWORD", "REELD_PASSWORD is no setting of reeld; `reeld --help` lists them"),
            ("REELD_", "REELD_ is no setting of reeld; `reeld --help` lists them"),
        ] {
            assert_eq!(config("", &[(name, "secret")]).map(|_| ()), Err(sentence.to_string()));
        }
        assert!(config("", &[("RUST_LOG", "warn"), ("REEL", "x")]).is_ok());
    }

    #[test]
    fn every_flag_is_a_variable_too() {
        let Err(crate::args::EarlyExit::Help(help)) = Args::read(&["--help".into()]) else {
            panic!("--help is no error")
        };
        // `--port` or `-p, --port`.
        let words = help.lines().filter_map(|line| line.split([' ', ',']).find(|word| word.starts_with("--")));
        let flags = words.map(|word| word.trim_start_matches("--"));
        let variables = flags
            .filter(|flag| !matches!(*flag, "check" | "json" | "explain" | "header" | "version" | "help"))
            .map(|flag| format!("REELD_{}", flag.replace('-', "_").to_uppercase()));
        let variables: Vec<String> = variables.collect();
        assert!(variables.len() >= 14, "{variables:?}");
        for variable in variables {
            assert_eq!(config("", &[(&variable, "")]).map(|_| ()), Ok(()), "{variable}");
        }
    }
}
