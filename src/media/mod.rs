//! What lies beside a film, and what a browser makes of it: pure functions, no I/O of any kind.
//!
//! [`sidecar`] (which names in a folder belong to a film), `language` (what their tags mean),
//! [`subtitles`] (SubRip to WebVTT), `cue_text` (the markup within), `charset` (the characters of
//! a text file).

mod charset;
mod cue_text;
mod language;
pub mod sidecar;
pub mod subtitles;
