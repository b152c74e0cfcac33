"""Which trained model a verb is about: a run of the store, or a checkpoint file."""

from pathlib import Path
from typing import Any

from faceline.errors import InputError
from faceline.tracking.records import BEST, checkpoint, get_run
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
    run = get_run(client, run_id)
    return load_trained(checkpoint(run, BEST))
