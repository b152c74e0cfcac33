"""The advertiser's page: what the campaigns did, of groups large enough that no figure is about one person."""

from datetime import date
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from faceline.outputs import csv_cells
from faceline.stand.web.access import Login
from faceline.stand.web.login import needs
from faceline.stand.web.services import TEMPLATES, services_of

router = APIRouter(prefix="/advertiser")

Reader = Annotated[Login, needs("operator", "advertiser")]

_TABLES: Final = ("day", "hour", "content", "campaign", "uplift", "plays")
"""What can be downloaded."""


@router.get("")
def advertiser_page(
    request: Request, session: Reader, campaign: str = "", since: str = "", until: str = ""
) -> Response:
    """The figures of all campaigns or one, of those that are for this account."""
    services = services_of(request)
    campaigns = [each for each in services.catalogue.campaigns if session.account.sees(each.id)]
    if not campaign and not session.account.sees(""):
        if not session.account.campaigns:
            raise HTTPException(403, "No campaign has been given to your account yet; ask whoever runs the stand.")
        if not campaigns:
            raise HTTPException(403, "None of your campaigns is shown on this stand.")
        campaign = campaigns[0].id
    context = {
        "stand": services.stand,
        "account": session.account,
        "csrf": session.csrf,
        "told": "",
        "campaigns": campaigns,
        **_figures(request, session, campaign, since, until),
    }
    return TEMPLATES.TemplateResponse(request, "advertiser.html", context)


@router.get("/figures")
def figures(request: Request, session: Reader, campaign: str = "", since: str = "", until: str = "") -> Response:
    """The part of the page that changes."""
    return TEMPLATES.TemplateResponse(request, "figures.html", _figures(request, session, campaign, since, until))


@router.get("/{table}.csv")
def download(
    request: Request, session: Reader, table: str, campaign: str = "", since: str = "", until: str = ""
) -> Response:
    """One table of the figures as CSV."""
    told = _figures(request, session, campaign, since, until)
    if table not in _TABLES:
        raise HTTPException(404, f"No such table; there are {', '.join(_TABLES)}.")
    if told["empty"]:
        raise HTTPException(404, f"{told['empty']}.")
    name = "-".join([table, *filter(None, (campaign, since, until))])
    return Response(
        csv_cells(told["frames"][table]).to_csv(index=False),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _figures(request: Request, session: Login, campaign: str, since: str, until: str) -> dict[str, Any]:
    services = services_of(request)
    if not session.account.sees(campaign):
        raise HTTPException(403, "The figures of this campaign are not for you.")
    if campaign and campaign not in services.catalogue.campaign_by_id:
        raise HTTPException(404, "No such campaign.")
    first, last = _day(since), _day(until)
    if first and last and last < first:
        raise HTTPException(400, f"{until} is before {since}; choose a last day that is not before the first.")
    titles = {content.id: content.title for content in services.catalogue.contents}
    names = {each.id: each.name for each in services.catalogue.campaigns}
    asked = {key: value for key, value in (("campaign", campaign), ("since", since), ("until", until)) if value}
    told = services.figures(campaign or None, first, last)
    shared = {"chosen": campaign, "since": since, "until": until, "query": urlencode(asked)}
    return {**shared, "titles": titles, "names": names, **told}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise HTTPException(400, f"Expected a day such as 2026-03-01, got {text[:20]!r}.") from None
