#!/usr/bin/env python3
"""Plays the sample film in headless Chromium, as a visitor of the front page would: from the start, a seek forwards into
the second part, a seek back, and on to the end. Prints what happened and the ranges that the browser asked for; exits 1
if anything did not. Needs Debian's chromium and chromium-driver, and Python's standard library."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 90


def first_line_with(stream, pattern):
    """Reads lines until one matches, and returns its first group."""
    for line in stream:
        if found := re.search(pattern, line):
            return found.group(1)
    sys.exit(f"browser-check: no line matches {pattern}")


class Browser:
    """A WebDriver session (https://www.w3.org/TR/webdriver2/)."""

    def __init__(self, port, profile):
        self.base = f"http://127.0.0.1:{port}/session"
        switches = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--autoplay-policy=no-user-gesture-required", f"--user-data-dir={profile}",
        ]
        options = {"goog:chromeOptions": {"args": switches}, "timeouts": {"script": PATIENCE_SECONDS * 1000}}
        self.base += "/" + self.call("", {"capabilities": {"alwaysMatch": options}})["sessionId"]

    def call(self, path, body):
        request = urllib.request.Request(
            self.base + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS + 10) as answer:
            return json.load(answer)["value"]

    def run(self, script):
        """Runs a script with the film in `film`; it ends by calling `done`."""
        return self.call("/execute/async", {"script": f"""
            const done = arguments[0], film = document.getElementById('film');
            film.addEventListener('error', () => done('error: ' + film.error.message));
            {script}""", "args": []})

    def quit(self):
        urllib.request.urlopen(urllib.request.Request(self.base, method="DELETE"), timeout=10)


def main():
    for program in ("chromium", "chromedriver"):
        if not shutil.which(program):
            sys.exit(f"browser-check: {program} is missing; on Debian: apt-get install chromium chromium-driver")
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    command = [ROOT / "target/release/reeld", "content", "--host", "127.0.0.1", "--port", "0"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        address = first_line_with(server.stderr, r"(http://[^/]+/)")
        port = first_line_with(driver.stdout, r"started successfully on port (\d+)")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            browser = Browser(port, profile)
            try:
                failed = watch(browser, address)
            finally:
                browser.quit()
    finally:
        driver.terminate()
        server.terminate()
        log = server.communicate(timeout=60)[0]
    print("asked of the server:")
    for line in log.splitlines():
        print("  " + line.split("] ", 1)[1].split(' "http')[0])
    sys.exit(1 if failed else 0)


def watch(browser, address):
    """Plays and seeks; returns whether anything went wrong."""
    browser.call("/url", {"url": address})
    steps = [
        ("its length is known", "if (film.readyState) done(film.duration); else film.onloadedmetadata = () => done(film.duration);",
         lambda length: 59 < length < 61),
        ("it has a picture", "done(film.videoWidth);", lambda width: width == 1280),
        ("it plays from the start", "film.playbackRate = 8; film.play(); film.ontimeupdate = () => { if (film.currentTime > 5) done(film.currentTime); };",
         lambda time: 5 < time < 20),
        ("a seek into the second part", "film.ontimeupdate = null; film.onseeked = () => done(film.currentTime); film.currentTime = 50;",
         lambda time: 49.9 < time < 60),
        ("a seek back", "film.onseeked = () => done(film.currentTime); film.currentTime = 2;", lambda time: 1.9 < time < 12),
        ("it plays to its end", "film.onended = () => done(film.currentTime); film.play();", lambda time: 59 < time < 61),
    ]
    failed = False
    for name, script, is_right in steps:
        began = time.monotonic()
        seen = browser.run(script)
        right = isinstance(seen, (int, float)) and is_right(seen)
        failed = failed or not right
        print(f"{'ok    ' if right else 'FAILED'} {name}: {seen} (after {time.monotonic() - began:.1f} s)")
    return failed


main()
