"""The commands as Python functions: they take what is typed, and return Python objects."""

import copy
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from hydra import compose as compose_with_hydra
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from faceline.commands import compare as compare_command
from faceline.commands import export as export_command
from faceline.commands import train as train_command
from faceline.config.check import check, plain
from faceline.config.messages import explain
from faceline.config.project import config_folders, opened
from faceline.config.resolvers import register
from faceline.config.schema import SCHEMAS
from faceline.config.tree import conf_dir, hint
from faceline.errors import InputError
from faceline.inference.runtime import LandmarkRuntime
from faceline.models.landmark_detector import LandmarkDetector
from faceline.tasks.assembly import Trained, load_trained, prepare_process
from faceline.tasks.landmarks import find_landmarks
from faceline.tasks.selection import chosen_model, on_data
from faceline.tasks.task import Config
from faceline.tracking.records import get_run
from faceline.tracking.store import connect
from faceline.types import Image, Shape

__all__ = [
    "Compared",
    "Evaluated",
    "Model",
    "TrainedRun",
    "compare",
    "compose",
    "evaluate",
    "export",
    "load_model",
    "train",
]


@dataclass(frozen=True)
class Model:
    """A trained model of a run or a checkpoint.

    Attributes:
        module: Network or classifier, on the CPU, in evaluation mode.
        config: Config of its run.
        run_id: Id of its run.
    """

    module: Any
    config: Config
    run_id: str

    def detect(self, image: Image) -> Shape:
        """Return the landmarks (p, 2) of the single face in an RGB image of any size, in pixels.

        Raises:
            InputError: The model finds no landmarks.
        """
        if not isinstance(self.module, LandmarkDetector):
            raise InputError(f"run {self.run_id} is of a model that identifies people, not of one that finds landmarks")
        return find_landmarks(self.module, instantiate(self.config["transforms"]["eval"]), image)


@dataclass(frozen=True)
class TrainedRun:
    """A finished training.

    Attributes:
        run_id: Id of the run in the store.
        score: Best validation score, by which the model was chosen; None if there was nothing to choose.
        metrics: Last values of everything that the run logged, such as ``test/nme``.
    """

    run_id: str
    score: float | None
    metrics: dict[str, float]
    config: Config = field(repr=False)

    @cached_property
    def model(self) -> Model:
        """Return the best model of the run."""
        return load_model(self.run_id, **_store(self.config))


@dataclass(frozen=True)
class Evaluated:
    """The measurement of a model on one set of a data set.

    Attributes:
        metrics: The metrics by name, such as ``nme``.
        frames: A table with a row for each frame: file, person, video, errors.
        figures: The figures by file name.
    """

    metrics: dict[str, float]
    frames: pd.DataFrame
    figures: dict[str, Figure] = field(repr=False)


@dataclass(frozen=True)
class Compared:
    """The result of a comparison of runs.

    Attributes:
        verdict: A sentence that says which run is best, and whether that may be luck.
        boards: A table for each task, data set and protocol; the best run first.
        page: The page that shows all of it.
    """

    verdict: str
    boards: dict[str, pd.DataFrame]
    page: Path


def compose(overrides: Sequence[str] = (), verb: str = "train") -> Config:
    """Compose and check the config of a verb, as the command line does.

    Args:
        overrides: Overrides as they are typed, such as ``data=synthetic`` and ``trainer.max_epochs=2``.
        verb: The verb: ``train``, ``evaluate``, ``export``, ``compare``, …

    Returns:
        The config as nested dictionaries. Change it, or hand it to `train` as it is.

    Raises:
        InputError: A key or a value is wrong. The message names it, and the nearest right one.

    Examples:
        >>> config = compose(["experiment=landmarks/cnn", "trainer.max_epochs=2"])
        >>> config["trainer"]["max_epochs"], config["data"]["source"]["people"]
        (2, 60)
    """
    with _errors(), opened([], conf_dir()):
        if verb not in SCHEMAS:
            raise InputError(f"verb: {verb!r} cannot be composed{hint(verb, SCHEMAS)}")
        register()
        folders = ",".join(json.dumps(f"file://{folder}") for folder in config_folders())
        words = [*_texts(overrides), *([f"hydra.searchpath=[{folders}]"] if folders else [])]
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            composed = compose_with_hydra(verb, words)
        check(composed, verb)
        return plain(composed)


def train(config: Config | Sequence[str]) -> TrainedRun:
    """Train, measure and track one run.

    Args:
        config: A config of `compose`, changed or not, or overrides for it. It is checked again.

    Returns:
        The finished run, with its id, its figures and its best model.

    Raises:
        InputError: The config or the data are wrong.

    Examples:
        >>> run = train(["experiment=landmarks/cnn", "data=synthetic", "trainer.max_epochs=5"])  # doctest: +SKIP
        >>> run.metrics["test/nme"]  # doctest: +SKIP
    """
    settings = copy.deepcopy(config) if isinstance(config, dict) else compose(config)
    settings.pop("sweep", None)  # one run is none
    with _errors(), opened([], conf_dir()):
        check(OmegaConf.create(settings))
        score = train_command.train(settings)
        run_id = os.environ.pop(train_command.RUN_ENV)
        tracking = settings["tracking"]
        record = get_run(connect(tracking["uri"], Path(tracking["root"])), run_id)
    return TrainedRun(run_id, score, dict(record.metrics), settings)


def load_model(name: str | Path, **tracking: str) -> Model:
    """Load the model of a run or a checkpoint, as `faceline.load` does.

    Raises:
        InputError: There is no such model, or it needs code that is not available.
    """
    file = Path(name)
    with _errors(), opened([], conf_dir()):
        if file.suffix in (".ckpt", ".skops"):
            return _model(load_trained(file))
        words = [f"tracking.{key}={json.dumps(str(value))}" for key, value in tracking.items()]
        return _model(chosen_model({**compose(words, "evaluate"), "run_id": str(name)}))


def evaluate(run: str | TrainedRun, part: str = "test", overrides: Sequence[str] = (), **tracking: str) -> Evaluated:
    """Measure a model on its own data, or on any other.

    Args:
        run: The id of a run or a registered model, or what `train` returned.
        part: Set of the split: ``train``, ``val`` or ``test``; or ``all`` frames.
        overrides: The overrides of ``faceline evaluate``, such as ``data=udacity``.
        **tracking: Store of the runs, as for `faceline.load`.

    Returns:
        Metrics, a table with a row for each frame, and figures.

    Raises:
        InputError: There is no such run, or the data are wrong.

    Examples:
        >>> evaluate(run, part="val").frames.sort_values("nme").tail()  # doctest: +SKIP
    """
    with _errors(), opened([], conf_dir()):
        config = _of_run("evaluate", run, [f"part={part}", *_texts(overrides)], tracking)
        trained = chosen_model(config)
        prepare_process(trained.config["seed"], config["threads"] or trained.config["threads"])
        data = trained.task.build_data(on_data(config, trained.config))
        data.prepare_data()
        label = f"{data.source.name} · {data.split.protocol} · {part}"
        found = trained.task.measure(trained.model, data, config["part"], trained.config["name"], label)
    return Evaluated(dict(found.scalars), found.frames, found.figures())


def export(
    run: str | TrainedRun, output: str | Path | None = None, overrides: Sequence[str] = (), **tracking: str
) -> LandmarkRuntime | Path:
    """Write a model as a bundle, and open it.

    Args:
        run: The id of a run or a registered model, or what `train` returned.
        output: The file of the bundle. By default it lies below ``mlruns/bundles``.
        overrides: The overrides of ``faceline export``, such as ``int8=true``.
        **tracking: Store of the runs, as for `faceline.load`.

    Returns:
        The opened bundle of a landmark model, or the file of a bundle of another kind.

    Raises:
        InputError: There is no such run, or its bundle gives other results than the model.

    Examples:
        >>> export(run, "mine.faceline", ["int8=true"]).detect(image)  # doctest: +SKIP
    """
    with _errors(), opened([], conf_dir()):
        given = [] if output is None else [f"output={json.dumps(str(output))}"]
        config = _of_run("export", run, [*given, *_texts(overrides)], tracking)
        file, task = export_command.export(config)
    return LandmarkRuntime(file) if task == "landmarks" else file


def compare(runs: Sequence[str | TrainedRun] = (), output: str | Path | None = None, **tracking: str) -> Compared:
    """Rank finished runs on one page, or review two of them.

    Args:
        runs: The ids of runs, or what `train` returned. By default all finished runs.
        output: The folder of the page. By default it is ``mlruns/comparison``.
        **tracking: Store of the runs, as for `faceline.load`.

    Returns:
        The verdict, a table for each task, data set and protocol, and the page.

    Raises:
        InputError: There are no such runs.

    Examples:
        >>> compare([run, "0123abcd"]).verdict  # doctest: +SKIP
    """
    if not isinstance(runs, list | tuple):
        raise InputError(f"runs: expected a list of runs, such as [run, '0123abcd'], got {runs!r}")
    ids = [_id_of(run) for run in runs]
    own = next((_store(run.config) for run in runs if isinstance(run, TrainedRun)), {})
    words = [f"tracking.{key}={json.dumps(str(value))}" for key, value in {**own, **tracking}.items()]
    words += [f"run_ids=[{','.join(map(json.dumps, ids))}]"] if ids else []
    words += [] if output is None else [f"output={json.dumps(str(output))}"]
    with _errors():
        comparison, folder = compare_command.compare(compose(words, "compare"))
    boards = {
        board.title: pd.DataFrame(
            {"run": entry.run_id, "model": entry.label, board.metric: entry.figure, "beats_next": entry.beats_next}
            for entry in board.entries
        )
        for board in comparison.boards
    }
    return Compared(comparison.verdict(), boards, folder / "comparison.html")


def _model(trained: Trained) -> Model:
    return Model(trained.model, trained.config, trained.run_id)


def _of_run(verb: str, run: str | TrainedRun, overrides: Sequence[str], tracking: dict[str, str]) -> Config:
    """Compose the config of a command about a run."""
    run_id = _id_of(run)
    own = {} if isinstance(run, str) else _store(run.config)
    words = [f"tracking.{key}={json.dumps(str(value))}" for key, value in {**own, **tracking}.items()]
    return {**compose([*words, *overrides], verb), "run_id": run_id}


def _texts(overrides: Sequence[str]) -> Sequence[str]:
    """Refuse overrides that are no list of texts; one text alone would be read letter by letter."""
    if not isinstance(overrides, list | tuple) or not all(isinstance(word, str) for word in overrides):
        raise InputError(f"expected a list of overrides, such as ['trainer.max_epochs=2'], got {overrides!r}")
    return overrides


def _id_of(run: str | TrainedRun) -> str:
    if not isinstance(run, str | TrainedRun):
        raise InputError(f"run: expected the id of a run, or what faceline.train returned, got {type(run).__name__}")
    return run if isinstance(run, str) else run.run_id


def _store(config: Config) -> dict[str, str]:
    """Return the overrides that name the store of a run."""
    return {key: config["tracking"][key] for key in ("uri", "root") if config["tracking"][key]}


@contextmanager
def _errors() -> Iterator[None]:
    """Turn a user's mistake into one line, as the command does."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        line = explain(error, conf_dir())
        if line is None:
            raise
        raise InputError(line) from error
