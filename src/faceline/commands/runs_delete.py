"""``faceline runs delete``: marks runs without results as deleted."""

from omegaconf import DictConfig

from faceline.commands.confirm import agreed
from faceline.commands.runs import matching, own_runs, show_runs
from faceline.tasks.assembly import plain
from faceline.tracking.housekeeping import delete, parents_of, registered_runs, why_kept
from faceline.tracking.records import get_run
from faceline.tracking.store import store_of


def main(cfg: DictConfig) -> None:
    """Show what would be deleted, ask, and delete.

    Raises:
        InputError: There is no terminal to ask on, or a named run does not exist.
    """
    config = plain(cfg)
    client = store_of(config)
    runs, _ = own_runs(client, config)
    named = [get_run(client, run_id) for run_id in config["run_ids"]]
    parents, registered = parents_of(runs), registered_runs(client)
    found = matching(named or runs, config)
    reasons = {run.id: why_kept(run, parents, registered) for run in found}
    for run in found if named else ():
        if reasons[run.id]:
            print(f"run {run.id} is kept: {reasons[run.id]}")
    doomed = [run for run in found if reasons[run.id] is None]
    if not doomed:
        print("no failed or killed run to delete")
        return
    show_runs(doomed, client)
    if agreed(f"delete {len(doomed)} runs", config["yes"]):
        delete(doomed)
        print(f"{len(doomed)} runs deleted; faceline runs clean removes their files")
