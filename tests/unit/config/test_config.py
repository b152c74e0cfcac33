"""Every wrong config is refused in one line that names the key and the nearest right one."""

import errno
import importlib
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from pydantic import BaseModel, ConfigDict

from faceline.config.check import check
from faceline.config.messages import explain
from faceline.config.schema import SCHEMAS
from faceline.config.targets import same_build
from faceline.config.tree import conf_dir, groups, hint, nearest, options
from faceline.errors import InputError

TOYS = """
from __future__ import annotations
import os
import os.path as path
from os import getcwd
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol
import numpy as np
from jaxtyping import Float
if TYPE_CHECKING:
    from fractions import Fraction

SIZE = 3

class Part:
    def __init__(self, depth: int = 1) -> None:
        self.depth = depth

class Shaped(Protocol):
    shape: int

class Net:
    def __init__(
        self,
        width: int,
        rate: float = 0.1,
        mode: Literal["fast", "slow", 3] = "fast",
        part: Part | str | None = None,
        make: Callable[..., Part] | None = None,
        betas: tuple[float, float] = (0.9, 0.99),
        names: list[str] = None,
        file: Path | None = None,
        flag: bool = False,
        ratio: Fraction = None,
        points: Float[np.ndarray, "n 2"] | None = None,
        shaped: Shaped | None = None,
        free=None,
    ) -> None:
        self.width = width

class Base:
    def __init__(self, height: int, colour: str = "red") -> None:
        pass

class Child(Base):
    def __init__(self, width: int = 1, **kwargs) -> None:
        super().__init__(height=1, **kwargs)

class Open:
    def __init__(self, width: int = 1, **anything) -> None:
        pass

class Ranks:
    def __init__(self, first: int, second: int) -> None:
        if first == 13:
            raise ValueError("13 is no rank\\nat all")
        if first == 14:
            raise TypeError("a bug")

def build(width: int) -> Net:
    return Net(width)
"""


class Plain(BaseModel):
    """The plain keys of the toy config."""

    model_config = ConfigDict(extra="forbid")

    seed: int = 0
    net: dict[str, Any] | None = None
    parts: list[Any] = []


@pytest.fixture(scope="module", autouse=True)
def toys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("toys")
    (folder / "toys").mkdir()
    (folder / "toys" / "__init__.py").write_text("")
    (folder / "toys" / "nets.py").write_text(TOYS)
    (folder / "toys" / "broken.py").write_text("import a_module_that_is_not_there\n")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    yield
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == "toys"]:
        del sys.modules[name]


def check_net(net: dict[str, Any] | None, **keys: Any) -> None:
    cfg = OmegaConf.create({"net": net, **keys})
    check(cfg, schema=Plain, allowed=("toys.", "toys_exact.One", "os.getcwd"))


def refusal(net: dict[str, Any] | None = None, **keys: Any) -> str:
    with pytest.raises(InputError) as caught:
        check_net(net, **keys)
    line = str(caught.value)
    assert "\n" not in line
    return line


def net(**parameters: Any) -> dict[str, Any]:
    return {"_target_": "toys.nets.Net", "width": 8, **parameters}


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"rate": 1},
        {"mode": 3},
        {"part": "deep"},
        {"part": {"_target_": "toys.nets.Part", "depth": 2}},
        {"make": {"_target_": "toys.nets.Part", "_partial_": True}},
        {"betas": [0.5, 1]},
        {"names": None},  # the default, although its annotation does not say so
        {"names": ["a", "b"]},
        {"file": "weights.pth"},
        {"ratio": "1/3"},  # the annotation is only there for a type checker
        {"points": [[1.0, 2.0]]},
        {"shaped": 3},
        {"free": object.__name__},
        {"_convert_": "all", "_recursive_": True},
        {"rate": "${seed}"},
    ],
)
def test_a_valid_node_passes(parameters: dict[str, Any]) -> None:
    check_net(net(**parameters), seed=3)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"rate": "abc"}, 'net.rate: expected a number, got "abc"'),
        ({"rate": True}, "net.rate: expected a number, got true"),
        ({"rate": None}, "net.rate: expected a number, got null"),
        ({"width": True}, "net.width: expected a whole number, got true"),
        ({"width": 1.5}, "net.width: expected a whole number, got 1.5"),
        ({"flag": "yes"}, 'net.flag: expected true or false, got "yes"'),
        ({"mode": "fats"}, 'net.mode: expected fast, slow or 3, got "fats"; did you mean fast?'),
        ({"betas": [0.9]}, "net.betas: expected field required at [1], got [0.9]"),
        ({"betas": [0.9, "x"]}, 'net.betas: expected a number at [1], got [0.9, "x"]'),
        ({"names": "a"}, 'net.names: expected a list, got "a"; write [a]'),
        ({"file": 3}, "net.file: expected text or null, got 3"),
        ({"part": 3}, "net.part: expected a node with _target_ that builds a Part or text or null, got 3"),
        ({"make": "x"}, 'net.make: expected a node with _target_ and _partial_: true or null, got "x"'),
        ({"_partial_": "maybe"}, 'net._partial_: expected true or false, got "maybe"'),
        ({"witdh": 3}, "net.witdh: toys.nets.Net has no such parameter; did you mean net.width?"),
    ],
)
def test_a_wrong_parameter_is_refused(parameters: dict[str, Any], expected: str) -> None:
    assert refusal(net(**parameters)) == expected


def test_a_long_value_is_cut() -> None:
    line = refusal(net(rate="x" * 500))
    assert line.endswith("…")
    assert len(line) < 150


def test_a_name_like_no_other_lists_all() -> None:
    line = refusal({"_target_": "toys.nets.Ranks", "first": 1, "second": 2, "zzz": 0})
    assert line == "net.zzz: toys.nets.Ranks has no such parameter; expected one of first, second"


@pytest.mark.parametrize("depth", ["deep", 1.0])
def test_nested_nodes_are_checked_wherever_they_are(depth: Any) -> None:
    part = {"_target_": "toys.nets.Part", "depth": depth}
    assert refusal(net(part=part)).startswith("net.part.depth: expected a whole number")
    assert refusal(parts=[1, {"more": [part]}]).startswith("parts.1.more.0.depth: expected a whole number")


def test_a_missing_parameter_is_named_unless_it_comes_later_or_by_position() -> None:
    target = {"_target_": "toys.nets.Net"}
    assert refusal(target) == "net.width: toys.nets.Net needs it; add it with +net.width=…"
    check_net({**target, "_partial_": True})
    check_net({**target, "_args_": [8]})
    check_net({"_target_": "toys.nets.build", "width": 2})


def test_parameters_pass_through_to_the_base_class() -> None:
    child = {"_target_": "toys.nets.Child"}
    check_net({**child, "colour": "blue", "width": 3})
    assert refusal({**child, "colour": 3}).startswith("net.colour: expected text")
    assert refusal({**child, "color": "blue"}).endswith("did you mean net.colour?")
    check_net({"_target_": "toys.nets.Open", "whatever": 1})
    assert refusal({"_target_": "toys.nets.Open", "width": "a"}).startswith("net.width: expected a whole number")


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "torch.load",
        "toys",
        "toysnets.Net",
        "toys_exact.One.more",
        "toys.nets.os.system",  # through a module that imports os
        "toys.nets.path.join",
        "toys.nets.getcwd",
        "toys.nets.__builtins__.get",
        "toys.nets.Net.__init__",
        "toys..nets",
    ],
)
def test_a_target_outside_the_prefixes_is_refused(target: str) -> None:
    line = refusal({"_target_": target})
    assert line.startswith(f"net._target_: {target} is not allowed as a target; expected one of ")


def test_targets_are_refused_before_anything_is_imported() -> None:
    sys.modules.pop("toys.broken", None)
    assert "torch.load" in refusal(parts=[{"_target_": "toys.broken.X"}, {"_target_": "torch.load"}])


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("toys.nets.Nett", "toys.nets has no Nett; did you mean Net?"),
        ("toys.nest.Net", "toys has no nest; did you mean nets?"),
        ("toys.nets.Net.xyz", "toys.nets.Net has no xyz"),
        ("toys.nets.SIZE", "toys.nets.SIZE is no class or function"),
        ("toys.nets", "toys.nets is no class or function; expected one of "),
        (3, "expected the dotted name of a class or function, got 3"),
    ],
)
def test_a_target_that_does_not_exist_is_refused(target: Any, expected: str) -> None:
    assert refusal({"_target_": target}).startswith(f"net._target_: {expected}")


def test_a_broken_module_is_no_mistake_of_the_user() -> None:
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there"):
        check_net({"_target_": "toys.broken.Net"})


LOOK = {"_target_": "faceline.models.landmark_detector.LandmarkDetector", "backbone": "resnet18"}
HEAD = {"_target_": "faceline.models.heads.VotingHead", "_partial_": True, "width": 128}


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (HEAD, True),
        ({**HEAD, "_target_": "faceline.models.landmark_nets.VotingHead"}, True),
        ({"_target_": HEAD["_target_"], "_partial_": True}, True),
        ({**HEAD, "width": 64}, False),
        ({**HEAD, "_target_": "faceline.models.heads.HeatmapHead"}, False),
        ("resnet18", False),
        (None, False),
    ],
)
def test_nodes_are_told_apart_by_what_they_build(other: Any, same: bool) -> None:
    assert same_build("head", HEAD, other) is same
    assert same_build("look", {**LOOK, "head": HEAD}, {**LOOK, "head": other}) is same


def test_what_is_not_allowed_is_not_compared() -> None:
    with pytest.raises(InputError, match=r"head\._target_: os\.system is not allowed"):
        same_build("head", HEAD, {"_target_": "os.system"})


def test_builtins_without_a_signature_take_anything() -> None:
    check(OmegaConf.create({"net": {"_target_": "builtins.dict", "a": 1}}), schema=Plain, allowed=("builtins.",))


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.recursive(st.none() | st.booleans() | st.integers() | finite | st.text(), st.lists, max_leaves=5))
def test_no_value_crashes_the_check(value: Any) -> None:
    parameter = {"net": net(), "seed": 0}
    parameter["net"]["rate"] = value
    cfg = OmegaConf.create({"net": net(), "seed": 0})
    OmegaConf.update(cfg, "net.rate", value if not isinstance(value, str) else value.replace("$", "").replace("?", ""))
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    if fits:
        check(cfg, schema=Plain, allowed=("toys.",))
    else:
        with pytest.raises(InputError, match=r"^net\.rate: expected"):
            check(cfg, schema=Plain, allowed=("toys.",))


TARGET = {"_target_": "torch.nn.Identity"}
TRAIN: dict[str, Any] = {
    "name": "toy",
    "task": {"_target_": "faceline.tasks.landmarks.LandmarkTask"},
    "seed": 0,
    "threads": None,
    "tags": [],
    "ckpt_path": None,
    "split": {"protocol": "official", "seed": 0, "val_fraction": 0.1, "test_fraction": 0.2},
    "data": {
        "source": TARGET,
        "root": None,
        "on_error": "raise",
        "size": 64,
        "batch_size": 2,
        "workers": 0,
        "limit": None,
        "cache_dir": "cache",
    },
    "transforms": {"train": TARGET, "eval": TARGET},
    "model": TARGET,
    "trainer": {"_target_": "pytorch_lightning.Trainer", "max_epochs": 1},
    "callbacks": {"last": {"_target_": "pytorch_lightning.callbacks.ModelCheckpoint"}, "ema": None},
    "tracking": {"uri": None, "root": ".", "experiment": "toys"},
}


def train_config(key: str = "", value: Any = None) -> Any:
    cfg = OmegaConf.create(deepcopy(TRAIN))
    if key:
        OmegaConf.update(cfg, key, value, merge=False)
    return cfg


@pytest.mark.parametrize(
    ("key", "value"),
    [("seed", 7), ("tags", ["a", "b"]), ("ckpt_path", "last"), ("threads", 2), ("callbacks.more", None), ("hydra", {})],
)
def test_a_valid_training_config_passes(key: str, value: Any) -> None:
    check(train_config(key, value), "train")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("sede", 1, "sede: no such key; did you mean seed?"),
        ("qqq", 1, "qqq: no such key; expected one of callbacks, ckpt_path, data, embedder"),
        ("split.protocl", 1, "split.protocl: no such key; did you mean split.protocol?"),
        ("seed", "abc", 'seed: expected a whole number, got "abc"'),
        ("seed", True, "seed: expected a whole number, got true"),
        ("seed", -1, "seed: expected at least 0, got -1"),
        ("threads", 0, "threads: expected at least 1, got 0"),
        ("tags", "a", 'tags: expected a list, got "a"'),
        ("tags", [1], "tags: expected text at [0], got 1"),
        ("split.protocol", "ofical", "split.protocol: expected official, frame_random"),
        ("split.val_fraction", 1.5, "split.val_fraction: expected below 1, got 1.5"),
        ("data.on_error", "skp", 'data.on_error: expected raise or skip, got "skp"; did you mean skip?'),
        ("data.size", 9, "data.size: expected at least 32, got 9"),
        ("model", {"width": 3}, "model: expected a node with _target_"),
        ("callbacks.last", 3, "callbacks.last: expected a node with _target_, got 3"),
        (
            "trainer.max_epoch",
            3,
            "trainer.max_epoch: pytorch_lightning.Trainer has no such parameter; did you",
        ),
        ("trainer.devices", [1.5], "trainer.devices: expected "),
        (
            "tracking",
            {"uri": None, "root": "."},
            "tracking.experiment: missing; give it a value with +tracking.",
        ),
    ],
)
def test_a_wrong_training_config_is_refused(key: str, value: Any, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        check(train_config(key, value), "train")
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


def test_a_misspelt_key_of_an_optional_section_finds_the_nearest() -> None:
    cfg = {"run_id": "a", "ckpt_path": None, "part": "test", "split": {"protcol": "official"}}
    more = {"threads": None, "output": None, "tracking": TRAIN["tracking"]}
    with pytest.raises(InputError, match=r"^split\.protcol: no such key; did you mean split\.protocol\?$"):
        check(OmegaConf.create({**cfg, **more}), "evaluate")


def test_every_verb_has_its_config_file() -> None:
    assert set(SCHEMAS) <= {path.stem for path in conf_dir().glob("*.yaml")}


def test_trainers_and_debug_modes_are_there() -> None:
    assert {"cpu", "gpu", "ddp", "ddp_sim"} <= set(options(conf_dir(), "trainer"))
    assert {"fdr", "limit", "overfit", "profiler"} <= set(options(conf_dir(), "debug"))


def test_the_nearest_word() -> None:
    assert nearest("modle", ["data", "model"]) == "model"
    assert nearest("xyz", ["data", "model"]) is None
    assert hint("xyz", ["model", "data"]) == "; expected one of data, model"
    assert hint("xyz", []) == ""


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    files = {
        "main.yaml": "defaults: [_self_, {net: small}, {size: null}]\nseed: 0\nrate: ${net.rate}\ninput: given\n",
        "net/small.yaml": "_target_: toys.nets.Net\nwidth: 8\nrate: 0.1\n",
        "net/_shared.yaml": "width: 8\n",
        "net/large/deep.yaml": "_target_: toys.nets.Net\nwidth: 80\n",
        "size/tiny.yaml": "# @package _global_\nnet:\n  width: 1\n",
    }
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def told(conf: Path, *overrides: str, name: str = "main") -> str:
    """What the user reads when these overrides fail."""
    with initialize_config_dir(str(conf), version_base="1.3"), pytest.raises(Exception) as caught:
        OmegaConf.to_container(compose(name, list(overrides)), resolve=True, throw_on_missing=True)
    line = explain(caught.value, conf)
    assert line is not None
    assert "\n" not in line
    return line


def test_groups_and_options(conf: Path) -> None:
    assert groups(conf) == ["net", "size"]
    assert options(conf, "net") == ["large/deep", "small"]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("sead=1", "sead: no such key; did you mean seed?"),
        ("net.widht=1", "net.widht: no such key; did you mean net.width?"),
        ("widht=1", "widht: no such key; did you mean net.width?"),
        ("net={widht: 1}", "net.widht: no such key; did you mean net.width?"),
        ("siez=tiny", "siez: no such key; did you mean size?"),
        ("qqq=1", "qqq: no such key; expected one of input, net, rate, seed, size"),
        ("seed.more=1", "seed.more: no such key; did you mean seed?"),
        ("hydra.job.nam=x", "hydra.job.nam: no such key; did you mean hydra.job.name?"),
        ("net=smal", "net=smal: no such option; did you mean net=small? options: large/deep, small"),
        ("net=large/dep", "net=large/dep: no such option; did you mean net=large/deep? options: large/deep, small"),
        ("hydra/sweeper=basc", "hydra/sweeper=basc: no such option; did you mean hydra/sweeper=basic? options: basic"),
        ("seed", "seed: not an override; write key=value, close brackets, and quote odd characters"),
        ("seed=[1", "seed=[1: not an override; write key=value, close brackets"),
        ("a b", "a b: not an override; write key=value"),
        ("seed=1,2", "seed=1,2: several values; add -m to run each"),
        ("seed=range(1,3)", "seed=range(1,3): several values; add -m to run each"),
        ("hydra.job.chdir=abc", "hydra.job.chdir: Value 'abc' is not a valid bool"),
        ("~nett", "~nett: no such key to delete; did you mean net?"),
        ("seed=${nothing}", "seed: Interpolation key 'nothing' not found"),
        ("seed=${oc.env:NO_SUCH_VARIABLE}", "seed: KeyError raised while resolving"),
        ("seed=???", "seed: missing; give it a value with seed=…"),
        ("~net.rate", "rate: Interpolation key 'net.rate' not found"),
        ("+seed=1", "Could not append to config. An item is already at 'seed'."),
    ],
)
def test_what_hydra_refuses_is_told_in_one_line(conf: Path, override: str, expected: str) -> None:
    assert told(conf, override).startswith(expected)


def test_an_unknown_main_config_names_the_nearest(conf: Path) -> None:
    assert told(conf, name="mian") == "--config-name mian: no such config; did you mean main?"


def test_a_parameter_that_the_config_leaves_out_is_offered_with_a_plus(conf: Path) -> None:
    text = (conf / "net" / "small.yaml").read_text().replace("toys.nets.Net", "pytorch_lightning.Trainer")
    (conf / "net" / "small.yaml").write_text(text)
    assert told(conf, "net.max_epochs=1") == "net.max_epochs: not in this config; add it with +net.max_epochs=…"
    assert told(conf, "net.max_epoch=1") == "net.max_epoch: no such key; did you mean +net.max_epochs?"
    (conf / "net" / "small.yaml").write_text(text.replace(".Trainer", ".Nothing"))
    assert told(conf, "net.max_epoch=1").startswith(
        "net.max_epoch: no such key; expected one of net._target_, net.rate"
    )


def explained(error: BaseException) -> str | None:
    return explain(error, conf_dir())


def test_an_error_of_ours_is_found_below_what_wraps_it(conf: Path) -> None:
    with pytest.raises(Exception) as caught:
        instantiate({"net": {"_target_": "toys.nets.Ranks", "first": 13, "second": 1}})
    assert explained(caught.value) == "net: 13 is no rank"
    with pytest.raises(Exception) as caught:
        instantiate({"_target_": "toys.nets.Ranks", "first": 13, "second": 1})
    assert explained(caught.value) == "toys.nets.Ranks: 13 is no rank"
    with pytest.raises(Exception) as caught:
        instantiate({"_target_": "toys.nets.Ranks", "first": 14, "second": 1})
    assert explained(caught.value) is None
    wrapped = RuntimeError("from a library")
    wrapped.__cause__ = InputError("too dark", file="a.png", row=3)
    assert explained(wrapped) == "a.png, row 3: too dark"


def test_an_error_of_a_worker_process_loses_its_traceback() -> None:
    text = "Caught InputError in worker 0.\nOriginal Traceback (most recent call last):\n  File x\n"
    assert explained(InputError(text + "faceline.errors.InputError: a.png: too dark\n")) == "a.png: too dark"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InputError("not so", column="data.size"), "data.size: not so"),
        (InputError("two\nlines", file="a.csv"), "a.csv: two lines"),
        (
            OSError(errno.ENOSPC, "No space left", "cache.npy"),
            "the disk is full: cache.npy; free some space and start again",
        ),
        (
            OSError(errno.ENOSPC, "No space left", "own.svg", None, "stand/a.svg"),
            "the disk is full: stand/a.svg; free some space and start again",
        ),
        (OSError(errno.EDQUOT, "Quota exceeded"), "the disk is full; free some space and start again"),
        (PermissionError(13, "denied", "x"), "not permitted to use x; change its permissions or choose another place"),
        (MemoryError(), "out of memory; lower data.batch_size, data.size or data.workers"),
        (type("MisconfigurationException", (Exception,), {})("no GPU\nhere"), "trainer: no GPU"),
        (ValueError("of a library"), None),
        (KeyError("x"), None),
        (FileNotFoundError(2, "x"), None),
    ],
)
def test_errors_of_the_machine_and_bugs(error: BaseException, expected: str | None) -> None:
    assert explained(error) == expected


def test_memory_that_torch_does_not_get_is_told_as_such() -> None:
    error = RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory: you tried …")
    assert explain(error, conf_dir()).startswith("out of memory")
    assert explain(RuntimeError("another"), conf_dir()) is None
