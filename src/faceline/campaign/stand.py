"""``faceline stand``: one process that sees who is before the screen, chooses what they see, and serves its pages."""

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import uvicorn

from faceline.campaign.board import Board
from faceline.campaign.capture import DEMO, Capture, source_opener
from faceline.campaign.catalogue import Catalogue, read_catalogue
from faceline.campaign.detector import make_detector
from faceline.campaign.director import Director
from faceline.campaign.enrolment import Enrolment
from faceline.campaign.identity import Recogniser, embedder_name
from faceline.campaign.loop import Loop
from faceline.campaign.perception import Perception
from faceline.campaign.policy import Policy
from faceline.campaign.reactions import ReactionSettings
from faceline.campaign.sessions import Sessions
from faceline.campaign.store import EventStore
from faceline.campaign.web.access import Secrets
from faceline.campaign.web.advertiser import Figures
from faceline.campaign.web.app import Services, create_app
from faceline.errors import InputError
from faceline.inference.bundle import DEFAULT
from faceline.inference.runtime import LandmarkRuntime
from faceline.models.onnx_embedder import OnnxEmbedder

if TYPE_CHECKING:
    from faceline.campaign.settings import Stand

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_PACKAGE: Final = Path(str(files("faceline.campaign")))


def main(settings: "Stand") -> None:
    """Run until interrupted."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    cv2.setNumThreads(settings.threads)
    with build(settings) as (loop, services):
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(services),
                host=settings.host,
                port=settings.port,
                log_level="warning",
                access_log=False,  # addresses of visitors are nobody's business, and the first one holds the token
                ws_max_size=65_536,
                ssl_certfile=settings.certificate,
                ssl_keyfile=settings.certificate_key,
                timeout_graceful_shutdown=3,
            )
        )
        print(_welcome(settings, services.secrets))
        loop.start()
        asyncio.run(_serve(server, settings.seconds))
        print("the stand has ended; what was pending is written")


@contextmanager
def build(settings: "Stand") -> Iterator[tuple[Loop, Services]]:
    """All parts of a stand, refused before anything starts where a setting is wrong; closed at the end."""
    folder = Path(settings.folder)
    file = Path(settings.catalogue) if settings.catalogue else _PACKAGE / "demo" / "catalogue.yaml"
    catalogue = read_catalogue(file)
    opener = source_opener(settings.source)
    landmarks = LandmarkRuntime(_bundle(settings), settings.threads)
    detector = make_detector(settings.detector)
    reactions = ReactionSettings(
        attention_angle=settings.attention_angle, screen_yaw=settings.screen_yaw, screen_pitch=settings.screen_pitch
    )
    policy = _policy(settings, catalogue, folder)
    folder.mkdir(parents=True, exist_ok=True)
    store = settings.store or f"sqlite:///{folder / 'events.db'}"
    with ExitStack() as stack:
        secrets = Secrets(folder / "access.json")
        enrolment, recogniser = _people(settings, folder, stack)
        events = EventStore(store)
        director = Director(policy, Sessions(), reactions, events.append)
        board = Board()
        loop = Loop(
            Capture(opener),
            Perception(landmarks, detector, reactions, settings.detect_every),
            director,
            events,
            recogniser,
            board,
            pictures=settings.live_picture,
        )
        stack.callback(loop.close)
        figures = Figures(store, settings.smallest_group, settings.zone)
        yield loop, Services(
            settings.name, board, catalogue, file.parent, director, secrets, figures, enrolment, recogniser,
            settings.live_picture, secure=settings.certificate is not None,
        )  # fmt: skip


def _bundle(settings: "Stand") -> str | Path:
    """What finds landmarks: a model of drawn faces for drawn faces, unless told otherwise."""
    if settings.bundle is not None:
        return settings.bundle
    return _PACKAGE / "demo" / "drawn.faceline" if settings.source == DEMO else DEFAULT


def _policy(settings: "Stand", catalogue: Catalogue, folder: Path) -> Policy:
    return Policy(
        catalogue,
        stand=settings.name,
        control_share=settings.control_share,
        zone=settings.zone,
        state=folder / "policy.json",
    )


def _people(settings: "Stand", folder: Path, stack: ExitStack) -> tuple[Enrolment | None, Recogniser | None]:
    """Those who may be recognised; nobody where there is no embedder."""
    if settings.embedder is None:
        return None, None
    embedder = OnnxEmbedder(settings.embedder, settings.embedder_size, settings.embedder_channels)
    url = settings.people or f"sqlite:///{folder / 'people.db'}"
    key_file = None if "FACELINE_TEMPLATE_KEYS" in os.environ else folder / "template.keys"
    enrolment = stack.enter_context(Enrolment(url, key_file=key_file, model=embedder_name(embedder)))
    return enrolment, Recogniser(embedder, enrolment, settings.threshold)


async def _serve(server: uvicorn.Server, seconds: float | None) -> None:
    """Serve, for good or for some seconds."""
    serving = asyncio.create_task(server.serve())
    if seconds is not None:
        await asyncio.wait({serving}, timeout=seconds)
        server.should_exit = True
    await serving
    if not server.started:
        raise InputError("the address cannot be used; is another stand running? Choose another port=", column="port")


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
            f"  passwords and token were told when {secrets.file} was made; delete it for new ones",
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
