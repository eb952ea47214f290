# `make test` is everything that must pass; nothing hides elsewhere.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BUF := target/tools/node_modules/.bin/buf
REDOCLY := target/tools/node_modules/.bin/redocly
OPENAPI := src/channel/openapi/openapi.json

.PHONY: help test tools fmt clippy proto openapi widget cargo-test bench profile chaos fuzz run

help: ## Lists the targets.
	@sed -nE 's/^([a-z-]+):.*## (.*)$$/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

test: tools ## Everything that must pass; installs what the machine lacks, and says so.
	@$(MAKE) --no-print-directory fmt
	@$(MAKE) --no-print-directory clippy
	@$(MAKE) --no-print-directory proto
	@$(MAKE) --no-print-directory openapi
	@$(MAKE) --no-print-directory cargo-test
	@echo "==> make test: all of it passed"

tools: ## Installs what tests need and the machine lacks.
	@echo "==> tools"
	@scripts/install-tools

fmt: ## Formatting.
	@echo "==> cargo fmt --all --check"
	@cargo fmt --all --check

clippy: ## Lints, warnings denied.
	@echo "==> cargo clippy --workspace --all-targets -- -D warnings"
	@cargo clippy --locked --workspace --all-targets -- -D warnings

proto: tools ## The contracts, by buf's STANDARD rules.
	@echo "==> buf lint proto"
	@$(BUF) lint proto

openapi: tools ## The description of the HTTP API, by Redocly's recommended rules.
	@echo "==> redocly lint $(OPENAPI)"
	@REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true $(REDOCLY) lint --skip-rule info-license $(OPENAPI)

widget: tools ## Makes widget.min.js of widget.js and widget.css; a test holds it to them.
	@echo "==> widget.min.js"
	@scripts/minify-widget.mjs

cargo-test: ## Unit tests, whole-gateway tests, browser tests, a small bench.
	@echo "==> cargo test --workspace"
	@cargo test --locked --workspace

bench: ## Each scenario beside its floor, in release; a few minutes after the build. Figures: target/bench.json.
	@echo "==> build"
	@cargo build --release --locked
	@cargo build --release --locked -p load-tests
	@echo "==> bench"
	@target/release/load-tests bench

profile: ## The instructions of an answer by function, under callgrind; `ONLY=http_json` for one way in. target/profile/.
	@echo "==> tools"
	@scripts/install-tools profile
	@echo "==> build"
	@cargo build --release --locked
	@cargo build --release --locked -p load-tests
	@echo "==> profile"
	@target/release/load-tests profile --only "$(ONLY)"

chaos: ## Every fault in its long form, in release; some 15 minutes after the build. Rewrites the table in load-tests/README.md.
	@echo "==> build"
	@cargo build --release --locked
	@cargo build --release --locked -p load-tests
	@echo "==> chaos"
	@target/release/load-tests chaos --readme load-tests/README.md
	@echo "==> simulation, 5000 seeds"
	@VOXGATE_SIMULATION_SEEDS=5000 cargo test --release --locked --lib simulation

fuzz: ## libFuzzer on every decoder, FUZZ_SECONDS (60) each; `scripts/fuzz NAME` for one. Finds: fuzz/crashes/.
	@scripts/fuzz

run: ## All roles in one process.
	@cargo run --release
