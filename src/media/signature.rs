//! The format of a file, from its first bytes.

use memchr::memmem;

use super::description::Container;
use super::matroska::document_type;

/// Formats that begin with the same bytes in every file.
const MAGIC: [(&[u8], Container); 13] = [
    (b"OggS\0", Container::Ogg),
    (b"fLaC", Container::Flac),
    (b"FLV\x01", Container::Flv),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", Container::Asf),
    (b"\0\0\x01\xba", Container::MpegPs),
    (b"\xff\xd8\xff", Container::Jpeg),
    (b"\x89PNG\r\n\x1a\n", Container::Png),
    (b"GIF87a", Container::Gif),
    (b"GIF89a", Container::Gif),
    (b"II*\0", Container::Tiff),
    (b"MM\0*", Container::Tiff),
    (b"PK\x03\x04", Container::Zip),
    (b"PK\x05\x06", Container::Zip),
];

const EBML: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];

impl Container {
    /// The format of a file that begins with these bytes; 16 KiB are enough. None for text.
    pub fn of(first: &[u8]) -> Option<Container> {
        if is_text(first) {
            return text(first);
        }
        if first.starts_with(&EBML) {
            return ebml(first);
        }
        let by_magic = MAGIC.iter().find(|(magic, _)| first.starts_with(magic)).map(|(_, container)| *container);
        by_magic.or_else(|| riff(first)).or_else(|| iso(first)).or_else(|| bmp(first)).or_else(|| {
            // PDF readers take the header within the first 1,024 bytes; files have it at the front.
            let others =
                [(first.starts_with(b"%PDF-"), Container::Pdf), (is_transport_stream(first), Container::MpegTs)];
            others.iter().find(|(is, _)| *is).map(|(_, container)| *container).or_else(|| audio(first))
        })
    }
}

/// Whether no byte at the front is a control character, which a binary format always has, or a byte
/// that UTF-8 never has.
fn is_text(first: &[u8]) -> bool {
    first[..first.len().min(512)]
        .iter()
        .all(|byte| matches!(byte, b' '..=0x7e | 0x80..=0xfd | b'\t' | b'\n' | b'\r' | 0x0c))
}

fn text(first: &[u8]) -> Option<Container> {
    if first.starts_with(b"%PDF-") {
        return Some(Container::Pdf);
    }
    let mut rest = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start();
    // The XML declaration, comments, and the document type may precede the first element.
    for (open, close) in std::iter::repeat_n([("<?", "?>"), ("<!--", "-->"), ("<!DOCTYPE svg", ">")], 16).flatten() {
        if rest.starts_with(open.as_bytes()) {
            let end = memmem::find(rest, close.as_bytes())? + close.len();
            rest = rest[end..].trim_ascii_start();
        }
    }
    let after = rest.strip_prefix(b"<svg")?.first()?;
    (after.is_ascii_whitespace() || *after == b'>').then_some(Container::Svg)
}

/// A file is Matroska unless it says otherwise (RFC 9559 section 4).
fn ebml(first: &[u8]) -> Option<Container> {
    let document_type = document_type(first).map(|text| text.split(|byte| *byte == 0).next().unwrap_or_default());
    match document_type {
        None | Some(b"matroska") => Some(Container::Matroska),
        Some(b"webm") => Some(Container::WebM),
        Some(_) => None,
    }
}

fn riff(first: &[u8]) -> Option<Container> {
    match (first.get(..4)?, first.get(8..12)?) {
        (b"RIFF", b"AVI ") => Some(Container::Avi),
        (b"RIFF" | b"RF64", b"WAVE") => Some(Container::Wav),
        (b"RIFF", b"WEBP") => Some(Container::WebP),
        _ => None,
    }
}

/// The ISO base media file format (ISO/IEC 14496-12) and its ancestor, QuickTime.
fn iso(first: &[u8]) -> Option<Container> {
    // A text may have such a word here, but then the size is text as well.
    if is_text(first.get(..4)?) {
        return None;
    }
    match first.get(4..8)? {
        b"ftyp" => brand(first),
        b"wide" | b"pnot" => Some(Container::QuickTime),
        // Section 4.3.1: a file without a file type box is read as one with the brand mp41.
        b"moov" | b"mdat" | b"free" | b"skip" | b"styp" | b"moof" | b"sidx" => Some(Container::Mp4),
        _ => None,
    }
}

fn brand(first: &[u8]) -> Option<Container> {
    let size = u32::from_be_bytes(*first.first_chunk()?) as usize;
    let compatible = first.get(16..size.min(first.len())).unwrap_or_default();
    match first.get(8..12)? {
        b"qt  " => Some(Container::QuickTime),
        b"avif" | b"avis" => Some(Container::Avif),
        b"mif1" | b"msf1" if compatible.chunks(4).any(|brand| brand == b"avif") => Some(Container::Avif),
        b"mif1" | b"msf1" | b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Some(Container::Heic),
        // Pictures of other formats: Canon CR3, JPEG 2000, JPEG XL.
        b"crx " | b"jp2 " | b"jpx " | b"jxl " => None,
        _ => Some(Container::Mp4),
    }
}

fn bmp(first: &[u8]) -> Option<Container> {
    let header_size = u32::from_le_bytes(first.get(14..18)?.try_into().ok()?);
    let is_bmp = first.starts_with(b"BM") && first[6..10] == [0; 4] && (12..=124).contains(&header_size);
    is_bmp.then_some(Container::Bmp)
}

/// Whether three packets in a row begin with the sync byte (ISO/IEC 13818-1 section 2.4.3.2). On
/// Blu-ray discs each follows a time stamp of 4 bytes.
fn is_transport_stream(first: &[u8]) -> bool {
    let is_packet =
        |at: usize| first.get(at) == Some(&0x47) && first.get(at + 3).is_some_and(|flags| flags & 0x30 != 0);
    [(0, 188), (4, 192)].iter().any(|(start, size)| (0..3).all(|packet| is_packet(start + packet * size)))
}

fn audio(first: &[u8]) -> Option<Container> {
    let tag = id3_length(first).unwrap_or(0);
    let frames = first.get(tag..).unwrap_or_default();
    if tag > 0 && frames.starts_with(b"fLaC") {
        return Some(Container::Flac);
    }
    let two = |length: fn(&[u8]) -> Option<usize>| {
        let second = frames.get(length(frames)?..)?;
        length(second)
    };
    if two(adts_length).is_some() {
        return Some(Container::Aac);
    }
    (tag > 0 || two(mpeg_audio_length).is_some()).then_some(Container::Mp3)
}

/// The length of the ID3v2 tag at the front, header and footer included.
pub(super) fn id3_length(first: &[u8]) -> Option<usize> {
    let header = first.first_chunk::<10>()?;
    let is_tag = header.starts_with(b"ID3") && header[3] != 0xff && header[6..].iter().all(|byte| *byte < 0x80);
    let size = header[6..].iter().fold(0, |size, byte| size << 7 | usize::from(*byte));
    let footer = if header[5] & 0x10 != 0 { 10 } else { 0 };
    is_tag.then_some(10 + size + footer)
}

/// The length of the ADTS frame at the front (ISO/IEC 14496-3, 1.A.2.2).
fn adts_length(frame: &[u8]) -> Option<usize> {
    let header = frame.first_chunk::<7>()?;
    let is_frame = header[0] == 0xff && header[1] & 0xf6 == 0xf0 && header[2] >> 2 & 0xf < 13;
    let length = usize::from(header[3] & 3) << 11 | usize::from(header[4]) << 3 | usize::from(header[5] >> 5);
    (is_frame && length > 7).then_some(length)
}

/// The length of the MPEG audio frame of layer II or III at the front (ISO/IEC 11172-3 section
/// 2.4.2.3, ISO/IEC 13818-3).
fn mpeg_audio_length(frame: &[u8]) -> Option<usize> {
    const KBITS: [[usize; 14]; 3] = [
        [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    let header = frame.first_chunk::<4>()?;
    let (version, layer) = (header[1] >> 3 & 3, header[1] >> 1 & 3);
    if header[0] != 0xff || header[1] & 0xe0 != 0xe0 || version == 1 || !matches!(layer, 1 | 2) {
        return None;
    }
    let is_mpeg_1 = version == 3;
    let row = if !is_mpeg_1 { 2 } else { usize::from(layer == 1) };
    let bits = 1000 * KBITS[row].get(usize::from(header[2] >> 4).checked_sub(1)?)?;
    let rate = [44_100, 48_000, 32_000].get(usize::from(header[2] >> 2 & 3))? >> [2, 2, 1, 0][usize::from(version)];
    let samples = if layer == 1 && !is_mpeg_1 { 576 } else { 1152 };
    Some(samples / 8 * bits / rate + usize::from(header[2] >> 1 & 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of the same header, filled with zeros.
    fn frames(header: &[u8], length: usize) -> Vec<u8> {
        let mut frame = header.to_vec();
        frame.resize(length, 0);
        frame.repeat(2)
    }

    fn packets(start: usize, size: usize) -> Vec<u8> {
        let mut bytes = vec![0; start + 3 * size];
        for packet in bytes[start..].chunks_mut(size) {
            packet[..4].copy_from_slice(&[0x47, 0x40, 0, 0x10]);
        }
        bytes
    }

    fn tagged(after: &[u8]) -> Vec<u8> {
        [b"ID3\x04\0\0\0\0\x01\x01".as_slice(), &[0; 129], after].concat()
    }

    #[test]
    fn first_bytes_tell_the_format() {
        let mp3 = frames(&[0xff, 0xfb, 0x90, 0x64], 417);
        let aac = frames(&[0xff, 0xf1, 0x50, 0x80, 0x02, 0x1f, 0xfc], 16);
        let rows: [(&[u8], Container); 46] = [
            (b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2", Container::Mp4),
            (b"\0\0\0\x18ftypM4A \0\0\x02\0isomiso2", Container::Mp4),
            (b"\0\0\0\x18ftypM4B \0\0\x02\0isomiso2", Container::Mp4),
            (b"\0\0\0\x14ftypqt  \0\0\x02\0qt  ", Container::QuickTime),
            (b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", Container::Avif),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", Container::Avif),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", Container::Heic),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Container::Heic),
            (b"\0\0\0\x08wide\0\0\0\0mdat", Container::QuickTime),
            (b"\0\0\x10\0moov\0\0\0\x6cmvhd", Container::Mp4),
            (b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\0", Container::Mp4),
            (b"\0\0\0\x08free", Container::Mp4),
            (b"\0\0\0\x08skip", Container::Mp4),
            (b"\0\0\0\x18styp", Container::Mp4),
            (b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm", Container::WebM),
            (b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska", Container::Matroska),
            (b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88webm\0\0\0\0", Container::WebM),
            (b"\x1a\x45\xdf\xa3\x88\x42\x82\x40\x04webm", Container::WebM),
            (b"\x1a\x45\xdf\xa3\x84\x42\x86\x81\x01", Container::Matroska),
            (b"RIFF\x10\0\0\0AVI LIST", Container::Avi),
            (b"RIFF\x10\0\0\0WAVEfmt ", Container::Wav),
            (b"RF64\xff\xff\xff\xffWAVEds64\x1c\0", Container::Wav),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Container::WebP),
            (b"FLV\x01\x05\0\0\0\x09", Container::Flv),
            (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", Container::Asf),
            (&packets(0, 188), Container::MpegTs),
            (&packets(4, 192), Container::MpegTs),
            (b"\0\0\x01\xba\x44\0\x04", Container::MpegPs),
            (&mp3, Container::Mp3),
            (&tagged(&mp3), Container::Mp3),
            (b"ID3\x03\0\0\0\x10\0\0 a cover comes first", Container::Mp3),
            (&aac, Container::Aac),
            (&tagged(&aac), Container::Aac),
            (&tagged(b"fLaC\0\0\0\x22"), Container::Flac),
            (b"fLaC\0\0\0\x22", Container::Flac),
            (b"OggS\0\x02", Container::Ogg),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", Container::Jpeg),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Container::Png),
            (b"GIF89a\x01\0\x01\0", Container::Gif),
            (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", Container::Bmp),
            (b"II*\0\x08\0\0\0", Container::Tiff),
            (b"MM\0*\0\0\0\x08", Container::Tiff),
            (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", Container::Pdf),
            (b"PK\x03\x04\x14\0", Container::Zip),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Container::Svg),
            (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a > b -->\n<!DOCTYPE svg>\n<svg>", Container::Svg),
        ];
        for (first, container) in rows {
            assert_eq!(Container::of(first), Some(container), "{}", first.escape_ascii());
        }
    }

    #[test]
    fn other_bytes_tell_none() {
        let mp3 = frames(&[0xff, 0xfb, 0x90, 0x64], 417);
        let sync_bytes = "G".repeat(4096);
        let rows: [&[u8]; 21] = [
            b"",
            b"\0",
            b"How free is free?",
            b"Set moov first\n",
            b"ftypisom",
            b"ID3 is a tag",
            b"RIFF\nAND AVI \n",
            b"BMW\nand others, some of which are longer",
            b"OggS",
            b"GIF89a is a picture",
            b"PKZIP",
            b"II*",
            b"<html><svg></svg></html>",
            b"<!DOCTYPE html><svg>",
            b"<?xml version='1.0'?><html><svg/></html>",
            b"<svgfoo>",
            sync_bytes.as_bytes(),
            // UTF-16 begins as a frame of layer I would.
            b"\xff\xfeW\0E\0B\0V\0T\0T\0\n\0",
            &mp3[..417],
            b"\0\0\0\x14ftypcrx \0\0\0\0",
            b"\x1a\x45\xdf\xa3\x87\x42\x82\x84fake",
        ];
        for first in rows {
            assert_eq!(Container::of(first), None, "{}", first.escape_ascii());
        }
    }

    #[test]
    fn a_format_that_is_cut_short_is_no_other() {
        let packets = packets(0, 188);
        for whole in [b"\x1a\x45\xdf\xa3\x87\x42\x82\x84webm".as_slice(), b"RIFF\x10\0\0\0AVI LIST", &packets] {
            for length in 0..whole.len() {
                let container = Container::of(&whole[..length]);
                assert!(matches!(
                    container,
                    None | Some(Container::WebM | Container::Matroska | Container::Avi | Container::MpegTs)
                ));
            }
        }
    }
}
