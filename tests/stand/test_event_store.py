"""The store of events: both databases, and what happens when one is away, full, gone, or the process is killed."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import alembic.autogenerate
import pytest
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st

from faceline.errors import InputError
from faceline.stand.clock import Moment, now
from faceline.stand.database import EVENTS, METADATA, microseconds, open_database, utc
from faceline.stand.events.event import (
    EVENTS as KINDS,
)
from faceline.stand.events.event import (
    AttentionHeld,
    DecisionMade,
    Event,
    FollowUpShown,
    ImpressionEnded,
    ImpressionStarted,
    InterestSeen,
    LoggingPaused,
    LoyalGreeted,
    OfferTaken,
    Reacted,
    VisitorAppeared,
    VisitorLeft,
    new_id,
)
from faceline.stand.events.store import EventStore

AT = datetime(2026, 3, 4, 12, 30, 15, 123456, tzinfo=UTC)


def visitor(visit: int, stand: str = "north") -> VisitorAppeared:
    return VisitorAppeared(stand=stand, at=now().utc, session=1, arm="control", visit=visit)


def one_of_each() -> list[Event]:
    base: dict[str, Any] = {"stand": "north", "at": AT, "session": 2, "arm": "adaptive"}
    screen = {**base, "impression": 3, "content": "espresso", "campaign": "coffee"}
    return [
        VisitorAppeared(**base, visit=2**63 - 1, continued=True),
        VisitorLeft(**base, visit=4, seconds=12.5),
        DecisionMade(
            **base, decision=5, content="espresso", campaign="coffee", reason="bandit", probability=0.25, people=2
        ),
        ImpressionStarted(**screen, decision=5),
        ImpressionEnded(**screen, seconds=10.0),
        AttentionHeld(**screen, visit=4, seconds=3.5),
        Reacted(**screen, visit=4, reaction="smile", strength=0.2),
        InterestSeen(**screen, visit=4),
        FollowUpShown(**screen, visit=4, follow_up="espresso_more"),
        LoyalGreeted(**screen, visit=4),
        OfferTaken(**screen),
        LoggingPaused(stand="north", at=AT, seconds=4.0, lost=7),
    ]


def rows(url: str) -> list[Any]:
    engine = open_database(url)
    with engine.connect() as connection:
        found = connection.execute(sa.select(EVENTS).order_by(EVENTS.c.at)).all()
    engine.dispose()
    return list(found)


def test_every_kind_of_event_comes_back_as_it_went_in(database: str) -> None:
    events = one_of_each()
    assert {type(event) for event in events} == set(KINDS)
    with EventStore(database) as store:
        store.append(*events)
        assert store.flush()
        store.append(*events)  # sent again: taken once
        assert store.flush()
    found = {row.id: row for row in rows(database)}
    assert set(found) == {event.id for event in events}
    for event in events:
        row = found[event.id]._mapping
        assert (row["kind"], utc(row["at"])) == (event.kind, event.at)
        assert {name: row[name] for name in vars(event) if name != "at"} == {
            name: value for name, value in vars(event).items() if name != "at"
        }


def test_the_tables_are_those_that_the_migrations_make(database: str) -> None:
    engine = open_database(database)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert alembic.autogenerate.compare_metadata(context, METADATA) == []
    engine.dispose()


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'stand.db'}"
    open_database(url).dispose()
    with sqlite3.connect(tmp_path / "stand.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(InputError, match="was written by a newer version of faceline"):
        open_database(url)


def test_several_processes_may_open_a_fresh_database_at_once(database: str) -> None:
    code = f"from faceline.stand.database import open_database; open_database({database!r})"
    started = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(process.communicate()[1], process.returncode) for process in started] == [("", 0)] * 3


@pytest.mark.parametrize(
    "url",
    ["", "stand.db", "mysql://host/db", "sqlite://", "sqlite:///:memory:", "postgresql://nobody:secret@127.0.0.1:1/none",
     "sqlite:////proc/none/stand.db"],
)  # fmt: skip
def test_what_is_no_store_is_refused_in_one_line_and_without_its_password(url: str) -> None:
    with pytest.raises(InputError) as refusal:
        EventStore(url)
    assert "\n" not in str(refusal.value)
    assert "secret" not in str(refusal.value)
    assert refusal.value.column == "store"


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "stand.db"
    file.write_text("not a database, but somebody's notes" * 100)
    with pytest.raises(InputError, match="not a database"):
        EventStore(f"sqlite:///{file}")
    assert file.read_text().startswith("not a database")


def test_a_kill_loses_at_most_the_last_second(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'stand.db'}"
    code = f"""
import time
from tests.stand.test_event_store import EventStore, visitor
store = EventStore({url!r})
for visit in range(100_000):
    store.append(visitor(visit))
    print(visit, time.time(), flush=True)
    time.sleep(0.005)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    assert child.stdout is not None
    said: list[tuple[int, float]] = []
    for line in child.stdout:
        visit, at = line.split()
        said.append((int(visit), float(at)))
        if said[-1][1] - said[0][1] > 2.5:
            break
    child.send_signal(signal.SIGKILL)
    killed = time.time()
    said += [(int(line.split()[0]), float(line.split()[1])) for line in child.stdout if len(line.split()) == 2]
    child.wait()
    kept = {row.visit for row in rows(url)}
    expected = {visit for visit, at in said if at < killed - 1.0}
    assert len(expected) > 50
    assert expected <= kept


def test_a_full_disk_pauses_the_writing_and_the_gap_is_told(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'stand.db'}"
    with EventStore(url, interval=0.02, capacity=200) as store:
        with store.engine.connect() as connection:
            pages = connection.scalar(sa.text("PRAGMA page_count"))
        limit = {"pages": pages + 1}

        @sa.event.listens_for(store.engine, "checkout")
        def _small_disk(connection: Any, *_: Any) -> None:
            connection.execute(f"PRAGMA max_page_count = {limit['pages']}")

        took = []
        for visit in range(1000):
            began = time.perf_counter()
            store.append(visitor(visit))
            took.append(time.perf_counter() - began)
            if visit % 100 == 0:
                time.sleep(0.05)
        health = store.health
        assert health.paused is not None
        assert "full" in health.paused
        assert health.pending == 200  # memory is bounded
        assert health.lost == {"visitor_appeared": 1000 - 200 - health.written}
        assert sorted(took)[990] < 0.01  # and nobody waited
        limit["pages"] = 2**30  # somebody made room
        assert store.flush(20.0)
        assert store.health.paused is None
        assert store.flush(20.0)
    found = rows(url)
    (gap,) = [row for row in found if row.kind == "logging_paused"]
    assert gap.lost == 1000 - len([row for row in found if row.kind == "visitor_appeared"]) > 0
    assert gap.seconds > 0


def test_a_file_that_is_deleted_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "data" / "stand.db"
    with EventStore(f"sqlite:///{file}", interval=0.02) as store:
        store.append(visitor(1))
        assert store.flush()
        for path in file.parent.iterdir():
            path.unlink()
        store.append(visitor(2))
        assert store.flush(10.0)
    assert [row.visit for row in rows(f"sqlite:///{file}")] == [2]


def test_a_server_that_goes_and_comes_back(cluster: Any) -> None:
    url = cluster.new_database()
    with EventStore(url, interval=0.02) as store:
        store.append(visitor(1))
        assert store.flush()
        cluster.stop()
        try:
            store.append(visitor(2))
            assert not store.flush(0.5)
            assert store.health.paused is not None
            assert store.health.pending == 1
        finally:
            cluster.start()
        store.append(visitor(3))
        assert store.flush(20.0)
        assert store.health.paused is None
    assert sorted(row.visit for row in rows(url) if row.visit is not None) == [1, 2, 3]


def test_an_event_that_no_database_takes_holds_nobody_up(database: str) -> None:
    with EventStore(database, interval=0.02) as store:
        store.append(visitor(1), visitor(2**64), visitor(3))
        assert store.flush()
        assert store.health.lost == {"visitor_appeared": 1}
        assert store.health.written == 2
        assert store.health.paused is None
    assert sorted(row.visit for row in rows(database)) == [1, 3]


def test_days_that_are_too_old_are_deleted_whole(database: str) -> None:
    midnight = now().utc.replace(hour=0, minute=0, second=0, microsecond=0)
    times = [midnight - timedelta(days=3, seconds=1), midnight - timedelta(days=3), midnight]
    with EventStore(database, interval=0.01) as store:
        store.append(*(VisitorLeft(stand="n", at=at, session=1, arm="control", visit=1, seconds=1.0) for at in times))
    with EventStore(database, interval=0.01, keep_days=3):
        until = time.monotonic() + 20
        while len(rows(database)) == 3 and time.monotonic() < until:
            time.sleep(0.05)
    assert sorted(utc(row.at) for row in rows(database)) == times[1:]


def test_whatever_goes_wrong_while_old_days_are_deleted_events_are_written(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'stand.db'}"
    with EventStore(url, interval=0.01, keep_days=1_000_000) as store:  # before the first year
        store.append(visitor(1))
        assert store.flush(20.0)
    assert [row.visit for row in rows(url) if row.visit is not None] == [1]


def test_a_fault_that_nobody_foresaw_is_told_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'stand.db'}"
    with EventStore(url, interval=0.01) as store:
        with monkeypatch.context() as patch:
            patch.setattr(store, "_reopen_if_gone", lambda: {}["nothing"])
            store.append(visitor(1))
            assert not store.flush(0.5)
            assert "nothing" in str(store.health.paused)
        assert store.flush(20.0)
        assert (store.health.lost, store.health.paused) == ({}, None)
    assert [row.visit for row in rows(url) if row.visit is not None] == [1]


def test_a_database_that_is_damaged_pauses_the_writing_until_it_is_moved_away(tmp_path: Path) -> None:
    file = tmp_path / "stand.db"
    with EventStore(f"sqlite:///{file}", interval=0.02) as store:
        store.append(visitor(1))
        assert store.flush()
        store.engine.dispose()  # the next connection reads the file
        file.write_bytes(b"no longer a database" * 1000)
        store.append(visitor(2), visitor(3))
        assert not store.flush(0.5)
        assert "not a database" in str(store.health.paused)
        assert (store.health.pending, store.health.written, store.health.lost) == (2, 1, {})
        for path in tmp_path.iterdir():
            path.rename(path.with_suffix(".old"))
        assert store.flush(20.0)
        assert store.health.paused is None
    assert [row.visit for row in rows(f"sqlite:///{file}") if row.visit is not None] == [2, 3]


def test_many_threads_may_append(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'stand.db'}"
    with EventStore(url, interval=0.01) as store:
        threads = [
            threading.Thread(target=lambda i=i: [store.append(visitor(1000 * i + j)) for j in range(300)])
            for i in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.flush(20.0)
    assert len(rows(url)) == 1200


def test_numbers_are_never_used_again() -> None:
    assert len({new_id() for _ in range(100_000)}) == 100_000


@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)))
def test_times_survive_storing(at: datetime) -> None:
    assert utc(microseconds(at.replace(tzinfo=UTC))) == at.replace(tzinfo=UTC)


@pytest.mark.parametrize("at", [datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))])
def test_an_event_has_a_time_in_utc(at: datetime) -> None:
    with pytest.raises(ValueError, match="expected a time in UTC"):
        LoggingPaused(stand="north", at=at, seconds=1.0, lost=0)


def test_no_duration_is_negative_when_the_wall_clock_jumps() -> None:
    first = Moment(AT, 50.0)
    assert Moment(AT - timedelta(days=1), 53.0).since(first) == 3.0
    assert first.since(Moment(AT, 53.0)) == 0.0


def test_a_database_is_for_its_owner_whatever_the_umask(tmp_path: Path) -> None:
    file, before = tmp_path / "events.db", os.umask(0)
    try:
        for mode in (None, 0o666):  # a new one, and one of an older version
            if mode is not None:
                file.chmod(mode)
            engine = open_database(f"sqlite:///{file}")
            with engine.connect():
                assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.glob("events.db*")} == {0o600}
            engine.dispose()
    finally:
        os.umask(before)
