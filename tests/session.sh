# shellcheck shell=bash
# Sourced by `tests/run` and `tests/bench`: installs what they need, and makes the session they run in.
export PATH="$PATH:/usr/sbin:/sbin"

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

apt_install() {
    echo "installing $*" >&2
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >&2
}

# install_missing COMMAND:PACKAGE…
install_missing() {
    local pair packages=()
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || packages+=("${pair##*:}")
    done
    if [ "${#packages[@]}" -gt 0 ]; then apt_install "${packages[@]}"; fi
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || { echo "$0: ${pair%%:*} is missing" >&2; exit 1; }
    done
}

# Inside a D-Bus session of its own. The keyring is unlocked before any client talks to the bus: otherwise a locked
# one is started, and a later unlock changes nothing without saying so. Hence the probe.
# shellcheck disable=SC2016
in_session='
    printf %s test | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
    printf x | secret-tool store --label=probe probe 1
    if [ "$(secret-tool lookup probe 1)" != x ]; then
        echo "the keyring could not be unlocked" >&2
        exit 1
    fi
    secret-tool clear probe 1
    export WEBEX_CONNECT_TEST_SESSION=1
    exec "$@"'

# with_keyring HOME COMMAND…: runs it with an unlocked keyring of its own, in this directory as its home.
with_keyring() {
    local home=$1
    shift
    mkdir -m 700 "$home"/{data,state,config,cache,run}
    # The toolchain stays where it is while HOME changes. Under nohup a hang-up would be ignored by what is tested.
    env --default-signal=HUP -u DBUS_SESSION_BUS_ADDRESS -u DISPLAY -u WAYLAND_DISPLAY \
        CARGO_HOME="${CARGO_HOME:-$HOME/.cargo}" RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}" \
        HOME="$home" XDG_DATA_HOME="$home/data" XDG_STATE_HOME="$home/state" XDG_CONFIG_HOME="$home/config" \
        XDG_CACHE_HOME="$home/cache" XDG_RUNTIME_DIR="$home/run" \
        dbus-run-session -- bash -euo pipefail -c "$in_session" in-session "$@"
}
