# Two commands do it all: `make run` and `make test`. Both first set up libtorch where it isn't there (scripts/setup).

CARGO ?= cargo
BENCH_PYTHON ?= .venv/bin/python
BENCH_DATA ?= data
export PATH := $(PATH):$(HOME)/.cargo/bin
# scripts/setup names one libtorch; a second voice would only have the bindings compiled again
unexport LIBTORCH_USE_PYTORCH

.PHONY: help run test check audit setup lite package faults fuzz bench

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

faults: setup ## kill trainers, fail their disks and damage their files hundreds of times (an hour and more)
	@mkdir -p target && rm -f target/faults.md
	MOCOLAB_FAULTS=full MOCOLAB_FAULTS_TABLE=$(CURDIR)/target/faults.md $(CARGO) test --release --locked --test programs faults:: -- --test-threads=2
	@cat target/faults.md
	@scripts/faults-table target/faults.md

# What reads what others wrote, or may have damaged: the record, experiments.toml, pictures, maps, checkpoints, filters, keys.
FUZZED = anything_at_all_is_no_panic a_flipped_bit_is_seen anything_a_record_may_say_is_folded any_text_comes_out_printable \
	no_text_makes_it_panic no_text_like_toml_makes_it_panic a_changed_character_never_makes_it_panic \
	rows_of_any_bytes_are_pictures_or_an_error a_changed_or_made_up_picture_is_one_or_an_error \
	bytes_of_a_map_that_are_changed_give_a_map_or_an_error a_changed_or_made_up_file_gives_a_header_or_an_error \
	a_changed_or_made_up_file_gives_tensors_or_an_error \
	any_text_is_a_filter_or_says_why_not any_keys_at_any_width_keep_the_line_whole any_keys_make_a_text_with_the_cursor_in_it \
	any_keys_leave_it_whole

fuzz: setup ## a million cases for each property of what reads bytes, text and keys (an hour)
	PROPTEST_CASES=1000000 $(CARGO) test --release --locked --lib --bins --test config -- $(FUZZED)

bench: setup ## every bench beside PyTorch and openTSNE, into docs/performance.md (hours; BENCH_PYTHON, BENCH_DATA: benches/README.md)
	$(CARGO) build --release --locked --bins --example many-runs
	$(BENCH_PYTHON) benches/all.py --data $(BENCH_DATA) --release "$${CARGO_TARGET_DIR:-$(CURDIR)/target}/release" $(BENCH)

package: setup ## one archive of both programs, manual, completions and an install script, in dist/
	scripts/package

lite: ## the terminal alone, without libtorch: for a laptop or a login node
	$(CARGO) run --release --locked --no-default-features --bin mocolab
