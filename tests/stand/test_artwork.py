"""Artwork of contents: what is refused, how long films stay, what a display is told."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.stand.test_catalogue import GOOD, refusal, written

from faceline.stand.content.artwork import Brand, contrast
from faceline.stand.content.catalogue import Catalogue, read_catalogue
from faceline.stand.screen import Screens, qr_code

POSTER = GOOD.replace("    title: Hello", "    name: Poster\n    full: {landscape: wide.png}")


def film(file: Path, codec: str, seconds: float = 3.5) -> None:
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*codec), 10, (64, 48))
    for _ in range(round(10 * seconds)):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.new("RGB", (32, 18)).save(tmp_path / "wide.png")
    Image.new("RGB", (18, 32)).save(tmp_path / "tall.png")
    (tmp_path / "damaged.jpg").write_bytes(b"no picture")
    (tmp_path / "logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    return tmp_path


def read(folder: Path, text: str, **more: Any) -> Catalogue:
    return read_catalogue(written(folder, text), **more)


@pytest.mark.parametrize(
    ("text", "row", "told"),
    [
        (GOOD.replace("    title: Hello", "    text: Hello"), 4, "contents.0.title: missing; or give full: FILE"),
        (POSTER.replace("    name: Poster\n", ""), 4, "needs a name for the reports"),
        (POSTER.replace("name: Poster", "name: ' '"), 6, "contents.0.name"),
        (POSTER.replace("    name", "    title: Hello\n    name"), 6, "title: cannot be used with full; for a text"),
        (POSTER.replace("wide.png", "none.png"), 7, "contents.0.full.landscape: no such file: none.png"),
        (POSTER.replace("wide.png", "damaged.jpg"), 7, "not a picture that can be shown"),
        (POSTER.replace("landscape: wide.png", "fit: cover"), 7, "expected a file for landscape, portrait or both"),
        (POSTER.replace("landscape:", "landscap:"), 7, "no such key; did you mean landscape?"),
        (POSTER.replace("wide.png", "wide.png, fit: strech"), 7, "'contain' or 'cover', got 'strech'"),
        (POSTER.replace("wide.png", "wide.png, overlay: [clock]"), 7, "'greeting', 'offer', 'brand' or 'progress'"),
        (POSTER.replace("wide.png", "wide.png, background: red"), 7, "a colour such as '#14302c'"),
        (GOOD.replace("Hello", "Hello\n    layout: cover"), 7, "cover needs media"),
        (GOOD.replace("Hello", "Hello\n    layout: offer"), 7, "the layout offer needs an offer"),
        (GOOD.replace("Hello", "Hello\n    layout: banner"), 7, "'statement', 'split', 'cover', 'offer' or 'product'"),
        (GOOD.replace("Hello", "Hello\n    media: damaged.jpg"), 7, "contents.0.media: not a picture"),
        (GOOD.replace("Hello", "Hello\n    media: {portrait: none.png}"), 7, "media.portrait: no such file"),
        (GOOD.replace("Hello", "Hello\n    qr: example.org"), 7, "contents.0.qr"),
        (GOOD.replace("Hello", "Hello\n    page: 'https://evil.example/x'"), 7, "https://evil.example is not allowed"),
        (GOOD.replace("Hello", "Hello\n    page: 'https://menu.example@evil.example/'"), 7, "contents.0.page"),
        (GOOD.replace("Hello", "Hello\n    brand: {logo: wide.mp4}"), 7, "expected a picture"),
        (GOOD.replace("Hello", "Hello\n    brand: {logo: none.svg}"), 7, "contents.0.brand.logo: no such file"),
        (GOOD.replace("house}", "house, brand: {ink: '#ffffff'}}"), 2, "need a ground"),
        (GOOD.replace("house}", "house, brand: {ground: '#ffffff', ink: '#bbbbbb'}}"), 2, "contrast of at least 4.5"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_told_with_its_line(folder: Path, text: str, row: int, told: str) -> None:
    error = refusal(written(folder, text), pages=["https://menu.example"])
    assert told in error.message, error
    assert (told, error.row) == (told, row)
    assert "\n" not in str(error)


def test_a_film_that_browsers_do_not_play_is_refused_with_the_reason(folder: Path) -> None:
    film(folder / "old.mp4", "mp4v")
    error = refusal(written(folder, POSTER.replace("wide.png", "old.mp4")))
    assert "browsers do not play its codec fmp4; convert it first, as with ffmpeg -i FILM -c:v libx264" in error.message
    assert error.row == 7
    (folder / "cut.mp4").write_bytes((folder / "old.mp4").read_bytes()[:300])
    assert "not a film that can be played" in refusal(written(folder, POSTER.replace("wide.png", "cut.mp4"))).message


def test_a_film_stays_for_its_own_length_unless_told_otherwise(folder: Path) -> None:
    film(folder / "short.webm", "VP80", 3.5)
    film(folder / "long.webm", "VP90", 12.0)
    text = POSTER.replace("wide.png", "short.webm, portrait: long.webm")
    assert read(folder, POSTER).by_id["hello"].seconds == 10
    assert read(folder, POSTER.replace("wide.png", "short.webm")).by_id["hello"].seconds == pytest.approx(4.0)
    assert read(folder, text).by_id["hello"].seconds == pytest.approx(12.5)
    assert read(folder, text.replace("    full", "    seconds: 5\n    full")).by_id["hello"].seconds == 5


def test_a_name_for_reports_is_the_title_unless_there_is_one(folder: Path) -> None:
    assert read(folder, GOOD).by_id["hello"].label == "Hello"
    assert read(folder, POSTER).by_id["hello"].label == "Poster"


def test_a_display_is_told_both_orientations_and_another_address_when_a_file_changes(folder: Path) -> None:
    catalogue = read(folder, POSTER.replace("wide.png", "wide.png, portrait: tall.png, sound: true"))
    content = catalogue.by_id["hello"]
    told = Screens(folder).content(content, catalogue)
    assert (told["layout"], told["title"], told["name"]) == ("full", "", "Poster")
    assert (told["media"]["overlay"], told["media"]["sound"]) == ([], False), "silent where the stand allows no sound"
    assert Screens(folder, sound=True).content(content, catalogue)["media"]["sound"]
    assert told["media"]["landscape"]["file"].startswith("/media/wide.png?v=")
    assert catalogue.files == {"wide.png", "tall.png"}
    Image.new("RGB", (64, 36)).save(folder / "wide.png")
    again = Screens(folder).content(content, catalogue)["media"]
    assert again["portrait"] == told["media"]["portrait"]
    assert again["landscape"] != told["media"]["landscape"]


def test_the_brand_of_a_campaign_holds_unless_a_content_has_its_own(folder: Path) -> None:
    brand = "brand: {logo: logo.svg, ground: '#0b3d91', accent: '#ffcf33'}"
    text = GOOD.replace("house}", f"house, {brand}}}")
    own = text.replace("Hello", "Hello\n    brand: {ground: '#ffffff'}")
    for written_text, ground, ink in ((text, "#0b3d91", "#ffffff"), (own, "#ffffff", "#000000")):
        catalogue = read(folder, written_text)
        told = Screens(folder).content(catalogue.by_id["hello"], catalogue)
        assert (told["colours"]["ground"], told["colours"]["ink"]) == (ground, ink)
        assert told["logo"].startswith("/media/logo.svg")


def test_contrast_is_that_of_the_guidelines() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # the well-known grey that just fails
    assert contrast("#ff0000", "#0000ff") == contrast("#0000ff", "#ff0000") == pytest.approx(2.15, abs=0.01)
    assert Brand().colours() is None


@pytest.mark.parametrize("text", ["https://example.org/s", "https://example.org/" + "long/" * 50])
def test_a_code_is_read_by_another_program(text: str) -> None:
    told = qr_code(text)
    size = told["size"]
    image = np.full((size, size), 255, np.uint8)
    for run in told["path"].split("z")[:-1]:  # M4 5h7v1h-7
        x, y = map(int, run[1 : run.index("h")].split(" "))
        image[y, x : x + int(run[run.index("h") + 1 : run.index("v")])] = 0
    found, *_ = cv2.QRCodeDetector().detectAndDecode(
        cv2.resize(image, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    )
    assert found == text
