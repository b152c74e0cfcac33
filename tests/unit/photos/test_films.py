"""Films that are damaged say so, whatever the decoder makes up in their place."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from faceline.photos.films import Film, animated


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 30 noisy frames, 10 a second, in a format without an index and in one that counts its frames."""
    folder, random = tmp_path_factory.mktemp("films"), np.random.default_rng(0)
    frames = random.integers(0, 256, size=(30, 48, 64, 3), dtype=np.uint8).repeat(2, axis=1).repeat(2, axis=2)
    for name, codec in (("film.avi", "MJPG"), ("film.webm", "VP80")):
        writer = cv2.VideoWriter(str(folder / name), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), 10, (128, 96))
        for frame in frames:
            writer.write(frame)
        writer.release()
    return folder


def read(path: Path, content: bytes) -> Film:
    path.write_bytes(content)
    film = Film(path)
    for _ in film.frames():
        pass
    return film


@pytest.mark.parametrize("name", ["film.avi", "film.webm"])
def test_a_whole_film_says_nothing(films: Path, tmp_path: Path, name: str) -> None:
    film = read(tmp_path / name, (films / name).read_bytes())
    assert film.came == 30 and film.shortfall is None


def test_a_flat_picture_is_no_damage_though_its_bytes_are_zeros(tmp_path: Path) -> None:
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 10, (1280, 720))
    for light in (0, 110, 255):
        picture = np.full((720, 1280, 3), light, np.uint8)
        cv2.circle(picture, (600, 300), 99, (40, 90, 160), -1)
        writer.write(picture)
    writer.release()
    assert bytes(512) in path.read_bytes()[20_000:]  # beyond the header
    film = read(path, path.read_bytes())
    assert film.came == 3 and film.shortfall is None


@pytest.mark.parametrize("name", ["film.avi", "film.webm"])
def test_zeros_in_the_middle_are_told(films: Path, tmp_path: Path, name: str) -> None:
    content = (films / name).read_bytes()
    middle = len(content) // 2
    film = read(tmp_path / name, content[:middle] + bytes(3000) + content[middle + 3000 :])
    assert film.shortfall is not None and "damaged" in film.shortfall


def test_a_header_that_promises_too_much_is_told_and_one_that_promises_too_little_is_not(
    films: Path, tmp_path: Path
) -> None:
    content = (films / "film.avi").read_bytes()
    for promised, words in ((3000, "30 of the 3000 frames"), (10, None)):
        lie = bytearray(content)
        for place in (content.index(b"avih") + 24, content.index(b"strh") + 40):
            lie[place : place + 4] = promised.to_bytes(4, "little")
        film = read(tmp_path / "film.avi", bytes(lie))
        assert film.came == 30
        assert film.shortfall is None if words is None else words in str(film.shortfall)


def test_a_film_whose_rate_varies_is_whole(films: Path, tmp_path: Path) -> None:
    film = Film(films / "film.webm")
    film.promised, film.came, film.last = 300, 30, 29.9
    film._even = 12
    assert film.shortfall is None


@pytest.mark.parametrize("name", ["moving.gif", "moving.png", "moving.webp"])
def test_an_animation_is_known_however_long_its_head(name: str, tmp_path: Path) -> None:
    """A colour profile of many kilobytes may stand before the word that says that more pictures follow."""
    pictures = [Image.new("RGB", (8, 8), (90 * number, 0, 0)) for number in range(3)]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:], icc_profile=profile, duration=100)
    pictures[0].save(tmp_path / f"still_{name}", icc_profile=profile)
    assert (animated(tmp_path / name), animated(tmp_path / f"still_{name}")) == (3, 1)
