"""``faceline fleet publish``: publishes contents, bundles and software from a terminal, as the fleet's pages do."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from faceline.errors import InputError
from faceline.stand.fleet.app import open_desk, open_releases, open_roster
from faceline.stand.fleet.rollouts import Rollouts

if TYPE_CHECKING:
    from faceline.stand.settings import FleetPublish


def main(settings: "FleetPublish") -> None:
    """Make a release and begin its rollout, or announce a version."""
    folder = Path(settings.folder)
    if not (folder / "signing.pem").is_file():
        raise InputError(f"{folder}: no fleet here; start faceline fleet once to create it", column="folder")
    releases = open_releases(folder, open_roster(folder, settings.store))
    if settings.software is not None:
        if settings.version is None:
            raise InputError("missing; say which version it installs", column="version")
        releases.announce(Path(settings.software), settings.version, by=settings.operator, note=settings.note)
        print(f"{settings.version} is announced; stands fetch it with their next report")
        return
    release = releases.make(
        Path(settings.catalogue) if settings.catalogue else open_desk(folder, settings.allowed_pages).file,
        consent=None if settings.consent_text is None else Path(settings.consent_text),
        bundle=None if settings.bundle is None else Path(settings.bundle),
        base=releases.roster.groups.get(settings.group),
        pages=settings.allowed_pages,
        by=settings.operator,
        note=settings.note,
    )
    rollouts = Rollouts(releases.roster, timedelta(0), timedelta(minutes=5))
    number = rollouts.begin(release, settings.group, str(settings.first), by=settings.operator)
    begun = next(each for each in rollouts.listed(settings.group) if each.number == number)
    there = "all stands" if begun.state == "all" else ", ".join(begun.first)
    print(f"{release} goes to {there} of the group {settings.group}; the page Releases of the fleet shows how it goes")
