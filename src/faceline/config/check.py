"""Refuses a wrong config before anything is built or read.

`faceline.config.schema` checks plain keys; the signature of the named class or function checks every node with
``_target_``, so that a class needs no second description.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from types import NoneType
from typing import Any, get_args

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from faceline.config.schema import SCHEMAS
from faceline.config.targets import Parameters, TypeHint, locate, parameters, refuse_prefix
from faceline.config.targets import allowed as open_targets
from faceline.config.tree import hint, nearest
from faceline.errors import InputError

Place = tuple[str | int, ...]
"""Keys and positions from the root of a config to a value."""

INSTANTIATE_WORDS: dict[str, Any] = {
    "_target_": str,
    "_partial_": bool,
    "_recursive_": bool,
    "_convert_": str,
    "_args_": list[Any],
}
"""Keys of a node that Hydra reads itself, beside the parameters of its target."""

_WORDING = {
    "a valid number": "a number",
    "a valid integer": "a whole number",
    "a valid string": "text",
    "a valid boolean": "true or false",
    "a valid array": "a list",
    "a valid tuple": "a list",
    "an object": "a mapping",
    "a valid dictionary": "a mapping",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "greater than": "above",
    "less than": "below",
    "String should match pattern": "text like",
    "callable": "a node with _target_ and _partial_: true",
}


def plain(cfg: DictConfig) -> dict[str, Any]:
    """Return a config in plain containers with every interpolation resolved.

    Raises:
        OmegaConfBaseException: A value is missing (``???``) or an interpolation does not resolve.
    """
    config = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}


def check(
    cfg: DictConfig,
    verb: str = "train",
    *,
    schema: type[BaseModel] | None = None,
    allowed: Sequence[str] | None = None,
) -> None:
    """Refuse a composed config that cannot be built.

    Args:
        cfg: Config of a job.
        verb: Name of its command.
        schema: Schema of its plain keys; None uses that of the command.
        allowed: Allowed targets, or prefixes if they end with a dot; None allows what is open.

    Raises:
        InputError: The first fault with its full key: an unknown or missing key, a value of a wrong type, or a
            ``_target_`` that is not allowed or does not exist.
        OmegaConfBaseException: A value is missing (``???``) or an interpolation does not resolve.
    """
    config = plain(cfg)
    config.pop("hydra", None)
    _check_numbers(config, "")
    _check_plain(config, schema or SCHEMAS[verb])
    _check_root(config.get("data") or {})
    check_targets(config, allowed)
    for key, node in _nodes(config, ""):
        _check_node(key, node)


def check_targets(config: dict[Any, Any], allowed: Sequence[str] | None = None) -> None:
    """Refuse a config, such as that in a checkpoint, with a target that may not be built.

    Args:
        config: Resolved config in plain containers.
        allowed: Allowed targets, or prefixes if they end with a dot; None allows what is open.

    Raises:
        InputError: A ``_target_`` is not allowed.
    """
    allowed = open_targets() if allowed is None else allowed
    for key, node in _nodes(config, ""):
        refuse_prefix(f"{key}._target_", node["_target_"], allowed)


def refusal_of(config: dict[Any, Any], schema: type[BaseModel]) -> tuple[Place, str] | None:
    """Return where a plain config first differs from a schema, and a line about it; None if it does not."""
    try:
        schema.model_validate_json(json.dumps(config), strict=True)  # JSON: a list may stand for a tuple
    except ValidationError as refusal:
        errors = refusal.errors()
    else:
        return None
    error = errors[0]
    place = _typed_place(error, config)
    *parents, word = map(str, place)
    if error["type"] == "extra_forbidden":
        return place, f"no such key{_key_hint(parents, word, _fields(schema, parents))}"
    if error["type"] == "missing":
        return place, f"missing; give it a value with +{'.'.join((*parents, word))}=…"
    same = [{**each, "loc": each["loc"][len(place) :]} for each in errors if each["loc"][: len(place)] == place]
    complaint = _complaint(same, "", error["input"])
    if error["type"] == "model_type" and place:
        complaint += f"; set its keys, as in {'.'.join((*parents, word, _fields(schema, [*parents, word])[0]))}=…"
    return place, complaint


def _typed_place(error: Any, config: Any) -> Place:
    """Return the place of an error down to the last key, without positions in a list and names of types."""
    place: Place = tuple(error["loc"])
    if error["type"] == "missing":
        return place
    for depth, part in enumerate(place):
        if not (isinstance(config, dict) and part in config):
            return place[:depth]
        config = config[part]
    return place


def _check_plain(config: dict[Any, Any], schema: type[BaseModel]) -> None:
    refusal = refusal_of(config, schema)
    if refusal is not None:
        place, message = refusal
        raise InputError(f"{'.'.join(map(str, place))}: {message}")


def _check_root(data: dict[str, Any]) -> None:
    """Refuse a folder of data that the data set does not read: drawn faces would be taken for those in it."""
    root, source = json.dumps(data.get("root")), json.dumps(data.get("source"))
    if data.get("source") and data.get("root") and root[:-1] not in source:  # a value may go on, as in ROOT/faces
        kind = data["source"]["_target_"].rpartition(".")[2]
        raise InputError(f"data.root: {kind} reads no folder; say what yours holds, as in data=pts or data=csv")


def _check_numbers(value: Any, key: str) -> None:
    """Refuse numbers that cannot have a meaning."""
    if isinstance(value, dict | list):
        for name, child in value.items() if isinstance(value, dict) else enumerate(value):
            _check_numbers(child, f"{key}.{name}" if key else str(name))
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{key}: expected a finite number, got {value}")
    words, holds = _limit_of(key)
    if holds is not None and not holds(value):
        raise InputError(f"{key}: expected {words}, got {value}")


_Holds = Callable[[float], bool]


def _limit_of(key: str) -> tuple[str, _Holds | None]:
    *_, section, name = "", *key.split(".")
    return _LIMITS.get(f"{section}.{name}", _LIMITS.get(name, ("", None)))


_AT_LEAST_1: tuple[str, _Holds] = ("at least 1", lambda value: value >= 1)
_NOT_NEGATIVE: tuple[str, _Holds] = ("at least 0", lambda value: value >= 0)
_ABOVE_0: tuple[str, _Holds] = ("a number above 0", lambda value: value > 0)
_SHARE: tuple[str, _Holds] = ("a share from 0 to 1", lambda value: 0 <= value <= 1)
_LIMITS: dict[str, tuple[str, _Holds]] = {
    **dict.fromkeys(("lr", "val_check_interval"), _ABOVE_0),
    **dict.fromkeys(("loss.width", "loss.curvature", "coarse_stage.room", "detail_stage.room"), _ABOVE_0),
    **dict.fromkeys(("people", "videos", "width", "bins", "k", "n_neighbors", "n_estimators"), _AT_LEAST_1),
    **dict.fromkeys(("accumulate_grad_batches", "check_val_every_n_epoch", "log_every_n_steps"), _AT_LEAST_1),
    **dict.fromkeys(("model.depth", "model.grid", "model.components", "model.embedding"), _AT_LEAST_1),
    **dict.fromkeys(("head.split", "coarse_stage.shrink", "detail_stage.eye", "detail_stage.mouth"), _AT_LEAST_1),
    **dict.fromkeys(("weight_decay", "gradient_clip_val", "patience", "min_delta", "warmup_epochs"), _NOT_NEGATIVE),
    **dict.fromkeys(("model.distances", "model.cross_entropy", "model.noise", "model.backbone_lr"), _NOT_NEGATIVE),
    **dict.fromkeys(("loss.beta", "head.beyond"), _NOT_NEGATIVE),
    "max_epochs": ("at least 1 (0 for an embedder: its discriminants alone)", lambda value: value >= 0),
    **dict.fromkeys(("dropout", "decay", "model.warmup", "model.smoothing", "model.shrinkage"), _SHARE),
}
"""Limits of keys that mean the same everywhere; a section before the name tells two meanings apart."""


def _fields(schema: type[BaseModel], parents: list[str]) -> list[str]:
    """Return the keys that the schema has below a key."""
    for parent in parents:
        kinds = [schema.model_fields[parent].annotation]
        kinds += getattr(kinds[0], "__args__", ())  # Section | None
        schema = next(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
    return list(schema.model_fields)


def _key_hint(parents: Sequence[str], word: str, names: Sequence[str]) -> str:
    """Return the nearest valid key in full, as it is typed; else the names at that place."""
    near = nearest(word, names)
    return hint(word, names) if near is None else f"; did you mean {'.'.join((*parents, near))}?"


def _nodes(value: Any, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every node with ``_target_`` and its key, outermost first."""
    children: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        if "_target_" in value:
            yield key, value
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    for name, child in children:
        yield from _nodes(child, f"{key}.{name}" if key else str(name))


def _check_node(key: str, node: dict[str, Any]) -> None:
    target = node["_target_"]
    known = parameters(locate(f"{key}._target_", target))
    for name, value in node.items():
        if name in INSTANTIATE_WORDS:
            _check_value(f"{key}.{name}", value, INSTANTIATE_WORDS[name])
        elif name in known.hints:
            if not known.is_default(name, value):
                _check_value(f"{key}.{name}", value, known.hints[name])
        elif not known.open:
            near = _key_hint(key.split("."), str(name), list(known.hints))
            raise InputError(f"{key}.{name}: {target} has no such parameter{near}")
    _check_required(key, node, known)


def _check_required(key: str, node: dict[str, Any], known: Parameters) -> None:
    if node.get("_partial_"):
        return
    for name in known.required[len(node.get("_args_", ())) :]:
        if name not in node:
            raise InputError(f"{key}.{name}: {node['_target_']} needs it; add it with +{key}.{name}=…")


def _check_value(key: str, value: Any, annotation: TypeHint) -> None:
    if next(_nodes(value, ""), None) is not None:
        return  # built by Hydra; its own parameters are checked
    try:
        adapter = TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
    except Exception:  # pydantic has many ways to say that a type is beyond it
        return
    try:
        adapter.validate_json(json.dumps(value), strict=True)
    except ValidationError as refusal:
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType] or [annotation]
        name = " or ".join(getattr(kind, "__name__", str(kind)) for kind in kinds)
        null = " or null" if NoneType in get_args(annotation) else ""
        raise InputError(f"{key}: {_complaint(refusal.errors(), name, value, null)}") from None


def _complaint(errors: Sequence[Any], name: str, value: Any, null: str = "") -> str:
    """Say what was expected and what came; there is one error for each type that the value may have."""
    choices = [word for error in errors for word in _choices(error)]
    kinds = [expected_of(error, name) for error in errors if not _choices(error)]
    *others, last = dict.fromkeys(choices + kinds)
    expected = f"{', '.join(others)} or {last}" if others else last
    near = nearest(str(value), choices)
    came = json.dumps(value, ensure_ascii=False)
    meant = f"; did you mean {near}?" if near else ""
    if kinds == ["a list"] and isinstance(value, str | int | float):
        meant = f"; write [{value}]"
    return f"expected {expected}{null}, got {shortened(came)}{meant}"


def expected_of(error: Any, name: str = "") -> str:
    """Return what was expected, of an error of pydantic.

    Args:
        error: One of its errors.
        name: Name of the type, for errors that name none.
    """
    if error["type"] == "needs_python_object":  # an instance of some class, which plain values never are
        place = str(error["loc"][-1]) if error["loc"] else name
        return f"a node with _target_ that builds a {place.removeprefix('is-instance[').removesuffix(']')}"
    if error["type"] == "model_type":
        return "a mapping"
    message = str(error["msg"]).partition(" after validation")[0].partition(", unable to parse")[0]
    for begin in (
        "Value error, ",
        "Input should be ",
        "List should have ",
        "Tuple should have ",
        "String should have ",
    ):
        message = message.removeprefix(begin)
    for theirs, ours in _WORDING.items():
        message = message.replace(theirs, ours)
    where = "".join(f"[{part}]" for part in error["loc"] if isinstance(part, int))
    wording = message[0].lower() + message[1:]
    return f"{wording} at {where}" if where else wording


def _choices(error: Any) -> list[str]:
    """Return the options of a Literal, as they are typed."""
    if error["type"] != "literal_error":
        return []
    return [word.strip(" '") for word in str(error["ctx"]["expected"]).replace(" or ", ", ").split(",")]


def shortened(text: str) -> str:
    """Return what came, as far as a line has room for it."""
    return text if len(text) <= 80 else text[:77] + "…"
