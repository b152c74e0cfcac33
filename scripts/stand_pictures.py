"""Take docs/stand_*.jpg, the pictures of the pages and of a report, from a demo stand with a simulated week behind it.

python scripts/stand_pictures.py

It starts a stand on this machine, enrols a drawn visitor and waits until the display greets them; some minutes.
"""

import io
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from faceline.benchmarks.serving import free_port, served
from faceline.commands.report import write_report
from faceline.stand.content.catalogue import DEMO, read_catalogue
from faceline.stand.content.policy import Policy
from faceline.stand.events.store import EventStore
from faceline.stand.simulation import World, audiences, play

DOCS = Path("docs")
WIDTH, HEIGHT = 1280, 800
LARGEST = 300_000  # bytes of a picture
DAYS, AUDIENCES = 7, 150
PATIENCE = 300.0  # seconds until somebody is enrolled, and until they are greeted


def main() -> None:
    """Take all pictures."""
    with TemporaryDirectory() as folder:
        _simulate(Path(folder))
        with _stand(Path(folder)) as (address, secrets), sync_playwright() as playwright:
            program = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            display = browser.new_context(viewport={"width": WIDTH, "height": 720}).new_page()
            display.goto(f"{address}/display?token={secrets['token']}")
            _log_in(page, address, secrets["password"])
            _take(page, f"{address}/operator", "operator", "#faces td.number", height=1_300)
            page.goto(f"{address}/operator/contents/edit/espresso")
            page.get_by_role("button", name="Save in the draft").click()
            _take(page, f"{address}/operator/contents", "contents", ".draft")
            _enrol(page, address)
            _take(page, f"{address}/advertiser", "advertiser", ".tile", height=1_960)
            _take(page, (Path(folder) / "report" / "report.html").as_uri(), "report", ".tiles", height=1_500)
            display.wait_for_function("document.body.innerText.includes('Hello, Ada')", timeout=1000 * PATIENCE)
            display.wait_for_timeout(1_500)  # until it has faded in
            _keep(display, "display")
            browser.close()


def _simulate(folder: Path) -> None:
    """The events of a week that ended yesterday."""
    catalogue, rng = read_catalogue(DEMO), np.random.default_rng(0)
    policy = Policy(catalogue, stand="demo", control_share=0.3, seed=0, draws=0)
    first = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    with EventStore(f"sqlite:///{folder / 'events.db'}", interval=0.05) as store:
        for audience in audiences(DAYS, AUDIENCES, first, rng):
            store.append(*play(policy, audience, World(catalogue, 0), rng, learn=True, write=True).events)
        store.flush(60.0)
    write_report([f"sqlite:///{folder / 'events.db'}"], folder / "report", "What the week brought", catalogue)


@contextmanager
def _stand(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A running stand: its address, and what opens its pages."""
    port = free_port()
    with served(["stand", f"folder={folder}", f"port={port}", "control_share=0"]) as told:
        found = {"token": r"token=(\S+)", "password": r"name operator, password (\S+)"}
        yield f"http://127.0.0.1:{port}", {name: _found(pattern, told) for name, pattern in found.items()}


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text
    return match[1]


def _log_in(page: Page, address: str, password: str) -> None:
    page.goto(f"{address}/login")
    page.fill("#name", "operator")
    page.fill("#password", password)
    page.click("main button")
    page.wait_for_url("**/operator")


def _enrol(page: Page, address: str) -> None:
    """Enrol whoever stands there, and keep a picture of the form; some look away or go meanwhile."""
    page.set_viewport_size({"width": WIDTH, "height": 1_400})
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        page.goto(f"{address}/operator/people")
        if not page.locator("input[name=face]").count():
            page.wait_for_timeout(500)
            continue
        page.locator("input[name=face]").first.check()
        page.fill("#given_by", "Ada Example")
        page.check("input[name=by_name]")
        page.fill("#greeting", "Ada")
        page.check("input[name=agreed]")
        _keep(page, "people")
        page.get_by_role("button", name="Take a few frames").click(timeout=30_000)
        enrol = page.get_by_role("button", name="Enrol Ada Example")
        if enrol.count():
            enrol.click()
            if page.get_by_text("Enrolled: Ada Example.").count():
                return
    raise SystemExit("nobody could be enrolled in time")


def _take(page: Page, address: str, name: str, ready: str, height: int = HEIGHT) -> None:
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.goto(address)
    page.locator(ready).first.wait_for(timeout=60_000)
    page.wait_for_timeout(500)
    _keep(page, name)


def _keep(page: Any, name: str) -> None:
    """Write what is in sight, as good as fits."""
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for quality in (88, 80, 70, 60, 50):
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=quality, optimize=True)
        if stream.tell() <= LARGEST:
            break
    (DOCS / f"stand_{name}.jpg").write_bytes(stream.getvalue())
    print(f"stand_{name}.jpg: {stream.tell() // 1000} kB")


if __name__ == "__main__":
    main()
