"""Deleting runs that came to nothing, and the files of deleted runs; nothing that somebody may still need.

Only runs that `tracking.runs` made are touched: whatever else is in a store belongs to others.
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from faceline.errors import InputError
from faceline.tracking.records import PARENT_TAG, PROCESS_TAG, RunRecord, find_runs, is_lost
from faceline.tracking.store import store_errors

# isort: split
# After the store module, which switches telemetry off.
from mlflow import MlflowClient
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

UNFINISHED: Final = ("FAILED", "KILLED")


@dataclass(frozen=True)
class Leftover:
    """What a deleted run has left.

    Attributes:
        run: The run.
        models: Ids of its models.
        folders: Folders on this machine: its artifacts, where they lie here, and where it worked.
        addresses: Of its artifacts, where they lie elsewhere.
        size: Bytes of the folders.
    """

    run: RunRecord
    models: Sequence[str]
    folders: Sequence[Path]
    addresses: Sequence[str]
    size: int


def is_own(run: RunRecord) -> bool:
    """Whether the run was made by this project."""
    return PROCESS_TAG in run.tags


def state(run: RunRecord) -> str:
    """The status of a run; that of one whose process was killed without a chance to say so is KILLED."""
    return "KILLED" if is_lost(run) else run.status


def registered_runs(client: MlflowClient) -> dict[str, str]:
    """Every run that a registered model, whoever's, refers to, with the version that does."""
    found: dict[str, str] = {}
    with store_errors(client.tracking_uri):
        token: str | None = None
        while True:
            page = client.search_model_versions(page_token=token)
            for version in page:
                found[str(version.run_id)] = f"{version.name} version {version.version}"
            token = page.token
            if not token:
                return found


def why_kept(run: RunRecord, parents: Iterable[str], registered: dict[str, str]) -> str | None:
    """The reason why a run must not be deleted; None where it may be.

    Args:
        run: Any run.
        parents: Ids of the runs that others belong to.
        registered: Of `registered_runs`.
    """
    if not is_own(run):
        return "it was not made by faceline"
    if state(run) == "RUNNING":
        return "it is running, or its process cannot be seen from this machine"
    if state(run) not in UNFINISHED:
        return f"it is {run.status}"
    if run.id in registered:
        return f"{registered[run.id]} refers to it"
    return "other runs belong to it" if run.id in parents else None


def parents_of(runs: Iterable[RunRecord]) -> set[str]:
    """The runs that some others, such as the trials of a sweep, belong to."""
    return {run.tags[PARENT_TAG] for run in runs if PARENT_TAG in run.tags}


def delete(runs: Iterable[RunRecord]) -> None:
    """Mark runs as deleted: MLflow no longer shows them, and can bring them back until their files are removed."""
    for run in runs:
        with store_errors(run.client.tracking_uri):
            run.client.delete_run(run.id)


def leftovers(client: MlflowClient, root: Path) -> list[Leftover]:
    """What deleted runs have left and nobody refers to.

    Args:
        client: Client of the store.
        root: The folder that has ``mlruns/``, where runs work.
    """
    registered = registered_runs(client)
    deleted = [run for run in find_runs(client, deleted=True) if is_own(run) and state(run) != "RUNNING"]
    found = (_leftover(run, root) for run in deleted if run.id not in registered)
    return [left for left in found if left.models or left.folders or left.addresses]


def remove(leftover: Leftover) -> None:
    """Remove what a deleted run has left, its models last: what is interrupted is found again."""
    client = leftover.run.client
    with store_errors(client.tracking_uri):
        for folder in leftover.folders:
            shutil.rmtree(folder)
        for address in leftover.addresses:
            _artifacts(client, address).delete_artifacts()
        for model_id in leftover.models:
            client.delete_logged_model(model_id)


def _leftover(run: RunRecord, root: Path) -> Leftover:
    client = run.client
    with store_errors(client.tracking_uri):
        experiment = str(client.get_run(run.id).info.experiment_id)
        models = client.search_logged_models([experiment], filter_string=f"source_run_id = '{run.id}'")
        places = {run.id: run.artifact_uri, **{str(model.model_id): str(model.artifact_location) for model in models}}
        local = {owner: _local(uri, owner) for owner, uri in places.items()}
        remote = [uri for owner, uri in places.items() if local[owner] is None]
        addresses = [uri for uri in remote if _artifacts(client, uri).list_artifacts()]
    folders = [place for place in (*local.values(), root / "mlruns" / "runs" / run.id) if place and place.is_dir()]
    return Leftover(run, [str(model.model_id) for model in models], folders, addresses, sum(map(_size, folders)))


def _artifacts(client: MlflowClient, uri: str) -> Any:
    return get_artifact_repository(uri, client.tracking_uri)


def _local(uri: str, owner: str) -> Path | None:
    """The folder of a run's or a model's artifacts with all that is in it, if it is on this machine.

    It bears the owner's id, so that nothing else is ever removed.
    """
    parts = urlsplit(uri)
    if parts.scheme not in ("", "file"):
        return None
    folder = Path(unquote(parts.path) if parts.scheme else uri).parent
    if folder.name != owner:
        raise InputError(f"expected the artifacts of {owner} in a folder of that name, got {folder}", column="run_id")
    return folder


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
