#!/usr/bin/env bash
# Runs tests with other versions than those of .venv, each set in a virtual environment of its own.
#   test_versions.sh floors PYTHON [PYTEST_ARGUMENT...]   the oldest that pyproject.toml allows
#   test_versions.sh pythons [PYTEST_ARGUMENT...]         every Python from 3.10 to 3.14 that is here
# Exit status: 0 when all passed; what is not here is told, and is no failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib.sh

newest=14

# run_with VENV PYTHON CONSTRAINTS [PYTEST_ARGUMENT...]
run_with() {
    local venv=$1 python=$2 constraints=$3
    shift 3
    "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        ${constraints:+-c "$constraints"} -e '.[test]' >&2 ||
        fail "pip could not install these versions; see its words above."
    say "$("$venv/bin/python" --version) with $("$venv/bin/python" -m pip list --format=freeze \
        --disable-pip-version-check | grep -iE '^(pytest|docker|gitpython|coverage)==' | tr '\n' ' ')"
    "$venv/bin/python" -m pytest "$@"
}

# The newest of a kind that runs: pyenv has shims for some that do not.
find_python() {
    local candidate
    for candidate in "python3.$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"3.$1".*/bin/python; do
        "$candidate" -c 'import venv' 2>/dev/null && echo "$candidate" && return
    done
    return 1
}

case ${1:-} in
floors)
    python=${2:-python3}
    shift 2
    constraints=$(mktemp)
    trap 'rm -f "$constraints"' EXIT
    .venv/bin/python scripts/floors.py >"$constraints"
    run_with .venv-floors "$python" "$constraints" "$@"
    ;;
pythons)
    shift
    status=0
    for minor in $(seq 10 $newest); do
        if python=$(find_python "$minor"); then
            run_with ".venv-3.$minor" "$python" "" "$@" || status=1
        else
            say "Python 3.$minor is not here; left out."
        fi
    done
    exit $status
    ;;
*) fail "the first argument is floors or pythons" ;;
esac
