"""What a display is told to show."""

from collections.abc import Callable
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from faceline.stand.content.artwork import Full, Medium, is_film
from faceline.stand.content.catalogue import Catalogue, Content
from faceline.stand.director import Showing

_QUIET_ZONE: Final = 4
"""Modules around a QR code that stay white (ISO/IEC 18004)."""


class Screens:
    """Tells displays what contents look like.

    Args:
        media: Folder of the media.
        sound: Whether films may be heard on this stand.
        code: Gives the code of an offer, for tills; None where there are none.
    """

    def __init__(self, media: Path, sound: bool = False, code: Callable[[Showing], str | None] | None = None) -> None:
        self.media, self.sound, self.code = media, sound, code

    def of(self, showing: Showing | None, catalogue: Catalogue) -> dict[str, Any] | None:
        """What is on the screen now; numbers of events go as text, since JavaScript's end at 53 bits."""
        if showing is None:
            return None
        told = self.content(showing.decision.content, catalogue)
        code = self.code(showing) if self.code else None
        return {
            **told,
            "code": code,
            "qr": told["qr"] or (code and qr_code(code)),
            "impression": str(showing.impression),
            "greeting": showing.greeting,
            "welcome": showing.decision.greeted is not None,
        }

    def content(self, content: Content, catalogue: Catalogue) -> dict[str, Any]:
        """A content as a display shows it."""
        campaign = catalogue.campaign_by_id.get(content.campaign)  # gone, where the catalogue has changed meanwhile
        brand = content.brand.over(campaign.brand if campaign else None)
        full = isinstance(content.medium, Full)
        return {
            "content": content.id,
            "campaign": content.campaign,
            "name": content.label,
            "by": campaign.name if campaign else "",
            "layout": "full" if full else content.layout or ("split" if content.media else "statement"),
            "title": content.title or "",
            "text": content.text,
            "offer": content.offer,
            "media": content.medium and self._medium(content.medium),
            "logo": brand.logo and self._file(brand.logo),
            "colours": brand.colours(),
            "qr": content.qr and qr_code(content.qr),
            "page": content.page,
            "seconds": content.seconds,
        }

    def _medium(self, medium: Medium) -> dict[str, Any]:
        told: dict[str, Any] = {"fit": medium.fit, "sound": medium.sound and self.sound}
        for orientation, name in medium.files:
            told[orientation] = {"file": self._file(name), "film": is_film(name)}
        if isinstance(medium, Full):
            told |= {"background": medium.background, "overlay": list(medium.overlay)}
        return told

    def _file(self, name: str) -> str:
        """The address of a file; another one when the file has changed, so that no browser keeps the old."""
        try:
            status = (self.media / name).stat()
            version = f"{status.st_mtime_ns:x}-{status.st_size:x}"
        except OSError:
            version = "gone"
        return f"/media/{quote(name)}?v={version}"


@lru_cache(maxsize=64)
def qr_code(text: str) -> dict[str, Any]:
    """A QR code as the path of its dark modules, and the width of its square with the white around it."""
    import segno  # noqa: PLC0415  # only contents with a code need it

    code = segno.make_qr(text, error="m")
    path = []
    for y, row in enumerate(code.matrix, _QUIET_ZONE):
        x = _QUIET_ZONE
        for dark, modules in groupby(row):
            length = len(list(modules))
            if dark:
                path.append(f"M{x} {y}h{length}v1h-{length}z")
            x += length
    return {"size": len(code.matrix) + 2 * _QUIET_ZONE, "path": "".join(path)}
