"""Registered models: one for each task, data set and protocol, with aliases for the versions in use.

All versions of one registered model answer the same question. Fingerprints in the tags of each version tell whether
they also share data and split.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from filelock import FileLock

from faceline.errors import InputError, first_line
from faceline.tracking.comparison import Terms
from faceline.tracking.limits import tag_value
from faceline.tracking.records import BEST, DIGEST_TAG, MODEL_TAG, RunRecord, checkpoint
from faceline.tracking.store import LOCK_SECONDS, database_file, store_errors

# isort: split
# After the store module, which switches telemetry off.
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException

CHAMPION, PREVIOUS = "champion", "previous"
OWN = "faceline.registry"
"""Tag of our registered models; everything else in a registry belongs to others."""

MODEL_ID, DECISION, FORCED, ROLLBACK = (f"faceline.{name}" for name in ("model_id", "decision", "forced", "rollback"))
_LINEAGE = ("task", "model", "data", "protocol", "data_fingerprint", "split_fingerprint", "command")
_FACTS = (DIGEST_TAG, "faceline.commit", "faceline.dirty", "faceline.threads")


@dataclass(frozen=True)
class Version:
    """A version of one of our registered models.

    Attributes:
        name: Name of the registered model.
        number: Number of the version, from 1.
        run_id: Id of the run that made it.
        tags: What it was made from, and how it got its alias.
        aliases: Its aliases.
        created: Time of creation in seconds since 1970.
    """

    name: str
    number: int
    run_id: str
    tags: dict[str, str]
    aliases: tuple[str, ...]
    created: float

    def __str__(self) -> str:
        return f"{self.name} version {self.number}"


def model_name(terms: Terms) -> str:
    """Return the name of the registered model for these terms."""
    return "-".join(re.sub(r"[^\w.]", "_", part) for part in (terms.task, terms.data, terms.protocol))


def register(run: RunRecord, terms: Terms) -> Version:
    """Register the best model of a run as a version under its terms, and create the registered model if needed.

    Raises:
        InputError: The run has no model, or the name belongs to somebody else's registered model.
    """
    checkpoint(run, BEST)
    name, client = model_name(terms), run.client
    with store_errors(client.tracking_uri):
        _own_model(client, name, terms)
    if _made_by(run, name) is None:
        model_id = run.tags[MODEL_TAG + BEST]
        facts = {tag: run.tags[tag] for tag in (*_LINEAGE, *_FACTS) if tag in run.tags}
        try:
            with store_errors(client.tracking_uri):
                location = str(client.get_logged_model(model_id).artifact_location)
                client.create_model_version(
                    name, location, run.id, {**facts, MODEL_ID: model_id}, model_id=model_id, await_creation_for=0
                )
        except MlflowException as error:
            raise InputError(f"the registry refuses the model of run {run.id}: {first_line(error)}") from error
    made = _made_by(run, name)
    assert made is not None
    return made


def _made_by(run: RunRecord, name: str) -> Version | None:
    return next((version for version in versions(run.client, name) if version.run_id == run.id), None)


def versions(client: MlflowClient, name: str | None = None) -> list[Version]:
    """Return the versions of our registered models, the newest of each first.

    Args:
        client: Client of the store.
        name: Name of the only registered model to list; None for all.
    """
    with store_errors(client.tracking_uri):
        models = [model for model in _models(client) if OWN in model.tags and name in (None, model.name)]
        found = [(model, version) for model in models for version in _versions(client, model.name)]
    return [_version(model, version) for model, version in found]


def holder(client: MlflowClient, name: str, alias: str) -> Version | None:
    """Return the version that has an alias; None if there is none."""
    return next((version for version in versions(client, name) if alias in version.aliases), None)


def set_champion(client: MlflowClient, version: Version, before: Version | None) -> None:
    """Move the aliases: the version becomes champion, the one before becomes previous.

    The earlier one gets its alias first, so an interruption between the two keeps the old champion.
    """
    with store_errors(client.tracking_uri):
        if before is not None:
            client.set_registered_model_alias(version.name, PREVIOUS, str(before.number))
        client.set_registered_model_alias(version.name, CHAMPION, str(version.number))


def note(client: MlflowClient, version: Version, tag: str, text: str) -> None:
    """Record on a version, with the time, how it got or lost its alias."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    with store_errors(client.tracking_uri):
        client.set_model_version_tag(version.name, str(version.number), tag, tag_value(f"{stamp}: {text}"))


def named_version(client: MlflowClient, reference: str) -> Version | None:
    """Return the version for ``champion``, ``NAME@champion``, ``NAME@3`` or MLflow's ``models:/NAME/3``.

    Returns:
        The version; None if the text is something else, such as the id of a run.

    Raises:
        InputError: There is no such version, or ``champion`` could mean several.
    """
    if reference in (CHAMPION, PREVIOUS):
        return _only([version for version in versions(client) if reference in version.aliases], reference)
    match = re.fullmatch(r"(?:models:/)?([^/@]+)[@/]([\w.-]+)", reference)
    if match is None:
        return None
    name, which = match.groups()
    known = versions(client, name)
    for version in known:
        if which in (str(version.number), *version.aliases):
            return version
    names = sorted({version.name for version in versions(client)})
    there = f"{name} has {len(known)} versions" if known else f"registered are {', '.join(names) or 'none'}"
    raise InputError(f"no registered model {reference!r}; {there}", column="run_id")


@contextmanager
def one_at_a_time(client: MlflowClient) -> Iterator[None]:
    """Make other promotions on a SQLite store wait.

    A server has no such lock: of two concurrent promotions the last one wins, and the versions record both.
    """
    if not client.tracking_uri.startswith("sqlite:"):
        yield
        return
    file = database_file(client.tracking_uri)
    with FileLock(file.with_name(f".{file.name}.registry.lock"), timeout=LOCK_SECONDS):
        yield


def _only(found: list[Version], alias: str) -> Version:
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(f"no registered model has a {alias}; faceline promote run_id=RUN makes one", column="run_id")
    choices = " or ".join(f"{version.name}@{alias}" for version in found)
    raise InputError(f"several registered models have a {alias}; write {choices}", column="run_id")


def _own_model(client: MlflowClient, name: str, terms: Terms) -> None:
    """Create the registered model if it is missing."""
    try:
        model = client.get_registered_model(name)
    except MlflowException:
        about = (
            f"{terms.task} on {terms.data}, protocol {terms.protocol}. The alias champion is moved by faceline promote "
            "to a version that beats the one before on the validation frames; previous is the one before."
        )
        try:
            client.create_registered_model(name, {OWN: terms.protocol}, about)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another process was quicker
                raise
        return
    if OWN not in model.tags:
        raise InputError(f"faceline did not make the registered model {name}; rename it", column="run_id")


def _models(client: MlflowClient) -> list[RegisteredModel]:
    found: list[RegisteredModel] = []
    token: str | None = None
    while True:
        page = client.search_registered_models(order_by=["name ASC"], page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    found: list[ModelVersion] = []
    token: str | None = None
    while True:
        page = client.search_model_versions(f"name='{name}'", order_by=["version_number DESC"], page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _version(model: RegisteredModel, version: ModelVersion) -> Version:
    # MLflow lists versions without their aliases.
    aliases = tuple(sorted(alias for alias, number in model.aliases.items() if int(number) == int(version.version)))
    return Version(
        name=str(model.name),
        number=int(version.version),
        run_id=str(version.run_id),
        tags=dict(version.tags),
        aliases=aliases,
        created=version.creation_timestamp / 1000,
    )
