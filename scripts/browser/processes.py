"""The programs that the checks need."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# After so long a step has failed.
PATIENCE_SECONDS = 60


def first_match(stream, pattern):
    """Reads lines until one matches, and returns its first group."""
    for line in stream:
        if found := re.search(pattern, line):
            return found.group(1)
    raise RuntimeError(f"no line matches {pattern}")


class Server:
    """reeld on a free port of the loopback address."""

    def __init__(self, program, folder):
        command = [program, folder, "--host", "127.0.0.1", "--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.address = first_match(self.process.stderr, r"(http://[^/\s]+/)")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=60)
