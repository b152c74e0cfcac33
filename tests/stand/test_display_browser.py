"""What the display makes of contents, looked at in a browser: sizes, directions, media, films, web pages."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import uvicorn
from PIL import Image
from tests.chromium import accessibility_faults, chromium
from tests.stand.test_artwork import film
from tests.stand.web_stand import WebStand, make

from faceline.stand.web.app import create_app

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZES = ((1280, 720), (1080, 1920), (3840, 2160), (540, 960))
LONG = "Wir feiern die Wiedereröffnung der Donaudampfschifffahrtsgesellschaft am Samstag"
TEXT, OFFER = "Forty growers, three bakers and a band. " * 7, "Two for the price of one. " * 4
TEXTS = f"title: {LONG}, text: '{TEXT}', offer: '{OFFER}'"
QR = "qr: 'https://example.org/summer/2026?from=stand'"
ARABIC = "title: 'قهوة طازجة كل صباح', text: 'مفتوح كل يوم حتى الثامنة.', offer: 'مجانا'"
BRAND = "brand: {logo: wide.png, ground: '#0b3d91', accent: '#ffcf33'}"
CONTENTS = f"""
campaigns: [{{id: house, name: The house}}, {{id: sunny, name: Sunny, {BRAND}}}]
contents:
  - {{id: hello, campaign: house, title: Landscape photo}}
  - {{id: long_statement, campaign: house, {TEXTS}, {QR}}}
  - {{id: long_split, campaign: sunny, {TEXTS}, {QR}, media: wide.png}}
  - {{id: long_cover, campaign: house, {TEXTS}, {QR}, media: wide.png, layout: cover}}
  - {{id: long_offer, campaign: sunny, {TEXTS}, {QR}, media: wide.png, layout: offer}}
  - {{id: long_product, campaign: house, {TEXTS}, {QR}, media: wide.png, layout: product}}
  - {{id: split, campaign: house, title: Landscape photo, media: wide.png}}
  - {{id: arabic, campaign: sunny, {ARABIC}, media: wide.png}}
  - {{id: poster, campaign: sunny, name: Poster, offer: half, full: {{landscape: wide.png, portrait: tall.png}}}}
  - {{id: over, campaign: sunny, name: Over, offer: half, full: {{landscape: wide.png, overlay: [brand, offer]}}}}
  - {{id: film, campaign: house, name: Film, full: film.webm}}
  - {{id: gone, campaign: house, name: Poster of June, full: gone.png}}
  - {{id: page, campaign: house, title: Menu, page: 'PAGES/menu'}}
  - {{id: no_page, campaign: house, title: Menu of the house, page: 'NOWHERE/menu'}}
loop: [hello]
"""

OUTSIDE = """() => {
    const parts = document.querySelectorAll(".screen :is(.title, .text, .offer, .by, .qr, .brand img)");
    return [...parts].filter((part) => {
        const place = part.getBoundingClientRect();
        const box = (part.closest(".copy, .panel") || document.body).getBoundingClientRect();
        return place.left < box.left - 1 || place.top < box.top - 1 || place.right > box.right + 1
            || place.bottom > box.bottom + 1 || part.scrollWidth > part.clientWidth + 1 || part.matches(".breaks");
    }).map((part) => `${part.className}: ${part.textContent}`);
}"""


class Menu(BaseHTTPRequestHandler):
    """A web page of somebody else."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<h1>Soup</h1><script>try { parent.document.title = 'taken' } catch {}</script>")

    def log_message(self, *_: Any) -> None:
        """Tell nothing."""


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WebStand, str]]:
    folder = tmp_path_factory.mktemp("display")
    (folder / "media").mkdir()
    for name, size in (("wide", (320, 180)), ("tall", (180, 320)), ("gone", (32, 18))):
        Image.new("RGB", size, "#b03060").save(folder / "media" / f"{name}.png")
    film(folder / "media" / "film.webm", "VP80", 2.5)
    menu = ThreadingHTTPServer(("127.0.0.1", 0), Menu)
    threading.Thread(target=menu.serve_forever, daemon=True).start()
    pages = f"http://127.0.0.1:{menu.server_port}", "http://127.0.0.1:9"
    text = CONTENTS.replace("PAGES", pages[0]).replace("NOWHERE", pages[1])
    stand = make(folder, text, pages=pages)
    (folder / "media" / "gone.png").unlink()
    server = uvicorn.Server(uvicorn.Config(create_app(stand.services), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    stand.show("hello")
    yield stand, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/display?token={stand.token}"
    server.should_exit = True
    thread.join(10)
    menu.shutdown()


@pytest.fixture(scope="module")
def display(stand: tuple[WebStand, str]) -> Iterator[Any]:
    with chromium() as browser:
        page = browser.new_page(reduced_motion="reduce")
        page.set_default_timeout(60_000)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(stand[1])
        page.wait_for_selector("html[data-line=live]")
        yield page
        assert complaints == []


def put(stand: WebStand, page: Any, name: str, size: tuple[int, int] = (1280, 720), **more: Any) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    stand.show(name, **more)
    page.wait_for_selector(f"html[data-content={name}]")
    page.wait_for_selector("#stage > .screen.shown:only-child")


def box(page: Any, part: str) -> dict[str, float]:
    found: dict[str, float] = page.locator(f".screen.shown {part}").bounding_box()
    return found


@pytest.mark.parametrize("size", SIZES)
def test_the_longest_texts_fit_every_layout(stand: tuple[WebStand, str], display: Any, size: tuple[int, int]) -> None:
    for name in ("long_statement", "long_split", "long_cover", "long_offer", "long_product", "split"):
        put(stand[0], display, name, size)
        assert display.evaluate(OUTSIDE) == [], name
    assert accessibility_faults(display) == []


@pytest.mark.parametrize("size", SIZES)
def test_no_word_is_broken_and_media_reach_the_edges(
    stand: tuple[WebStand, str], display: Any, size: tuple[int, int]
) -> None:
    put(stand[0], display, "split", size)
    words = display.evaluate("""() => {
        const text = document.querySelector(".screen.shown .title").firstChild;
        return [[0, 9], [10, 15]].map(([from, to]) => {
            const range = new Range(); range.setStart(text, from); range.setEnd(text, to);
            return range.getClientRects().length;
        });
    }""")
    assert words == [1, 1], "each word is on one line"
    place = box(display, ".medium img")
    if size[0] > size[1]:
        assert place["height"] == size[1]
        assert place["x"] + place["width"] == size[0]
    else:
        assert (place["x"], place["y"], place["width"]) == (0, 0, size[0])


def test_right_to_left_is_right_to_left(stand: tuple[WebStand, str], display: Any) -> None:
    put(stand[0], display, "arabic")
    assert display.locator(".screen.shown").evaluate("(e) => getComputedStyle(e).direction") == "rtl"
    assert box(display, ".medium")["x"] == 0, "the medium is on the left"
    for part in (".title", ".text", ".offer", ".brand img"):
        place = box(display, part)
        assert place["x"] > 640, part
    assert display.locator(".screen.shown .title").evaluate("(e) => getComputedStyle(e).textAlign") == "start"
    assert display.evaluate("document.fonts.check('700 20px \"Stand Arabic\"', 'قهوة')")
    fonts = display.evaluate("[...document.fonts].filter((f) => f.status === 'loaded').map((f) => f.family)")
    assert {"Stand Arabic", "Stand Serif", "Stand Sans"} <= {name.strip('"') for name in fonts}


def test_the_colours_and_the_logo_are_those_of_the_brand(stand: tuple[WebStand, str], display: Any) -> None:
    put(stand[0], display, "long_split")
    screen = display.locator(".screen.shown")
    assert screen.evaluate("(e) => getComputedStyle(e).backgroundColor") == "rgb(11, 61, 145)"
    assert screen.locator(".offer").evaluate("(e) => getComputedStyle(e).color") == "rgb(255, 207, 51)"
    assert screen.locator(".brand img").get_attribute("alt") == "Sunny"


def test_finished_artwork_fills_the_screen_and_nothing_lies_over_it(stand: tuple[WebStand, str], display: Any) -> None:
    for size, name in (((1280, 720), "wide"), ((540, 960), "tall")):
        put(stand[0], display, "poster", size, greeting="Ada")
        image = display.locator(".screen.shown .medium img")
        assert name in image.get_attribute("src")
        assert image.bounding_box() == {"x": 0, "y": 0, "width": size[0], "height": size[1]}
        assert image.evaluate("(e) => getComputedStyle(e).objectFit") == "contain"
        assert display.locator(".screen.shown").inner_text().strip() == ""
        assert display.locator(".screen.shown .progress").count() == 0
        put(stand[0], display, "hello", size)
    put(stand[0], display, "over")
    assert "half" in display.locator(".screen.shown .strip").inner_text()
    display.set_viewport_size({"width": 1280, "height": 720})


def test_turning_the_screen_takes_the_other_version(stand: tuple[WebStand, str], display: Any) -> None:
    put(stand[0], display, "poster")
    display.set_viewport_size({"width": 540, "height": 960})
    display.wait_for_selector(".screen.shown .medium img[src*='tall']")


def test_a_film_plays_once_in_its_own_length(stand: tuple[WebStand, str], display: Any) -> None:
    put(stand[0], display, "film")
    seen = display.locator(".screen.shown video")
    end = time.monotonic() + 60
    while not seen.evaluate("(e) => e.ended") and time.monotonic() < end:
        display.wait_for_timeout(100)
    assert seen.evaluate("(e) => e.ended")
    assert seen.evaluate("(e) => [e.loop, e.muted]") == [False, True]
    assert stand[0].services.catalogue.by_id["film"].seconds == pytest.approx(3.0)


def test_artwork_that_cannot_be_loaded_leaves_its_name(stand: tuple[WebStand, str], display: Any) -> None:
    put(stand[0], display, "gone")
    assert "Poster of June" in display.locator(".screen.shown").inner_text()


def test_a_web_page_is_shown_in_a_sandbox_and_its_fallback_where_it_does_not_come(
    stand: tuple[WebStand, str], display: Any
) -> None:
    put(stand[0], display, "no_page")
    assert "Menu of the house" in display.locator(".screen.shown").inner_text()
    put(stand[0], display, "page")
    display.wait_for_selector(".screen.shown.with-page")
    frame = display.locator("iframe.page")
    assert frame.get_attribute("sandbox") == "allow-scripts"
    assert display.frame_locator("iframe.page").locator("h1").inner_text() == "Soup"
    assert frame.bounding_box() == {"x": 0, "y": 0, "width": 1280, "height": 720}
    assert display.title() == "north"
    put(stand[0], display, "hello")
    assert display.locator("iframe").count() == 0
