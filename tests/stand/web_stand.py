"""A stand whose loop the tests turn by hand, for the tests of its pages."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from faceline.geometry.face_model import neutral_shape
from faceline.stand.audience.perception import Face
from faceline.stand.audience.reactions import Reaction, ReactionSettings
from faceline.stand.audience.sessions import Sessions
from faceline.stand.board import Board, Health, State
from faceline.stand.clock import now
from faceline.stand.consent.consent_text import read_consent_text
from faceline.stand.content.catalogue import read_catalogue
from faceline.stand.content.decision import Decision
from faceline.stand.content.policy import Policy
from faceline.stand.director import Director, Showing
from faceline.stand.web.access import Secrets
from faceline.stand.web.services import Services

CATALOGUE = """
version: 1
campaigns: [{id: house, name: The mall}, {id: coffee, name: Corner Roasters}]
contents:
  - {id: welcome, campaign: house, title: Welcome, text: Open until eight., seconds: 2}
  - {id: espresso, campaign: coffee, title: Freshly <b>roasted</b>, seconds: 2, media: cup.png, offer: second cup}
loop: [welcome, espresso]
"""
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8d"
    "b00000000049454e44ae426082"
)


@dataclass
class WebStand:
    services: Services
    events: list[Any]
    password: str
    token: str

    def show(
        self, content: str, *faces: Face, greeting: str | None = None, customers: Any = None, **health: Any
    ) -> Showing:
        """Put a content on the screen."""
        chosen = self.services.catalogue.by_id[content]
        decision = Decision(chosen, "adaptive", 7, "bandit", 0.5, len(faces), now())
        showing = Showing(decision, now(), greeting=greeting)
        counts = {"frames": 9, "dropped": 1, "damaged": 0, "reopened": 0, "written": 5, "pending": 0}
        told = Health(**{"frames_per_second": 25.0, "latency_ms": 31.0, "camera": True, "counts": counts, **health})
        self.services.board.publish(State(showing, faces, (640, 480), told, at=now().steady, customers=customers or {}))
        return showing


def visitor(number: int = 7, x: float = 320.0) -> Face:
    reaction = Reaction(3.0, True, 4.0, 3.0, 2.0, 0.06, 0.0, 0.0, 1.0, 0.0, "smile", True)
    landmarks = neutral_shape()[:, :2] * 45 + np.array([x, 200.0])
    return Face(number, landmarks, 2.0, -3.0, 0.0, 90.0, reaction, 0.0)


@cache
def opened() -> Secrets:
    """Made once: a hash of a password takes its time."""
    with TemporaryDirectory() as folder:
        return Secrets(Path(folder) / "access.json", ["coffee"])


def make(folder: Path, text: str = CATALOGUE, **more: Any) -> WebStand:
    media = folder / "media"
    media.mkdir(parents=True, exist_ok=True)
    (media / "catalogue.yaml").write_text(text, encoding="utf-8")
    (media / "cup.png").write_bytes(PNG)
    (folder / "secret.png").write_bytes(PNG)
    catalogue = read_catalogue(media / "catalogue.yaml", more.get("pages", ()))
    events: list[Any] = []
    director = Director(
        Policy(catalogue, stand="north", seed=0), Sessions(), ReactionSettings(), lambda *e: events.extend(e)
    )
    secrets = more.pop("secrets", None) or opened()
    assert secrets.new is not None
    figures = {"at": datetime.now(UTC), "smallest_group": 10, "empty": "3 visitors in all, and that is too few"}
    settings = {"figures": lambda *_: figures, "consent": read_consent_text(), **more}
    services = Services("north", Board(), media, director, secrets, **settings)
    return WebStand(services, events, secrets.new.passwords["operator"], secrets.new.device_token)
