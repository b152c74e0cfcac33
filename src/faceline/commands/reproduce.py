"""``faceline reproduce``: trains a run again, and checks whether its figures are identical."""

import json
import os

from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities import rank_zero_only
from rich.box import SIMPLE_HEAD
from rich.table import Table

from faceline.commands.train import RUN_ENV, Member, train
from faceline.config.check import check
from faceline.errors import InputError, NegativeAnswer
from faceline.tasks.assembly import plain, prepare_process
from faceline.tasks.named_files import DIGESTS_FILE, digests, with_places
from faceline.tasks.selection import chosen_run
from faceline.tasks.task import Config, task_of
from faceline.terminal import show
from faceline.tracking.provenance import provenance
from faceline.tracking.records import RunRecord, download, get_run
from faceline.tracking.reproduction import IDENTICAL, REPRODUCES, Agreement, changes, compare_figures, provenances
from faceline.tracking.runs import Run
from faceline.tracking.store import store_of


def main(cfg: DictConfig) -> None:
    """Rebuild the config, warn about changes, train again, and compare.

    Raises:
        NegativeAnswer: A figure differs.
    """
    config = plain(cfg)
    client = store_of(config)
    then = chosen_run(client, config["run_id"])
    rebuilt = _rebuilt(then, config)
    unknown, changed = _inputs(then, rebuilt)
    if changed and not config["accept_changes"]:
        raise InputError(
            f"{'; '.join(changed)}: what run {then.id} was trained on is not here; say where it is (data.root, "
            f"model.weights …), or train on this with accept_changes=true",
            column="run_id",
        )
    for line in (*_circumstances(then), *unknown, *changed):
        _print(f"warning: {line}")
    train(rebuilt, Member(rebuilt["name"], {REPRODUCES: then.id}))
    if not getattr(rank_zero_only, "rank", 0):
        _tell(then, get_run(client, os.environ.pop(RUN_ENV)))


def _rebuilt(then: RunRecord, config: Config) -> Config:
    """Return the config of a run for this command's store, with its files at their current places.

    Raises:
        InputError: The run has no figures to compare with, or its config is not of this version.
    """
    if then.status != "FINISHED" or not any(name.startswith("test/") for name in then.metrics):
        raise InputError(
            f"run {then.id} ({then.status}) was not measured; only a finished, measured run can be reproduced",
            column="run_id",
        )
    own = with_places(then.config, config)
    tracking = {**config["tracking"], "experiment": own["tracking"]["experiment"]}
    # Its tags say which trials it was one of; the reproduction is none of them.
    rebuilt = {**own, "tracking": tracking, "tags": []}
    try:
        check(OmegaConf.create(rebuilt), "train")
    except InputError as error:
        raise InputError(
            f"run {then.id} has a config that this version does not take ({error.message}); use the version of "
            f"commit {then.tags.get('faceline.commit')}",
            column="run_id",
        ) from error
    return rebuilt


def _circumstances(then: RunRecord) -> list[str]:
    """Return what has changed in code, versions and machine since the run ended."""
    *before, last = provenances(then) or [{}]
    lines = changes(last, provenance())
    if any(changes(start, last) for start in before):
        lines.append("the run was interrupted, and went on under other circumstances than it had begun under")
    return lines


def _inputs(then: RunRecord, rebuilt: Config) -> tuple[list[str], list[str]]:
    """Return what cannot be checked of the files, data and split that the run used, and what differs."""
    try:
        noted: dict[str, str] = json.loads(download(then, DIGESTS_FILE).read_text())
    except InputError:  # a run of a version that noted none
        noted = {}
    found = digests(rebuilt)
    unknown = [f"{key}: the run noted no digest of its file" for key in found if key not in noted]
    changed = [f"{key} is another file" for key, digest in noted.items() if found.get(key) != digest]
    prepare_process(rebuilt["seed"], rebuilt["threads"])
    data = task_of(rebuilt).build_data(rebuilt)
    data.prepare_data()
    prints = {"data": data.index.fingerprint, "split": data.split.fingerprint(data.index)}
    for name, now in prints.items():
        before = then.tags.get(f"{name}_fingerprint")
        if before != now:
            changed.append(f"{name} fingerprint {before} then, {now} now")
    return unknown, changed


def _tell(then: RunRecord, now: RunRecord) -> None:
    figures = compare_figures(then, now)
    differing = [figure for figure in figures if not figure.identical]
    Run(now.client, now.id).set_tags({IDENTICAL: not differing})
    show(_table(figures))
    if differing:
        first = differing[0]
        raise NegativeAnswer(
            f"not identical: {len(differing)} of {len(figures)} figures of run {then.id} differ in run "
            f"{now.id}, first {first.name} ({_difference(first)})"
        )
    _print(f"identical to the last digit: all {len(figures)} figures of run {then.id} came out again in run {now.id}")


def _table(figures: list[Agreement]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("metric")
    for name in ("then", "now", "difference"):
        table.add_column(name, justify="right")
    for figure in figures:
        then, now = (_value(figure, value) for value in (figure.then, figure.now))
        table.add_row(figure.name, then, now, _difference(figure))
    return table


def _value(figure: Agreement, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f} rows" if figure.is_table else repr(value)


def _difference(figure: Agreement) -> str:
    if figure.identical:
        return "identical"
    parts = []
    if figure.then is not None and figure.now is not None and figure.then != figure.now:
        parts.append(f"{figure.now - figure.then:+.3g}")
    if figure.since is not None:
        parts.append(f"from {'row' if figure.is_table else 'epoch'} {figure.since + 1}")
    return " ".join(parts) or "only in one"


@rank_zero_only  # the other processes of a distributed run know the same
def _print(content: str) -> None:
    print(content)
