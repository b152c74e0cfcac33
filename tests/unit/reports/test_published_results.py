"""What is published: the page shows exactly what the results file holds, and the file holds every promised row."""

import json
import re
from pathlib import Path

import pytest

from faceline.reports.identification_table import IDENTIFICATION, IdentificationResult
from faceline.reports.results import read_results, render_results
from faceline.reports.tables import LANDMARKS, LandmarkResult

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "docs" / "results" / "landmarks.json"

STUDY = {"cnn": 1.0e-3, "efficientnet_b0": 1.9e-3, "resnet18": 4e-4, "mobilenetv2": 4e-4}
"""Test MSE that the reference study reports."""


def test_the_page_shows_what_the_results_file_holds() -> None:
    render_results(LANDMARKS, RESULTS, ROOT / "docs" / "results.md", check=True)


def test_the_readme_quotes_published_figures() -> None:
    readme = (ROOT / "README.md").read_text()
    rows = read_results(RESULTS, LandmarkResult)
    for split in ("official", "person_disjoint"):
        best = min((row for row in rows if (row.data, row.split) == ("udacity", split)), key=lambda row: row.nme)
        assert f"NME {best.nme:.2%}".replace("%", " %") in readme
    everywhere = json.loads((ROOT / "docs" / "results" / "everywhere.json").read_text())["everywhere"]
    (ships,) = (row["nme"] for row in everywhere["test_part"] if row["bundle"] == "default")
    assert f"NME {ships:.2%}".replace("%", " %") in readme
    new_visit = f1_of("udacity", "video_disjoint")
    assert f"F1 {new_visit['sface']:.3f}" in readme
    assert f"F1 {max(new_visit[method] for method in SHAPE_METHODS & new_visit.keys()):.3f}" in readme


def test_every_model_of_the_study_keeps_its_row_and_beats_its_figure() -> None:
    official = {
        row.model: row.mse
        for row in read_results(RESULTS, LandmarkResult)
        if (row.data, row.split) == ("udacity", "official")
    }
    for model, mse in STUDY.items():
        assert official[model] < mse, model


def test_the_projects_own_targets_are_reached() -> None:
    targets = {"mobilenetv2": 1.5e-4, "resnet18": 1.5e-4, "efficientnet_b0": 2e-4, "cnn": 5e-4}
    official = {
        row.model: row.mse
        for row in read_results(RESULTS, LandmarkResult)
        if (row.data, row.split) == ("udacity", "official")
    }
    assert all(official[model] <= mse for model, mse in targets.items())


def test_a_row_on_people_never_seen_is_published() -> None:
    rows = {(row.model, row.split) for row in read_results(RESULTS, LandmarkResult)}
    assert ("mobilenetv2", "person_disjoint") in rows


@pytest.mark.parametrize("results", ["landmarks", "identification"])
def test_commands_can_be_typed_anywhere(results: str) -> None:
    for row in json.loads((ROOT / "docs" / "results" / f"{results}.json").read_text()):
        assert row["command"].startswith("faceline train ")
        assert not re.search(r"""(^|[ ="'])/\w""", row["command"]), "a path of one machine"
        assert re.fullmatch(r"[0-9a-f]{12}", row["commit"])


IDENTIFIED = ROOT / "docs" / "results" / "identification.json"
SHAPE_METHODS = {"gnb", "logreg", "tree", "forest", "knn", "fnn_2d", "fnn_3d"}


def f1_of(data: str, protocol: str) -> dict[str, float]:
    rows = read_results(IDENTIFIED, IdentificationResult)
    return {row.method: row.f1_weighted for row in rows if (row.data, row.protocol) == (data, protocol)}


def test_the_page_shows_the_results_of_identification() -> None:
    render_results(IDENTIFICATION, IDENTIFIED, ROOT / "docs" / "results.md", check=True)


@pytest.mark.parametrize("protocol", ["frame_random", "video_disjoint"])
def test_every_method_of_the_study_has_its_rows(protocol: str) -> None:
    assert set(f1_of("youtube_faces_synthetic", protocol)) >= SHAPE_METHODS
    assert set(f1_of("udacity", protocol)) >= SHAPE_METHODS - {"fnn_3d"}  # that set has no depth


def test_shapes_reach_their_target_and_what_a_new_visit_costs_is_published() -> None:
    known, new = f1_of("udacity", "frame_random"), f1_of("udacity", "video_disjoint")
    shapes_of = SHAPE_METHODS & known.keys()
    assert max(known[method] for method in shapes_of) >= 0.40
    assert all(new[method] < known[method] / 2 for method in shapes_of)
    shapes = max(new[method] for method in SHAPE_METHODS & new.keys())
    assert new["embedder"] > 2 * shapes
    assert new["sface"] > 2 * new["embedder"]


def test_the_embedder_is_published_for_strangers_too() -> None:
    (row,) = (
        row
        for row in read_results(IDENTIFIED, IdentificationResult)
        if (row.method, row.protocol) == ("embedder", "person_disjoint")
    )
    assert row.fnir_at_fpir_1pct is not None


def test_commands_of_identification_can_be_typed_anywhere() -> None:
    for row in json.loads(IDENTIFIED.read_text()):
        assert row["command"].startswith("faceline train experiment=identification/")
        assert not re.search(r"(^|[ =])/\w", row["command"]), "a path of one machine"
        assert re.fullmatch(r"[0-9a-f]{12}", row["commit"])
        assert row["ci95"][0] <= row["f1_weighted"] <= row["ci95"][1]


def test_the_figures_of_the_docs_are_there() -> None:
    for text in (ROOT / "docs").glob("*.md"):
        for name in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text.read_text()):
            assert (text.parent / name).is_file(), name
