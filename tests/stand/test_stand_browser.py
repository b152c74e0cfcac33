"""The pages of a running stand, clicked through in a browser."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from tests.chromium import accessibility_faults, chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WAIT = 60_000  # ms; a busy machine is slow

NOTICE_GREETING = """() => {
    const look = () => { window.greeted = window.greeted || document.body.innerText.includes("Hello, Ada") };
    new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
    look();
}"""


@dataclass
class Running:
    """A stand in a process of its own."""

    folder: Path
    port: int
    process: subprocess.Popen[str]
    told: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def secret(self, pattern: str) -> str:
        found = re.search(pattern, self.told)
        assert found is not None, self.told
        return found[1]


def start(folder: Path, port: int, *more: str) -> Running:
    # a control audience, of a fifth of the sessions, would be greeted in none of its minutes
    settings = [f"folder={folder}", f"port={port}", "smallest_group=2", "control_share=0", *more]
    command = [sys.executable, "-m", "faceline", "stand", *settings]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    running = Running(folder, port, process)
    assert process.stdout is not None
    while "stop with Ctrl-C" not in running.told:
        line = process.stdout.readline()
        assert line, running.told
        running.told += line
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            urlopen(f"{running.url}/login", timeout=5).close()
            return running
        except URLError:
            time.sleep(0.2)
    raise AssertionError("the stand does not answer")


def stop(running: Running) -> None:
    running.process.terminate()
    running.process.wait(20)


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = start(tmp_path_factory.mktemp("stand") / "stand", port)
    yield running
    stop(running)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(WAIT)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    yield page
    assert complaints == []
    context.close()


def log_in(page: Any, stand: Running, name: str) -> None:
    page.goto(f"{stand.url}/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(stand.secret(rf"name {name}, password (\S+)"))
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Log out").wait_for()


def no_sideways(page: Any, width: int) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth") <= width)


def test_the_operator_watches_and_leaves(page: Any, stand: Running) -> None:
    page.goto(stand.url)
    assert page.url.endswith("/login")
    assert accessibility_faults(page) == []
    page.get_by_label("Name").fill("operator")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("alert").get_by_text("Name or password is wrong.").wait_for()
    log_in(page, stand, "operator")
    page.locator("#faces tr td.number").first.wait_for()  # somebody came, and is measured
    assert page.locator("#now").inner_text() != "–"
    assert float(page.locator("#fps").inner_text()) >= 0
    assert accessibility_faults(page) == []
    for width in (390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert no_sideways(page, width)
    page.get_by_role("link", name="People").click()
    page.get_by_role("heading", name="Enrolled").wait_for()
    assert accessibility_faults(page) == []
    page.get_by_role("link", name="Figures").click()
    page.get_by_role("heading", name="Figures").wait_for()
    assert accessibility_faults(page) == []
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("heading", name="Log in").wait_for()
    page.goto(f"{stand.url}/operator")
    assert page.url.endswith("/login")


def test_guidance_comes_back_after_a_break_of_the_line(page: Any, stand: Running) -> None:
    broken, told = [], []

    def break_until_told(line: Any) -> None:
        if told:
            line.connect_to_server()
        else:
            broken.append(line)
            line.close(code=1001)

    log_in(page, stand, "operator")
    page.route_web_socket("**/operator/live", break_until_told)
    page.goto(f"{stand.url}/operator/people")
    page.locator("#guidance").get_by_text("No answer").wait_for()
    told.append(True)
    page.locator("#guidance").wait_for(state="hidden")
    assert broken


def test_who_comes_stands_in_the_list_while_the_form_is_filled_in(page: Any, stand: Running) -> None:
    log_in(page, stand, "operator")
    page.goto(f"{stand.url}/operator/people")
    page.get_by_label("Name, as on the form").fill("Ada Example")
    there = "[...document.querySelectorAll('.enrol [name=face]')].map((each) => each.value)"
    first, end = page.evaluate(there), time.monotonic() + 120
    while set(page.evaluate(there)) <= set(first) and time.monotonic() < end:
        page.wait_for_timeout(200)
    assert not set(page.evaluate(there)) <= set(first)
    assert page.locator(".enrol .place").last.inner_text() in ("left", "middle", "right")
    assert page.get_by_label("Name, as on the form").input_value() == "Ada Example"
    assert accessibility_faults(page) == []


def test_somebody_is_enrolled_greeted_and_withdrawn(browser: Any, page: Any, stand: Running) -> None:
    screen = browser.new_context()
    screen.set_default_timeout(4 * WAIT)
    display = screen.new_page()
    token = stand.secret(r"token=(\S+)")
    display.goto(f"{stand.url}/display?token={token}")
    display.evaluate(NOTICE_GREETING)  # it may come and go before the operator's page has answered, and comes once
    log_in(page, stand, "operator")
    end = time.monotonic() + 180
    while time.monotonic() < end:  # some look away, or go while their frames are taken
        page.goto(f"{stand.url}/operator/people")
        if not page.locator("input[name=face]").count():
            page.wait_for_timeout(500)
            continue
        page.locator("input[name=face]").first.check()
        page.get_by_label("Name, as on the form").fill("Ada Example")
        page.get_by_label("They chose to be greeted by a name").check()
        page.get_by_label("That name").fill("Ada")
        page.get_by_label("They have read this text").check()
        page.get_by_role("button", name="Take a few frames").click()
        enrol = page.get_by_role("button", name="Enrol Ada Example")
        if not enrol.count():
            continue
        assert accessibility_faults(page) == []
        enrol.click()
        if page.get_by_role("status").inner_text() == "Enrolled: Ada Example.":
            break
    end = time.monotonic() + 240
    while time.monotonic() < end and not display.evaluate("window.greeted"):
        display.wait_for_timeout(200)
    assert display.evaluate("window.greeted")
    assert accessibility_faults(page) == []
    page.goto(f"{stand.url}/operator/people")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export what is stored of Ada Example").first.click()
    assert json.loads(download.value.path().read_text())["greeting"] == "Ada"
    page.get_by_label("Withdraw Ada Example").first.click()
    assert not page.get_by_text("Nobody.").count(), "one click deletes nobody"
    page.get_by_role("button", name="Delete all that is stored of Ada Example").first.click()
    page.get_by_text("Withdrawn: consent and template are deleted.").wait_for()
    page.get_by_text("Nobody.").wait_for()
    screen.close()


def test_the_advertiser_reads_the_figures_of_a_campaign(page: Any, stand: Running) -> None:
    log_in(page, stand, "advertiser")
    assert page.get_by_role("link", name="Live").count() == 0
    page.get_by_role("link", name="Corner Roasters").click()
    page.get_by_role("heading", name="Figures").wait_for()
    assert page.url.endswith("?campaign=coffee")
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert no_sideways(page, width)
    assert accessibility_faults(page) == []


def test_the_display_changes_and_goes_on_when_the_stand_is_gone(page: Any, stand: Running) -> None:
    token = stand.secret(r"token=(\S+)")
    page.goto(f"{stand.url}/display?token={token}")
    assert page.url == f"{stand.url}/display"
    page.wait_for_selector("html[data-line=live]")
    first = page.locator("html").get_attribute("data-content")
    page.locator(f"html[data-content]:not([data-content={first}])").wait_for()
    page.wait_for_timeout(600)
    assert accessibility_faults(page) == []
    for size in ((1920, 1080), (1080, 1920), (390, 780)):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        assert no_sideways(page, size[0])
        box = page.locator(".screen.shown .title").last.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0] + 1
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.reload()  # through the worker, which keeps what it fetched
    page.wait_for_selector("html[data-line=live]")
    page.wait_for_timeout(1000)
    stop(stand)
    page.wait_for_selector("html[data-line=lost]")
    first = page.locator("html").get_attribute("data-content")
    page.locator(f"html[data-content]:not([data-content={first}])").wait_for()
    page.reload()  # also the page itself starts without the stand
    page.wait_for_selector("html[data-line=lost]")
    page.locator("html[data-content]").wait_for()
    again = start(stand.folder, stand.port)
    stand.process = again.process
    assert "were told when" in again.told, "no new secrets"
    page.wait_for_selector("html[data-line=live]")


def test_the_operator_is_told_since_when_a_stand_is_silent_and_sees_nothing_old(page: Any, stand: Running) -> None:
    log_in(page, stand, "operator")
    measured = page.locator("#faces tr td.number").first
    warning = page.locator("#warnings").get_by_text(re.compile(r"silent since \d\d:\d\d:\d\d"))
    for end, begin in ((signal.SIGSTOP, signal.SIGCONT), (signal.SIGKILL, None)):
        measured.wait_for()
        stand.process.send_signal(end)
        warning.wait_for()
        assert measured.count() == 0
        for fact in ("fps", "latency", "people", "now", "camera"):
            assert page.locator(f"#{fact}").inner_text() == "–"
        assert accessibility_faults(page) == []
        if begin is not None:
            stand.process.send_signal(begin)
    stand.process.wait(20)
    again = start(stand.folder, stand.port)
    stand.process = again.process
    page.wait_for_url("**/login")  # who was logged in is not kept
