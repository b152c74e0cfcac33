import re
import subprocess
import sys
from pathlib import Path

import faceline


def test_packages_do_nothing_by_being_imported() -> None:
    """What an __init__.py imports would slip past the check of the layers."""
    root = Path(faceline.__file__)
    code = [file for file in root.parent.rglob("__init__.py") if file.read_text().strip() and file != root]
    assert code == []


def test_the_page_on_the_architecture_names_files_that_exist() -> None:
    root = Path(faceline.__file__).parent
    page = root.parents[1] / "docs" / "architecture.md"
    files = re.findall(r"`([\w/]+\.py)`", page.read_text())
    assert len(files) > 20
    assert [file for file in files if not (root / file).is_file()] == []


def test_the_package_imports_what_it_offers_only_when_it_is_used() -> None:
    program = "import sys, faceline; print({'torch', 'mlflow', 'hydra', 'numpy'} & set(sys.modules)); dir(faceline)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_stub_tells_what_the_package_offers() -> None:
    stub = Path(faceline.__file__).with_suffix(".pyi").read_text()
    told = {line.split()[-1]: line.split()[1] for line in stub.splitlines() if line.startswith("from ")}
    assert told == faceline._PLACES
