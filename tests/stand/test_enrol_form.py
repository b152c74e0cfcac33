"""The form of an enrolment keeps what was typed, says what is wrong beside the field, and names nobody unasked."""

import re
from collections.abc import Iterator
from concurrent.futures import Future
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from tests.stand.web_stand import CATALOGUE, make, visitor

from faceline.errors import InputError
from faceline.stand.consent.enrolment import Enrolment
from faceline.stand.consent.likeness import OneThreshold, Rule
from faceline.stand.consent.quality import FrameQuality
from faceline.stand.consent.rows import Rows
from faceline.stand.recognition.collection import POSES, Gathered, Sample
from faceline.stand.recognition.embedder import COLOURS, OnnxEmbedder
from faceline.stand.recognition.recogniser import Recogniser
from faceline.stand.web.app import create_app

GOLD = "  - {id: gold, campaign: coffee, title: For you, audience: 'group:gold'}\nloop:"
TYPED = {
    "face": "7", "given_by": "Ada <Example>", "by_name": "true", "greeting": "Ada!", "group": "gold", "days": "30",
    "agreed": "true",
}  # fmt: skip


class Desk:
    """An operator at the page of people, before whom one visitor stands."""

    def __init__(self, client: TestClient, enrolment: Enrolment, gathered: dict[str, Any]) -> None:
        self.client, self.enrolment, self.gathered = client, enrolment, gathered
        found = re.search(r'name="csrf" value="([^"]+)"', client.get("/operator/people").text)
        assert found is not None
        self.csrf = found[1]

    def send(self, **typed: str) -> str:
        """The page after a form was sent."""
        assert self.client.post("/operator/people", data={"csrf": self.csrf, **TYPED, **typed}).status_code == 303
        return self.client.get("/operator/people").text

    def click(self, path: str, **form: str) -> str:
        """The page after a button was pressed."""
        assert self.client.post(f"/operator/people/{path}", data={"csrf": self.csrf, **form}).status_code == 303
        return unescape(self.client.get("/operator/people").text)

    def enrol(self) -> str:
        self.client.post("/operator/people/enrol", data={"csrf": self.csrf})
        return self.client.get("/operator/people").text


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    sample = Sample(np.ones(48, dtype=np.float32), FrameQuality(120.0, 90.0, 0.0, 0.0))
    gathered: dict[str, Any] = {"samples": [sample] * 4, "left_out": {}, "missing": (), "gone": False, "photo": False}

    def collect(*_: Any) -> Future[Gathered]:
        future: Future[Gathered] = Future()
        future.set_result(Gathered(**gathered))
        return future

    monkeypatch.setattr(Recogniser, "collect", collect)
    with Enrolment(f"sqlite:///{tmp_path / 'people.db'}", key_file=tmp_path / "keys", model="m") as enrolment:
        recogniser = Recogniser(OnnxEmbedder(str(COLOURS)), enrolment, Rule(OneThreshold(0.5)))
        text = CATALOGUE.replace("loop:", GOLD)
        stand = make(tmp_path / "stand", text, enrolment=enrolment, recogniser=recogniser)
        stand.show("welcome", visitor(7), visitor(8, 500.0))
        with TestClient(create_app(stand.services), follow_redirects=False) as client:
            client.post("/login", data={"name": "operator", "password": stand.password})
            yield Desk(client, enrolment, gathered)
        recogniser.close()


def fault(page: str, name: str) -> str:
    found = re.search(rf'<p class="fault" id="wrong-{name}">([^<]+)</p>', page)
    return unescape(found[1]) if found else ""


def keeps_typed(page: str, but: str) -> bool:
    kept = {
        "face": 'value="7" required checked',
        "given_by": 'value="Ada &lt;Example&gt;"',
        "by_name": 'name="by_name" value="true" checked',
        "greeting": 'value="Ada!"',
        "group": "<option selected>gold",
        "days": 'value="30"',
        "agreed": 'name="agreed" value="true" required checked',
    }
    text = re.sub(r"\s+", " ", page)
    return all(part in text for name, part in kept.items() if name != but)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("given_by", "", "The name is empty. Give it as on the form that they signed."),
        ("given_by", " \t ", "The name is empty. Give it as on the form that they signed."),
        ("given_by", "x" * 121, "At most 120 characters; these are 121."),
        ("greeting", " ", "Give the name that they want to read on the screen, or take the tick away."),
        ("greeting", "x" * 61, "At most 60 characters; these are 61."),
        ("group", "golld", "No content of this stand is for a group of that name; did you mean gold?"),
        ("group", "silver", "No content of this stand is for a group of that name; expected one of gold"),
        ("days", "0", "Give a number from 1 to 730."),
        ("days", "soon", "Give a number from 1 to 730."),
        ("days", "9" * 30, "Give a number from 1 to 730."),
        ("face", "", "Choose who of those present it is."),
        ("agreed", "", "Nobody is enrolled who has not read the text and agreed to it."),
    ],
)
def test_a_refusal_stands_beside_the_field_and_keeps_what_was_typed(
    desk: Desk, name: str, value: str, told: str
) -> None:
    page = desk.send(**{name: value})
    assert fault(page, name) == told
    assert f'aria-describedby="wrong-{name}"' in page
    assert keeps_typed(page, but=name)
    assert "Not enrolled: look at what is marked." in page
    assert desk.enrolment.people() == []
    again = desk.client.get("/operator/people").text
    assert "Ada" not in again, "the next visitor sees nothing of it"


def test_a_name_is_shown_on_the_screen_only_if_that_was_chosen(desk: Desk) -> None:
    page = desk.send(by_name="")
    assert fault(page, "greeting").startswith("Others can read it")
    desk.send(by_name="", greeting="")
    desk.enrol()
    (person,) = desk.enrolment.people()
    assert (person["greeting"], person["on_screen"]) == (None, False)
    assert desk.enrolment.gallery().people[0].greeting is None
    desk.enrolment.withdraw(person["person"], by="desk")
    desk.send()
    assert "Enrolled: Ada &lt;Example&gt;." in desk.enrol()
    assert desk.enrolment.gallery().people[0].greeting == "Ada!"
    assert "chose to be greeted by name on the screen" in desk.enrolment.audit()[-1]["detail"]


def test_a_name_of_an_older_row_is_not_shown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = Rows.sealed

    def as_before(self: Rows, person: str, names: dict[str, Any], visits: Any) -> dict[str, bytes]:
        return sealed(self, person, {key: value for key, value in names.items() if key != "on_screen"}, visits)

    monkeypatch.setattr(Rows, "sealed", as_before)
    desk.send()
    page = desk.enrol()
    assert desk.enrolment.gallery().people[0].greeting is None
    assert "greeted as" not in page
    assert desk.enrolment.people()[0]["greeting"] == "Ada!", "an export still tells all that is stored"


def test_frames_that_fail_keep_what_was_typed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.gathered["samples"] = []
    page = desk.send()
    assert fault(page, "face").startswith("No good frame of that face could be taken")
    assert keeps_typed(page, but="")


def test_what_frames_lack_stands_in_the_refusal_and_in_the_preview(desk: Desk) -> None:
    good = desk.gathered["samples"]
    desk.gathered |= {"samples": [], "left_out": {"blurred or dark": 9, "face too small": 2}}
    assert fault(desk.send(), "face").endswith("Frames left out: blurred or dark (9), face too small (2).")
    desk.gathered |= {"samples": good[:2], "missing": (POSES[1].asked,)}
    told = fault(desk.send(), "face")
    assert told.startswith("Good frames: 2. At least 3 are needed. Frames left out")
    assert told.endswith("No good frame of: Turn your head a little to your left.")
    desk.gathered |= {"samples": [], "gone": True}
    assert fault(desk.send(), "face") == "That face is not there any more. Choose again who it is."
    desk.gathered |= {"samples": good, "gone": False}
    page = desk.send()
    assert "4 of 7" in page and "face too small (2). No good frame of: Turn" in page and "may be a photo" not in page
    desk.gathered["photo"] = True
    assert "This may be a photo. Look who stands before the camera." in desk.send()


def test_a_visit_is_added_once_the_operator_has_seen_what_it_would_add(desk: Desk) -> None:
    desk.send()
    desk.enrol()
    (ada,) = desk.enrolment.people()
    page = desk.click(f"{ada['person']}/frames", face="7")
    assert "Add a visit of Ada <Example>?" in page and "Alike to the visits before" in page
    assert desk.enrolment.people()[0]["visits"] == 1, "nothing is stored before the operator says so"
    assert "made of 2 visits" in desk.click(f"{ada['person']}/visit")
    desk.enrolment.model = "another"
    page = desk.click(f"{ada['person']}/frames", face="7")
    assert "cannot be compared" in page and "I know that this is Ada <Example>." in page
    assert "Nothing was added. The face model has changed" in desk.click(f"{ada['person']}/visit")
    desk.click(f"{ada['person']}/frames", face="7")
    assert "made of 1 visit." in desk.click(f"{ada['person']}/visit", overrule="true")


def test_frames_of_somebody_who_is_enrolled_become_a_visit(desk: Desk) -> None:
    desk.enrolment.rule = Rule(OneThreshold(0.5))
    desk.send()
    desk.enrol()
    (ada,) = desk.enrolment.people()
    page = unescape(desk.send())
    assert 'value="Ada <Example>"' in page, "the form stays filled, to take better frames"
    assert "This may be Ada <Example>, enrolled until 20" in page and "May be the same person from" in page
    assert f'action="/operator/people/{ada["person"]}/visit"' in page
    assert "made of 2 visits" in desk.click(f"{ada['person']}/visit")
    assert "waited for too long" in desk.click(f"{ada['person']}/visit"), "they are added once"


def test_a_refusal_of_the_last_step_keeps_what_was_typed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Enrol Ada &lt;Example&gt;?" in desk.send()

    def refuse(*_: Any, **__: Any) -> str:
        raise InputError("the disk is full")

    monkeypatch.setattr(Enrolment, "enrol", refuse)
    page = desk.enrol()
    assert fault(page, "face") == "the disk is full"
    assert keeps_typed(page, but="")


def test_who_withdraws_while_the_disk_is_full_is_told_what_holds(desk: Desk) -> None:
    desk.send()
    desk.enrol()
    (ada,) = desk.enrolment.people()
    sa.event.listen(desk.enrolment.engine, "checkout", lambda raw, *_: raw.execute("PRAGMA query_only = 1").close())
    page = desk.click(f"{ada['person']}/withdraw")
    assert "Withdrawn and not recognised any more, but not deleted yet: 1." in page
    assert "Withdrawn: consent and template are deleted." not in page


def test_a_consent_in_another_direction_keeps_its_own(desk: Desk) -> None:
    page = desk.client.get("/operator/people", headers={"accept-language": "ar"}).text
    assert '<html lang="ar" dir="rtl"' in page
    assert page.count('lang="en" dir="auto"') == 2, "the text, and what is ticked"


def test_a_wrong_password_keeps_the_name(desk: Desk) -> None:
    page = desk.client.post("/login", data={"name": "operator", "password": "wrong"}).text
    assert 'value="operator"' in page
