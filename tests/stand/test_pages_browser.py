"""Every page in a browser: accessible in the light and in the dark, in both directions, by keyboard, on a phone."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from shutil import copy
from typing import Any

import numpy as np
import pytest
import uvicorn
from tests.chromium import accessibility_faults, chromium
from tests.stand.web_stand import make, visitor

from faceline.stand.content.catalogue import DEMO
from faceline.stand.content.desk import Desk
from faceline.stand.content.policy import Policy
from faceline.stand.events.store import EventStore
from faceline.stand.simulation import World, audiences, play
from faceline.stand.web.app import create_app
from faceline.stand.web.figures import Figures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = ("/operator", "/operator/people", "/operator/contents", "/operator/contents/edit/espresso",
         "/operator/contents/week", "/operator/contents/week?day=2026-03-29",
         "/operator/contents/campaigns/coffee", "/advertiser",
         "/advertiser?campaign=coffee", "/no-such-page")  # fmt: skip


TOO_WIDE = """[...document.querySelectorAll("body, body *")].filter((each) => {
    const box = each.getBoundingClientRect(), scrolls = each.parentElement.closest(".scroll");
    return (box.right > 391 || box.left < -1) && !scrolls && !each.matches(".skip, .unseen");
}).map((each) => each.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a stand with a few simulated days, and the operator's password."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "media").mkdir()
    for file in DEMO.parent.glob("*.svg"):
        copy(file, folder / "media")
    long = "Donaudampfschifffahrtsgesellschaftskapitänsmützenfabrik"  # one word, wider than a phone
    web = make(folder, DEMO.read_text(encoding="utf-8").replace("name: Corner Roasters", f"name: {long}"))
    catalogue, url = web.services.catalogue, f"sqlite:///{folder / 'events.db'}"
    policy, rng = Policy(catalogue, stand="north", control_share=0.4, seed=0, draws=0), np.random.default_rng(0)
    with EventStore(url, interval=0.01) as store:
        for audience in audiences(3, 60, datetime(2026, 3, 27, tzinfo=UTC), rng):
            store.append(*play(policy, audience, World(catalogue, 0), rng, learn=False, write=True).events)
        assert store.flush(30.0)
    web.services.figures = Figures(url, 10, "UTC", lambda: catalogue)
    web.services.desk = Desk(folder / "media" / "catalogue.yaml", ())
    web.show("espresso", visitor())
    server = uvicorn.Server(uvicorn.Config(create_app(web.services), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", web.password
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


def log_in(page: Any, stand: tuple[str, str]) -> None:
    """By keyboard alone."""
    page.goto(f"{stand[0]}/login")
    page.wait_for_function("document.activeElement.id === 'name'")  # the first field has the focus
    page.keyboard.type("operator")
    page.keyboard.press("Tab")
    page.keyboard.type(stand[1])
    page.keyboard.press("Enter")
    page.wait_for_url("**/operator")


@pytest.mark.parametrize(("scheme", "language"), [("light", "en"), ("dark", "en"), ("dark", "ar"), ("light", "de")])
def test_no_page_shuts_anybody_out(browser: Any, stand: tuple[str, str], scheme: str, language: str) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme, locale=language)
    page, complaints = context.new_page(), list[str]()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    page.goto(f"{stand[0]}/login")
    assert accessibility_faults(page) == []
    log_in(page, stand)
    for path in PAGES:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(stand[0] + path)
        assert accessibility_faults(page) == [], path
        paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (sum(map(int, paper[4:-1].split(","))) < 200) == (scheme == "dark"), path
        assert page.evaluate("document.documentElement.dir") == ("rtl" if language == "ar" else "ltr")
        columns = page.evaluate("[...document.querySelectorAll('thead th:not(.minor)')].length")
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate(TOO_WIDE) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        assert page.evaluate("[...document.querySelectorAll('.faces')].every((each) => each.offsetWidth <= 342)"), path
        shown = "[...document.querySelectorAll('thead th')].filter((each) => each.getClientRects().length).length"
        assert page.evaluate(shown) == columns, f"{path}: a phone keeps the columns that matter"
    assert complaints == []
    context.close()


def test_everything_can_be_reached_by_keyboard(browser: Any, stand: tuple[str, str]) -> None:
    page = browser.new_page()
    log_in(page, stand)
    page.goto(f"{stand[0]}/operator/contents/edit/espresso")
    for _ in range(10):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.tagName") != "IFRAME", "a preview has nothing to use"
    for path in ("/operator/contents", "/advertiser?campaign=coffee"):
        page.goto(stand[0] + path)
        controls = "[...document.querySelectorAll('a[href], button:enabled, summary, .scroll')]"
        wanted = page.evaluate(f"{controls}.length")
        reached: list[Any] = []
        for _ in range(3 * wanted):
            page.keyboard.press("Tab")
            reached.append(
                page.evaluate("""() => {
                const at = document.activeElement, style = getComputedStyle(at);
                at.dataset.reached = 'yes';
                return at === document.body || style.outlineStyle !== 'none';
            }""")
            )
        left = f"{controls}.filter((each) => !each.dataset.reached)"
        assert page.evaluate(f"{left}.map((each) => each.outerHTML.slice(0, 100))") == [], path
        assert all(reached), f"{path}: it is always seen where the focus is"
    page.close()


def test_what_is_typed_outlives_the_session(browser: Any, stand: tuple[str, str]) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    log_in(page, stand)
    page.goto(f"{stand[0]}/operator/contents/edit/market")
    context.clear_cookies(name="stand_session")
    page.get_by_label("Text", exact=True).fill("Typed for minutes")
    page.get_by_role("link", name="Log in").wait_for()
    assert page.locator("#preview-told").inner_text().startswith("You are logged out. What you typed is kept.")
    page.get_by_role("button", name="Save in the draft").click()
    page.fill("#name", "operator")
    page.fill("#password", stand[1])
    page.keyboard.press("Enter")
    page.wait_for_url("**/edit/market")
    assert page.get_by_label("Text", exact=True).input_value() == "Typed for minutes"
    assert "is not saved yet" in page.locator("main > .told").inner_text()
    assert accessibility_faults(page) == []
    page.get_by_role("button", name="Save in the draft").click()
    page.get_by_text("Saved in the draft").wait_for()
    assert page.evaluate("sessionStorage.length") == 0, "nothing is kept of what was saved"
    page.get_by_label("Text", exact=True).fill("Not for the next one")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    assert page.evaluate("sessionStorage.length") == 0
    context.close()
