#!/usr/bin/env bash
# Benchmarks in an environment like a user's: the package as it is now, and what it needs.
#
#   bench.sh NAME ... [-- ARGUMENT ...]   run benchmarks/NAME.py one after the other
#
# In the developers' own environment every start of pytest would load their tools as well. There
# has to be a .venv and an engine (`make bench` sees to both).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib.sh

bench=.venv/bench

names=()
while (($#)) && [ "$1" != -- ]; do
    names+=("$1")
    shift
done
shift || true # the --

[ -x "$bench/bin/python" ] || .venv/bin/python -m venv "$bench"
pip=("$bench/bin/python" -m pip install --quiet --disable-pip-version-check)
"${pip[@]}" . >&2 && "${pip[@]}" --force-reinstall --no-deps . >&2 ||
    fail "pip could not install the package; see its words above."
for name in "${names[@]}"; do
    "$bench/bin/python" "benchmarks/$name.py" "$@"
done
