"""What configs ask for at run time."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from faceline.config.resolvers import cpu_precision, model_name, register


@pytest.mark.parametrize(
    ("text", "precision"),
    [
        ("processor: 0\nflags\t\t: fpu sse avx512_bf16 ht\n", "bf16-mixed"),
        ("flags : amx_bf16\n", "bf16-mixed"),
        ("flags : fpu avx2\n", "32-true"),
        ("Features : fp asimd\n", "32-true"),
    ],
)
def test_precision_is_bfloat16_only_where_the_cpu_has_it(tmp_path: Path, text: str, precision: str) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(text)
    assert cpu_precision(file) == precision


def test_without_the_file_it_is_float32(tmp_path: Path) -> None:
    assert cpu_precision(tmp_path / "none") == "32-true"


def test_names_come_from_what_does_the_work() -> None:
    register()
    own = {"_target_": "x.Detector", "backbone": {"_target_": "x.y.SmallCNN"}}
    assert OmegaConf.create({"model": own, "name": "${model_name:${model}}"}).name == "smallcnn"
    assert model_name({"_target_": "x.Detector", "backbone": "resnet18"}) == "resnet18"
    assert model_name({"_target_": "x.Baseline", "estimator": {"_target_": "sklearn.GaussianNB"}}) == "gaussiannb"
    assert model_name({"_target_": "x.ShapeClassifier", "width": 3}) == "shapeclassifier"


@pytest.mark.parametrize(("model", "share"), [({"mirror": True}, 0.0), ({"mirror": False}, 0.5), ({}, 0.5)])
def test_transforms_leave_mirroring_to_a_model_that_does_it(model: dict[str, bool], share: float) -> None:
    register()
    step = "${mirrored_by_transforms:${oc.select:model.mirror,false}}"
    assert OmegaConf.create({"model": model, "probability": step}).probability == share
