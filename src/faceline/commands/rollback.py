"""``faceline rollback``: makes the previous version champion again."""

from omegaconf import DictConfig

from faceline.errors import InputError
from faceline.tasks.assembly import plain
from faceline.tracking.registry import (
    CHAMPION,
    PREVIOUS,
    ROLLBACK,
    holder,
    named_version,
    note,
    one_at_a_time,
    set_champion,
)
from faceline.tracking.store import store_of


def main(cfg: DictConfig) -> None:
    """Swap champion and previous; doing it twice changes nothing.

    Raises:
        InputError: There is no champion, or no previous version.
    """
    config = plain(cfg)
    client = store_of(config)
    name = config["name"]
    with one_at_a_time(client):
        champion = named_version(client, f"{name}@{CHAMPION}" if name else CHAMPION)
        assert champion is not None
        previous = holder(client, champion.name, PREVIOUS)
        if previous is None or previous == champion:
            raise InputError(f"{champion} is the first champion; there is no version to go back to", column="name")
        reason = f": {config['reason']}" if config["reason"] else ""
        note(client, champion, ROLLBACK, f"back to version {previous.number}{reason}")
        set_champion(client, previous, champion)
    print(f"{previous} is the champion again (run {previous.run_id}), {champion} is previous{reason}")
