#!/usr/bin/env python3
"""Opens the pages in headless Chromium, as visitors would: without scripts (list, sort, filter,
play), with them (keys, resume, next, subtitles, pictures, sounds, chapters), with hostile names, for
axe-core, and with an eye on what the network carries. Prints what it saw; exits 1 if anything is not
as it should be. Needs Debian's chromium, chromium-driver and ffmpeg, npm for axe-core, with --firefox
firefox-esr, and Python's standard library."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from browser import checks, media_checks, sample
from browser.chromium import Chromium
from browser.firefox import Firefox
from browser.processes import ROOT, Server

PACKAGES = {
    "chromium": "chromium", "chromedriver": "chromium-driver", "npm": "npm", "ffmpeg": "ffmpeg",
    "firefox-esr": "firefox-esr"}


class Report:
    """What was checked."""

    def __init__(self):
        self.failures = 0

    def check(self, browser, name, act, *arguments):
        try:
            print(f"ok     {browser}: {name}: {act(*arguments)}", flush=True)
        except (checks.Failed, RuntimeError, OSError) as error:
            self.failures += 1
            print(f"FAILED {browser}: {name}: {error}", flush=True)

    def check_all(self, name, browser, site, all_checks):
        for act in all_checks:
            self.check(name, act.__name__.replace("_", " "), act, browser, site)


def fetch_axe():
    """The source of axe-core, from npm."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "axe-core@4"],
                       cwd=folder, check=True, timeout=120)
        return Path(folder, "node_modules/axe-core/axe.min.js").read_text()


def visit(report, name, browser, site, act):
    """Lets `act` use a browser, and ends it."""
    try:
        act(report, name, browser, site)
    finally:
        browser.quit()


def without_scripts(report, name, browser, site):
    report.check_all(f"{name} without scripts", browser, site, checks.WITHOUT_SCRIPTS + media_checks.WITHOUT_SCRIPTS)


def with_scripts(report, name, browser, site):
    report.check_all(name, browser, site, checks.WITH_SCRIPTS + media_checks.WITH_SCRIPTS)


def chromium_alone(axe, screenshots):
    def act(report, name, browser, site):
        with_scripts(report, name, browser, site)
        report.check(name, "films come in parts of 5 MiB at most", lambda: checks.films_come_in_parts(browser.responses()))
        refused = [text for text in browser.complaints() if "Content Security Policy" in text or "Uncaught" in text]
        report.check(name, "no script fails or is refused", checks.expect, refused, not refused, "complaints")
        report.check(name, "no violation of WCAG that axe-core finds", checks.no_violation, browser, site, axe)
        if screenshots:
            report.check(name, "screenshots", checks.take_screenshots, browser, site, screenshots)
    return act


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(".")[0])
    parser.add_argument("--firefox", action="store_true", help="the checks in Firefox as well")
    parser.add_argument("--screenshots", type=Path, metavar="DIR", help="write a picture of each page, size and theme")
    parser.add_argument("--program", type=Path, help="a reeld that was built already")
    options = parser.parse_args()
    needed = ["chromium", "chromedriver", "npm", "ffmpeg"] + ["firefox-esr"] * options.firefox
    for program in needed:
        if not shutil.which(program):
            sys.exit(f"browser-check: {program} is missing; on Debian: apt-get install {PACKAGES[program]}")
    program = options.program
    if not program:
        subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
        program = ROOT / "target/release/reeld"
    axe = fetch_axe()
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        sample.fill(Path(folder))
        with Server(program, folder) as server:
            site = server.address
            visit(report, "Chromium", Chromium(scripts=False), site, without_scripts)
            visit(report, "Chromium", Chromium(language="de-DE,de"), site, chromium_alone(axe, options.screenshots))
        if options.firefox:
            # One that has described no file yet.
            with Server(program, folder) as server:
                site = server.address
                visit(report, "Firefox", Firefox(scripts=False), site, without_scripts)
                visit(report, "Firefox", Firefox(language="de-DE,de"), site, with_scripts)
    print(f"{report.failures} failed")
    sys.exit(min(report.failures, 1))


main()
