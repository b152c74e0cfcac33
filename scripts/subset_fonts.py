"""Make the fonts of the stand's pages from those of Debian, as small as their scripts allow.

apt-get download fonts-inter-variable fonts-noto-core fonts-noto-extra
for each in *.deb; do dpkg -x "$each" fonts; done
pip install fonttools brotli
python scripts/subset_fonts.py fonts/usr/share/fonts/truetype
"""

import argparse
import io
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

TO = Path(__file__).parents[1] / "src/faceline/stand/web/static/fonts"

MARKS = "U+2000-200D U+2010-2027 U+202F-203A U+20A0-20C0 U+2116 U+2122 U+2190-2193 U+2212 U+221E U+2248 U+2260-2265"
LATIN = "U+0020-007E U+00A0-024F U+0259 U+02BB-02DD U+0300-0304 U+0308-030C U+0327 U+0328 U+1E80-1EF9"
EUROPEAN = f"{LATIN} U+0370-03FF U+0400-045F U+0490-0491 {MARKS}"
ARABIC = "U+0020-002F U+003A-0040 U+00AB U+00BB U+0600-06FF U+200C-200F U+FB50-FDFF U+FE70-FEFC"
HEBREW = "U+0020-002F U+003A-0040 U+0590-05FF U+200C-200F U+20AA U+FB1D-FB4F"

FONTS = {
    "serif": ("noto/NotoSerifDisplay-SemiBold.ttf", EUROPEAN),
    "sans": ("inter-vf/Inter-roman.var.ttf", EUROPEAN),
    "arabic": ("noto/NotoSansArabic-Regular.ttf", ARABIC),
    "arabic-bold": ("noto/NotoSansArabic-Bold.ttf", ARABIC),
    "hebrew": ("noto/NotoSansHebrew-Regular.ttf", HEBREW),
    "hebrew-bold": ("noto/NotoSansHebrew-Bold.ttf", HEBREW),
}


def characters(ranges: str) -> set[int]:
    """The numbers in ranges such as ``U+0020-007E``."""
    found: set[int] = set()
    for part in ranges.split():
        first, _, last = part.removeprefix("U+").partition("-")
        found |= set(range(int(first, 16), int(last or first, 16) + 1))
    return found


def again(font: TTFont) -> TTFont:
    """The same font, read from what it writes: the subsetter takes no font with loose ends."""
    written = io.BytesIO()
    font.save(written)
    return TTFont(written)


def main() -> None:
    """Write one WOFF2 file for each font."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="truetype folder of the unpacked packages")
    folder = parser.parse_args().folder
    TO.mkdir(exist_ok=True)
    for name, (file, ranges) in FONTS.items():
        font = TTFont(folder / file)
        if "fvar" in font:
            axes = {axis.axisTag for axis in font["fvar"].axes}
            limits = {"wght": (400, 700), **dict.fromkeys(axes - {"wght"}, 0)}
            font = again(instantiateVariableFont(font, limits))
        options = Options()
        options.flavor = "woff2"
        options.layout_features = [
            "kern",
            "liga",
            "calt",
            "ccmp",
            "locl",
            "mark",
            "mkmk",
            "init",
            "medi",
            "fina",
            "rlig",
            "tnum",
        ]
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=characters(ranges))
        subsetter.subset(font)
        font.flavor = "woff2"
        font.save(TO / f"{name}.woff2")
        print(f"{name}.woff2: {(TO / f'{name}.woff2').stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
