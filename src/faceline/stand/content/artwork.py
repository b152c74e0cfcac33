"""The look of a content: media in two orientations, the colours of a brand, and checks of the files."""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal, NamedTuple

import cv2
from PIL import Image
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from faceline.errors import first_line

PICTURES: Final = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".svg")
FILMS: Final = (".mp4", ".webm")
LARGEST_MB: Final = 64
LONGEST_FILM: Final = 300.0
_MOST_PIXELS: Final = 50e6
_CODECS: Final = ("avc1", "h264", "vp80", "vp8", "vp90", "vp09", "av01")
"""Codecs that Chromium plays; H.264 is called avc1 or h264."""

CONVERT: Final = "as with ffmpeg -i FILM -c:v libx264 -pix_fmt yuv420p -c:a aac -movflags +faststart NEW.mp4"
"""Advice that turns a film into one that every browser plays."""

OTHER_FILMS: Final = (".mov", ".avi", ".mkv", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".mts", ".m2ts", ".3gp", ".ogv")

_AFTER_FILM: Final = 0.5
"""Seconds that a film stays after its end, so that the end is seen."""

Layout = Literal["statement", "split", "cover", "offer", "product"]
Part = Literal["greeting", "offer", "brand", "progress"]
"""Parts that can be laid over a full-screen medium."""


class Strict(BaseModel):
    """A model that refuses unknown keys and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _relative(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\\" in text or "\0" in text or ":" in text:
        raise ValueError(f"expected a file below the folder of the catalogue, got {text!r}")
    if wrong := wrong_ending(path.suffix.lower()):
        raise ValueError(f"{wrong}, got {text!r}")
    return text


def _picture(text: str) -> str:
    if is_film(_relative(text)):
        raise ValueError(f"expected a picture ({' '.join(PICTURES)}), got {text!r}")
    return text


def _colour(text: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ValueError(f"expected a colour such as '#14302c', in quotes, got {text!r}")
    return text.lower()


def _short(value: object) -> object:
    """Let a file name stand for a medium in both orientations."""
    return {"landscape": value} if isinstance(value, str) else value


Title = Annotated[str, Field(min_length=1, max_length=80, pattern=r"\S")]
File = Annotated[str, AfterValidator(_relative)]
Picture = Annotated[str, AfterValidator(_picture)]
Colour = Annotated[str, AfterValidator(_colour)]


class Medium(Strict):
    """A picture or a film; a screen uses the version for its orientation, or the only one.

    Attributes:
        landscape: File for wide screens, relative to the catalogue's folder.
        portrait: File for tall screens, relative to the catalogue's folder.
        fit: ``cover`` fills the place and may crop; ``contain`` shows the whole medium. None lets the layout decide.
        sound: Whether a film plays with sound, on stands that allow it.
    """

    landscape: File | None = None
    portrait: File | None = None
    fit: Literal["contain", "cover"] | None = None
    sound: bool = False

    @model_validator(mode="after")
    def _some(self) -> "Medium":
        if self.landscape is None and self.portrait is None:
            raise ValueError("expected a file for landscape, portrait or both")
        return self

    @property
    def files(self) -> Iterator[tuple[Literal["landscape", "portrait"], str]]:
        """Yield the orientations that exist, with their files."""
        if self.landscape is not None:
            yield "landscape", self.landscape
        if self.portrait is not None:
            yield "portrait", self.portrait


class Full(Medium):
    """Finished artwork on the whole screen.

    Attributes:
        background: Fills the space beside a contained medium: a colour, or ``blur`` for a blurred copy of a picture.
        overlay: Parts to lay over the medium; nothing by default.
    """

    background: Colour | Literal["blur"] = "#000000"
    overlay: tuple[Part, ...] = ()


Media = Annotated[Medium, BeforeValidator(_short)]
FullScreen = Annotated[Full, BeforeValidator(_short)]


class Brand(Strict):
    """The look of an advertiser's contents.

    Attributes:
        logo: File of a picture.
        ground: Colour behind the texts.
        ink: Colour of the texts; black or white by default.
        accent: Colour of highlights; by default that of the texts.
    """

    logo: Picture | None = None
    ground: Colour | None = None
    ink: Colour | None = None
    accent: Colour | None = None

    def over(self, other: "Brand | None") -> "Brand":
        """Return this brand, completed from another one; colours stay together."""
        if other is None:
            return self
        logo = self.logo or other.logo
        return (self if self.ground else other).model_copy(update={"logo": logo})

    def colours(self) -> dict[str, str] | None:
        """Return all three colours; None if the brand has no colours of its own."""
        if self.ground is None:
            return None
        ink = self.ink or max("#000000", "#ffffff", key=lambda colour: contrast(colour, str(self.ground)))
        return {"ground": self.ground, "ink": ink, "accent": self.accent or ink}

    @model_validator(mode="after")
    def _readable(self) -> "Brand":
        if self.ground is None and (self.ink or self.accent):
            raise ValueError("ink and accent need a ground, the colour behind them")
        for name, least in (("ink", 4.5), ("accent", 3.0)):
            colour = getattr(self, name)
            if colour is not None and self.ground is not None and contrast(colour, self.ground) < least:
                raise ValueError(
                    f"{name} {colour} cannot be read on ground {self.ground}: expected a contrast of at least {least}, "
                    f"got {contrast(colour, self.ground):.1f}"
                )
        return self


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21.

    Source: WCAG 2.2, relative luminance and contrast ratio.
    """
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def is_film(name: str) -> bool:
    """Tell by its suffix whether a file is a film."""
    return name.lower().endswith(FILMS)


def wrong_ending(suffix: str) -> str | None:
    """Return what to do about files with this ending; None if displays can show them."""
    if suffix in PICTURES + FILMS:
        return None
    if suffix in OTHER_FILMS:
        return f"browsers do not play films that end with {suffix}; convert it first, {CONVERT}"
    return f"expected a file that ends with one of {' '.join(PICTURES + FILMS)}; save it as one of them first"


def check_file(folder: Path, name: str) -> float | None:
    """Refuse a file that a display could not show.

    Args:
        folder: Folder of the catalogue.
        name: Name of the file, relative to that folder.

    Returns:
        Seconds that a film stays on the screen; None for a picture, or for a film of unknown length.

    Raises:
        ValueError: The display could not show the file; the message says why.
    """
    path = folder / name
    if not path.is_file():
        raise ValueError(f"no such file: {name}")
    if not path.resolve().is_relative_to(folder.resolve()):  # a link that leads out
        raise ValueError(f"expected a file below the folder of the catalogue, got a link out of it: {name}")
    size = path.stat().st_size / 1e6
    if size > LARGEST_MB:
        raise ValueError(f"expected at most {LARGEST_MB} MB, got {size:.0f} MB: {name}")
    if is_film(name):
        return _check_film(path, name)
    state = path.stat()
    _check_picture(path, name, state.st_mtime_ns, state.st_size)
    return None


@lru_cache(maxsize=1024)
def _check_picture(path: Path, name: str, _changed: int, _size: int) -> None:
    """Look at a picture once, until it changes, as at a film."""
    if path.suffix.lower() == ".svg":
        if b"<svg" not in path.read_bytes():
            raise ValueError(f"not an SVG picture: {name}")
        return
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            picture.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"not a picture that can be shown ({first_line(error)}): {name}") from None
    if width * height > _MOST_PIXELS:
        raise ValueError(f"expected at most {_MOST_PIXELS / 1e6:.0f} megapixels, got {width} × {height}: {name}")


class Film(NamedTuple):
    """What a file says of its film.

    Attributes:
        codec: Code of four letters of its pictures.
        seconds: Length; None if the file does not tell it.
    """

    codec: str
    seconds: float | None

    @property
    def plays(self) -> bool:
        """Whether browsers play its codec."""
        return self.codec in _CODECS


def read_film(path: Path, name: str) -> Film:
    """Look at a film that can be decoded.

    Raises:
        ValueError: It cannot be decoded, or is too long.
    """
    state = path.stat()
    return _decoded(path, name, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=256)
def _decoded(path: Path, name: str, _changed: int, _size: int) -> Film:
    """Look at a film once, until it changes: a form that is typed in checks the whole catalogue again and again."""
    film = cv2.VideoCapture(str(path))
    try:
        if not film.isOpened() or not film.read()[0]:
            raise ValueError(f"not a film that can be played: {name}")
        code = int(film.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode("latin-1").strip("\0 ").lower()
        frames, rate = film.get(cv2.CAP_PROP_FRAME_COUNT), film.get(cv2.CAP_PROP_FPS)
    finally:
        film.release()
    seconds = float(frames / rate) if frames > 0 and rate > 0 else None
    if seconds is not None and seconds > LONGEST_FILM:
        raise ValueError(f"expected a film of at most {LONGEST_FILM:.0f} s, got {seconds:.0f} s: {name}")
    return Film(code, seconds)


def _check_film(path: Path, name: str) -> float | None:
    film = read_film(path, name)
    if not film.plays:
        raise ValueError(f"browsers do not play its codec {film.codec}; convert it first, {CONVERT}: {name}")
    return None if film.seconds is None else round(film.seconds + _AFTER_FILM, 1)


def _address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+([/?#]\S*)?", text):
        raise ValueError(f"expected a web address such as https://shop.example/sale, got {text!r}")
    return text


Address = Annotated[str, Field(max_length=300), AfterValidator(_address)]
"""A web address without user name and password."""
