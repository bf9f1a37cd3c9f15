//! MP4, M4A and QuickTime files: ISO/IEC 14496-12 and -14, and Apple's QuickTime File Format.

pub mod boxes;
