"""Proof of play against a count by hand: every play once, with its seconds; shares; nothing about one visitor."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from faceline.cli import main
from faceline.errors import InputError
from faceline.stand.content.catalogue import Catalogue, read_catalogue
from faceline.stand.events.event import DecisionMade, Event, ImpressionEnded, ImpressionStarted, new_id
from faceline.stand.events.sources import collect
from faceline.stand.events.store import EventStore
from faceline.stand.report.plays import Plays, count_plays

START = datetime(2026, 3, 27, 9, tzinfo=UTC)
TEXT = """\
campaigns:
  - {id: house, name: The house}
  - {id: coffee, name: "=Coffee", share: 0.5}
  - {id: shoes, name: Shoes, plays_a_day: 3}
contents:
  - {id: hello, campaign: house, title: Hello}
  - {id: cup, campaign: coffee, title: Cup, follow_up: more}
  - {id: more, campaign: coffee, title: More}
  - {id: boots, campaign: shoes, title: Boots}
loop: [hello, cup, boots]
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    (tmp_path / "mall.yaml").write_text(TEXT)
    return read_catalogue(tmp_path / "mall.yaml")


def shown(
    content: str,
    minutes: float,
    seconds: float = 10.0,
    arm: str | None = None,
    reason: str = "bandit",
    stand: str = "a",
) -> list[Event]:
    campaign = {"hello": "house", "cup": "coffee", "more": "coffee", "boots": "shoes"}[content]
    at, session = START + timedelta(minutes=minutes), None if arm is None else 1
    base: dict[str, Any] = {"stand": stand, "session": session, "arm": arm, "content": content, "campaign": campaign}
    decision, impression = new_id(), new_id()
    return [
        DecisionMade(**base, at=at, decision=decision, reason=reason, probability=1.0, people=1),
        ImpressionStarted(**base, at=at, impression=impression, decision=decision),
        ImpressionEnded(**base, at=at + timedelta(seconds=seconds), impression=impression, seconds=seconds),
    ]


def stored(file: Path, events: Sequence[Event]) -> str:
    with EventStore(f"sqlite:///{file}", interval=0.01) as store:
        store.append(*events)
        assert store.flush(30.0)
    return f"sqlite:///{file}"


def told(tmp_path: Path, catalogue: Catalogue, events: Sequence[Event], **scope: Any) -> Plays:
    url = stored(tmp_path / "a.db", events)
    return count_plays(collect([url], tmp_path), catalogue, **scope)


def test_every_play_counts_once_in_the_hour_in_which_it_began(tmp_path: Path, catalogue: Catalogue) -> None:
    events = [*shown("cup", 0), *shown("cup", 1, 4.0), *shown("hello", 59.95), *shown("boots", 70), *shown("cup", 71)]
    url = stored(tmp_path / "a.db", events)
    for zone, hours in (("UTC", {9: 2, 10: 2}), ("Asia/Kolkata", {14: 1, 15: 3})):
        found = count_plays(collect([url, url], tmp_path), catalogue, zone=zone)
        assert found.rows.groupby("hour")["plays"].sum().to_dict() == hours
        assert found.rows["seconds"].sum() == pytest.approx(40)
    cups = found.contents.set_index("content").loc["cup"]
    assert (cups["plays"], cups["seconds"]) == (2, pytest.approx(20))
    assert found.campaigns.set_index("campaign").loc["coffee", "given"] == round(24 / 44, 3)  # what was cut short too


def test_shares_are_of_the_seconds_before_each_audience(tmp_path: Path, catalogue: Catalogue) -> None:
    events = [*shown("cup", 0), *shown("hello", 1), *shown("hello", 2), *shown("hello", 3)]
    events += [*shown("cup", 4, arm="control"), *shown("boots", 5, arm="control")]
    events += [*shown("cup", 6, arm="adaptive"), *shown("cup", 7, arm="adaptive"), *shown("boots", 8, arm="adaptive")]
    found = told(tmp_path, catalogue, events).campaigns.set_index("campaign")
    row = found.loc["coffee"]
    shares = [row[key] for key in ("sold", "given", "given_nobody", "given_control", "given_adaptive")]
    assert shares == pytest.approx([0.5, 4 / 9, 1 / 4, 1 / 2, 2 / 3], abs=5e-4)
    assert pd.isna(found.loc["house", "sold"])
    assert (found.loc["shoes", "plays_a_day"], found.loc["shoes", "days_short"]) == (3, 1)


def test_days_are_those_of_the_span_and_of_the_campaign(tmp_path: Path, catalogue: Catalogue) -> None:
    day = 24 * 60
    events = [*shown("cup", 0), *shown("cup", day), *shown("hello", day + 1), *shown("hello", 2 * day)]
    found = told(tmp_path, catalogue, events, since=date(2026, 3, 28), until=date(2026, 3, 28))
    assert found.span == (date(2026, 3, 28), date(2026, 3, 28))
    assert found.days.set_index("campaign").loc["coffee", "given"] == pytest.approx(0.5)
    with pytest.raises(InputError, match="nothing was played on these days"):
        told(tmp_path, catalogue, [], since=date(2027, 1, 1))
    late = catalogue.campaigns[1].model_copy(update={"starts": date(2026, 3, 28)})
    campaigns = (catalogue.campaigns[0], late, catalogue.campaigns[2])
    changed = Catalogue.model_validate({**catalogue.model_dump(), "campaigns": campaigns})
    events = [*shown("hello", 0), *shown("hello", day), *shown("cup", day + 1)]
    found = count_plays(collect([stored(tmp_path / "b.db", events)], tmp_path), changed)
    assert found.campaigns.set_index("campaign").loc["coffee", "given"] == pytest.approx(0.5)


def test_what_answers_one_visitor_is_told_in_multiples_only(tmp_path: Path, catalogue: Catalogue) -> None:
    def answers(first: int, count: int) -> list[Event]:
        return [event for i in range(count) for event in shown("more", first + i, 10.0, "adaptive", "follow-up")]

    day = 24 * 60
    events = [*shown("cup", 0), *answers(1, 7), *shown("cup", day), *answers(day + 1, 16)]
    found = told(tmp_path, catalogue, events)
    more = found.rows[found.rows["content"] == "more"].set_index("day")
    assert more["plays"].to_dict() == {date(2026, 3, 28): 20}  # 7, then 23 in all, each rounded down
    assert more["seconds"].tolist() == pytest.approx([200])
    assert more["hour"].isna().all()
    assert found.campaigns["plays"].sum() == 2 + 20  # no total tells more
    assert found.campaigns["seconds"].sum() == pytest.approx(220)


def test_an_advertiser_is_told_of_their_own_plays_alone(tmp_path: Path, catalogue: Catalogue) -> None:
    found = told(tmp_path, catalogue, [*shown("cup", 0), *shown("hello", 1), *shown("boots", 2)], campaign="coffee")
    for table in (found.rows, found.days, found.campaigns, found.contents):
        assert set(table["campaign"]) == {"coffee"}
    assert found.campaigns["given"].tolist() == pytest.approx([0.333])


def test_the_command_writes_page_and_csv_and_refuses_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mall.yaml").write_text(TEXT)
    url = stored(tmp_path / "a.db", [*shown("cup", 0), *shown("hello", 1)])
    monkeypatch.chdir(tmp_path)
    assert main(["plays", f"stores=[{url}]", "catalogue=mall.yaml"]) == 0
    out = capsys.readouterr().out
    assert "Shoes missed its plays on 1 of 1 days" in out
    page = (tmp_path / "stand" / "plays" / "plays.html").read_text()
    assert "=Coffee" in page and "50.0\u00a0%" in page and "<script" not in page
    table = pd.read_csv(tmp_path / "stand" / "plays" / "plays.csv")
    assert table[["content", "plays", "seconds"]].to_numpy().tolist() == [["cup", 1, 10.0], ["hello", 1, 10.0]]
    for words, expected in (
        (["campaign=cofee"], "campaign: cofee: not in the catalogue; did you mean coffee?"),
        (["since=2026-04-02", "until=2026-04-01"], "until: 2026-04-01 is before the first day, 2026-04-02"),
        (["since=2027-04-02"], "stores: nothing was played on these days"),
        (["zone=Paris"], "zone: Paris: no such time zone"),
        (["catalogue=none.yaml"], "none.yaml: no such file"),
        (["campain=coffee"], "campain: no such key; did you mean campaign?"),
    ):
        assert main(["plays", f"stores=[{url}]", "catalogue=mall.yaml", *words]) == 2
        errors = capsys.readouterr().err
        assert errors.startswith(f"faceline: error: {expected}"), errors
        assert errors.count("\n") == 1
