"""Checks what a ``_target_`` names: whether it is allowed, where it is, and which parameters it takes."""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from traceback import extract_tb
from types import ModuleType, SimpleNamespace
from typing import Any, get_args, get_type_hints

from faceline.config.project import packages
from faceline.config.tree import hint
from faceline.errors import InputError, first_line

ALLOWED = (
    "faceline.",
    "optuna.pruners.",
    "optuna.samplers.",
    "pytorch_lightning.Trainer",
    "pytorch_lightning.callbacks.",
    "pytorch_lightning.loggers.",
    "pytorch_lightning.plugins.",
    "pytorch_lightning.profilers.",
    "pytorch_lightning.strategies.",
    "sklearn.discriminant_analysis.",
    "sklearn.ensemble.",
    "sklearn.linear_model.",
    "sklearn.naive_bayes.",
    "sklearn.neighbors.",
    "sklearn.svm.",
    "sklearn.tree.",
    "torch.nn.",
    "torch.optim.",
)
"""What a config may build: exactly this name, or any name below it if it ends with a dot. People pass configs around,
and a target such as ``torch.load`` or ``os.system`` would turn them into programs."""


def allowed() -> tuple[str, ...]:
    """Return `ALLOWED` and the user's own packages that this command has opened."""
    return (*ALLOWED, *(f"{name}." for name in packages()))


TypeHint = Any
"""A type annotation."""


@dataclass
class Parameters:
    """The parameters of a target.

    Attributes:
        hints: Annotation of each parameter; ``Any`` if plain values cannot be checked against it.
        defaults: Parameters with a default, and their defaults.
        required: Parameters without a default, in order.
        open: Whether it takes other names too.
    """

    hints: dict[str, TypeHint] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    open: bool = False

    def is_default(self, name: str, value: Any) -> bool:
        """Tell whether a value is the parameter's own default, which need not fit its annotation."""
        return name in self.defaults and (type(value), value) == (type(self.defaults[name]), self.defaults[name])


def refuse_prefix(key: str, target: Any, allowed: Sequence[str]) -> None:
    """Refuse a target by its name alone, before anything is imported.

    Raises:
        InputError: The name is no text, is private, or is not below an allowed prefix.
    """
    if not isinstance(target, str):
        raise InputError(f"{key}: expected the dotted name of a class or function, got {target!r}")
    fits = any(target.startswith(name) if name.endswith(".") else target == name for name in allowed)
    if not fits or any(part.startswith("_") or not part for part in target.split(".")):
        raise _not_allowed(key, target, allowed)


def _not_allowed(key: str, target: str, allowed: Sequence[str]) -> InputError:
    names = ", ".join(f"{name}*" if name.endswith(".") else name for name in allowed)
    package = target.split(".", maxsplit=1)[0]
    known = package in sys.stdlib_module_names or any(name.split(".")[0] == package for name in allowed)
    own = "" if known or not package.isidentifier() else f"; if {package} is your own code, add --allow {package}"
    return InputError(f"{key}: {target} is not allowed as a target; expected one of {names}{own}")


def locate(key: str, target: str) -> Callable[..., Any]:
    """Import the class or function that a target names.

    Raises:
        InputError: It does not exist (the message names the nearest one), is no class or function, or is reached only
            through another package's name, as ``os.system`` through a module that imports ``os``.
    """
    first, *rest = target.split(".")
    found: Any = _import_package(key, first)
    path = first
    for part in rest:
        parent, path = path, f"{path}.{part}"
        if not hasattr(found, part) and not _import_submodule(found, path):
            raise InputError(f"{key}: {parent} has no {part}{hint(part, _names(found))}")
        found = getattr(found, part)
        if isinstance(found, ModuleType) and found.__name__ != path:
            raise _not_allowed(key, target, allowed())
    if isinstance(found, ModuleType) or not callable(found):
        inside = hint("", _names(found)) if isinstance(found, ModuleType) else ""
        raise InputError(f"{key}: {target} is no class or function{inside}")
    if str(getattr(found, "__module__", "")).split(".")[0] != first:
        raise _not_allowed(key, target, allowed())
    return found  # type: ignore[no-any-return]


def _import_package(key: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name or name not in packages():
            raise _broken(name, error) from error
        raise InputError(
            f"{key}: Python finds no package {name}; install it (pip install -e .), or name the folder that it lies in "
            f"as source in faceline.yaml"
        ) from None
    except Exception as error:
        raise _broken(name, error) from error


def _import_submodule(package: Any, path: str) -> bool:
    if not hasattr(package, "__path__"):
        return False
    try:
        importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name != path:
            raise _broken(path, error) from error
        return False
    except Exception as error:
        raise _broken(path, error) from error
    return True


def _broken(path: str, error: Exception) -> Exception:
    """Return what to raise for a module that fails when it is imported: one line if it is the user's own."""
    if path.partition(".")[0] not in packages():
        return error
    frames = [frame for frame in extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    file, row = frames[-1].filename, frames[-1].lineno
    if isinstance(error, SyntaxError):
        file, row = error.filename or file, error.lineno
    told = f"{path} cannot be imported ({type(error).__name__}: {first_line(error)})"
    return InputError(told, file=file, row=row)


def _names(place: Any) -> list[str]:
    """Return what a config could name in a module: its public classes and functions, or the modules of a package."""
    members = ((name, getattr(place, name, None)) for name in dir(place) if not name.startswith("_"))
    own = [name for name, value in members if callable(value) and _is_home(value, place)]
    modules = [module.name for module in pkgutil.iter_modules(getattr(place, "__path__", ()))]
    return own + [name for name in modules if not name.startswith("_")]


def _is_home(value: Any, place: Any) -> bool:
    root = str(getattr(place, "__name__", "")).split(".")[0]
    return str(getattr(value, "__module__", "")).split(".")[0] == root


def parameters(target: Callable[..., Any]) -> Parameters:
    """Return the parameters of a function or a class; with those of its bases if it passes ``**kwargs`` on."""
    known = Parameters(open=True)
    bases: Sequence[type] = target.__mro__[1:-1] if inspect.isclass(target) else ()
    owners: list[Callable[..., Any]] = [target, *(base for base in bases if "__init__" in vars(base))]
    for owner in owners:
        try:
            signature = inspect.signature(owner)
        except ValueError:  # written in C, without a signature
            break
        _add(known, owner, signature, with_required=owner is target)
        if not any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
            known.open = False
            break
    return known


def same_build(key: str, one: Any, other: Any) -> bool:
    """Tell whether two nodes build the same, by whatever name, and whether or not they name defaults.

    Raises:
        InputError: A target is not allowed, or does not exist.
    """
    return bool(_build(key, one) == _build(key, other))


def _build(key: str, node: Any) -> Any:
    """Return the class of a node and its arguments that are not defaults."""
    if not isinstance(node, dict) or "_target_" not in node:
        return node
    refuse_prefix(f"{key}._target_", node["_target_"], allowed())
    target = locate(f"{key}._target_", node["_target_"])
    known = parameters(target)
    arguments = {
        name: value for name, value in node.items() if name != "_target_" and not known.is_default(name, value)
    }
    return target, {name: _build(f"{key}.{name}", value) for name, value in arguments.items()}


def _add(known: Parameters, owner: Callable[..., Any], signature: inspect.Signature, *, with_required: bool) -> None:
    for name, parameter in signature.parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY) or name in known.hints:
            continue
        known.hints[name] = _hint(owner, parameter.annotation)
        if parameter.default is not parameter.empty:
            known.defaults[name] = parameter.default
        elif with_required:
            known.required.append(name)


def _hint(owner: Callable[..., Any], annotation: Any) -> TypeHint:
    if isinstance(annotation, str):  # from __future__ import annotations
        function: Any = inspect.unwrap(owner.__init__ if inspect.isclass(owner) else owner)
        holder = SimpleNamespace(__annotations__={"it": annotation})
        try:
            annotation = get_type_hints(holder, getattr(function, "__globals__", {}))["it"]
        except (NameError, TypeError, SyntaxError, AttributeError):  # imported for the type checker only
            return Any
    return Any if annotation is inspect.Parameter.empty or _has_axes(annotation) else annotation


def _has_axes(annotation: Any) -> bool:
    """Tell whether an annotation has a jaxtyping alias: an array, which no config can hold."""
    return type(annotation).__module__.startswith("jaxtyping") or any(map(_has_axes, get_args(annotation)))
