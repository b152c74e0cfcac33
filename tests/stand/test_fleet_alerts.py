"""Alerts: each is made to happen, raised once and cleared once; a clock that the test moves."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.stand.fleet_here import Fleet, Stand
from tests.stand.test_catalogue import GOOD, written
from tests.stand.test_loop import Fixture, Frames
from tests.stand.test_mail import Box, box

from faceline.errors import InputError
from faceline.stand.content.catalogue import read_catalogue
from faceline.stand.fleet.health import HealthOf, is_open
from faceline.stand.live.webhooks import Webhooks

__all__ = ["box"]
MINUTE = timedelta(minutes=1)


class Hook:
    """An address that alerts are posted to."""

    def __init__(self) -> None:
        self.status, self.got, self.posts = 200, [], []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.status == 200:
                    hook.got.append(json.loads(body))
                hook.posts.append((dict(self.headers), body))
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    got: list[Any]
    posts: list[tuple[dict[str, str], bytes]]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/alerts"

    @property
    def told(self) -> list[tuple[str, str, str]]:
        return [(each["stand"], each["kind"], each["state"]) for told in self.got for each in told["alerts"]]


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


@pytest.fixture
def fleet(tmp_path: Path, hook: Hook) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path / "fleet", webhook=hook.address)
    try:
        yield fleet
    finally:
        fleet.stop()


@pytest.fixture
def stand(fleet: Fleet, tmp_path: Path) -> Stand:
    stand = Stand(fleet, tmp_path / "north", "north", written(tmp_path, GOOD))
    stand.home.call()
    return stand


def wait(fleet: Fleet, minutes: int, *stands: Stand) -> None:
    """Some minutes go by, in which stands report."""
    for _ in range(minutes):
        fleet.ahead += MINUTE
        for stand in stands:
            stand.home.call()
        fleet.services.watch.tick()


@pytest.mark.parametrize(
    ("kind", "fault", "sentence"),
    [
        ("camera", {"camera": False}, "No frames from its camera."),
        ("camera", {"picture": "black"}, "the picture is black"),
        ("camera", {"picture": "covered"}, "the picture is covered"),
        ("speed", {"frames_per_second": 7.0}, "7.0 frames a second, where 8 are the least"),
        ("speed", {"latency_ms": 900.0}, "900 ms from a frame to its decision"),
        ("store", {"logging": False}, "the store is paused"),
        ("disk", {"disk_free": 0.02, "disk_free_gb": 0.7}, "2% or 0.7 GB are free"),
    ],
)
def test_each_fault_is_raised_once_and_cleared_once(
    kind: str, fault: dict[str, Any], sentence: str, fleet: Fleet, stand: Stand, hook: Hook
) -> None:
    well = dict(stand.told)
    wait(fleet, 3, stand)
    stand.told |= fault
    wait(fleet, 2, stand)
    assert hook.told == [], "it has not lasted"
    wait(fleet, 30, stand)
    assert hook.told == [("north", kind, "raised")]
    assert sentence in hook.got[0]["alerts"][0]["told"]
    stand.told = well
    wait(fleet, 2, stand)
    stand.told = well | fault  # not for long enough well to be cleared, so not raised again either
    wait(fleet, 3, stand)
    stand.told = well
    wait(fleet, 20, stand)
    assert hook.told == [("north", kind, "raised"), ("north", kind, "cleared")]


def test_a_short_fault_is_not_told(fleet: Fleet, stand: Stand, hook: Hook) -> None:
    well = dict(stand.told)
    for _ in range(5):
        stand.told = well | {"camera": False}
        wait(fleet, 1, stand)
        stand.told = well
        wait(fleet, 1, stand)
    assert hook.told == []


def test_a_silent_stand_is_told_and_what_else_was_wrong_with_it_waits(fleet: Fleet, stand: Stand, hook: Hook) -> None:
    stand.told["camera"] = False
    wait(fleet, 5, stand)
    wait(fleet, 60)
    assert hook.told == [("north", "camera", "raised"), ("north", "silent", "raised")]
    fleet.stop()
    fleet.start()
    wait(fleet, 10)
    assert len(hook.told) == 2, "a fleet that was killed tells nothing twice"
    wait(fleet, 10, stand)
    assert hook.told[2:] == [("north", "silent", "cleared")]
    assert set(fleet.services.watch.alerts.raised()["north"]) == {"camera"}


def test_a_fleet_that_was_away_itself_calls_no_stand_silent(fleet: Fleet, stand: Stand, hook: Hook) -> None:
    wait(fleet, 2, stand)
    fleet.stop()
    fleet.ahead += timedelta(hours=5)
    fleet.start()
    wait(fleet, 4)
    assert hook.told == []
    wait(fleet, 10)
    assert hook.told == [("north", "silent", "raised")]


def test_a_wrong_clock_is_told(fleet: Fleet, stand: Stand, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    stand.told["at"] = fleet.now() + timedelta(days=400)
    wait(fleet, 10, stand)
    assert hook.told == [("north", "clock", "raised")]
    assert "days ahead" in hook.got[0]["alerts"][0]["told"]
    del stand.told["at"]
    wait(fleet, 10, stand)
    assert hook.told[1:] == [("north", "clock", "cleared")]


def test_no_faces_in_an_hour_that_always_had_some(fleet: Fleet, stand: Stand, hook: Hook) -> None:
    start = fleet.now().replace(minute=30, second=0, microsecond=0)
    for day in range(1, 8):
        stand.visitors(start - timedelta(days=day), 2)
    stand.visitors(start, 1)
    fleet.ahead = start + timedelta(hours=1) - fleet.now()  # half past the next hour: the last one had somebody
    wait(fleet, 2, stand)
    assert hook.told == []
    for day in range(1, 8):
        stand.visitors(start + timedelta(hours=1) - timedelta(days=day), 2)
    fleet.ahead += timedelta(hours=1)  # it had none, where the days before had
    stand.home.courier.compare()
    stand.told["unsent_since"] = start  # what has not come yet may be about faces
    wait(fleet, 2, stand)
    assert hook.told == []
    stand.told["unsent_since"] = fleet.now()
    wait(fleet, 2, stand)
    assert hook.told == [("north", "faces", "raised")]
    fleet.ahead += timedelta(hours=2)  # hours in which nobody ever comes
    wait(fleet, 10, stand)
    assert len(hook.told) == 1, "a mall that closes has not mended it"
    stand.told["unsent_since"] = None
    stand.visitors(fleet.now() - MINUTE, 1)
    wait(fleet, 10, stand)
    assert hook.told[1:] == [("north", "faces", "cleared")]


def test_a_dark_hall_outside_of_the_hours_is_no_fault(fleet: Fleet, stand: Stand, hook: Hook) -> None:
    stand.told |= {"picture": "black", "open": False}
    wait(fleet, 10, stand)
    assert hook.told == []


def test_what_does_not_arrive_is_sent_again_in_order(fleet: Fleet, stand: Stand, hook: Hook) -> None:
    hook.status = 500
    stand.told["logging"] = False
    wait(fleet, 8, stand)
    assert "500" in fleet.services.watch.messenger.problems["webhook"]
    stand.told["logging"] = True
    wait(fleet, 10, stand)
    hook.status = 200
    wait(fleet, 10, stand)
    assert hook.told == [("north", "store", "raised"), ("north", "store", "cleared")]
    assert fleet.services.watch.messenger.problems == {}


def test_alerts_are_signed_as_standard_webhooks_are(fleet: Fleet, stand: Stand, hook: Hook, tmp_path: Path) -> None:
    stand.told["disk_free"], hook.status = 0.01, 500
    wait(fleet, 3, stand)
    hook.status = 200
    wait(fleet, 5, stand)
    (lost, _), (headers, body) = hook.posts
    told = {key.lower(): value for key, value in headers.items()}
    number, at = told["webhook-id"], told["webhook-timestamp"]
    assert {key.lower(): value for key, value in lost.items()}["webhook-id"] == number, "the same is sent again"
    (kept,) = Webhooks(tmp_path / "fleet").all
    key = base64.b64decode(kept.secret.removeprefix("whsec_"))
    wanted = hmac.new(key, f"{number}.{at}.".encode() + body, hashlib.sha256).digest()
    assert told["webhook-signature"] == f"v1,{base64.b64encode(wanted).decode()}"
    assert abs(int(at) - time.time()) < 60


def test_another_address_has_another_secret(fleet: Fleet, hook: Hook, tmp_path: Path) -> None:
    secrets = []
    for address in (hook.address, hook.address, "http://127.0.0.1:9/other"):
        fleet.stop()
        fleet.settings = fleet.settings.model_copy(update={"webhook": address})
        fleet.start()
        secrets += [each.secret for each in Webhooks(tmp_path / "fleet").all]
    assert len(secrets) == 3
    assert secrets[0] == secrets[1] != secrets[2]


def test_alerts_go_by_mail_all_in_one(box: tuple[Box, str], tmp_path: Path) -> None:
    got, server = box
    fleet = Fleet(tmp_path / "fleet", mail="[ada@example.org]", mail_from="fleet@example.org", mail_server=server)
    try:
        stands = [Stand(fleet, tmp_path / name, name, written(tmp_path, GOOD)) for name in ("north", "south")]
        wait(fleet, 1, *stands)
        wait(fleet, 10)
        ((to, letter),) = got.mails
        assert to == ["ada@example.org"]
        assert letter["Subject"] == "fleet: north: silent raised, and 1 more"
        assert "south: raised: No report since" in letter.get_content()
    finally:
        fleet.stop()


def test_alerts_speak_the_language_of_the_fleet(box: tuple[Box, str], hook: Hook, tmp_path: Path) -> None:
    got, server = box
    mail = {"mail": "[ada@example.org]", "mail_from": "fleet@example.org", "mail_server": server}
    fleet = Fleet(tmp_path / "fleet", webhook=hook.address, language="de", **mail)
    try:
        stand = Stand(fleet, tmp_path / "north", "north", written(tmp_path, GOOD))
        stand.told["disk_free"] = 0.01
        wait(fleet, 5, stand)
        ((_, letter),) = got.mails
        assert letter["Subject"] == "fleet: north: Platte gemeldet"
        assert "north: gemeldet: Seine Platte ist fast voll" in letter.get_content()
        (alert,) = hook.got[0]["alerts"]
        assert (alert["kind"], alert["state"]) == ("disk", "raised"), "for programs"
        assert alert["told"].startswith("Seine Platte ist fast voll")
    finally:
        fleet.stop()


def test_mail_without_a_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mail_from"):
        Fleet(tmp_path / "fleet", mail="[ada@example.org]")


@pytest.mark.parametrize(("colour", "told"), [(0, "black"), (120, "covered")])
def test_a_camera_that_is_black_or_covered_is_noticed_and_well_again(colour: int, told: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    shapes = noise.integers(0, 255, (60, 80, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    blind = np.clip(colour + noise.normal(0, 3, (480, 640, 3)), 0, 255).astype(np.uint8)
    shown = [blind]
    stand = Fixture(tmp_path, Frames(lambda _: shown[0]))
    stand.run(1)
    stand.loop.capture.number += 80
    stand.run(1)
    assert stand.board.state.health.picture is None, "a hand that passes"
    stand.loop.capture.number += 40
    stand.run(1)
    health = stand.board.state.health
    assert health.picture == told
    assert any(f"its picture is {told}" in warning for warning in health.warnings)
    shown[0] = shapes
    stand.loop.capture.number += 20
    stand.run(1)
    assert stand.board.state.health.picture is None
    report = HealthOf(
        stand.board, tmp_path, stand.director.policy.zone, lambda: stand.director.policy.catalogue, lambda: 1,
        stand.loop.capture.clock,
    )()  # fmt: skip
    assert report.camera
    assert report.content == stand.board.state.showing.decision.content.label
    stand.loop.capture.number += 600
    stalled = HealthOf(
        stand.board, tmp_path, stand.director.policy.zone, lambda: stand.director.policy.catalogue, lambda: 1,
        stand.loop.capture.clock,
    )()  # fmt: skip
    assert stalled.frames_per_second == 0
    assert "The stand looks at no frames any more; restart it." in stalled.warnings
    stand.loop.close()


def test_the_hours_of_a_catalogue_say_when_people_come(tmp_path: Path, fleet: Fleet) -> None:
    catalogue = read_catalogue(written(tmp_path, "hours: 10:00-20:00\n" + GOOD))
    noon = fleet.now().replace(hour=12)
    assert is_open(catalogue, noon)
    assert not is_open(catalogue, noon.replace(hour=21))
    assert is_open(read_catalogue(written(tmp_path, GOOD)), noon.replace(hour=3))
