"""A folder to browse, made of the sample media, the standard library, and by ffmpeg."""

import shutil
import struct
import subprocess
import wave
import zlib
from pathlib import Path

CONTENT = Path(__file__).resolve().parent.parent.parent / "content"

SERIES = "Night Trains"
EPISODES = [f"Night Trains S01E{number} - {name}.mp4" for number, name in [
    (1, "Departure"), (2, "The Sleeping Car"), (10, "Terminus")]]
TRACKS = ["1 Overture.wav", "2 Slow Train.wav", "10 Last Stop.wav"]
PICTURES = ["Station 1.png", "Station 2.png", "Station 10.png"]
HOSTILE = "\"><script>document.title='owned'<script>.mp4"
UNPLAYABLE = "old.avi"

CINEMA = "Cinema"
# Each of two sounds, the first of 440 Hz and the second of 880.
TWO_LANGUAGES = ["Two languages.mp4", "Two languages.mkv"]
AC3_FIRST, AC3_ALONE, HEVC, TAGGED = "AC-3 first.mp4", "AC-3 alone.mp4", "HEVC.mp4", "tagged.flac"
CHAPTERS = ";FFMETADATA1\n" + "".join(
    f"[CHAPTER]\nTIMEBASE=1/1\nSTART={start}\nEND={end}\ntitle={title}\n"
    for start, end, title in [(0, 8, "Departure"), (8, 20, "The Night & the Rain")])

# For the whole of the sample film.
SUBTITLES = "1\n00:00:00,000 --> 00:01:00,000\n{{\\an8}}<i>{}</i> & more\n"


def fill(folder):
    """Fills an empty folder."""
    series = folder / SERIES
    for name in (series, folder / "Music", folder / "Photos", folder / "Other", folder / CINEMA):
        name.mkdir()
    for name in EPISODES:
        shutil.copy(CONTENT / "clock.mp4", series / name)
    stem = EPISODES[0].removesuffix(".mp4")
    (series / f"{stem}.en.srt").write_text(SUBTITLES.format("All aboard"))
    (series / f"{stem}.de.srt").write_text(SUBTITLES.format("Alles einsteigen"))
    shutil.copy(CONTENT / "clock.jpg", series / "poster.jpg")
    for place, name in enumerate(TRACKS):
        tone(folder / "Music" / name, seconds=1.5, period=100 + 20 * place)
    shutil.copy(CONTENT / "clock.jpg", folder / "Music" / "cover.jpg")
    for place, name in enumerate(PICTURES):
        picture(folder / "Photos" / name, 90 * place)
    shutil.copy(CONTENT / "extras/short.webm", folder / "Other" / HOSTILE)
    (folder / "Other" / UNPLAYABLE).write_bytes(bytes(range(256)) * 1000)
    cinema(folder / CINEMA)


def tone(path, seconds, period):
    """A triangle wave, 8 bits at 8 kHz; `period` in samples."""
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 1, 8000, 0, "NONE", ""))
        out.writeframes(bytes(128 + abs(place % period - period // 2) // 2 for place in range(int(8000 * seconds))))


def picture(path, shade, width=960, height=640):
    """A PNG of a gradient."""
    rows = b"".join(
        b"\0" + b"".join(bytes((shade, row * 255 // height, column * 255 // width)) for column in range(width))
        for row in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def cinema(folder):
    """Films with several sounds, and with codecs that not every browser plays."""
    picture = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=12:d=20"]
    sounds = ["-f", "lavfi", "-i", "sine=440:d=20", "-f", "lavfi", "-i", "sine=880:d=20"]
    h264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "12"]

    def encode(name, *arguments):
        command = ["ffmpeg", "-nostdin", "-v", "error", *arguments, folder / name]
        subprocess.run(command, check=True, timeout=120)

    chapters = folder / "chapters.txt"
    chapters.write_text(CHAPTERS)
    both = ["-map", "0:v", "-map", "1:a", "-map", "2:a"]
    languages = ["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"]
    for name in TWO_LANGUAGES:
        encode(name, *picture, *sounds, "-i", chapters, *both, "-map_chapters", "3", *h264, "-c:a", "aac", *languages)
    encode(AC3_FIRST, *picture, *sounds, *both, *h264, "-c:a:0", "ac3", "-c:a:1", "aac", *languages)
    encode(AC3_ALONE, *picture, *sounds[:4], *h264, "-c:a", "ac3")
    encode(HEVC, *picture, *sounds[:4], "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none",
           "-tag:v", "hvc1", "-c:a", "aac")
    encode(TAGGED, *sounds[:4], "-c:a", "flac", "-metadata", "title=Slow Train", "-metadata", "artist=The Rails")
    chapters.unlink()
