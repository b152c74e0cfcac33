"""``faceline promote``: registers the model of a run, and makes it champion if it beats the current one."""

from mlflow import MlflowClient
from omegaconf import DictConfig

from faceline.errors import InputError, NegativeAnswer
from faceline.tasks.assembly import plain
from faceline.tasks.selection import chosen_run
from faceline.tracking.comparison import terms_of
from faceline.tracking.promotion import Verdict, decide
from faceline.tracking.records import RunRecord
from faceline.tracking.registry import (
    CHAMPION,
    DECISION,
    FORCED,
    Version,
    holder,
    note,
    one_at_a_time,
    register,
    set_champion,
)
from faceline.tracking.store import store_of


def main(cfg: DictConfig) -> None:
    """Register, decide, move the alias, and say why.

    Raises:
        NegativeAnswer: The model is registered, and the champion stays.
    """
    config = plain(cfg)
    force, reason = config["force"], config["reason"]
    if force != bool(reason):
        raise InputError(
            'force=true needs a reason="…", which is kept with the version' if force else "goes with force=true only",
            column="reason",
        )
    client = store_of(config)
    run = chosen_run(client, config["run_id"])
    terms = terms_of(run)
    with one_at_a_time(client):
        version = register(run, terms)
        champion = holder(client, version.name, CHAMPION)
        if champion == version:
            _print(f"{version} is the champion already (run {run.id})")
            return
        decision = decide(run, champion)
        _settle(client, version, champion, decision, reason)
    _tell(version, champion, run, decision, reason)


def _settle(
    client: MlflowClient, version: Version, champion: Version | None, decision: Verdict, reason: str | None
) -> None:
    """Record the decision, then move the aliases."""
    note(client, version, DECISION, decision.reason)
    if reason and not decision.wins:
        note(client, version, FORCED, reason)
    if decision.wins or reason:
        set_champion(client, version, champion)


def _tell(version: Version, champion: Version | None, run: RunRecord, decision: Verdict, reason: str | None) -> None:
    if not (decision.wins or reason):
        verdict = "it cannot be told which is better" if decision.wins is None else "it does not beat the champion"
        raise NegativeAnswer(
            f"not promoted: {verdict}: {decision.reason}; registered as {version}, {champion} stays champion "
            f'(force=true reason="…" moves it all the same)'
        )
    forced = f"; forced: {reason}" if reason and not decision.wins else ""
    before = f", {champion} is previous" if champion else ""
    _print(f"{version} is the champion{before} (run {run.id}): {decision.reason}{forced}")


def _print(line: str) -> None:
    print(line)
