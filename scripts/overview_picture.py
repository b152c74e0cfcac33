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
GAP, CAPTION = 24, 48
LEFT, RIGHT = 700, 960  # widths of the columns
FONT = "DejaVuSans.ttf"  # Matplotlib's


def main() -> None:
    """Write the picture: faces above the screen, and the comparison beside both."""
    faces = ImageOps.fit(_faces(), (LEFT, 457))
    screen = ImageOps.fit(Image.open(DOCS / "stand_display.jpg").convert("RGB"), (LEFT, 394))
    height = faces.height + screen.height + CAPTION + GAP
    page = Image.open(DOCS / "compare.jpg").convert("RGB").crop((20, 20, 940, 1120))
    page = ImageOps.fit(page, (RIGHT, height), centering=(0.0, 0.0))
    sheet = Image.new("RGB", (LEFT + RIGHT + 3 * GAP, height + CAPTION + GAP), "white")
    panels = [
        (faces, (GAP, GAP), "predict: every face of a photo"),
        (screen, (GAP, 2 * GAP + faces.height + CAPTION), "stand: the screen that adapts"),
        (page, (LEFT + 2 * GAP, GAP), "compare: which run is better, and is it luck?"),
    ]
    draw, font = ImageDraw.Draw(sheet), ImageFont.truetype(_font(), 26)
    for image, (x, y), words in panels:
        sheet.paste(image, (x, y))
        draw.text((x + image.width / 2, y + image.height + CAPTION / 2), words, "#222222", font, anchor="mm")
    sheet.save(DOCS / "overview.jpg", quality=86)


def _font() -> str:
    from matplotlib import get_data_path  # noqa: PLC0415

    return str(Path(get_data_path(), "fonts", "ttf", FONT))


def _faces() -> Image.Image:
    """A drawn group of people as ``faceline predict`` shows it."""
    source = SyntheticFaces(people=9, videos=1, frames=1, test_frames=0, min_width=220, seed=11)
    photo = np.full((457, LEFT, 3), 205, dtype=np.uint8)
    rows = source.rows(BadRows("raise"))
    places = [(left, top) for top in (8, 234) for left in (12, 241, 470)]
    for row, (left, top) in zip(rows, places, strict=False):
        photo[top : top + 215, left : left + 218] = np.asarray(Image.fromarray(source.read(row)).resize((218, 215)))
    with TemporaryDirectory() as folder:
        Image.fromarray(photo).save(f"{folder}/group.png")
        faceline(["predict", f"{folder}/group.png", f"overlays={folder}/drawn", f"output={folder}/landmarks.csv"])
        (drawn,) = Path(folder, "drawn").iterdir()
        return Image.open(drawn).convert("RGB")


if __name__ == "__main__":
    main()
