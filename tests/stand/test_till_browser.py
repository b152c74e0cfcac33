"""A till in a browser: a code from the screen is taken once, also while the stand is away."""

import socket
from pathlib import Path
from typing import Any

import pytest
from tests.chromium import accessibility_faults, chromium
from tests.stand.test_stand_browser import WAIT, no_sideways, start, stop

from faceline.stand.web.tokens import Tokens

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def next_code(display: Any, known: list[str]) -> str:
    """A code on the screen that was not seen before."""
    script = """known => {
        const shown = document.querySelectorAll(".screen.shown:not(.leaving) .qr .code");
        const parts = [...shown].map((each) => each.textContent);
        const code = parts.join("-");
        return parts.length === 2 && !known.includes(code) && code;
    }"""
    known.append(display.wait_for_function(script, arg=known, timeout=4 * WAIT).json_value())
    return known[-1]


def redeem(till: Any, code: str, told: str) -> None:
    till.locator("#code").fill(code.lower().replace("-", " "))
    till.keyboard.press("Enter")
    till.locator("#answer").get_by_text(told).first.wait_for()


def test_a_code_of_the_screen_is_taken_once_with_and_without_the_stand(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    stand = start(tmp_path / "stand", port, "offer_codes=true")
    request.addfinalizer(stand.process.kill)  # where the test fails
    with chromium() as browser:
        display = browser.new_page()
        device = stand.secret(r"token=(\S+)")
        display.goto(f"{stand.url}/display?token={device}")
        till = browser.new_context(viewport={"width": 390, "height": 780}).new_page()
        till.set_default_timeout(WAIT)
        token = Tokens(tmp_path / "stand").add("till-1", ["redeem"], by="anna")
        till.goto(f"{stand.url}/redeem?token={token}")
        till.evaluate("navigator.serviceWorker.ready.then(() => true)")
        till.reload()  # through the worker, which keeps what it fetched
        till.get_by_text("Connected").wait_for()
        known: list[str] = []
        first = next_code(display, known)
        redeem(till, first, "It is counted.")
        redeem(till, first, "Taken already")
        redeem(till, "7KQF-2M9D-XW4T-03BC", "Not a code of this stand")
        second = next_code(display, known)
        assert accessibility_faults(till) == []
        assert no_sideways(till, 390)
        stop(stand)
        redeem(till, second, "it is counted when the line is back")
        redeem(till, second, "Taken already")
        redeem(till, second[:-1] + ("7" if second[-1] != "7" else "8"), "Not a code of this stand")
        till.reload()
        till.get_by_text("1 to be sent").wait_for()
        till.locator("#last").get_by_text("Not a code of this stand").first.wait_for()  # what was done today stays
        again = start(tmp_path / "stand", port, "offer_codes=true")
        request.addfinalizer(again.process.kill)
        till.locator("#line").get_by_text("Connected").wait_for()
        till.wait_for_function("!queue.length")
        redeem(till, second, "Taken already")
        stop(again)
    audit = (tmp_path / "stand" / "offers.audit.jsonl").read_text(encoding="utf-8")
    assert audit.count('"redeemed"') == 2
