"""The director's events for audiences whose course is known."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceline.errors import InputError
from faceline.stand.audience.perception import Departure, Face, Sight
from faceline.stand.audience.reactions import Reaction, ReactionSettings
from faceline.stand.audience.sessions import Sessions
from faceline.stand.clock import Moment
from faceline.stand.consent.people import Person
from faceline.stand.content.campaign import Campaign
from faceline.stand.content.catalogue import Catalogue, Content
from faceline.stand.content.policy import Policy
from faceline.stand.director import Director
from faceline.stand.events import event as ev

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
NEUTRAL: dict[str, Any] = {
    "head_angle": 3.0, "attending": True, "dwell": 0.0, "attention": 0.0, "content_attention": 0.0, "smile": 0.0,
    "mouth_open": 0.0, "brow_raise": 0.0, "eye_opening": 1.0, "eyes_closed": 0.0, "group": "neutral",
    "interested": False,
}  # fmt: skip


def catalogue() -> Catalogue:
    contents = (
        Content(id="plain", campaign="one", title="Plain", seconds=4),
        Content(id="shoes", campaign="one", title="Shoes", seconds=4, follow_up="more"),
        Content(id="more", campaign="one", title="More", seconds=4, offer="gait check"),
        Content(id="friends", campaign="one", title="Friends", seconds=4, audience="loyal", offer="half"),
    )
    return Catalogue(campaigns=(Campaign(id="one", name="One"),), contents=contents, loop=("shoes", "plain"))


class Story:
    """Tells a director what happens, and keeps what it writes down."""

    def __init__(self, control: float = 0.0, longest: float = 600.0) -> None:
        self.events: list[ev.Event] = []
        self.time, self.start = 100.0, START
        policy = Policy(catalogue(), stand="s", control_share=control, seed=0, draws=50)
        self.director = Director(
            policy, Sessions(longest=longest), ReactionSettings(), lambda *events: self.events.extend(events)
        )
        self.known: dict[int, tuple[str, Person]] = {}

    def moment(self) -> Moment:
        return Moment(self.start + timedelta(seconds=self.time), self.time)

    def tell(self, *people: int, gone: tuple[int, ...] = (), step: float = 0.5, **reaction: Any) -> str:
        """Half a second later these people are there; the content that is shown then."""
        self.time += step
        faces = tuple(
            Face(number, np.zeros((68, 2)), 0.0, 0.0, 0.0, 80.0, Reaction(**{**NEUTRAL, **reaction}), self.time - 0.1)
            for number in people
        )
        departures = tuple(Departure(number, self.time - 1.0) for number in gone)
        sight = Sight(self.moment(), 1, (640, 480), faces, frozenset(people), departures)
        return self.director.update(sight, self.known).decision.content.id

    def of(self, kind: type[ev.Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def test_with_nobody_there_the_loop_goes_round() -> None:
    story = Story()
    shown = [story.tell() for _ in range(30)]
    assert set(shown) == {"shoes", "plain"}
    started = story.of(ev.ImpressionStarted)
    assert [event.content for event in started] == ["shoes", "plain"] * (len(started) // 2)
    assert all(event.session is None for event in started)
    assert {event.reason for event in story.of(ev.DecisionMade)} == {"nobody there"}
    assert [event.seconds for event in story.of(ev.ImpressionEnded)] == pytest.approx([4.0] * (len(started) - 1))


def test_a_visit_begins_a_session_and_a_new_impression_and_ends_with_its_dwell() -> None:
    story = Story()
    story.tell()
    for _ in range(6):
        story.tell(1)
    story.tell(1, 2)
    story.tell(2, gone=(1,))
    for _ in range(10):
        story.tell(gone=(2,) if story.time < 105 else ())
    appeared, left = story.of(ev.VisitorAppeared), story.of(ev.VisitorLeft)
    assert len(appeared) == len(left) == 2
    assert {event.visit for event in appeared} == {event.visit for event in left}
    assert len({event.session for event in appeared}) == 1
    assert not any(event.continued for event in appeared)
    assert left[0].seconds == pytest.approx(103.5 - 100.9)
    first, second = story.of(ev.ImpressionStarted)[:2]
    assert first.session is None
    assert second.session == appeared[0].session


def test_an_impression_ends_with_attention_and_reactions_and_the_policy_learns() -> None:
    story = Story()
    rewards: list[float] = []
    story.director.policy.reward = lambda _, attention: rewards.append(attention)
    for seconds in np.arange(0.5, 4.5, 0.5).tolist():
        story.tell(1, content_attention=seconds / 2, smile=0.02 * seconds)
    story.tell(1)
    (held,) = story.of(ev.AttentionHeld)
    (smiled,) = story.of(ev.Reacted)
    (ended,) = story.of(ev.ImpressionEnded)
    assert held.seconds == pytest.approx(2.0)
    assert (smiled.reaction, smiled.strength) == ("smile", pytest.approx(0.08))
    assert held.impression == smiled.impression == ended.impression
    assert rewards == [pytest.approx(0.5)]


@pytest.mark.parametrize(("control", "follows"), [(0.0, True), (1.0, False)])
def test_interest_is_answered_at_once_but_not_in_the_control_arm(control: float, follows: bool) -> None:
    story = Story(control)
    while story.tell(1) != "shoes":
        pass
    shown = story.tell(1, interested=True)
    (interest,) = story.of(ev.InterestSeen)
    assert interest.content == "shoes"
    assert (shown == "more") == follows
    answers = story.of(ev.FollowUpShown)
    assert len(answers) == follows
    if follows:
        assert (answers[0].content, answers[0].follow_up, answers[0].visit) == ("shoes", "more", interest.visit)
        assert answers[0].impression == interest.impression


def test_somebody_who_is_recognised_is_greeted_at_once_and_nobody_is_named_in_an_event() -> None:
    story = Story()
    story.tell(1)
    story.known = {1: ("5ecret", Person(greeting="Ada"))}
    assert story.tell(1) == "friends"
    assert story.director.showing is not None
    assert story.director.showing.greeting == "Ada"
    (greeted,) = story.of(ev.LoyalGreeted)
    assert greeted.visit == story.of(ev.VisitorAppeared)[0].visit
    assert "5ecret" not in repr(story.events)
    assert "Ada" not in repr(story.events)


@pytest.mark.parametrize("left", [False, True])
def test_a_greeting_ends_with_the_recognition_that_it_came_from(left: bool) -> None:
    """A name is taken back, or its person withdraws, perhaps after they have left: others read it no longer."""
    story = Story()
    story.known = {1: ("person", Person(greeting="Ada"))}
    assert story.tell(1, 2) == story.tell(1, 2) == "friends"
    story.known = {}
    assert story.tell(*(2,) if left else (1, 2), gone=(1,) if left else ()) != "friends"
    assert story.director.showing is not None and story.director.showing.greeting is None


def test_an_offer_can_be_taken_once() -> None:
    story = Story()
    story.known = {1: ("person", Person())}
    story.tell(1)
    showing = story.director.showing
    assert showing is not None
    story.director.take_offer(showing.impression, story.moment())
    (taken,) = story.of(ev.OfferTaken)
    assert (taken.content, taken.visit) == ("friends", story.of(ev.VisitorAppeared)[0].visit)
    with pytest.raises(InputError, match="taken already"):
        story.director.take_offer(showing.impression, story.moment())


def test_in_a_place_that_is_never_empty_sessions_follow_one_another() -> None:
    story = Story(longest=10.0)
    for _ in range(50):
        story.tell(1)
    appeared, left = story.of(ev.VisitorAppeared), story.of(ev.VisitorLeft)
    assert len(appeared) == 3
    assert [event.continued for event in appeared] == [False, True, True]
    assert len({event.session for event in appeared}) == len({event.visit for event in appeared}) == 3
    assert [event.visit for event in left] == [event.visit for event in appeared[:2]]
    assert sum(event.seconds for event in left) == pytest.approx(20, abs=1.5)


def test_a_wall_clock_that_jumps_changes_no_duration() -> None:
    story = Story()
    for step in range(20):
        if step == 10:
            story.start -= timedelta(days=400)
        story.tell(1)
    assert [event.seconds for event in story.of(ev.ImpressionEnded)] == pytest.approx([4.0, 4.0])


def test_closing_ends_what_goes_on() -> None:
    story = Story()
    story.tell(1)
    story.tell(1)
    story.director.close(story.moment())
    assert len(story.of(ev.ImpressionEnded)) == len(story.of(ev.VisitorLeft)) == 1


def test_the_state_of_the_policy_is_kept(tmp_path: Path) -> None:
    policy = Policy(catalogue(), stand="s", state=tmp_path / "p.json", seed=0)
    Director(policy, Sessions(), ReactionSettings(), lambda *_: None)
    policy.save()
    assert (tmp_path / "p.json").is_file()


def test_the_policy_is_told_how_long_each_play_was_on_the_screen() -> None:
    story = Story()
    for _ in range(20):
        story.tell()
    story.tell(1)  # a new audience cuts the play short
    for _ in range(20):
        story.tell(1)
    whole = [event for event in story.of(ev.ImpressionEnded) if event.seconds >= 4]
    assert 0 < len(whole) < len(story.of(ev.ImpressionEnded))
    assert story.director.policy.airtime.state()["ever"] == {"one": len(whole)}
