"""The published table of identification: grouped, never ranked across protocols, checked."""

import json
from pathlib import Path

import pytest

from faceline.errors import InputError
from faceline.reports.identification_table import (
    IDENTIFICATION,
    IdentificationResult,
    markdown_table,
)
from faceline.reports.results import read_results, render_results


def row(method: str = "knn", protocol: str = "frame_random", f1: float = 0.5, **other) -> dict:
    values = {
        "method": method,
        "data": "udacity",
        "protocol": protocol,
        "f1_weighted": f1,
        "f1_macro": 0.4,
        "rank1": 0.45,
        "fnir_at_fpir_1pct": None,
        "ci95": [0.3, 0.6],
        "seconds": 12,
        "peak_mb": 1234,
        "run_id": "0123456789abcdef",
        "commit": "abcdef012345",
        "command": f"faceline train experiment=identification/{method}",
    }
    return values | other


def written(folder: Path, *rows: dict) -> Path:
    file = folder / "identification.json"
    file.write_text(json.dumps(list(rows)))
    return file


def test_each_data_set_and_protocol_has_a_table_of_its_own_the_best_first(tmp_path: Path) -> None:
    rows = [row("gnb", f1=0.2), row("knn", "video_disjoint", 0.9), row("knn", f1=0.7), row("x|y", data="other")]
    text = markdown_table(read_results(written(tmp_path, *rows), IdentificationResult))
    headings = [line for line in text.splitlines() if line.startswith("**")]
    assert headings == ["**udacity · frame_random**", "**udacity · video_disjoint**", "**other · frame_random**"]
    first = text.split("**udacity · video_disjoint**")[0]
    assert first.index("| knn |") < first.index("| gnb |")
    assert "[0.300, 0.600]" in first and "0.925" in first and "x\\|y" in text
    assert "0.925" not in text.split("**udacity · video_disjoint**")[1].split("**other")[0]
    named = "# knn · udacity · video_disjoint · run 01234567 · commit abcdef0123"
    assert f"{named}\nfaceline train experiment=identification/knn" in text


def test_an_open_set_shows_who_is_missed(tmp_path: Path) -> None:
    file = written(tmp_path, row("embedder", "person_disjoint", fnir_at_fpir_1pct=0.61))
    assert "| 0.610 |" in markdown_table(read_results(file, IdentificationResult))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"f1_weighted": 1.2}, "result 1 (knn): input should be less than or equal to 1"),
        ({"ci95": [0.1]}, "ci95"),
        ({"extra": 1}, "extra"),
        ({"command": "two\nlines"}, "command"),
        ({"fnir_at_fpir_1pct": "low"}, "fnir_at_fpir_1pct"),
    ],
    ids=str,
)
def test_a_wrong_row_is_named(change: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_results(written(tmp_path, row(**change)), IdentificationResult)
    assert words in str(caught.value)


def test_it_stands_between_its_markers(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{IDENTIFICATION.begin}\nstale\n{IDENTIFICATION.end}\nafter\n")
    file = written(tmp_path, row())
    with pytest.raises(InputError, match="render it again"):
        render_results(IDENTIFICATION, file, readme, check=True)
    text = render_results(IDENTIFICATION, file, readme)
    assert text.startswith("before\n") and text.endswith("after\n") and "stale" not in text
    assert render_results(IDENTIFICATION, file, readme, check=True) == text
