#!/bin/sh
# Installs what `make test` needs and does not find, on Debian and its kin:
# a C compiler for -race, curl, jq and Python for the documentation's commands and the examples, Node 20 or later, Chromium and Firefox, fonts,
# and the proxies that the gateway is tried behind. Where all are there it does nothing.
set -eu
cd "$(dirname "$0")/.."

missing=
need() { # command package…
    PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null 2>&1 && return
    shift
    missing="$missing $*"
}
need gcc gcc libc6-dev
need curl curl
need jq jq
need python3 python3
need node nodejs
need npm npm
need chromium chromium
need firefox-esr firefox-esr
need fc-match fontconfig fonts-dejavu-core # PhantomJS draws with it
need nginx nginx
need haproxy haproxy
need varnishd varnish

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

# Debian 12 has Node 18. A newer one goes into bin/node, which the Makefile puts first in PATH.
node_dir=bin/node
major=$(PATH="$PWD/$node_dir/bin:$PATH" node -p 'process.versions.node.split(".")[0]')
if [ "$major" -lt 20 ]; then
    package=node-linux-$(node -p process.arch)
    echo "installing: $package into $node_dir"
    npm install --prefix "$node_dir" --no-save --no-package-lock "$package@22.23.3"
    ln -sfn "node_modules/$package/bin" "$node_dir/bin"
fi
