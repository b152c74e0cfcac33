"""``faceline stand`` and its benchmark as commands, and what they import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from faceline.campaign.web.advertiser import Figures
from faceline.cli import main

HEAVY = ("torch", "lightning", "pytorch_lightning", "mlflow", "hydra", "torchvision", "timm")


def test_the_stand_imports_nothing_of_training() -> None:
    program = (
        "import sys, faceline.campaign.stand, faceline.campaign.demo_visitors, faceline.campaign.benchmark_stand; "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["source=nowhere.mp4"], "expected demo, the number of a camera"),
        (["catalogue=nowhere.yaml"], "nowhere.yaml"),
        (["bundle=nowhere.faceline"], "no such bundle"),
        (["detector=nowhere.onnx"], "no such file; give a YuNet network"),
        (["embedder=nowhere.onnx"], "no such file; give an ONNX model that embeds faces"),
        (["port=0"], "port"),
        (["prot=80"], "port"),
        (["zone=Mars"], "no such time zone"),
        (["store=mysql://x"], "mysql"),
        (["name=a/b"], "name"),
    ],
)
def test_wrong_settings_are_refused_in_one_line_and_nothing_is_left(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["stand", *arguments]) == 2
    line = capsys.readouterr().err.strip()
    assert line.startswith("faceline: error: ")
    assert "\n" not in line
    assert told in line


def test_bad_content_is_refused_with_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mall.yaml").write_text(
        "version: 1\ncampaigns: [{id: a, name: A}]\ncontents:\n"
        "  - {id: x, campaign: a, title: X, media: ../../etc/passwd.png}\nloop: [x]\n"
    )
    assert main(["stand", "catalogue=mall.yaml"]) == 2
    told = capsys.readouterr().err
    assert "mall.yaml" in told
    assert "row 4" in told
    assert "below the folder of the catalogue" in told


@pytest.mark.slow
def test_the_stand_runs_for_some_seconds_ends_well_and_keeps_no_picture(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "faceline", "stand", "folder=stand", "port=8499", "seconds=12"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True, timeout=300)
    assert "name operator, password" in done.stdout
    assert "what was pending is written" in done.stdout
    with sa.create_engine(f"sqlite:///{tmp_path / 'stand' / 'events.db'}").connect() as connection:
        kinds = set(connection.execute(sa.text("SELECT DISTINCT kind FROM events")).scalars())
    assert {"decision_made", "impression_started", "impression_ended"} <= kinds
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        content = file.read_bytes()
        for sign in (b"\xff\xd8\xff", b"\x89PNG", b"RIFF"):
            assert sign not in content, file
    again = subprocess.run([*command[:-1], "seconds=3"], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "password " not in again.stdout, "told once only"


@pytest.mark.slow
def test_the_benchmark_measures_and_writes_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["seconds=2", "soak_seconds=20", "soak_rate=5", "faces=2", "output=out/benchmark.json"]
    assert main(["benchmark", "stand", *small]) == 0
    told = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert told["speed"]["frames"] > 0
    assert told["speed"]["faces_seen"] > 1
    assert told["speed"]["latency_p50_ms"] <= told["speed"]["latency_p95_ms"]
    assert told["soak"]["frames"] == 100
    assert told["soak"]["events"] > 5
    assert set(told["reached"]) == {"frames_per_second", "latency_p95_ms", "growth_mb"}
    assert "frame to decision, p95" in capsys.readouterr().out
    assert not (tmp_path / "stand").exists()


def test_figures_say_why_there_are_none(tmp_path: Path) -> None:
    from faceline.campaign.store import EventStore  # noqa: PLC0415

    url = f"sqlite:///{tmp_path / 'events.db'}"
    EventStore(url).close()
    figures = Figures(url, 10, "UTC")
    told = figures(None)
    assert told["empty"]
    assert figures(None) is told, "kept for some seconds"
