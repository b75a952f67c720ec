#!/usr/bin/env bash
# Starts a gateway with the weather and news examples publishing into it.
# TIDINGS_ADDR chooses another address; Ctrl-C stops all of it.
set -euo pipefail
cd "$(dirname "$0")/.."

addr=${TIDINGS_ADDR:-127.0.0.1:8080}
pids=()

stop() {
    status=$?
    trap - EXIT INT TERM
    # Newest first: the publishers end before the gateway they publish to.
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        kill "${pids[i]}" 2>/dev/null || true
        wait "${pids[i]}" 2>/dev/null || true
    done
    exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir -p bin
go build -o bin/ ./cmd/tidings ./examples/weather ./examples/news

bin/tidings serve --listen "$addr" &
pids+=($!)

# Listening yet? If the gateway has given up (a taken port, say), it has said why.
until (exec 3<>"/dev/tcp/${addr%:*}/${addr##*:}") 2>/dev/null; do
    kill -0 "${pids[0]}" 2>/dev/null || { wait "${pids[0]}"; exit 1; }
    sleep 0.1
done

bin/weather --gateway "http://$addr" &
pids+=($!)
bin/news --gateway "http://$addr" &
pids+=($!)

echo "Open http://$addr/ in a browser; Ctrl-C stops."
wait -n "${pids[@]}"
