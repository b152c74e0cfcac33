"""The services behind the pages and the interface of a fleet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

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
        stand: Name of the fleet, as shown above its pages.
        media: Folder with the media of the fleet's catalogue.
        secrets: Accounts and sessions of the pages.
        desk: Editor of the contents.
        roster: Stands of the fleet.
        key: Key that signs what is published.
        releases: Releases that stands can get.
        rollouts: Rollouts of releases to groups.
        watch: Thread that watches the stands and raises alerts.
        figures: Returns the figures of the advertiser's page, over all stands.
        zone: Time zone of the days and hours of figures and calendar.
        every: Seconds between two reports of a stand.
        secure: Whether cookies are sent over TLS only.
        hosts: Names of the server, beside its addresses; None allows any.
        sound: Whether films play with sound in a preview.
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
    zone: ZoneInfo
    every: float = 20.0
    secure: bool = False
    hosts: tuple[str, ...] | None = None
    sound: bool = False

    @property
    def catalogue(self) -> Catalogue:
        """Return the catalogue that can be released now."""
        return read_catalogue(self.desk.file, self.desk.pages)


def fleet_of(request: Any) -> FleetServices:
    """Return the services behind a request."""
    services: FleetServices = request.app.state.services
    return services
