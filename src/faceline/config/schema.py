"""The schema of each command's plain keys.

`faceline.config.check` checks a node with ``_target_`` against the signature of its class, not against this schema.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from faceline.config.sections import (
    AnyTracking,
    Count,
    Data,
    Embedder,
    Node,
    Section,
    Seed,
    Share,
    Split,
    Sweep,
    Tracking,
    Transforms,
)


def _is_duration(text: Any) -> Any:
    if text is not None and not re.fullmatch(r"\d+[mhdw]", str(text)):
        raise ValueError("a time such as 90m, 12h, 7d or 4w")
    return text


Duration = Annotated[str | None, BeforeValidator(_is_duration)]
"""A duration in minutes, hours, days or weeks."""


def _is_name(text: Any) -> Any:
    if not isinstance(text, str) or not re.fullmatch(r"[\w(][\w .,+=@()-]{0,99}", text):
        raise ValueError("a name of letters, digits, blanks and .,+=@()_- (files are called after it)")
    return text


class Train(Section):
    """``faceline train``."""

    task: Node
    markup: Node | None = None
    embedder: Embedder | None = None
    name: Annotated[str, BeforeValidator(_is_name)]
    seed: Seed
    threads: Count | None
    tags: list[str]
    ckpt_path: str | None
    split: Split
    data: Data
    transforms: Transforms
    model: Node
    trainer: Node
    callbacks: dict[str, Node | None]
    tracking: Tracking
    sweep: Sweep | None = None


class SplitChange(Section):
    """Settings of a split that differ from those of a run."""

    protocol: Literal["official", "frame_random", "video_disjoint", "person_disjoint"] | None = None
    seed: Seed | None = None
    val_fraction: Share | None = None
    test_fraction: Share | None = None
    val_by: Literal["person", "frame"] | None = None


class Evaluate(Section):
    """``faceline evaluate``."""

    run_id: str | None
    ckpt_path: str | None
    bundle: str | None = None
    part: Literal["train", "val", "test", "all"]
    data: Data | None = None  # the run's own
    markup: Node | None = None
    split: SplitChange
    threads: Count | None
    output: str | None
    tracking: Tracking


class Export(Section):
    """``faceline export``."""

    run_id: str | None
    ckpt_path: str | None
    data: Data | None = None  # the run's own
    markup: Node | None = None
    output: str | None
    int8: bool
    flip_average: bool
    blinks: bool
    frames: Count
    tracking: Tracking


class Predict(Section):
    """``faceline predict``."""

    run_id: str | None
    ckpt_path: str | None
    bundle: str | None
    input: str | list[str]
    faces: Literal["all", "largest", "whole"]
    min_confidence: Annotated[float, Field(ge=0, le=1)]
    smooth: bool
    format: Literal["csv", "json", "pts"]
    output: str | None
    overlays: str | None
    on_error: Literal["skip", "stop"] | None
    threads: Count | None
    tracking: Tracking | None = None  # of no use where a bundle is asked


class Compare(Section):
    """``faceline compare``."""

    tags: list[str]
    sweep_id: str | None
    run_ids: list[str]
    output: str | None
    tracking: AnyTracking


class DataPlace(Section):
    """New places of a data set and its cache."""

    root: str | None
    cache_dir: str | None


class WeightsPlace(Section):
    """New place of weights."""

    weights: str | None


class TaskPlace(Section):
    """New places of landmark models."""

    detector: str | None
    teacher: str | None
    landmarks: str | None


class EmbedderPlace(Section):
    """New place of a ready embedder."""

    bundle: str | None
    onnx: str | None


class Reproduce(Section):
    """``faceline reproduce``."""

    run_id: str
    accept_changes: bool
    ckpt_path: str | None
    data: DataPlace
    model: WeightsPlace
    task: TaskPlace
    embedder: EmbedderPlace
    tracking: Tracking


class Promote(Section):
    """``faceline promote``."""

    run_id: str
    force: bool
    reason: str | None
    tracking: Tracking


class Rollback(Section):
    """``faceline rollback``."""

    name: str | None
    reason: str | None
    tracking: Tracking


class Filter(Section):
    """A selection of runs."""

    match: str | list[str]
    tags: list[str]
    newer_than: Duration
    older_than: Duration
    tracking: AnyTracking


class Runs(Filter):
    """``faceline runs``."""

    status: Literal["finished", "failed", "killed", "running"] | None
    limit: Count


class RunsDelete(Filter):
    """``faceline runs delete``."""

    yes: bool
    run_ids: list[str]
    status: Literal["failed", "killed"] | None


class RunsClean(Section):
    """``faceline runs clean``."""

    yes: bool
    tracking: Tracking


class RunsModels(Section):
    """``faceline runs models``."""

    name: str | None
    tracking: Tracking


class DataCheck(Section):
    """``faceline data check``."""

    data: Data
    markup: Node | None = None
    figure: str


class Cluster(Section):
    """``faceline cluster``."""

    k: Annotated[list[Count], Field(min_length=2, max_length=2)]
    chosen: Count | None
    dims: Literal[2, 3]
    rotate: bool
    examples: Count
    seed: Seed
    threads: Count | None
    data: Data
    tracking: Tracking


class BenchmarkIdentification(Section):
    """``faceline benchmark identification``."""

    methods: Annotated[list[str], Field(min_length=1)]
    models: dict[str, Node]
    epochs: Count
    output: str
    seed: Seed
    threads: Count | None
    split: Split
    data: Data


class BenchmarkSweep(Section):
    """``faceline benchmark sweep``."""

    trials: Annotated[int, Field(ge=2)]
    jobs: Count
    training: list[str]
    output: str


class _Benchmark(Section):
    """Settings that the landmark benchmarks share."""

    output: str
    seed: Seed
    threads: Count | None
    split: Split
    data: Data
    transforms: Transforms


class BenchmarkInput(_Benchmark):
    """``faceline benchmark input``."""

    frames: Count
    scales: list[Count]
    scale_size: Annotated[int, Field(ge=32, le=512)]


class BenchmarkTrain(_Benchmark):
    """``faceline benchmark train``."""

    backbones: Annotated[list[Literal["mobilenetv2_100", "resnet18"]], Field(min_length=1)]
    steps: Count
    warmup: Count
    compile: bool
    accuracy: Annotated[float, Field(gt=0)] | None
    accuracy_epochs: Count
    patience: Annotated[float, Field(gt=0)]
    weights: str | None
    model: Node
    trainer: Node


class BenchmarkInfer(_Benchmark):
    """``faceline benchmark infer``."""

    bundles: Annotated[list[str], Field(min_length=1)]
    run_ids: list[str]
    backbones: list[str]
    size: Annotated[int, Field(ge=32, le=512)]
    repeats: Count
    int8: bool
    folder: Annotated[int, Field(ge=0)]
    folder_heights: Annotated[list[Annotated[int, Field(ge=16, le=8192)] | None], Field(min_length=1)]
    model: Node
    tracking: Tracking


class BenchmarkEverywhere(_Benchmark):
    """``faceline benchmark everywhere``."""

    bundles: Annotated[list[str], Field(min_length=1)]
    frames: Count
    photos: Count
    faceless: Count


class BenchmarkStartup(Section):
    """``faceline benchmark startup``."""

    repeats: Count
    output: str


SCHEMAS: dict[str, type[Section]] = {
    "train": Train,
    "evaluate": Evaluate,
    "export": Export,
    "predict": Predict,
    "compare": Compare,
    "benchmark_identification": BenchmarkIdentification,
    "benchmark_sweep": BenchmarkSweep,
    "benchmark_everywhere": BenchmarkEverywhere,
    "benchmark_infer": BenchmarkInfer,
    "benchmark_input": BenchmarkInput,
    "benchmark_startup": BenchmarkStartup,
    "benchmark_train": BenchmarkTrain,
    "cluster": Cluster,
    "data_check": DataCheck,
    "promote": Promote,
    "reproduce": Reproduce,
    "rollback": Rollback,
    "runs": Runs,
    "runs_clean": RunsClean,
    "runs_delete": RunsDelete,
    "runs_models": RunsModels,
}
"""The schema of each command."""
