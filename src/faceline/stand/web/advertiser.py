"""The advertiser's page: what the campaigns did, of groups large enough that no figure is about one person."""

import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from faceline.errors import InputError
from faceline.stand.content.catalogue import time_zone
from faceline.stand.web.access import Login
from faceline.stand.web.login import needs
from faceline.stand.web.services import TEMPLATES, services_of

router = APIRouter(prefix="/advertiser")

_FRESH: Final = 600.0  # seconds for which figures are told again; they change once a day

Reader = Annotated[Login, needs("operator", "advertiser")]


@router.get("")
def advertiser_page(request: Request, session: Reader, campaign: str = "") -> Response:
    """The figures of all campaigns or one, of those that are for this account."""
    services = services_of(request)
    campaigns = [each for each in services.catalogue.campaigns if session.account.sees(each.id)]
    if not campaign and not session.account.sees(""):
        if not campaigns:
            raise HTTPException(403, "None of your campaigns is shown on this stand.")
        campaign = campaigns[0].id
    context = {
        "stand": services.stand,
        "account": session.account,
        "csrf": session.csrf,
        "told": "",
        "campaigns": campaigns,
        **_figures(request, session, campaign),
    }
    return TEMPLATES.TemplateResponse(request, "advertiser.html", context)


@router.get("/figures")
def figures(request: Request, session: Reader, campaign: str = "") -> Response:
    """The part of the page that changes."""
    return TEMPLATES.TemplateResponse(request, "figures.html", _figures(request, session, campaign))


def _figures(request: Request, session: Login, campaign: str) -> dict[str, Any]:
    services = services_of(request)
    if not session.account.sees(campaign):
        raise HTTPException(403, "The figures of this campaign are not for you.")
    if campaign and campaign not in services.catalogue.campaign_by_id:
        raise HTTPException(404, "No such campaign.")
    titles = {content.id: content.label for content in services.catalogue.contents}
    return {"chosen": campaign, "titles": titles, **services.figures(campaign or None)}


class Figures:
    """Reads the figures out of the store, and keeps them for some seconds.

    Args:
        store: Address of the database of events.
        smallest_group: Figures about fewer visitors are not told.
        zone: In which days and hours are told.
    """

    def __init__(self, store: str, smallest_group: int, zone: str) -> None:
        self.store, self.smallest_group, self.zone = store, smallest_group, zone
        self._kept: dict[str | None, tuple[float, dict[str, Any]]] = {}
        self._one_at_a_time = threading.Lock()

    def __call__(self, campaign: str | None) -> dict[str, Any]:
        """Rows of the tables for a campaign or all, or why there are none."""
        with self._one_at_a_time:
            at, told = self._kept.get(campaign, (0.0, {}))
            if not told or time.monotonic() - at > _FRESH:
                told = self._read(campaign)
                self._kept[campaign] = time.monotonic(), told
            return told

    def _read(self, campaign: str | None) -> dict[str, Any]:
        from faceline.stand.events.sources import collect  # noqa: PLC0415
        from faceline.stand.report.effectiveness import Scope, measure  # noqa: PLC0415 (a data engine; only this page)

        shared = {"at": datetime.now(time_zone(self.zone)), "smallest_group": self.smallest_group}
        scope = Scope(campaign=campaign, zone=self.zone, smallest_group=self.smallest_group, threads=1, memory_gb=1.0)
        try:
            with tempfile.TemporaryDirectory() as folder:
                found = measure(collect([self.store], Path(folder)), scope, Path(folder))
        except InputError as error:
            return {**shared, "empty": error.told}
        tables = {name: table.astype(object).where(table.notna(), None) for name, table in found.tables.items()}
        rows = {name: table.to_dict("records") for name, table in tables.items()}
        return {**shared, "empty": None, "period": found.period, "total": rows["total"][0], "tables": rows}
