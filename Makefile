# Two commands do it all: `make run` and `make test`. Both first set up libtorch where it isn't there (scripts/setup).

CARGO ?= cargo
export PATH := $(PATH):$(HOME)/.cargo/bin
# scripts/setup names one libtorch; a second voice would only have the bindings compiled again
unexport LIBTORCH_USE_PYTORCH

.PHONY: help run test check audit setup lite package faults

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: setup ## set up, build and open the terminal on experiments.toml
	$(CARGO) build --release --locked
	$(CARGO) run --quiet --release --locked --bin mocolab

test: setup ## set up, build and run every test
	@command -v tmux >/dev/null || echo 'make: no tmux: the tests that drive the real terminal need it (sudo apt-get install tmux)'
	@if $(CARGO) nextest --version >/dev/null 2>&1; \
	then echo '$(CARGO) nextest run --release --locked' && $(CARGO) nextest run --release --locked; \
	else echo '$(CARGO) test --release --locked' && $(CARGO) test --release --locked --lib --bins --tests; fi
	$(CARGO) test --release --locked --doc

check: setup ## formatting, lints (with and without the trainer), licences
	$(CARGO) fmt --check
	$(CARGO) clippy --release --locked --all-targets -- -D warnings
	$(CARGO) clippy --release --locked --all-targets --no-default-features -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; \
	then echo '$(CARGO) deny check licenses bans sources' && $(CARGO) deny check licenses bans sources; \
	else echo 'make: no cargo-deny: licences and sources of the dependencies are not checked (cargo install cargo-deny)'; fi

audit: ## known holes in the dependencies, where RustSec's database can be fetched
	@scripts/audit

setup: ## find libtorch or bring it (545 MB for the CPU), and tell cargo where it is
	@scripts/setup

faults: setup ## kill trainers, fail their disks and damage their files hundreds of times (half an hour and more)
	@mkdir -p target && rm -f target/faults.md
	MOCOLAB_FAULTS=full MOCOLAB_FAULTS_TABLE=$(CURDIR)/target/faults.md $(CARGO) test --release --locked --test programs faults:: -- --test-threads=2
	@cat target/faults.md

package: setup ## one archive of both programs, manual, completions and an install script, in dist/
	scripts/package

lite: ## the terminal alone, without libtorch: for a laptop or a login node
	$(CARGO) run --release --locked --no-default-features --bin mocolab
