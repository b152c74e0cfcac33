"""The command ``faceline``: finds the verb, starts it, and reports a user's mistake in one line.

Nothing heavy is imported before a verb runs, so ``--help`` answers at once.
"""

import atexit
import gc
import importlib
import json
import locale
import logging
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceline.cli_help import FLAGS, VALUED, dev, overview, verb_help
from faceline.config.project import config_folders, opened
from faceline.config.quoting import quoted
from faceline.config.tree import conf_dir, hint, keys_of, nearest, nearest_leaf
from faceline.errors import InputError, NegativeAnswer
from faceline.verbs import INIT, PLAIN, RESULTS, VERBS

if TYPE_CHECKING:
    from omegaconf import DictConfig

OK, BUG, USER_ERROR, NO, INTERRUPTED, ENDED = 0, 1, 2, 3, 130, 143

PAIRS = {verb.split()[0]: [pair for pair in VERBS if pair.startswith(f"{verb.split()[0]} ")] for verb in VERBS}
"""Verbs of two words, by their first word."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: Words after the name of the command; None takes those of this process.

    Returns:
        The exit code: 0 for success, 2 for a user's mistake, 3 if the answer is no (not reproduced, not promoted), 130
        after an interruption. A bug keeps its traceback and exits with 1. ``HYDRA_FULL_ERROR=1`` shows that of a
        mistake too.
    """
    if argv is None:
        _speak_utf_8()
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # without a home it comments on where it keeps its fonts
    arguments = list(sys.argv[1:] if argv is None else argv)
    if argv is None and arguments[:1] == ["predict"]:  # the stand and Lightning have handlers of their own
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as after nohup
                signal.signal(number, lambda number, _: sys.exit(128 + number))  # so that what is unfinished is removed
    try:
        code = _in_project(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has gone
        _silence_stdout()
        return BUG
    except KeyboardInterrupt:
        return _interrupted()
    except SystemExit as stop:  # Lightning turns an interrupt into sys.exit(1)
        return _stopped(stop)
    except NegativeAnswer as answer:
        print(f"faceline: {answer}", file=sys.stderr)
        return NO
    except Exception as error:
        if not _told(error):
            raise
        return USER_ERROR
    return code


def _in_project(arguments: list[str]) -> int:
    """Run a verb with what the user's own project adds; hints in errors know its configs."""
    with opened(arguments, conf_dir()) as words:
        try:
            return _dispatch(words)
        except (BrokenPipeError, NegativeAnswer):
            raise
        except Exception as error:
            if not _told(error):
                raise
            return USER_ERROR


def _speak_utf_8() -> None:
    """Start again in UTF-8 if the locale has only ASCII or a code page, which cannot hold names and texts."""
    if not sys.flags.utf8_mode and locale.getpreferredencoding(False).lower() not in ("utf-8", "utf8"):
        environment = {**os.environ, "PYTHONUTF8": "1"}
        os.execve(sys.executable, [sys.executable, "-m", "faceline", *sys.argv[1:]], environment)


def _dispatch(arguments: list[str]) -> int:
    verb = arguments[0] if arguments else ""
    if not arguments:
        print(overview(), file=sys.stderr)
        return USER_ERROR
    if verb in ("-h", "--help", "help"):
        print(overview())
    elif verb == "dev":
        print(dev())
    elif verb == "--version":
        print(f"faceline {importlib.import_module('importlib.metadata').version('faceline')}")
    elif verb == "results":
        _results(arguments[1:])
    elif verb == "init":
        _init(arguments[1:])
    elif verb == "predict" and not {"-h", "--help"} & set(takewhile(lambda word: word != "--", arguments)):
        return _predict(arguments[1:])
    elif " ".join(arguments[:2]) in VERBS:
        return _workflow(" ".join(arguments[:2]), arguments[2:])
    elif verb in PAIRS:
        return _one_word(verb, arguments[1:])
    else:
        raise InputError(f"{verb}: no such verb{hint(verb, (*PAIRS, 'init', 'results', 'dev'))}; see faceline --help")
    return OK


def _one_word(verb: str, arguments: list[str]) -> int:
    """Run a verb of one word, or show the verbs of two words that begin with it."""
    second = arguments[0] if arguments else ""
    is_word = second.isalpha() and PAIRS[verb]
    if verb in VERBS and not is_word:
        return _workflow(verb, arguments)
    if second in ("-h", "--help"):
        print("\n\n".join(verb_help(pair, conf_dir()) for pair in PAIRS[verb]))
        return OK
    wrong = f"{verb} {second}: no such verb" if second else f"{verb}: not the whole of a verb"
    words = [pair.split()[1] for pair in PAIRS[verb]]
    raise InputError(f"{wrong}{hint(second, words)}; see faceline {verb} --help")


def _init(arguments: list[str]) -> None:
    if {"-h", "--help"} & set(arguments):
        print(INIT)
        return
    if len(arguments) != 1 or arguments[0].startswith("-"):
        raise InputError("init: expected the name of one folder, as in faceline init my_project")
    importlib.import_module("faceline.commands.init").main(arguments[0])


def _results(arguments: list[str]) -> None:
    if {"-h", "--help"} & set(arguments):
        print(RESULTS)
        return
    match arguments:
        case []:
            settings: dict[str, Any] = {}
        case ["--check"]:
            settings = {"check": True}
        case ["--add", run_id] if not run_id.startswith("-"):
            settings = {"add": run_id}
        case ["--add", run_id, "--as", name] if not (run_id.startswith("-") or name.startswith("-")):
            settings = {"add": run_id, "name": name}
        case _:
            raise InputError(f"results {' '.join(arguments)}: expected nothing, --check or --add RUN_ID [--as NAME]")
    importlib.import_module("faceline.commands.results").main(**settings)


def _workflow(verb: str, overrides: list[str]) -> int:
    if {"-h", "--help"} & set(overrides):
        print(verb_help(verb, conf_dir()))
        return OK
    plain = verb in PLAIN
    _refuse_flags(verb, overrides, ("--help",) if plain else tuple(FLAGS))
    if verb == "compare":
        overrides = _runs_by_place(overrides)
    return (_run_plain if plain else _run_hydra)(verb.replace(" ", "_"), overrides)


def _runs_by_place(overrides: list[str]) -> list[str]:
    """Turn ``compare A B`` into ``compare run_ids=[A,B]``."""
    runs = list(takewhile(lambda word: re.fullmatch(r"\w+", word), overrides))
    return [f"run_ids=[{','.join(map(json.dumps, runs))}]", *overrides[len(runs) :]] if runs else overrides


def _predict(words: list[str]) -> int:
    """Run ``predict``: with Hydra if it needs a trained run, without it for a bundle."""
    from faceline.config.plain import names_and_settings, read_settings  # noqa: PLC0415
    from faceline.config.schema import Predict  # noqa: PLC0415

    names, overrides = names_and_settings(words, VALUED)
    if names and any(word.startswith("input=") for word in overrides):
        raise InputError(f"name everything in one place: either {names[0]} and others, or input=…", column="input")
    if any(word.startswith(("-", "run_id=", "ckpt_path=")) for word in overrides):
        _refuse_flags("predict", overrides, [flag for flag in FLAGS if flag not in ("-m", "--multirun")])
        given = names[0] if len(names) == 1 else json.dumps(names, ensure_ascii=False)
        return _run_hydra("predict", [*([f"input={given}"] if names else []), *overrides])
    here = ["input=."] if names else []  # in place of names, which may hold what YAML cannot
    settings = read_settings("predict", [*overrides, *here], Predict).model_dump()
    importlib.import_module("faceline.commands.predict").predict(settings | ({"input": names} if names else {}))
    return OK


def _refuse_flags(verb: str, overrides: Sequence[str], flags: Sequence[str]) -> None:
    """Refuse a misspelt flag, for which Hydra's parser would print its whole usage."""
    for word in overrides:
        name = word.split("=")[0]
        if name.startswith("-") and name not in flags:
            raise InputError(f"{name}: no such flag{_key_or_flag(verb, name, flags)}; see faceline {verb} --help")


def _key_or_flag(verb: str, name: str, flags: Sequence[str]) -> str:
    """Return what a misspelt flag may mean: another flag, or a key."""
    word, near = name.strip("-").replace("-", "_"), nearest(name, flags)
    key = nearest_leaf(word, keys_of(conf_dir(), verb.replace(" ", "_")))
    if key is not None and (near is None or key.rpartition(".")[2] == word):
        return f"; settings are written key=value: did you mean {key}=…?"
    return f"; did you mean {near}?" if near else "; settings are written key=value"


def _run_plain(verb: str, overrides: list[str]) -> int:
    """Run a verb of the stand, which needs neither Hydra nor training packages."""
    from faceline.config.plain import read_settings  # noqa: PLC0415
    from faceline.stand.settings import SETTINGS  # noqa: PLC0415

    settings = read_settings(verb, overrides, SETTINGS[verb])
    _check_report(verb, settings)
    _module(verb).main(settings)
    return OK


def _run_hydra(workflow: str, overrides: list[str]) -> int:
    from faceline import hydra_app  # noqa: PLC0415
    from faceline.config.hydra_node import guard  # noqa: PLC0415

    guard()
    codes: list[int] = []
    folders = ",".join(json.dumps(f"file://{folder}") for folder in config_folders())
    own = [f"hydra.searchpath=[{folders}]"] if folders else []
    words = [*own, *quoted(overrides)]
    hydra_app.run(workflow, words, conf_dir(), lambda cfg: _run_job(workflow, cfg, codes))
    return min(codes, default=OK)  # of a sweep, a mistake before a no


def _check_report(verb: str, settings: Any) -> None:
    """Refuse the place of a benchmark's report before the measurement, which may take hours."""
    if verb.startswith("benchmark_"):
        from faceline.outputs import check_report  # noqa: PLC0415

        check_report(Path(settings.output))


def _module(verb: str) -> Any:
    """Return the module of a verb, such as ``runs_clean`` or ``benchmark_train``."""
    name = verb.removeprefix("benchmark_")
    return importlib.import_module(f"faceline.{'commands' if name == verb else 'benchmarks'}.{name}")


def _run_job(workflow: str, cfg: "DictConfig", codes: list[int]) -> float | None:
    """Check a config and run the workflow with it; a refused job of a sweep does not stop the others."""
    from faceline.config.check import check  # noqa: PLC0415
    from faceline.config.resolvers import register  # noqa: PLC0415

    register()  # again: some launchers run the job in a process of its own
    try:
        with _uncollected():
            check(cfg, workflow)  # imports what the config names
            _check_report(workflow, cfg)
            module = _module(workflow)
        result: float | None = module.main(cfg)
    except BrokenPipeError:
        _silence_stdout()
        raise SystemExit(BUG) from None  # anything else Hydra would comment on
    except NegativeAnswer as answer:
        print(f"faceline: {answer}", file=sys.stderr)
        codes.append(NO)
        return None
    except Exception as error:
        if not _told(error):
            raise
        codes.append(USER_ERROR)
        return None
    return result


@contextmanager
def _uncollected() -> Iterator[None]:
    """Pause garbage collection during imports: it would take a fifth of a start and find nothing."""
    gc.disable()
    try:
        yield
    finally:
        _settle()
        gc.enable()


@cache
def _settle() -> None:
    """Exclude imported objects from garbage collection, once in a process."""
    gc.freeze()
    atexit.register(gc.unfreeze)  # libraries in C++ look at the end whether all is gone, and say so if not


def _told(error: Exception) -> bool:
    """Tell an error that the user can fix in one line, after its traceback where that is asked for; False for a bug."""
    from faceline.config.messages import explain  # noqa: PLC0415
    from faceline.config.own_code import wants_traceback  # noqa: PLC0415

    line = explain(error, conf_dir())
    if line is None:
        return False
    if wants_traceback():
        traceback.print_exception(error)
    print(f"faceline: error: {line}", file=sys.stderr)
    if sys.unraisablehook is sys.__unraisablehook__:  # of a process of our own
        sys.unraisablehook = lambda _: None  # the mistake is told; what breaks in tidying up after it is no news
    return True


def _stopped(stop: SystemExit) -> int:
    if isinstance(stop.__context__, KeyboardInterrupt):
        return _interrupted()
    if stop.code == ENDED:
        print("faceline: ended by SIGTERM", file=sys.stderr)
    raise stop


def _interrupted() -> int:
    print("faceline: interrupted", file=sys.stderr)
    return INTERRUPTED


def _silence_stdout() -> None:
    """Let the interpreter's last flush go nowhere."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.stdout.fileno())
    os.close(sink)
