"""Tells a display what to show."""

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
"""White modules around a QR code (ISO/IEC 18004)."""


class Screens:
    """Describes contents for displays.

    Args:
        media: Folder of the media.
        sound: Whether films play with sound on this stand.
        code: Returns the code of an offer, for tills; None without codes.
    """

    def __init__(self, media: Path, sound: bool = False, code: Callable[[Showing], str | None] | None = None) -> None:
        self.media, self.sound, self.code = media, sound, code

    def of(self, showing: Showing | None, catalogue: Catalogue) -> dict[str, Any] | None:
        """Describe what is on the screen now; event numbers are text, because JavaScript's numbers have 53 bits."""
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
        """Describe a content for a display."""
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
        """Return the address of a file; it changes with the file, so that no browser shows an old copy."""
        try:
            status = (self.media / name).stat()
            version = f"{status.st_mtime_ns:x}-{status.st_size:x}"
        except OSError:
            version = "gone"
        return f"/media/{quote(name)}?v={version}"


@lru_cache(maxsize=64)
def qr_code(text: str) -> dict[str, Any]:
    """Return a QR code as the path of its dark modules and the width of its square with the white margin."""
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
