"""The help of the command, built from the names and comments in the configs."""

import re
import textwrap
from pathlib import Path

from faceline.config.tree import inner_groups, options

VERBS: dict[str, tuple[str, tuple[str, ...]]] = {
    "train": (
        "train a model as one tracked run, or a sweep with -m",
        (
            "faceline train experiment=landmarks/cnn data=synthetic",
            "faceline train experiment=landmarks/mobilenetv2 data=udacity data.root=/data/udacity seed=1",
            "faceline train model=timm model.backbone=resnet34 name=resnet34 trainer.max_epochs=30 tags=[trial]",
            "faceline train data=csv data.root=photos data.csv=labels.csv split.protocol=person_disjoint",
            "faceline train experiment=identification/knn data=udacity split.protocol=video_disjoint",
            "faceline train experiment=landmarks/cnn ckpt_path=last   # go on with an interrupted run",
            "faceline train experiment=landmarks/cnn debug=fdr        # one batch: does every step run?",
            "faceline train -m experiment=landmarks/cnn,landmarks/resnet18 seed=0,1,2",
            "faceline train sweep=landmarks sweep.trials=20   # a search; typed again it goes on",
            "faceline train sweep=optuna experiment=landmarks/cnn 'model.lr=tag(log,interval(1e-4,1e-2))'",
        ),
    ),
    "evaluate": (
        "measure a trained model on any data set and split",
        (
            "faceline evaluate run_id=0123abcd",
            "faceline evaluate ckpt_path=best.ckpt data=udacity data.root=/data/udacity part=val",
            "faceline evaluate bundle=default data=udacity data.root=/data/udacity  # the model that ships",
            "faceline evaluate run_id=0123abcd split.protocol=person_disjoint output=results",
        ),
    ),
    "export": (
        "write a trained model as one file that runs without torch",
        (
            "faceline export run_id=0123abcd",
            "faceline export run_id=0123abcd data=udacity data.root=/data/udacity output=small.faceline",
        ),
    ),
    "predict": (
        "find faces and their landmarks in photos, folders and videos",
        (
            "faceline predict photo.jpg overlays=drawn",
            "faceline predict photos/ min_confidence=0.7 format=json",
            "faceline predict film.mp4 smooth=true overlays=drawn",
            "faceline predict frames/ faces=whole        # each frame is one face already",
            "faceline predict 'holiday/*.jpg' more/ bundle=small.faceline",
            "faceline predict photo.jpg run_id=champion",
        ),
    ),
    "compare": (
        "rank finished runs on one page, or review two of them",
        (
            "faceline compare",
            "faceline compare tags=[trial] output=comparison",
            "faceline compare sweep_id=0123abcd                       # the trials of a sweep",
            "faceline compare 0123abcd 4567cdef                       # a review of two runs",
        ),
    ),
    "reproduce": (
        "train a run again and check that every figure is the same",
        (
            "faceline reproduce run_id=0123abcd",
            "faceline reproduce run_id=0123abcd data.root=/data/udacity task.detector=landmarks.ckpt",
        ),
    ),
    "runs": (
        "list the runs of the store",
        (
            "faceline runs",
            "faceline runs status=failed newer_than=7d",
            "faceline runs match=[identification,video_disjoint] tags=[trial]",
        ),
    ),
    "runs delete": (
        "delete runs that failed or were killed",
        (
            "faceline runs delete older_than=2d",
            "faceline runs delete run_ids=[0123abcd] yes=true",
        ),
    ),
    "runs clean": (
        "remove the files of deleted runs",
        ("faceline runs clean",),
    ),
    "runs models": (
        "list registered models and champions",
        ("faceline runs models",),
    ),
    "promote": (
        "register a run's model; it becomes champion if it beats the last one",
        (
            "faceline promote run_id=0123abcd",
            "faceline promote run_id=0123abcd force=true 'reason=the champion was trained on faulty labels'",
        ),
    ),
    "rollback": (
        "go back to the previous champion",
        (
            "faceline rollback",
            "faceline rollback name=landmarks-udacity-official 'reason=jitters on dark frames'",
        ),
    ),
    "cluster": (
        "find groups of similar face shapes, and whether they are people",
        (
            "faceline cluster data=synthetic",
            "faceline cluster data=udacity data.root=/data/udacity k=[2,16] chosen=8",
        ),
    ),
    "data check": (
        "check a data set, summarise it and draw its distributions",
        (
            "faceline data check data=csv data.root=photos data.csv=labels.csv   # landmarks of your own",
            "faceline data check data=udacity data.root=/data/udacity data.on_error=skip",
        ),
    ),
    "benchmark train": (
        "measure images a second of a training, beside the loop that a newcomer writes",
        (
            "faceline benchmark train data.root=/data/udacity",
            "faceline benchmark train trainer=gpu compile=true warmup=20 steps=200 data.batch_size=256",
            "faceline benchmark train accuracy=2e-4 data.size=160 weights=mobilenetv2.safetensors",
        ),
    ),
    "benchmark input": (
        "measure what it costs to prepare a frame, and how that grows with the data",
        ("faceline benchmark input data.root=/data/udacity",),
    ),
    "benchmark infer": (
        "measure milliseconds from a frame to its landmarks, and a folder of frames",
        (
            "faceline benchmark infer data.root=/data/udacity",
            "faceline benchmark infer bundles=[default,mine.faceline] run_ids=[0123abcd] backbones=[]",
        ),
    ),
    "benchmark everywhere": (
        "measure faces that are turned, covered, dark, small or one of several, and photos without one",
        ("faceline benchmark everywhere data.root=/data/udacity bundles=[default,mine.faceline]",),
    ),
    "benchmark startup": ("measure seconds until the command does something", ("faceline benchmark startup",)),
    "benchmark identification": (
        "measure time and memory of identification by shapes, at any scale",
        (
            "faceline benchmark identification data.root=/data/youtube_faces",
            "faceline benchmark identification data=synthetic methods=[gnb,knn] data.batch_size=256",
        ),
    ),
    "benchmark sweep": (
        "measure how much of the machine a sweep uses, and what a trial costs",
        (
            "faceline benchmark sweep",
            'faceline benchmark sweep trials=4 \'training=["experiment=landmarks/cnn","debug=limit"]\'',
        ),
    ),
    "stand": (
        "run the interactive screen and its web pages",
        (
            "faceline stand                                    # drawn visitors",
            "faceline stand source=0 name=north catalogue=mall.yaml detector=yunet.onnx",
            "faceline stand source=rtsp://camera/stream embedder=arcface.onnx zone=Europe/Paris",
        ),
    ),
    "fleet": (
        "run one server for a chain of stands: health, contents, alerts",
        (
            "faceline fleet",
            "faceline fleet host=0.0.0.0 certificate=fleet.pem certificate_key=fleet.key allowed_hosts=[fleet.example]",
            "faceline stand fleet=https://fleet.example:8430 fleet_token=TOKEN   # a stand that belongs to it",
        ),
    ),
    "fleet publish": (
        "give contents to a group of stands in stages, or announce software",
        (
            "faceline fleet publish catalogue=mall.yaml group=malls first=10%",
            "faceline fleet publish bundle=own.faceline first=all",
            "faceline fleet publish software=faceline-0.2.0-py3-none-any.whl version=0.2.0",
        ),
    ),
    "report": (
        "report what a campaign did, as a page and tables",
        (
            "faceline report",
            "faceline report stores=[sqlite:///north.db,postgresql://user@host/chain,shipped/] campaign=spring",
        ),
    ),
    "plays": (
        "prove what was on the screen, and which share of the airtime that was",
        (
            "faceline plays catalogue=mall.yaml",
            "faceline plays catalogue=mall.yaml campaign=coffee since=2026-03-01 until=2026-03-31",
        ),
    ),
    "ship": (
        "send a stand's events to the chain's folder or database",
        ("faceline ship to=/mnt/chain", "faceline ship to=postgresql://stand@host/chain"),
    ),
    "simulate": (
        "run the stand on simulated visitors whose true preferences are known",
        (
            "faceline simulate",
            "faceline simulate repeats=200 days=3     # how often the interval holds the truth",
        ),
    ),
    "consent": (
        "list, withdraw, expire or export consents; rotate the key",
        (
            "faceline consent",
            "faceline consent action=withdraw person=ID",
            "faceline consent action=export person=ID output=person.json",
            "faceline consent action=rotate-key",
        ),
    ),
    "accounts": (
        "manage who may log in to the stand's pages",
        (
            "faceline accounts",
            "faceline accounts action=add name=anna role=operator",
            "faceline accounts action=add name=cafe role=advertiser campaigns=[coffee]",
            "faceline accounts action=campaigns name=cafe campaigns=[coffee,shoes]",
            "faceline accounts action=remove name=anna",
        ),
    ),
    "webhooks": (
        "manage the addresses that the stand posts its live audience to",
        (
            "faceline webhooks",
            "faceline webhooks action=add name=cms url=https://cms.example/hook",
            "faceline webhooks action=add name=crm url=https://crm.example/seen kinds=[customer_present] names=true",
            "faceline webhooks action=remove name=cms",
        ),
    ),
    "tokens": (
        "manage the tokens by which other programs and tills ask the stand",
        (
            "faceline tokens",
            "faceline tokens action=add name=prometheus scopes=[health]",
            "faceline tokens action=add name=cms scopes=[audience,figures] campaigns=[coffee]",
            "faceline tokens action=add name=till-1 scopes=[redeem]",
            "faceline tokens action=revoke name=cms",
        ),
    ),
    "benchmark stand": (
        "measure frames a second, time to a decision, memory over a simulated hour",
        ("faceline benchmark stand", "faceline benchmark stand faces=50 soak_seconds=0 detector=yunet.onnx"),
    ),
    "benchmark recognition": (
        "measure who is greeted by name, visit by visit, and who should not have been",
        ("faceline benchmark recognition", "faceline benchmark recognition people=60 'enrolled=[20]' draws=3"),
    ),
    "benchmark counting": (
        "measure visits, dwell and looks that a stand counts, against films of known truth",
        ("faceline benchmark counting", "faceline benchmark counting repeats=1 'rates=[12.5]' develop=true"),
    ),
    "benchmark fleet": (
        "measure requests a second and memory of one server for many stands, and how it comes back after a kill",
        ("faceline benchmark fleet", "faceline benchmark fleet stands=200 store=postgresql://fleet@host/fleet"),
    ),
    "benchmark report": (
        "measure time and memory of a report over a chain of stands",
        ("faceline benchmark report", "faceline benchmark report events=100000000 folder=/data/events"),
    ),
}
"""Purpose and examples of each verb that takes overrides."""

PLAIN = (
    "stand",
    "fleet",
    "fleet publish",
    "report",
    "plays",
    "ship",
    "simulate",
    "consent",
    "accounts",
    "tokens",
    "webhooks",
    "benchmark stand",
    "benchmark recognition",
    "benchmark counting",
    "benchmark report",
    "benchmark fleet",
)
"""Verbs of `faceline.stand`, whose settings are read without Hydra."""

RESULTS = """\
faceline results [--check | --add RUN_ID [--as NAME]]
  Render the published results into docs/results.md and draw them with their intervals.

  --check       Only compare the two; exit with 2 where they differ.
  --add RUN_ID  Add the figures of a finished run first, in place of the row of the same model.
  --as NAME     Add them under another name than its model's, so that another row of that model stays."""

GROUPS: dict[str, tuple[str, ...]] = {
    "data": ("data check", "cluster"),
    "train": ("train", "reproduce"),
    "models": ("evaluate", "compare", "promote", "rollback", "export"),
    "use": ("predict",),
    "stand": (
        *("stand", "simulate", "report", "plays", "ship", "fleet", "fleet publish"),
        *("consent", "accounts", "tokens", "webhooks"),
    ),
    "upkeep": ("runs", "runs models", "runs delete", "runs clean"),
}
"""Verbs by purpose, as the overview lists them; the others are for developers of faceline."""

INIT = """\
faceline init FOLDER
  Write the folder of a project of your own: package, configs, tests, and a faceline.yaml that opens them.

examples:
  faceline init my_project"""

_FIRST_COLUMN = 26
_WIDTH = 110

EXAMPLES = (
    ("landmarks of every face in a photo", "faceline predict photo.jpg overlays=drawn"),
    ("train a model on drawn faces", "faceline train experiment=landmarks/cnn data=synthetic"),
    ("rank the runs on one page", "faceline compare"),
    ("check a data set of your own", "faceline data check data=udacity data.root=FOLDER"),
    ("open the stand with drawn visitors", "faceline stand"),
)


def overview() -> str:
    """Return the help of the whole command: verbs in groups, and five examples."""
    return "\n".join(
        (
            "faceline: find the landmarks of faces, tell people apart, run an interactive stand",
            "",
            "usage: faceline VERB [key=value …]",
            *(line for group, verbs in GROUPS.items() for line in ("", group, *map(_line, verbs))),
            "",
            "your own project",
            f"  {'init':<{_FIRST_COLUMN}}start a folder with code and configs of your own",
            "",
            f"  {'dev':<{_FIRST_COLUMN}}benchmarks and published results: faceline dev",
            "",
            "examples",
            *(f"  {command:<56} # {about}" for about, command in EXAMPLES),
            "",
            "faceline VERB --help lists the keys and options of a verb. faceline --version prints the version.",
        )
    )


def dev() -> str:
    """Return the help of the verbs for developers of faceline."""
    grouped = {verb for verbs in GROUPS.values() for verb in verbs}
    return "\n".join(
        (
            "faceline: verbs for its developers",
            "",
            *(_line(verb) for verb in VERBS if verb not in grouped),
            f"  {'results':<{_FIRST_COLUMN}}render the published results into docs/results.md",
            "",
            "faceline VERB --help lists the keys and options of a verb.",
        )
    )


def _line(verb: str) -> str:
    return f"  {verb:<{_FIRST_COLUMN}}{VERBS[verb][0]}"


FLAGS = {
    "-m": "",
    "--multirun": "Run once for each combination of values, as in seed=0,1,2 (also -m).",
    "-c": "",
    "--cfg": "Print the config and stop: --cfg job.",
    "--resolve": "With --cfg, print values in place of ${…}.",
    "-p": "",
    "--package": "With --cfg, print only a part, as in --package model.",
    "-i": "",
    "--info": "Print how the config is composed: --info defaults-tree.",
    "-cd": "",
    "--config-dir": "A folder of your own configs, beside faceline's (or config_dir in faceline.yaml).",
    "--allow": "A package of your own from which configs may build (or allow in faceline.yaml).",
    "-cn": "",
    "--config-name": "",
    "-cp": "",
    "--config-path": "",
    "-r": "",
    "--run": "",
    "-sc": "",
    "--shell-completion": "",
    "--hydra-help": "Print the help of Hydra, the library that reads the overrides.",
}
"""Flags of a verb; those without a description are not shown."""

_OFTEN = ("--cfg", "--config-dir", "--allow")
"""Flags that the help of every verb shows; that of ``train`` shows all."""

VALUED = ("-c", "--cfg", "-p", "--package", "-i", "--info", "-cn", "--config-name", "-cp", "--config-path")
"""Flags that take the next word as their value."""


def verb_help(verb: str, conf: Path) -> str:
    """Return the help of one verb.

    Args:
        verb: Key of `VERBS`.
        conf: Folder of the configs.
    """
    about, examples = VERBS[verb]
    parts = [
        f"faceline {verb} [key=value …]",
        f"  {about[0].upper()}{about[1:]}.",
        *_section("examples", examples),
        *_section("choices (default first)", choices_of(verb, conf)),
        *_section("keys", [_key(*key) for key in own_keys(verb, conf)]),
    ]
    if verb not in PLAIN:
        shown = [flag for flag, about in FLAGS.items() if about] if verb == "train" else _OFTEN
        parts += _section("flags", [f"{flag:<20} {FLAGS[flag]}" for flag in shown])
        parts += ["", f"Every key of the composed config can be set: faceline {verb} --cfg job prints it."]
    return "\n".join(parts)


def own_keys(verb: str, conf: Path) -> list[tuple[str, str, str]]:
    """Return the keys of a verb's own file: name, default and meaning.

    Of a section, such as ``split``, the keys that have a comment are listed after it.
    """
    keys: list[tuple[str, str, str]] = []
    section = ""
    for line in _text(verb, conf).splitlines():
        match = re.fullmatch(r"( *)\"?(\w+)\"?: *([^#]*?) *(?:# *(.*))?", line)
        if match is None or line == "defaults:":
            continue
        indent, name, default, comment = (part or "" for part in match.groups())
        if not indent:
            section = name
            keys.append((name, default, comment))
        elif comment:
            if keys[-1] == (section, "", ""):
                keys.pop()
            keys.append((f"{section}.{name}", default, comment))
    return keys


def choices_of(verb: str, conf: Path) -> list[str]:
    """Return the config groups of a verb with their options, the default first; a group of one option is no choice."""
    outer = re.findall(r"^ +- (?:optional )?/?([\w/]+): *(\S+)", _text(verb, conf), re.MULTILINE)
    groups = [each for group, default in outer for each in _with_inner(conf, group, default)]
    return [_choice(conf, *each) for each in groups if options(conf, each[0]) != [each[1]]]


def _text(verb: str, conf: Path) -> str:
    return (conf / f"{verb.replace(' ', '_')}.yaml").read_text(encoding="utf-8")


def _section(title: str, lines: list[str] | tuple[str, ...]) -> list[str]:
    return ["", f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def _with_inner(conf: Path, group: str, default: str) -> list[tuple[str, str]]:
    """Return a group and its default, then the groups that this default chooses from, such as ``model/head``."""
    file = conf / group / f"{default}.yaml"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    inner = re.findall(r"^ +- (\w+): *(\S+)", text, re.MULTILINE)
    known = inner_groups(conf, group) if inner else []
    return [(group, default), *((f"{group}/{name}", chosen) for name, chosen in inner if name in known)]


def _choice(conf: Path, group: str, default: str) -> str:
    names = sorted(options(conf, group), key=lambda name: name != default)
    first = f"{group}=" if default != "null" else f"{group}= (none) | "
    return textwrap.fill(first + " | ".join(names), _WIDTH, subsequent_indent=" " * 6, break_on_hyphens=False)


def _key(name: str, default: str, comment: str) -> str:
    setting = f"{name}={default}" if default else f"{name}.…"
    if default == "???":
        setting, comment = f"{name}=…", f"Required. {comment}"
    if not comment:
        return setting
    told = textwrap.wrap(comment, _WIDTH - _FIRST_COLUMN - 4, break_long_words=False)
    first = f"{setting:<{_FIRST_COLUMN}} " if len(setting) <= _FIRST_COLUMN else f"{setting}\n{'':<{_FIRST_COLUMN + 3}}"
    return first + f"\n{'':<{_FIRST_COLUMN + 3}}".join(told)
