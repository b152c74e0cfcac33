"""Put small faults into the code, one by one, and see how many of them the tests notice.

What is mutated and by which tests it is watched stands in pyproject.toml, ``[tool.mutmut]``. The whole takes hours;
begun again it goes on. A random sample is quicker. ``mutmut results`` lists the faults that nobody noticed, ``mutmut
show NAME`` shows one.

    python scripts/mutants.py [NAME...]                # such as faceline.metrics.landmark*
    python scripts/mutants.py --sample 400 --seed 1    # so many of all faults, drawn at random
"""

import argparse
import json
import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from mutmut.stats import status_by_exit_code
from scipy.stats import binomtest

WANTED = 0.85
NOTICED = ("killed", "timeout")
UNTRIED = ("not checked", "skipped", "check was interrupted by user")
FIRST = "faceline.stand.report.disclosure.x_hidden__mutmut_1"
"""Any fault: mutmut writes the list of all of them when it runs one."""


def _run(*names: str) -> None:
    subprocess.run([str(Path(sys.executable).with_name("mutmut")), "run", "--max-children", "2", *names], check=True)


def _outcomes() -> dict[str, str]:
    """Return what became of each fault, by its name."""
    files = (json.loads(path.read_text()) for path in Path("mutants").rglob("*.meta"))
    codes = {name: code for each in files for name, code in each["exit_code_by_key"].items()}
    return {name: status_by_exit_code[code] for name, code in codes.items()}


def _score(outcomes: list[str]) -> str:
    noticed = sum(each in NOTICED for each in outcomes)
    low, high = binomtest(noticed, len(outcomes)).proportion_ci(method="wilson")
    return f"{noticed} of {len(outcomes)} ({noticed / len(outcomes):.1%}; 95 % interval {low:.1%} to {high:.1%})"


def main() -> None:
    """Run mutmut; fail where fewer are noticed than wanted."""
    parser = argparse.ArgumentParser(description="Which small faults do the tests notice?")
    parser.add_argument("names", nargs="*", help="faults, such as faceline.metrics*; default: all")
    parser.add_argument("--sample", type=int, metavar="N", help="try N of all faults, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw")
    args = parser.parse_args()
    if args.sample and args.names:
        parser.error("a sample is drawn from all faults: give no names with it")
    names = args.names
    if args.sample:
        _run(FIRST)
        faults = sorted(_outcomes())
        names = random.Random(args.seed).sample(faults, min(args.sample, len(faults)))
    _run(*names)
    wanted = set(names) if args.sample else None
    tried = {
        name: outcome
        for name, outcome in _outcomes().items()
        if outcome not in UNTRIED and (wanted is None or name in wanted)
    }
    if not tried:
        sys.exit("no fault was tried")
    packages = defaultdict(list)
    for name, outcome in sorted(tried.items()):
        packages[name.split(".")[1]].append(outcome)
        if outcome not in NOTICED:
            print(f"{outcome}: {name}")
    for package, outcomes in packages.items():
        print(f"{package}: {_score(outcomes)}")
    print(f"noticed in all: {_score(list(tried.values()))}; wanted are {WANTED:.0%}")
    sys.exit(sum(each in NOTICED for each in tried.values()) < WANTED * len(tried))


if __name__ == "__main__":
    main()
