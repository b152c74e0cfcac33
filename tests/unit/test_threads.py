"""No setting starts more threads or processes than there are cores, and the user is told."""

import pytest

from faceline import threads
from faceline.sweeps.local import share


def test_what_is_beyond_the_cores_is_cut_with_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    threads._tell.cache_clear()
    assert [threads.usable_threads(asked) for asked in (None, 1, 4, 3000)] == [4, 1, 4, 4]
    assert threads.usable_threads(1000, "sweep.jobs", at_least=2) == 4
    assert [share(jobs) for jobs in (None, 2, 1000)] == [1, 2, 1]
    told = capsys.readouterr().err
    assert "threads=3000: this process may use 4 cores, so 4 it is" in told and "sweep.jobs=1000: " in told
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: {0})
    assert threads.usable_threads(2, "sweep.jobs", at_least=2) == 2
