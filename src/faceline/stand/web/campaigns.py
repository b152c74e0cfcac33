"""Checks the campaigns of an account against the catalogue that the stand has recorded in its folder."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from faceline.config.tree import hint
from faceline.config.yaml_file import YamlFile
from faceline.errors import InputError
from faceline.files import write_whole
from faceline.stand.content.catalogue import Catalogue

_FILE: Final = "catalogue.json"


def note_catalogue(folder: Path, file: Path) -> None:
    """Record in the folder of a stand which catalogue it shows."""
    with write_whole(folder / _FILE) as part:
        part.write_text(json.dumps({"catalogue": str(file.resolve())}) + "\n", encoding="utf-8")


def check_campaigns(folder: Path, names: Sequence[str]) -> None:
    """Refuse campaigns that the stand does not show.

    Raises:
        InputError: The first unknown name, with the nearest known one. Without a readable catalogue nothing is refused.
    """
    try:
        file = Path(json.loads((folder / _FILE).read_text(encoding="utf-8"))["catalogue"])
        known = {str(campaign["id"]) for campaign in YamlFile(file).data["campaigns"]}
    except (OSError, ValueError, TypeError, KeyError):
        return
    for name in names:
        if name not in known:
            raise InputError(
                f"{name}: no campaign of this stand{hint(name, known) or '; it has ' + ', '.join(sorted(known))}",
                column="campaigns",
            )


def first_advertiser(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the first advertiser's campaign: the first one with sold airtime, else the last one."""
    sold = [campaign.id for campaign in catalogue.campaigns if campaign.share or campaign.plays_a_day]
    return (sold[0] if sold else catalogue.campaigns[-1].id,)
