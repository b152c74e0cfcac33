"""Put small faults into the code, one by one, and see how many of them the tests notice.

What is mutated and by which tests it is watched stands in pyproject.toml, ``[tool.mutmut]``. Takes hours; begun again
it goes on. ``mutmut results`` lists the faults that nobody noticed, ``mutmut show NAME`` shows one.

    python scripts/mutants.py [NAME...]      # such as faceline.metrics.landmark*
"""

import json
import subprocess
import sys
from pathlib import Path

WANTED = 0.85


def main() -> None:
    """Run mutmut; fail where fewer are noticed than wanted."""
    mutmut = str(Path(sys.executable).with_name("mutmut"))
    subprocess.run([mutmut, "run", *sys.argv[1:]], check=True)
    subprocess.run([mutmut, "export-cicd-stats"], check=True)
    counts = json.loads(Path("mutants", "mutmut-cicd-stats.json").read_text())
    noticed = counts["killed"] + counts["timeout"]
    tried = noticed + counts["survived"] + counts["no_tests"] + counts["suspicious"]
    subprocess.run([mutmut, "results"], check=True)
    if not tried:
        sys.exit("no fault was tried")
    print(f"{noticed} of {tried} faults were noticed ({noticed / tried:.1%}); wanted are {WANTED:.0%}")
    sys.exit(noticed < WANTED * tried)


if __name__ == "__main__":
    main()
