#!/usr/bin/env bash
# Makes .venv with this package and its development tools, and gets OpenCode into the cache.
# Running it again is quick: what is there and up to date stays.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib.sh

python=${PYTHON:-python3}
stamp=.venv/.bootstrapped

make_venv() {
    need_command "$python" python3
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
        fail "$python is $("$python" --version 2>&1); Python 3.10 or newer is needed. Name one with PYTHON=..."
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        local package
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        can_install || fail "$python cannot make virtual environments. Install $package and try again."
        install_packages "$package" || fail "apt-get could not install $package; see its words above."
    fi
    "$python" -m venv --clear .venv
}

install_project() {
    say "installing the package and its development tools into .venv"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' >&2 ||
        fail "pip could not install the package; see its words above."
    # The editable install leads to one folder: the stamp tells when the tree was moved or copied.
    pwd >"$stamp"
}

is_up_to_date() {
    [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ ! pyproject.toml -nt "$stamp" ] &&
        [ "$(cat "$stamp")" = "$PWD" ] && .venv/bin/python -c 'import pytest' 2>/dev/null
}

need_command git git
need_command rg ripgrep
if ! is_up_to_date; then
    make_venv
    install_project
fi

if ! binary=$(.venv/bin/python -m pytest_agentfix.agents.opencode.binary 2>/dev/null); then
    # Only fetching needs npm; who has the binary in the cache does without.
    need_command npm npm
    binary=$(.venv/bin/python -m pytest_agentfix.agents.opencode.binary) || exit 1
fi
say "ready: .venv, and OpenCode in $binary"
