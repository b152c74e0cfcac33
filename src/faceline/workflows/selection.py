"""Which run or trained model a verb is about: a run of the store, a registered model, or a checkpoint file."""

from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from faceline.errors import InputError
from faceline.tracking.records import BEST, RunRecord, checkpoint, get_run, model_file
from faceline.tracking.registry import MODEL_ID, named_version
from faceline.tracking.store import connect
from faceline.workflows.assembly import Trained, load_trained


def chosen_model(config: dict[str, Any]) -> Trained:
    """The model that ``run_id`` or ``ckpt_path`` names.

    Raises:
        InputError: Neither or both are given, or what they name does not exist.
    """
    run_id, file = config["run_id"], config["ckpt_path"]
    if (run_id is None) == (file is None):
        raise InputError("give either run_id=RUN or ckpt_path=FILE", column="run_id")
    if file is not None:
        return load_trained(Path(file))
    tracking = config["tracking"]
    client = connect(tracking["uri"], Path(tracking["root"]))
    version = named_version(client, run_id)
    if version is not None:  # its model is there even where its run was deleted
        return load_trained(model_file(client, version.tags[MODEL_ID]))
    return load_trained(checkpoint(get_run(client, run_id), BEST))


def chosen_run(client: MlflowClient, run_id: str) -> RunRecord:
    """The run with an id, or the one behind a registered model.

    Raises:
        InputError: There is no such run or model.
    """
    version = named_version(client, run_id)
    return get_run(client, run_id if version is None else version.run_id)
