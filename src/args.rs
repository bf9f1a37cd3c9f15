//! The command line as it is typed.

use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use argh::{ArgsInfo, FromArgs};

/// Serve a folder of media over HTTP/1.1, large files in parts. Every setting can also be made in
/// the environment, --port as REELD_PORT and so on; the flag wins. Folders in REELD_CONFIDENTIAL
/// are separated by colons, networks in REELD_TRUSTED_PROXY by commas.
#[derive(ArgsInfo, Debug, Default, FromArgs, PartialEq, Eq)]
#[argh(help_triggers("-h", "--help"))]
pub struct Args {
    /// the folder to serve (default: content)
    #[argh(positional)]
    pub content: Option<OsString>,

    /// the TCP port; 0 picks a free one (default: 8080)
    #[argh(option, short = 'p', arg_name = "number")]
    pub port: Option<String>,

    /// the address to listen on, or a host name for all of its addresses (default: all, IPv6 and
    /// IPv4)
    #[argh(option, arg_name = "address")]
    pub host: Option<String>,

    /// worker threads (default: 4 for each processor)
    #[argh(option, arg_name = "number")]
    pub workers: Option<String>,

    /// bytes of a part, as 5M or 5242880 (default: 5M)
    #[argh(option, arg_name = "size")]
    pub part_size: Option<String>,

    /// which responses are cut to one part: always, open-ended (only to "bytes=N-"), players (only
    /// to players that ask for the next part) or never (default: always)
    #[argh(option, arg_name = "policy")]
    pub part_policy: Option<String>,

    /// a folder in the content folder to refuse with 403, besides confidential/; it must exist; may
    /// be repeated
    #[argh(option, arg_name = "folder")]
    pub confidential: Vec<String>,

    /// an origin whose web pages may use the files, such as https://films.example, or '*' for all
    /// (default: none but its own)
    // The text is shown as help, where a link needs no brackets.
    #[allow(rustdoc::bare_urls)]
    #[argh(option, arg_name = "origin")]
    pub cors: Option<String>,

    /// connections served at once; further ones get 503 (default: 4096)
    #[argh(option, arg_name = "number")]
    pub max_connections: Option<String>,

    /// seconds that a connection may wait between requests (default: 30)
    #[argh(option, arg_name = "seconds")]
    pub idle_timeout: Option<String>,

    /// seconds that a request head may take to arrive (default: 10)
    #[argh(option, arg_name = "seconds")]
    pub head_timeout: Option<String>,

    /// seconds within which a client must take at least 64 KiB of its response (default: 60)
    #[argh(option, arg_name = "seconds")]
    pub stall_timeout: Option<String>,

    /// seconds to finish the responses under way at shutdown (default: 30)
    #[argh(option, arg_name = "seconds")]
    pub drain_timeout: Option<String>,

    /// send films with their index in front, so that they start to play at once; downloads stay as
    /// they are
    #[argh(switch)]
    pub faststart: bool,

    /// how files are sent: pread (through a buffer) or sendfile (moved by the kernel) (default:
    /// pread)
    #[argh(option, arg_name = "way")]
    pub transfer: Option<String>,

    /// the access log: combined, json or off (default: combined)
    #[argh(option, arg_name = "format")]
    pub log: Option<String>,

    /// a file for the access log (default: standard output); SIGHUP opens it again
    #[argh(option, arg_name = "path")]
    pub log_file: Option<String>,

    /// the address of a proxy, or a network of proxies as 10.0.0.0/8, whose X-Forwarded fields are
    /// believed; may be repeated
    #[argh(option, arg_name = "network")]
    pub trusted_proxy: Vec<String>,

    /// connections from trusted proxies begin with a PROXY header (version 1 or 2)
    #[argh(switch)]
    pub proxy_protocol: bool,

    /// an address for operators, as 127.0.0.1:9090: health, metrics, and a page with what is being
    /// played (default: none)
    #[argh(option, arg_name = "address")]
    pub admin: Option<String>,

    /// let other machines use the address for operators
    #[argh(switch)]
    pub admin_public: bool,

    /// no pages that list folders or play files; index.html still stands for its folder
    #[argh(switch)]
    pub no_listing: bool,

    /// no QR code of the address on the terminal
    #[argh(switch)]
    pub no_qr: bool,

    /// check the files of the folder instead of serving it: print what is wrong and what mends it;
    /// exit 1 if something is
    #[argh(switch)]
    pub check: bool,

    /// with --check: print JSON
    #[argh(switch)]
    pub json: bool,

    /// print what the server would answer to a GET of this target, as "/film.mp4?whole", and the
    /// rules that decide it, instead of serving
    #[argh(option, arg_name = "target")]
    pub explain: Option<String>,

    /// with --explain: a field of the request, as "Range: bytes=0-99"; may be repeated
    #[argh(option, short = 'H', arg_name = "field")]
    pub header: Vec<String>,

    /// print the version and exit
    #[argh(switch, short = 'V')]
    pub version: bool,
}

/// Arguments that end the program before it serves.
#[derive(Debug, PartialEq, Eq)]
pub enum EarlyExit {
    /// The help text to print.
    Help(String),
    /// What is wrong with the arguments.
    Wrong(String),
}

impl Args {
    /// Parses the arguments after the program name. Unlike argh alone this accepts `--flag=value`
    /// too, and any bytes as the folder.
    pub fn read(arguments: &[OsString]) -> Result<Self, EarlyExit> {
        let flags_end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
        let mut words: Vec<Cow<str>> = Vec::new();
        let mut not_utf8 = Vec::new();
        for (index, argument) in arguments.iter().enumerate() {
            let is_flag = index < flags_end && argument.as_bytes().starts_with(b"-");
            match argument.to_str() {
                Some(word) => match word.split_once('=') {
                    Some((flag, value)) if is_flag && word.starts_with("--") => {
                        words.extend([flag.into(), value.into()]);
                    }
                    _ => words.push(word.into()),
                },
                None if is_flag => return Err(EarlyExit::not_utf8(argument)),
                None => {
                    // argh takes only text. No argument has a NUL in it (execve(2)).
                    let placeholder = format!("\0{index}\0");
                    words.push(placeholder.clone().into());
                    not_utf8.push((placeholder, argument));
                }
            }
        }
        let words: Vec<&str> = words.iter().map(|word| &**word).collect();
        let mut args = Args::from_args(&["reeld"], &words).map_err(|exit| match exit.status {
            Ok(()) => EarlyExit::Help(exit.output),
            Err(()) => {
                let sentence = exit.output.split_whitespace().collect::<Vec<_>>().join(" ");
                EarlyExit::Wrong(not_utf8.iter().fold(sentence, |sentence, (placeholder, argument)| {
                    sentence.replace(placeholder, &argument.to_string_lossy())
                }))
            }
        })?;
        for (placeholder, argument) in not_utf8 {
            if args.content.as_ref().is_none_or(|content| *content != *placeholder) {
                return Err(EarlyExit::not_utf8(argument));
            }
            args.content = Some(argument.clone());
        }
        Ok(args)
    }
}

impl EarlyExit {
    fn not_utf8(argument: &OsString) -> Self {
        EarlyExit::Wrong(format!("the argument {argument:?} is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    fn read(line: &str) -> Result<Args, EarlyExit> {
        Args::read(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn flags_are_read_in_both_spellings() {
        let expected = Args { content: Some("films".into()), port: Some("0".into()), ..Args::default() };
        assert_eq!(read("films --port 0"), Ok(expected));
        assert_eq!(read("--port=0 films"), read("films --port 0"));
        assert_eq!(read("-p 0 films"), read("films --port 0"));
        assert_eq!(read("-V"), read("--version"));
        assert_eq!(read("-h"), read("--help"));
        assert_eq!(read("--explain / -H A:1 -H B:2"), read("--header=A:1 --header B:2 --explain=/"));
        assert_eq!(read("-- --a=b"), Ok(Args { content: Some("--a=b".into()), ..Args::default() }));
        let confidential = vec!["a".into(), "b=c".into()];
        assert_eq!(read("--confidential a --confidential=b=c"), Ok(Args { confidential, ..Args::default() }));
    }

    #[test]
    fn what_is_wrong_is_one_sentence_that_names_it() {
        for (line, named) in
            [("--prot 80", "--prot"), ("a b", "b"), ("--port", "--port"), ("--port 1 --port 2", "port")]
        {
            let Err(EarlyExit::Wrong(sentence)) = read(line) else { panic!("{line} is wrong") };
            assert!(sentence.contains(named) && !sentence.contains('\n'), "{sentence}");
        }
        let Err(EarlyExit::Help(help)) = read("--help") else { panic!("--help is no error") };
        assert!(help.contains("--part-size") && help.contains("REELD_PORT"));
    }
    #[test]
    fn only_the_folder_may_be_any_bytes() {
        let read = |words: &[&[u8]]| {
            Args::read(&words.iter().map(|word| OsStr::from_bytes(word).to_os_string()).collect::<Vec<_>>())
        };
        let folder = |bytes| Some(OsStr::from_bytes(bytes).to_os_string());
        let expected = Args { content: folder(b"caf\xe9"), port: Some("0".into()), ..Args::default() };
        assert_eq!(read(&[b"--port", b"0", b"caf\xe9"]), Ok(expected));
        let expected = Args { content: folder(b"--a=\xe9"), ..Args::default() };
        assert_eq!(read(&[b"--", b"--a=\xe9"]), Ok(expected));
        for (words, named) in [
            (&[&b"--host"[..], b"a\xe9"][..], "\"a\\xE9\" is not UTF-8"),
            (&[b"--host=a\xe9"], "\"--host=a\\xE9\" is not UTF-8"),
            (&[b"--\xe9"], "\"--\\xE9\" is not UTF-8"),
            (&[b"--host", b"a\xe9", b"b\xe9"], "\"a\\xE9\" is not UTF-8"),
            (&[b"a", b"b\xe9"], "argument: b\u{fffd}"),
        ] {
            let Err(EarlyExit::Wrong(sentence)) = read(words) else { panic!("{named} is wrong") };
            assert!(sentence.contains(named), "{sentence}");
        }
    }
}
