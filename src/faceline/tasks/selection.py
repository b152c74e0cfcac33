"""Selects the run or trained model for a command: a run of the store, a registered model, or a file; and its data."""

from functools import partial
from pathlib import Path

from hydra.utils import instantiate
from mlflow import MlflowClient

from faceline.errors import InputError
from faceline.inference.runtime import LandmarkRuntime
from faceline.models.landmark_detector import LandmarkDetector
from faceline.tasks.assembly import Trained, load_trained, prepare_process
from faceline.tasks.landmarks import find_landmarks
from faceline.tasks.task import Config, task_of
from faceline.threads import usable_threads
from faceline.tracking.records import BEST, RunRecord, checkpoint, get_run, model_file
from faceline.tracking.registry import MODEL_ID, named_version
from faceline.tracking.store import store_of
from faceline.types import Shape


def chosen_model(config: Config) -> Trained:
    """Return the model that ``run_id`` or ``ckpt_path`` names, or ``bundle`` if the command has it.

    Raises:
        InputError: Not exactly one of them is given, or the named one does not exist.
    """
    run_id, file = config["run_id"], config["ckpt_path"]
    if config.get("bundle") is not None and (run_id, file) == (None, None):
        return _bundled(config)
    if (run_id is None) == (file is None) or config.get("bundle") is not None:
        bundle = " or bundle=FILE" if "bundle" in config else ""
        raise InputError(f"give either run_id=RUN or ckpt_path=FILE{bundle}", column="run_id")
    if file is not None:
        return load_trained(Path(file))
    client = store_of(config)
    version = named_version(client, run_id)
    if version is not None:  # its model is there even where its run was deleted
        return load_trained(model_file(client, version.tags[MODEL_ID]))
    return load_trained(checkpoint(get_run(client, run_id), BEST))


def chosen_detector(config: Config) -> partial[Shape]:
    """Return a function that finds the landmarks of a frame, in pixels, with that model.

    Raises:
        InputError: The model is missing, or is no landmark model.
    """
    trained = chosen_model(config)
    if not isinstance(trained.model, LandmarkDetector):
        raise InputError(f"run {trained.run_id} is of a model that identifies people; give one that finds landmarks")
    prepare_process(0, config["threads"])
    return partial(find_landmarks, trained.model, instantiate(trained.config["transforms"]["eval"]))


def run_tags(config: Config, trained: Trained) -> dict[str, str]:
    """Return the tags of a model's run, such as its commit; empty if its checkpoint is of no run of this store."""
    if config["run_id"] is not None:
        return _run(config).tags
    try:
        return get_run(store_of(config), trained.run_id).tags
    except InputError:
        return {}


def on_data(config: Config, run: Config) -> Config:
    """Return a run's config with another data set and split, at the run's own size."""
    data = {**config["data"], "size": run["data"]["size"]} if config.get("data") else run["data"]
    changes = {key: value for key, value in config.get("split", {}).items() if value is not None}
    split = {"protocol": "all", "seed": 0} if config.get("part") == "all" else {**run["split"], **changes}
    return {**run, "data": data, "split": split}


def _bundled(config: Config) -> Trained:
    """Return a bundle as the model that it was exported from, with the data that the command names."""
    if config.get("data") is None:
        raise InputError(
            "a bundle holds no data: say on which to measure it, as in data=udacity data.root=FOLDER", column="data"
        )
    threads = usable_threads(config["threads"])
    runtime = LandmarkRuntime(config["bundle"], threads)
    manifest, size = runtime.manifest, runtime.size
    steps = [{"_target_": "faceline.transforms.Rescale", "height": size, "width": size}]
    resize = {"_target_": "faceline.transforms.Pipeline", "steps": steps}
    own = {
        "name": Path(config["bundle"]).name,
        "seed": 0,
        "threads": threads,
        "data": {**config["data"], "size": size},
        "split": manifest.data.split.model_dump(),
        "transforms": {"train": resize, "eval": resize},
    }
    return Trained(runtime, own, manifest.run_id, task_of(own))


def _run(config: Config) -> RunRecord:
    return chosen_run(store_of(config), config["run_id"])


def chosen_run(client: MlflowClient, run_id: str) -> RunRecord:
    """Return the run with an id, or the run of a registered model.

    Raises:
        InputError: There is no such run or model.
    """
    version = named_version(client, run_id)
    return get_run(client, run_id if version is None else version.run_id)
