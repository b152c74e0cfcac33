"""Tables that people wrote into the docs show what the files of results hold, to the last digit."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[3] / "docs"
MOVEMENTS = ("moves", "test_part")
GREETED = (("greeted_rightly", 1), ("strangers_greeted", 2))


def held(name: str) -> Any:
    """Return what a file of results holds, without the name of its benchmark around it."""
    content = json.loads((DOCS / "results" / f"{name}.json").read_text())
    return content.get(name.removesuffix("_before"), content) if isinstance(content, dict) else content


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def everywhere_rows() -> Iterator[str]:
    names = {"crowd of 300": "a crowd of 300 in one photo"}
    for before, now in zip(held("everywhere_before")["photos"], held("everywhere")["photos"], strict=True):
        name, both = names.get(now["photos_of"], now["photos_of"]), (before, now)
        if now["faces"]:
            figures = [percent(row["off"]) for row in both] + [percent(row["nme"], 2) for row in both]
            yield f"| {name} | {now['faces']} | {' | '.join(figures)} |"


def movement_rows() -> Iterator[str]:
    moved, measured = ([held(name)[key][0] for name in ("everywhere_before", "everywhere")] for key in MOVEMENTS)
    for key, name in (("eye_opening", "eye opening"), ("smile", "lip corners"), ("brow_raise", "brows")):
        yield f"| {name} | {' | '.join(f'{row[key]:.2f}' for row in (*moved, *measured))} |"


def ablation_rows() -> Iterator[str]:
    left_out = ("model.head.scales=true", "head=grid", "loss=l1")  # of code that is gone
    for row in (*held("landmark_ablation"), *held("landmark_heads")):
        if row["change"] and not row["change"].endswith(left_out):
            low, high = (f"{100 * end:+.2f}" for end in row["ci95"])
            yield f"| {100 * row['val_nme']:.2f}% | {100 * row['difference']:+.2f} [{low}, {high}] |"


def recognition_rows() -> Iterator[str]:
    for row in held("recognition")["by_enrolled"]:
        visits = row["visits_at_enrolment"]
        ends = [[f"{100 * end:.{digits}f}" for end in row[f"{key}_ci95"]] for key, digits in GREETED]
        rightly, strangers = (
            f"{percent(row[key], digits)} [{', '.join(each)}]"
            for (key, digits), each in zip(GREETED, ends, strict=True)
        )
        another = percent(row["by_another_name"], 2)
        yield f"| {row['enrolled']} | {visits} visit{'s'[: visits > 1]} | {rightly} | {another} | {strangers} |"


def counting_rows() -> Iterator[str]:
    whole, half = held("counting")["rates"].values()
    for scene, row in whole.items():
        if scene != "all":
            yield f"| {scene} | {row['visits']} | {row['counted']} | {half[scene]['counted']} |"


def stand_rows() -> Iterator[str]:
    stand = held("stand")
    for run in (stand["speed"], stand["nobody_enrolled"]):
        yield f"| {run['frames_per_second']:.1f} |"
        yield f"| {run['latency_p95_ms']:.0f} ms |"
        yield f"| {run['cores_busy']:.2f} |"
    soak = stand["soak"]
    yield f"({soak['frames']:,} frames in {soak['seconds']:.0f} s) | {max(soak['memory_mb']):.0f} MB |"
    yield f"| {soak['growth_mb']:.1f} MB |"
    yield f"| events lost, of {soak['events']:,} | {soak['events_lost']} |"


def fleet_rows() -> Iterator[str]:
    fleet = held("fleet")
    for share in (95, 99):
        pace, burst = (f"{fleet[f'p{share}_ms_{when}']:.0f} ms" for when in ("at_their_pace", "in_a_burst"))
        yield f"| {pace} | {burst} |"
    yield f"| {fleet['memory_mb']:.0f} MB |"
    yield f"| {fleet['events']:,} |"


TABLES = {
    "accuracy": (everywhere_rows, movement_rows, ablation_rows),
    "stand": (recognition_rows,),
    "stand_tested": (counting_rows, stand_rows),
    "fleet": (fleet_rows,),
}


@pytest.mark.parametrize(("page", "rows"), [(page, rows) for page, tables in TABLES.items() for rows in tables])
def test_a_table_shows_what_its_file_holds(page: str, rows: Callable[[], Iterator[str]]) -> None:
    text = (DOCS / f"{page}.md").read_text()
    assert [row for row in rows() if row not in text] == []
