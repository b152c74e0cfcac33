"""``faceline benchmark recognition``: who is greeted, visit by visit, and who should not have been."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from rich.progress import track

from faceline.benchmarks.draws import Counted, Draw, by_person, count_visits, draw_people, figures
from faceline.benchmarks.flat_photos import flat_photo
from faceline.benchmarks.galleries import gallery_of
from faceline.benchmarks.measure import print_table, publish
from faceline.benchmarks.visits import Clip, Stage, Visit, clips_of, enrol_from, judge, read_clip
from faceline.data.labels import list_labels
from faceline.data.roots import find_root
from faceline.data.splits import make_split
from faceline.data.udacity import UdacityFaces
from faceline.errors import InputError
from faceline.files import write_whole
from faceline.plot_style import png
from faceline.reports.visit_plots import visit_det
from faceline.stand.consent.likeness import Rule
from faceline.stand.recognition.embedder import embedder_file, open_embedder
from faceline.stand.settings import BenchmarkRecognition
from faceline.types import Image

_SWEEP: Final = tuple(float(f"{rate:.1e}") for rate in np.geomspace(1e-4, 0.3, 8))
_SWEEP_DRAWS: Final = 3
_LARGER: Final = (500, 1000, 10_000)
_TURNED: Final = 20.0
_NEAR: Final = 64.0
_LONG: Final = 4  # of so many photos one is held for longer

WORSE: Final[dict[str, Callable[[Image], Image]]] = {
    "at half the size": lambda image: _shrunk(image, 0.5),
    "a quarter of the light, with noise": lambda image: _dark(image, 0.25),
    "blurred by 2 px": lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), 2.0), np.uint8),
}
"""Changes of frames that show the cost of small faces, low light and blur."""


def main(settings: BenchmarkRecognition) -> None:
    """Measure, print tables, write JSON and a figure.

    Raises:
        InputError: The data are missing, or hold too few people for what is asked.
    """
    file = embedder_file(settings)
    if file is None:
        raise InputError("expected an embedder: name a bundle, or null for SFace", column="embedder")
    embedder, likeness = open_embedder(settings, file)
    rule = Rule(likeness, settings.greeted_strangers)
    clips = read_clips(settings)
    with Stage(settings, embedder) as stage:
        visits = [stage.pass_by(clip) for clip in track(clips, "clips pass by the stand", transient=True)]
        report = {
            **by_enrolled(visits, rule, settings),
            "larger": list(larger(visits, rule)),
            "conditions": list(conditions(clips, visits, stage, rule, settings)),
            "photos": photos(clips, visits, stage, rule, settings),
        }
    tell(report)
    output, people = Path(settings.output), len(by_person(visits))
    asked = settings.model_dump(exclude={"config", "data_root", "output"})
    asked["greeted_strangers"] = settings.greeted_strangers
    publish("recognition", {"settings": asked, "people": people, "clips": len(clips), **report}, output)
    source = f"udacity · {people} people · {len(clips)} clips · {file.stem}"
    with write_whole(output.with_suffix(".png")) as part:
        part.write_bytes(png(visit_det(report["det"], rule.strangers, source=source)))


def read_clips(settings: BenchmarkRecognition, calibration: bool = False) -> list[Clip]:
    """Return the clips of people on whom neither the embedder was calibrated nor the check for photos fitted.

    The landmark model that ships has seen frames of most of them.

    Args:
        settings: Where the data are, and how many people to take.
        calibration: Whether to return those of all other people instead.
    """
    root = find_root(settings.data_root, "udacity", "data_root")
    index = list_labels(UdacityFaces(root))
    split = make_split(index, "person_disjoint", seed=0, val_fraction=0.43, test_fraction=0.69)
    rows = np.concatenate([split.train, split.val]) if calibration else split.test
    names = np.random.default_rng(0).permutation(np.unique(index.persons[rows]))[: settings.people]
    source = UdacityFaces(root, unlabelled=True)
    return [read_clip(source, rows) for rows in clips_of(source).values() if rows[0].person in set(names.tolist())]


def by_enrolled(visits: Sequence[Visit], rule: Rule, settings: BenchmarkRecognition) -> dict[str, Any]:
    """Compute figures for each number of enrolled people, with one and two visits at enrolment, and rate sweeps."""
    rows, curves = [], {}
    for at_enrolment in (1, 2):
        for count in settings.enrolled:
            draws = draw_people(visits, rule, count, at_enrolment, settings.draws, settings.most_strangers)
            if not draws:
                continue
            found = figures(count_visits(draws, rule))
            rows.append({"enrolled": count, "visits_at_enrolment": at_enrolment, **found})
            name = f"{count} enrolled from {at_enrolment} visit{'s' if at_enrolment > 1 else ''}"
            curves[name] = sweep(draws[:_SWEEP_DRAWS], rule)
    if not rows:
        there = len(by_person(visits))
        told = f"too few of {there} people have one visit that can enrol them and another to come back; lower it"
        raise InputError(told, column="enrolled")
    return {"by_enrolled": rows, "det": curves}


def sweep(draws: Sequence[Draw], rule: Rule) -> list[dict[str, Any]]:
    """Error rates by visit over the wanted rate of false greetings."""
    points = []
    for rate in sorted((*_SWEEP, rule.strangers)):
        found = figures(count_visits(draws, replace(rule, strangers=rate)))
        missed, strangers = 1 - found["greeted_rightly"], found["strangers_greeted"]
        points.append({"wanted": rate, "missed": missed, "strangers_greeted": strangers})
    return points


def larger(visits: Sequence[Visit], rule: Rule) -> Iterator[dict[str, Any]]:
    """Extrapolate to galleries that are larger than the data.

    Missed people are counted at the threshold of such a gallery. False greetings cannot be counted and come from the
    calibration. Honest people who would be refused as duplicates come from the share of pairs.
    """
    made = [(visit, template) for visit in visits if (template := enrol_from([visit], rule)) is not None]
    persons, templates = np.array([visit.person for visit, _ in made]), np.stack([template for _, template in made])
    similar = templates @ templates.T
    apart = persons[:, None] != persons[None]
    same = ~apart & ~np.eye(len(persons), dtype=bool)
    for count in _LARGER:
        wanted, limit = rule.to_name(count, 2), rule.enrolled_already(count)
        pair = float((similar[apart] >= limit).mean())
        yield {
            "enrolled": count,
            "similarity_wanted": wanted,
            "missed": float((similar[same] < wanted).mean()),
            "strangers_greeted_by_calibration": rule.strangers,
            "duplicate_from": limit,
            "honest_refused": float(1 - (1 - pair) ** count),
            "pairs_over_that": int((similar[apart] >= limit).sum() // 2),
            "pairs": int(apart.sum() // 2),
            "second_enrolment_found": float((similar[same] >= limit).mean()),
        }


def conditions(
    clips: Sequence[Clip], visits: Sequence[Visit], stage: Stage, rule: Rule, settings: BenchmarkRecognition
) -> Iterator[dict[str, Any]]:
    """Visits divided by what is seen of them, then some made worse; the first number of enrolled."""
    draws = draw_people(visits, rule, settings.enrolled[0], 1, settings.draws, settings.most_strangers)
    counted, light = count_visits(draws, rule), float(np.median([visit.light for visit in visits]))
    groups: dict[str, Callable[[Visit], bool]] = {
        "all": lambda _: True,
        f"face under {_NEAR:g} px": lambda visit: visit.width < _NEAR,
        f"face from {_NEAR:g} px": lambda visit: visit.width >= _NEAR,
        f"turned by more than {_TURNED:g} degrees": lambda visit: abs(visit.yaw) > _TURNED,
        f"turned by less than {_TURNED:g} degrees": lambda visit: abs(visit.yaw) <= _TURNED,
        "darker half": lambda visit: visit.light < light,
        "lighter half": lambda visit: visit.light >= light,
    }
    for name, holds in groups.items():
        yield {"condition": name, **_brief([each for each in counted if holds(each.visit)])}
    some = _some(clips, settings.worse)
    if some:
        same = {visit.video: visit for visit in visits if visit.video in {clip.video for clip in some}}
        yield {"condition": f"{len(some)} clips, as they are", **_brief(count_visits(draws, rule, instead=same))}
    for name, change in WORSE.items() if some else ():
        changed = [clip._replace(frames=[change(frame) for frame in clip.frames]) for clip in some]
        worse = {clip.video: stage.pass_by(clip) for clip in track(changed, name, transient=True)}
        yield {"condition": f"{len(some)} clips, {name}", **_brief(count_visits(draws, rule, instead=worse))}


def photos(
    clips: Sequence[Clip], visits: Sequence[Visit], stage: Stage, rule: Rule, settings: BenchmarkRecognition
) -> dict[str, Any]:
    """Flat photos of enrolled people, moved about or lying still, and real visits that the check holds back."""
    of, some = by_person(visits), _some(clips, settings.photos)
    checked, unchecked, still, long = [], [], [], []
    for seed, clip in enumerate(track(some, "photos", transient=True)):
        template = next((made for visit in of[clip.person] if (made := enrol_from([visit], rule)) is not None), None)
        if template is not None:
            gallery = gallery_of([clip.person], [template])
            moved, lying = (stage.pass_by(flat_photo(clip, seed, amount)) for amount in (None, 0.0))
            checked.append(judge(moved, gallery, rule).greeted is not None)
            unchecked.append(judge(moved, gallery, rule, photos=False).greeted is not None)
            still.append(judge(lying, gallery, rule).greeted is not None)
            if seed % _LONG == 0:
                longer = stage.pass_by(flat_photo(clip, seed, frames=60))
                long.append(judge(longer, gallery, rule).greeted is not None)
    draws = draw_people(visits, rule, settings.enrolled[0], 1, settings.draws, settings.most_strangers)
    real = [each for each in count_visits(draws, rule) if each.right or (each.enrolled and each.outcome.held_back)]
    held = [each.outcome.held_back for each in real]
    return {
        "photos": len(checked),
        "photos_greeted": float(np.mean(checked)) if checked else None,
        "photos_greeted_without_the_check": float(np.mean(unchecked)) if unchecked else None,
        "still_photos_greeted": float(np.mean(still)) if still else None,
        "photos_held_for_30_seconds": len(long),
        "photos_greeted_in_30_seconds": float(np.mean(long)) if long else None,
        "real_visits": len(held),
        "real_visits_held_back": float(np.mean(held)) if held else None,
    }


def tell(report: dict[str, Any]) -> None:
    """Print the tables."""
    print_table("by visit", [_without_intervals(row) for row in report["by_enrolled"]])
    print_table("larger galleries", report["larger"])
    print_table("by condition", report["conditions"])
    print_table("flat photos", [report["photos"]])


def _without_intervals(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if not key.endswith("_ci95")}


def _brief(counted: Sequence[Counted]) -> dict[str, Any]:
    found = figures(counted)
    kept = ("greeted_rightly", "greeted_rightly_ci95", "strangers_greeted", "not_followed", "visits")
    return {key: found[key] for key in kept}


def _some(clips: Sequence[Clip], count: int) -> list[Clip]:
    """Choose so many clips, of different people if possible."""
    order = np.random.default_rng(1).permutation(len(clips))[:count]
    return [clips[i] for i in order]


def _shrunk(image: Image, share: float) -> Image:
    small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def _dark(image: Image, share: float) -> Image:
    noise = np.random.default_rng(0).normal(0, 4, image.shape)
    return np.asarray(np.clip(image * share + noise, 0, 255), dtype=np.uint8)
