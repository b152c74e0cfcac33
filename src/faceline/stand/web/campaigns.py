"""Which campaigns an account can be given: those of the catalogue that the stand has noted in its folder."""

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
    """Note in the folder of a stand which catalogue it shows."""
    with write_whole(folder / _FILE) as part:
        part.write_text(json.dumps({"catalogue": str(file.resolve())}) + "\n", encoding="utf-8")


def check_campaigns(folder: Path, names: Sequence[str]) -> None:
    """Refuse names of campaigns that the stand does not show.

    Raises:
        InputError: The first of them, with the nearest name. Nothing is refused where no catalogue can be read.
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
    """The campaign that the first advertiser of a new stand sees: the first that airtime was sold to, else the last."""
    sold = [campaign.id for campaign in catalogue.campaigns if campaign.share or campaign.plays_a_day]
    return (sold[0] if sold else catalogue.campaigns[-1].id,)
