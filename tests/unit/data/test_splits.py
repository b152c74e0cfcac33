"""Each protocol keeps its promise on any set of people, videos and frames."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from faceline.data.index import FrameIndex
from faceline.data.splits import Split, columns_of, gallery_and_probes, limited, make_split, unseen
from faceline.errors import InputError

PROTOCOLS = ("official", "frame_random", "video_disjoint", "person_disjoint")


def index_of(videos_per_person: list[int], frames_per_video: int, test_frames: int = 1) -> FrameIndex:
    """People with some videos each; the last frames of each video are the publisher's test set."""
    rows = [
        (f"p{p}", f"p{p}_v{v}", f)
        for p, videos in enumerate(videos_per_person)
        for v in range(videos)
        for f in range(frames_per_video)
    ]
    persons, videos, frames = (np.array(column) for column in zip(*rows, strict=True))
    n = len(rows)
    return FrameIndex(
        dataset="made",
        files=np.array([f"{v}_{f}.jpg" for _, v, f in rows]),
        persons=persons,
        videos=videos,
        frames=frames,
        parts=np.where(frames >= frames_per_video - test_frames, "test", "train"),
        landmarks=np.zeros((n, 68, 2)),
        sizes=np.full((n, 2), 100),
        digests=np.array([f"{i:x}" for i in range(n)]),
    )


def people(index: FrameIndex, rows: np.ndarray) -> set[str]:
    return set(index.persons[rows])


def videos(index: FrameIndex, rows: np.ndarray) -> set[str]:
    return set(index.videos[rows])


@given(
    videos_per_person=st.lists(st.integers(2, 4), min_size=12, max_size=30),
    frames=st.integers(2, 5),
    protocol=st.sampled_from(PROTOCOLS),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=60, deadline=None)
def test_every_protocol_keeps_its_promise(videos_per_person: list[int], frames: int, protocol: str, seed: int) -> None:
    index = index_of(videos_per_person, frames)
    split = make_split(index, protocol, seed=seed)
    together = np.concatenate([split.train, split.val, split.test])
    assert sorted(together) == list(range(len(index)))  # every frame in exactly one part
    if protocol == "official":
        assert set(index.parts[split.test]) == {"test"}
        assert set(index.parts[np.concatenate([split.train, split.val])]) == {"train"}
        assert not people(index, split.train) & people(index, split.val)
    if protocol == "person_disjoint":
        seen = [people(index, rows) for rows in split.parts().values()]
        assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]
    if protocol == "video_disjoint":
        seen = [videos(index, rows) for rows in split.parts().values()]
        assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]
        assert people(index, split.test) <= people(index, np.concatenate([split.train, split.val]))
        assert people(index, split.val) <= people(index, split.train)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_same_seed_same_split_other_seed_other_split(protocol: str) -> None:
    index = index_of([3] * 30, 4)
    first, again, other = (make_split(index, protocol, seed=s) for s in (1, 1, 2))
    assert first.fingerprint(index) == again.fingerprint(index)
    assert first.fingerprint(index) != other.fingerprint(index)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_order_of_the_rows_does_not_matter(protocol: str) -> None:
    index = index_of([3] * 20, 3)
    shuffled = index.take(np.random.default_rng(0).permutation(len(index)))
    parts, parts_shuffled = (
        {name: set(i.files[rows]) for name, rows in make_split(i, protocol, seed=5).parts().items()}
        for i in (index, shuffled)
    )
    if protocol == "video_disjoint":  # which video stays with a person depends on names only
        assert {v.rsplit("_", 1)[0] for v in parts["test"]} == {v.rsplit("_", 1)[0] for v in parts_shuffled["test"]}
    else:
        assert parts == parts_shuffled


def test_fractions_are_shares_of_the_unit_that_is_kept_apart() -> None:
    index = index_of([2] * 50, 5)
    split = make_split(index, "person_disjoint", val_fraction=0.1, test_fraction=0.2)
    assert len(people(index, split.test)) == 10
    assert len(people(index, split.val)) == 4
    assert len(split.test) == 100


def test_validation_of_the_official_split_may_be_drawn_as_its_test_part() -> None:
    index = index_of([3] * 20, 4)
    split = make_split(index, "official", val_fraction=0.2, val_by="frame")
    assert np.array_equal(split.test, make_split(index, "official").test)  # what is measured stays the same
    assert len(split.val) == 36 and set(index.parts[split.val]) == {"train"}
    assert len(split.train) == 180 - 36 and not set(split.train) & set(split.val)
    assert people(index, split.train) == people(index, split.test)
    assert len(videos(index, split.val) & videos(index, split.train)) > 20


@pytest.mark.parametrize("protocol", PROTOCOLS[1:])
def test_other_protocols_say_themselves_how_validation_is_drawn(protocol: str) -> None:
    with pytest.raises(InputError) as refused:
        make_split(index_of([3] * 20, 4), protocol, val_by="frame")
    told = "only the protocol official can draw validation frames; set it to person"
    assert str(refused.value) == f"key 'split.val_by': {told}"


def test_video_disjoint_leaves_people_with_one_video_in_training() -> None:
    index = index_of([1] * 10 + [3] * 10, 2)
    split = make_split(index, "video_disjoint", test_fraction=0.3)
    single = {f"p{i}" for i in range(10)}
    assert single <= people(index, split.train)
    assert not single & people(index, split.test)


@pytest.mark.parametrize(
    ("settings_", "words"),
    [
        ({"protocol": "official", "val_fraction": 1.0}, "val_fraction"),
        ({"protocol": "frame_random", "test_fraction": 0.0}, "test_fraction"),
    ],
)
def test_bad_settings_are_refused(settings_: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make_split(index_of([2] * 10, 3), **settings_)


@pytest.mark.parametrize(
    ("index", "protocol", "part"),
    [
        (index_of([2], 4), "person_disjoint", "val"),
        (index_of([1] * 10, 4), "video_disjoint", "val"),
        (index_of([2], 4), "official", "val"),
    ],
)
def test_a_part_that_would_be_empty_is_named(index: FrameIndex, protocol: str, part: str) -> None:
    other = "person_disjoint" if protocol == "video_disjoint" else "another protocol"
    with pytest.raises(InputError) as refused:
        make_split(index, protocol)
    assert str(refused.value) == (
        f"key 'split.protocol': the {part} set would be empty: {len(index)} frames of {len(set(index.persons))} "
        f"people cannot be divided this way; use more data or {other}; faceline evaluate measures all frames "
        "with part=all"
    )


def test_official_without_test_frames_names_what_can_be_done() -> None:
    with pytest.raises(InputError, match=r"names none; choose person_disjoint .* data\.split_by=folder; .* part=all"):
        make_split(index_of([2] * 10, 4, test_frames=0), "official")


def test_all_frames_are_test_frames_where_nothing_is_divided() -> None:
    split = make_split(index_of([2], 4), "all")
    assert split.test.tolist() == list(range(8)) and not len(split.train) and not len(split.val)


def test_parts_are_ascending() -> None:
    split: Split = make_split(index_of([3] * 12, 4), "frame_random", seed=3)
    for rows in split.parts().values():
        assert (np.diff(rows) > 0).all()


@given(
    videos_per_person=st.lists(st.integers(1, 4), min_size=12, max_size=30),
    protocol=st.sampled_from(PROTOCOLS),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_a_trial_enrols_before_it_asks(videos_per_person: list[int], protocol: str, seed: int) -> None:
    index = index_of([*videos_per_person, 2, 2, 2, 2], 3)
    try:
        split = make_split(index, protocol, seed=seed, val_fraction=0.3, test_fraction=0.4)
        trials = {part: gallery_and_probes(index, split, part, seed) for part in ("val", "test")}
    except InputError:
        assume(False)
    for part, trial in trials.items():
        assert not set(trial.gallery) & set(trial.probes)
        assert trial.gallery.tolist() == gallery_and_probes(index, split, part, seed).gallery.tolist()
        if protocol == "person_disjoint":
            assert set(trial.gallery) | set(trial.probes) <= set(split.parts()[part])
            assert not videos(index, trial.gallery) & videos(index, trial.probes)
            enrolled, asking = people(index, trial.gallery), people(index, trial.probes)
            assert enrolled < asking  # everybody enrolled asks, and so do strangers
            strangers = [row for row in split.parts()[part] if index.persons[row] not in enrolled]
            assert set(strangers) <= set(trial.probes)
        else:
            assert trial.probes.tolist() == split.parts()[part].tolist()
            known = split.train if part == "val" else np.concatenate([split.train, split.val])
            assert set(trial.gallery) == set(known)


def test_without_a_second_video_nobody_can_be_enrolled_in_an_open_set() -> None:
    index = index_of([1] * 30, 3)
    split = make_split(index, "person_disjoint")
    told = r"^key 'split\.protocol': the test set has \d+ people, \d+ of them with two videos: an open-set trial needs"
    with pytest.raises(InputError, match=told + " someone to enrol and a stranger; use more data or another protocol$"):
        gallery_and_probes(index, split, "test")


def test_columns_are_places_in_a_sorted_list_of_names() -> None:
    found = columns_of(np.array(["b", "a", "zz", "c", "aa"]), np.array(["a", "b", "c"]))
    assert found.tolist() == [1, 0, -1, 2, -1]


def test_a_limit_takes_the_same_rows_for_the_same_seed() -> None:
    split = make_split(index_of([3] * 12, 4), "frame_random")
    few = limited(split, 5, seed=1)
    assert [len(rows) for rows in few.parts().values()] == [5, 5, 5]
    assert few.train.tolist() == limited(split, 5, seed=1).train.tolist() != limited(split, 5, seed=2).train.tolist()
    assert set(few.test) <= set(split.test)
    assert limited(split, None, seed=1) is split


def test_further_frames_with_the_pixels_of_validation_or_test_frames_are_told() -> None:
    index = index_of([3] * 12, 3)
    split = make_split(index, "video_disjoint", seed=0)
    held = np.concatenate([split.val, split.test])
    further = np.array([*index.digests[held], *index.digests[split.train], "ffff"])
    found = unseen(further, index, split)
    assert not found[: len(held)].any()
    assert found[len(held) :].all() and found.shape == (len(index) + 1,)
