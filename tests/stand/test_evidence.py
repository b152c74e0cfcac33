"""Who somebody is, from all looks of a visit: enough evidence names, contradiction takes the name back."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceline.inference.bundle import Calibration
from faceline.stand.consent.likeness import OneThreshold, Rule
from faceline.stand.consent.people import NOBODY, Gallery, Person
from faceline.stand.recognition.evidence import Evidence, Verdict

SCALE = Calibration(people=50, mean=0.0, deviation=0.1, slope=30.0, offset=-6.0)
RULE = Rule(SCALE)
SIZE = 64


def directions(n: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, SIZE))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def gallery(n: int, seed: int = 0) -> Gallery:
    return Gallery(tuple(f"p{i}" for i in range(n)), (Person(),) * n, directions(n, seed), (1,) * n)


def look(template: np.ndarray, cosine: float, seed: int) -> np.ndarray:
    """A look of that cosine with a template."""
    other = directions(1, seed + 1000)[0]
    across = other - template * float(other @ template)
    across /= np.linalg.norm(across)
    return (cosine * template + np.sqrt(1 - cosine**2) * across).astype(np.float32)


def judged(cosines: list[float], known: Gallery, rule: Rule = RULE, person: int = 0) -> list[Verdict]:
    evidence = Evidence()
    return [
        evidence.add(look(known.templates[person], cosine, seed), 1.0, known, rule)
        for seed, cosine in enumerate(cosines)
    ]


def test_looks_that_alone_would_not_do_are_enough_together() -> None:
    known = gallery(20)
    verdicts = judged([0.33, 0.33, 0.33, 0.33], known)
    assert verdicts[0].person is None and verdicts[0].reason == "not sure yet"
    assert RULE.to_name(20, looks=2) > 0.33
    assert verdicts[-1].person == "p0" and verdicts[-1].reason == "recognised"
    assert verdicts[-1].similarity > verdicts[0].similarity + 0.1


def test_a_first_look_names_only_where_there_is_no_doubt() -> None:
    known = gallery(20)
    assert judged([0.44], known)[0].person is None
    assert judged([0.44, 0.44], known)[1].person == "p0"
    assert judged([0.8], known)[0].person == "p0"


def test_a_name_is_taken_back_when_later_looks_contradict() -> None:
    known = gallery(20)
    verdicts = judged([0.8, 0.8, 0.8, 0.0, 0.0], known)
    assert [verdict.person for verdict in verdicts] == ["p0", "p0", "p0", "p0", None]
    assert verdicts[-1].looks == 2, "what was gathered of the first person counts no more"


def test_one_bad_look_takes_no_name_back() -> None:
    verdicts = judged([0.8, 0.8, 0.0, 0.8], gallery(20))
    assert [verdict.person for verdict in verdicts] == ["p0"] * 4


def test_who_takes_anothers_place_is_named_soon() -> None:
    known, evidence = gallery(20), Evidence()
    for seed in range(30):
        evidence.add(look(known.templates[0], 0.8, seed), 1.0, known, RULE)
    after = [evidence.add(look(known.templates[1], 0.8, 100 + seed), 1.0, known, RULE).person for seed in range(4)]
    assert after[1:] == ["p1"] * 3


def test_between_two_people_nobody_is_named() -> None:
    known = gallery(2)
    middle = known.templates[0] + known.templates[1]
    evidence = Evidence()
    for _ in range(3):
        verdict = evidence.add(middle, 1.0, known, RULE)
    assert (verdict.person, verdict.reason) == (None, "between two people")


def test_nobody_is_named_where_nobody_is_enrolled() -> None:
    verdict = Evidence().add(directions(1)[0], 1.0, NOBODY, RULE)
    assert (verdict.person, verdict.reason, verdict.probability) == (None, "nobody with a consent", None)


def test_a_withdrawal_takes_the_name_at_the_next_look() -> None:
    known, evidence = gallery(3), Evidence()
    for seed in range(3):
        evidence.add(look(known.templates[0], 0.9, seed), 1.0, known, RULE)
    left = Gallery(known.persons[1:], known.people[1:], known.templates[1:], known.visits[1:])
    assert evidence.add(look(known.templates[0], 0.9, 9), 1.0, left, RULE).person is None


@given(st.floats(0.01, 100), st.integers(0, 1000))
def test_the_length_of_an_embedding_makes_no_difference(scale: float, seed: int) -> None:
    known = gallery(5)
    vector = directions(1, seed)[0]
    one, other = (Evidence().add(each.astype(np.float32), 1.0, known, RULE) for each in (vector, vector * scale))
    assert one.similarity == pytest.approx(other.similarity, abs=1e-5)


@given(st.integers(1, 100_000), st.integers(1, 100_000))
def test_more_enrolled_ask_for_more(few: int, more: int) -> None:
    low, high = sorted((few, more))
    assert RULE.to_name(low, 3) <= RULE.to_name(high, 3)
    assert RULE.to_name(high, 1) > RULE.to_name(high, 2)
    assert RULE.to_keep(high) < RULE.to_name(high, 2)
    assert RULE.enrolled_already(low) <= RULE.enrolled_already(high)


@given(st.integers(1, 100_000), st.integers(1, 9), st.floats(0, 1))
def test_more_visits_never_ask_for_less(enrolled: int, visits: int, growth: float) -> None:
    rule = Rule(SCALE.model_copy(update={"growth": growth}))
    for wanted in (lambda n: rule.to_name(enrolled, 3, n), lambda n: rule.to_keep(enrolled, n)):
        assert wanted(1) <= wanted(visits) <= wanted(visits + 1)
    assert rule.to_name(enrolled, 3, 1) == RULE.to_name(enrolled, 3), "one visit is as before"


def test_each_person_is_named_by_the_visits_of_their_own_template() -> None:
    rule, known = Rule(SCALE.model_copy(update={"growth": 0.5})), replace(gallery(2), visits=(1, 4))
    cosine = (rule.to_name(2, 2, 1) + rule.to_name(2, 2, 4)) / 2
    same = [
        Evidence().add(look(known.templates[person], cosine, 0), 1.0, replace(known, visits=visits), rule).wanted
        for person, visits in ((0, (1, 4)), (1, (1, 4)), (1, (1, 1)))
    ]
    assert same[0] < same[1] and same[0] == same[2]
    for person, named in ((0, "p0"), (1, None)):
        evidence, one = Evidence(), look(known.templates[person], cosine, 0)
        evidence.add(one, 1.0, known, rule)
        assert evidence.add(one, 1.0, known, rule).person == named


@pytest.mark.parametrize("strangers", [1.0, 0.1, 0.002, 1e-9])
@pytest.mark.parametrize("enrolled", [0, 1, 10_000, 1_000_000])
def test_no_rate_names_anybody_whom_one_look_in_a_hundred_resembles(strangers: float, enrolled: int) -> None:
    rule, least = Rule(SCALE, strangers), SCALE.threshold(0.01)
    assert least <= rule.to_name(enrolled, looks=2) <= rule.to_name(enrolled, looks=1) < 1.5
    assert rule.to_keep(enrolled) < rule.to_name(enrolled, looks=2)


def test_strangers_are_greeted_as_rarely_as_asked() -> None:
    """Templates drawn so that strangers have the similarities of the scale: at most the share that was asked for."""
    rng = np.random.default_rng(0)
    rule, enrolled, strangers = Rule(SCALE, 0.01, lead=0.0), 50, 2000
    similar = rng.normal(0.0, 0.1, (strangers, enrolled)).max(axis=1)
    named = float((similar >= rule.to_name(enrolled, 2)).mean())
    assert 0.0 < named < 0.01


def test_the_probability_can_be_counted() -> None:
    """Of drawn visits, one in ten of somebody enrolled: of those called p, a share p is who they seem."""
    rng = np.random.default_rng(1)
    # Likelihood ratios of normal distributions with one spread are exponential in the similarity, as the scale says.
    scale = Calibration(people=50, mean=0.0, deviation=0.1, slope=50.0, offset=-12.5)
    rule, enrolled = Rule(scale), 10
    sure, right = [], []
    for _ in range(20_000):
        similar = rng.normal(0.0, 0.1, enrolled)
        is_enrolled = rng.random() < 0.1
        if is_enrolled:
            similar[3] = rng.normal(0.5, 0.1)
        probability = rule.probability(similar)
        assert probability is not None
        sure.append(probability)
        right.append(is_enrolled and int(similar.argmax()) == 3)
    sure_of, was = np.array(sure), np.array(right)
    for low, high in ((0.0, 0.2), (0.2, 0.8), (0.8, 1.01)):
        some = (sure_of >= low) & (sure_of < high)
        assert abs(sure_of[some].mean() - was[some].mean()) < 0.06


def test_without_a_scale_there_is_no_probability() -> None:
    assert Rule(OneThreshold(0.5)).probability(np.array([0.9, 0.1])) is None


@pytest.mark.benchmark
def test_ten_thousand_enrolled_are_searched_within_five_milliseconds() -> None:
    known, evidence, waits = gallery(10_000), Evidence(), []
    for one in directions(20, seed=7):
        began = time.perf_counter()
        evidence.add(one, 1.0, known, RULE)
        waits.append(time.perf_counter() - began)
    assert np.median(waits) < 0.005
