"""The editor's calendar: which contents may be shown when, for a week of the stand's clock."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from faceline.stand.content.week import clock_change, week_of
from faceline.stand.web.contents import HERE, Editor, desk_of
from faceline.stand.web.operator import page
from faceline.stand.web.services import pages_of

router = APIRouter(prefix=f"{HERE}/week")

_WEEK: Final = timedelta(days=7)
_COLOURS: Final = 6  # of campaigns, in pages.css

Day = Annotated[date | None, Query(ge=date(2000, 1, 1), le=date(2999, 12, 31))]


@router.get("")
def week_page(request: Request, session: Editor, day: Day = None) -> Response:
    """Show what may be shown when, in the week of a day or in this one."""
    zone = pages_of(request).zone
    catalogue, today = desk_of(request).catalogue(), datetime.now(zone).date()
    week = week_of(catalogue, day or today)
    context: dict[str, Any] = {
        "week": week, "today": today, "zone": zone.key, "draft": desk_of(request).drafted,
        "before": week.days[0] - _WEEK, "after": week.days[0] + _WEEK,
        "changes": {each: changed for each in week.days if (changed := clock_change(each, zone))},
        "colours": {each.id: place % _COLOURS for place, each in enumerate(catalogue.campaigns)},
        "campaigns": catalogue.campaign_by_id,
    }  # fmt: skip
    return page(request, session, "week.html", context)
