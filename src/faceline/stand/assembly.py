"""Builds the parts of a stand from its settings, and refuses an invalid setting before anything starts."""

import os
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from faceline.errors import InputError
from faceline.inference.bundle import DEFAULT
from faceline.inference.runtime import LandmarkRuntime
from faceline.stand.audience.expression_clusters import ExpressionClusters
from faceline.stand.audience.perception import Perception
from faceline.stand.audience.reactions import ReactionSettings
from faceline.stand.audience.sessions import Sessions
from faceline.stand.board import Board
from faceline.stand.camera.capture import DEMO, Capture, source_opener
from faceline.stand.camera.detector import make_detector
from faceline.stand.clock import Moment, now
from faceline.stand.consent.consent_text import read_consent_text
from faceline.stand.consent.enrolment import Enrolment
from faceline.stand.consent.expiry import Expiry
from faceline.stand.consent.keys import VARIABLE
from faceline.stand.consent.likeness import Rule
from faceline.stand.content.catalogue import DEMO as DEMO_CATALOGUE
from faceline.stand.content.catalogue import read_catalogue
from faceline.stand.content.desk import Desk, copy_demo
from faceline.stand.content.policy import Policy
from faceline.stand.content.reload import CatalogueFile
from faceline.stand.director import Director
from faceline.stand.events.store import EventStore
from faceline.stand.fleet.health import HealthOf
from faceline.stand.fleet.home import Home
from faceline.stand.fleet.installing import Contents
from faceline.stand.fleet.manifest import BUNDLE, CATALOGUE, CONSENT
from faceline.stand.folders import alone_in, make_folder
from faceline.stand.live.feed import Feed
from faceline.stand.live.webhooks import WebhookPost, Webhooks
from faceline.stand.loop import Frames, Loop
from faceline.stand.offers.redeeming import Offers
from faceline.stand.recognition.embedder import COLOURS, embedder_file, open_embedder
from faceline.stand.recognition.recogniser import Recogniser
from faceline.stand.web.access import Secrets
from faceline.stand.web.campaigns import first_advertiser, note_catalogue
from faceline.stand.web.figures import Figures
from faceline.stand.web.services import Services
from faceline.stand.web.tokens import Tokens

if TYPE_CHECKING:
    from faceline.stand.settings import Stand, Watching

_PACKAGE: Final = Path(str(files("faceline.stand")))

DRAWN: Final = _PACKAGE / "demo" / "drawn.faceline"
"""Bundle for drawn faces, for the demo."""


@contextmanager
def build(settings: "Stand") -> Iterator[tuple[Loop, Services]]:
    """Build all parts of a stand and close them at the end; an invalid setting is refused before anything starts."""
    folder = Path(settings.folder)
    opener = source_opener(settings.source)
    with ExitStack() as stack:
        own = folder / "contents" / DEMO_CATALOGUE.name
        watch = Watch(settings, folder, settings.allowed_pages, own if own.exists() else DEMO_CATALOGUE)
        store = settings.store or f"sqlite:///{folder / 'events.db'}"
        consent = read_consent_text(Path(settings.consent_text)) if settings.consent_text else read_consent_text()
        make_folder(folder, "folder")
        stack.enter_context(alone_in(folder, "stand"))
        contents = None if settings.fleet is None else _contents_of_fleet(settings, folder, watch)
        if watch.catalogue.file == DEMO_CATALOGUE:  # contents can be edited: the stand shows a copy of its own
            watch.take(copy_demo(own))
        events = stack.enter_context(EventStore(store, keep_days=settings.keep_days))
        enrolment, recogniser = _people(settings, folder, stack)
        catalogue = watch.policy.catalogue
        note_catalogue(folder, watch.catalogue.file)
        tokens = Tokens(folder)
        secrets = Secrets(folder / "access.json", first_advertiser(catalogue))
        board = Board()
        watch.policy.offer_reward = settings.offer_reward
        feed = Feed(settings.name)
        post = WebhookPost(Webhooks(folder), feed)
        stack.callback(post.close)
        loop = watch.loop(Capture(opener), events, board, recogniser, settings.live_picture, feed=feed)
        loop.others["webhooks"] = post.problem
        if enrolment is not None and recogniser is None:
            loop.others["people"] = lambda: enrolment.problem
        stack.callback(loop.close)
        figures = Figures(
            store, settings.smallest_group, settings.zone, lambda: watch.policy.catalogue, settings.greeting_rate,
            settings.stranger_rate,
        )  # fmt: skip
        desk = None if contents else Desk(watch.catalogue.file, settings.allowed_pages)
        if desk is not None:
            stack.callback(desk.films.close)
        services = Services(
            settings.name, board, watch.media, loop.director, secrets, figures, consent,
            enrolment, recogniser, settings.live_picture, secure=settings.certificate is not None,
            hosts=("localhost", socket.gethostname().lower(), settings.host.lower(), *settings.allowed_hosts),
            sound=settings.sound, pages=tuple(settings.allowed_pages),
            desk=desk,
            tokens=tokens, feed=feed, post=post,
            offers=Offers(folder, events, loop.director, settings.zone) if settings.offer_codes else None,
            language=settings.language,
        )  # fmt: skip
        if contents is not None:
            _call_home(settings, folder, contents, loop, services, stack)
        yield loop, services


class Watch:
    """Builds what sees and decides from the settings, and refuses everything that can be refused.

    Args:
        settings: Settings of the stand.
        folder: Folder in which the policy keeps what it learns.
        pages: Web sites that contents may show.
        demo: Catalogue to use if the settings name none.

    Attributes:
        media: Folder with the media of the catalogue.

    Raises:
        InputError: A setting, or a file that it names, is invalid.
    """

    def __init__(
        self, settings: "Watching", folder: Path, pages: Collection[str] = (), demo: Path = DEMO_CATALOGUE
    ) -> None:
        self.pages = pages
        self.take(Path(settings.catalogue) if settings.catalogue else demo)
        self.reactions = ReactionSettings(
            attention_angle=settings.attention_angle, screen_yaw=settings.screen_yaw, screen_pitch=settings.screen_pitch
        )
        landmarks = open_landmarks(_bundle(settings), settings.threads)
        detector = make_detector(settings.detector)
        clusters = ExpressionClusters(Path(settings.clusters)) if settings.clusters else None
        self.perception = Perception(landmarks, detector, self.reactions, settings.detect_every, clusters=clusters)
        self.policy = Policy(
            self.catalogue.first,
            stand=settings.name,
            control_share=settings.control_share,
            zone=settings.zone,
            state=folder / "policy.json",
        )

    def take(self, file: Path) -> None:
        """Read a catalogue, and watch its file once the loop starts."""
        self.catalogue, self.media = CatalogueFile(file, self.pages), file.parent

    def loop(
        self,
        frames: Frames,
        store: EventStore,
        board: Board,
        recogniser: Recogniser | None = None,
        pictures: bool = False,
        clock: Callable[[], Moment] = now,
        feed: Feed | None = None,
    ) -> Loop:
        """Create the loop without starting it."""
        director = Director(self.policy, Sessions(), self.reactions, store.append)
        return Loop(frames, self.perception, director, store, recogniser, board, pictures, clock, self.catalogue, feed)


def open_landmarks(bundle: str | Path, threads: int) -> LandmarkRuntime:
    """Open a landmark model that a stand can use.

    Raises:
        InputError: The bundle is refused, or finds other landmarks.
    """
    landmarks = LandmarkRuntime(bundle, threads)
    if landmarks.manifest.layout is not None:
        raise InputError(
            f"finds the {landmarks.manifest.points} landmarks of {landmarks.manifest.markup}; the stand reads "
            f"expressions and the pose of heads from the 68 points of iBUG",
            file=landmarks.bundle.file,
            column="bundle",
        )
    return landmarks


def _contents_of_fleet(settings: "Stand", folder: Path, watch: Watch) -> Contents:
    """Let the stand show what its fleet publishes, and its own contents until then."""

    def check(release: Path) -> None:
        read_catalogue(release / CATALOGUE, settings.allowed_pages)
        if (release / CONSENT).exists():
            read_consent_text(release / CONSENT)
        if (release / BUNDLE).exists():
            open_landmarks(release / BUNDLE, settings.threads)

    contents = Contents(folder / "fleet" / "releases", check)
    contents.keep_own(watch.catalogue.file, watch.catalogue.first.files)
    watch.take(contents.begin() / CATALOGUE)
    watch.policy.use(watch.catalogue.first)
    return contents


def _call_home(
    settings: "Stand", folder: Path, contents: Contents, loop: Loop, services: Services, stack: ExitStack
) -> None:
    """Start to call the fleet, and use what it publishes beside the catalogue, which is reloaded by itself."""
    consent, bundle = services.consent, _bundle(settings)

    def use(release: Path) -> None:
        own = not (release / CONSENT).exists()
        services.consent = consent if own else read_consent_text(release / CONSENT)
        given = release / BUNDLE
        loop.perception.use(open_landmarks(given if given.exists() else bundle, settings.threads))

    contents.use = use
    if contents.release is not None:
        use(contents.current)
    policy = services.director.policy
    health = HealthOf(services.board, folder, policy.zone, lambda: policy.catalogue, lambda: services.displays)
    home = Home(
        str(settings.fleet),
        _token(settings),
        settings.name,
        folder / "fleet",
        health,
        lambda: loop.store.engine,
        contents,
        ca=settings.fleet_ca,
    )
    loop.others["fleet"] = home.problem
    stack.callback(home.close)
    home.start()


def _token(settings: "Stand") -> str | None:
    """Return the token of a group, which may be in a file."""
    given = settings.fleet_token
    if given is None or not Path(given).is_file():
        return given
    return Path(given).read_text(encoding="utf-8").strip()


def _bundle(settings: "Watching") -> str | Path:
    """Return the bundle that finds landmarks; drawn faces have one of their own by default."""
    if settings.bundle is not None:
        return settings.bundle
    return DRAWN if settings.source == DEMO else DEFAULT


def _people(settings: "Stand", folder: Path, stack: ExitStack) -> tuple[Enrolment | None, Recogniser | None]:
    """Open what is needed for recognition; without an embedder people keep their rights, and nobody is recognised."""
    file, kept = embedder_file(settings), folder / "people.db"
    url = settings.people or f"sqlite:///{kept}"
    key_file = None if VARIABLE in os.environ else folder / "template.keys"
    withdrawals = folder / "withdrawals.json"
    if file is None:
        if settings.people is None and not kept.exists():
            return None, None
        enrolment = stack.enter_context(Enrolment(url, key_file=key_file, model="", withdrawals=withdrawals))
        stack.callback(Expiry(enrolment).close)
        return enrolment, None
    embedder, likeness = open_embedder(settings, file)
    rule = Rule(likeness, settings.greeted_strangers)
    model = f"{file.stem}-{embedder.version}"
    enrolment = stack.enter_context(Enrolment(url, key_file=key_file, model=model, rule=rule, withdrawals=withdrawals))
    return enrolment, Recogniser(embedder, enrolment, rule, photos=settings.refuse_photos and file != COLOURS)
