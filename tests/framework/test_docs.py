"""Every command of the docs really runs, in small: each shell block in a copy of one folder that has what it names."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from tests.framework.named_files import ROOT, TINY, WEIGHTS, runs, write_data, write_files
from tests.stand.fleet_here import Fleet
from tests.unit.test_documented_commands import Line, blocks, own

from faceline.benchmarks.serving import free_port, served
from faceline.cli import main

READ = ("README.md", "docs/tutorial.md")
"""Pages whose commands run in order in tests of their own: test_readme.py and test_tutorial.py."""

NOT_RUN = {
    r"sudo|echo DISPLAY_ADDRESS|pip install": "changes the machine",
    r"podman": "needs podman and the network",
    r"make (setup|stand|check|site|test|test-all|ui)": "is around these tests, or serves until stopped",
    r"set -|source |cd /shared|export |exec faceline|srun|.*submitit_slurm": "needs Slurm; test_engines.py has one",
    r"ray start|.*launcher=ray|torchrun|MASTER_ADDR": "needs two machines; test_engines.py has them",
    r"mlflow server": "needs PostgreSQL; test_engines.py has one",
    r"python scripts/(flat_photos|face_confidence|sface_bundle)": "needs the real data",
    r"FACELINE_DATA=PARENT python scripts/|.*benchmark recognition": "needs the real data",
    r".*ckpt_path=last": "needs a run that was interrupted; test_train.py has one",
    r"websocat": "another program; test_stand_api.py opens the same address",
}
"""Commands that no test runs, and why not."""

REPLACED = (
    (r"source=0", "source=film.mp4"),
    (r"/srv/stand/mall", "mall"),
    (r"(?<=[=\[,:/])/(mnt|srv|data)/", ""),
    (r"postgresql://\S+?(?=[],]|$)", "sqlite:///chain.db"),
    (r"smtps?://\S+", "smtp://127.0.0.1:{mail}"),
    (r"weights=FILE", f"weights=data/{WEIGHTS}"),
    (r"(?<==)FOLDER|^FOLDER$", "data/udacity"),
    (r"=ID$", "={person}"),
    (r"https://fleet\.example:8430|http://127\.0\.0\.1:8420", "{address}"),
    (r"\$?TOKEN", "{token}"),
    (r"events=\d+", "events=2000"),
)
"""What a reader has in place of a placeholder, and what is smaller."""

LANDMARKS = f"{' '.join(TINY)} trainer.max_epochs=1"
SWEEP = f"{LANDMARKS} data.limit=16"
ADDED = {
    r"train -m": SWEEP,
    r"train .*sweep=smoke": "sweep.trials=2",
    r"train .*sweep=fnn": "sweep.trials=1 trainer.max_epochs=1 data.source.people=10 data.source.videos=2 "
    "data.batch_size=16 threads=1",
    r"train .*sweep=": f"{SWEEP} sweep.trials=1",
    r"train .*landmarks/.*threads=1$": "debug=fdr data.size=64 data.batch_size=4",  # of a published run
    r"train .*identification/fnn": "trainer.max_epochs=1 data.batch_size=16 threads=1",
    r"train .*identification/embedder": "trainer.max_epochs=1 data.size=64 task.people=4 threads=1",
    r"train .*identification": "threads=1",
    r"train": LANDMARKS,
    r"(stand|fleet)(?! publish)": "seconds=1 port={port}",
    r"simulate": "days=3 audiences_per_day=60 repeats=1",
    r"export": "frames=4",
    r"cluster": "threads=1 k=[2,4]",
    r"benchmark train": "steps=2 warmup=1 backbones=[mobilenetv2_100] data.size=48 data.batch_size=4 threads=1",
    r"benchmark input": "frames=4 scales=[64,192] scale_size=32 data.size=48 data.batch_size=4 threads=1",
    r"benchmark infer": "repeats=3 backbones=[mobilenetv2_100] size=64 folder=20 folder_heights=[null] threads=1",
    r"benchmark startup": "repeats=1",
    r"benchmark identification": "methods=[gnb,knn] threads=1",
    r"benchmark everywhere": "frames=4 photos=2 faceless=2",
    r"benchmark stand": "seconds=1 soak_seconds=2",
    r"python scripts/fleet_soak.py": "--minutes 0.5 --stands 1",
    r"benchmark fleet": "stands=4 seconds=4 burst_seconds=1 lines=2",
}
"""What makes a command small."""

ANSWERS = {"promote": (0, 3), "reproduce": (0, 3)}
"""Exit codes; 3 is an answer: the champion stays, or two starts differ."""

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = {f"{block[0].page}-{number}": block for page in PAGES for number, block in enumerate(blocks(page), 1)}


def reason(line: Line) -> str | None:
    """Why a command is not run."""
    return next((why for what, why in NOT_RUN.items() if re.match(what, " ".join(line.words))), None)


RUN = [name for name, block in BLOCKS.items() if block[0].page not in READ and not all(map(reason, block))]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        write_data(folder / "data")
        (folder / "place").mkdir()
        patch.chdir(folder / "place")
        write_files(folder / "place")
    return folder


@pytest.fixture
def place(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder, as the current one."""
    shutil.copytree(prepared / "place", tmp_path / "place")
    (tmp_path / "place" / "data").symlink_to(prepared / "data")
    monkeypatch.chdir(tmp_path / "place")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("FACELINE_DATA", str(prepared / "data"))
    return tmp_path / "place"


@pytest.mark.slow
@pytest.mark.parametrize("name", RUN)
def test_every_block_runs(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for line in BLOCKS[name] if reason(line) is None]
    if name.startswith("docs/extend/") and "init" not in lines[0].words:
        os.chdir("project")
    with neighbours(" ".join(str(line) for line in lines), place, capsys) as names:
        for line in lines:
            words = small([filled(word, names) for word in own(line) or line.words if word != "…"], names)
            if words[0] == "cd":
                os.chdir(words[1])
            elif own(line):
                assert main(words) in ANSWERS.get(words[0], (0,)), (words, capsys.readouterr().err)
            else:
                other_program(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_runs_or_says_why_not(page: Path) -> None:
    runs_here = ("cd", "curl", "openssl", "python")
    for line in (line for block in blocks(page) for line in block):
        assert own(line) or line.words[0] in runs_here or reason(line), f"{line}: neither run nor named in NOT_RUN"


def test_no_reason_is_left_over() -> None:
    lines = [line for block in BLOCKS.values() for line in block]
    for what in NOT_RUN:
        assert any(re.match(what, " ".join(line.words)) for line in lines), what


@contextmanager
def neighbours(text: str, place: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[dict[str, str]]:
    """What the placeholders of a block stand for; servers that its commands call run meanwhile."""
    with ExitStack() as stack:
        names = {"person": (place / "person.txt").read_text(), "port": str(free_port()), "mail": str(free_port())}
        if "mail_server" in text:
            mail = Controller(Sink(), hostname="127.0.0.1", port=int(names["mail"]))
            stack.callback(mail.stop)
            mail.start()
        if "fleet_token" in text:
            fleet = Fleet(Path("chain_fleet"), certificate="fleet.pem", certificate_key="fleet.key")
            stack.callback(fleet.stop)
            names |= {"address": fleet.address, "token": str(fleet.token)}
        if "curl" in text:
            stack.enter_context(served(["stand", f"port={names['port']}", "offer_codes=true"]))
            capsys.readouterr()
            assert main(["tokens", "action=add", "name=reader", "scopes=[audience,redeem]"]) == 0
            names |= {"address": f"http://127.0.0.1:{names['port']}", "token": capsys.readouterr().out.split()[-1]}
        yield names


def filled(word: str, names: dict[str, str]) -> str:
    """A word with what stands in place of its placeholders."""
    for what, instead in REPLACED:
        word = re.sub(what, lambda _, instead=instead: instead.format(**names), word)
    return word


def small(words: list[str], names: dict[str, str]) -> list[str]:
    """A command with the ids of runs, and with what makes it small."""
    text = " ".join(words)
    ids = cycle(runs(Path.cwd()) if "RUN" in text else ())
    words = [re.sub(r"\bRUN(?=$|/)", lambda _: next(ids), word) for word in words]
    added = next((more for what, more in ADDED.items() if re.match(what, text)), "")
    if "youtube_faces" in text or "benchmark identification" in text:
        words = [word.replace("data/udacity", "data/youtube_faces") for word in words]
    return [*words, *added.format(**names).split()]


def other_program(words: list[str]) -> None:
    """Run a script of ours, or a program of others."""
    if words[0] == "python":
        words = [sys.executable, str(ROOT / words[1]), *words[2:]]
    subprocess.run(words, check=True)
