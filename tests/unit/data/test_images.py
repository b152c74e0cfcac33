"""Reading one image: what is accepted is exact, what is refused says why, and nothing warns."""

import io
import os
import struct
import sys
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from faceline.data.images import MAX_PIXELS, read_frame, read_labelled
from faceline.data.photos import ENOUGH_PIXELS, MOST_PIXELS, read_photo
from faceline.errors import InputError


def read_any(path: Path) -> np.ndarray:
    """The pixels of a photo."""
    return read_photo(path).image


RGB = np.random.default_rng(7).integers(0, 256, (36, 40, 3), dtype=np.uint8)
ORIENTATION = 0x0112


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def save(path: Path, image: Image.Image, kind: str = "PNG", **options: object) -> Path:
    image.save(path, kind, **options)
    return path


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def grey_16(path: Path) -> Path:
    assert cv2.imwrite(str(path), RGB[:, :, 0].astype(np.uint16) * 256)
    return path


def colour_16(path: Path) -> Path:
    assert cv2.imwrite(str(path), RGB[:, :, ::-1].astype(np.uint16) * 256 + 3)
    return path


def png_header(width: int, height: int) -> bytes:
    """The beginning of a PNG that claims a size, and the beginning of its pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))


def jpeg_bytes() -> bytes:
    content = io.BytesIO()
    Image.fromarray(RGB).save(content, "JPEG")
    return content.getvalue()


def png_bytes() -> bytes:
    content = io.BytesIO()
    Image.fromarray(RGB).save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize("read", [read_frame, read_any])
def test_png_with_alpha_under_a_jpg_name_gives_its_rgb(tmp_path, read) -> None:
    alpha = np.random.default_rng(1).integers(0, 256, (36, 40, 1), dtype=np.uint8)
    path = tmp_path / "a.jpg"
    save(path, Image.fromarray(np.concatenate([RGB, alpha], axis=2)))
    image = read(path)
    np.testing.assert_array_equal(image, RGB)
    image[0, 0] = 1  # callers may draw on it
    assert image.dtype == np.uint8


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 30}])
def test_jpeg_equals_another_decoder(tmp_path, options) -> None:
    ramp = np.linspace(0, 255, 40 * 36).reshape(36, 40).astype(np.uint8)
    path = save(tmp_path / "a.jpg", Image.fromarray(np.dstack([ramp] * 3)), "JPEG", **options)
    reference = cv2.imread(str(path))[:, :, ::-1].astype(int)
    assert np.abs(read_frame(path).astype(int) - reference).max() <= 2


@pytest.mark.parametrize("read", [read_frame, read_any])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"# no image\n" * 50, "not an image of a known kind"),
        (b"\xff\xd8\xff", "not an image|damaged"),
        (jpeg_bytes()[:-1], "truncated"),
        (jpeg_bytes()[: len(jpeg_bytes()) // 2], "truncated"),
        (jpeg_bytes()[:200], "damaged|not an image"),
        (png_bytes()[:-8], "damaged"),
        (png_bytes()[:2000], "truncated"),
        (png_bytes()[:20], "not an image|damaged"),
        (png_bytes()[:1000] + b"\0\0\0\0" + png_bytes()[1004:], "damaged"),
    ],
)
def test_damage_is_refused_in_one_line_with_the_file(tmp_path, read, content, message) -> None:
    path = tmp_path / "bad.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("read", "side"), [(read_frame, 7_100), (read_frame, 20_000), (read_any, 20_000)])
def test_a_bomb_is_refused_from_its_header(tmp_path, capfd, read, side) -> None:
    path = tmp_path / "bomb.jpg"
    path.write_bytes(png_header(side, side))
    assert side * side > (MAX_PIXELS if read is read_frame else MOST_PIXELS)
    with pytest.raises(InputError, match="too large"):
        read(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_huge_photo_is_read_shrunk_and_knows_its_size(tmp_path, kind, orientation) -> None:
    width, height = 8000, 4000
    photo = Image.new("RGB", (width, height), (0, 0, 255))
    photo.paste((255, 0, 0), (0, 0, width // 4, height))
    read = read_photo(save(tmp_path / "huge", photo, kind, exif=turned(orientation)))
    upright = (width, height) if orientation == 1 else (height, width)
    assert (read.width, read.height) == upright and read.zoom == 2
    assert read.image.shape == (upright[1] // 2, upright[0] // 2, 3) and read.image[..., 0].size <= ENOUGH_PIXELS
    red = read.image[100, 100] if orientation == 1 else read.image[100, -100]
    assert red[0] > 250 and red[2] < 5 and read.image[-100, 100 if orientation == 6 else -100, 2] > 250


def test_lab_becomes_rgb(tmp_path) -> None:
    lab = np.full((20, 30, 3), (136, 208, 195), dtype=np.uint8)
    lab[..., 1:] = (80, 67)  # the red of sRGB
    path = save(tmp_path / "lab.tif", Image.fromarray(lab, "LAB"), "TIFF")
    np.testing.assert_allclose(read_any(path)[10, 10], (255, 0, 0), atol=12)


def test_heic_is_read_with_its_package_and_refused_without(tmp_path, monkeypatch) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "phone.jpg"
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), (200, 30, 30))).save(path, quality=90)
    photo = read_photo(path)
    assert (photo.width, photo.height) == (64, 48) and abs(int(photo.image[20, 20, 0]) - 200) < 8
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError, match=r"faceline\[heif\]"):
        read_photo(path)


def test_avif_is_read(tmp_path) -> None:
    path = save(tmp_path / "a.avif", Image.new("RGB", (64, 48), (30, 200, 30)), "AVIF")
    assert abs(int(read_any(path)[20, 20, 1]) - 200) < 8


def test_a_pipe_a_folder_and_a_missing_file_are_refused(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for name, message in (
        ("pipe.jpg", "is not a file"),
        (".", "is not a file"),
        ("none.jpg", "no such file"),
    ):
        with pytest.raises(InputError, match=message):
            read_frame(tmp_path / name)


OTHER_KINDS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "grey": (lambda path: save(path, Image.fromarray(RGB[:, :, 0]), "JPEG"), "is grey,"),
    "grey alpha": (lambda path: save(path, Image.fromarray(RGB).convert("LA")), "is grey with alpha"),
    "bilevel": (lambda path: save(path, Image.fromarray(RGB).convert("1")), "is black and white"),
    "palette": (lambda path: save(path, Image.fromarray(RGB).quantize(16)), "is palette"),
    "cmyk": (lambda path: save(path, Image.fromarray(RGB).convert("CMYK"), "JPEG"), "is CMYK"),
    "grey 16": (lambda path: grey_16(path.with_suffix(".png")), "is 16-bit grey"),
    "colour 16": (lambda path: colour_16(path.with_suffix(".png")), "is 16-bit RGB"),
    "rotated": (
        lambda path: save(path, Image.fromarray(RGB), "JPEG", exif=turned(6)),
        "EXIF orientation 6.*exiftool",
    ),
    "other format": (lambda path: save(path, Image.fromarray(RGB), "BMP"), "not an image of a known kind"),
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_labelled_frames_of_another_kind_are_refused(tmp_path, kind) -> None:
    make, message = OTHER_KINDS[kind]
    with pytest.raises(InputError, match=message):
        read_frame(make(tmp_path / "a.jpg"))


def test_an_upright_exif_tag_is_no_reason_to_refuse(tmp_path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(RGB), exif=turned(1))
    np.testing.assert_array_equal(read_frame(path), RGB)


def grey_of(values: np.ndarray) -> np.ndarray:
    return np.dstack([values] * 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_its_exif_says(tmp_path, orientation) -> None:
    turns = {
        1: RGB,
        2: RGB[:, ::-1],
        3: RGB[::-1, ::-1],
        4: RGB[::-1],
        5: RGB.transpose(1, 0, 2),
        6: np.rot90(RGB, -1),
        7: RGB[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(RGB),
    }
    path = save(tmp_path / "a.png", Image.fromarray(RGB), exif=turned(orientation))
    np.testing.assert_array_equal(read_any(path), turns[orientation])


def test_a_photo_may_have_any_colours_and_depth(tmp_path) -> None:
    grey = RGB[:, :, 0]
    np.testing.assert_array_equal(read_any(grey_16(tmp_path / "grey16.png")), grey_of(grey))
    np.testing.assert_array_equal(read_any(colour_16(tmp_path / "colour16.png")), RGB)
    path = save(tmp_path / "grey.png", Image.fromarray(grey))
    np.testing.assert_array_equal(read_any(path), grey_of(grey))
    palette = Image.fromarray(RGB).quantize(16)
    path = save(tmp_path / "palette.png", palette, transparency=bytes(range(16)))
    np.testing.assert_array_equal(read_any(path), np.asarray(palette.convert("RGB")))
    # No black ink: CMYK is then the negative of RGB.
    ink = Image.fromarray(np.dstack([255 - RGB, np.zeros_like(grey)]), "CMYK")
    np.testing.assert_array_equal(read_any(save(tmp_path / "cmyk.tif", ink, "TIFF")), RGB)


@pytest.mark.parametrize(
    ("white", "message"),
    [(1.0, None), (255.0, "floating-point numbers from 0 to 255"), (-1.0, "numbers from -1 to"), (np.nan, "to nan")],
)
def test_floating_point_is_scaled_from_one_or_refused(tmp_path, white: float, message: str | None) -> None:
    grey = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    path = save(tmp_path / "float.tif", Image.fromarray(grey * np.float32(white)), "TIFF")
    if message is None:
        np.testing.assert_array_equal(read_any(path)[..., 0], np.arange(256).reshape(16, 16))
        return
    with pytest.raises(InputError, match=message):
        read_any(path)


def test_32_bit_grey_is_refused(tmp_path) -> None:
    path = save(tmp_path / "int.tif", Image.fromarray(np.full((8, 8), 70_000, dtype=np.int32)), "TIFF")
    with pytest.raises(InputError, match="32-bit numbers from 70000 to 70000"):
        read_any(path)


def test_colours_in_floating_point_are_refused_with_what_to_do(tmp_path) -> None:
    path = tmp_path / "colours.tif"
    assert cv2.imwrite(str(path), np.full((8, 8, 3), 0.5, np.float32))
    for read in (read_any, read_labelled):
        with pytest.raises(InputError, match=r"colours in floating point .* save it with 8 or 16 bits a channel"):
            read(path)


def test_photos_with_landmarks_are_scaled_to_8_bits_too(tmp_path) -> None:
    grey = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    path = save(tmp_path / "float.tif", Image.fromarray(grey), "TIFF")
    np.testing.assert_array_equal(read_labelled(path)[..., 0], np.arange(256).reshape(16, 16))


@pytest.mark.data
def test_the_published_files_give_pillows_own_rgb(data_root) -> None:
    paths = sorted((data_root / "udacity_original_png" / "training").glob("*.jpg"))
    assert len(paths) == 27
    for path in paths:
        with Image.open(path) as image:
            assert (image.format, image.mode) == ("PNG", "RGBA")
            np.testing.assert_array_equal(read_frame(path), np.asarray(image.convert("RGB")))
