#!/usr/bin/env bash
# Runs a command with a Docker engine at hand; an engine that had to be started for it is stopped
# at the end, however the command ends.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

state=$(mktemp -d)
clean_up() {
    "$here/ensure_engine.sh" stop "$state" || true
    rm -rf "$state"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$here/ensure_engine.sh" start "$state"
"$@"
