"""Reads an image file as RGB pixels; damaged files, bombs and unexpected formats are refused in one line.

The size is read from the header before any pixel is decoded. Pillow warns about many files that it reads well; those
warnings are suppressed.
"""

import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageCms, ImageOps, UnidentifiedImageError

from faceline.errors import InputError
from faceline.types import Image

MAX_PIXELS: Final = 50_000_000
"""Images with more pixels are refused before they are decoded."""

FRAME_FORMATS: Final = ("JPEG", "PNG")
LABELLED_FORMATS: Final = (*FRAME_FORMATS, "WEBP", "BMP", "TIFF", "GIF")

_ORIENTATION_TAG: Final = 0x0112  # of EXIF
_PNG_DEPTH_AT: Final = 24  # bytes into the file: signature 8, chunk header 8, width 4, height 4
_TIFF: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # how its files begin
_MODE_NAMES: Final = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with alpha",
    "P": "palette",
    "PA": "palette with alpha",
    "CMYK": "CMYK",
}


def read_frame(path: Path) -> Image:
    """Read a frame with landmarks: an 8-bit RGB or RGBA file (alpha is dropped), in its stored orientation.

    Other kinds are refused instead of converted: nobody knows on which version the labels were drawn.

    Raises:
        InputError: The file is missing, damaged, too large, or of another kind; the message says how to convert it.
    """
    return _read(path, FRAME_FORMATS, _strict_rgb)


def read_labelled(path: Path, upright: bool = False) -> Image:
    """Read a photo with landmarks in any colours: grey and palettes become RGB, alpha is dropped.

    Args:
        path: The photo.
        upright: Whether to turn it as its EXIF tag says; without it a turned photo is refused.

    Raises:
        InputError: The file is missing, damaged, too large, no image, or turned by its EXIF tag.
    """
    return _read(path, LABELLED_FORMATS, _upright_rgb if upright else _any_rgb)


Convert = Callable[[PillowImage.Image, Path], PillowImage.Image]


def _read(path: Path, formats: tuple[str, ...], convert: Convert) -> Image:
    pixels: list[Image] = []

    def decode(image: PillowImage.Image, path: Path) -> None:
        _check_size(image, path)
        image.load()
        pixels.append(np.array(convert(image, path)))  # (h, w, 3), a copy that may be written to

    read_with(path, formats, decode)
    return pixels[0]


def read_with(path: Path, formats: tuple[str, ...], decode: Callable[[PillowImage.Image, Path], None]) -> None:
    """Open an image file and hand it to a decoder; every kind of damage becomes one clear error.

    Args:
        path: The image file.
        formats: Accepted formats, by Pillow's names.
        decode: Receives the opened image, whose pixels are not loaded yet.

    Raises:
        InputError: The file is missing, damaged or of another kind, or ``decode`` raises.
    """
    refuse_no_file(path)
    if path.stat().st_size == 0:
        raise InputError("is empty (0 bytes)", file=path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _decode(path, formats, decode)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(_unidentified(path, formats), file=path) from None
    except Exception as error:  # decoders raise nearly anything on damaged files
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"is damaged or cannot be read: {reason}", file=path) from None


def refuse_no_file(path: Path) -> None:
    """Refuse what cannot be opened as a file: to open a pipe or a device could take for ever.

    Raises:
        InputError: It is missing, of another kind, or out of reach.
    """
    try:
        is_file = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        lacks = "is a link to a file that is not there" if path.is_symlink() else "no such file"
        raise InputError(lacks, file=path) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None
    if not is_file:
        raise InputError("is not a file", file=path)


def _unidentified(path: Path, formats: tuple[str, ...]) -> str:
    with path.open("rb") as file:
        tiff = file.read(4) in _TIFF
    if tiff and "TIFF" in formats:
        return (
            "is a TIFF of a kind that is not read, such as colours in floating point or of 32 bits; save it with 8 or "
            "16 bits a channel"
        )
    return f"is not an image of a known kind ({', '.join(formats)})"


def _decode(path: Path, formats: tuple[str, ...], decode: Callable[[PillowImage.Image, Path], None]) -> None:
    with _any_size(), PillowImage.open(path, formats=formats) as image:
        decode(image, path)
        is_png = image.format == "PNG"
    if is_png:
        with _any_size(), PillowImage.open(path, formats=("PNG",)) as image:
            image.verify()  # decoding skips the checksums and the end of the file


@contextmanager
def _any_size() -> Iterator[None]:
    """Lift Pillow's limit, which is below the largest photos; each decoder here checks a limit of its own."""
    limit, PillowImage.MAX_IMAGE_PIXELS = PillowImage.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        PillowImage.MAX_IMAGE_PIXELS = limit


def _check_size(image: PillowImage.Image, path: Path) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        limit = f"at most {MAX_PIXELS // 1_000_000} million pixels are read"
        raise InputError(f"is too large: {width} x {height}; {limit}, make it smaller", file=path)


def _strict_rgb(image: PillowImage.Image, path: Path) -> PillowImage.Image:
    kind = _kind(image, path)
    if kind not in ("8-bit RGB", "8-bit RGBA"):
        raise InputError(
            f"is {kind}, expected 8-bit RGB or RGBA; convert it, "
            "for example: magick IN -colorspace sRGB -depth 8 -type TrueColor OUT",
            file=path,
        )
    _refuse_turned(image, path)
    return image.convert("RGB")


def _refuse_turned(image: PillowImage.Image, path: Path) -> None:
    orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    if orientation != 1:
        raise InputError(
            f"is turned by its EXIF orientation {orientation}, so its landmarks could be meant either way; "
            "turn the pixels if they need it and remove the tag, for example: exiftool -Orientation= FILE (with "
            "data=pts, if the points lie on the photo as viewers show it: data.source.upright=true)",
            file=path,
        )


def _kind(image: PillowImage.Image, path: Path) -> str:
    if image.mode not in ("RGB", "RGBA"):
        return "16-bit grey" if image.mode.startswith("I") else _MODE_NAMES.get(image.mode, image.mode)
    bits = 8
    if image.format == "PNG":  # Pillow reduces 16-bit colour to 8 bits without a sign of it in the mode
        with path.open("rb") as file:
            bits = file.read(_PNG_DEPTH_AT + 1)[-1]
    return f"{bits}-bit {image.mode}"


def _any_rgb(image: PillowImage.Image, path: Path) -> PillowImage.Image:
    _refuse_turned(image, path)
    return as_rgb(image, path)


def _upright_rgb(image: PillowImage.Image, path: Path) -> PillowImage.Image:
    return as_rgb(ImageOps.exif_transpose(image), path)


def as_rgb(image: PillowImage.Image, path: Path) -> PillowImage.Image:
    """Convert a picture to 8-bit RGB.

    Raises:
        InputError: Its value of white is unknown.
    """
    if image.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        converted = ImageCms.profileToProfile(image, lab, ImageCms.createProfile("sRGB"), outputMode="RGB")
        assert converted is not None
        return converted
    if image.mode == "F" or image.mode.startswith("I"):
        image = PillowImage.fromarray(_eight_bits(image, path))
    return image.convert("RGB")


def _eight_bits(image: PillowImage.Image, path: Path) -> np.ndarray:
    """Convert 16-bit grey, or floating point on [0, 1], to 8 bits; in other ranges the value of white is unknown."""
    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    if image.mode == "F":
        if low >= 0 and high <= 1:
            return np.round(values * 255).astype(np.uint8)
        kind = "floating-point numbers"
    elif image.mode.startswith("I;16") or (image.format == "PNG" and high < 1 << 16):
        return (values.astype(np.int64) >> 8).astype(np.uint8)
    else:
        kind = "32-bit numbers"
    raise InputError(
        f"holds {kind} from {low:g} to {high:g}, of which none is known to be white; save it with 8 or 16 bits, "
        "or as floating point from 0 to 1",
        file=path,
    )
