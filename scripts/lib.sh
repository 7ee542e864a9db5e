# Shared by the scripts here: words to the user, and Debian packages. Sourced, not run.

say() { printf '%s\n' "$*" >&2; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

can_install() { [ "$(id -u)" = 0 ] && has apt-get; }

# install_packages PACKAGE...: Debian and Ubuntu, as root only.
install_packages() {
    say "installing: $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2 </dev/null &&
        apt-get install -y -qq --no-install-recommends "$@" >&2 </dev/null
}

# need_command COMMAND PACKAGE: have the command, by installing the package if that can be done.
need_command() {
    has "$1" && return
    if can_install; then
        install_packages "$2" || fail "apt-get could not install $2; see its words above."
        has "$1" && return
    fi
    fail "$1 is missing. Install it (on Debian and Ubuntu: sudo apt-get install $2) and try again."
}
