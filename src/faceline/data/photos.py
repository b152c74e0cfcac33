"""Reads a user's own photos as a viewer shows them: any colours and depth, upright, huge ones reduced."""

import importlib
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps

from faceline.data.images import FRAME_FORMATS, as_rgb, read_with
from faceline.errors import InputError
from faceline.types import Image

FORMATS: Final = (*FRAME_FORMATS, "WEBP", "BMP", "TIFF", "GIF", "AVIF")

MOST_PIXELS: Final = 300_000_000
"""Photos with more pixels are refused before they are decoded."""

ENOUGH_PIXELS: Final = 25_000_000
"""Photos with more pixels are read at a half, quarter or eighth of their size, which is enough for faces."""

_HEIF_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


class Photo(NamedTuple):
    """A photo in memory.

    Attributes:
        image: RGB pixels, perhaps at a reduced size.
        width: Width of the original photo, upright, in pixels.
        height: Height of the original photo, upright, in pixels.
    """

    image: Image
    width: int
    height: int

    @property
    def zoom(self) -> float:
        """Number of photo pixels for each pixel in memory, along an edge."""
        return float(max(self.width, self.height) / max(self.image.shape[:2]))


def read_photo(path: Path) -> Photo:
    """Read a user's photo and turn it as its EXIF tag says.

    Transparency is dropped, as in training. Of several pages or pictures the first is read.

    Args:
        path: Image file of any kind in `FORMATS`; HEIC needs the package ``pillow-heif``.

    Raises:
        InputError: The file is missing, damaged, too large or no image, or HEIC without that package.
    """
    formats: tuple[str, ...] = FORMATS
    if is_heif(path):
        _register_heif(path)
        formats = ("HEIF",)
    photos: list[Photo] = []

    def decode(image: PillowImage.Image, path: Path) -> None:
        photos.append(_decode(image, path))

    read_with(path, formats, decode)
    return photos[0]


def is_heif(path: Path) -> bool:
    """Tell whether a file begins as HEIC photos do."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def _register_heif(path: Path) -> None:
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ModuleNotFoundError:
        told = "is a HEIC photo; pip install 'faceline[heif]' reads them, or save it as JPEG"
        raise InputError(told, file=path) from None


def _decode(image: PillowImage.Image, path: Path) -> Photo:
    width, height = image.size
    if width * height > MOST_PIXELS:
        limit = f"at most {MOST_PIXELS // 1_000_000} million pixels are read"
        raise InputError(f"is too large: {width} x {height}; {limit}, make it smaller", file=path)
    shrink = 1
    while width * height / shrink**2 > ENOUGH_PIXELS and shrink < 8:
        shrink *= 2
    if shrink > 1 and image.format in ("JPEG", "MPO"):  # the decoder itself leaves out what is not needed
        image.draft(image.mode, (width // shrink, height // shrink))
        shrink = max(1, round(shrink * image.width / width))
    image.load()
    picture = _rgb(image, path)
    if shrink > 1:
        picture = picture.reduce(shrink)
    upright = ImageOps.exif_transpose(picture)
    if (upright.width > upright.height) != (picture.width > picture.height):
        width, height = height, width
    return Photo(np.array(upright), width, height)


def _rgb(image: PillowImage.Image, path: Path) -> PillowImage.Image:
    """Convert the picture to 8-bit RGB and keep its EXIF tags."""
    converted = as_rgb(image, path)
    exif = image.getexif()
    if exif:
        converted.info["exif"] = exif.tobytes()
    return converted
