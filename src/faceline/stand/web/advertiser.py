"""The advertiser's page: what the campaigns achieved, in groups so large that no figure is about one person."""

from datetime import date
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from faceline.stand.web.access import Login
from faceline.stand.web.login import needs
from faceline.stand.web.services import TEMPLATES, pages_of
from faceline.stand.words import _

router = APIRouter(prefix="/advertiser")

Reader = Annotated[Login, needs("operator", "advertiser")]

_TABLES: Final = ("total", "day", "hour", "week", "content", "contest", "campaign", "uplift", "plays")
"""Tables that can be downloaded; ``all`` is a workbook of them."""


@router.get("")
def advertiser_page(
    request: Request, session: Reader, campaign: str = "", since: str = "", until: str = ""
) -> Response:
    """Show the figures of one campaign or of all that this account may see."""
    services = pages_of(request)
    campaigns = [each for each in services.catalogue.campaigns if session.account.sees(each.id)]
    if not campaign and not session.account.sees(""):
        if not session.account.campaigns:
            raise HTTPException(403, _("No campaign has been given to your account yet; ask whoever runs the stand."))
        if not campaigns:
            raise HTTPException(403, _("None of your campaigns is shown here."))
        campaign = campaigns[0].id
    context = {
        "stand": services.stand,
        "fleet": services.fleet,
        "account": session.account,
        "csrf": session.csrf,
        "told": "",
        "campaigns": campaigns,
        **_figures(request, session, campaign, since, until),
    }
    return TEMPLATES.TemplateResponse(request, "advertiser.html", context)


@router.get("/figures")
def figures(request: Request, session: Reader, campaign: str = "", since: str = "", until: str = "") -> Response:
    """Return the part of the page that changes."""
    return TEMPLATES.TemplateResponse(request, "figures.html", _figures(request, session, campaign, since, until))


@router.get("/{table}.{kind}")
def download(
    request: Request, session: Reader, table: str, kind: str, campaign: str = "", since: str = "", until: str = ""
) -> Response:
    """Download one table as CSV, Excel or Parquet, or all tables as a workbook."""
    from faceline.stand.report.files import KINDS, as_file, workbook  # noqa: PLC0415 (a data engine; only this page)

    told = _figures(request, session, campaign, since, until)
    if kind not in KINDS or (table not in _TABLES and (table, kind) != ("all", "xlsx")):
        raise HTTPException(404, _("No such table; there are %(tables)s.", tables=", ".join(_TABLES)))
    if told["empty"]:
        raise HTTPException(404, f"{told['empty']}.")
    frames = told["frames"]()
    name = "-".join([table, *filter(None, (campaign, since, until))])
    return Response(
        workbook({each: frames[each] for each in _TABLES}) if table == "all" else as_file(frames[table], kind, table),
        media_type=KINDS[kind],
        headers={"Content-Disposition": f'attachment; filename="{name}.{kind}"'},
    )


def _figures(request: Request, session: Login, campaign: str, since: str, until: str) -> dict[str, Any]:
    services = pages_of(request)
    if not session.account.sees(campaign):
        raise HTTPException(403, _("The figures of this campaign are not for you."))
    if campaign and campaign not in services.catalogue.campaign_by_id:
        raise HTTPException(404, _("No such campaign."))
    first, last = _day(since), _day(until)
    if first and last and last < first:
        raise HTTPException(
            400,
            _(
                "%(until)s is before %(since)s; choose a last day that is not before the first.",
                until=until,
                since=since,
            ),
        )
    names = {each.id: each.name for each in services.catalogue.campaigns}
    asked = {key: value for key, value in (("campaign", campaign), ("since", since), ("until", until)) if value}
    told = services.figures(campaign or None, first, last)
    shared = {"chosen": campaign, "since": since, "until": until, "query": urlencode(asked)}
    return {**shared, "names": names, **told}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise HTTPException(400, _("Expected a day such as 2026-03-01, got %(text)s.", text=text[:20])) from None
