//! What codecs are called: for `codecs=` of a media type (RFC 6381 and the bindings of each codec),
//! and for people.

use super::description::Codec;

/// Codecs of which the four-character code says everything, or of which the rest does not matter
/// to browsers: the codes, the parameter if it is not the code, the name.
const FOUR_CC: [(&[&[u8; 4]], &str, &str); 35] = [
    (&[b"avc1", b"avc2", b"avc3", b"avc4", b"dva1", b"dvav"], "", "H.264"),
    (&[b"hvc1", b"hev1"], "", "HEVC (H.265)"),
    (&[b"dvh1", b"dvhe"], "", "Dolby Vision"),
    (&[b"vvc1", b"vvi1"], "", "VVC (H.266)"),
    (&[b"av01"], "", "AV1"),
    (&[b"vp08"], "", "VP8"),
    (&[b"vp09"], "", "VP9"),
    (&[b"mp4v", b"XVID", b"xvid", b"DIVX", b"divx", b"DX50", b"FMP4"], "mp4v.20", "MPEG-4 ASP"),
    (&[b"s263", b"h263", b"H263"], "", "H.263"),
    (&[b"jpeg", b"mjpa", b"mjpb", b"MJPG"], "", "Motion JPEG"),
    (&[b"apch", b"apcn", b"apcs", b"apco", b"ap4h", b"ap4x", b"aprn"], "", "ProRes"),
    (&[b"AVdn", b"AVdh"], "", "DNxHD"),
    (&[b"m2v1", b"mp2v", b"hdv1", b"hdv2", b"hdv3", b"xdv1", b"xdv2", b"xdv3"], "", "MPEG-2"),
    (&[b"mp1v", b"m1v "], "", "MPEG-1"),
    (&[b"FFV1"], "", "FFV1"),
    (&[b"dvc ", b"dvcp", b"dvpp", b"dv5n", b"dv5p", b"dvhp", b"dvh5", b"dvh6"], "", "DV"),
    (&[b"SVQ1", b"SVQ3"], "", "Sorenson Video"),
    (&[b"cvid"], "", "Cinepak"),
    (&[b"png "], "", "PNG"),
    (&[b"rle ", b"raw ", b"2vuy", b"yuv2", b"v210", b"v308", b"v408", b"b64a"], "", "uncompressed"),
    (&[b"mp4a"], "", "MPEG-4 audio"),
    (&[b"ac-3", b"sac3"], "ac-3", "Dolby Digital (AC-3)"),
    (&[b"ec-3"], "", "Dolby Digital Plus (E-AC-3)"),
    (&[b"ac-4"], "", "Dolby AC-4"),
    (&[b"mlpa"], "", "Dolby TrueHD"),
    (&[b"dtsc", b"dtse", b"dtsh", b"dtsl", b"dtsx", b"dtsy"], "", "DTS"),
    (&[b"Opus"], "opus", "Opus"),
    (&[b"fLaC"], "flac", "FLAC"),
    (&[b"alac"], "", "Apple Lossless (ALAC)"),
    (&[b".mp3", b"ms\0\x55"], "mp3", "MP3"),
    (&[b"samr", b"sawb", b"sawp"], "", "AMR"),
    (&[b"sowt", b"twos", b"lpcm", b"ipcm", b"fpcm", b"in24", b"in32", b"fl32", b"fl64", b"NONE"], "", "PCM"),
    (&[b"ulaw", b"alaw"], "", "G.711"),
    (&[b"tx3g", b"text", b"wvtt", b"stpp", b"sbtl", b"c608", b"c708"], "", "text"),
    (&[b"mp4s", b"subp"], "", "pictures (VobSub)"),
];

/// A codec by the four-character code of a sample entry or of AVI.
pub fn four_cc(code: [u8; 4]) -> Codec {
    let known = FOUR_CC.iter().find(|(codes, ..)| codes.contains(&&code));
    let (parameter, name) = known.map_or(("", "unknown"), |(_, parameter, name)| (*parameter, *name));
    match parameter {
        "" => Codec { parameter: sanitized(&code), name },
        _ => Codec { parameter: parameter.into(), name },
    }
}

/// The letters, digits and `.`, `-`, `_` of a code, which need no quoting anywhere.
fn sanitized(code: &[u8]) -> String {
    let is_safe = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    match code.iter().copied().filter(is_safe).map(char::from).collect::<String>() {
        nothing if nothing.is_empty() => "unknown".into(),
        code => code,
    }
}

/// A codec by its code, with the rest of its parameter if that is known.
fn with_profile(code: [u8; 4], profile: Option<String>) -> Codec {
    let codec = four_cc(code);
    match profile {
        Some(profile) => Codec { parameter: format!("{}.{profile}", codec.parameter), ..codec },
        None => codec,
    }
}

/// H.264 by its AVCDecoderConfigurationRecord, which Matroska has as CodecPrivate (RFC 6381 section
/// 3.3, ISO/IEC 14496-15 section 5.3).
pub fn avc(code: [u8; 4], config: &[u8]) -> Codec {
    let profile = match config {
        [1, profile, constraints, level, ..] => Some(format!("{profile:02x}{constraints:02x}{level:02x}")),
        _ => None,
    };
    with_profile(code, profile)
}

/// HEVC by its HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 sections 8.3 and E.3).
pub fn hevc(code: [u8; 4], config: &[u8]) -> Codec {
    let profile = config.get(1..13).map(|config| {
        let space = ["", "A", "B", "C"][usize::from(config[0] >> 6)];
        let tier = if config[0] & 0x20 == 0 { 'L' } else { 'H' };
        let compatibility = config[1..5].iter().fold(0, |flags, byte| flags << 8 | u32::from(*byte)).reverse_bits();
        let constraints = &config[5..11];
        let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let constraints: String = constraints[..used].iter().map(|byte| format!(".{byte:X}")).collect();
        format!("{space}{}.{compatibility:X}.{tier}{}{constraints}", config[0] & 0x1f, config[11])
    });
    with_profile(code, profile)
}

/// AV1 by its AV1CodecConfigurationRecord, which Matroska has as CodecPrivate (AV1 in ISOBMFF,
/// sections 2.3 and 5).
pub fn av1(config: &[u8]) -> Codec {
    // Chromium and Firefox refuse `av01` alone; level 3.0 in 8 bits is what a phone can play.
    let profile = match config {
        [0x81, profile, flags, ..] => {
            let tier = if flags & 0x80 == 0 { 'M' } else { 'H' };
            let depth = match (flags & 0x40, flags & 0x20) {
                (0, _) => 8,
                (_, 0) => 10,
                _ => 12,
            };
            format!("{}.{:02}{tier}.{depth:02}", profile >> 5, profile & 0x1f)
        }
        _ => "0.04M.08".into(),
    };
    with_profile(*b"av01", Some(profile))
}

/// VP9 by the content of its VPCodecConfigurationRecord after version and flags: profile, level,
/// bit depth (VP Codec ISO Media File Format Binding).
pub fn vp9(config: &[u8]) -> Codec {
    let [profile, level, depth] = match config {
        [profile, level, depth, ..] => [*profile, *level, depth >> 4],
        _ => [0, 10, 8],
    };
    with_profile(*b"vp09", Some(format!("{profile:02}.{level:02}.{depth:02}")))
}

/// AAC, or another codec of MPEG-4 audio, by its AudioSpecificConfig, which Matroska has as
/// CodecPrivate (ISO/IEC 14496-3 section 1.6.2.1). AAC-LC if there is none.
pub fn aac(config: &[u8]) -> Codec {
    let object = audio_object(config).unwrap_or(2);
    let name = match object {
        5 | 29 => "HE-AAC",
        32..=34 => "MP3",
        36 => "MPEG-4 ALS",
        42 => "xHE-AAC",
        _ => "AAC",
    };
    Codec { parameter: format!("mp4a.40.{object}"), name }
}

/// The audio object type of an AudioSpecificConfig, and the bits that follow it.
fn audio_object_and_rest(config: &[u8]) -> Option<(u8, u64)> {
    let bits = config.iter().chain([0; 8].iter()).take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte));
    config.first()?;
    Some(match (bits >> 59) as u8 {
        31 => (32 + ((bits >> 53) as u8 & 0x3f), bits << 11),
        object => (object, bits << 5),
    })
}

fn audio_object(config: &[u8]) -> Option<u8> {
    audio_object_and_rest(config).map(|(object, _)| object).filter(|object| *object != 0)
}

/// Audio channels by an AudioSpecificConfig; None if it describes them elsewhere.
pub fn aac_channels(config: &[u8]) -> Option<u16> {
    let (_, bits) = audio_object_and_rest(config)?;
    // A sampling rate that is not in the table is given in 24 bits.
    let bits = if bits >> 60 == 15 { bits << 28 } else { bits << 4 };
    match bits >> 60 {
        channels @ 1..=6 => Some(channels as u16),
        7 | 12 | 14 => Some(8),
        11 => Some(7),
        _ => None,
    }
}

/// A codec by the object type of an MPEG-4 stream and its decoder-specific configuration: what
/// `esds` has within `mp4a` and `mp4v` (RFC 6381 section 3.3, mp4ra.org).
pub fn mpeg4(code: [u8; 4], object: u8, config: &[u8]) -> Codec {
    let name = match object {
        0x40 => return aac(config),
        0xa5 => return four_cc(*b"ac-3"),
        0xa6 => return four_cc(*b"ec-3"),
        0xad => return four_cc(*b"Opus"),
        0x20 => "MPEG-4 ASP",
        0x21 => "H.264",
        0x60..=0x65 => "MPEG-2",
        0x66..=0x68 => "AAC",
        0x69 | 0x6b => "MP3",
        0x6a => "MPEG-1",
        0x6c => "Motion JPEG",
        0xa9..=0xac => "DTS",
        0xdd if code == *b"mp4a" => return Codec { parameter: "vorbis".into(), name: "Vorbis" },
        _ => four_cc(code).name,
    };
    // The profile and level of the visual object sequence (ISO/IEC 14496-2 section 6.3.2).
    let profile = match config {
        [0, 0, 1, 0xb0, profile, ..] if object == 0x20 => format!(".{profile}"),
        _ => String::new(),
    };
    Codec { parameter: format!("{}.{object:02X}{profile}", sanitized(&code)), name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_is(codec: Codec, parameter: &str, name: &str) {
        assert_eq!((codec.parameter.as_str(), codec.name), (parameter, name));
    }

    #[test]
    fn h264_has_profile_constraints_and_level() {
        assert_is(avc(*b"avc1", &[1, 0x64, 0, 0x1f, 0xff]), "avc1.64001f", "H.264");
        assert_is(avc(*b"avc3", &[1, 0x42, 0xc0, 0x0a]), "avc3.42c00a", "H.264");
        for config in [&[][..], &[1, 0x64, 0], &[0, 0x64, 0, 0x1f]] {
            assert_is(avc(*b"avc1", config), "avc1", "H.264");
        }
    }

    #[test]
    fn hevc_has_profile_compatibility_tier_level_and_constraints() {
        // The examples of ISO/IEC 14496-15 section E.3, and what x265 writes.
        let main = [1, 0x01, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93];
        assert_is(hevc(*b"hvc1", &main), "hvc1.1.6.L93.B0", "HEVC (H.265)");
        let high = [1, 0x64 | 0x20, 0x20, 0, 0, 0, 0xb0, 0x23, 0, 0, 0, 0, 120];
        assert_is(hevc(*b"hev1", &high), "hev1.A4.4.H120.B0.23", "HEVC (H.265)");
        let plain = [1, 0x02, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 153];
        assert_is(hevc(*b"hvc1", &plain), "hvc1.2.4.L153", "HEVC (H.265)");
        assert_is(hevc(*b"hvc1", &main[..12]), "hvc1", "HEVC (H.265)");
    }

    #[test]
    fn av1_and_vp9_have_profile_level_and_depth() {
        assert_is(av1(&[0x81, 0x04, 0x0c, 0]), "av01.0.04M.08", "AV1");
        assert_is(av1(&[0x81, 0x2d, 0xc0, 0]), "av01.1.13H.10", "AV1");
        assert_is(av1(&[0x81, 0x4d, 0x60, 0]), "av01.2.13M.12", "AV1");
        assert_is(av1(&[]), "av01.0.04M.08", "AV1");
        assert_is(vp9(&[2, 41, 0xa2]), "vp09.02.41.10", "VP9");
        assert_is(vp9(&[0, 10, 0x82, 2]), "vp09.00.10.08", "VP9");
        assert_is(vp9(&[]), "vp09.00.10.08", "VP9");
    }

    #[test]
    fn aac_has_its_object_type_and_channels() {
        for (config, parameter, name, channels) in [
            (&[0x12, 0x10][..], "mp4a.40.2", "AAC", Some(2)),
            (&[0x11, 0xb0], "mp4a.40.2", "AAC", Some(6)),
            (&[0x11, 0xb8], "mp4a.40.2", "AAC", Some(8)),
            (&[0x11, 0x80], "mp4a.40.2", "AAC", None),
            (&[0x2b, 0x92, 0x08, 0], "mp4a.40.5", "HE-AAC", Some(2)),
            (&[0xeb, 0x8a, 0x08, 0], "mp4a.40.29", "HE-AAC", Some(1)),
            (&[0xf9, 0x46, 0x40], "mp4a.40.42", "xHE-AAC", Some(2)),
            (&[0x17, 0x80, 0x5d, 0xc0, 0x10], "mp4a.40.2", "AAC", Some(2)),
            (&[], "mp4a.40.2", "AAC", None),
            (&[0x12], "mp4a.40.2", "AAC", None),
            (&[0xff; 9], "mp4a.40.95", "AAC", None),
        ] {
            assert_is(aac(config), parameter, name);
            assert_eq!(aac_channels(config), channels, "{config:?}");
        }
    }

    #[test]
    fn an_mpeg4_stream_is_told_by_its_object_type() {
        for (code, object, config, parameter, name) in [
            (b"mp4a", 0x40, &[0x12, 0x10][..], "mp4a.40.2", "AAC"),
            (b"mp4a", 0x6b, &[], "mp4a.6B", "MP3"),
            (b"mp4a", 0x67, &[], "mp4a.67", "AAC"),
            (b"mp4a", 0xa9, &[], "mp4a.A9", "DTS"),
            (b"mp4a", 0xdd, &[], "vorbis", "Vorbis"),
            (b"mp4v", 0x20, &[0, 0, 1, 0xb0, 9, 0], "mp4v.20.9", "MPEG-4 ASP"),
            (b"mp4v", 0x20, &[], "mp4v.20", "MPEG-4 ASP"),
            (b"mp4v", 0x61, &[], "mp4v.61", "MPEG-2"),
            (b"mp4a", 0xff, &[], "mp4a.FF", "MPEG-4 audio"),
        ] {
            assert_is(mpeg4(*code, object, config), parameter, name);
        }
    }

    #[test]
    fn an_unknown_code_is_made_safe() {
        assert_is(four_cc(*b"Opus"), "opus", "Opus");
        assert_is(four_cc(*b"dtsc"), "dtsc", "DTS");
        assert_is(four_cc(*b"DIVX"), "mp4v.20", "MPEG-4 ASP");
        assert_is(four_cc(*b"ab-9"), "ab-9", "unknown");
        assert_is(four_cc(*b"a\",\n"), "a", "unknown");
        assert_is(four_cc(*b"\xff\0 ;"), "unknown", "unknown");
    }

    #[test]
    fn no_code_means_two_codecs() {
        let mut codes: Vec<_> = FOUR_CC.iter().flat_map(|(codes, ..)| *codes).collect();
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }
}
