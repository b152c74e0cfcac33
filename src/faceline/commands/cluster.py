"""``faceline cluster``: groups faces by shape, describes the groups, and checks whether they are people."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.table import Table

from faceline import clustering
from faceline.data.index import BadRows, FrameRow, FrameSource, LabelIndex
from faceline.data.labels import read_labels
from faceline.errors import InputError
from faceline.geometry.crops import align_face
from faceline.geometry.markup import IBUG68
from faceline.geometry.measures import UNITS, describe, measure
from faceline.geometry.shape import Shapes, generalised_procrustes, normalise
from faceline.outputs import csv_cells
from faceline.reports import cluster_plots as plots
from faceline.tasks.assembly import SKIPPED, plain, prepare_process, tell_skipped
from faceline.tasks.task import Config
from faceline.terminal import note, show
from faceline.tracking.provenance import provenance
from faceline.tracking.runs import Run, tracked_run
from faceline.tracking.store import store_of
from faceline.types import Shape, Square

_PICTURE = 112  # edge of an example, pixels


def main(cfg: DictConfig) -> None:
    """Scan numbers of groups, describe the best grouping, and compare as many groups as people with the people."""
    config = plain(cfg)
    prepare_process(config["seed"], config["threads"])
    low, high = config["k"]
    if not 2 <= low <= high:
        raise InputError(f"expected the fewest and the most groups, from 2, got {low} and {high}", column="k")
    source: FrameSource = instantiate(config["data"]["source"])
    index = read_labels(source, Path(config["data"]["cache_dir"]))
    if high > len(index):
        raise InputError(f"{source.name} has {len(index)} frames, fewer than {high} groups; lower it", column="k")
    if index.markup != IBUG68:
        index = replace(index, landmarks=index.markup.as_ibug68(index.landmarks), markup=IBUG68)
    shapes = _shapes(config, source, index)
    tracking = config["tracking"]
    client = store_of(config)
    tags = {"task": "clusters", "data": source.name, "data_fingerprint": index.fingerprint}
    with tracked_run(client, tracking["experiment"], "clusters", tags=tags) as run:
        run.log_provenance(provenance())
        run.log_config(config)
        profile = {"frames": len(index), "people": len(np.unique(index.persons)), "skipped": len(index.rejected)}
        run.log_dataset(source.name, index.fingerprint, split="none", context="training", profile=profile)
        run.log_dict({"skipped": list(index.rejected)}, SKIPPED)
        tell_skipped(index, f"{SKIPPED} of run {run.id}")
        line = f"{source.name} · {len(index):,} frames · run {run.id[:8]}"
        _describe_groups(run, config, source, index, shapes, line)
        _compare_with_people(run, config, index, shapes, line)
    print(f"figures and tables are in run {run.id}")


def _shapes(config: Config, source: FrameSource, index: LabelIndex) -> Shapes:
    points = index.landmarks if config["dims"] == 2 else index.landmarks3d
    if points is None:
        raise InputError(f"{source.name} has no landmarks in three dimensions; set it to 2", column="dims")
    return normalise(points, generalised_procrustes(points) if config["rotate"] else None)


def _describe_groups(
    run: Run, config: Config, source: FrameSource, index: LabelIndex, shapes: Shapes, line: str
) -> None:
    low, high = config["k"]
    trials = clustering.scan(shapes, range(low, high + 1), config["seed"])
    k = config["chosen"] or clustering.elbow(trials)
    found = clustering.cluster(shapes, k, config["seed"])
    measures = measure(index.landmarks)
    usual = {name: float(np.median(values)) for name, values in measures.items()}
    of_groups = [
        {name: float(np.median(values[found.labels == group])) for name, values in measures.items()}
        for group in range(k)
    ]
    words = [describe(values, usual) for values in of_groups]
    rows = clustering.nearest(shapes, found, index.persons, config["examples"])
    groups = [
        {"group": group + 1, "frames": int(found.sizes[group]), "words": words[group], **of_groups[group],
         "nearest": index.files[rows[group]].tolist()}
        for group in range(k)
    ]  # fmt: skip
    run.log_metrics(
        {"k": k, "silhouette": next((t.silhouette for t in trials if t.k == k), 0.0), "inertia": found.inertia}
    )
    run.log_dict({"units": UNITS, "usual": usual, "groups": groups}, "clusters.json")
    run.log_dict({"trials": [vars(trial) for trial in trials]}, "scan.json")
    table = pd.DataFrame({"file": index.files, "person": index.persons, "group": found.labels + 1, **measures})
    run.log_text(csv_cells(table).to_csv(index=False, float_format="%.5g"), "frames.csv")
    run.log_figure(plots.elbow_and_silhouette(trials, source=line), "elbow_and_silhouette.png")
    run.log_figure(plots.mean_shapes(shapes, found, words, source=line), "mean_shapes.png")
    few = np.unique(index.persons, return_index=True)[1][:4]
    run.log_figure(plots.normalisation_steps(index.landmarks[few], source=line), "normalisation.png")
    pictures = _pictures(source, index, rows)
    run.log_figure(plots.examples(pictures, words, source=line), "examples.png")
    _print(groups, shapes)


def _compare_with_people(run: Run, config: Config, index: LabelIndex, shapes: Shapes, line: str) -> None:
    people = len(np.unique(index.persons))
    if people < 2:
        note("one person only: whether groups are people cannot be asked")
        return
    found = clustering.cluster(shapes, people, config["seed"])
    values = {
        name: (clustering.purity(found.labels, names), clustering.chance_purity(found.labels, names, config["seed"]))
        for name, names in (("person", index.persons), ("video", index.videos))
    }
    run.log_metrics(
        {
            f"purity_{name}{end}": value
            for name, pair in values.items()
            for end, value in zip(("", "_chance"), pair, strict=True)
        }
    )
    run.log_figure(plots.purity_bars(values, people, source=line), "purity.png")
    (by_person, chance), (by_video, _) = values["person"], values["video"]
    print(
        f"divided anew into as many groups as people, {people}: purity {by_person:.3f} by person (chance "
        f"{chance:.3f}), {by_video:.3f} by video"
    )


def _pictures(source: FrameSource, index: LabelIndex, rows: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the aligned faces of some rows."""
    wanted = set(index.files[np.concatenate(rows)].tolist())
    known = {row.file: row for row in source.rows(BadRows("skip")) if row.file in wanted}
    return [
        np.stack([_picture(source, known[file], index.landmarks[row])
                  for row, file in zip(group, index.files[group].tolist(), strict=True)])
        for group in rows
    ]  # fmt: skip


def _picture(source: FrameSource, row: FrameRow, landmarks: Shape) -> Square:
    """Return the aligned face of a row; grey if its frame cannot be read and such rows may be skipped."""
    try:
        return align_face(source.read(row), landmarks, _PICTURE, margin=0.15)
    except InputError:
        if source.on_error == "raise":
            raise
        return np.full((_PICTURE, _PICTURE, 3), 128, dtype=np.uint8)


def _print(groups: Sequence[dict[str, Any]], shapes: Shapes) -> None:
    table = Table(title="Groups of shapes", title_justify="left")
    table.add_column("", justify="right")
    table.add_column("frames", justify="right")
    table.add_column("what they do", overflow="fold")
    for name in ("yaw", "pitch", "roll"):
        table.add_column(f"{name} °", justify="right")
    for group in groups:
        angles = [f"{group[name]:.0f}" for name in ("yaw", "pitch", "roll")]
        share = f"{group['frames']:,} ({group['frames'] / len(shapes):.0%})"
        table.add_row(str(group["group"]), share, group["words"], *angles)
    show(table)
