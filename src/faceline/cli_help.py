"""The help of the command, built from the names and comments in the configs."""

import re
import textwrap
from pathlib import Path

from faceline.config.tree import inner_groups, options
from faceline.verbs import EXAMPLES, GROUPS, PLAIN, VERBS

_FIRST_COLUMN = 26
_WIDTH = 110


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
        if default == "???":
            default, comment = "…", f"Required. {comment}"
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
    if not comment:
        return setting
    told = textwrap.wrap(comment, _WIDTH - _FIRST_COLUMN - 4, break_long_words=False)
    first = f"{setting:<{_FIRST_COLUMN}} " if len(setting) <= _FIRST_COLUMN else f"{setting}\n{'':<{_FIRST_COLUMN + 3}}"
    return first + f"\n{'':<{_FIRST_COLUMN + 3}}".join(told)
