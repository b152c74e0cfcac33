"""Accounts: who is let in, what each may see, and that a change holds at once."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from tests.stand.web_stand import make

from faceline.cli import main
from faceline.stand.consent.enrolment import Enrolment
from faceline.stand.consent.people import Consent, Person
from faceline.stand.consent.quality import FrameQuality
from faceline.stand.content.catalogue import DEMO, read_catalogue
from faceline.stand.web.access import Secrets
from faceline.stand.web.app import create_app
from faceline.stand.web.campaigns import first_advertiser, note_catalogue

Run = Callable[..., str]
GOOD = FrameQuality(width_px=150.0, sharpness=500.0, yaw=0.0, pitch=0.0)


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Secrets:
    monkeypatch.chdir(tmp_path)
    return Secrets(tmp_path / "stand" / "access.json")


@pytest.fixture
def run(secrets: Secrets, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command, in the folder of a stand; what it says."""

    def run(*arguments: str, code: int = 0) -> str:
        assert main(["accounts", *arguments]) == code
        answer = capsys.readouterr()
        return answer.out + answer.err

    return run


@pytest.fixture
def browser(tmp_path: Path, secrets: Secrets) -> Iterator[Callable[[], TestClient]]:
    """Browsers of people who have not logged in to the same stand yet."""
    with ExitStack() as stack:
        enrolment = stack.enter_context(
            Enrolment(f"sqlite:///{tmp_path}/people.db", key_file=tmp_path / "keys", model="m")
        )
        app = create_app(make(tmp_path / "web", secrets=secrets, enrolment=enrolment).services)
        yield lambda: stack.enter_context(TestClient(app, follow_redirects=False))


def log_in(client: TestClient, name: str, told: str) -> TestClient:
    password = told.strip().rpartition(" ")[2]
    assert client.post("/login", data={"name": name, "password": password}).status_code == 303
    return client


def test_an_account_opens_the_running_stand_until_it_is_removed(run: Run, browser: Callable[[], TestClient]) -> None:
    anna = log_in(browser(), "anna", run("action=add", "name=anna", "role=operator"))
    assert "anna" in anna.get("/operator").text
    ben = log_in(browser(), "ben", run("action=add", "name=ben", "role=operator"))
    assert run("action=remove", "name=anna") == "anna: removed, and logged out\n"
    assert anna.get("/operator").headers["location"] == "/login"
    assert ben.get("/operator").status_code == 200
    told = run()
    assert "ben" in told
    assert "anna" not in told


def test_a_new_password_ends_sessions_and_the_old_password(run: Run, browser: Callable[[], TestClient]) -> None:
    old = run("action=add", "name=anna", "role=operator")
    anna = log_in(browser(), "Anna ", old)
    new = run("action=password", "name=anna")
    assert anna.get("/operator").headers["location"] == "/login"
    assert anna.post("/login", data={"name": "anna", "password": old.split()[-1]}).status_code == 401
    log_in(anna, "anna", new)


def test_an_advertiser_sees_their_campaigns_only(run: Run, browser: Callable[[], TestClient]) -> None:
    cafe = log_in(browser(), "cafe", run("action=add", "name=cafe", "role=advertiser", "campaigns=[coffee]"))
    page = cafe.get("/advertiser").text
    assert "/advertiser?campaign=coffee" in page
    assert "All campaigns" not in page
    assert page.count("/advertiser?campaign=") == 1
    assert cafe.get("/advertiser/figures?campaign=coffee").status_code == 200
    for other in ("/advertiser/figures", "/advertiser/figures?campaign=house", "/advertiser?campaign=house"):
        assert cafe.get(other).status_code == 403
    gone = log_in(browser(), "gone", run("action=add", "name=gone", "role=advertiser", "campaigns=[elsewhere]"))
    assert "None of your campaigns" in gone.get("/advertiser").text


def test_an_advertiser_is_given_campaigns_of_this_stand_only(
    tmp_path: Path, run: Run, browser: Callable[[], TestClient]
) -> None:
    note_catalogue(tmp_path / "stand", DEMO)
    for words in (["action=add", "role=advertiser"], ["action=campaigns"]):
        told = run(*words, "name=advertiser", "campaigns=[coffee,shoe]", code=2)
        assert told.endswith("campaigns: shoe: no campaign of this stand; did you mean shoes?\n"), told
        assert "campaigns: missing; name the campaigns that" in run(*words, "name=advertiser", code=2)
    assert "no such advertiser" in run("action=campaigns", "name=operator", "campaigns=[coffee]", code=2)
    client = browser()
    log_in(client, "advertiser", run("action=password", "name=advertiser"))
    assert "No campaign has been given to your account" in client.get("/advertiser").text
    assert "coffee, shoes" in run("action=campaigns", "name=advertiser", "campaigns=[coffee,shoes]")
    assert client.get("/advertiser").status_code == 303, "the session of before has ended"
    log_in(client, "advertiser", run("action=password", "name=advertiser"))
    assert client.get("/advertiser?campaign=coffee").status_code == 200
    assert client.get("/advertiser?campaign=house").status_code == 403
    listed = run("action=list")
    assert "coffee, shoes" in listed and "all" in listed


def test_the_first_advertiser_sees_the_campaign_that_bought_airtime() -> None:
    assert first_advertiser(read_catalogue(DEMO)) == ("coffee",)


def test_the_audit_tells_operators_apart(tmp_path: Path, run: Run, browser: Callable[[], TestClient]) -> None:
    with Enrolment(f"sqlite:///{tmp_path}/people.db", key_file=tmp_path / "keys", model="m") as people:
        at = datetime.now(UTC)
        consent = Consent("Ada", "greeting", "1", at, at + timedelta(days=9))
        ada = people.enrol(Person(), consent, np.ones((5, 8), np.float32), [GOOD] * 5, by="desk")
        anna = log_in(browser(), "anna", run("action=add", "name=anna", "role=operator"))
        csrf = re.findall(r'name="csrf" value="([^"]+)"', anna.get("/operator/people").text)[0]
        assert anna.post(f"/operator/people/{ada}/export", data={"csrf": csrf}).status_code == 200
        anna.post(f"/operator/people/{ada}/withdraw", data={"csrf": csrf})
        done = [(entry["operator"], entry["action"]) for entry in people.audit()]
    assert done == [("desk", "enrolled"), ("anna", "exported"), ("anna", "withdrawn")]


def test_a_new_token_replaces_the_old_one(secrets: Secrets, run: Run) -> None:
    assert secrets.new is not None
    token = run("action=token").strip().rpartition("=")[2]
    assert secrets.is_device(token)
    assert not secrets.is_device(secrets.new.device_token)


def test_a_file_that_is_damaged_while_the_stand_runs_changes_nothing(secrets: Secrets) -> None:
    assert secrets.new is not None
    secrets.file.write_text("{")
    assert secrets.opens("operator", secrets.new.passwords["operator"])
    secrets.file.unlink()
    assert secrets.opens("operator", secrets.new.passwords["operator"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["action=add", "name=anna"], "role: missing"),
        (["action=add", "role=operator"], "name: missing"),
        (["action=add", "name=operator", "role=operator"], "name: operator is there already"),
        (["action=add", "name=../x", "role=operator"], "name: expected up to 40 of a to z"),
        (["action=add", "name=x", "role=operator", "campaigns=[coffee]"], "campaigns: only advertisers are limited"),
        (["action=add", "name=x", "role=king"], "role: expected operator, editor or advertiser"),
        (["action=remove", "name=operator"], "operator is the last operator"),
        (["action=remove", "name=nobody"], "no such account; there are advertiser, operator"),
        (["action=password"], "name: missing"),
        (["folder=elsewhere"], "folder: elsewhere: no stand here"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(run: Run, arguments: list[str], told: str) -> None:
    answer = run(*arguments, code=2)
    assert told in answer
    assert answer.count("\n") == 1


def test_a_verb_that_ran_before_writes_no_more_logs(tmp_path: Path) -> None:
    """What Hydra leaves at the root of all logs would write into a stream that may be closed by then."""
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    assert main(["predict", f"input={tmp_path / 'none'}"]) == 2
    assert (root.level, root.handlers) == before
