#!/usr/bin/env bash
# Runs every fuzz target of the repository for the given time each (10s by default):
# `go test -fuzz` takes one target of one package at a time.
set -euo pipefail
cd "$(dirname "$0")/.."

fuzztime=${1:-10s}
go list -f '{{.ImportPath}} {{.Dir}} {{join .TestGoFiles " "}} {{join .XTestGoFiles " "}}' ./... |
    while read -r pkg dir files; do
        for file in $files; do
            sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$dir/$file"
        done | while read -r target; do
            echo "$pkg $target"
            go test -run '^$' -fuzz "^$target\$" -fuzztime "$fuzztime" "$pkg" </dev/null
        done
    done
