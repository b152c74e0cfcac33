"""Reactions of drawn faces whose pose and expression are known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceline.geometry.face_model import Expression, express, identity, project, rotation
from faceline.geometry.measures import measure
from faceline.stand.audience.reactions import UNITS, Neutral, Reaction, ReactionMeter, ReactionSettings, Smoothed

CALM = Expression()
PERSON = identity(np.random.default_rng(4))


def measures_of(
    expression: Expression = CALM, yaw: float = 0.0, pitch: float = 0.0, seed: int | None = None
) -> dict[str, float]:
    person = PERSON if seed is None else identity(np.random.default_rng(seed))
    points = project(express(person, expression), rotation(yaw, pitch, 3.0), 40.0, (300.0, 200.0))[None, :, :2]
    return {name: float(values[0]) for name, values in measure(points).items()}


def watch(meter: ReactionMeter, seconds: float, start: float, rate: float = 25.0, content: str | None = None,
          **face: object) -> Reaction:  # fmt: skip
    values = measures_of(**face)
    times = start + np.arange(1, round(seconds * rate) + 1) / rate
    return [meter.update(values, float(time), content) for time in times][-1]


def settled(**settings: float) -> ReactionMeter:
    """Knows the neutral face after three seconds of it."""
    meter = ReactionMeter(replace(ReactionSettings(), **settings))
    watch(meter, 3.0, 0.0)
    return meter


@pytest.mark.parametrize(
    ("expression", "measure_name", "group"),
    [
        (Expression(smile=0.8), "smile", "smile"),
        (Expression(mouth_open=0.5), "mouth_open", "mouth open"),
        (Expression(brow_raise=0.9), "brow_raise", "brows raised"),
    ],
)
@pytest.mark.parametrize("pose", [(0.0, 0.0), (15.0, 0.0), (-10.0, 10.0)])
def test_an_expression_is_told_from_the_persons_own_neutral(
    expression: Expression, measure_name: str, group: str, pose: tuple[float, float]
) -> None:
    reaction = watch(settled(), 1.0, 3.0, expression=expression, yaw=pose[0], pitch=pose[1])
    threshold = getattr(ReactionSettings(), measure_name)
    assert getattr(reaction, measure_name) > threshold
    assert reaction.group == group
    assert set(UNITS) <= set(vars(reaction))


def test_eyes_that_are_shut_are_closed_and_a_nod_is_no_expression() -> None:
    blink = watch(settled(), 0.2, 3.0, expression=Expression(eye_close=1.0))
    assert blink.group == "neutral"
    shut = watch(settled(), 0.8, 3.0, expression=Expression(eye_close=1.0))
    assert shut.eyes_closed == pytest.approx(0.7, abs=0.1)
    assert shut.group == "eyes closed"
    assert shut.eye_opening < 0.1
    nod = watch(settled(), 1.0, 3.0, pitch=-14.0)
    assert nod.group == "neutral"
    assert abs(nod.smile) < 0.02


@pytest.mark.parametrize("seed", range(6))
def test_everyone_is_neutral_against_themselves_whatever_their_face(seed: int) -> None:
    reaction = watch(ReactionMeter(ReactionSettings()), 2.0, 0.0, seed=seed)
    assert reaction.group == "neutral"
    assert reaction.smile == pytest.approx(0, abs=1e-6)
    assert reaction.eye_opening == pytest.approx(1, abs=1e-6)


def test_attention_is_the_time_that_the_head_points_to_the_screen() -> None:
    meter = ReactionMeter(ReactionSettings())
    watch(meter, 2.0, 0.0, yaw=5.0)
    away = watch(meter, 3.0, 2.0, yaw=50.0)
    assert away.group == "turned away"
    assert not away.attending
    assert away.head_angle == pytest.approx(50, abs=4)
    assert away.attention == pytest.approx(2.0, abs=0.25)
    assert away.dwell == pytest.approx(5.0, abs=0.1)


def test_the_screen_may_hang_beside_the_camera() -> None:
    assert not watch(settled(), 1.0, 3.0, yaw=30.0).attending
    assert watch(settled(screen_yaw=30.0), 1.0, 3.0, yaw=30.0).attending


def test_attention_does_not_flicker_at_its_limit() -> None:
    meter = settled()
    limit = ReactionSettings().attention_angle
    states = [meter.update(measures_of(yaw=limit + (-1) ** i * 1.5), 3.0 + i * 0.04).attending for i in range(100)]
    assert np.count_nonzero(np.diff(states)) <= 1


def test_interest_needs_attention_held_and_a_positive_change_while_the_content_is_shown() -> None:
    smile = Expression(smile=0.8)
    meter = settled()
    assert not watch(meter, 2.0, 3.0, content="a").interested, "no change"
    assert watch(meter, 1.0, 5.0, content="a", expression=smile).interested
    assert not watch(meter, 3.0, 6.0, content="b", expression=smile).interested, "the smile was there before"
    watch(meter, 2.0, 9.0, content="b")
    assert watch(meter, 1.0, 11.0, content="b", expression=smile).interested
    away = settled()
    assert not watch(away, 3.0, 3.0, content="a", expression=smile, yaw=32.0).interested, "the head was turned"
    assert not watch(settled(), 1.0, 3.0, content="a", expression=smile).interested, "not held yet"
    assert not watch(settled(), 4.0, 3.0, content=None, expression=smile).interested, "nothing was shown"


@given(st.sampled_from([8.0, 12.5, 40.0]), st.floats(0.2, 1.0))
@settings(max_examples=15)
def test_the_frame_rate_makes_no_difference(rate: float, amount: float) -> None:
    def run(rate: float) -> Reaction:
        meter = ReactionMeter(ReactionSettings())
        watch(meter, 4.0, 0.0, rate)
        watch(meter, 1.0, 4.0, rate, content="a", expression=Expression(smile=amount))
        return watch(meter, 1.0, 5.0, rate, content="a", yaw=40.0)

    one, other = run(rate), run(25.0)
    for name in ("attention", "dwell", "content_attention"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=2.5 / rate), name
    assert one.head_angle == pytest.approx(other.head_angle, abs=1.5)


@given(st.floats(0.05, 2.0), st.integers(1, 40))
def test_smoothing_depends_on_time_alone(seconds: float, steps: int) -> None:
    once, often = Smoothed(seconds), Smoothed(seconds)
    once.update(0.0, 0.0), often.update(0.0, 0.0)
    for _ in range(steps):
        often.update(1.0, 0.5 / steps)
    assert often.value == pytest.approx(once.update(1.0, 0.5))
    assert once.value == pytest.approx(1 - np.exp(-0.5 / seconds))


def test_the_usual_is_not_moved_by_what_lasts_less_than_half_of_the_time() -> None:
    neutral = Neutral(30.0)
    values = [1.0 if 8.0 < t < 19.0 else 0.0 for t in np.arange(0, 25, 0.04)]
    usual = [neutral.update(np.array([v]), t)[0] for v, t in zip(values, np.arange(0, 25, 0.04), strict=True)]
    assert usual[-1] == 0.0
    assert neutral.seconds == pytest.approx(25, abs=0.5)


def test_a_silence_or_a_clock_that_goes_back_adds_no_attention() -> None:
    meter = settled()
    before = meter.update(measures_of(), 3.04).attention
    assert meter.update(measures_of(), 1000.0).attention - before <= ReactionMeter.LONGEST_STEP
    held = meter.update(measures_of(), 1000.04).attention
    assert meter.update(measures_of(), 20.0).attention == pytest.approx(held)
