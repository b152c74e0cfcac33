#!/usr/bin/env bash
# Installs a wheel in a new environment, as a user does, and finds the drawn faces of a picture with it.
# Usage: try_wheel.sh WHEEL [PYTHON]
set -euo pipefail
wheel=$(realpath "$1")
photo=$(realpath "$(dirname "$0")/../docs/synthetic_faces.jpg")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${2:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "$wheel"
cd "$folder"
venv/bin/faceline --version
venv/bin/faceline --help >help.txt
venv/bin/python -c "import faceline; print(faceline.__version__)"
venv/bin/faceline predict "$photo" output=faces.csv overlays=drawn
[ "$(wc -l <faces.csv)" -gt 1 ] || { echo "no face was found in $photo"; exit 1; }
