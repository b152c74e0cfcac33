"""What the pages and the interface of a fleet work with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from fastapi.templating import Jinja2Templates

from faceline.stand import words
from faceline.stand.content.catalogue import Catalogue, read_catalogue
from faceline.stand.content.desk import Desk
from faceline.stand.fleet.protocol import LARGEST_MB
from faceline.stand.fleet.releases import Releases
from faceline.stand.fleet.rollouts import Rollouts
from faceline.stand.fleet.roster import Roster
from faceline.stand.fleet.signing import SigningKey
from faceline.stand.fleet.watch import Watch
from faceline.stand.web.access import Secrets
from faceline.stand.web.services import HERE as WEB
from faceline.stand.web.services import Pages

HERE: Final = Path(__file__).parent
TEMPLATES: Final = Jinja2Templates([HERE / "templates", WEB / "templates"])
words.translate(TEMPLATES.env)


@dataclass(eq=False)
class FleetServices(Pages):
    """The parts of a fleet.

    Attributes:
        stand: Name of the fleet, above its pages.
        media: Folder of the media of its catalogue.
        secrets: What opens the pages.
        desk: Where contents are edited.
        roster: The stands.
        key: Signs what is published.
        releases: What can be given to stands.
        rollouts: What is on its way to them.
        watch: Looks after them, and raises what is wrong.
        figures: The figures of the advertiser's page, over all stands.
        every: Seconds between two reports of a stand.
        secure: Whether cookies go over TLS only.
        hosts: Names that the server is reached by, beside its addresses; None: any.
        sound: Whether films are heard in a preview.
    """

    fleet: ClassVar[bool] = True
    larger: ClassVar[Mapping[str, int]] = {"/fleet/events": LARGEST_MB * 1_000_000}

    stand: str
    media: Path
    secrets: Secrets
    desk: Desk
    roster: Roster
    key: SigningKey
    releases: Releases
    rollouts: Rollouts
    watch: Watch
    figures: Callable[..., dict[str, Any]]
    every: float = 20.0
    secure: bool = False
    hosts: tuple[str, ...] | None = None
    sound: bool = False

    @property
    def catalogue(self) -> Catalogue:
        """What can be released now."""
        return read_catalogue(self.desk.file, self.desk.pages)


def fleet_of(request: Any) -> FleetServices:
    """The services behind a request."""
    services: FleetServices = request.app.state.services
    return services
