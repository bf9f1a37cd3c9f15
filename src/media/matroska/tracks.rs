//! The tracks of a file (RFC 9559 section 5.1.4).

use std::ops::Range;

use super::element::Element;
use super::walker::{Problem, Walker};
use crate::limits::MEDIA_TRACKS_MAX;
use crate::media::codec;
use crate::media::description::{Codec, Description, Dimensions, Fault, Track, TrackKind};
use crate::media::language::Language;
use crate::media::text;

const TRACK_ENTRY: u32 = 0xae;
const TRACK_TYPE: u32 = 0x83;
const FLAG_DEFAULT: u32 = 0x88;
const CODEC_ID: u32 = 0x86;
const CODEC_PRIVATE: u32 = 0x63a2;
const LANGUAGE: u32 = 0x22_b59c;
const LANGUAGE_BCP_47: u32 = 0x22_b59d;
const NAME: u32 = 0x536e;
const VIDEO: u32 = 0xe0;
const PIXEL_WIDTH: u32 = 0xb0;
const PIXEL_HEIGHT: u32 = 0xba;
const DISPLAY_WIDTH: u32 = 0x54b0;
const DISPLAY_HEIGHT: u32 = 0x54ba;
const DISPLAY_UNIT: u32 = 0x54b2;
const AUDIO: u32 = 0xe1;
const CHANNELS: u32 = 0x9f;
const CONTENT_ENCODINGS: u32 = 0x6d80;
const CONTENT_ENCODING: u32 = 0x6240;
const CONTENT_ENCRYPTION: u32 = 0x5035;

/// Bytes of a CodecPrivate that tell the profile; all of it may be a font.
const PRIVATE_MAX: usize = 256;

pub(super) fn describe(walker: &mut Walker, mut rest: Range<u64>, out: &mut Description) -> Result<(), Problem> {
    while let Some(entry) = walker.next(&mut rest)? {
        if entry.id == TRACK_ENTRY && out.tracks.len() < MEDIA_TRACKS_MAX {
            track(walker, entry.content, out)?;
        }
    }
    Ok(())
}

fn track(walker: &mut Walker, mut rest: Range<u64>, out: &mut Description) -> Result<(), Problem> {
    let (mut kind, mut is_default) = (0, true);
    let (mut id, mut private, mut title) = (Vec::new(), Vec::new(), None);
    // Section 5.1.4.1.19: English unless it says otherwise.
    let (mut old_language, mut new_language) = (b"eng".to_vec(), None);
    let (mut dimensions, mut channels) = (Dimensions { width: 0, height: 0 }, 1);
    while let Some(element) = walker.next(&mut rest)? {
        match element.id {
            TRACK_TYPE => kind = walker.unsigned(&element)?,
            FLAG_DEFAULT => is_default = walker.unsigned(&element)? != 0,
            CODEC_ID => id = walker.bytes(&element, 64)?,
            CODEC_PRIVATE => private = walker.bytes(&element, PRIVATE_MAX)?,
            LANGUAGE => old_language = walker.bytes(&element, 64)?,
            LANGUAGE_BCP_47 => new_language = Some(walker.bytes(&element, 64)?),
            NAME => title = text::decode(&walker.bytes(&element, text::BYTES_MAX)?),
            VIDEO => dimensions = video(walker, element.content)?,
            AUDIO => {
                if let Some(element) = child(walker, element.content, CHANNELS)? {
                    channels = walker.unsigned(&element)?.try_into().unwrap_or(u16::MAX);
                }
            }
            CONTENT_ENCODINGS if !out.faults.contains(&Fault::Encrypted) && is_encrypted(walker, element.content)? => {
                out.faults.push(Fault::Encrypted);
            }
            _ => {}
        }
    }
    let kind = match kind {
        1 => TrackKind::Video(dimensions),
        2 => TrackKind::Audio { channels },
        0x11 => TrackKind::Subtitles,
        _ => TrackKind::Other,
    };
    let codec = codec_of(&id, &private);
    let language = text::decode(&new_language.unwrap_or(old_language)).and_then(|tag| Language::tag_of(&tag));
    out.tracks.push(Track { kind, codec, language, title, is_default });
    Ok(())
}

/// The first element with this id.
fn child(walker: &mut Walker, mut rest: Range<u64>, id: u32) -> Result<Option<Element>, Problem> {
    while let Some(element) = walker.next(&mut rest)? {
        if element.id == id {
            return Ok(Some(element));
        }
    }
    Ok(None)
}

fn is_encrypted(walker: &mut Walker, mut rest: Range<u64>) -> Result<bool, Problem> {
    while let Some(encoding) = walker.next(&mut rest)? {
        if encoding.id == CONTENT_ENCODING && child(walker, encoding.content, CONTENT_ENCRYPTION)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn video(walker: &mut Walker, mut rest: Range<u64>) -> Result<Dimensions, Problem> {
    let (mut width, mut height, mut shown_width, mut shown_height, mut unit) = (0, 0, None, None, 0);
    while let Some(element) = walker.next(&mut rest)? {
        let mut value = || Ok::<_, Problem>(u32::try_from(walker.unsigned(&element)?).unwrap_or(u32::MAX));
        match element.id {
            PIXEL_WIDTH => width = value()?,
            PIXEL_HEIGHT => height = value()?,
            DISPLAY_WIDTH => shown_width = Some(value()?),
            DISPLAY_HEIGHT => shown_height = Some(value()?),
            DISPLAY_UNIT => unit = value()?,
            _ => {}
        }
    }
    Ok(match (shown_width, shown_height) {
        // Section 5.1.4.1.28.14: pixels; any other unit says the aspect ratio alone.
        (Some(width), Some(height)) if unit == 0 && width > 0 && height > 0 => Dimensions { width, height },
        (Some(shown_width), Some(shown_height)) if unit != 0 && shown_height > 0 => {
            let width = u64::from(height) * u64::from(shown_width) / u64::from(shown_height);
            Dimensions { width: u32::try_from(width).unwrap_or(u32::MAX), height }
        }
        _ => Dimensions { width, height },
    })
}

/// Codecs by their id or its front (<https://www.matroska.org/technical/codec_specs.html>), with
/// the parameter and name. The longer fronts come first.
const CODECS: [(&str, &str, &str); 25] = [
    ("V_VP8", "vp8", "VP8"),
    ("V_MPEG4/ISO/", "mp4v.20", "MPEG-4 ASP"),
    ("V_MPEG4/MS/V3", "div3", "MS-MPEG-4"),
    ("V_MPEG2", "mp2v", "MPEG-2"),
    ("V_MPEG1", "mp1v", "MPEG-1"),
    ("V_THEORA", "theora", "Theora"),
    ("V_PRORES", "prores", "ProRes"),
    ("V_FFV1", "ffv1", "FFV1"),
    ("V_MJPEG", "jpeg", "Motion JPEG"),
    ("A_AC3", "ac-3", "Dolby Digital (AC-3)"),
    ("A_EAC3", "ec-3", "Dolby Digital Plus (E-AC-3)"),
    ("A_DTS", "dtsc", "DTS"),
    ("A_OPUS", "opus", "Opus"),
    ("A_VORBIS", "vorbis", "Vorbis"),
    ("A_FLAC", "flac", "FLAC"),
    ("A_MPEG/L3", "mp3", "MP3"),
    ("A_MPEG/L2", "mp4a.69", "MP2"),
    ("A_TRUEHD", "mlpa", "Dolby TrueHD"),
    ("A_ALAC", "alac", "Apple Lossless (ALAC)"),
    ("A_PCM/", "pcm", "PCM"),
    ("S_TEXT/UTF8", "srt", "SubRip"),
    ("S_TEXT/WEBVTT", "wvtt", "WebVTT"),
    ("S_TEXT/", "ass", "SSA/ASS"),
    ("S_HDMV/PGS", "pgs", "pictures (PGS)"),
    ("S_VOBSUB", "vobsub", "pictures (VobSub)"),
];

fn codec_of(id: &[u8], private: &[u8]) -> Codec {
    let id = id.split(|byte| *byte == 0).next().unwrap_or_default();
    match id {
        b"V_MPEG4/ISO/AVC" => return codec::avc(*b"avc1", private),
        b"V_MPEGH/ISO/HEVC" => return codec::hevc(*b"hvc1", private),
        b"V_AV1" => return codec::av1(private),
        b"V_VP9" => return vp9(private),
        // A BITMAPINFOHEADER, which has the code of AVI.
        b"V_MS/VFW/FOURCC" if private.len() >= 20 => return codec::four_cc([16, 17, 18, 19].map(|at| private[at])),
        b"A_AAC" => return codec::aac(private),
        // Files before 2005 have no AudioSpecificConfig.
        _ if id.starts_with(b"A_AAC/") => return codec::aac(&[]),
        _ => {}
    }
    let known = CODECS.iter().find(|(front, ..)| id.starts_with(front.as_bytes()));
    let (parameter, name): (String, _) = match known {
        Some((_, parameter, name)) => ((*parameter).into(), *name),
        None => {
            (id.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(|byte| char::from(*byte)).collect(), "unknown")
        }
    };
    match parameter {
        parameter if parameter.is_empty() => Codec { parameter: "unknown".into(), name },
        parameter => Codec { parameter, name },
    }
}

/// VP9 by its features: id, length 1, value (<https://www.webmproject.org/docs/container>). Most
/// files have none.
fn vp9(features: &[u8]) -> Codec {
    let feature = |id: u8| features.chunks_exact(3).find(|feature| feature[..2] == [id, 1]).map(|feature| feature[2]);
    match [feature(1), feature(2), feature(3)] {
        [Some(profile), Some(level), Some(depth @ 8..=12)] => codec::vp9(&[profile, level, depth << 4]),
        _ => Codec { parameter: "vp9".into(), name: "VP9" },
    }
}
