#!/usr/bin/env python3
"""Lets Debian's clients fetch and play the sample film under --part-policy players, and sees that
each gets every byte of it: curl, wget, aria2, rclone and ffmpeg; without --short also GStreamer, mpv,
VLC, Chromium and Firefox, which play it and download it. rclone also copies a folder of awkward names
under --part-policy never. Exits 1 if a byte is missing."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import peers

PATIENCE_SECONDS = 120
PART = 5 * 1024 * 1024
FILM = peers.ROOT / "content/clock.mp4"
PACKAGES = {
    "curl": "curl", "wget": "wget", "aria2c": "aria2", "rclone": "rclone", "ffmpeg": "ffmpeg", "mpv": "mpv",
    "gst-launch-1.0": "gstreamer1.0-tools gstreamer1.0-plugins-good", "cvlc": "vlc-bin", "chromium": "chromium",
    "firefox-esr": "firefox-esr",
}
SHORT = ("curl", "wget", "aria2c", "rclone", "ffmpeg")
AWKWARD = (
    "a b.txt", "100%.txt", "%41.txt", "a#b.txt", "a?b.txt", "\"quoted\" 'twice'.txt", "a&b;c.txt", "<b>.txt", "é日.txt",
    "a:b.txt", "+plus+.txt", "x" * 251 + ".txt", "sub folder/é/deep.txt",
)
# Plays the film, downloads it by a plain link, fetches it, and requests a path with the outcome.
PAGE = """<!doctype html><video id=film src="clock.mp4?played" muted></video><a id=link href="clock.mp4" download="saved.mp4"></a>
<script>
film.onended = async () => {
    const bytes = (await (await fetch('clock.mp4?fetched')).arrayBuffer()).byteLength;
    link.click();
    fetch(`told?seconds=${Math.round(film.currentTime)}&bytes=${bytes}`);
};
film.playbackRate = 8;
film.play();
</script>"""


def run(*command, **options):
    """Runs a client to its end, and says on standard error what it said if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_SECONDS, **options)
    if done.returncode:
        sys.stderr.write(done.stdout.decode(errors="replace")[-2000:])
    return done


def saved(path):
    """What is wrong with a copy of the film; nothing if it has every byte."""
    size = path.stat().st_size if path.exists() else 0
    same = size == FILM.stat().st_size and path.read_bytes() == FILM.read_bytes()
    return "" if same else f"{size} of {FILM.stat().st_size} bytes"


def access_log(work):
    return (work / "access.log").read_text()


def wait_for(is_so):
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_so() and time.monotonic() < until:
        time.sleep(0.1)


def curl(url, work):
    run("curl", "-sS", "-o", work / "curl", f"{url}/clock.mp4")
    return saved(work / "curl")


def curl_resumes(url, work):
    (work / "resumed").write_bytes(FILM.read_bytes()[:1000])
    run("curl", "-sS", "-C", "-", "-o", work / "resumed", f"{url}/clock.mp4")
    return saved(work / "resumed")


def wget(url, work):
    run("wget", "-q", "-O", work / "wget", f"{url}/clock.mp4")
    return saved(work / "wget")


def aria2c(url, work):
    run("aria2c", "-q", "-x", "2", "-s", "2", "-d", work, "-o", "aria2", f"{url}/clock.mp4")
    return saved(work / "aria2")


def rclone(url, work):
    run("rclone", "--config", "", "copyurl", f"{url}/clock.mp4", work / "rclone")
    return saved(work / "rclone")


def ffmpeg(url, work):
    def packets(source):
        return run("ffmpeg", "-v", "error", "-i", source, "-map", "0", "-c", "copy", "-f", "md5", "-").stdout
    found, expected = packets(f"{url}/clock.mp4"), packets(FILM)
    return "" if found == expected else f"{found} instead of {expected}"


def gst_launch(url, work):
    run("gst-launch-1.0", "-q", "souphttpsrc", f"location={url}/clock.mp4", "!", "filesink", f"location={work}/gst")
    return saved(work / "gst")


def mpv(url, work):
    run("mpv", "--no-config", "--really-quiet", f"--stream-dump={work}/mpv", f"{url}/clock.mp4")
    return saved(work / "mpv")


def vlc(*arguments):
    """VLC refuses to run as root."""
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        os.chmod(home, 0o777)
        run(*user, "cvlc", "-I", "dummy", "--vout", "dummy", "--aout", "dummy", *arguments, "vlc://quit",
            env={**os.environ, "HOME": home})


def cvlc(url, work):
    vlc("--demux", "dump", "--demuxdump-file", work / "vlc", f"{url}/clock.mp4")
    return saved(work / "vlc")


def cvlc_playlist(url, work):
    vlc("--rate", "16", f"{url}/clock.mp4?m3u")
    sent = re.findall(r'"GET /clock\.mp4\?whole HTTP/1\.1" 20\d (\d+)', access_log(work))
    return "" if sum(map(int, sent)) >= FILM.stat().st_size else f"bytes sent: {sent}"


def browser(url, work, name, command):
    """Opens the page in a browser, and looks at what the page and the access log tell."""
    before = len(access_log(work))
    process = subprocess.Popen(
        [*command, f"{url}/page.html"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for(lambda: "GET /told?" in access_log(work)[before:] and not saved(work / name / "saved.mp4"))
    finally:
        # Its helpers are in the session that was started for it.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    log = access_log(work)[before:]
    told = re.search(r"/told\?seconds=(\d+)&bytes=(\d+)", log)
    if not told or told.groups() != ("60", str(FILM.stat().st_size)):
        return f"seconds and bytes: {told and told.groups()}"
    parts = [int(sent) for sent in re.findall(r'"GET /clock\.mp4\?played HTTP/1\.1" 206 (\d+)', log)]
    if len(parts) < 2 or max(parts) > PART:
        return f"played in parts of {parts}"
    return saved(work / name / "saved.mp4")


def chromium(url, work):
    downloads = work / "chromium"
    profile = work / "chromium-profile/Default"
    downloads.mkdir()
    profile.mkdir(parents=True)
    preferences = {"download": {"default_directory": str(downloads), "prompt_for_download": False}}
    (profile / "Preferences").write_text(json.dumps(preferences))
    return browser(url, work, "chromium", [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--mute-audio",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--autoplay-policy=no-user-gesture-required", f"--user-data-dir={profile.parent}"])


def firefox_esr(url, work):
    downloads, profile = work / "firefox", work / "firefox-profile"
    downloads.mkdir()
    profile.mkdir()
    preferences = {
        "browser.download.folderList": 2, "browser.download.dir": str(downloads), "media.autoplay.default": 0,
        "datareporting.policy.dataSubmissionEnabled": False, "app.update.enabled": False,
    }
    (profile / "user.js").write_text("".join(
        f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()))
    return browser(url, work, "firefox", ["firefox-esr", "--headless", "--no-remote", "--profile", profile])


def rclone_copy(url, content, work):
    run("rclone", "--config", "", "copy", "--http-url", url, ":http:awkward", work / "copied")
    def files(folder):
        return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    copied, expected = files(work / "copied"), files(content / "awkward")
    wrong = [str(name) for name in expected if copied.get(name) != expected[name]]
    return "" if copied == expected else f"missing or other: {wrong}"


def main():
    is_short = sys.argv[1:] == ["--short"]
    programs = SHORT if is_short else tuple(PACKAGES)
    if missing := [program for program in programs if not shutil.which(program)]:
        packages = " ".join(PACKAGES[program] for program in missing)
        sys.exit(f"clients: missing: {' '.join(missing)}; on Debian: apt-get install {packages}")
    peers.build()
    clients = [curl, curl_resumes, wget, aria2c, rclone, ffmpeg]
    if not is_short:
        clients += [gst_launch, mpv, cvlc, cvlc_playlist, chromium, firefox_esr]
    failed = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        content, work = Path(folder, "content"), Path(folder, "work")
        work.mkdir()
        # VLC runs as another user.
        os.chmod(folder, 0o755)
        os.chmod(work, 0o777)
        for name in AWKWARD:
            path = content / "awkward" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        shutil.copy(FILM, content)
        (content / "page.html").write_text(PAGE)

        def judge(policy, name, client):
            nonlocal failed
            began = time.monotonic()
            try:
                wrong = client()
            except subprocess.TimeoutExpired:
                wrong = f"no end after {PATIENCE_SECONDS} s"
            failed += bool(wrong)
            print(f"{'FAILED' if wrong else 'ok    '} {policy} {name} ({time.monotonic() - began:.1f} s) {wrong}", flush=True)

        with peers.reeld(content, "--part-policy", "players", log=work / "access.log") as server:
            for client in clients:
                judge("players", client.__name__, lambda: client(f"http://127.0.0.1:{server.port}", work))
        with peers.reeld(content, "--part-policy", "never") as server:
            judge("never", "rclone_copy", lambda: rclone_copy(f"http://127.0.0.1:{server.port}", content, work))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
