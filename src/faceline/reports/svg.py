"""Embeds a figure as SVG in a page: text stays text, colours follow the page, and a description is included."""

import io
import re
from typing import Final
from xml.etree import ElementTree as ET

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from faceline.plot_style import GRID, INK, MUTED, PALETTE

_SVG: Final = "http://www.w3.org/2000/svg"
_HREF: Final = "{http://www.w3.org/1999/xlink}href"
_VARIABLES: Final = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    **{colour: f"--series-{i}" for i, colour in enumerate(PALETTE, start=1)},
}
"""Names of the page's colours, which differ in light and dark mode, for those of figures."""


def inline_svg(figure: Figure, key: str, title: str, description: str) -> Markup:
    """Return the figure as an element of a page.

    Args:
        figure: Figure with a transparent background, without text from users.
        key: Letters and digits that are unique on the page.
        title: Title of the figure.
        description: Text alternative.
    """
    stream = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": key, "axes.formatter.use_mathtext": False}):
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(stream, format="svg", transparent=True, metadata=nothing)
    ET.register_namespace("", _SVG)
    root = ET.fromstring(stream.getvalue())
    used = set(re.findall(r"#([\w.-]+)", stream.getvalue()))
    for element in root.iter():
        _adapt(element, key, used)
    for defs in root.findall(f"{{{_SVG}}}defs"):  # matplotlib's style would hold for the whole page
        for style in defs.findall(f"{{{_SVG}}}style"):
            defs.remove(style)
    _tell(root, key, title, description)
    return Markup(ET.tostring(root, encoding="unicode").replace("\n", " "))


def _adapt(element: ET.Element, key: str, used: set[str]) -> None:
    """Make ids unique, and use the page's own colours and fonts."""
    name = element.attrib.pop("id", None)
    if name in used:
        element.set("id", f"{key}-{name}")
    if _HREF in element.attrib:
        element.set("href", f"#{key}-{element.attrib.pop(_HREF)[1:]}")
    if "clip-path" in element.attrib:
        element.set("clip-path", element.get("clip-path", "").replace("url(#", f"url(#{key}-"))
    if "style" in element.attrib:
        style = re.sub(r"font-family:[^;]*;? ?", "", element.get("style", ""))
        for colour, variable in _VARIABLES.items():
            style = style.replace(colour.lower(), f"var({variable})")
        element.set("style", style)


def _tell(root: ET.Element, key: str, title: str, description: str) -> None:
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{key}-title {key}-desc")
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ET.Element(f"{{{_SVG}}}{tag}", {"id": f"{key}-{tag}"})
        element.text = text
        root.insert(place, element)
