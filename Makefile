# SPDX-License-Identifier: BSD-2-Clause
# Two commands do everything on a fresh machine: `make lab' and `make test'.
# The rest are their parts.

OUT	?= $(CURDIR)/build
PY	= .venv/bin/python
ILNPTOOL = .venv/bin/ilnptool
FUZZ_SECONDS ?= 60

# A FreeBSD 14 tree, what is built from it, the kernel configuration that is
# tested and how many forged packets it has to bear.
SRC	?= $(or $(ILNP_SRC),/usr/src)
OBJ	?= $(or $(ILNP_OBJ),$(HOME)/.cache/ilnptool/freebsd)
CONF	?= ILNP
FORGED	?= 20000

.PHONY: all help lab test bench docs fuzz build lint clean \
	test-kernel test-guest vmtest bench-kernel setup setup-test setup-kernel \
	need-root need-tree

help:
	@echo "make lab      a multihomed lab, a moving host, a report (root)"
	@echo "make test     all tests (root for the lab's)"
	@echo "make bench    ratios to plain IPv6, MPTCP and a bare relay (root)"
	@echo "make test-kernel   a FreeBSD kernel, built, booted and tested from inside"
	@echo "make test-guest    its part that is in make test: no machines in labs"
	@echo "make vmtest        the same, GROUPS=\"wire harm\" for a part of it"
	@echo "make bench-kernel  what ILNP costs there, in instructions"
	@echo "make docs     the manual, in build/docs"
	@echo "make fuzz     fuzzes every parser; SECONDS=3600 by default"

need-root:
	@[ "$$(id -u)" -eq 0 ] || { \
	  echo "root is needed: the lab makes network namespaces, links and TUN devices" >&2; \
	  exit 3; }

need-tree:
	@[ -f $(SRC)/sys/sys/param.h ] || { \
	  echo "$(SRC) is no FreeBSD tree; get one: git clone --depth 1 -b stable/14" \
	    "https://git.freebsd.org/src.git /usr/src, or set SRC" >&2; exit 3; }

setup:
	@tools/setup.sh run

setup-test:
	@tools/setup.sh run test docs kernel

setup-kernel:
	@tools/setup.sh run test docs kernel guest

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

# The kernel's files as well, on machines that have no FreeBSD.
lint: setup-test
	$(PY) -m ruff check pytools tests
	$(PY) -m ruff format --check pytools tests
	$(PY) -m mypy
	$(PY) -m ilnptool.build.check

# The lab's tests wait more than they compute, so three files of them run at once;
# those of the tool share nothing (and sockets want a short path).  The others build
# in one folder, or want the machine for themselves.
test: setup-test build lint
	@status=0; folder=$$(mktemp -d); \
	$(PY) -m pytest -q -n 3 --dist loadfile tests/lab \
	  --junitxml=$(OUT)/junit-lab.xml || status=1; \
	$(PY) -m pytest -q -n 2 --dist loadfile tests/tool --basetemp=$$folder \
	  --junitxml=$(OUT)/junit-tool.xml || status=1; \
	$(PY) -m pytest -q --ignore=tests/lab --ignore=tests/tool \
	  --junitxml=$(OUT)/junit.xml || status=1; \
	rm -rf $$folder; \
	exit $$status
	$(MAKE) -s -C tests/fuzz OUT=$(OUT) SECONDS=$(FUZZ_SECONDS) run
	$(MAKE) -s docs
	@if [ -f $(SRC)/sys/sys/param.h ]; then $(MAKE) -s test-guest && \
	  echo "skipped: FreeBSD machines in labs, about half an hour; make test-kernel"; else \
	  echo "skipped: building and booting a FreeBSD kernel; git clone --depth 1" \
	    "-b stable/14 https://git.freebsd.org/src.git /usr/src, then make test-kernel"; fi

# CONF=ILNP-DEBUG for the kernel that finds mistakes, FORGED=1000000 for the
# whole flood, STEADY=1 for a machine with other work, where the clock of the
# guest had better count instructions.  Consoles stay in build/kernel.
LAB_IMAGE = $(OBJ)/lab$(CONF:ILNP%=%).img
TEST_KERNEL = ILNP_TEST_KERNEL=1 ILNP_SRC=$(SRC) ILNP_OBJ=$(OBJ) \
	ILNP_CONF=$(CONF) ILNP_FORGED=$(FORGED) ILNP_STEADY=$(STEADY) \
	ILNP_KEEP=$(OUT)/kernel/$(CONF) ILNPTOOL_IMAGE=$(LAB_IMAGE) \
	$(PY) -m pytest -q --junitxml=$(OUT)/junit-kernel.xml

test-kernel: need-tree setup-kernel build
	$(ILNPTOOL) build-image --src $(SRC) --obj $(OBJ) --conf $(CONF) $(LAB_IMAGE)
	$(TEST_KERNEL) tests/kernel

# The part that needs no image: the kernel, and a program that tests it.
test-guest: need-tree setup-kernel
	$(TEST_KERNEL) $(addprefix tests/kernel/test_,guest.py module.py probes.py)

vmtest: need-tree setup-kernel
	$(ILNPTOOL) test --guest --src $(SRC) --obj $(OBJ) --conf $(CONF) \
	  --forged $(FORGED) $(GROUPS:%=--group %)

bench-kernel: need-tree setup-kernel
	$(PY) -m ilnptool.guest.bench --src $(SRC) --obj $(OBJ) \
	  --out results/bench-kernel.json

docs: setup-test
	$(PY) -m sphinx -W -q -b html docs $(OUT)/docs
	@echo "docs: $(OUT)/docs/index.html"

fuzz: SECONDS ?= 3600
fuzz: setup-test
	$(MAKE) -s -C tests/fuzz OUT=$(OUT) SECONDS=$(SECONDS) run

clean:
	rm -rf $(OUT)
