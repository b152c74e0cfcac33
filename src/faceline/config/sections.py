"""Sections of configs that several commands share, and the types of their keys."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator


def _has_target(node: Any) -> Any:
    if not isinstance(node, dict) or "_target_" not in node:
        raise ValueError("a node with _target_")
    return node


Node = Annotated[dict[str, Any], BeforeValidator(_has_target)]
"""A node that is built by ``_target_``."""

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, lt=1)]


Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Section(BaseModel):
    """A mapping with these keys and no others."""

    model_config = ConfigDict(extra="forbid")


class Split(Section):
    """How frames are divided into training, validation and test sets."""

    protocol: Literal["official", "frame_random", "video_disjoint", "person_disjoint"]
    seed: Seed
    val_fraction: Share
    test_fraction: Share
    val_by: Literal["person", "frame"] = "person"


class Data(Section):
    """A data set, and how it is read."""

    source: Node
    root: str | None
    csv: str | None = None
    annotations: str | None = None
    on_error: Literal["raise", "skip"]
    size: Annotated[int, Field(ge=32, le=512)]
    batch_size: Count
    workers: Annotated[int, Field(ge=0)]
    limit: Count | None
    cache_dir: str
    split_by: Literal["folder"] | None = None  # of pts only


class Transforms(Section):
    """Transforms in training, and in validation and use."""

    train: Node
    eval: Node


class Tracking(Section):
    """The store of runs."""

    uri: str | None
    root: str
    experiment: Annotated[str, Field(min_length=1)]


class AnyTracking(Tracking):
    """The store of runs that are only read."""

    experiment: Annotated[str, Field(min_length=1)] | None  # type: ignore[assignment]


PREPARATION = ("preset", "size", "channels", "layout", "mean", "std", "template")
"""Keys that say how the faces for an ONNX file are prepared."""


def refuse_preparation(given: Any, key: str) -> None:
    """Refuse a key of `PREPARATION` that would be ignored, because no ONNX file is named.

    Args:
        given: Its value; None is the default.
        key: Key that should name the file.

    Raises:
        ValueError: It is given.
    """
    if given is not None:
        raise ValueError(f"an ONNX file in {key}= to go with it (a bundle knows how its faces are prepared)")


class Embedder(Section):
    """A ready embedder, and how its faces are prepared."""

    bundle: str | None
    onnx: str | None
    preset: Literal["arcface", "sface", "dlib"] | None
    size: Count | None
    channels: Literal["rgb", "bgr"] | None
    layout: Literal["nchw", "nhwc"] | None
    mean: float | list[float] | None
    std: float | list[float] | None
    template: str | list[list[float]] | None

    @field_validator(*PREPARATION)
    @classmethod
    def _is_of_an_onnx_file(cls, given: Any, others: Any) -> Any:
        if others.data.get("onnx") is None:
            refuse_preparation(given, "embedder.onnx")
        return given


class Trial(Section):
    """The trial of a sweep that a job runs."""

    number: Annotated[int, Field(ge=0)]
    parent: str


class Sweep(Section):
    """How a sweep searches; a single run does not use it."""

    name: Annotated[str, Field(pattern=r"^[\w-][\w.-]*$")] | None
    params: dict[str, Any]
    start: list[dict[str, Any]]
    minimize: list[str]
    maximize: list[str]
    sampler: Node | None
    pruner: Node | None
    trials: Count | None
    max_failed: Annotated[int, Field(ge=0)]
    jobs: Count | None
    memory_gb: Annotated[float, Field(gt=0)] | None
    seed: Seed
    trial: Trial | None = None
