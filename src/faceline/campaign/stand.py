"""``faceline stand``: one process that sees who is before the screen, chooses what they see, and serves its pages."""

import asyncio
import logging
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import uvicorn
from filelock import FileLock, Timeout

from faceline.campaign.board import Board
from faceline.campaign.capture import DEMO, Capture, source_opener
from faceline.campaign.catalogue import read_catalogue
from faceline.campaign.clock import Moment, now
from faceline.campaign.consent_text import read_consent_text
from faceline.campaign.detector import make_detector
from faceline.campaign.director import Director
from faceline.campaign.embedder import COLOURS, open_embedder
from faceline.campaign.enrolment import Enrolment
from faceline.campaign.expression_clusters import ExpressionClusters
from faceline.campaign.folders import make_folder
from faceline.campaign.identity import Recogniser, embedder_name
from faceline.campaign.keys import VARIABLE
from faceline.campaign.loop import Frames, Loop
from faceline.campaign.perception import Perception
from faceline.campaign.policy import Policy
from faceline.campaign.reactions import ReactionSettings
from faceline.campaign.sessions import Sessions
from faceline.campaign.store import EventStore
from faceline.campaign.web.access import Secrets
from faceline.campaign.web.advertiser import Figures
from faceline.campaign.web.app import create_app
from faceline.campaign.web.services import Services
from faceline.errors import InputError, first_line
from faceline.inference.bundle import DEFAULT
from faceline.inference.runtime import LandmarkRuntime

if TYPE_CHECKING:
    from faceline.campaign.settings import Stand, Watching

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_PACKAGE: Final = Path(str(files("faceline.campaign")))

DRAWN: Final = _PACKAGE / "demo" / "drawn.faceline"
"""Landmarks of drawn faces, for the demo."""


def main(settings: "Stand") -> None:
    """Run until told to stop, by Ctrl-C or by whatever started it."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    cv2.setNumThreads(settings.threads)
    _check_certificate(settings)
    with _listening(settings) as address, build(settings) as (loop, services):
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(services),
                log_level="warning",
                access_log=False,  # addresses of visitors are nobody's business, and the first one holds the token
                ws_max_size=65_536,
                ssl_certfile=settings.certificate,
                ssl_keyfile=settings.certificate_key,
                timeout_graceful_shutdown=3,
            )
        )
        with _signals_end(server):
            print(_welcome(settings, services.secrets), flush=True)
            loop.start()
            asyncio.run(_serve(server, address, settings.seconds))
    print("the stand has ended; what was pending is written")


@contextmanager
def build(settings: "Stand") -> Iterator[tuple[Loop, Services]]:
    """All parts of a stand, refused before anything starts where a setting is wrong; closed at the end."""
    folder = Path(settings.folder)
    opener = source_opener(settings.source)
    with ExitStack() as stack:
        watch = Watch(settings, folder)
        store = settings.store or f"sqlite:///{folder / 'events.db'}"
        consent = read_consent_text(Path(settings.consent_text)) if settings.consent_text else read_consent_text()
        make_folder(folder, "folder")
        stack.enter_context(_alone_in(folder))
        events = stack.enter_context(EventStore(store, keep_days=settings.keep_days))
        enrolment, recogniser = _people(settings, folder, stack)
        secrets = Secrets(folder / "access.json")
        board = Board()
        loop = watch.loop(Capture(opener), events, board, recogniser, settings.live_picture)
        stack.callback(loop.close)
        figures = Figures(store, settings.smallest_group, settings.zone)
        yield loop, Services(
            settings.name, board, watch.policy.catalogue, watch.media, loop.director, secrets, figures, consent,
            enrolment, recogniser, settings.live_picture, secure=settings.certificate is not None,
        )  # fmt: skip


class Watch:
    """What sees and decides, made of settings; everything that can be refused is refused here.

    Args:
        settings: Of the stand.
        folder: Where the policy keeps what it learns.

    Attributes:
        media: Folder of the media of the catalogue.

    Raises:
        InputError: A setting, or a file that it names, is wrong.
    """

    def __init__(self, settings: "Watching", folder: Path) -> None:
        file = Path(settings.catalogue) if settings.catalogue else _PACKAGE / "demo" / "catalogue.yaml"
        catalogue = read_catalogue(file)
        self.media = file.parent
        self.reactions = ReactionSettings(
            attention_angle=settings.attention_angle, screen_yaw=settings.screen_yaw, screen_pitch=settings.screen_pitch
        )
        landmarks = LandmarkRuntime(_bundle(settings), settings.threads)
        detector = make_detector(settings.detector)
        clusters = ExpressionClusters(Path(settings.clusters)) if settings.clusters else None
        self.perception = Perception(landmarks, detector, self.reactions, settings.detect_every, clusters=clusters)
        self.policy = Policy(
            catalogue,
            stand=settings.name,
            control_share=settings.control_share,
            zone=settings.zone,
            state=folder / "policy.json",
        )

    def loop(
        self,
        frames: Frames,
        store: EventStore,
        board: Board,
        recogniser: Recogniser | None = None,
        pictures: bool = False,
        clock: Callable[[], Moment] = now,
    ) -> Loop:
        """The loop, not started yet."""
        director = Director(self.policy, Sessions(), self.reactions, store.append)
        return Loop(frames, self.perception, director, store, recogniser, board, pictures, clock)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """No second stand keeps its events and what it learns in the same folder meanwhile."""
    lock = FileLock(folder / "stand.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise InputError(f"{folder}: another stand runs there; give each its own", column="folder") from None
    try:
        yield
    finally:
        lock.release()


def _bundle(settings: "Watching") -> str | Path:
    """What finds landmarks: a model of drawn faces for drawn faces, unless told otherwise."""
    if settings.bundle is not None:
        return settings.bundle
    return DRAWN if settings.source == DEMO else DEFAULT


def _people(settings: "Stand", folder: Path, stack: ExitStack) -> tuple[Enrolment | None, Recogniser | None]:
    """Those who may be recognised; nobody where there is no embedder."""
    file = Path(settings.embedder) if settings.embedder else COLOURS if settings.source == DEMO else None
    if file is None:
        return None, None
    embedder, threshold = open_embedder(settings, file)
    url = settings.people or f"sqlite:///{folder / 'people.db'}"
    key_file = None if VARIABLE in os.environ else folder / "template.keys"
    enrolment = stack.enter_context(Enrolment(url, key_file=key_file, model=embedder_name(file), threshold=threshold))
    return enrolment, Recogniser(embedder, enrolment, threshold)


def _check_certificate(settings: "Stand") -> None:
    """Refuse files that TLS cannot be made of, which the server would only find once the stand runs."""
    files = {"certificate": settings.certificate, "certificate_key": settings.certificate_key}
    for key, file in files.items():
        if file is not None and not Path(file).is_file():
            raise InputError(f"{file}: no such file", column=key)
    if settings.certificate is None:
        if settings.certificate_key is not None:
            raise InputError("missing; a key is of no use without it", column="certificate")
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.certificate, settings.certificate_key, password=""
        )
    except OSError as error:
        raise InputError(
            f"{settings.certificate}: expected a certificate and its key without a password, both PEM "
            f"({first_line(error)})",
            column="certificate",
        ) from None


def _listening(settings: "Stand") -> socket.socket:
    """The address of the pages, taken before anything is made, so that a second stand leaves nothing behind."""
    try:
        family, _, _, _, place = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise InputError(f"{settings.host}: {error.strerror}", column="host") from None
    try:
        return socket.create_server(place, family=family, backlog=2048)
    except OSError as error:
        told = os.strerror(error.errno) if error.errno else first_line(error)
        raise InputError(
            f"{settings.host}:{settings.port} cannot be used: {told}; is another stand running? Choose another port=",
            column="port",
        ) from None


@contextmanager
def _signals_end(server: uvicorn.Server) -> Iterator[None]:
    """Let a signal end the server, and nothing else.

    Uvicorn sends it to the process once more when it has ended: by itself that would end the process before what was
    learned and what is pending are written.
    """

    def end(*_: object) -> None:
        server.should_exit = True

    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, end) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


async def _serve(server: uvicorn.Server, address: socket.socket, seconds: float | None) -> None:
    """Serve, for good or for some seconds."""
    serving = asyncio.create_task(server.serve([address]))
    if seconds is not None:
        await asyncio.wait({serving}, timeout=seconds)
        server.should_exit = True
    await serving


def _welcome(settings: "Stand", secrets: Secrets) -> str:
    """Where the pages are; passwords and token only in the run that made them."""
    scheme = "https" if settings.certificate else "http"
    at = f"{scheme}://{settings.host}:{settings.port}"
    lines = [f"stand {settings.name} at {at}"]
    if secrets.new is None:
        lines += [
            f"  display    {at}/display (the browser that opened it with its token)",
            f"  operator   {at}/operator",
            f"  advertiser {at}/advertiser",
            "  passwords and token were told when they were made; faceline accounts makes new ones",
        ]
    else:
        lines += [
            f"  display    {at}/display?token={secrets.new.device_token}",
            f"  operator   {at}/operator    name operator, password {secrets.new.passwords['operator']}",
            f"  advertiser {at}/advertiser  name advertiser, password {secrets.new.passwords['advertiser']}",
            f"  this is told once: {secrets.file} keeps only hashes",
        ]
    if settings.host not in _LOOPBACK:
        lines.append("  the pages can be reached from other machines; give certificate= and certificate_key= for TLS")
    lines.append("  stop with Ctrl-C")
    return "\n".join(lines)
