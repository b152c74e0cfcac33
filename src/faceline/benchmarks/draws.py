"""Draws who is enrolled, and judges the visits of enrolled people and of strangers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from faceline.benchmarks.galleries import gallery_of
from faceline.benchmarks.visits import Outcome, Visit, enrol_from, judge
from faceline.metrics.bootstrap import mean_interval
from faceline.stand.consent.likeness import Rule
from faceline.stand.consent.people import Gallery
from faceline.stand.consent.quality import Template


class Draw(NamedTuple):
    """One draw.

    Attributes:
        gallery: Templates of the enrolled people.
        own: Visits of these people that did not enrol them.
        strangers: Visits of others.
    """

    gallery: Gallery
    own: list[Visit]
    strangers: list[Visit]


class Counted(NamedTuple):
    """A visit of a draw, and what became of it."""

    visit: Visit
    enrolled: bool
    outcome: Outcome

    @property
    def right(self) -> bool:
        """Whether an enrolled person was greeted by their own name."""
        return self.enrolled and self.outcome.greeted == self.visit.person


def by_person(visits: Sequence[Visit]) -> dict[str, list[Visit]]:
    """Return the visits of each person."""
    people: dict[str, list[Visit]] = {}
    for visit in visits:
        people.setdefault(visit.person, []).append(visit)
    return people


def draw_people(
    visits: Sequence[Visit], rule: Rule, count: int, at_enrolment: int, times: int, most_strangers: int
) -> list[Draw]:
    """Draw who is enrolled and from which visits, several times; empty if there are too few people.

    Args:
        visits: Visits of all people.
        rule: Rule that says which frames may enrol.
        count: Number of people to enrol.
        at_enrolment: Number of visits that enrol each person; at least one other visit must be left.
        times: Number of draws.
        most_strangers: Most people who are strangers.
    """
    of, made = by_person(visits), []
    for seed in range(times):
        rng = np.random.default_rng([seed, count, at_enrolment])
        names: list[str] = []
        templates: list[Template] = []
        own: list[Visit] = []
        order = rng.permutation(sorted(of)).tolist()
        for name in order:
            mine = [of[name][i] for i in rng.permutation(len(of[name]))]
            able = [visit for visit in mine if enrol_from([visit], rule) is not None][:at_enrolment]
            if len(names) == count or len(mine) <= at_enrolment or len(able) < at_enrolment:
                continue
            template = enrol_from(able, rule)
            if template is not None:
                names.append(name)
                templates.append(template)
                own += [visit for visit in mine if visit not in able]
        others = [name for name in order if name not in set(names)][:most_strangers]
        if len(names) < count or not others:
            return []
        made.append(
            Draw(gallery_of(names, templates, at_enrolment), own, [visit for name in others for visit in of[name]])
        )
    return made


def count_visits(
    draws: Sequence[Draw], rule: Rule, photos: bool = True, instead: Mapping[str, Visit] | None = None
) -> list[Counted]:
    """Judge all visits of some draws.

    Args:
        draws: Who is enrolled, and who comes.
        rule: Rule that says when a person is named.
        photos: Whether a visitor who may be a photo is left ungreeted.
        instead: Changed versions of some visits, by video; only those are counted then.
    """
    return list(_counted(draws, rule, photos, instead))


def _counted(draws: Sequence[Draw], rule: Rule, photos: bool, instead: Mapping[str, Visit] | None) -> Iterator[Counted]:
    for draw in draws:
        for enrolled, visits in ((True, draw.own), (False, draw.strangers)):
            for visit in visits:
                if instead is not None and visit.video not in instead:
                    continue
                shown = visit if instead is None else instead[visit.video]
                yield Counted(shown, enrolled, judge(shown, draw.gallery, rule, photos))


def figures(counted: Sequence[Counted]) -> dict[str, Any]:
    """Compute shares of visits, with 95 % intervals by person."""
    own = [each for each in counted if each.enrolled]
    strangers = [each for each in counted if not each.enrolled]
    sure = [each for each in counted if each.outcome.probability is not None]
    waits = [each.outcome.seconds for each in own if each.right and each.outcome.seconds is not None]
    return {
        **_share("greeted_rightly", own, [each.right for each in own]),
        **_share("by_another_name", own, [not each.right and each.outcome.greeted is not None for each in own]),
        **_share("strangers_greeted", strangers, [each.outcome.greeted is not None for each in strangers]),
        "not_followed": _mean([not each.visit.looks for each in own]),
        "held_back_as_photo": _mean([each.outcome.held_back for each in own]),
        "seconds_to_greeting": float(np.median(waits)) if waits else None,
        "told_probability": _mean([each.outcome.probability for each in sure]),
        "of_these_right": _mean([each.right for each in sure]),
        "visits": len(own),
        "strangers_visits": len(strangers),
    }


def _share(name: str, counted: Sequence[Counted], hits: Sequence[bool]) -> dict[str, Any]:
    if not counted:
        return {name: None, f"{name}_ci95": None}
    values = np.array(hits, dtype=np.float64)
    low, high = mean_interval(values, np.array([each.visit.person for each in counted]))
    return {name: float(values.mean()), f"{name}_ci95": [low, high]}


def _mean(values: Sequence[Any]) -> float | None:
    return float(np.mean(values)) if len(values) else None
