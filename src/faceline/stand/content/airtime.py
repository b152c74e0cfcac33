"""Decides whose turn it is on the screen, so that every campaign gets the airtime that it bought.

Each campaign with a share has an account of seconds. A play pays every account its share of the played seconds, and
takes these seconds from the shown campaign's account. The account with the most seconds is next. This is smooth
weighted round robin, or deficit round robin with one packet a turn (Shreedhar and Varghese, "Efficient fair queueing
using deficit round robin", 1996). So at any time of the day a campaign is at most a few plays ahead or behind. Unsold
airtime has an account too.

There are three sets of accounts: for the adaptive arm, for the control arm, and for the time without visitors. Each
share is given in each of them, so an empty hall cannot pay for what others get of the crowd.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from faceline.stand.content.campaign import Campaign
from faceline.stand.content.catalogue import Catalogue, Content
from faceline.stand.events.event import Arm

UNSOLD: Final = ""
"""Name of the account of unsold airtime."""

ADVANCE: Final = 60.0
"""Seconds by which a follow-up or a greeting may overdraw the account of its campaign."""

_TURN: Final = 10.0  # seconds of a usual play: who is due after one more
_WHOLE: Final = 0.95  # of its seconds, after which a play counts


@dataclass(frozen=True)
class Charge:
    """How the seconds of a play are booked.

    Attributes:
        arm: Arm of the session; None if nobody watches.
        account: Account that pays: the campaign, or `UNSOLD`.
        shares: Share of each account that could have been shown.
    """

    arm: Arm | None
    account: str
    shares: Mapping[str, float]


class Airtime:
    """The accounts of one stand.

    Args:
        catalogue: Catalogue with the sold shares.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._seconds: dict[str, dict[str, float]] = {}  # by arm and account
        self._day: date | None = None
        self._plays: dict[str, int] = {}  # of this day, by campaign
        self._seen: dict[str, int] = {}  # opportunities to see, of this day
        self._ever: dict[str, int] = {}  # plays since the campaign began

    def account(self, content: Content) -> str:
        """Return the account that pays for a content."""
        return content.campaign if self._campaign(content).share else UNSOLD

    def due(
        self, arm: Arm | None, contents: Sequence[Content], local: datetime, watched: bool
    ) -> tuple[str, list[Content]]:
        """Return the account whose turn it is, and the contents that it may show.

        Args:
            arm: Arm of the session; None if nobody watches.
            contents: Contents that may be shown now, at least one.
            local: Current time in the stand's time zone.
            watched: Whether somebody is there.
        """
        shares = self.shares(contents)
        seconds = self._seconds.get(str(arm), {})
        ranked = {name: seconds.get(name, 0.0) + _TURN * share for name, share in shares.items() if share > 1e-9}
        turn = max(ranked, key=lambda name: ranked[name])
        if turn != UNSOLD:
            return turn, [content for content in contents if self.account(content) == turn]
        return turn, self._unsold(contents, local, watched)

    def shares(self, contents: Collection[Content]) -> dict[str, float]:
        """Return the share of each account that has contents to show, and that of unsold airtime."""
        shares = {content.campaign: self._campaign(content).share or 0.0 for content in contents}
        return {name: share for name, share in shares.items() if share} | {UNSOLD: max(1 - sum(shares.values()), 0.0)}

    def in_advance(self, arm: Arm | None, content: Content) -> bool:
        """Tell whether a content may be shown although it is not its campaign's turn."""
        seconds = self._seconds.get(str(arm), {}).get(self.account(content), 0.0)
        return seconds - content.seconds >= -ADVANCE

    def charge(self, charge: Charge, seconds: float) -> None:
        """Book the seconds of a play; a negative number corrects an earlier booking."""
        accounts = self._seconds.setdefault(str(charge.arm), {})
        for name, share in charge.shares.items():
            accounts[name] = accounts.get(name, 0.0) + share * seconds
        accounts[charge.account] = accounts.get(charge.account, 0.0) - seconds

    def played(self, content: Content, seconds: float, people: int, day: date) -> None:
        """Count a play that was shown to its end."""
        self._turn_to(day)
        if seconds < _WHOLE * content.seconds:
            return
        name = content.campaign
        self._plays[name] = self._plays.get(name, 0) + 1
        self._ever[name] = self._ever.get(name, 0) + 1
        self._seen[name] = self._seen.get(name, 0) + people

    def affordable(self, content: Content, local: datetime) -> bool:
        """Tell whether the campaign's budget has a play left for this time of the day."""
        campaign, name = self._campaign(content), content.campaign
        if campaign.budget is None:
            return True
        self._turn_to(local.date())
        left = campaign.budget - self._ever.get(name, 0)
        if left <= 0 or campaign.share or campaign.ends is None:
            return left > 0
        today = self._plays.get(name, 0)
        days = max((campaign.ends - local.date()).days + 1, 1)
        return today < (left + today) / days * self.catalogue.hours_passed(local, campaign)

    def state(self) -> dict[str, Any]:
        """Return all accounts and counts as plain values."""
        day = self._day and self._day.isoformat()
        return {"seconds": self._seconds, "day": day, "plays": self._plays, "seen": self._seen, "ever": self._ever}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore accounts and counts.

        Raises:
            ValueError: The state is invalid.
        """
        self._seconds = {
            str(arm): {str(name): float(seconds) for name, seconds in accounts.items()}
            for arm, accounts in state["seconds"].items()
        }
        self._day = date.fromisoformat(state["day"]) if state["day"] else None
        self._plays, self._seen, self._ever = (
            {str(name): int(count) for name, count in state[key].items()} for key in ("plays", "seen", "ever")
        )

    def _campaign(self, content: Content) -> Campaign:
        return self.catalogue.campaign_by_id[content.campaign]

    def _unsold(self, contents: Sequence[Content], local: datetime, watched: bool) -> list[Content]:
        """Return who gets unsold airtime: a campaign behind its minimum, else all campaigns without a share."""
        free = [content for content in contents if self.account(content) == UNSOLD] or list(contents)
        names = {content.campaign for content in free}
        late = {name: self._behind(self.catalogue.campaign_by_id[name], local, watched) for name in names}
        late = {name: by for name, by in late.items() if by > 0}
        if late:
            most = max(late, key=lambda name: (self._priority(name), late[name], name))
            return [content for content in free if content.campaign == most]
        first = max(self._priority(name) for name in names)
        return [content for content in free if self._priority(content.campaign) == first]

    def _priority(self, name: str) -> int:
        return self.catalogue.campaign_by_id[name].priority

    def _behind(self, campaign: Campaign, local: datetime, watched: bool) -> float:
        """Return how far a campaign is behind its minimum for this time of day, as a share of it."""
        self._turn_to(local.date())
        passed, name = self.catalogue.hours_passed(local, campaign), campaign.id
        late = [0.0]
        if campaign.plays_a_day:
            late.append(passed - self._plays.get(name, 0) / campaign.plays_a_day)
        if campaign.ots_a_day and watched:
            late.append(passed - self._seen.get(name, 0) / campaign.ots_a_day)
        return max(late)

    def _turn_to(self, day: date) -> None:
        if day != self._day:
            self._day, self._plays, self._seen = day, {}, {}
