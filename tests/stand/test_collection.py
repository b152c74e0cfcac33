"""Frames to enrol from are gathered from several sides, with advice, and end in time."""

import numpy as np

from faceline.stand.audience.perception import Face
from faceline.stand.audience.reactions import Reaction
from faceline.stand.consent.quality import LIMITS, FrameQuality
from faceline.stand.recognition.collection import POSES, Collection, Sample

LOOKING = Reaction(3.0, True, 4.0, 3.0, 2.0, 0.0, 0.0, 0.0, 1.0, 0.0, "neutral", False)
GOOD = FrameQuality(120.0, 90.0, 0.0, 0.0)
BLURRED = FrameQuality(120.0, 2.0, 0.0, 0.0)
ALL = sum(pose.frames for pose in POSES)


def face(yaw: float) -> Face:
    return Face(1, np.zeros((68, 2)), yaw, 0.0, 0.0, 90.0, LOOKING, 0.0)


def offer(collection: Collection, yaw: float, now: float, quality: FrameQuality = GOOD) -> None:
    if collection.wants(face(yaw), now):
        collection.take(Sample(np.ones(4, dtype=np.float32), quality), now)


def test_each_side_is_asked_for_in_turn() -> None:
    collection, asked, now = Collection(1, LIMITS), [], 0.0
    while not collection.over(now):
        asked.append(collection.guidance().asked)
        side = POSES[[pose.asked for pose in POSES].index(asked[-1])].side
        offer(collection, 15.0 * side, now)
        now += 0.3
    assert list(dict.fromkeys(asked)) == [pose.asked for pose in POSES]
    collection.finish()
    gathered = collection.done.result()
    assert (len(gathered.samples), gathered.wanted, gathered.missing, gathered.left_out) == (ALL, ALL, (), {})
    assert collection.guidance().taken == ALL


def test_bad_frames_are_left_out_with_advice() -> None:
    collection = Collection(1, LIMITS)
    offer(collection, 0.0, 0.0, BLURRED)
    told = collection.guidance()
    assert (told.taken, told.refused, told.advice) == (0, 1, "Hold still; more light helps")
    offer(collection, 0.0, 0.5)
    assert collection.guidance().advice == ""
    assert collection.guidance().taken == 1
    collection.finish()
    gathered = collection.done.result()
    assert gathered.left_out == {"blurred or dark": 1}
    assert gathered.missing == tuple(pose.asked for pose in POSES[1:])


def test_frames_that_are_too_near_in_time_are_not_wanted() -> None:
    collection = Collection(1, LIMITS)
    for now in (0.0, 0.1, 0.2, 0.3):
        offer(collection, 0.0, now)
    assert collection.guidance().taken == 2


def test_who_never_turns_is_not_waited_for_for_ever() -> None:
    collection, now = Collection(1, LIMITS), 0.0
    while not collection.over(now) and now < 60:
        offer(collection, 0.0, now)
        now += 0.3
    assert now < 15
    collection.finish()
    gathered = collection.done.result()
    assert len(gathered.samples) == POSES[0].frames
    assert gathered.missing == tuple(pose.asked for pose in POSES[1:])


def test_the_poses_are_asked_for_again_while_the_frames_are_too_few() -> None:
    collection, asked, now = Collection(1, LIMITS), [], 0.0
    while not collection.over(now):
        asked.append(collection.guidance().asked)
        offer(collection, 20.0 if now < 8.0 else 0.0, now)  # turned to one side at first
        now += 0.3
    turns = [pose for pose, before in zip(asked, ["", *asked], strict=False) if pose != before]
    assert turns == [POSES[turn].asked for turn in (0, 1, 2, 0, 2)], "what is complete is not asked for again"
    collection.finish()
    gathered = collection.done.result()
    assert len(gathered.samples) >= LIMITS.frames
    assert gathered.missing == (POSES[2].asked,)


def test_every_fault_has_its_advice() -> None:
    bad = [FrameQuality(20, 90, 0, 0), BLURRED, FrameQuality(99, 90, 60, 0), FrameQuality(99, 90, 0, 60),
           FrameQuality(99, 90, 0, 0, 0.1)]  # fmt: skip
    for number, quality in enumerate(bad):
        collection = Collection(1, LIMITS)
        collection.take(Sample(np.ones(4, dtype=np.float32), quality), 0.0)
        assert collection.guidance().advice, number
