"""Tables on a terminal lose nothing where it is narrow."""

import pytest
from rich.table import Table

from faceline.terminal import show


def test_no_cell_is_cut_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    table = Table("experiment", "model.lr", "what [it] does")
    table.add_row("landmarks/efficientnet_b0", "0.0005425", "a long [remark] that stays in one line")
    show(table)
    out = capsys.readouterr().out
    for text in ("landmarks/efficientnet_b0", "0.0005425", "stays in one line"):
        assert text in out
