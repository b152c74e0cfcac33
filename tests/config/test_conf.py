"""Every file of conf/ composes, passes the check and builds what it names."""

import json
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import LightningModule

from faceline.config.check import check
from faceline.config.plain import read_settings
from faceline.config.resolvers import register
from faceline.config.tree import conf_dir, groups, options
from faceline.errors import InputError
from faceline.geometry.markup import IBUG68
from faceline.stand.settings import SETTINGS
from faceline.verbs import PLAIN

CONF = conf_dir()
MODEL_PARTS = ("loss", "head", "coarse_stage")
BENCHMARKS = ("everywhere", "identification", "infer", "input", "startup", "sweep", "train")
VERBS = (
    *("train", "evaluate", "export", "predict", "compare", "cluster", "data_check"),
    *("reproduce", "promote", "rollback", "runs", "runs_clean", "runs_delete", "runs_models"),
    *(f"benchmark_{name}" for name in BENCHMARKS),
)
ANSWERS = {
    "predict": ["input=photo.jpg"],
    "reproduce": ["run_id=0123abcd"],
    "promote": ["run_id=0123abcd"],
    "ship": ["to=chain"],
}
"""What a user must give."""

TABLES = {"csv": ["data.csv=labels.csv"], "coco": ["data.annotations=labels.json"]}
"""What a user must give of data of their own."""

LEAVES = [
    (group, option) for group in groups(CONF) if group not in ("runtime", "hydra") for option in options(CONF, group)
]


def composed(verb: str, *overrides: str) -> DictConfig:
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(verb, list(overrides))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_composes_as_it_is(verb: str) -> None:
    check(composed(verb, *ANSWERS.get(verb, [])), verb)


def test_every_primary_config_is_tested() -> None:
    assert {path.stem for path in CONF.glob("*.yaml")} == {*VERBS, *SETTINGS}
    assert {verb.replace(" ", "_") for verb in PLAIN} == set(SETTINGS)


@pytest.mark.parametrize("verb", SETTINGS)
def test_every_verb_without_hydra_is_complete_as_it_is(verb: str) -> None:
    assert read_settings(verb, ANSWERS.get(verb, []), SETTINGS[verb]).config is None


def test_what_looks_like_a_number_is_text_where_text_is_asked_for(tmp_path: Path) -> None:
    stand = SETTINGS["stand"]
    for typed, kept in (("0", "0"), ("007", "007"), ("1e5", "1e5"), ("'0'", "0"), ("demo", "demo")):
        assert read_settings("stand", [f"source={typed}"], stand).model_dump()["source"] == kept
    assert read_settings("stand", ["embedder=null", "port=80"], stand).model_dump()["embedder"] is None
    person = "1234567890123e45"  # ids are made at random, of digits and letters to f
    assert read_settings("consent", [f"person={person}"], SETTINGS["consent"]).model_dump()["person"] == person
    (tmp_path / "own.yaml").write_text("source: 0\n")
    assert read_settings("stand", [f"config={tmp_path / 'own.yaml'}"], stand).model_dump()["source"] == "0"


@pytest.mark.parametrize(("group", "option"), LEAVES, ids=str)
def test_every_option_composes_into_a_training_and_passes_the_check(group: str, option: str) -> None:
    check(composed("train", f"{group}={option}", *(TABLES.get(option, []) if group == "data" else [])), "train")


@pytest.mark.parametrize("group", MODEL_PARTS)
@pytest.mark.parametrize("experiment", ["landmarks/cnn", "landmarks/mobilenetv2"])
def test_what_is_chosen_of_a_model_is_what_the_model_has(group: str, experiment: str) -> None:
    for option in options(CONF, f"model/{group}"):
        cfg = composed("train", f"experiment={experiment}", f"model/{group}={option}")
        alone = OmegaConf.load(CONF / "model" / group / f"{option}.yaml")
        assert cfg.model[group] == alone
        assert getattr(instantiate(cfg.model), group) is not None


@pytest.mark.parametrize(
    "option", ["landmarks/cnn", "identification/fnn_2d", "identification/embedder", "identification/knn"]
)
@pytest.mark.parametrize("debug", options(CONF, "debug"))
def test_an_experiment_of_each_kind_goes_with_every_debug_option(option: str, debug: str) -> None:
    check(composed("train", f"experiment={option}", f"debug={debug}"), "train")


@pytest.mark.parametrize("option", options(CONF, "experiment"))
def test_every_experiment_builds_its_task_its_model_and_callbacks(option: str) -> None:
    cfg = composed("train", f"experiment={option}")
    task, model = instantiate(cfg.task), instantiate(cfg.model)
    assert task.name == option.partition("/")[0]
    assert callable(getattr(model, "enrol", None)) or isinstance(model, LightningModule)
    names = {type(instantiate(node)).__name__ for node in cfg.callbacks.values() if node}
    assert "ModelCheckpoint" in names
    assert ("EarlyStopping" in names) == (cfg.callbacks.early_stopping is not None)


@pytest.mark.parametrize("option", options(CONF, "trainer"))
def test_every_trainer_is_built_or_says_that_the_machine_lacks_it(option: str, tmp_path: Path) -> None:
    cfg = composed("train", f"trainer={option}")
    try:
        trainer = instantiate(cfg.trainer, default_root_dir=str(tmp_path), logger=False)
    except Exception as error:
        assert option in ("gpu", "ddp")
        assert "gpu backend" in str(error)
    else:
        assert trainer.max_epochs == cfg.trainer.max_epochs


@pytest.mark.parametrize("option", options(CONF, "data"))
def test_every_data_set_is_built_or_says_where_it_is_looked_for(option: str, tmp_path: Path) -> None:
    numbers = [float(i) for i in range(136)]
    table = f"file,{','.join(map(str, range(136)))}\nface.jpg,{','.join(map(str, numbers))}\n"
    (tmp_path / "labels.csv").write_text(table)
    (tmp_path / "labels.json").write_text(json.dumps({"images": [], "annotations": [{"keypoints": [1] * 204}]}))
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "face.jpg").touch()
    cfg = composed("train", f"data={option}", f"data.root={tmp_path}", *TABLES.get(option, []))
    assert instantiate(cfg.data.source).name in option


@pytest.mark.parametrize("option", options(CONF, "transforms"))
def test_every_pipeline_is_built(option: str) -> None:
    cfg = composed("train", f"transforms={option}")
    for part in ("train", "eval"):
        assert instantiate(cfg.transforms[part]).steps


def test_the_file_of_the_68_points_is_what_the_code_knows() -> None:
    assert instantiate(composed("train").markup) == IBUG68


@pytest.mark.parametrize("option", options(CONF, "markup"))
def test_every_markup_is_whole(option: str) -> None:
    """Regions hold every landmark once; a mirror undoes itself and swaps the two points of the normaliser."""
    markup = instantiate(composed("train", f"markup={option}").markup)
    assert sorted(point for points in markup.regions.values() for point in points) == list(range(markup.points))
    assert (markup.flip_order[markup.flip_order] == range(markup.points)).all()
    assert markup.flip_order[markup.normaliser[0]] == markup.normaliser[1]


@pytest.mark.parametrize(
    ("verb", "typed", "told"),
    [
        ("benchmark_recognition", "enrolled=[]", "enrolled: expected at least 1 item, got []"),
        ("benchmark_recognition", "enrolled=[20,0]", "enrolled: expected at least 1 at [1], got 0"),
        ("stand", "embedder_mean=abc", 'embedder_mean: expected a number or a list, got "abc"'),
        ("stand", "source=''", 'source: expected at least 1 character, got ""'),
        ("tokens", "scopes=[helth]", 'got "helth"; did you mean health?'),
    ],
)
def test_a_refusal_names_the_key_as_it_is_typed(verb: str, typed: str, told: str) -> None:
    with pytest.raises(InputError) as refusal:
        read_settings(verb, [*ANSWERS.get(verb, []), typed], SETTINGS[verb])
    assert told in str(refusal.value)
