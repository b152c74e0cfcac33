"""Draw docs/overview.jpg, the picture at the top of the README: faces with landmarks, the comparison, the screen.

python scripts/overview_picture.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from faceline.cli import main as faceline
from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces

DOCS = Path("docs")
HEIGHT, GAP, CAPTION = 420, 24, 44
FONT = "DejaVuSans.ttf"  # Matplotlib's


def main() -> None:
    """Write the picture."""
    panels = [
        (_faces(), "predict: every face of a photo"),
        (Image.open(DOCS / "compare.jpg").convert("RGB"), "compare: which run is better, and is it luck"),
        (Image.open(DOCS / "stand_display.jpg").convert("RGB"), "stand: the screen that adapts"),
    ]
    panels = [(ImageOps.fit(image, (560, HEIGHT), centering=(0.0, 0.0)), words) for image, words in panels]
    width = sum(image.width for image, _ in panels) + GAP * (len(panels) + 1)
    sheet = Image.new("RGB", (width, HEIGHT + CAPTION + 2 * GAP), "white")
    draw, font, x = ImageDraw.Draw(sheet), ImageFont.truetype(_font(), 22), GAP
    for image, words in panels:
        sheet.paste(image, (x, GAP))
        draw.text((x + image.width / 2, GAP + HEIGHT + CAPTION / 2 + 6), words, "#222222", font, anchor="mm")
        x += image.width + GAP
    sheet.save(DOCS / "overview.jpg", quality=88)


def _font() -> str:
    from matplotlib import get_data_path  # noqa: PLC0415

    return str(Path(get_data_path(), "fonts", "ttf", FONT))


def _faces() -> Image.Image:
    """A drawn group of people as ``faceline predict`` shows it."""
    source = SyntheticFaces(people=9, videos=1, frames=1, test_frames=0, min_width=220, seed=11)
    photo = np.full((840, 1120, 3), 205, dtype=np.uint8)
    rows = source.rows(BadRows("raise"))
    for row, (left, top) in zip(
        rows, ((20, 40), (400, 10), (770, 50), (20, 440), (400, 430), (770, 450)), strict=False
    ):
        face = Image.fromarray(source.read(row)).resize((330, 360))
        photo[top : top + 360, left : left + 330] = np.asarray(face)
    with TemporaryDirectory() as folder:
        Image.fromarray(photo).save(f"{folder}/group.png")
        faceline(["predict", f"{folder}/group.png", f"overlays={folder}/drawn", f"output={folder}/landmarks.csv"])
        (drawn,) = Path(folder, "drawn").iterdir()
        return Image.open(drawn).convert("RGB")


if __name__ == "__main__":
    main()
