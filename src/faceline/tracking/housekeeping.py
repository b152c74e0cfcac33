"""Deletes runs without results and the files of deleted runs, but nothing that somebody may still need.

It touches only runs from `tracking.runs`: everything else in a store belongs to others.
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from faceline.errors import InputError
from faceline.tracking.places import FOLDER
from faceline.tracking.records import PARENT_TAG, PROCESS_TAG, RunRecord, artifact_folder, find_runs, is_lost
from faceline.tracking.store import local_database, store_errors

# isort: split
# After the store module, which switches telemetry off.
from mlflow import MlflowClient
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

UNFINISHED: Final = ("FAILED", "KILLED")


@dataclass(frozen=True)
class Leftover:
    """What is left of a deleted run.

    Attributes:
        run: The deleted run.
        models: Ids of its models.
        folders: Its folders in this store: artifacts and working files.
        addresses: Addresses of artifacts that are not on this machine.
        outside: Folders outside of this store, such as those of the store that it was copied from. They are kept.
        size: Size of the folders in bytes.
    """

    run: RunRecord
    models: Sequence[str]
    folders: Sequence[Path]
    addresses: Sequence[str]
    outside: Sequence[Path]
    size: int


def is_own(run: RunRecord) -> bool:
    """Tell whether this project made the run."""
    return PROCESS_TAG in run.tags


def state(run: RunRecord) -> str:
    """Return the status of a run; KILLED if its process was killed before it could record that."""
    return "KILLED" if is_lost(run) else run.status


def registered_runs(client: MlflowClient) -> dict[str, str]:
    """Return every run that any registered model refers to, with that version."""
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
    """Return why a run must not be deleted; None if it may be.

    Args:
        run: The run.
        parents: Ids of the runs that have child runs.
        registered: Result of `registered_runs`.
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
    """Return the ids of runs with child runs, such as the trials of a sweep."""
    return {run.tags[PARENT_TAG] for run in runs if PARENT_TAG in run.tags}


def delete(runs: Iterable[RunRecord]) -> None:
    """Mark runs as deleted: MLflow hides them, and can restore them until their files are removed."""
    for run in runs:
        with store_errors(run.client.tracking_uri):
            run.client.delete_run(run.id)


def leftovers(client: MlflowClient, root: Path) -> list[Leftover]:
    """Find what deleted runs have left and nobody refers to.

    Args:
        client: Client of the store.
        root: Folder with ``mlruns/``, in which runs work.
    """
    registered = registered_runs(client)
    deleted = [run for run in find_runs(client, deleted=True) if is_own(run) and state(run) != "RUNNING"]
    found = (_leftover(run, root) for run in deleted if run.id not in registered)
    return [left for left in found if left.models or left.folders or left.addresses or left.outside]


def remove(leftover: Leftover) -> None:
    """Remove what is left of a deleted run, its models last, so that an interrupted removal can be repeated."""
    client = leftover.run.client
    with store_errors(client.tracking_uri):
        for folder in leftover.folders:
            shutil.rmtree(folder)
        for address in leftover.addresses:
            _artifacts(client, address).delete_artifacts()
        for model_id in leftover.models if not leftover.outside else ():
            client.delete_logged_model(model_id)


def _leftover(run: RunRecord, root: Path) -> Leftover:
    client = run.client
    with store_errors(client.tracking_uri):
        experiment = str(client.get_run(run.id).info.experiment_id)
        models = client.search_logged_models([experiment], filter_string=f"source_run_id = '{run.id}'")
        places = {run.id: run.artifact_uri, **{str(model.model_id): str(model.artifact_location) for model in models}}
        local = {owner: _local(client, uri, owner) for owner, uri in places.items()}
        remote = [uri for owner, uri in places.items() if local[owner] is None]
        addresses = [uri for uri in remote if _artifacts(client, uri).list_artifacts()]
    there = [place for place in (*local.values(), root / "mlruns" / "runs" / run.id) if place and place.is_dir()]
    folders = [place for place in there if _belongs(place, client, root)]
    outside = [place for place in there if place not in folders]
    model_ids = [str(model.model_id) for model in models]
    return Leftover(run, model_ids, folders, addresses, outside, sum(map(_size, folders)))


def _artifacts(client: MlflowClient, uri: str) -> Any:
    return get_artifact_repository(uri, client.tracking_uri)


def _local(client: MlflowClient, uri: str, owner: str) -> Path | None:
    """Return the folder of a run's or model's artifacts with everything in it, if it is on this machine.

    The folder must have the owner's id in its name, so that nothing else is ever removed.
    """
    artifacts = artifact_folder(client, uri)
    if artifacts is None:
        return None
    if artifacts.parent.name != owner:
        raise InputError(
            f"expected the artifacts of {owner} in a folder of that name, got {artifacts.parent}", column="run_id"
        )
    return artifacts.parent


def _belongs(folder: Path, client: MlflowClient, root: Path) -> bool:
    """Tell whether a folder, links followed, belongs to this store: beside its SQLite file or among its runs' folders.

    The address of a server does not say where it keeps files, so there every folder of the run is its own.
    """
    database = local_database(client)
    if database is None:
        return True
    homes = [database.parent / FOLDER]
    own_runs = root.resolve() / "mlruns"
    if (
        own_runs.resolve() == database.parent.resolve() or not (own_runs / database.name).exists()
    ):  # no other store is there
        homes.append(own_runs / "runs")
    return any(folder.resolve().is_relative_to(home.resolve()) for home in homes)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
