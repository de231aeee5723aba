# make help lists what there is. make test needs Go, a C compiler and make, and
# installs the rest.

SHELL     := bash
GO        ?= go
FUZZTIME  ?= 10m
# What one run leaves behind lies in a folder that git ignores.
OUT       := .ci/out

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## start a node on http://127.0.0.1:8080
	$(GO) run ./cmd/node

.PHONY: test
test: deps lint peers bench-once ## everything that CI checks: format, vet, staticcheck, tests with the race detector, benchmarks once
	TROUPE_TEST_ALL=1 $(GO) test -race -count=1 -timeout 12m -json ./... | $(GO) run .ci/summary.go

.PHONY: deps
deps:
	@.ci/deps

.PHONY: lint
lint: ## format, vet, staticcheck, and golangci-lint where it is installed
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then printf 'Not formatted; run gofmt -w on:\n%s\n' "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	@if command -v golangci-lint >/dev/null; then golangci-lint run ./...; fi

.PHONY: peers
peers:
	@if [ -f bench/peers/go.mod ]; then cd bench/peers && $(GO) vet ./... && $(GO) build -o /dev/null ./...; fi

.PHONY: bench-once
bench-once:
	@mkdir -p $(OUT)
	$(GO) test -run '^$$' -bench . -benchtime 1x ./... >$(OUT)/bench.txt 2>&1 || { cat $(OUT)/bench.txt; exit 1; }

.PHONY: bench
bench: ## measure whole paths beside a peer; takes a while, shows progress
	$(GO) run ./bench

.PHONY: chaos
chaos: ## break a cluster while clients use it, and prove that nobody missed anything unannounced
	$(GO) run ./bench/chaos
	$(GO) run ./bench/chaos --backend postgres --restart kill
	$(GO) run ./bench/outbox

.PHONY: fuzz
fuzz: ## fuzz every parser for FUZZTIME (10m) each
	@set -e; for pkg in $$($(GO) list ./...); do \
	  for name in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "$$pkg $$name for $(FUZZTIME)"; \
	    $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$pkg; \
	  done; \
	done
