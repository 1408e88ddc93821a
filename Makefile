# Everything but the extension's compilation (setup.py) is built here. `make help` lists the targets.

CC       ?= gcc
CLANG    ?= clang
BUILD    ?= build
# What a packet calls lies in several modules: they are compiled as one, where the compiler needs nothing else for it.
LTO      ?= $(if $(findstring gcc,$(notdir $(CC))),-flto=auto)
CFLAGS   ?= -O3 -g $(LTO)
WARNINGS ?= -Wall -Wextra -Wconversion -Wshadow -Werror
HARDEN   ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
LDFLAGS  ?= -Wl,-z,relro,-z,now
CPPFLAGS += -D_GNU_SOURCE -Inative
LIBS     := -lpcap -lyaml -lcap -pthread
# Of `go-metro top` alone: inside the program, so that the running helper has no library more to load.
CURSES   ?= -Wl,-Bstatic -lncursesw -ltinfo -Wl,-Bdynamic
PYTHON3  ?= python3
PREFIX   ?= /opt/datadog-agent
CONFDIR  ?= /etc/dd-agent
FUZZ_SECONDS ?= 600
LIVE_SECONDS ?= 60

ifeq ($(origin CC),default)
CC := gcc
endif

# V=1 shows the commands.
Q        := $(if $(V),,@)
say       = $(if $(V),@:,@echo "  $(1)	$(2)")
COMPILE  := $(CC) -std=c11 $(CPPFLAGS) $(CFLAGS) $(HARDEN) $(WARNINGS)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# PYTHON2 is the user's, for tests/setup/python2.sh, which makes this one.
CPYTHON2 := $(BUILD)/bin/python2.7
PACKAGES := tests/setup/apt.sh
SOURCES  := $(wildcard native/*.c native/*.h)
MODULES  := $(filter-out native/main.c $(wildcard native/metro_segment*.c),$(wildcard native/*.c))
HEADERS  := $(filter-out native/metro_segment.h,$(wildcard native/*.h)) # that one needs Python.h: check-clang compiles it
OBJECTS  := $(MODULES:native/%.c=$(BUILD)/obj/%.o)
UNITS    := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
THREADED := $(BUILD)/unit/test_log $(BUILD)/unit/test_resolve
FUZZERS  := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

# The flavours: the same rules in a folder of their own.
ASAN := $(MAKE) --no-print-directory BUILD=$(BUILD)/asan CFLAGS="-O1 -g $(SANITIZE)" HARDEN=
TSAN := $(MAKE) --no-print-directory BUILD=$(BUILD)/tsan CFLAGS="-O1 -g -fsanitize=thread -Wno-tsan" HARDEN=
FUZZ := $(MAKE) --no-print-directory BUILD=$(BUILD)/fuzzing CC=$(CLANG) HARDEN= \
        CFLAGS="-O1 -g $(SANITIZE) -fsanitize=fuzzer-no-link"

# Namespaces, capabilities and packet sockets need root; without a way to it the programs say what they leave out. Tests of which
# only some need root take it UNASKED: where sudo would want a password, they go without.
try_sudo = $(shell [ "$$(id -u)" != 0 ] && command -v sudo >/dev/null && { sudo -n true 2>/dev/null || $(1); } && echo sudo)
UNASKED  = $(call try_sudo,false)
AS_ROOT  = $(call try_sudo,[ -t 0 ])
# Side by side, each file by one of them: mostly these tests wait, for traffic, timers and supervisord.
SYSTEM_WORKERS ?= 4
AT_ROOT  = $(AS_ROOT) env PATH="$$PATH:/usr/sbin:/sbin" BUILD=$(abspath $(BUILD)) PYTHONDONTWRITEBYTECODE=1 \
           PYTHONPATH=$(abspath $(BUILD))/python3-packages

.DELETE_ON_ERROR:
.PHONY: all extensions setup setup-demo setup-test python-packages probe demo test test-unit test-python \
        test-setup test-system test-accuracy test-bench test-cost accuracy bench bench-filter bench-live bench-run check-headers \
        check-format format check-clang test-threads units run-units threaded run-threaded fuzzers run-fuzzers fuzz-short \
        fuzz install clean help FORCE

all: $(BUILD)/go-metro extensions ## Build the helper and the extension for CPython 2.7 and 3 (default)

extensions: $(BUILD)/python2/.built $(BUILD)/python3/.built

$(BUILD)/go-metro: $(BUILD)/obj/main.o $(BUILD)/libgometro.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) -pie $(LDFLAGS) -o $@ $^ $(LIBS) $(CURSES)

$(BUILD)/libgometro.a: $(OBJECTS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/obj/%.o: native/%.c $(BUILD)/.flags | $(BUILD)/obj probe
	$(call say,CC,$@)
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libgometro.a $(BUILD)/.flags | $(BUILD)/unit
	$(call say,CC,$@)
	$(Q)$(COMPILE) -I. -MMD -MP -o $@ $< $(BUILD)/libgometro.a $(LDFLAGS) -lcmocka $(LIBS)

$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/libgometro.a $(BUILD)/.flags | $(BUILD)/fuzz
	$(call say,CC,$@)
	$(Q)$(COMPILE) -I. -fsanitize=fuzzer -MMD -MP -o $@ $< $(BUILD)/libgometro.a $(LDFLAGS) $(LIBS)

$(BUILD)/relay: tests/system/relay.c $(BUILD)/.flags | $(BUILD)/obj
	$(call say,CC,$@)
	$(Q)$(COMPILE) -pie $(LDFLAGS) -o $@ $<

$(BUILD)/ahead.so: tests/system/ahead.c $(BUILD)/.flags | $(BUILD)/obj
	$(call say,CC,$@)
	$(Q)$(COMPILE) -fPIC -shared $(LDFLAGS) -o $@ $<

$(BUILD)/fingerprints $(BUILD)/yaml_values: $(BUILD)/%: tests/python/%.c $(BUILD)/libgometro.a $(BUILD)/.flags
	$(call say,CC,$@)
	$(Q)$(COMPILE) -pie -o $@ $< $(BUILD)/libgometro.a $(LDFLAGS) $(LIBS)

SIMULATOR := $(wildcard tests/simulator/*.c tests/simulator/*.h)

$(BUILD)/simulator: $(SIMULATOR) $(BUILD)/.flags | $(BUILD)/obj probe
	$(call say,CC,$@)
	$(Q)$(COMPILE) -pie $(LDFLAGS) -o $@ $(filter %.c,$(SIMULATOR)) -lpcap

WORKLOAD := $(addprefix tests/bench/,workload.c traffic.c traffic.h conversation.c conversation.h) \
            $(addprefix tests/simulator/,frame.c frame.h clockwork.c clockwork.h)

$(BUILD)/workload: $(WORKLOAD) $(BUILD)/.flags | $(BUILD)/obj probe
	$(call say,CC,$@)
	$(Q)$(COMPILE) -I. -pie $(LDFLAGS) -o $@ $(filter %.c,$(WORKLOAD)) -lpcap

BENCHED  := $(addprefix $(BUILD)/,go-metro workload bare cost)

$(BUILD)/bare $(BUILD)/cost: $(BUILD)/%: tests/bench/%.c $(BUILD)/.flags | $(BUILD)/obj probe
	$(call say,CC,$@)
	$(Q)$(COMPILE) -pie $(LDFLAGS) -o $@ $< -lpcap

$(BUILD)/fixed_seed.so: tests/bench/fixed_seed.c $(BUILD)/.flags | $(BUILD)/obj
	$(call say,CC,$@)
	$(Q)$(COMPILE) -fPIC -shared $(LDFLAGS) -o $@ $<

# What test-cost counts, and whether it is made with the flags of this file: those are what the figures are of.
COUNTED     := $(addprefix $(BUILD)/,go-metro workload fixed_seed.so)
OTHER_FLAGS := $(filter-out file,$(origin CFLAGS) $(origin HARDEN) $(origin LDFLAGS) $(origin LTO))

$(BUILD)/run_peers: tests/bench/run_peers.c $(BUILD)/libgometro.a $(BUILD)/.flags
	$(call say,CC,$@)
	$(Q)$(COMPILE) -pie -o $@ $< $(BUILD)/libgometro.a $(LDFLAGS) $(LIBS)

$(BUILD)/live_sender $(BUILD)/live_reader: $(BUILD)/live_%: tests/bench/live_%.c $(BUILD)/.flags | $(BUILD)/obj probe
	$(call say,CC,$@)
	$(Q)$(COMPILE) -pie $(LDFLAGS) -o $@ $< -lpcap

$(BUILD)/obj $(BUILD)/unit $(BUILD)/fuzz:
	@mkdir -p $@

# Holds the flags, and is only written when they change: then everything is compiled anew.
$(BUILD)/.flags: FORCE
	@mkdir -p $(BUILD)
	@echo '$(COMPILE) $(LDFLAGS)' | cmp -s - $@ || echo '$(COMPILE) $(LDFLAGS)' >$@

probe:
	@printf '#include <%s>\n' pcap/pcap.h yaml.h sys/capability.h curses.h | $(CC) -fsyntax-only -x c - 2>/dev/null || \
	{ echo "make: the headers of libpcap, libyaml, libcap or ncurses are missing: 'make setup' installs them (root or sudo)" >&2; exit 1; }

# --- the extension --------------------------------------------------------------------------------

# Where the user names one, it may be another than last time.
$(CPYTHON2): $(if $(PYTHON2),FORCE)
	@tests/setup/python2.sh $(BUILD)

$(BUILD)/.python3: FORCE
	@mkdir -p $(BUILD)
	@printf '#include <Python.h>\n' | $(CC) -fsyntax-only -x c - \
	    -I$$($(PYTHON3) -c 'import sysconfig; print(sysconfig.get_path("include"))') 2>/dev/null || \
	{ echo "make: no $(PYTHON3) with its headers: 'make setup' installs them (root or sudo)" >&2; exit 1; }
	@$(PYTHON3) -c 'import sys; print(sys.executable, sys.version)' >$@.new
	@cmp -s $@.new $@ || cp $@.new $@
	@rm -f $@.new

$(BUILD)/python2/.built: $(CPYTHON2) setup.py $(SOURCES)
	$(call say,EXT,$(@D))
	$(Q)CFLAGS="$(CFLAGS)" $(CPYTHON2) -W ignore::UserWarning setup.py -q build_ext --force --build-lib $(@D) --build-temp $(BUILD)/obj/python2
	@touch $@

$(BUILD)/python3/.built: $(BUILD)/.python3 setup.py $(SOURCES)
	$(call say,EXT,$(@D))
	$(Q)CFLAGS="$(CFLAGS)" $(PYTHON3) setup.py -q build_ext --force --build-lib $(@D) --build-temp $(BUILD)/obj/python3
	@touch $@

# --- set-up ---------------------------------------------------------------------------------------

setup: ## Install what building needs (Debian packages; CPython 2.7 into the build folder)
	@$(PACKAGES) build
	@tests/setup/python2.sh $(BUILD)

setup-demo:
	@$(PACKAGES) build demo
	@tests/setup/python2.sh $(BUILD)
	@$(MAKE) --no-print-directory python-packages

setup-test:
	@$(PACKAGES) build demo test
	@tests/setup/python2.sh $(BUILD)
	@tests/setup/promtool.sh $(BUILD)
	@$(MAKE) --no-print-directory python-packages

python-packages:
	@PYTHON3="$(PYTHON3)" tests/setup/pip.sh $(BUILD) 2 tests/python/requirements-py2.txt
	@PYTHON3="$(PYTHON3)" tests/setup/pip.sh $(BUILD) 3 tests/python/requirements-py3.txt tests/system/requirements-alone.txt

# --- what people run ------------------------------------------------------------------------------

demo: setup-demo ## Watch it measure real TCP traffic over a delay that it sets (30 s; does its own set-up)
	@$(MAKE) --no-print-directory -s -j2 all $(BUILD)/relay
	@$(AT_ROOT) $(PYTHON3) tests/demo/demo.py

test: setup-test ## Run every test: C under ASan and UBSan, Python 2.7 and 3, system, fuzzers for 20 s each (does its own set-up)
	@MAKE="$(MAKE)" BUILD="$(BUILD)" tests/run.sh check-format check-headers check-clang \
	    test-unit test-threads fuzz-short test-setup test-python test-bench test-cost test-accuracy test-system

test-unit: ## Run the C unit tests under ASan and UBSan
	@+$(ASAN) -j2 units
	@+$(ASAN) run-units

test-threads: ## Run the tests of what has threads under TSan
	@+$(TSAN) -j2 threaded
	@+$(TSAN) run-threaded

units: $(UNITS)

threaded: $(THREADED)

run-threaded:
	@tests/unit/run.sh $(THREADED)

run-units:
	@$(UNASKED) tests/unit/run.sh $(UNITS)

test-python: extensions $(BUILD)/fingerprints $(BUILD)/yaml_values ## Run the Python tests under CPython 2.7 and 3
	@for version in 2 3; do \
	    python=$(CPYTHON2); [ $$version = 2 ] || python=$(PYTHON3); \
	    echo "-- tests/python, CPython $$version"; \
	    $(UNASKED) env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(abspath $(BUILD))/python$$version-packages \
	        METRO_SEGMENT_DIR=$(BUILD)/python$$version $$python -m pytest -q -rs -p no:cacheprovider tests/python || failed=1; \
	done; [ -z "$$failed" ]

test-setup: $(CPYTHON2) ## Run the tests of the set-up and of the runners
	@BUILD=$(abspath $(BUILD)) PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(abspath $(BUILD))/python3-packages \
	    $(PYTHON3) -m pytest -q -rs -p no:cacheprovider tests/setup

test-system: all $(BUILD)/relay $(BUILD)/ahead.so $(BUILD)/live_sender $(BUILD)/run_peers ## Run the system tests: supervisord, namespaces, a path with a delay
	@$(AT_ROOT) $(PYTHON3) -m pytest -v -rs -p no:cacheprovider -n $(SYSTEM_WORKERS) --dist loadfile tests/system

test-accuracy: $(BUILD)/go-metro $(BUILD)/simulator $(BUILD)/relay ## Hold round trips against the simulator's truth, tcptrace, tshark and the kernel, in short
	@$(AT_ROOT) $(PYTHON3) -m pytest -v -rs -p no:cacheprovider tests/accuracy

test-bench: $(BENCHED) $(COUNTED) ## Check what measures: the generator, the arithmetic, and no time
	@BUILD=$(abspath $(BUILD)) PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(abspath $(BUILD))/python3-packages \
	    $(PYTHON3) -m pytest -q -rs -p no:cacheprovider tests/bench

test-cost: $(COUNTED) ## Hold the instructions a packet takes against the figures of this compiler; WRITE=1 makes them the figures
	@BUILD=$(abspath $(BUILD)) PYTHONDONTWRITEBYTECODE=1 $(PYTHON3) tests/bench/instructions.py --cc "$(CC)" \
	    $(if $(OTHER_FLAGS),--other-flags) $(if $(WRITE),--write)

check-headers: | probe ## Compile each header alone and twice
	@for header in $(HEADERS); do \
	    printf '#include "%s"\n' $$header $$header | $(COMPILE) -I. -fsyntax-only -x c - || \
	    { echo "$$header: not self-contained" >&2; exit 1; }; \
	done; echo "$(words $(HEADERS)) headers compile alone and twice"

FORMATTED = $(wildcard native/*.[ch] tests/unit/*.[ch] tests/fuzz/*.c tests/python/*.c tests/simulator/*.[ch] tests/bench/*.[ch] \
                       tests/system/*.c)

format: ## Lay the C out in the house style (.clang-format)
	@clang-format -i $(FORMATTED)

check-format: ## Say where the C is not laid out in the house style
	@clang-format --dry-run -Werror $(FORMATTED) && echo "$(words $(FORMATTED)) C files are in the house style"

check-clang: $(CPYTHON2) ## Compile all C with clang, warnings being errors
	@$(CLANG) -std=c11 $(CPPFLAGS) -I. -O2 $(WARNINGS) -fsyntax-only $(MODULES) native/main.c $(wildcard tests/*/*.c)
	@for python in $(CPYTHON2) $(PYTHON3); do \
	    include=$$($$python -c 'import sysconfig; print(sysconfig.get_path("include"))') && \
	    $(CLANG) -std=c11 $(CPPFLAGS) -O2 -Wall -Wextra -Werror -isystem $$include -isystem $$(dirname $$include) -fsyntax-only \
	        $(wildcard native/metro_segment*.c) || exit 1; \
	done; echo "$(words $(MODULES)) modules, the program, the extension and the tests compile with $(CLANG) without a warning"

accuracy: setup-test ## Print how true the round trips are: CAPTURES=DIR compares on these captures too, WRITE=1 brings docs/accuracy.md up to date
	@$(MAKE) --no-print-directory -s -j2 $(BUILD)/go-metro $(BUILD)/simulator $(BUILD)/relay
	@$(AT_ROOT) $(PYTHON3) tests/accuracy/accuracy.py $(if $(CAPTURES),--captures $(CAPTURES)) $(if $(WRITE),--write docs/accuracy.md)

bench: ## Print what a packet costs beside others (BENCH_PEERS adds some): QUICK=1 in short, WRITE=1 brings docs/performance.md up to date
	@$(PACKAGES) build
	@$(PACKAGES) bench || echo "bench: goes on without" >&2
	@$(MAKE) --no-print-directory -s -j2 $(BENCHED)
	@BUILD=$(abspath $(BUILD)) PYTHONDONTWRITEBYTECODE=1 $(PYTHON3) tests/bench/bench.py $(if $(QUICK),--quick) \
	    $(if $(WRITE),--write docs/performance.md)

bench-run: setup-demo ## Print what publishing, reading, the check and an idle helper cost: QUICK=1, WRITE=1 as above, AGENT5=DIR: a real Agent v5's source
	@$(MAKE) --no-print-directory -s -j2 all $(BUILD)/run_peers $(BUILD)/relay
	@$(AT_ROOT) $(PYTHON3) tests/bench/run.py $(if $(QUICK),--quick) $(if $(AGENT5),--agent $(AGENT5)) \
	    $(if $(WRITE),--write docs/publishing.md)

bench-live: setup-demo ## Print what a live capture costs and loses, beside libpcap alone and tcpdump: LIVE_SECONDS (60) of each, QUICK=1, WRITE=1 as above
	@$(PACKAGES) bench || echo "bench-live: goes on without what could not be installed" >&2
	@$(MAKE) --no-print-directory -s -j2 $(BUILD)/go-metro $(BUILD)/live_sender $(BUILD)/live_reader
	@$(AT_ROOT) $(PYTHON3) tests/bench/live.py $(if $(QUICK),--quick,--seconds $(LIVE_SECONDS)) \
	    $(if $(WRITE),--write docs/performance.md)

$(BUILD)/bench-filter: tests/bench/filter.c $(BUILD)/libgometro.a $(BUILD)/.flags
	$(call say,CC,$@)
	$(Q)$(COMPILE) -pie $(LDFLAGS) -o $@ $< $(BUILD)/libgometro.a $(LIBS)

bench-filter: $(BUILD)/bench-filter ## Measure the kernel filter: what it costs a packet, and what it costs to do without (4 minutes)
	@$(AT_ROOT) $(PYTHON3) tests/bench/filter.py

fuzz-short: ## Fuzz each door for 20 s
	@+$(FUZZ) -j2 fuzzers
	@+$(FUZZ) -j2 run-fuzzers FUZZ_SECONDS=20

fuzz: ## Fuzz each door for FUZZ_SECONDS (600)
	@+$(FUZZ) -j2 fuzzers
	@+$(FUZZ) -j2 run-fuzzers FUZZ_SECONDS=$(FUZZ_SECONDS)

fuzzers: $(FUZZERS)

run-fuzzers: $(FUZZERS:=.run)

%.run: FORCE
	@tests/fuzz/run.sh $* $(FUZZ_SECONDS)

install: all ## Install below DESTDIR: helper, extension and check for an Agent v5 (PREFIX, CONFDIR)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/agent/checks/libs $(DESTDIR)$(PREFIX)/share/go-metro
	install -d $(DESTDIR)$(CONFDIR)/checks.d $(DESTDIR)$(CONFDIR)/conf.d
	install -m 755 $(BUILD)/go-metro $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(wildcard $(BUILD)/python2/metro_segment*.so) $(DESTDIR)$(PREFIX)/agent/checks/libs/
	install -m 644 checks.d/go-metro.py $(DESTDIR)$(CONFDIR)/checks.d/
	install -m 644 conf.d/go-metro.yaml.example $(DESTDIR)$(CONFDIR)/conf.d/
	install -m 644 conf.d/supervisor/go-metro.conf $(DESTDIR)$(PREFIX)/share/go-metro/
	$(if $(DESTDIR),@echo as root once it is in place: )setcap cap_net_raw+ep $(PREFIX)/bin/go-metro

clean: ## Remove the build folder
	rm -rf $(BUILD)

help: ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

-include $(wildcard $(BUILD)/obj/*.d $(BUILD)/unit/*.d $(BUILD)/fuzz/*.d)
