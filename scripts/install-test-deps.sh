#!/bin/sh
# Installs what `make test` needs and does not find, on Debian and its kin:
# a C compiler for -race, Node 20 or later, Chromium and Firefox. Does nothing where all are there.
set -eu

missing=
need() { # command package…
    command -v "$1" >/dev/null 2>&1 && return
    shift
    missing="$missing $*"
}
need gcc gcc libc6-dev
need node nodejs
need npm npm
need chromium chromium
need firefox-esr firefox-esr

if ! command -v go >/dev/null 2>&1; then
    echo "go is missing: install it from https://go.dev/dl/ (go.mod names the version)" >&2
    exit 1
fi

if [ -n "$missing" ]; then
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "missing, and there is no apt-get to install them:$missing" >&2
        exit 1
    fi
    sudo=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || { echo "need root or sudo to install:$missing" >&2; exit 1; }
        sudo=sudo
    fi
    echo "installing:$missing"
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq update
    # shellcheck disable=SC2086 # the list is meant to be split
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing
fi

major=$(node -p 'process.versions.node.split(".")[0]')
if [ "$major" -lt 20 ]; then
    echo "node $major is too old: the tests need 20 or later (https://nodejs.org)" >&2
    exit 1
fi
