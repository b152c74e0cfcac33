"""Take docs/fleet_stands.jpg, the stands of a fleet, and docs/layouts.jpg, the layouts of contents in its preview.

python scripts/fleet_pictures.py    # half a minute; needs Chromium. Three stands are played, one of them too slow
"""

import io
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from faceline.benchmarks.serving import free_port, served
from faceline.stand.content.desk import copy_demo
from faceline.stand.fleet.caller import Caller
from faceline.stand.fleet.protocol import Joined, Joining, Orders, Report

DOCS = Path("docs")
COVER = {
    "id": "cover", "campaign": "coffee", "title": "Take five minutes", "text": "Coffee and a roll, all day.",
    "media": "cup.svg", "layout": "cover", "qr": "https://example.com/menu", "seconds": 10,
}  # fmt: skip
LAYOUTS = ("market", "espresso", "cover", "espresso_more", "runners", "boots")
STANDS = {
    "north": (4.4, 89.0, "Farmers' market"),
    "south": (12.8, 61.0, "Freshly roasted"),
    "west": (8.8, 59.0, "Cold brew"),
}
WIDE, TALL, GAP = (480, 270), (152, 270), 10


def main() -> None:
    """Take both pictures."""
    with TemporaryDirectory() as folder:
        catalogue = copy_demo(Path(folder) / "contents/catalogue.yaml")
        content = yaml.safe_load(catalogue.read_text())
        content["contents"].append(COVER)
        catalogue.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
        with _fleet(Path(folder)) as (address, password, token), sync_playwright() as playwright:
            _play(address, token)
            program = shutil.which("chromium") or shutil.which("google-chrome")
            page = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"]).new_page()
            page.goto(f"{address}/login")
            page.fill("#name", "operator")
            page.fill("#password", password)
            page.click("main button")
            page.set_viewport_size({"width": 1280, "height": 620})
            page.goto(f"{address}/operator")
            page.get_by_text(re.compile("4.4 frames a second")).first.wait_for(timeout=60_000)  # is raised
            page.wait_for_timeout(500)
            _shot(page).save(DOCS / "fleet_stands.jpg", quality=88)
            _layouts(page, address).save(DOCS / "layouts.jpg", quality=86)


@contextmanager
def _fleet(folder: Path) -> Iterator[tuple[str, str, str]]:
    """A running fleet: its address, the operator's password, and the token of its group."""
    port = free_port()
    with served(["fleet", f"folder={folder}", f"port={port}", "raise_after=1"]) as told:
        found = re.search(r"password (\S+).*fleet_token=(\S+)", told, re.DOTALL)
        assert found is not None, told
        yield f"http://127.0.0.1:{port}", found[1], found[2]


def _play(address: str, token: str) -> None:
    """Let some stands join and report once."""
    for name, (rate, delay, content) in STANDS.items():
        caller = Caller(address)
        caller.secret = caller.ask("join", Joining(name=name, token=token), Joined).secret
        report = Report(
            at=datetime.now(UTC), version=version("faceline"), frames_per_second=rate, latency_ms=delay, camera=True,
            displays=1, content=content,
        )  # fmt: skip
        caller.ask("report", report, Orders)


def _layouts(page: Page, address: str) -> Image.Image:
    """Each content of `LAYOUTS` on a wide and on a tall screen, two contents a row."""
    width, height = WIDE[0] + TALL[0] + 2 * GAP, WIDE[1] + GAP
    sheet = Image.new("RGB", (2 * width, 3 * height + GAP), "#d9d7d0")
    for place, name in enumerate(LAYOUTS):
        x, y = GAP + place % 2 * width, GAP + place // 2 * height
        for size, left in ((WIDE, x), (TALL, x + WIDE[0] + GAP)):
            page.set_viewport_size({"width": 3 * size[0], "height": 3 * size[1]})
            page.goto(f"{address}/operator/contents/edit/{name}/preview")
            page.wait_for_timeout(700)  # until it has faded in
            sheet.paste(_shot(page).resize(size, Image.Resampling.LANCZOS), (left, y))
    return sheet


def _shot(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


if __name__ == "__main__":
    main()
