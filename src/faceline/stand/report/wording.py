"""The words of a report in the current language: terms with their definitions, headings, and how it was measured."""

from typing import Final

from faceline.stand.report.effectiveness import SECONDS_EACH, Scope
from faceline.stand.words import _, mark, number, rough

DEFAULT_TITLES: Final = (mark("Effectiveness"), mark("Proof of play"))
"""Titles that the settings give to pages; they are translated, and those of users are not."""

_COLUMNS: Final = {
    "passers_by": mark("passers-by"),
    "attended": mark("looked"),
    "look_rate": mark("of them looked, interval"),
    "plays": mark("plays"),
    "ots": mark("OTS"),
    "views": mark("views"),
    "view_rate": mark("views of OTS"),
    "viewers": mark("viewers"),
    "attention_seconds": mark("attention, s in all"),
    "attention_per_visitor": mark("attention a visitor, s"),
    "attention_per_viewer": mark("attention a viewer, s"),
    "mean_dwell_seconds": mark("mean dwell, s"),
    "reaction_rate": mark("reaction rate"),
    "interest_rate": mark("interest rate"),
    "followed_up": mark("follow-ups"),
    "greeted": mark("greeted"),
    "offers_taken": mark("offers taken"),
    "offer_rate": mark("offers taken of views"),
    "greeting_offer_rate": mark("offers taken of greetings"),
    "campaign": mark("campaign"),
    "content": mark("content"),
    "stand": mark("stand"),
    "hour": mark("hour"),
    "day": mark("day"),
}
_TILES: Final = {
    "passers_by": mark("passers-by"),
    "look_rate": mark("of them looked"),
    "plays": mark("plays"),
    "ots": mark("opportunities to see (OTS)"),
    "views": mark("views"),
    "mean_dwell_seconds": mark("dwell, s, mean"),
    "attention_per_visitor": mark("attention a visitor, s"),
    "interest_rate": mark("showed interest"),
    "reaction_rate": mark("reacted"),
    "followed_up": mark("follow-ups"),
    "greeted": mark("loyal customers greeted"),
    "offers_taken": mark("offers taken"),
}
_TABLES: Final = {
    "campaign": (mark("By campaign"), mark("Most attention first.")),
    "content": (mark("By content"), mark("Most attention first.")),
    "stand": (mark("By stand"), mark("By where a visitor came.")),
    "hour": (mark("By hour"), mark("By the hour in which a visitor came, added up over all days of this report.")),
    "day": (mark("By day"), mark("By the day on which a visitor came.")),
}


def heading(column: str) -> str:
    """Return the heading of a column."""
    return _(_COLUMNS[column])


def titles() -> dict[str, str]:
    """Return the columns of the main figures, and what each means."""
    return {column: _(words) for column, words in _TILES.items()}


def caption(table: str) -> tuple[str, str]:
    """Return the heading of a table, and the line below it."""
    title, below = _TABLES[table]
    return _(title), _(below)


def definitions() -> dict[str, str]:
    """Return the industry's terms as this report uses them."""
    return {
        _("Passer-by"): _("Somebody whose face the camera saw before the screen, for however short a time."),
        _("Looked"): _("A passer-by whose head pointed to the screen for a while: who looked at anything at all."),
        _("Play"): _(
            "One showing of a content while somebody was there. Plays before an empty hall are in the proof of play."
        ),
        _("OTS"): _(
            "Opportunity to see: one visitor who was there while a play ran. Two visitors and three plays are six."
        ),
        _("View"): _("An opportunity to see that was used: the visitor's head pointed to the screen during the play."),
        _("Viewer"): _("A visitor with at least one view of the campaign or content."),
        _("Dwell"): _("How long a visitor was before the screen."),
        _("Attention"): _("For how long of that the head pointed to the screen."),
        _("Reaction"): _(
            "A movement of the face against the visitor's usual: a smile, raised brows, open mouth or closed eyes."
        ),
        _("Interest"): _("Attention that held, with a smile or raised brows that came while the content was shown."),
        _("Age and gender"): no_age_or_gender(),
    }


def no_age_or_gender() -> str:
    """Return the statement that nobody's age or gender is estimated, and why."""
    return _("Age and gender are not estimated. Guesses of them from faces are wrong more often for some groups than "
             "for others, nobody agreed to them, and no rule here asks for them.")  # fmt: skip


def notes(scope: Scope) -> list[str]:
    """Return how the figures were measured."""
    smallest = number(scope.smallest_group)
    return [
        _("A visitor is one visit under a random number that is never used again; nobody is followed from one visit to "
          "the next, and no figure here comes from a face: only times, counts and movements were written down."),
        _("Attention is the time in which a head was turned to the screen; a reaction is a movement of the face "
          "against its own neutral shape; interest is attention that held, with a positive change. None of them says "
          "what somebody felt."),
        _("Each session, an audience from the first who comes to the last who goes, was given an arm by chance: "
          "adaptive (the policy chooses) or control (the standard loop, without greetings and follow-ups). Their "
          "difference is what adapting did, since nothing else differs."),
        _("Intervals and chances count sessions, not visitors, because those who stand together see the same screen: "
          "ratios of sums over sessions, linearised (delta method), with Welch's degrees of freedom. The chance is "
          "that of a difference above 0 under a flat prior."),
        _("Of many intervals of %(level)s some miss: the first row of the uplift answers the question, the others are "
          "for orientation. A campaign or content is compared in its own airtime, so that nobody gains by being shown "
          "more often.", level=rough(scope.level)),
        no_age_or_gender(),
        _("Counts are rounded to multiples of %(smallest)s, as running totals from the first day on. A 0 is fewer than "
          "%(smallest)s, and no count is wrong by as much as that. Shares are made of such counts.", smallest=smallest),
        _("Sums of seconds, and the uplift of attention, are exact. Those about fewer than %(smallest)s visitors are "
          "not told, nor are the next smallest where fewer could be told from a total.", smallest=smallest),
        _("All figures are of closed periods: whole days, or several where one is too small. A sum leaves out the "
          "periods in which it would be about few; then it is marked as suppressed in the tables. So two reports with "
          "different days or campaigns never tell of few people by their difference."),
        _("Of one campaign, attention by stand, hour and day is rounded to %(seconds)s s, and the uplift by stand and "
          "hour is not told.", seconds=number(SECONDS_EACH * scope.smallest_group)),
        _("Somebody who stays for more than ten minutes goes on as a new visit, which is no new passer-by."),
    ]  # fmt: skip
