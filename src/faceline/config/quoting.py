"""Quotes what a user types, where Hydra would read a path or an id as something else."""

import re
from collections.abc import Sequence
from typing import Final

OVERRIDE_FORM: Final = "write key=value, close brackets, and quote odd characters"
"""What to do about a word that cannot be read; parsers speak of their own insides instead."""

_PATH_KEYS = re.compile(
    r"(ckpt_path|(?:model\.)?weights|model\.start|(?:embedder\.)?bundle|embedder\.onnx|input|output|overlays|figure"
    r"|task\.(?:detector|teacher|landmarks)|data\.(?:root|cache_dir|csv|annotations)"
    r"|data\.source\.\w*(?:root|file|folder|csv|annotations)|tracking\.(?:root|uri))=(?!null$)(.+)"
)


def quoted(overrides: Sequence[str]) -> list[str]:
    """Quote paths and ids in overrides; the values of a sweep stay several."""
    several = {"-m", "--multirun"} & set(overrides)
    return [_id_as_text(word if several else _path_as_text(word)) for word in overrides]


def _path_as_text(word: str) -> str:
    """Quote a path, which may have signs with a meaning in Hydra, such as ``=``, a space or brackets."""
    match = _PATH_KEYS.fullmatch(word)
    if match is None or match[2].startswith(('"', "'", '["')) or "${" in match[2]:
        return word
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', match[2])
    ending = re.search(r"\\*$", escaped)
    return f'{match[1]}="{escaped}{ending[0] if ending else ""}"'


def _id_as_text(word: str) -> str:
    """Quote ids that look like numbers, such as ``run_id=91902090`` or ``run_ids=[300451e12166]``."""
    if listed := re.fullmatch(r"run_ids=\[([\w, ]*)\]", word):
        ids = re.sub(r"\w+", r'"\g<0>"', listed[1])
        return f"run_ids=[{ids}]"
    return re.sub(r"^(run_id|sweep_id)=(?!null$)(\w+)$", r'\1="\2"', word)
