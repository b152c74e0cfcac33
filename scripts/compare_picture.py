"""Draw docs/compare.jpg: the page of a comparison on a desk and, dark, on a phone, of three short trainings.

python scripts/compare_picture.py    # some minutes; needs Chromium
"""

import io
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

import faceline

FILE = Path("docs/compare.jpg")
SHARED = ["experiment=landmarks/cnn", "data.size=64", "data.batch_size=16", "data.source.people=40", "threads=1"]
RUNS = {
    "cnn": ["trainer.max_epochs=10"],
    "cnn_short": ["trainer.max_epochs=4"],
    "cnn_narrow": ["trainer.max_epochs=10", "model.backbone.width=24"],
}
DESK, PHONE, HEIGHT, GAP = 920, 390, 1100, 20


def main() -> None:
    """Train, compare, and put both views side by side."""
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        store = f"tracking.root={folder}"
        runs = [faceline.train([*SHARED, *settings, f"name={name}", store]) for name, settings in RUNS.items()]
        page = faceline.compare(runs, output=f"{folder}/page", root=folder).page
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        views = [_view(browser, page, DESK, "light"), _view(browser, page, PHONE, "dark")]
        browser.close()
    sheet = Image.new("RGB", (sum(view.width for view in views) + 3 * GAP, HEIGHT + 2 * GAP), "#d9d7d0")
    sheet.paste(views[0], (GAP, GAP))
    sheet.paste(views[1], (views[0].width + 2 * GAP, GAP))
    sheet.save(FILE, quality=88)


def _view(browser: Browser, page: Path, width: int, scheme: str) -> Image.Image:
    view = browser.new_page(viewport={"width": width, "height": HEIGHT}, color_scheme=scheme)  # type: ignore[arg-type]
    view.goto(page.resolve().as_uri())
    return Image.open(io.BytesIO(view.screenshot())).convert("RGB")


if __name__ == "__main__":
    main()
