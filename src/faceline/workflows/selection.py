"""Which trained model a verb is about, a run of the store or a checkpoint file, and on which data."""

from pathlib import Path

from faceline.errors import InputError
from faceline.tracking.records import BEST, RunRecord, checkpoint, get_run
from faceline.tracking.store import connect
from faceline.workflows.assembly import Trained, load_trained
from faceline.workflows.task import Config


def chosen_model(config: Config) -> Trained:
    """The model that ``run_id`` or ``ckpt_path`` names.

    Raises:
        InputError: Neither or both are given, or what they name does not exist.
    """
    run_id, file = config["run_id"], config["ckpt_path"]
    if (run_id is None) == (file is None):
        raise InputError("give either run_id=RUN or ckpt_path=FILE", column="run_id")
    if file is not None:
        return load_trained(Path(file))
    return load_trained(checkpoint(_run(config), BEST))


def run_tags(config: Config) -> dict[str, str]:
    """The tags of the run of a model, such as its commit; none where only its checkpoint is at hand."""
    return _run(config).tags if config["run_id"] else {}


def on_data(config: Config, run: Config) -> Config:
    """A run's config with the data set and the split that were asked for, at the run's own size."""
    data = {**config["data"], "size": run["data"]["size"]} if config.get("data") else run["data"]
    return {**run, "data": data, "split": {**run["split"], **(config.get("split") or {})}}


def _run(config: Config) -> RunRecord:
    tracking = config["tracking"]
    return get_run(connect(tracking["uri"], Path(tracking["root"])), config["run_id"])
