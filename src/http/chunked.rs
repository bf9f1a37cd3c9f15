//! The chunked transfer coding (RFC 9112 section 7.1): finds the end of a body that is dropped.

use super::fields::is_token;
use crate::limits::{CHUNK_LINE_MAX, DROPPED_BODY_MAX};

/// Finds the end of a chunked body that arrives in pieces of any size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoder {
    state: State,
    /// Bytes of the chunk still to come; the size so far while the chunk size is being read.
    chunk: u64,
    /// Bytes of the line so far.
    line: usize,
    /// Bytes of the body that may still come, framing included.
    budget: u64,
}

/// Why the end of a body cannot be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// It violates RFC 9112 section 7.1, so its end is unknown.
    Malformed,
    /// It is longer than [`DROPPED_BODY_MAX`].
    TooLong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first digit of a chunk size.
    SizeStart,
    Size,
    /// White space after the size, which only an extension may follow.
    SizeSpace,
    Extension,
    /// Each `…Lf` waits for the LF of a line whose CR has come.
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Complete,
}

impl Default for Decoder {
    /// A decoder at the start of a body.
    fn default() -> Self {
        Decoder { state: State::SizeStart, chunk: 0, line: 0, budget: DROPPED_BODY_MAX }
    }
}

impl Decoder {
    /// Whether the body has ended.
    pub fn is_complete(&self) -> bool {
        self.state == State::Complete
    }

    /// Consumes `bytes` and returns how many belong to the body: all, unless it ends here.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let mut used = 0;
        while used < bytes.len() && !self.is_complete() {
            if self.budget == 0 {
                return Err(Error::TooLong);
            }
            let step = if self.state == State::Data {
                let step = self.chunk.min(self.budget).min((bytes.len() - used) as u64);
                self.chunk -= step;
                if self.chunk == 0 {
                    self.state = State::DataCr;
                }
                step
            } else {
                self.state = self.after(bytes[used]).ok_or(Error::Malformed)?;
                1
            };
            self.budget -= step;
            used += step as usize;
        }
        Ok(used)
    }

    /// The state after a byte of the framing; None if that byte is not allowed. A bare LF never is:
    /// two readers could disagree about where a chunk begins.
    fn after(&mut self, byte: u8) -> Option<State> {
        self.line = if byte == b'\n' { 0 } else { self.line + 1 };
        if self.line > CHUNK_LINE_MAX {
            return None;
        }
        Some(match (self.state, byte) {
            (State::SizeStart | State::Size, _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16)?;
                self.chunk = self.chunk.checked_mul(16)? | u64::from(digit);
                State::Size
            }
            (State::Size | State::SizeSpace, b' ' | b'\t') => State::SizeSpace,
            // Unknown extensions are ignored (RFC 9112 section 7.1.1); reeld knows none.
            (State::Size | State::SizeSpace, b';') => State::Extension,
            (State::Size | State::Extension, b'\r') => State::SizeLf,
            (State::Extension, _) if is_text(byte) => State::Extension,
            (State::SizeLf, b'\n') if self.chunk == 0 => State::TrailerStart,
            (State::SizeLf, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::SizeStart,
            (State::TrailerStart, b'\r') => State::EndLf,
            (State::TrailerStart | State::TrailerName, _) if is_token(byte) => State::TrailerName,
            (State::TrailerName, b':') => State::TrailerValue,
            (State::TrailerValue, b'\r') => State::TrailerLf,
            (State::TrailerValue, _) if is_text(byte) => State::TrailerValue,
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::EndLf, b'\n') => State::Complete,
            _ => return None,
        })
    }
}

/// Whether a field value may contain this byte (RFC 9110 section 5.5).
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How many bytes belong to the body, None where its end has not come.
    fn decoded<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<usize>, Error> {
        let mut decoder = Decoder::default();
        let mut length = 0;
        for piece in pieces {
            let used = decoder.advance(piece)?;
            assert!(used == piece.len() || decoder.is_complete(), "all belongs to it, or it has ended");
            length += used;
        }
        Ok(decoder.is_complete().then_some(length))
    }

    /// The same, after checking that it does not depend on how the body is split.
    fn decoded_in_any_pieces(body: &[u8]) -> Result<Option<usize>, Error> {
        let at_once = decoded([body]);
        for cut in 0..=body.len() {
            let (one, other) = body.split_at(cut);
            assert_eq!(decoded([one, other]), at_once, "{} cut at {cut}", body.escape_ascii());
        }
        assert_eq!(decoded(body.chunks(1)), at_once, "{} byte by byte", body.escape_ascii());
        at_once
    }

    #[test]
    fn a_body_ends_where_its_last_chunk_ends() {
        for body in [
            "0\r\n\r\n",
            "000\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "00005\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
            "a\r\n0\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n",
            "A\r\n0123456789\r\n0\r\n\r\n",
            "5;extension\r\nhello\r\n0;a=b;c=\"d e\" ;\tf\r\n\r\n",
            "5 ;a\r\nhello\r\n0\t; a = b\r\n\r\n",
            "5;\r\nhello\r\n0\r\n\r\n",
            "0;\u{e9}\r\n\r\n",
            "0\r\nA: b\r\n\r\n",
            "0\r\nA:\r\nDigest:\tsha-256=x\u{e9} \r\n\r\n",
        ] {
            for (what, rest) in
                [("whole", ""), ("before a request", "GET / HTTP/1.1\r\n"), ("before a line end", "\r\n")]
            {
                let said = [body, rest].concat();
                assert_eq!(decoded_in_any_pieces(said.as_bytes()), Ok(Some(body.len())), "{body:?} {what}");
            }
            for end in 0..body.len() {
                assert_eq!(decoded([&body.as_bytes()[..end]]), Ok(None), "{body:?} cut at {end}");
            }
        }
    }

    #[test]
    fn what_is_not_chunked_is_malformed() {
        for body in [
            "\r\n",
            "\n",
            ";a\r\n",
            " 5\r\n",
            "x\r\n",
            "-1\r\n",
            "+5\r\n",
            "0x5\r\n",
            "5 \r\n",
            "5 5\r\n",
            "5,5\r\n",
            "5\n",
            "5\rh",
            "5;a\n",
            "5;a\rb",
            "5;\0\r\n",
            "5;\x7f\r\n",
            "10000000000000000\r\n",
            "FFFFFFFFFFFFFFFF0\r\n",
            "5\r\nhello!\r\n",
            "5\r\nhello\n",
            "5\r\nhello\r\r",
            "5\r\nhello0\r\n\r\n",
            "5\r\nhello\r\n\r\n",
            "0\r\n\n",
            "0\r\n\rx",
            "0\r\n A: b\r\n",
            "0\r\nA : b\r\n",
            "0\r\n: b\r\n",
            "0\r\nnonsense\r\n",
            "0\r\nA: b\n",
            "0\r\nA: b\rc",
            "0\r\nA: \0\r\n",
            "0\r\nA: b\r\n c\r\n",
        ] {
            assert_eq!(decoded_in_any_pieces(body.as_bytes()), Err(Error::Malformed), "{body:?}");
        }
    }

    #[test]
    fn a_line_of_the_framing_is_bounded() {
        for start in ["0;", "0\r\nA:"] {
            let line = start.len() - start.rfind('\n').map_or(0, |feed| feed + 1);
            let with = |length: usize| format!("{start}{}\r\n\r\n", "b".repeat(length - line));
            let longest = with(CHUNK_LINE_MAX - 1);
            assert_eq!(decoded([longest.as_bytes()]), Ok(Some(longest.len())), "{start:?}");
            assert_eq!(decoded([with(CHUNK_LINE_MAX).as_bytes()]), Err(Error::Malformed), "{start:?}");
        }
    }

    #[test]
    fn a_body_is_bounded_with_its_framing() {
        let limit = DROPPED_BODY_MAX as usize;
        let with = |data: usize| format!("{data:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(data)).into_bytes();
        let framing = with(limit - 100).len() - (limit - 100);
        assert_eq!(decoded([&with(limit - framing)[..]]), Ok(Some(limit)));
        assert_eq!(decoded([&with(limit - framing + 1)[..]]), Err(Error::TooLong));
        assert_eq!(decoded(with(limit - framing + 1).chunks(1000)), Err(Error::TooLong));
        assert_eq!(decoded(["1\r\nx\r\n".repeat(limit).as_bytes()]), Err(Error::TooLong), "chunks");
        assert_eq!(
            decoded([["0\r\n", &"A: b\r\n".repeat(limit)].concat().as_bytes()]),
            Err(Error::TooLong),
            "trailers"
        );
        let largest = ["ffffffffffffffff\r\n", &"x".repeat(limit)].concat();
        assert_eq!(decoded([largest.as_bytes()]), Err(Error::TooLong), "one chunk");
    }

    proptest! {
        #[test]
        fn any_bytes_are_followed_in_any_pieces(
            bytes in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..60),
                "[0-3a;: \r\n]{0,60}".prop_map(String::into_bytes),
                "([0-3]\r\n|[0-3a;:]|\r\n){0,30}".prop_map(String::into_bytes),
            ],
        ) {
            if let Ok(Some(length)) = decoded_in_any_pieces(&bytes) {
                prop_assert!(length <= bytes.len());
                prop_assert!(bytes[..length].ends_with(b"\r\n"));
                prop_assert_eq!(decoded([&bytes[..length]]), Ok(Some(length)));
                prop_assert_eq!(decoded([&bytes[..length - 1]]), Ok(None));
            }
        }

        #[test]
        fn what_is_coded_is_followed_to_its_end(
            chunks in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..40), "(;[a-z=]{0,9})?"), 0..9),
            trailers in "([a-z]{1,3}: [ -~]{0,9}\r\n){0,3}",
            rest in prop::collection::vec(any::<u8>(), 0..9),
        ) {
            let mut body = Vec::new();
            for (data, extension) in &chunks {
                body.extend(format!("{:X}{extension}\r\n", data.len()).bytes());
                body.extend(data);
                body.extend(b"\r\n");
            }
            body.extend(format!("0\r\n{trailers}\r\n").bytes());
            let length = body.len();
            body.extend(rest);
            prop_assert_eq!(decoded_in_any_pieces(&body), Ok(Some(length)));
        }
    }
}
