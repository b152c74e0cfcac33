"""The text that people agree to: that no word of it changes unseen, and that it is kept with the consent."""

import re
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
import yaml
from fastapi.testclient import TestClient
from tests.stand.web_stand import make

from faceline.errors import InputError
from faceline.inference.onnx_embedder import OnnxEmbedder
from faceline.stand.consent.consent_text import OURS, read_consent_text
from faceline.stand.consent.enrolment import Enrolment
from faceline.stand.consent.likeness import OneThreshold, Rule
from faceline.stand.consent.quality import FrameQuality
from faceline.stand.recognition.collection import Gathered, Sample
from faceline.stand.recognition.embedder import COLOURS
from faceline.stand.recognition.recogniser import Recogniser
from faceline.stand.web.app import create_app

GERMAN = {
    "version": "2026-11",
    "language": "de",
    "heading": "Worin Sie einwilligen",
    "purpose": "an diesem Stand erkannt und begrüßt zu werden",
    "text": ["Erster Absatz, mit <b>spitzen</b> Klammern.", "Zweiter Absatz."],
    "agreement": "Der Text wurde gelesen und es wird eingewilligt",
    "days": 90,
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(**changes: object) -> Path:
        file = tmp_path / "text.yaml"
        file.write_text(yaml.safe_dump({**GERMAN, **changes}, sort_keys=False, allow_unicode=True))
        return file

    return write


def test_there_is_one_to_begin_with() -> None:
    ours = read_consent_text()
    assert ours.language == "en"
    assert len(ours.text) == 3
    assert read_consent_text(OURS) == ours


@pytest.mark.parametrize("changed", [{"text": ["Erster Absatz."]}, {"purpose": "Werbung"}, {"language": "de-AT"}])
def test_no_word_changes_unseen(write, changed: dict) -> None:
    before = read_consent_text(write()).mark
    assert before.startswith("2026-11-")
    assert read_consent_text(write()).mark == before
    after = read_consent_text(write(**changed)).mark
    assert after.startswith("2026-11-")
    assert after != before


@pytest.mark.parametrize(
    ("changes", "row", "told"),
    [
        ({"langauge": "de"}, 10, "no such key.*language"),
        ({"days": 0}, 9, "days: expected at least 1, got 0"),
        ({"days": 3650}, 9, "days: .*730"),
        ({"text": []}, 5, "text: "),
        ({"version": "1 a"}, 1, "version: "),
        ({"language": "German!"}, 2, "language: "),
    ],
)
def test_a_wrong_one_is_refused_with_its_line(write, changes: dict, row: int, told: str) -> None:
    with pytest.raises(InputError, match=told) as refusal:
        read_consent_text(write(**changes))
    assert refusal.value.row == row


def test_it_is_read_by_visitors_and_kept_with_their_consent(
    write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = read_consent_text(write())
    samples = [Sample(np.ones(48, dtype=np.float32), FrameQuality(120.0, 90.0, 0.0, 0.0)) for _ in range(4)]
    gathered: Future[Gathered] = Future()
    gathered.set_result(Gathered(samples, {}, (), gone=False, photo=False))
    monkeypatch.setattr(Recogniser, "collect", lambda *_: gathered)
    with Enrolment(f"sqlite:///{tmp_path / 'people.db'}", key_file=tmp_path / "keys", model="m") as enrolment:
        recogniser = Recogniser(OnnxEmbedder(str(COLOURS)), enrolment, Rule(OneThreshold(0.5)))
        stand = make(tmp_path / "stand", consent=text, enrolment=enrolment, recogniser=recogniser)
        with TestClient(create_app(stand.services), follow_redirects=False) as client:
            client.post("/login", data={"name": "operator", "password": stand.password})
            page = client.get("/operator/people").text
            assert '<div class="consent" lang="de" dir="auto">' in page
            assert "Erster Absatz, mit &lt;b&gt;spitzen&lt;/b&gt; Klammern." in page
            assert 'value="90"' in page
            token = re.search(r'name="csrf" value="([^"]+)"', page)
            assert token is not None
            form = {"csrf": token[1], "face": 1, "given_by": "Ada", "days": 30}
            client.post("/operator/people", data=form)
            assert enrolment.people() == [], "nobody who has not agreed"
            client.post("/operator/people", data={**form, "agreed": "true"})
            assert enrolment.people() == [], "the operator sees first what it would be"
            assert "Enrol Ada?" in client.get("/operator/people").text
            client.post("/operator/people/enrol", data={"csrf": token[1]})
            (person,) = enrolment.people()
            assert person["consent"]["purpose"] == GERMAN["purpose"]
            assert person["consent"]["text_version"] == text.mark
        recogniser.close()
