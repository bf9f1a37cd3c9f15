"""What the checks do with a page, in any browser."""

import time

from . import processes

KEYS = {
    "Left": "\ue012", "Up": "\ue013", "Right": "\ue014", "Down": "\ue015", "Escape": "\ue00c", "Shift": "\ue008",
    "Control": "\ue009", "Tab": "\ue004", "Space": " ",
}

# `until` waits for something to become true, so that no check waits for a time and hopes.
PRELUDE = """
    const done = arguments[arguments.length - 1];
    const player = document.getElementById('player');
    const until = (what) => new Promise((resolve) => {
        const look = () => {
            const seen = what();
            if (seen) resolve(seen); else setTimeout(look, 20);
        };
        look();
    });
    const event = (name) => new Promise((resolve) => player.addEventListener(name, resolve, { once: true }));
"""


class Page:
    """A browser with one page; its subclasses know how to reach it."""

    def run(self, script, *arguments):
        """Runs the body of an asynchronous function in the page, and returns what it returns."""
        body = f"(async (...args) => {{ {script} }})(...[...arguments].slice(0, -1))"
        value, error = self.execute(
            f"{PRELUDE} {body}.then((value) => done([value, null]), (error) => done([null, String(error)]));",
            *arguments) or (None, "the page was left meanwhile")
        if error:
            raise RuntimeError(error)
        return value

    def value(self, expression):
        """What an expression says once it is true. Asked from here, as a page without scripts has
        no timers."""
        end, reason = time.monotonic() + processes.PATIENCE_SECONDS, None
        while time.monotonic() < end:
            try:
                if seen := self.run(f"return {expression};"):
                    return seen
            except RuntimeError as error:
                # Keys and links lead to another page while this one is asked.
                reason = error
            time.sleep(0.02)
        raise RuntimeError(f"in vain: {expression} {reason or ''}")

    def press(self, *keys):
        """Presses keys, one after another; `Shift+n` holds the first."""
        events = []
        for key in keys:
            names = [key] if key == "+" else key.split("+")
            pressed = [KEYS.get(name, name) for name in names]
            events += [{"type": "keyDown", "value": value} for value in pressed]
            events += [{"type": "keyUp", "value": value} for value in reversed(pressed)]
        self.actions([{"type": "key", "id": "keyboard", "actions": events}])
