"""The report against a count by hand, over several stores, with time zones, gaps and small groups; and its page."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import create_engine

from faceline.cli import main
from faceline.commands.report import write_report
from faceline.config.plain import read_settings
from faceline.errors import InputError
from faceline.stand.content.catalogue import DEMO, read_catalogue
from faceline.stand.content.policy import Policy
from faceline.stand.events.event import (
    EVENTS,
    AttentionHeld,
    Event,
    ImpressionStarted,
    LoggingPaused,
    VisitorAppeared,
    VisitorLeft,
)
from faceline.stand.events.shipping import ship_to_database, ship_to_folder
from faceline.stand.events.sources import collect
from faceline.stand.events.store import EventStore
from faceline.stand.report.effectiveness import GREETING_RATE, PLAYS_EACH, STRANGER_RATE, Effectiveness, Scope, measure
from faceline.stand.report.page import loyal_table
from faceline.stand.report.uplift import compare, session_sums
from faceline.stand.settings import SETTINGS
from faceline.stand.simulation import World, audiences, play

pytestmark = pytest.mark.filterwarnings("error:::faceline")  # such as what a later pandas refuses

START = datetime(2026, 3, 27, tzinfo=UTC)  # two days before the clocks change in Paris
Z = 10


def simulated(stand: str, seed: int, days: int = 4, per_day: int = 60) -> list[Event]:
    catalogue = read_catalogue(DEMO)
    rng = np.random.default_rng(seed)
    policy = Policy(catalogue, stand=stand, control_share=0.4, seed=seed, draws=10)
    events: list[Event] = []
    for audience in audiences(days, per_day, START, rng):
        events += play(policy, audience, World(catalogue, 0), rng, learn=True, write=True).events
    return events


@pytest.fixture(scope="module")
def events() -> dict[str, list[Event]]:
    return {"north": simulated("north", 1), "south": simulated("south", 2)}


def stored(url: str, events: Sequence[Event]) -> str:
    with EventStore(url, interval=0.01) as store:
        store.append(*events)
        assert store.flush(30.0)
    return url


@pytest.fixture(scope="module")
def stores(events: dict[str, list[Event]], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("stores")
    return [stored(f"sqlite:///{folder / stand}.db", of_stand) for stand, of_stand in events.items()]


def told(stores: Sequence[str], folder: Path, **scope: Any) -> Effectiveness:
    folder.mkdir(exist_ok=True)
    return measure(collect(stores, folder), Scope(**{"smallest_group": Z, **scope}), folder)


def near(count: int, base: int) -> int:
    """A count as it is told of a span that begins with the first day."""
    return int(np.floor(count / base + 0.5)) * base


def frame(events: Sequence[Event]) -> pd.DataFrame:
    return pd.DataFrame([{"kind": event.kind, **vars(event)} for event in events])


def opportunities(table: pd.DataFrame) -> pd.DataFrame:
    """Every visitor and play of one session that were there at the same time, and for how many seconds."""
    left = table[table["kind"] == "visitor_left"].set_index("visit")["seconds"]
    came = table[table["kind"] == "visitor_appeared"][["session", "visit", "arm", "at"]]
    came = came.assign(went=came["at"] + pd.to_timedelta(came["visit"].map(left), unit="s"))
    ended = table[table["kind"] == "impression_ended"].set_index("impression")["seconds"]
    plays = table[table["kind"] == "impression_started"][["session", "impression", "content", "campaign", "at"]]
    plays = plays.assign(ends=plays["at"] + pd.to_timedelta(plays["impression"].map(ended), unit="s"))
    both = came.merge(plays, on="session", suffixes=("", "_play"))
    until, since = both[["went", "ends"]].min(axis=1), both[["at", "at_play"]].max(axis=1)
    return both.assign(airtime=(until - since).dt.total_seconds())[until > since]


def test_figures_are_those_counted_by_hand(events: dict[str, list[Event]], stores: list[str], tmp_path: Path) -> None:
    found = told(stores, tmp_path, smallest_group=2)
    table = frame([*events["north"], *events["south"]])
    came = table[table["kind"] == "visitor_appeared"]
    held = table[table["kind"] == "attention_held"]
    row = found.total.iloc[0]
    assert row["passers_by"] == near(len(came), 2)
    assert row["attention_seconds"] == pytest.approx(held["seconds"].sum())
    assert row["mean_dwell_seconds"] == pytest.approx(
        table[table["kind"] == "visitor_left"]["seconds"].sum() / near(len(came), 2)
    )
    for kind, column in (("reacted", "reacted"), ("interest_seen", "interested"), ("follow_up_shown", "followed_up"),
                         ("loyal_greeted", "greeted")):  # fmt: skip
        assert row[column] == near(table[table["kind"] == kind]["visit"].nunique(), 2) > 0
    assert row["offers_taken"] == near((table["kind"] == "offer_taken").sum(), 2) > 0
    assert row["offer_rate"] == pytest.approx(row["offers_taken"] / row["views"])
    assert found.stand["passers_by"].tolist() == [near(count, 2) for count in came.groupby("stand").size()]
    hours = {hour: near(count, 2) for hour, count in came.groupby(came["at"].dt.hour).size().items()}
    assert dict(zip(found.hour["name"], found.hour["passers_by"], strict=True)) == hours
    could = opportunities(table)
    assert row["plays"] == near((table["kind"] == "impression_started").sum(), 2)
    assert row["ots"] == near(len(could), 2 * PLAYS_EACH) > row["views"] == near(len(held), 2 * PLAYS_EACH) > 0
    assert row["attended"] == near(held["visit"].nunique(), 2) < row["passers_by"], "not everybody who comes by looks"
    for name, of_campaign in could.groupby("campaign"):
        line = found.campaign[found.campaign["name"] == name].iloc[0]
        assert line["ots"] == near(len(of_campaign), 2 * PLAYS_EACH)
        assert line["views"] == near((held["campaign"] == name).sum(), 2 * PLAYS_EACH)
        assert line["view_rate"] == pytest.approx(min(line["views"] / line["ots"], 1))
    for content, of_content in held.groupby("content"):
        line = found.content[found.content["name"] == content].iloc[0]
        if not line["suppressed"]:
            assert line["viewers"] == near(of_content[of_content["seconds"] > 0]["visit"].nunique(), 2)
            assert line["attention_seconds"] == pytest.approx(of_content["seconds"].sum())
            reacted = table[(table["kind"] == "reacted") & (table["content"] == content)]["visit"].nunique()
            assert line["reaction_rate"] == pytest.approx(min(near(reacted, 2) / line["viewers"], 1.0))
    assert (found.period, found.stands) == ((date(2026, 3, 27), date(2026, 3, 30)), 2)


def test_simulated_interest_is_a_reaction_too_as_at_a_stand(events: dict[str, list[Event]]) -> None:
    table = frame(events["north"])
    who = {kind: set(table[table["kind"] == kind]["visit"]) for kind in ("interest_seen", "reacted")}
    assert who["interest_seen"] < who["reacted"]


def test_the_uplift_is_that_of_the_sessions(events: dict[str, list[Event]], stores: list[str], tmp_path: Path) -> None:
    found = told(stores, tmp_path).uplift
    table = frame([*events["north"], *events["south"]])
    came = table[table["kind"] == "visitor_appeared"]
    for name, chosen in (("all", table), ("campaign", table[table["campaign"] == "shoes"])):
        sums = {}
        for arm in ("adaptive", "control"):
            visitors = came[came["arm"] == arm].groupby("session").size()
            if name == "campaign":  # in its own airtime
                could = opportunities(table)
                own = could[(could["arm"] == arm) & (could["campaign"] == "shoes")]
                visitors = own.groupby("session")["airtime"].sum()
            held = chosen[chosen["kind"] == "attention_held"].groupby("session")["seconds"].sum()
            outcome = held.reindex(visitors.index, fill_value=0.0)
            sums[arm] = session_sums(visitors.to_numpy(float)[None], outcome.to_numpy(float)[None])
        expected = compare(sums["adaptive"], sums["control"])
        row = found[(found["group"] == name) & found["name"].isin(["all", "shoes"]) & (found["outcome"] == "attention")]
        for column in ("adaptive", "control", "difference", "low", "high", "relative_low", "chance"):
            assert row[column].iloc[0] == pytest.approx(getattr(expected, column)[0])


def test_a_campaign_alone_and_some_days_alone(
    events: dict[str, list[Event]], stores: list[str], tmp_path: Path
) -> None:
    table = frame([*events["north"], *events["south"]])
    held = table[table["kind"] == "attention_held"]
    found = told(stores, tmp_path, campaign="shoes")
    assert found.campaign["name"].tolist() == ["shoes"]
    assert found.total["attention_seconds"].iloc[0] == pytest.approx(held[held["campaign"] == "shoes"]["seconds"].sum())
    found = told(stores, tmp_path, since=date(2026, 3, 28), until=date(2026, 3, 29))
    came = table[table["kind"] == "visitor_appeared"]
    until = [near((came["at"].dt.date <= date(2026, 3, day)).sum(), Z) for day in (27, 28, 29)]
    assert found.total["passers_by"].tolist() == [until[2] - until[0]]
    days = came["at"].dt.date.value_counts()
    assert found.day["passers_by"].tolist() == [near(days[date(2026, 3, day)], Z) for day in (28, 29)]


def test_hours_and_days_are_those_of_the_zone_over_a_change_of_the_clocks(tmp_path: Path) -> None:
    def visitors(at: datetime, first: int) -> list[Event]:
        return [
            VisitorAppeared(stand="a", at=at, session=visit, arm="control", visit=visit)
            for visit in range(first, first + 20)
        ]

    winter, summer = datetime(2026, 3, 28, 23, 30, tzinfo=UTC), datetime(2026, 3, 29, 23, 30, tzinfo=UTC)
    url = stored(f"sqlite:///{tmp_path / 'a.db'}", visitors(winter, 0) + visitors(summer, 100))
    found = told([url], tmp_path / "t", zone="Europe/Paris")
    assert found.hour["name"].tolist() == [0, 1]  # half past midnight in winter, half past one in summer
    assert [str(day)[:10] for day in found.day["name"]] == ["2026-03-29", "2026-03-30"]
    assert told([url], tmp_path / "t", zone="Europe/Paris", since=date(2026, 3, 30)).total["passers_by"][0] == 20
    assert told([url], tmp_path / "t", zone="UTC").hour["name"].tolist() == [23]
    with pytest.raises(InputError, match="no such time zone"):
        told([url], tmp_path / "t", zone="Paris")


def test_every_kind_of_store_gives_the_same_report_and_no_event_counts_twice(
    events: dict[str, list[Event]], stores: list[str], tmp_path: Path, cluster: Any
) -> None:
    chain = stored(cluster.new_database(), [*events["north"], *events["south"]])
    shipped = tmp_path / "shipped"
    for store in stores:
        assert main(["ship", f"store={store}", f"to={shipped}"]) == 0
    expected = told(stores, tmp_path / "t")
    for others in ([chain], [str(shipped)], [*stores, chain], [stores[0], stores[0], stores[1]]):
        found = told(others, tmp_path / "t")
        for name, table in expected.tables.items():
            pd.testing.assert_frame_equal(found.tables[name], table, check_exact=False, rtol=1e-9)


def test_what_is_shipped_arrives_once(
    events: dict[str, list[Event]], stores: list[str], tmp_path: Path, cluster: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    source, late = create_engine(stores[0]), START + timedelta(days=2, hours=3)
    first = [event for event in events["north"] if event.at < START + timedelta(days=2)]
    assert ship_to_folder(source, tmp_path / "chain", late) == len(first)  # today is not over
    assert ship_to_folder(source, tmp_path / "chain", late) == 0
    assert ship_to_folder(source, tmp_path / "chain", late + timedelta(days=9)) == len(events["north"]) - len(first)
    assert sorted(path.name for path in (tmp_path / "chain").iterdir()) == [
        f"day=2026-03-{day}" for day in range(27, 31)
    ]
    chain = cluster.new_database()
    half = stored(f"sqlite:///{tmp_path / 'half.db'}", first)
    for store, count in ((half, len(first)), (half, 0), (stores[0], len(events["north"]) - len(first)), (stores[0], 0)):
        assert main(["ship", f"store={store}", f"to={chain}"]) == 0
        assert capsys.readouterr().out == f"{count:,} new events shipped\n"
    assert main(["ship", "store=sqlite:///none.db", "to=chain"]) == 2
    assert main(["ship"]) == 2
    assert "to: missing; give it a value with to=" in capsys.readouterr().err


def test_events_that_come_late_or_from_the_future_are_shipped_too(tmp_path: Path, database: str) -> None:
    def ship(count: int) -> None:
        source = create_engine(url)
        assert ship_to_folder(source, tmp_path / "chain", START + timedelta(days=9)) == count
        assert ship_to_database(source, database) == count

    def came(day: float) -> VisitorAppeared:
        return VisitorAppeared(stand="a", at=START + timedelta(days=day), session=1, arm="control", visit=1)

    url = stored(f"sqlite:///{tmp_path / 'a.db'}", [came(0.5), came(5.5)])
    ship(2)
    stored(url, [came(0.6), came(1.5)])
    ship(2)
    ship(0)
    stored(url, [came(40_000)])  # the clock was wrong
    assert ship_to_database(create_engine(url), database) == 1
    stored(url, [came(6.5), came(7.5)])
    ship(2)
    shipped = pd.concat(pd.read_parquet(file) for file in (tmp_path / "chain").rglob("*.parquet"))
    assert shipped["id"].nunique() == len(shipped) == 6
    (damaged,) = (tmp_path / "chain" / "day=2026-03-27").iterdir()
    damaged.write_bytes(b"")
    assert ship_to_folder(create_engine(url), tmp_path / "chain", START + timedelta(days=9)) == 2


def test_no_figure_is_about_few_people(stores: list[str], tmp_path: Path) -> None:
    found = told(stores, tmp_path, smallest_group=40)
    for name in ("total", "stand", "hour", "day", "campaign", "content"):
        table = found.tables[name]
        counts = table[[column for column in table if str(table[column].dtype) == "Int64"]]
        assert counts.shape[1] >= 6
        assert ((counts == 0) | (counts >= 40)).all(axis=None) and (counts % 40 == 0).all(axis=None), name
        size = table["passers_by" if "passers_by" in table else "viewers"]
        assert table.loc[size == 0, table.columns.str.contains("_per_|dwell|_rate")].isna().all(axis=None)
    assert found.content["suppressed"].any()
    sizes = found.uplift[["visitors_adaptive", "visitors_control"]].dropna()
    assert (sizes >= 40).all(axis=None)
    hidden = found.uplift[found.uplift["visitors_adaptive"].isna()]
    assert len(hidden)
    assert hidden[["difference", "adaptive", "control", "low", "chance"]].isna().all(axis=None)
    with pytest.raises(InputError, match="a period needs 10000 people"):
        told(stores, tmp_path, smallest_group=10_000)


def looked(stand: str, hour: int, contents: dict[str, int], first: int) -> list[Event]:
    """Visitors of a stand in an hour who attend, each to one content, CAMPAIGN.NAME."""
    events: list[Event] = []
    names = [name for name, count in contents.items() for _ in range(count)]
    for visit, name in enumerate(names, first):
        base: dict[str, Any] = {
            "stand": stand,
            "at": START + timedelta(hours=hour),
            "arm": "adaptive",
            "session": visit,
        }
        screen = {**base, "impression": visit, "content": name, "campaign": name[0]}
        events += [VisitorAppeared(**base, visit=visit), ImpressionStarted(**screen, decision=visit)]
        events.append(AttentionHeld(**screen, visit=visit, seconds=1.0 + visit))
    return events


@pytest.mark.parametrize("campaign", [None, "x"])
def test_what_is_hidden_of_contents_does_not_follow_from_their_campaign(tmp_path: Path, campaign: str | None) -> None:
    made = looked("a", 9, {"x.a": 3, "x.b": 60, "y.c": 20, "y.d": 70}, 0)
    found = told([stored(f"sqlite:///{tmp_path / 'a.db'}", made)], tmp_path / "t", campaign=campaign)
    shown = found.content[~found.content["suppressed"]]["name"].tolist()
    assert shown == ([] if campaign else ["y.d", "y.c"])
    assert not found.campaign["suppressed"].any()


def test_what_is_hidden_of_a_campaign_does_not_follow_from_its_contents(tmp_path: Path) -> None:
    made = looked("a", 9, {"x.a": 3, "y.b": 30, "y.c": 30, "z.d": 70, "z.e": 70}, 0)
    found = told([stored(f"sqlite:///{tmp_path / 'a.db'}", made)], tmp_path / "t")
    assert found.campaign[~found.campaign["suppressed"]]["name"].tolist() == ["z"]
    assert sorted(found.content[~found.content["suppressed"]]["name"]) == ["z.d", "z.e"]


def test_hours_that_are_hidden_together_are_not_few_people(tmp_path: Path) -> None:
    made = [*looked("a", 9, {"x.a": 2}, 0), *looked("a", 10, {"x.a": 3}, 100), *looked("a", 11, {"x.a": 40}, 200),
            *looked("a", 12, {"x.a": 50}, 300)]  # fmt: skip
    found = told([stored(f"sqlite:///{tmp_path / 'a.db'}", made)], tmp_path / "t")
    assert found.hour["attention_seconds"].isna().tolist() == [True, True, True, False]


def test_the_attention_of_few_is_not_told_where_many_came(tmp_path: Path) -> None:
    made = looked("a", 9, {"x.a": 30, "y.b": 3}, 0)
    found = told([stored(f"sqlite:///{tmp_path / 'a.db'}", made)], tmp_path / "t", campaign="y")
    assert found.total[["passers_by", "attended"]].to_numpy().tolist() == [[30, 0]]
    assert found.total[["attention_seconds", "attention_per_visitor"]].isna().all(axis=None)
    assert (found.hour["attention_seconds"] % 600 == 0).all()
    write_report([stored(f"sqlite:///{tmp_path / 'b.db'}", made)], tmp_path / "r", "x", scope=Scope(campaign="y"))


def test_the_uplift_tells_nothing_that_the_tables_hide(tmp_path: Path) -> None:
    made: list[Event] = []
    for stand, count in (("a", 50), ("b", 40), ("c", 6)):
        for arm in ("adaptive", "control"):
            events = looked(stand, 9, {"x.a": count // 2}, 100 * len(made))
            made += [replace(event, arm=arm) for event in events if stand != "a" or isinstance(event, VisitorAppeared)]
    found = told([stored(f"sqlite:///{tmp_path / 'a.db'}", made)], tmp_path / "t", smallest_group=8)
    assert found.stand["attention_seconds"].isna().tolist() == [False, True, True]
    assert found.uplift[found.uplift["group"] == "stand"]["suppressed"].tolist() == [False, True, True]


def test_a_person_who_stays_long_is_one_passer_by(tmp_path: Path) -> None:
    base: dict[str, Any] = {"stand": "a", "at": START, "arm": "adaptive"}
    made: list[Event] = [VisitorAppeared(**base, session=visit, visit=visit) for visit in range(20)]
    made += [VisitorAppeared(**base, session=100, visit=100, continued=True)]
    made += [VisitorLeft(**base, session=visit, visit=visit, seconds=10.0) for visit in (*range(20), 100)]
    found = told([stored(f"sqlite:///{tmp_path / 'a.db'}", made)], tmp_path / "t")
    assert found.total["passers_by"][0] == 20
    assert found.total["mean_dwell_seconds"][0] == pytest.approx(210 / 20)


def test_what_stands_could_not_keep_is_told(tmp_path: Path, events: dict[str, list[Event]]) -> None:
    gap = LoggingPaused(stand="north", at=START + timedelta(hours=12), seconds=90.0, lost=17)
    url = stored(f"sqlite:///{tmp_path / 'a.db'}", [*events["north"], gap])
    assert told([url], tmp_path / "t").lost == (17, 90.0)
    write_report([url], tmp_path / "r", "x")
    assert "for 90 s in all, and 17 events were lost" in (tmp_path / "r" / "report.html").read_text()


def test_a_campaign_without_control_or_reactions_is_reported_too(tmp_path: Path) -> None:
    made: list[Event] = []
    for visit in range(30):
        base: dict[str, Any] = {
            "stand": "a",
            "at": START + timedelta(minutes=visit),
            "session": visit,
            "arm": "adaptive",
        }
        made += [
            VisitorAppeared(**base, visit=visit),
            AttentionHeld(**base, impression=visit, content="x", campaign="y", visit=visit, seconds=0.0),
        ]
    found = write_report([stored(f"sqlite:///{tmp_path / 'a.db'}", made)], tmp_path / "r", "x")
    assert found.total["attended"][0] == 0
    assert "too few sessions in both arms" in (tmp_path / "r" / "report.html").read_text()


def test_where_nobody_attends_nothing_is_said_of_adapting(tmp_path: Path) -> None:
    made: list[Event] = []
    for visit in range(60):
        arm = "adaptive" if visit % 2 else "control"
        made.append(VisitorAppeared(stand="a", at=START, session=visit, arm=arm, visit=visit))
    write_report([stored(f"sqlite:///{tmp_path / 'a.db'}", made)], tmp_path / "r", "x")
    text = (tmp_path / "r" / "report.html").read_text()
    assert "Nothing can be said about adapting" in text
    assert "nan" not in text.lower()


class _Page(HTMLParser):
    """What a browser would load, and what a screen reader would read."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_greeted_visits_stand_against_those_that_were_to_be_expected(stores: list[str], tmp_path: Path) -> None:
    found = write_report(stores, tmp_path / "r", "x", scope=Scope(greeting_rate=0.5, stranger_rate=0.002))
    text = (tmp_path / "r" / "report.html").read_text()
    greeted = int(found.total.iloc[0]["greeted"])
    assert "Loyal customers" in text and f"{2 * greeted:,}<" in text
    assert "50.0\u00a0%" in text and "0.20\u00a0%" in text and "given by whoever runs these stands" in text
    ((_, below, _, rows),) = loyal_table(found, Scope(greeting_rate=0.77, smallest_group=Z))
    assert int(rows[3][1].replace(",", "")) % Z == 0, "what follows from a rounded count is rounded alike"
    assert "by mistake" not in below
    write_report(stores, tmp_path / "unknown", "x")
    assert "speaks for" not in (tmp_path / "unknown" / "report.html").read_text()


def test_strangers_who_may_have_been_greeted_are_left_out_of_the_smaller_number(
    stores: list[str], tmp_path: Path
) -> None:
    found = replace(told(stores, tmp_path), total=pd.DataFrame({"greeted": [60.0], "passers_by": [10_000.0]}))
    ((_, below, _, rows),) = loyal_table(found, Scope(greeting_rate=0.8, stranger_rate=0.001))
    assert rows[3][1] == "60 to 80"  # 10 of 60 may be strangers: 50 / 0.8 = 62, 60 / 0.8 = 75
    assert "measured on clips of the Udacity set" in below and "leaves out the strangers" in below
    ((_, _, _, rows),) = loyal_table(found, Scope(greeting_rate=0.8, stranger_rate=0.1))
    assert rows[3][1] == "0 to 80", "no fewer than none"


@pytest.mark.parametrize("verb", ["report", "stand", "fleet"])
def test_the_rates_of_greetings_are_given_alike_everywhere(verb: str) -> None:
    needed = ["stores=[sqlite:///x.db]"] if verb == "report" else []
    by_default: Any = read_settings(verb, needed, SETTINGS[verb])
    assert (by_default.greeting_rate, by_default.stranger_rate) == (GREETING_RATE, STRANGER_RATE)
    with pytest.raises(InputError, match=r"stranger_rate: expected below greeting_rate=0\.5, got 0\.6"):
        read_settings(verb, [*needed, "greeting_rate=0.5", "stranger_rate=0.6"], SETTINGS[verb])
    read_settings(verb, [*needed, "greeting_rate=null"], SETTINGS[verb])


def test_the_page_speaks_the_languages_that_are_asked_for(stores: list[str], tmp_path: Path) -> None:
    pages = {"de": "report.html", "ar": "report.ar.html"}
    write_report(stores, tmp_path / "r", "Effectiveness", scope=Scope(greeting_rate=0.8), pages=pages)
    english = r"\b(the|of|with|and|visitors?|attention a|plays|campaign|day|hour|too|few)\b"
    shown = {}
    for code, name in pages.items():
        text = (tmp_path / "r" / name).read_text()
        assert f'<html lang="{code}" dir="{"rtl" if code == "ar" else "ltr"}">' in text
        body = text[text.index("<body") :]
        shown[code] = re.sub(r"<svg.*?>|<[^>]*>|[\w.]+\.csv|faceline benchmark recognition", " ", body)
        assert not re.findall(english, shown[code], re.IGNORECASE)
    assert "الفعالية" in shown["ar"] and "27 مارس 2026" in shown["ar"]
    assert "Wirkung" in shown["de"] and "27. März 2026 bis 30. März 2026" in shown["de"]
    assert re.search(r"\d,\d\u00a0%", shown["de"]) and not re.search(r"\d\.\d{1,2}\b", shown["de"])


def test_the_page_is_one_file_that_can_be_read_aloud(stores: list[str], tmp_path: Path) -> None:
    write_report(stores, tmp_path / "r", "Spring <b>& more</b>")
    text = (tmp_path / "r" / "report.html").read_text()
    page = _Page()
    page.feed(text)
    assert "<b>& more" not in text
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "img")
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#"), attributes
    assert not re.search(r"url\((?!#)", text)
    assert "@import" not in text
    tags = [tag for tag, _ in page.tags]
    assert tags.count("h1") == 1
    assert ("html", {"lang": "en", "dir": "ltr"}) in page.tags
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(pictures) == 4
    assert all(picture["role"] == "img" and len(picture["aria-label"] or "") > 20 for picture in pictures)
    assert all(attributes.get("scope") for tag, attributes in page.tags if tag == "th")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert len(text) < 400_000
    shown = text[text.index("</style>") :]
    assert "\u00a0%" in shown
    assert not re.search(r"\d%", shown), "a number is told in one way"


def test_tables_are_written_as_csv_and_parquet(stores: list[str], tmp_path: Path) -> None:
    found = write_report(stores, tmp_path, "x")
    for name, table in found.tables.items():
        csv, parquet = pd.read_csv(tmp_path / f"{name}.csv"), pd.read_parquet(tmp_path / f"{name}.parquet")
        assert list(csv.columns) == list(parquet.columns) == list(table.columns)
        assert len(csv) == len(parquet) == len(table) > 0


def test_the_command_reports_and_refuses_in_one_line(
    stores: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = f"[{','.join(stores)}]"
    own = tmp_path / "own.yaml"
    own.write_text(f"title: From a file\nstores: {words}\nzone: Europe/Paris\n")
    assert main(["report", f"config={own}", "smallest_group=5"]) == 0
    assert "The chance that adapting helps at all is" in capsys.readouterr().out
    text = (tmp_path / "stand" / "report" / "report.html").read_text()
    assert "<title>From a file</title>" in text
    assert "hours of Europe/Paris" in text
    own.write_text("title: x\nsmallest_gruop: 3\n")
    for arguments, expected in (
        (["stores=[]"], "stores: "),
        (["stores=[sqlite:///none.db]"], f"stores: no such file: {tmp_path / 'none.db'}"),
        (["stores=[none]"], "stores: no Parquet files in the folder none"),
        ([f"stores={words}", "since=2026-02-30"], "since: expected a day"),
        (
            [f"stores={words}", "since=2027-01-01"],
            "stores: no figure of these days may be shown: a period needs 10 people",
        ),
        (
            [f"stores={words}", "since=2026-03-28", "until=2026-03-27"],
            "until: 2026-03-27 is before the first day, 2026-03-28",
        ),
        ([f"stores={words}", "campaign=shoe"], "campaign: shoe: nobody was shown this campaign; did you mean shoes?"),
        ([f"stores={words}", f"output={own}"], f"{own}, key 'output': is a file, where a folder is needed; choose"),
        (["smallest_group=1"], "smallest_group: expected at least 2, got 1"),
        (["smalest_group=1"], "smalest_group: no such key; did you mean smallest_group?"),
        ([f"config={own}"], f"{own}, row 2: smallest_gruop: no such key; did you mean smallest_group?"),
        (["config=none.yaml"], "none.yaml: no such file"),
        (["level"], "level: not an override"),
        (["--cfg"], "--cfg: no such flag"),
    ):
        assert main(["report", *arguments]) == 2
        errors = capsys.readouterr().err
        assert errors.startswith(f"faceline: error: {expected}"), errors
        assert errors.count("\n") == 1
    assert not (tmp_path / "none.db").exists()


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="the events cannot be read"):
        told([str(tmp_path)], tmp_path / "t")
    (tmp_path / "a.parquet").write_text("nonsense")
    with pytest.raises(InputError, match="the events cannot be read"):
        told([str(tmp_path)], tmp_path / "t")


def test_no_event_names_a_person_or_carries_a_template() -> None:
    columns = {name for kind in EVENTS for name in kind.__dataclass_fields__}
    assert {"visit", "session", "seconds"} <= columns
    assert not columns & {"person", "name", "embedding", "template", "image", "landmarks", "age", "gender"}
