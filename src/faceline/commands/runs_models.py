"""``faceline runs models``: lists registered models and how their champions were chosen."""

from omegaconf import DictConfig
from rich.box import SIMPLE_HEAD
from rich.table import Table

from faceline.errors import InputError
from faceline.tasks.assembly import plain
from faceline.terminal import show
from faceline.tracking.registry import DECISION, FORCED, ROLLBACK, Version, versions
from faceline.tracking.store import store_of


def main(cfg: DictConfig) -> None:
    """Print a table, and below it the decisions about each version with an alias.

    Raises:
        InputError: There is no such registered model.
    """
    config = plain(cfg)
    client = store_of(config)
    found = versions(client, config["name"])
    if not found and config["name"]:
        names = sorted({version.name for version in versions(client)})
        raise InputError(
            f"no registered model {config['name']!r}; there are {', '.join(names) or 'none'}", column="name"
        )
    if not found:
        print("no registered models; faceline promote run_id=RUN makes the first")
        return
    show(_table(found))
    for version in found:
        if version.aliases:
            print(f"{version} ({' and '.join(version.aliases)})")
            for tag, label in ((DECISION, "decided"), (FORCED, "forced"), (ROLLBACK, "rolled back")):
                if tag in version.tags:
                    print(f"  {label} {version.tags[tag]}")


def _table(found: list[Version]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("registered model", "version", "alias", "model", "run", "commit", "data"):
        table.add_column(name, no_wrap=True)
    for version in found:
        tags = version.tags
        commit = tags.get("faceline.commit", "")[:10] + ("+" if tags.get("faceline.dirty") == "True" else "")
        cells = (tags.get("model", ""), version.run_id[:8], commit, tags.get("data_fingerprint", "")[:8])
        table.add_row(version.name, str(version.number), ", ".join(version.aliases), *cells)
    return table
