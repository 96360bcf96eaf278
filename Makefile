# SPDX-License-Identifier: BSD-2-Clause
# Two commands do everything on a fresh machine: `make lab' and `make test'.
# The rest are their parts.

OUT	?= $(CURDIR)/build
PY	= .venv/bin/python
ILNPTOOL = .venv/bin/ilnptool
FUZZ_SECONDS ?= 60

.PHONY: all help lab test bench docs fuzz build lint clean \
	setup setup-test need-root

help:
	@echo "make lab      a multihomed lab, a moving host, a report (root)"
	@echo "make test     all tests (root for the lab's)"
	@echo "make bench    ratios to plain IPv6, MPTCP and a bare relay (root)"
	@echo "make docs     the manual, in build/docs"
	@echo "make fuzz     fuzzes every parser; SECONDS=3600 by default"

need-root:
	@[ "$$(id -u)" -eq 0 ] || { \
	  echo "root is needed: the lab makes network namespaces, links and TUN devices" >&2; \
	  exit 3; }

setup:
	@tools/setup.sh run

setup-test:
	@tools/setup.sh run test docs kernel

# The node, the link emulator and the resolver.
build: setup
	@$(MAKE) -s -C usr.sbin/ilnpd OUT=$(OUT)
	@$(MAKE) -s -C pytools/linkem OUT=$(OUT)
	@$(MAKE) -s -C lib/libc-ilnp OUT=$(OUT)

lab: need-root build
	$(ILNPTOOL) lab run duality --short
	@echo "report: results/latest/report.html"

bench: need-root setup-test build
	$(PY) -m ilnptool.bench --out results/bench.json

lint: setup-test
	$(PY) -m ruff check pytools tests
	$(PY) -m ruff format --check pytools tests
	$(PY) -m mypy

test: setup-test build lint
	$(PY) -m pytest -q --junitxml=$(OUT)/junit.xml
	$(MAKE) -s -C tests/fuzz OUT=$(OUT) SECONDS=$(FUZZ_SECONDS) run
	$(MAKE) -s docs
	@[ -f /usr/src/sys/sys/param.h ] || echo "skipped: building and booting a FreeBSD" \
	  "kernel; needs a FreeBSD 14 tree in /usr/src"

docs: setup-test
	$(PY) -m sphinx -W -q -b html docs $(OUT)/docs
	@echo "docs: $(OUT)/docs/index.html"

fuzz: SECONDS ?= 3600
fuzz: setup-test
	$(MAKE) -s -C tests/fuzz OUT=$(OUT) SECONDS=$(SECONDS) run

clean:
	rm -rf $(OUT)
