# Everything a developer runs. `make help` lists the targets.

SHELL       := /bin/sh
.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help

GO       ?= go
NPM      ?= npm
FUZZTIME ?= 10s
BENCH    ?= .
COUNT    ?= 6
MODES    ?= native,websocket,sse,longpoll

# Where install-test-deps.sh puts a newer Node if the system's is too old.
export PATH := $(CURDIR)/bin/node/bin:$(PATH)

TOOL := $(GO) tool -modfile=tools/go.mod

# npm ci writes this file last, so it is as new as the last complete install.
JS_DEPS  := js-client/node_modules/.package-lock.json
E2E_DEPS := test/e2e/node_modules/.package-lock.json
COMPARE  := test/compare/node_modules/.package-lock.json

.PHONY: help run build client docs fmt lint test test-deps test-go test-js e2e bench bench-compare soak-sockets fallback-table wpt fuzz cover clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start a gateway on 127.0.0.1:8080 with weather and news flowing in; Ctrl-C stops it all
	@scripts/run.sh

build: ## build the gateway into bin/
	$(GO) build -o bin/ ./cmd/tidings

client: $(JS_DEPS) ## build the browser client into js-client/dist
	$(NPM) --prefix js-client run build

docs: ## write the generated pages of docs/ again
	$(GO) generate ./...

fmt: ## format all Go files
	$(TOOL) gofumpt -w .

lint: ## run every linter
	$(TOOL) golangci-lint run ./...

test: test-deps test-go test-js e2e ## run everything: Go with -race, the client, two browsers and two of old; installs what is missing

test-deps:
	@scripts/install-test-deps.sh

test-go:
	$(GO) vet ./...
	$(GO) test -race -timeout 5m ./...
	$(GO) test -count 1 -run 'Costs|Allocates|Small|Fits' ./gateway ./transport/... ./server # what the race detector would falsify

test-js: $(JS_DEPS)
	$(NPM) --prefix js-client run check
	$(NPM) --prefix js-client test

e2e: build $(E2E_DEPS) ## drive Chromium, Firefox, Chromium 64 and PhantomJS against the built gateway
	TIDINGS="$(CURDIR)/bin/tidings" $(NPM) --prefix test/e2e test

bench: ## run the Go benchmarks: BENCH=regexp COUNT=n; compare two runs with benchstat
	@mkdir -p bin
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./... | tee bin/bench.txt
	$(TOOL) benchstat bin/bench.txt

bench-compare: build ## measure the gateway beside yardsticks, Nchan and websocketd where they are installed, against the goals: ARGS=flags
	$(GO) run ./bench/compare -program bin/tidings $(ARGS)

fallback-table: build $(E2E_DEPS) $(COMPARE) ## measure the client, Socket.IO and SockJS behind a proxy that breaks transports into docs/fallback.md: ARGS=flags
	TIDINGS="$(CURDIR)/bin/tidings" node test/e2e/fallback-table.mjs $(ARGS)

wpt: $(E2E_DEPS) ## run the web-platform-tests for WebSocket that are in WPT=folder: MODES=native,websocket,sse,… ARGS=flags
	$(GO) build -o bin/wpt-handlers ./test/wpt/handlers
	node test/wpt/run.mjs --wpt "$(WPT)" --program bin/wpt-handlers --mode $(MODES) $(ARGS)

fuzz: ## run every fuzz target for FUZZTIME each
	@scripts/fuzz.sh $(FUZZTIME)

soak-sockets: ## stream a gigabyte through a socket, and have ten thousand vanish
	TIDINGS_SOAK=1 $(GO) test -count 1 -v -timeout 20m ./test/sockets

cover: ## measure the coverage of the Go tests into coverage.html
	$(GO) test -coverpkg=./... -coverprofile=coverage.out ./...
	$(GO) tool cover -html=coverage.out -o coverage.html
	@$(GO) tool cover -func=coverage.out | tail -n 1

clean: ## remove what the other targets made
	rm -rf bin coverage.out coverage.html test/e2e/out js-client/node_modules test/e2e/node_modules test/compare/node_modules

%/node_modules/.package-lock.json: %/package-lock.json
	$(NPM) --prefix $* ci
	@touch $@
