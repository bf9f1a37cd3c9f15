//! What a browser makes of the files beside a film: pure functions, no I/O of any kind.
//!
//! [`subtitles`] (SubRip to WebVTT), `cue_text` (the markup within), `charset` (the characters of
//! a text file).

mod charset;
mod cue_text;
pub mod subtitles;
