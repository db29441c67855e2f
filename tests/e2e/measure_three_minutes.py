"""How long the guide's three minutes take somebody who reads every step.

``python -m tests.e2e.measure_three_minutes`` makes a new home, starts ``limner demo`` on it and follows the page in a
real Chromium, to the COCO file in the downloads. Before each step it waits as long as reading it takes, and before each
action as long as a person does for it:

- reading: 238 words a minute (Brysbaert, How many words do we read per minute?, 2019: silent reading of English);
- actions: the keystroke-level model (Card, Moran, Newell, The Psychology of Human-Computer Interaction, 1983): thinking
  1.35 s before every action; then pointing 1.1 s and a click 0.2 s, or moving the hand 0.4 s and a key 0.28 s.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from pathlib import Path

import click
from playwright.sync_api import sync_playwright

from tests.e2e.conftest import TIMEOUT, VIEWPORT
from tests.e2e.gauges import launch
from tests.e2e.server import begin_server, stop_server
from tests.e2e.three_minutes import walk

WORDS_A_MINUTE = 238
SECONDS = {"point": 1.35 + 1.1 + 0.2, "key": 1.35 + 0.4 + 0.28}


class Human:
    """Waits as a person would, and prints when what was waited for came."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.waited = 0.0  # seconds

    def read(self, text: str) -> None:
        self._wait(60 * len(re.findall(r"\w+", re.sub(r"<[^>]+>", "", text))) / WORDS_A_MINUTE)

    def act(self, kind: str) -> None:
        self._wait(SECONDS[kind])

    def done(self, what: str) -> None:
        click.echo(f"{self.seconds:6.1f} s  {what}")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def _wait(self, seconds: float) -> None:
        time.sleep(seconds)
        self.waited += seconds


def main() -> None:
    begun = time.monotonic()
    server = begin_server(Path(tempfile.mkdtemp()) / "home")
    click.echo(f"a new home was made and the link printed after {time.monotonic() - begun:.1f} s")
    try:
        with sync_playwright() as playwright:
            browser = launch(playwright)
            context = browser.new_context(viewport=VIEWPORT, accept_downloads=True)
            context.set_default_timeout(TIMEOUT)
            human = Human()
            file = walk(context.new_page(), server.link, human)
            masks = len(json.loads(file.read_text())["annotations"])
            click.echo(
                f"from the link to a file with {masks} masks: {human.seconds:.1f} s, "
                f"{human.waited:.1f} s of them reading, thinking, pointing and pressing"
            )
            browser.close()
    finally:
        stop_server(server)


if __name__ == "__main__":
    main()
