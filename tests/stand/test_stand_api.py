"""What other programs can ask a stand, and what they cannot."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from starlette.websockets import WebSocketDisconnect
from tests.stand.web_stand import WebStand, make, visitor

from faceline.cli import main
from faceline.stand.board import State
from faceline.stand.clock import now
from faceline.stand.consent.people import Person
from faceline.stand.live.feed import Feed
from faceline.stand.web.app import create_app
from faceline.stand.web.tokens import Tokens

ADA = Person(greeting="Ada", group="gold")


@pytest.fixture
def stand(tmp_path: Path) -> WebStand:
    frames = {"campaign": pd.DataFrame({"name": ["coffee"], "plays": [120], "attention_seconds": [float("nan")]})}
    told = {
        "empty": None, "period": (date(2026, 3, 1), date(2026, 3, 7)), "smallest_group": 10, "verdict": "It helped.",
        "frames": lambda: frames,
    }  # fmt: skip
    return make(tmp_path, tokens=Tokens(tmp_path / "stand"), feed=Feed("north"), figures=lambda *_: told)


@pytest.fixture
def client(stand: WebStand) -> Iterator[TestClient]:
    with TestClient(create_app(stand.services)) as client:
        yield client


@pytest.fixture
def bearer(stand: WebStand) -> Callable[..., dict[str, str]]:
    """The header of a new token with some scopes."""
    assert stand.services.tokens is not None
    tokens = stand.services.tokens

    def bearer(*scopes: Any, campaigns: Any = None) -> dict[str, str]:
        name = f"t{len(tokens.all)}"
        return {"authorization": f"Bearer {tokens.add(name, scopes, campaigns, by='anna')}"}

    return bearer


def value(text: str, name: str, **labels: str) -> float:
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return next(each.value for each in samples if each.name == name and labels.items() <= each.labels.items())


def test_the_health_address_tells_nothing_private_and_whether_the_stand_works(
    client: TestClient, stand: WebStand
) -> None:
    starting = client.get("/healthz")
    assert (starting.status_code, starting.json()["status"]) == (503, "starting")
    stand.show("espresso", visitor(), customers={7: ADA})
    well = client.get("/healthz")
    assert (well.status_code, well.json()) == (200, {"status": "ok", "problems": []})
    stand.show("espresso", problems={"slow": "Too slow: 2.0 frames a second.", "store": "disk full at /secret"})
    assert client.get("/healthz").json() == {"status": "warning", "problems": ["slow", "store"]}
    stand.services.board.publish(State(at=now().steady - 60))
    silent = client.get("/healthz")
    assert (silent.status_code, silent.json()) == (503, {"status": "silent", "problems": ["silent"]})


def test_prometheus_reads_the_metrics_with_a_token_only(client: TestClient, stand: WebStand, bearer: Any) -> None:
    stand.show("espresso", visitor(), problems={"slow": "Too slow."}, logging=False, latency_ms=250.0)
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers=bearer("figures")).status_code == 403
    text = client.get("/metrics", headers=bearer("health")).text
    assert value(text, "faceline_frames_per_second") == 25.0
    assert value(text, "faceline_frame_delay_seconds") == 0.25
    assert value(text, "faceline_faces") == 1
    assert value(text, "faceline_store_paused") == 1
    assert value(text, "faceline_warnings") == 1
    assert value(text, "faceline_problem", problem="slow") == 1
    assert value(text, "faceline_problem", problem="camera") == 0
    assert value(text, "faceline_events_written_total") == 5
    assert value(text, "faceline_stand_info", stand="north") == 1


def test_the_api_describes_itself(client: TestClient) -> None:
    told = client.get("/api/v1/openapi.json").json()
    assert told["openapi"].startswith("3.")
    assert {"/health", "/audience", "/figures/{table}"} <= set(told["paths"])
    assert told["servers"] == [{"url": "/api/v1"}]
    assert told["components"]["securitySchemes"]


@pytest.mark.parametrize("path", ["health", "audience", "figures/total"])
def test_every_address_of_the_api_needs_a_token_with_its_scope(client: TestClient, bearer: Any, path: str) -> None:
    refused = client.get(f"/api/v1/{path}")
    assert refused.status_code == 401
    assert "Authorization: Bearer TOKEN" in refused.json()["detail"]
    assert client.get(f"/api/v1/{path}", headers={"authorization": "Bearer guess"}).status_code == 401
    other = client.get(f"/api/v1/{path}", headers=bearer("redeem"))
    assert other.status_code == 403
    assert "no scope" in other.json()["detail"]


def test_guesses_at_tokens_are_slowed_down_and_the_right_one_passes(client: TestClient, bearer: Any) -> None:
    guess = {"authorization": "Bearer guess"}
    assert [client.get("/api/v1/health", headers=guess).status_code for _ in range(11)] == [401] * 10 + [429]
    assert client.get("/api/v1/health", headers=bearer("health")).status_code == 200


def test_who_is_there_is_told_without_names_unless_the_token_may_hear_them(
    client: TestClient, stand: WebStand, bearer: Any
) -> None:
    stand.show("espresso", visitor(), visitor(8), customers={7: ADA, 8: Person()})
    told = client.get("/api/v1/audience", headers=bearer("audience")).json()
    assert (told["people"], told["attending"], told["customers"]) == (2, 2, 2)
    assert (told["content"], told["campaign"]) == ("espresso", "coffee")
    assert "Ada" not in json.dumps(told) and "known" not in told
    known = client.get("/api/v1/audience", headers=bearer("audience", "names")).json()["known"]
    assert known == [{"name": "Ada", "group": "gold"}, {"name": None, "group": None}]


def test_figures_are_those_of_the_campaigns_of_the_token(client: TestClient, bearer: Any) -> None:
    own = bearer("figures", campaigns=["coffee"])
    told = client.get("/api/v1/figures/campaign?campaign=coffee", headers=own).json()
    assert told["rows"] == [{"name": "coffee", "plays": 120, "attention_seconds": None}]
    assert (told["first_day"], told["last_day"], told["smallest_group"]) == ("2026-03-01", "2026-03-07", 10)
    for query in ("", "?campaign=house"):
        assert client.get(f"/api/v1/figures/campaign{query}", headers=own).status_code == 403
    all_of_them = bearer("figures")
    assert client.get("/api/v1/figures/campaign", headers=all_of_them).status_code == 200
    assert client.get("/api/v1/figures/campaign?campaign=cofee", headers=all_of_them).status_code == 404
    assert client.get("/api/v1/figures/visitors", headers=all_of_them).status_code == 422
    backwards = client.get("/api/v1/figures/day?since=2026-03-02&until=2026-03-01", headers=all_of_them)
    assert (backwards.status_code, "before" in backwards.text) == (400, True)


def heard(client: TestClient, stand: WebStand, headers: dict[str, str], query: str = "") -> list[dict[str, Any]]:
    """What a listener hears while Ada comes and shows interest."""
    assert stand.services.feed is not None
    with client.websocket_connect(f"/api/v1/live{query}", headers=headers) as socket:
        stand.services.feed.take(stand.services.board.state)
        for interested in (False, True):
            showing = stand.show("espresso", visitor(), customers={7: ADA})
            if interested:
                showing.interested.add(1)
            stand.services.feed.take(stand.services.board.state)
        stand.services.board.publish(State(at=now().steady))
        stand.services.feed.take(stand.services.board.state)
        told = []
        while not told or told[-1]["people"] or told[-1]["kind"] != "content_shown":
            told.append(socket.receive_json())
            if query and len(told) == 2:
                break
        return told


def test_the_live_audience_is_told_over_a_websocket(client: TestClient, stand: WebStand, bearer: Any) -> None:
    stand.services.board.publish(State(at=now().steady))
    told = heard(client, stand, bearer("audience"))
    kinds = [each["kind"] for each in told]
    assert kinds[:3] == ["audience_changed", "content_shown", "customer_present"]
    assert "interest_seen" in kinds
    assert [each["number"] for each in told] == list(range(1, len(told) + 1))
    assert len({each["stream"] for each in told}) == 1
    assert (told[2]["people"], told[2]["content"], told[2]["stand"]) == (1, "espresso", "north")
    assert "Ada" not in json.dumps(told) and "gold" not in json.dumps(told)


def test_a_listener_with_the_scope_hears_the_name_and_chooses_the_kinds(
    client: TestClient, stand: WebStand, bearer: Any
) -> None:
    stand.services.board.publish(State(at=now().steady))
    told = heard(client, stand, bearer("audience", "names"), "?kinds=customer_present,interest_seen")
    assert [each["kind"] for each in told] == ["customer_present", "interest_seen"]
    assert told[0]["customer"] == {"name": "Ada", "group": "gold"}


@pytest.mark.parametrize("query", ["", "?kinds=faces"])
def test_a_listener_without_the_scope_or_with_a_kind_that_is_none_is_refused(
    client: TestClient, bearer: Any, query: str
) -> None:
    headers = bearer("audience") if query else bearer("health")
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(f"/api/v1/live{query}", headers=headers):
        pass


def test_a_slow_listener_holds_nobody_up_and_sees_what_it_lost() -> None:
    feed = Feed("north")
    slow, quick = feed.listen(lambda: None, capacity=3), feed.listen(lambda: None)
    for people in range(1, 1_001):
        feed.take(State(faces=(visitor(),) * (people % 2), at=1.0))
    assert (len(slow), slow.lost, len(quick)) == (3, 997, 1_000)
    for _ in range(3):
        slow.done()
    feed.take(State(faces=(visitor(),), at=1.0))
    first = slow.first()
    assert first is not None and first[0] == 1_001  # after number 3: the listener sees the gap


def run(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(list(words)) == code
    answer = capsys.readouterr()
    return answer.out + answer.err


def test_tokens_are_added_listed_revoked_and_audited_by_the_command(
    tmp_path: Path, stand: WebStand, client: TestClient, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = f"folder={tmp_path / 'stand'}"
    (tmp_path / "stand").mkdir()
    (tmp_path / "stand" / "access.json").write_text("{}")
    told = run(capsys, "tokens", "action=add", folder, "name=prometheus", "scopes=[health]", "operator=anna")
    token = told.split()[-1]
    headers = {"authorization": f"Bearer {token}"}
    assert client.get("/api/v1/health", headers=headers).json()["stand"] == "north"
    file = tmp_path / "stand" / "tokens.json"
    assert token not in file.read_text() and file.stat().st_mode & 0o077 == 0
    assert "prometheus" in run(capsys, "tokens", folder)
    assert "is there already" in run(
        capsys, "tokens", "action=add", folder, "name=prometheus", "scopes=[health]", code=2
    )
    assert "scopes: missing" in run(capsys, "tokens", "action=add", folder, "name=x", code=2)
    assert "needs the scope audience" in run(capsys, "tokens", "action=add", folder, "name=x", "scopes=[names]", code=2)
    assert "no such token; there are prometheus" in run(capsys, "tokens", "action=revoke", folder, "name=x", code=2)
    run(capsys, "tokens", "action=revoke", folder, "name=prometheus")
    assert client.get("/api/v1/health", headers=headers).status_code == 401
    audit = [json.loads(line) for line in run(capsys, "tokens", "action=audit", folder).splitlines()]
    assert [(line["by"], line["action"], line["token"]) for line in audit] == [
        ("anna", "added", "prometheus"), ("operator", "revoked", "prometheus"),
    ]  # fmt: skip
    assert token not in json.dumps(audit)


def test_a_folder_without_a_stand_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("tokens", "webhooks"):
        assert "no stand here" in run(capsys, verb, f"folder={tmp_path / 'none'}", code=2)
