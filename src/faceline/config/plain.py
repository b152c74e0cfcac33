"""Reads the settings of commands without Hydra: ``conf/VERB.yaml``, a file of the user's own, then ``key=value``."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel

from faceline.config.check import refusal_of
from faceline.config.quoting import OVERRIDE_FORM
from faceline.config.sections import Section
from faceline.config.tree import conf_dir, hint
from faceline.config.yaml_file import YamlFile
from faceline.errors import InputError, first_line


class Settings(Section):
    """Keys that every such command has.

    Attributes:
        config: YAML file whose keys override the command's defaults; the command line overrides it in turn.
    """

    config: str | None


_Section = TypeVar("_Section", bound=Section)


def read_settings(name: str, overrides: Sequence[str], schema: type[_Section]) -> _Section:
    """Read the settings of a command.

    Args:
        name: Name of the file in the folder of the configs.
        overrides: Words ``key=value``, as typed; values are YAML.
        schema: Schema of the keys.

    Raises:
        InputError: The first fault, with its key and, in the user's own file, its line.
    """
    texts = _text_keys(schema)
    given = OmegaConf.unsafe_merge(*(_override(word, texts) for word in overrides)) if overrides else OmegaConf.create()
    defaults = OmegaConf.load(conf_dir() / f"{name}.yaml")
    assert isinstance(defaults, DictConfig)
    defaults.pop("defaults", None)  # for Hydra, with which the verb may be run too
    layers = [defaults]
    own = None
    if (file := OmegaConf.select(given, "config")) is not None:
        own = YamlFile(Path(str(file)))
        if not isinstance(own.data, dict):
            raise own.error("expected keys and values", ())
        layers.append(OmegaConf.create(own.data))
    try:
        config = OmegaConf.to_container(OmegaConf.merge(*layers, given), resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        for word in map(str, given):
            if word not in schema.model_fields:  # perhaps the missing key, mistyped
                raise InputError(f"{word}: no such key{hint(word, schema.model_fields)}") from None
        key = f"{error.full_key}: " if error.full_key else ""
        missing = "Missing" in type(error).__name__
        told = f"missing; give it a value with {error.full_key}=…" if missing else first_line(error)
        raise InputError(f"{key}{told}") from None
    assert isinstance(config, dict)
    config = {key: str(value) if key in texts and type(value) is int else value for key, value in config.items()}
    refusal = refusal_of(config, schema)
    if refusal is None:
        return schema.model_validate(config)
    place, message = refusal
    key = ".".join(map(str, place))
    if own is not None and place in own and OmegaConf.select(given, key) is None:
        raise own.error(message, place)
    raise InputError(f"{key}: {message}")


def names_and_settings(words: Sequence[str], valued: Collection[str] = ()) -> tuple[list[str], list[str]]:
    """Divide a command line into names of files, which stand without a key, and settings with flags.

    A word that begins with a dash is a flag, unless a file has that name; after ``--`` all words are names.

    Args:
        words: Words after the verb.
        valued: Flags whose value is the next word.
    """
    end = words.index("--") if "--" in words else len(words)
    names: list[str] = []
    settings: list[str] = []
    for before, word in zip(["", *words], words[:end], strict=False):
        (settings if before in valued or _is_setting(word) else names).append(word)
    return names + list(words[end + 1 :]), settings


def _is_setting(word: str) -> bool:
    """Tell whether a word is a flag or ``key=value``, and no file name."""
    return _sets_a_key(word) or (word.startswith("-") and word != "-" and not Path(word).exists())


def _sets_a_key(word: str) -> bool:
    """Tell whether a word is ``key=value`` and no file name."""
    return bool(re.match(r"[+~]{0,2}\w[\w.@/]*=", word)) and not Path(word).exists()


def _text_keys(schema: type[BaseModel]) -> set[str]:
    """Return the keys that hold text, for which 0 is the text "0": a camera, or an id without letters."""
    return {name for name, field in schema.model_fields.items() if _kinds(field.annotation) <= {str, NoneType}}


def _kinds(annotation: Any) -> set[Any]:
    """Return the types that an annotation allows."""
    parts = get_args(annotation) or (annotation,)
    return {get_args(part)[0] if get_origin(part) is Annotated else part for part in parts}


def _override(word: str, texts: Collection[str]) -> Any:
    """Return one ``key=value`` as a config; for text keys a number stays as it was typed."""
    key, equals, typed = word.partition("=")
    if not equals or not re.fullmatch(r"\w+(\.\w+)*", key):
        raise InputError(f"{word}: not an override; {OVERRIDE_FORM}")
    try:
        config = OmegaConf.from_dotlist([word])
        if key in texts and (type(config[key]) in (int, float) or typed == "-"):  # to YAML that begins a list
            config[key] = typed.strip()
        return config
    except Exception:  # YAML and OmegaConf have many
        raise InputError(f"{word}: not an override; {OVERRIDE_FORM}") from None
