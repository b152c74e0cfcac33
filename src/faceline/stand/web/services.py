"""The services behind every page of the stand, and the templates of the pages."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from faceline.stand import words
from faceline.stand.board import Board
from faceline.stand.consent.consent_text import ConsentText
from faceline.stand.consent.enrolment import Enrolment
from faceline.stand.content.catalogue import Catalogue
from faceline.stand.content.desk import Desk
from faceline.stand.director import Director
from faceline.stand.live.feed import Feed
from faceline.stand.live.webhooks import WebhookPost
from faceline.stand.offers.redeeming import Offers
from faceline.stand.recognition.recogniser import Recogniser
from faceline.stand.screen import Screens
from faceline.stand.web.access import Delays, Limit, Logins, Secrets
from faceline.stand.web.tokens import Tokens

HERE: Final = Path(str(files("faceline.stand.web")))
TEMPLATES: Final = Jinja2Templates(HERE / "templates")
words.translate(TEMPLATES.env)

CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' blob:; media-src 'self'; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
"""Content security policy of the pages."""


_MEDIUM: Final = {
    "Cache-Control": "private, max-age=3600",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",  # an SVG runs no script
}


class Pages(ABC):
    """Services that login and the editor's pages need, of a stand or of a fleet.

    Attributes:
        stand: Name shown above the pages.
        media: Folder with the media of the catalogue.
        secrets: Accounts and sessions of the pages.
        secure: Whether cookies are sent over TLS only.
        hosts: Names of the server, beside its addresses; None allows any.
        sound: Whether films play with sound.
        desk: Editor of the contents; None if they cannot be edited.
        figures: Returns the figures of the advertiser's page, for a campaign or all, from a day, to a day.
        zone: Time zone of days and hours.
        fleet: Whether these are the pages of a fleet.
        larger: Largest sizes in bytes of requests to some addresses, where they exceed those of forms.
    """

    stand: str
    media: Path
    secrets: Secrets
    secure: bool
    hosts: tuple[str, ...] | None
    sound: bool
    desk: Desk | None
    figures: Callable[..., dict[str, Any]]
    zone: ZoneInfo
    fleet: ClassVar[bool] = False
    larger: ClassVar[Mapping[str, int]] = {}

    def __post_init__(self) -> None:
        self.screens = Screens(self.media, self.sound)
        self.sessions = Logins()
        self.logins = Delays(free=5, longest=60.0)
        self.unknown = Limit(tries=30, seconds=60.0, of_all=30)  # guesses at accounts that are not there

    @property
    @abstractmethod
    def catalogue(self) -> Catalogue:
        """The catalogue that can be shown now."""

    def file(self, name: str) -> Response:
        """Return a file of a content.

        Raises:
            HTTPException: The file is missing or outside of the folder.
        """
        file = (self.media / name).resolve()
        if not file.is_relative_to(self.media.resolve()) or not file.is_file():
            raise HTTPException(404, "No such medium.")
        return FileResponse(file, headers=_MEDIUM)


@dataclass(eq=False)
class Services(Pages):
    """The services behind the pages of a stand.

    Attributes:
        stand: Name of the stand.
        board: Newest state of the stand.
        media: Folder with the media of the catalogue.
        director: Records that an offer was taken.
        secrets: Accounts and sessions of the pages.
        figures: Returns the advertiser's figures for a campaign or all, and a span of days.
        consent: Text that people agree to at their enrolment.
        enrolment: Enrolled people; None without an embedder.
        recogniser: Collects frames for enrolments; None without an embedder.
        live_picture: Whether the operator sees the picture beside points and boxes.
        secure: Whether cookies are sent over TLS only.
        hosts: Names of the stand, beside its addresses; None allows any.
        sound: Whether films play with sound.
        pages: Web sites that contents may show.
        desk: Editor of the contents; None if they cannot be edited.
        tokens: Tokens of other programs; None if there are none.
        feed: Messages of the live audience; None if nobody may listen.
        post: Sends those messages to webhooks.
        offers: Codes of offers and their redemption; None without codes.
        language: Language of the display's own words.
    """

    stand: str
    board: Board
    media: Path
    director: Director
    secrets: Secrets
    figures: Callable[..., dict[str, Any]]
    consent: ConsentText
    enrolment: Enrolment | None = None
    recogniser: Recogniser | None = None
    live_picture: bool = False
    secure: bool = False
    hosts: tuple[str, ...] | None = None
    sound: bool = False
    pages: tuple[str, ...] = ()
    desk: Desk | None = None
    tokens: Tokens | None = None
    feed: Feed | None = None
    post: WebhookPost | None = None
    offers: Offers | None = None
    language: str = "en"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.zone = self.director.policy.zone
        self.screens.code = self.offers.code if self.offers else None
        self.displays = 0  # connected now
        self.pending: dict[str, Any] = {}  # whose frames wait for the word of an operator, by session
        self.devices = Limit(tries=10, seconds=60.0, of_all=60)
        self.codes = Limit(tries=30, seconds=60.0, of_all=120)  # that are none
        self.guesses = Limit(tries=10, seconds=60.0, of_all=60)  # at tokens of other programs

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue that can be shown now."""
        return self.director.policy.catalogue

    @property
    def screen(self) -> dict[str, Any] | None:
        """Return what the display should show now."""
        return self.screens.of(self.board.state.showing, self.catalogue)


def services_of(request: Any) -> Services:
    """Return the services behind a request or a WebSocket."""
    services: Services = request.app.state.services
    return services


def pages_of(request: Any) -> Pages:
    """Return the services for login and editing behind a request or a WebSocket."""
    pages: Pages = request.app.state.services
    return pages
