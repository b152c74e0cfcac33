"""Makes the events of a chain of stands by the million, to measure how far a report scales.

They have the form and the proportions of real events, but nobody decided or looked: attention is drawn at random, with
a known uplift of the adaptive arm.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from faceline.stand.events.sources import SCHEMA

UPLIFT: Final = 0.2
"""Share by which attention is higher in the adaptive arm."""

CONTENTS: Final = 24
CAMPAIGNS: Final = 6
_FILE: Final = 4_000_000
_DAYS: Final = 30
_START: Final = 1_767_225_600_000_000  # 1 January 2026, in microseconds
_OPEN_SECONDS: Final = 10 * 3600
_EVENTS_A_SESSION: Final = 18.6  # of 38,610 sessions: 719,410 events


def write_events(folder: Path, events: int, stands: int, seed: int) -> int:
    """Write about so many events as Parquet files, in order of time, as stands ship them.

    Args:
        folder: Folder for the files.
        events: Approximate number of events.
        stands: Number of stands of the chain; each has one file.
        seed: Seed of all draws.

    Returns:
        The exact number of events.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = max(min(round(events / _FILE), stands), 1)
    count = 0
    for index in range(files):
        rng = np.random.default_rng([seed, index])
        names = np.arange(stands * index // files, stands * (index + 1) // files)
        table = _table(rng, names, round(events / files / _EVENTS_A_SESSION))
        pq.write_table(table, folder / f"part{index:05}.parquet", compression="zstd")
        count += len(table)
    return count


def _table(rng: np.random.Generator, stands: np.ndarray, sessions: int) -> pa.Table:
    sessions = max(sessions, 1)
    day = rng.integers(0, _DAYS, sessions)
    second = 10 * 3600 + rng.integers(0, _OPEN_SECONDS, sessions)
    one = {
        "stand": stands[rng.integers(0, len(stands), sessions)],
        "session": _numbers(rng, sessions),
        "arm": (rng.random(sessions) < 0.2).astype(np.int64),
        "at": _START + (day * 86_400 + second) * 1_000_000,
    }
    visitors = rng.choice([1, 2, 3, 4], sessions, p=[0.55, 0.27, 0.12, 0.06])
    shown = rng.geometric(0.35, sessions).clip(max=12)
    parts = list(_parts(rng, one, visitors, shown))
    table = pa.concat_tables([_full(rng, kind, columns) for kind, columns in parts])
    return table.take(pc.sort_indices(table, [("at", "ascending")]))


def _parts(
    rng: np.random.Generator, one: dict[str, np.ndarray], visitors: np.ndarray, shown: np.ndarray
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the events of each kind as columns."""
    visits = _repeat(one, visitors) | {"visit": _numbers(rng, int(visitors.sum()))}
    yield "visitor_appeared", visits | {"continued": np.zeros(visitors.sum(), dtype=bool)}
    dwell = 10.0 * np.repeat(shown, visitors)
    yield "visitor_left", _later(visits, dwell) | {"seconds": dwell}
    order = np.arange(shown.sum()) - np.repeat(np.cumsum(shown) - shown, shown)
    screens = _later(_repeat(one, shown), 10.0 * order) | {
        "impression": _numbers(rng, int(shown.sum())),
        "content": rng.integers(0, CONTENTS, shown.sum()),
    }
    decision = _numbers(rng, int(shown.sum()))
    people = np.repeat(visitors, shown)
    why = {
        "decision": decision,
        "probability": rng.random(len(people)),
        "people": people,
        "reason": np.zeros_like(people),
    }
    yield "decision_made", {name: value for name, value in screens.items() if name != "impression"} | why
    yield "impression_started", screens | {"decision": decision}
    ended = _later(screens, np.full(len(people), 10.0))
    yield "impression_ended", ended | {"seconds": np.full(len(people), 10.0)}
    watched = _repeat(ended, people)
    watched["visit"] = _visitors_of_impressions(visits["visit"], visitors, shown)
    mean = 3.0 * (1 + UPLIFT * (watched["arm"] == 0))
    yield "attention_held", watched | {"seconds": rng.uniform(0.0, 2 * mean)}
    for kind, share, more in (
        ("reacted", 0.2, {"reaction": 0, "strength": 0.2}),
        ("interest_seen", 0.12, {}),
        ("follow_up_shown", 0.06, {"follow_up": 0}),
        ("loyal_greeted", 0.02, {}),
        ("offer_taken", 0.02, {}),
    ):
        chosen = rng.random(len(watched["visit"])) < share
        some = {name: value[chosen] for name, value in watched.items()}
        yield kind, some | {name: np.full(chosen.sum(), value) for name, value in more.items()}


def _visitors_of_impressions(visit: np.ndarray, visitors: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Return the visits that see each impression: those of its session, impression after impression."""
    people = np.repeat(visitors, shown)
    first = np.repeat(np.cumsum(visitors) - visitors, shown)
    within = np.arange(people.sum()) - np.repeat(np.cumsum(people) - people, people)
    return np.asarray(visit[np.repeat(first, people) + within])


def _full(rng: np.random.Generator, kind: str, columns: dict[str, np.ndarray]) -> pa.Table:
    """Return all columns of the schema; columns that a kind lacks are null."""
    n = len(columns["at"])
    names = {
        "stand": [f"stand{i:05}" for i in range(int(columns["stand"].max()) + 1 if n else 1)],
        "arm": ["adaptive", "control"],
        "content": [f"content{i:02}" for i in range(CONTENTS)],
        "reason": ["bandit"],
        "reaction": ["smile"],
        "follow_up": ["content00"],
    }
    arrays = []
    campaign = columns["content"] % CAMPAIGNS if "content" in columns else None
    for field in SCHEMA:
        if field.name == "id":
            arrays.append(pa.array(_numbers(rng, n)))
        elif field.name == "kind":
            arrays.append(_words(np.zeros(n, dtype=np.int64), [kind]))
        elif field.name == "campaign" and campaign is not None:
            arrays.append(_words(campaign, [f"campaign{i}" for i in range(CAMPAIGNS)]))
        elif field.name not in columns:
            arrays.append(pa.nulls(n, field.type))
        elif field.name in names:
            arrays.append(_words(columns[field.name], names[field.name]))
        else:
            arrays.append(pa.array(columns[field.name]).cast(field.type))
    return pa.table(arrays, SCHEMA)


def _words(codes: np.ndarray, words: list[str]) -> pa.Array:
    return pa.array(words).take(pa.array(codes))


def _numbers(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.integers(2**63, size=n)


def _repeat(columns: dict[str, np.ndarray], counts: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.repeat(value, counts) for name, value in columns.items()}


def _later(columns: dict[str, np.ndarray], seconds: np.ndarray) -> dict[str, np.ndarray]:
    return columns | {"at": columns["at"] + (seconds * 1_000_000).astype(np.int64)}
