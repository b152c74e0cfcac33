"""Faces are told by the nearest group of a cluster model."""

import json
from pathlib import Path

import pytest

from faceline.errors import InputError
from faceline.geometry.measures import STEPS
from faceline.stand.audience.expression_clusters import ExpressionClusters

USUAL = dict.fromkeys(STEPS, 0.0)


def model(folder: Path) -> Path:
    groups = [
        {"group": 1, "frames": 9, "words": "like the mean", **USUAL},
        {"group": 2, "frames": 5, "words": "smiles", **USUAL, "smile": 0.1},
        {"group": 3, "frames": 4, "words": "looks left", **USUAL, "yaw": -25.0},
    ]
    file = folder / "clusters.json"
    file.write_text(json.dumps({"units": {}, "usual": USUAL, "groups": groups}))
    return file


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "like the mean"),
        ({"smile": 0.08}, "smiles"),
        ({"yaw": -14.0}, "looks left"),
        ({"yaw": 14.0}, "like the mean"),
    ],
)
def test_the_nearest_group_is_named(tmp_path: Path, change: dict[str, float], words: str) -> None:
    assert ExpressionClusters(model(tmp_path)).nearest(USUAL | change) == words


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"groups": []}', '{"groups": [{"words": "x", "yaw": "y"}]}'])
def test_what_is_no_cluster_model_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "clusters.json"
    file.write_text(content)
    with pytest.raises(InputError, match=r"expected clusters\.json"):
        ExpressionClusters(file)
    file.unlink()
    with pytest.raises(InputError, match=r"expected clusters\.json"):
        ExpressionClusters(file)
