"""``faceline runs clean``: removes the files of deleted runs."""

from pathlib import Path

from omegaconf import DictConfig

from faceline.commands.confirm import agreed
from faceline.tasks.assembly import plain
from faceline.tracking.housekeeping import leftovers, remove
from faceline.tracking.store import store_of


def main(cfg: DictConfig) -> None:
    """Show how much would be removed, ask, and remove.

    Raises:
        InputError: There is no terminal to ask on.
    """
    config = plain(cfg)
    tracking = config["tracking"]
    client = store_of(config)
    found = leftovers(client, Path(tracking["root"]))
    if not found:
        print("no deleted run has left anything")
        return
    for leftover in found:
        for folder in leftover.outside:
            print(
                f"run {leftover.run.id} ({leftover.run.name}): {folder} is kept, it is not in the folder of this "
                f"store; remove it by hand if no other store needs it"
            )
    found = [leftover for leftover in found if leftover.folders or leftover.addresses or not leftover.outside]
    if not found:
        return
    for leftover in found:
        places = ", ".join(map(str, [*leftover.folders, *leftover.addresses]))
        print(f"run {leftover.run.id} ({leftover.run.name}), models: {len(leftover.models)}, in {places}")
    size = f"{sum(leftover.size for leftover in found) / 1e6:.1f} MB on this machine"
    if agreed(f"remove what {len(found)} deleted runs have left, {size}, for good", config["yes"]):
        for leftover in found:
            remove(leftover)
        print(f"removed: {size} of {len(found)} runs")
