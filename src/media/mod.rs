//! What a media file is, what lies beside it, and what a browser makes of it: pure functions over
//! bytes that they are given, no I/O of their own.
//!
//! [`source`] (bytes that are read in blocks and within limits), [`description`] (what a file is),
//! `describe` (by its bytes): `signature` (the format), then `mp4`, `matroska`, `avi`, `tags`
//! (audio files), `picture`, `codec` (what codecs are called), `text` (strings of a file),
//! `browsers` (what not every browser plays), [`view`] (what is changed on the way out), `edit` (a
//! change of bytes), [`sidecar`] (which names in a folder belong to a film), [`language`] (what
//! their tags mean), [`subtitles`] (SubRip to WebVTT), `cue_text` (the markup within), `charset`
//! (the characters of a text file).

mod avi;
mod browsers;
mod charset;
mod codec;
mod cue_text;
mod describe;
pub mod description;
mod edit;
pub mod language;
mod matroska;
mod mp4;
mod picture;
pub mod sidecar;
mod signature;
pub mod source;
pub mod subtitles;
mod tags;
mod text;
pub mod view;

pub use describe::describe;
pub use description::Description;
