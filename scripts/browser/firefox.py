"""Firefox through Marionette: JSON over TCP, each message behind its length in decimal and a
colon."""

import base64
import json
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from . import processes
from .page import Page

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Firefox(Page):
    """A session in a profile of its own."""

    def __init__(self, scripts=True, language="en-US"):
        # A page that may run no scripts runs none of ours either.
        self.sandbox = None if scripts else "system"
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        preferences = {
            "marionette.port": 0,
            "intl.accept_languages": language,
            "javascript.enabled": scripts,
            # As for a page that was clicked on.
            "media.autoplay.default": 0,
            "media.volume_scale": "0.0",
            "browser.shell.checkDefaultBrowser": False,
            "datareporting.policy.dataSubmissionEnabled": False,
            "app.update.disabledForTesting": True,
            "network.captive-portal-service.enabled": False,
            "network.connectivity-service.enabled": False,
        }
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in preferences.items()]
        Path(self.profile.name, "user.js").write_text("\n".join(lines))
        command = ["firefox-esr", "--headless", "--marionette", "--no-remote", "--profile", self.profile.name]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.count = 0
        self.socket = socket.create_connection(("127.0.0.1", self.port()), timeout=processes.PATIENCE_SECONDS + 10)
        self.stream = self.socket.makefile("rb")
        self.receive()
        timeouts = {"script": processes.PATIENCE_SECONDS * 1000}
        self.send("WebDriver:NewSession", capabilities={"alwaysMatch": {"timeouts": timeouts}})

    def port(self):
        """The port that it listens on, once it does."""
        said = Path(self.profile.name, "MarionetteActivePort")
        until = time.monotonic() + processes.PATIENCE_SECONDS
        while time.monotonic() < until:
            if said.exists() and (text := said.read_text().strip()):
                return int(text)
            time.sleep(0.05)
        self.process.terminate()
        raise RuntimeError("Firefox does not listen for Marionette")

    def receive(self):
        length = b""
        while (byte := self.stream.read(1)) != b":":
            length += byte
        return json.loads(self.stream.read(int(length)))

    def send(self, command, **parameters):
        self.count += 1
        message = json.dumps([0, self.count, command, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self.receive()
        if error:
            raise RuntimeError(error["message"])
        return result["value"] if isinstance(result, dict) and result.keys() == {"value"} else result

    def open(self, url):
        self.send("WebDriver:Navigate", url=url)

    def execute(self, script, *arguments):
        return self.send("WebDriver:ExecuteAsyncScript", script=script, args=list(arguments), sandbox=self.sandbox)

    def actions(self, actions):
        self.send("WebDriver:PerformActions", actions=actions)

    def click(self, selector):
        found = self.send("WebDriver:FindElement", using="css selector", value=selector)
        self.send("WebDriver:ElementClick", id=found[ELEMENT])

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self.send("WebDriver:TakeScreenshot", full=False)))

    def quit(self):
        try:
            self.send("Marionette:Quit", flags=["eForceQuit"])
            self.socket.close()
            self.process.wait(timeout=20)
        finally:
            self.process.terminate()
            self.profile.cleanup()
