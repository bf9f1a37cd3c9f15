"""Chromium through chromedriver (WebDriver, https://www.w3.org/TR/webdriver2/, and the DevTools
protocol)."""

import base64
import json
import subprocess
import tempfile
import urllib.request

from . import processes
from .page import Page

SWITCHES = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    # As for a page that was clicked on.
    "--autoplay-policy=no-user-gesture-required",
]


class Chromium(Page):
    """A session in a profile of its own."""

    def __init__(self, scripts=True, language="en-US", arguments=()):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        port = processes.first_match(self.driver.stdout, r"started successfully on port (\d+)")
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        preferences = {"intl.accept_languages": language}
        if not scripts:
            preferences["profile.managed_default_content_settings.javascript"] = 2
        options = {
            "args": [*SWITCHES, f"--user-data-dir={self.profile.name}", *arguments],
            "prefs": preferences,
            "perfLoggingPrefs": {"enableNetwork": True, "enablePage": False},
        }
        wanted = {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"},
            "timeouts": {"script": processes.PATIENCE_SECONDS * 1000},
        }
        self.base = f"http://127.0.0.1:{port}/session"
        try:
            self.base += "/" + self.post("", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
        except Exception:
            self.driver.terminate()
            raise

    def post(self, path, body):
        request = urllib.request.Request(
            self.base + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=processes.PATIENCE_SECONDS + 10) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"].splitlines()[0]) from None

    def open(self, url):
        self.post("/url", {"url": url})

    def execute(self, script, *arguments):
        return self.post("/execute/async", {"script": script, "args": list(arguments)})

    def actions(self, actions):
        self.post("/actions", {"actions": actions})

    def click(self, selector):
        found = self.post("/element", {"using": "css selector", "value": selector})
        self.post(f"/element/{next(iter(found.values()))}/click", {})

    def devtools(self, command, **parameters):
        return self.post("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def show_as(self, width, height, scheme):
        """Takes a size of the screen, and `light` or `dark`."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                      mobile=width < 500)
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self.devtools("Page.captureScreenshot")["data"]))

    def responses(self):
        """What the server answered since this was last asked: status, and header fields in lower
        case. The extra information is as it came from the network; the rest is what the cache made
        of it."""
        messages = (json.loads(entry["message"])["message"] for entry in self.post("/se/log", {"type": "performance"}))
        answers = (message["params"] for message in messages if message["method"] == "Network.responseReceivedExtraInfo")
        return [(answer["statusCode"], {name.lower(): value for name, value in answer["headers"].items()})
                for answer in answers]

    def complaints(self):
        """What the console says: errors, and what the content security policy refused."""
        return [entry["message"] for entry in self.post("/se/log", {"type": "browser"})]

    def quit(self):
        try:
            urllib.request.urlopen(urllib.request.Request(self.base, method="DELETE"), timeout=20).close()
        finally:
            self.driver.terminate()
            self.driver.wait(timeout=20)
            self.profile.cleanup()
