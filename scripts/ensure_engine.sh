#!/usr/bin/env bash
# A Docker engine for the tests and the demo.
#
#   ensure_engine.sh start STATE   use the engine that answers, else install and start one
#   ensure_engine.sh stop STATE    end the engine that `start` started; leaves any other alone
#
# STATE is a folder of the caller's. `start` leaves `dockerd.pid` in it if, and only if, it started
# an engine. Exit status 0: an engine answers (start), ours is gone (stop).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib.sh

python=.venv/bin/python
start_timeout=60 # seconds until a new engine answers
stop_timeout=30  # seconds for an orderly end

# Asked through the client library that the package itself uses: what it cannot reach is not there.
answers() {
    "$python" - 2>"$1" <<'PYTHON'
import docker, sys
try:
    docker.from_env(timeout=10).ping()
except (docker.errors.DockerException, OSError) as error:
    sys.exit(str(error))
PYTHON
}

explain() {
    say "No Docker engine answers: $(tail -n 1 "$1" 2>/dev/null)"
    if [ -n "${DOCKER_HOST:-}" ]; then
        say "  DOCKER_HOST is $DOCKER_HOST: is that engine up?"
    fi
    say "  Docker Desktop:   start it, then try again"
    say "  Docker on Linux:  sudo systemctl start docker"
    say "  Permission denied: sudo usermod -aG docker \"\$USER\", then log in again"
    say "  Rootless Docker:  export DOCKER_HOST=unix://\$XDG_RUNTIME_DIR/docker.sock"
    say "  Not installed:    https://docs.docker.com/engine/install/ (or, as root on Debian or"
    say "                    Ubuntu, run this again: it installs docker.io and starts it)"
    exit 1
}

# A bare machine without an init system may have no control groups mounted; an engine needs them.
mount_cgroups() {
    grep -q ' cgroup2\? ' /proc/mounts && return
    need_command cgroupfs-mount cgroupfs-mount
    cgroupfs-mount || say "cgroupfs-mount failed; the engine may not come up."
}

# No container of ours has a network, so the engine needs neither a bridge nor iptables, and leaves
# the machine's own firewall as it is.
launch() {
    setsid dockerd --bridge=none --iptables=false >"$1/dockerd.log" 2>&1 </dev/null &
    printf '%s\n' "$!" >"$1/dockerd.pid"
}

wait_until_up() {
    local pid deadline=$((SECONDS + start_timeout))
    pid=$(cat "$1/dockerd.pid")
    while ((SECONDS < deadline)); do
        answers "$1/ping.log" && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.5
    done
    say "dockerd did not come up. The end of its log:"
    grep -v level=info "$1/dockerd.log" | tail -n 8 >&2 || true
    stop "$1"
    return 1
}

start() {
    local state=$1
    [ -x "$python" ] || fail "there is no .venv yet; run scripts/bootstrap.sh first."
    mkdir -p "$state"
    answers "$state/ping.log" && return
    if [ -n "${DOCKER_HOST:-}" ] || [ "$(uname -s)" != Linux ] || [ "$(id -u)" != 0 ]; then
        explain "$state/ping.log"
    fi
    if ! has dockerd; then
        has apt-get || explain "$state/ping.log"
        install_packages docker.io || fail "apt-get could not install docker.io; see its words above."
        answers "$state/ping.log" && return # the package starts its service where there is systemd
    fi
    say "starting a Docker engine (it is stopped again at the end)"
    mount_cgroups
    launch "$state"
    wait_until_up "$state" || explain "$state/ping.log"
}

# offspring PID: it and its descendants. containerd is dockerd's child and must end with it.
offspring() {
    local child
    printf '%s\n' "$1"
    for child in $(cat "/proc/$1"/task/*/children 2>/dev/null); do
        offspring "$child"
    done
}

is_any_alive() {
    local pid state
    for pid in "$@"; do
        # A zombie has ended; whoever started it will collect it.
        state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null) || continue
        [ -z "$state" ] || [ "$state" = Z ] || return 0
    done
    return 1
}

# An ended dockerd is listed until its new parent, process 1, has looked; some look rarely.
wait_until_reaped() {
    local deadline=$((SECONDS + 5))
    while [ -d "/proc/$1" ] && ((SECONDS < deadline)); do
        sleep 0.2
    done
}

# A shim can outlive the containerd that has lost sight of its container; it is nobody's child.
end_shims() {
    local file pid
    for file in /proc/[0-9]*/cmdline; do
        pid=${file//[!0-9]/}
        if tr '\0' ' ' <"$file" 2>/dev/null |
            grep -q '^[^ ]*containerd-shim.* -address /var/run/docker/containerd/'; then
            kill -KILL "$pid" 2>/dev/null || true
        fi
    done
}

stop() {
    local pid all deadline=$((SECONDS + stop_timeout))
    [ -f "$1/dockerd.pid" ] || return 0
    pid=$(cat "$1/dockerd.pid")
    all=$(offspring "$pid")
    kill -TERM "$pid" 2>/dev/null || true
    # shellcheck disable=SC2086 - a list of numbers
    while is_any_alive $all && ((SECONDS < deadline)); do
        sleep 0.2
    done
    if is_any_alive $all; then
        say "dockerd did not end by itself; killing it"
        kill -KILL $all 2>/dev/null || true
    fi
    end_shims
    wait_until_reaped "$pid"
    rm -f "$1/dockerd.pid"
}

case "${1:-}:${2:-}" in
start:?*) start "$2" ;;
stop:?*) stop "$2" ;;
*) fail "usage: ensure_engine.sh start|stop STATE" ;;
esac
