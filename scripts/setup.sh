#!/usr/bin/env bash
# Makes a virtual environment with exactly the locked versions: by uv where it can be had, else by pip.
# Usage: setup.sh PYTHON VENV LOCK...    TORCH_INDEX=ADDRESS takes torch and torchvision from there.
set -euo pipefail
python=$1 venv=$2
shift 2
[ -x "$venv/bin/pip" ] || "$python" -m venv "$venv" ||
    { rm -rf "$venv"; echo "Python has no venv here: apt install python3-venv"; exit 1; }

uv=$(command -v uv || echo "$venv/bin/uv")
[ -x "$uv" ] || "$venv/bin/pip" install --quiet uv || echo "uv cannot be had; pip takes longer"
# uv asks the index that pip is set to ask.
index=$("$venv/bin/pip" config list | sed -n "s/.*\.index-url='\(.*\)'/\1/p" | tail -n 1)
export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-${index:-}}
[ -n "$UV_DEFAULT_INDEX" ] || unset UV_DEFAULT_INDEX

install() { # what pip install takes; the lock is complete, so nothing is looked for beside it
    "$uv" pip install --quiet --python "$venv/bin/python" --no-deps "$@" 2>"$venv/uv.log" ||
        "$venv/bin/pip" install --quiet --no-deps "$@"
}

locked=$(mktemp)
trap 'rm -f "$locked"' EXIT
cat "$@" >"$locked"
if [ -n "${TORCH_INDEX:-}" ]; then
    mapfile -t torch < <(grep -E '^torch(vision)?==' "$locked")
    install --index-url "$TORCH_INDEX" "${torch[@]}"
    # A build for CPUs calls none of these, and one for another GPU brings its own.
    sed -i -E '/^(torch|torchvision|nvidia-[a-z0-9-]+|cuda-[a-z]+)==/d' "$locked"
fi
install --requirement "$locked"
install --editable .
