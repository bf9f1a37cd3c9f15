//! What the samples of a track are: its first sample description (stsd).

use std::ops::Range;

use super::boxes::{BoxError, Boxes, Header};
use crate::media::codec;
use crate::media::description::{Codec, Dimensions};

/// Bytes of a configuration that are read; those that matter are at its front.
const CONFIG: usize = 256;

/// What a sample description tells.
pub struct Sample {
    pub codec: Codec,
    pub channels: u16,
    /// Size of the picture as it is stored.
    pub stored: Dimensions,
    pub is_encrypted: bool,
}

/// The boxes within a sample description as far as they have been seen.
#[derive(Default)]
pub struct SampleEntry {
    codec: Option<Codec>,
    channels: Option<u16>,
    /// The code before encryption.
    original: Option<[u8; 4]>,
}

impl SampleEntry {
    /// Reads the first description in the content of stsd; None if there is none.
    pub fn read(stsd: &Range<u64>, handler: &[u8; 4], boxes: &mut Boxes) -> Result<Option<Sample>, BoxError> {
        let [version] = boxes.bytes(stsd, 0)?;
        let Some(Header { kind, content, .. }) = boxes.next(&mut (stsd.start.saturating_add(8)..stsd.end))? else {
            return Ok(None);
        };
        let mut channels = 0;
        let mut stored = Dimensions { width: 0, height: 0 };
        let fields = match handler {
            b"vide" => {
                let [width, height] = [24, 26].map(|at| boxes.bytes(&content, at).map(u16::from_be_bytes));
                stored = Dimensions { width: width?.into(), height: height?.into() };
                78
            }
            b"soun" => {
                channels = u16::from_be_bytes(boxes.bytes(&content, 16)?);
                // QuickTime has longer descriptions of versions 1 and 2, which ISO/IEC 14496-12
                // keeps apart by the version of stsd.
                match (version, boxes.bytes(&content, 8)?) {
                    (0, [0, 1]) => 28 + 16,
                    (0, [0, 2]) => {
                        channels = boxes.u32(&content, 40)?.try_into().unwrap_or(u16::MAX);
                        28 + 36
                    }
                    _ => 28,
                }
            }
            // The boxes of a subtitle description begin after strings; none is needed.
            _ => content.end - content.start,
        };
        let mut entry = SampleEntry::default();
        entry.children(kind, content.start.saturating_add(fields).min(content.end)..content.end, boxes)?;
        let is_encrypted =
            matches!(&kind, b"encv" | b"enca" | b"enct" | b"encs" | b"drms" | b"drmi") || entry.original.is_some();
        Ok(Some(Sample {
            codec: entry.codec.unwrap_or_else(|| codec::four_cc(entry.original.unwrap_or(kind))),
            channels: entry.channels.unwrap_or(channels),
            stored,
            is_encrypted,
        }))
    }

    fn children(&mut self, kind: [u8; 4], rest: Range<u64>, boxes: &mut Boxes) -> Result<(), BoxError> {
        // The scheme of encryption follows the configuration, whose code depends on it.
        if let Some(scheme) = boxes.find(rest.clone(), b"sinf")?
            && let Some(format) = boxes.find(scheme.content, b"frma")?
        {
            self.original = Some(boxes.bytes(&format.content, 0)?);
        }
        self.configurations(self.original.unwrap_or(kind), rest.clone(), boxes)?;
        // QuickTime wraps those of AAC.
        match boxes.find(rest, b"wave")? {
            Some(wave) if self.codec.is_none() => self.configurations(kind, wave.content, boxes),
            _ => Ok(()),
        }
    }

    fn configurations(&mut self, code: [u8; 4], mut rest: Range<u64>, boxes: &mut Boxes) -> Result<(), BoxError> {
        while let Some(found) = boxes.next(&mut rest)? {
            let config = match &found.kind {
                b"avcC" | b"hvcC" | b"av1C" | b"vpcC" | b"esds" | b"dac3" | b"dec3" | b"dOps" | b"dfLa" | b"alac" => {
                    boxes.up_to::<CONFIG>(&found.content, 0)?
                }
                _ => continue,
            };
            let full = config.get(4..).unwrap_or_default();
            match &found.kind {
                b"avcC" => self.codec = Some(codec::avc(code, &config)),
                b"hvcC" => self.codec = Some(codec::hevc(code, &config)),
                b"av1C" => self.codec = Some(codec::av1(&config)),
                b"vpcC" if code == *b"vp09" => self.codec = Some(codec::vp9(full)),
                b"esds" => self.stream(code, full),
                b"dac3" => self.channels = config.get(1).map(|bits| ac3_channels(bits >> 3, bits & 4)),
                b"dec3" => self.channels = config.get(3).map(|bits| ac3_channels(bits >> 1, bits & 1)),
                b"dOps" => self.channels = config.get(1).map(|channels| u16::from(*channels)),
                // After a header of four bytes, in STREAMINFO (RFC 9639 section 8.2).
                b"dfLa" => self.channels = full.get(16).map(|bits| u16::from(bits >> 1 & 7) + 1),
                _ => self.channels = full.get(9).map(|channels| u16::from(*channels)),
            }
        }
        Ok(())
    }

    /// Reads the descriptors of an MPEG-4 stream (ISO/IEC 14496-1 section 7.2.6.5).
    fn stream(&mut self, code: [u8; 4], descriptors: &[u8]) {
        let Some((object, config)) = decoder(descriptors) else { return };
        self.codec = Some(codec::mpeg4(code, object, config));
        if object == 0x40 {
            self.channels = codec::aac_channels(config);
        }
    }
}

/// The object type and the configuration of a decoder.
fn decoder(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let stream = descriptor(bytes, 3)?;
    let flags = *stream.get(2)?;
    let mut rest = stream.get(3..)?;
    for (flag, length) in [(0x80, 2), (0x40, 1 + usize::from(*rest.first()?)), (0x20, 2)] {
        if flags & flag != 0 {
            rest = rest.get(length..)?;
        }
    }
    let decoder = descriptor(rest, 4)?;
    let config = decoder.get(13..).and_then(|rest| descriptor(rest, 5)).unwrap_or_default();
    Some((*decoder.first()?, config))
}

/// The content of a descriptor of this tag, as far as it is there. Its length has seven bits to a
/// byte.
fn descriptor(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (_, mut rest) = bytes.split_first().filter(|(found, _)| **found == tag)?;
    let mut length = 0_usize;
    for _ in 0..4 {
        let (byte, after) = rest.split_first()?;
        rest = after;
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(&rest[..length.min(rest.len())])
}

/// Channels of AC-3 by acmod, in the three lowest bits, and whether it has one for low frequencies
/// (ETSI TS 102 366 section 4.4.2.3).
fn ac3_channels(mode: u8, low_frequencies: u8) -> u16 {
    [2, 1, 2, 3, 3, 4, 4, 5][usize::from(mode & 7)] + u16::from(low_frequencies != 0)
}
