# tokencap: build, test, run and install. `make help` lists the targets.
#
# Every source under src/<layer>/ goes into one library; the programs, the unit tests and the
# simulator link against it. Objects live in build/ (build-thread/ and so on for SAN=…).

SAN   ?=
comma := ,
SANS  := $(subst $(comma), ,$(SAN))
BUILD := build$(addprefix -,$(subst $(comma),-,$(SAN)))

ifneq ($(filter-out help deps clean distclean deb,$(or $(MAKECMDGOALS),all)),)
include config.mk
endif

LAYERS  := base meter wire ledger proxy cli
SOURCES := $(foreach l,$(LAYERS) ledger/sqlite,$(wildcard src/$(l)/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
UNITS   := $(patsubst test/unit/%.c,$(BUILD)/test/unit/%,$(wildcard test/unit/test_*.c))
FUZZ    := $(patsubst test/fuzz/fuzz_%.c,%,$(wildcard test/fuzz/fuzz_*.c))
SIMOBJS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard test/sim/*.c))

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
           -Wformat=2 -Wno-format-nonliteral $(WERROR)
FORTIFY := $(if $(SAN)$(findstring _FORTIFY_SOURCE,$(CPPFLAGS)),,-D_FORTIFY_SOURCE=3)
HARDEN  := -fstack-protector-strong -fstack-clash-protection -fPIE $(FORTIFY)
# A sanitizer hides from gcc what bounds a number, so it warns of lengths that cannot be.
SANFLAG := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -Wno-format-truncation $(if $(filter undefined,$(SANS)),-fno-sanitize-recover=all))
ALL_CFLAGS  = -std=gnu11 $(WARN) $(HARDEN) $(CFLAGS) $(SANFLAG) -pthread
ALL_CPPFLAGS = -Iinclude $(CPPFLAGS) -D_GNU_SOURCE -DTOKENCAP_VERSION='"$(VERSION)"' \
               -DTOKENCAP_DATADIR='"$(datadir)/tokencap"' \
               -DTOKENCAP_LIBDIR='"$(libdir)/tokencap"' \
               -DTOKENCAP_SYSCONFDIR='"$(sysconfdir)/tokencap"' $(LIB_CFLAGS)
ALL_LDFLAGS = -fPIE -pie -Wl,-z,relro,-z,now,--as-needed $(if $(MODULES),-rdynamic) $(LDFLAGS) $(SANFLAG) -pthread

GENDOC  := $(BUILD)/tools/gendoc
PAGES   := $(patsubst %,$(BUILD)/%,$(wildcard man/*.[1-8]))
DOCS    := $(PAGES) $(BUILD)/etc/tokencap.conf $(BUILD)/completion/tokencap.bash \
           $(BUILD)/completion/_tokencap

# Engines of the ledger that are loaded on demand: they use the program's own functions. Unit tests look
# beside their own folder.
MODULES := $(if $(filter yes,$(WITH_POSTGRESQL)),$(BUILD)/lib/tokencap/ledger-postgresql.so)
PQ_SOURCES := $(wildcard src/ledger/postgresql/*.c)

PROGRAMS := $(patsubst src/%.c,$(BUILD)/bin/%,$(wildcard src/*.c))
SHARE    := $(BUILD)/share/tokencap

.PHONY: all
all: $(PROGRAMS) $(MODULES) share $(DOCS)

.PHONY: help
help:
	@sed -n 's/^## //p' Makefile

## make            build the programs and their manuals in build/
## make demo       the quick start, against the simulator
## make run        the daemon, with the keys in the environment (FLAGS=--port=80)
## make check      every test; SAN=address,undefined or SAN=thread under sanitizers
## make units e2e  one half of them each
## make install    to PREFIX=/usr/local; DESTDIR= stages
## make deb        the Debian package, in build-deb/
## make deps       install what building and testing need
## make clean      forget what was built
## README.md lists the longer proofs.

# The commands a newcomer types install what is missing before anything else; `make` alone never does.
NEEDS_DEPS := $(if $(filter check check-clients demo run e2e bench,$(MAKECMDGOALS)),deps)

config.mk: configure config.mk.in | $(NEEDS_DEPS)
	./configure --quiet $(CONFIGURE_FLAGS)

configure: configure.ac | $(NEEDS_DEPS)
	autoconf

$(BUILD)/%.o: %.c config.mk
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The spending page, made one file and put into the program.
PAGE_PARTS := $(wildcard src/dashboard/*.html src/dashboard/*.css src/dashboard/*.js)
PAGE       := $(BUILD)/src/dashboard/page

$(PAGE).c: src/dashboard/embed.sh $(PAGE_PARTS)
	@mkdir -p $(@D)
	src/dashboard/embed.sh $(PAGE).html > $@

$(PAGE).o: $(PAGE).c config.mk
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/libtokencap.a: $(OBJECTS) $(PAGE).o
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/src/ledger/postgresql/%.o: src/ledger/postgresql/%.c config.mk
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(PQ_CFLAGS) $(ALL_CFLAGS) -fPIC -MMD -MP -c -o $@ $<

$(BUILD)/lib/tokencap/ledger-postgresql.so: $(PQ_SOURCES:%.c=$(BUILD)/%.o)
	@mkdir -p $(@D)
	$(CC) -shared -Wl,-z,relro,-z,now $(LDFLAGS) $(SANFLAG) -pthread -o $@ $^ $(PQ_LIBS)
	@mkdir -p $(BUILD)/test && ln -sfn ../lib $(BUILD)/test/lib

$(BUILD)/bin/%: $(BUILD)/src/%.o $(BUILD)/libtokencap.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

$(BUILD)/bin/tokencap-sim: $(SIMOBJS) $(BUILD)/libtokencap.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

$(BUILD)/test/unit/%: $(BUILD)/test/unit/%.o $(BUILD)/libtokencap.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(LIB_LIBS)

# What is made from the programs' own tables: manual pages, the sample file, completions.
$(GENDOC): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tools/gendoc*.c)) $(BUILD)/libtokencap.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

$(BUILD)/man/%: man/% $(GENDOC)
	@mkdir -p $(@D)
	$(GENDOC) man $< > $@

$(BUILD)/etc/tokencap.conf: $(GENDOC)
	@mkdir -p $(@D)
	$(GENDOC) sample > $@

$(BUILD)/completion/tokencap.bash: $(GENDOC)
	@mkdir -p $(@D)
	$(GENDOC) bash > $@

$(BUILD)/completion/_tokencap: $(GENDOC)
	@mkdir -p $(@D)
	$(GENDOC) zsh > $@

$(BUILD)/test/dashboard/seed: $(BUILD)/test/dashboard/seed.o $(BUILD)/libtokencap.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

# What the programs read at run time: they look for ../share/tokencap beside their own folder.
.PHONY: share
VOCABS := $(patsubst vocab/%.merges,$(SHARE)/vocab/%.vocab,$(wildcard vocab/*.merges))
share: $(patsubst pricing/%,$(SHARE)/pricing/%,$(wildcard pricing/*.json)) $(VOCABS)

$(SHARE)/pricing/%.json: pricing/%.json
	@mkdir -p $(@D)
	cp $< $@

# Vocabulary images: what the tokenizer maps, made from the merges by a tool of the build's own.
IMAGE_TOOL := $(BUILD)/vocab/make_image
RULE_o200k_base  := o200k
RULE_cl100k_base := cl100k
RULE_p50k_base   := r50k
RULE_r50k_base   := r50k

$(IMAGE_TOOL): $(patsubst %,$(BUILD)/%.o,vocab/make_image src/meter/vocab_build src/meter/vocab_trie \
               src/meter/vocab_source src/meter/vocab src/base/str src/base/err)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

$(SHARE)/vocab/%.vocab: vocab/%.merges $(IMAGE_TOOL)
	@mkdir -p $(@D)
	$(IMAGE_TOOL) $(RULE_$*) $< $@

.PHONY: deps
deps:
	@./deps.sh

.DELETE_ON_ERROR:
.SECONDARY:

# What only longer targets run is built here at least.
TOOLS := $(addprefix $(BUILD)/test/,bench/streams bench/bare ledger/bench ledger/scale)

# Everything that must hold before a change goes in.
.PHONY: check
check:
	@$(MAKE) --no-print-directory -s -j$$(nproc) all $(UNITS) $(TOOLS) $(BUILD)/bin/tokencap-sim
	@$(MAKE) --no-print-directory -s layers
	@$(MAKE) --no-print-directory -s units
	@$(MAKE) --no-print-directory -s check-tokens-short
	@$(MAKE) --no-print-directory -s check-instructions
	@$(MAKE) --no-print-directory -s e2e

.PHONY: layers
layers:
	@test/lint/layers.sh

# Static analysis: cppcheck, clang-tidy (.clang-tidy says which checks), gcc's own analyzer, shellcheck.
# (LeakSanitizer looks for leaks; gcc loses sight of what an array or a map owns.) A file that was found
# clean is looked at again when it or a header has changed.
LINTED    := $(filter-out src/meter/unicode_table.c,$(SOURCES)) $(wildcard src/*.c) $(if $(MODULES),$(PQ_SOURCES))
LINT_CPP   = $(filter-out -D_FORTIFY_SOURCE%,$(ALL_CPPFLAGS)) $(PQ_CFLAGS)
.PHONY: lint lint-deps lint-all format
lint: layers lint-deps
	@$(MAKE) --no-print-directory lint-all

lint-deps:
	@./deps.sh cppcheck clang-tidy shellcheck

lint-all: $(LINTED:%.c=$(BUILD)/lint/%.ok) $(BUILD)/lint/cppcheck.ok $(BUILD)/lint/shell.ok
	@echo "lint: $(words $(LINTED)) files, no findings"

HEADERS := $(wildcard include/*/*.h include/*/*/*.h)
$(BUILD)/lint/%.ok: %.c $(HEADERS) .clang-tidy config.mk
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- -std=gnu11 $(LINT_CPP) 2>$@.err || { cat $@.err; exit 1; }
	@$(CC) -std=gnu11 -O1 -fanalyzer -Wno-analyzer-malloc-leak -Werror $(LINT_CPP) -D__clang_analyzer__ -c -o /dev/null $<
	@rm -f $@.err; touch $@

$(BUILD)/lint/cppcheck.ok: $(LINTED) $(HEADERS) test/lint/cppcheck.txt
	@mkdir -p $(@D)
	@cppcheck -q -j2 --std=c11 --enable=warning,performance,portability --error-exitcode=1 \
	  --suppressions-list=test/lint/cppcheck.txt $(LINT_CPP) $(LINTED)
	@touch $@

SCRIPTS := deps.sh $(wildcard test/*/*.sh tools/*.sh)
$(BUILD)/lint/shell.ok: $(SCRIPTS)
	@mkdir -p $(@D)
	@shellcheck -S warning $(SCRIPTS)
	@touch $@

# The house's formatting, of the files named: make format FILES="src/proxy/guard.c"
format:
	@./deps.sh clang-format
	clang-format -i $(or $(FILES),$(error FILES= says which files))

.PHONY: units
units: $(UNITS) share replay units-postgresql
	@set -e; for t in $(UNITS); do echo "== $$t"; $$t; done

# The ledger's tests once more, on a PostgreSQL server of their own.
PG_UNITS := $(if $(MODULES),$(patsubst %,$(BUILD)/test/unit/test_ledger_%,hold budget token usage series period \
              compact concurrency dead simulation plans_postgresql))
.PHONY: units-postgresql
units-postgresql: $(PG_UNITS) $(MODULES)
	@set -e; [ -z "$(PG_UNITS)" ] || POSTGRESQL_DIR=/dev/shm OPS=2000 test/postgresql/with.sh sh -ec \
	  'for t in $(PG_UNITS); do echo "== $$t on PostgreSQL"; $$t; done'

# Token ids against the encodings' reference implementation, an npm package. `make check-tokens` is the
# whole proof, some minutes; `make check` compares fewer strings.
REFERENCE := test/reference/node_modules/.stamp
BENCH_TEXTS := test/reference/bench/node_modules/.stamp
STRINGS ?= 1000000

%/node_modules/.stamp: %/package-lock.json %/package.json
	cd $* && npm ci --silent
	@touch $@

.PHONY: check-tokens check-tokens-short bench-tokens
check-tokens: all $(BUILD)/test/reference/encode_stream $(REFERENCE)
	python3 vocab/make_merges.py --check
	node test/reference/check_tokens.mjs $(BUILD) $(STRINGS)

ifeq ($(and $(shell command -v node),$(shell command -v npm)),)
check-tokens-short:
	@echo "SKIPPED: token ids are not compared with the reference, because node or npm is missing"
else
check-tokens-short: all $(BUILD)/test/reference/encode_stream $(REFERENCE)
	node test/reference/check_tokens.mjs $(BUILD) 50000
endif

# How fast tokens are counted, against the same reference; writes the page.
BENCH_TOKENS := bench_count conversation first_answer hostile
bench-tokens: all $(BENCH_TOKENS:%=$(BUILD)/test/reference/bench/%) $(REFERENCE) $(BENCH_TEXTS)
	node test/reference/bench/bench_tokens.mjs $(BUILD) docs/performance-tokens.md

$(BUILD)/test/reference/%: $(BUILD)/test/reference/%.o $(BUILD)/libtokencap.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

# Costs against an independent computation in decimals, a million requests a set of tables.
CASES ?= 1000000
.PHONY: check-prices
check-prices: $(BUILD)/test/unit/test_price_reference
	@set -e; for d in pricing test/prices/odd; do \
	  python3 test/prices/reference.py $$d $(CASES) $(SEED) | $< $$d $(CASES); done

# How good predictions are: prints it and writes it into docs/accuracy.md. Ends 1 where a goal is missed.
.PHONY: accuracy accuracy-prediction accuracy-counts
accuracy: accuracy-prediction accuracy-counts

# Counts against recorded requests, which are no part of the project: RECORDINGS says where they are.
accuracy-counts: $(BUILD)/test/accuracy/counts share
	@test/accuracy/counts.sh $< $(SHARE)/vocab docs/accuracy.md $(RECORDINGS)

accuracy-prediction: $(BUILD)/test/accuracy/predict
	$< >$(BUILD)/accuracy-prediction.md; r=$$?; \
	  test/accuracy/section.sh prediction docs/accuracy.md <$(BUILD)/accuracy-prediction.md && exit $$r

$(BUILD)/test/accuracy/counts: $(BUILD)/test/accuracy/counts.o $(BUILD)/libtokencap.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

$(BUILD)/test/accuracy/predict: $(BUILD)/test/accuracy/predict.o $(BUILD)/test/accuracy/traffic.o \
                                $(BUILD)/libtokencap.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS) -lm

# The end-to-end tests: their Python packages live in a venv, the SDKs for Node beside their
# scripts; each is fetched once, and again when its list changes. E2E='-k stream' picks some.
VENV := build/venv
NODE_MODULES := test/e2e/node/node_modules

$(VENV)/.stamp: test/e2e/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install -q --disable-pip-version-check -r $<
	@touch $@

$(NODE_MODULES)/.stamp: test/e2e/node/package-lock.json test/e2e/node/package.json
	cd test/e2e/node && npm ci --silent
	@touch $@

.PHONY: e2e-deps
e2e-deps: $(VENV)/.stamp $(if $(shell command -v npm),$(NODE_MODULES)/.stamp)

# Calls that fail on demand: a library to preload, and a daemon that has them built in, which works
# below a sanitizer too.
TORTURE := $(BUILD)/bin/tokencapd-torture $(BUILD)/bin/tokencapd-rigged $(if $(SAN),,$(BUILD)/test/torture/failing.so)

$(BUILD)/test/torture/failing.so: test/torture/failing.c config.mk
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -fPIC -shared -o $@ $<

$(BUILD)/test/torture/failing_wrap.o: test/torture/failing.c config.mk
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -DTORTURE_WRAP -MMD -MP -c -o $@ $<

WRAPPED := malloc calloc realloc pthread_create write curl_easy_init curl_easy_setopt curl_multi_init \
           curl_multi_add_handle curl_multi_perform curl_multi_poll curl_slist_append sqlite3_prepare_v3 \
           sqlite3_bind_int64 sqlite3_step sqlite3_exec sqlite3_wal_checkpoint_v2
$(BUILD)/bin/tokencapd-torture: $(BUILD)/src/tokencapd.o $(BUILD)/test/torture/failing_wrap.o \
                                $(BUILD)/libtokencap.a
	$(CC) $(ALL_LDFLAGS) $(WRAPPED:%=-Wl,--wrap=%) -o $@ $^ $(LIB_LIBS)

# A daemon that kills itself at a chosen moment, and whose clock can be moved.
RIGGED := clock_wall_ms recover book_flush book_commit upstream_call answer_feed ledger_settle
$(BUILD)/bin/tokencapd-rigged: $(BUILD)/src/tokencapd.o $(BUILD)/test/torture/failpoint.o \
                               $(BUILD)/test/torture/clock.o $(BUILD)/libtokencap.a
	$(CC) $(ALL_LDFLAGS) $(RIGGED:%=-Wl,--wrap=%) -o $@ $^ $(LIB_LIBS)

# What means harm: every row of docs/faults.md, under the sanitizers of memory; prints what was tried.
SANITIZED     := build-address-undefined
HOSTILE_UNITS := $(patsubst test/unit/%.c,$(SANITIZED)/test/unit/%,$(wildcard test/unit/test_ledger_*.c))
.PHONY: check-hostile
check-hostile: all $(BUILD)/bin/tokencap-sim $(TORTURE) e2e-deps
	@$(MAKE) --no-print-directory -s SAN=address,undefined all $(HOSTILE_UNITS) \
	  $(FUZZ:%=$(SANITIZED)/test/fuzz/replay_%) $(addprefix $(SANITIZED)/bin/tokencap,-sim d-torture)
	@PYTHONDONTWRITEBYTECODE=1 python3 test/hostile/report.py $(VENV)/bin/pytest build $(SANITIZED)

.PHONY: e2e
e2e: all $(BUILD)/bin/tokencap-sim $(TORTURE) e2e-deps
	TOKENCAP_BUILD=$(BUILD) PYTHONDONTWRITEBYTECODE=1 $(VENV)/bin/pytest -q test/e2e $(E2E)

# SDKs, frameworks and coding agents, each through all that it can do; writes docs/compatibility.md.
# Their packages take 1.2 GB. CLIENTS='-k codex' picks some, and leaves the table alone.
CLIENT_MODULES := test/clients/node_modules

$(CLIENT_MODULES)/.stamp: test/clients/package-lock.json test/clients/package.json
	cd test/clients && npm install --no-save --silent
	@touch $@

.PHONY: check-clients
check-clients: all $(BUILD)/bin/tokencap-sim e2e-deps $(if $(shell command -v npm),$(CLIENT_MODULES)/.stamp)
	TOKENCAP_BUILD=$(BUILD) PYTHONDONTWRITEBYTECODE=1 $(VENV)/bin/pytest -q -c test/e2e/pytest.ini \
	  --rootdir=test/clients test/clients $(or $(CLIENTS),--table=docs/compatibility.md)

# The spending page in a headless Chromium, with axe-core; ROWS=1000000 requests behind it. `make pictures`
# makes those of docs/dashboard.md.
DASHBOARD_MODULES := test/dashboard/node_modules

$(DASHBOARD_MODULES)/.stamp: test/dashboard/package-lock.json test/dashboard/package.json
	cd test/dashboard && npm ci --silent
	@touch $@

.PHONY: check-dashboard dashboard-deps pictures
dashboard-deps: $(DASHBOARD_MODULES)/.stamp
	@command -v $${CHROMIUM:-chromium} >/dev/null || ./deps.sh chromium fonts-dejavu-core

check-dashboard: all dashboard-deps $(BUILD)/bin/tokencap-sim $(BUILD)/test/dashboard/seed
	TOKENCAP_BUILD=$(BUILD) node --test --test-concurrency=1 test/dashboard/*.test.mjs

pictures: all dashboard-deps $(BUILD)/bin/tokencap-sim $(BUILD)/test/dashboard/seed
	TOKENCAP_BUILD=$(BUILD) node test/dashboard/pictures.mjs

# Metrics, alert rules and the Grafana dashboard in a real Prometheus.
.PHONY: check-monitoring
check-monitoring: all $(BUILD)/bin/tokencap-sim $(VENV)/.stamp
	@command -v promtool >/dev/null || ./deps.sh prometheus
	TOKENCAP_BUILD=$(BUILD) PYTHONDONTWRITEBYTECODE=1 $(VENV)/bin/pytest -q test/e2e/test_monitoring.py $(E2E)

# Fuzzing. Each test/fuzz/fuzz_NAME.c defines LLVMFuzzerTestOneInput; its corpus is in
# test/fuzz/corpus/NAME/. `make replay` runs every corpus with the compiler at hand (units do it too);
# `make fuzz TIME=60` looks for new inputs with clang's libFuzzer, seconds a target, as many targets at
# once as there are processors, and leaves what it found in build/fuzz/; `make fuzz FUZZ=NAME` takes one.
# (An input's -timeout is a loaded machine's: the first of `split` compiles its patterns.)
TIME       ?= 60
FUZZ_JOBS  ?= $(shell nproc)
FUZZ_CC    := clang
FUZZ_FLAGS := -std=gnu11 -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
              -fno-sanitize-recover=undefined -pthread
FUZZ_OBJS   = $(OBJECTS:$(BUILD)/%=$(BUILD)/fuzz/%)

.PHONY: replay fuzz $(FUZZ:%=fuzz-%)
replay: $(FUZZ:%=$(BUILD)/test/fuzz/replay_%) share
	@set -e; for n in $(FUZZ); do echo "== corpus $$n"; \
	  $(BUILD)/test/fuzz/replay_$$n test/fuzz/corpus/$$n; done

$(BUILD)/test/fuzz/replay_%: $(BUILD)/test/fuzz/fuzz_%.o $(BUILD)/test/fuzz/replay.o $(BUILD)/libtokencap.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

fuzz: $(FUZZ:%=$(BUILD)/fuzz/bin/%) share
	@$(MAKE) --no-print-directory -s -k -O -j$(FUZZ_JOBS) $(FUZZ:%=fuzz-%)

$(FUZZ:%=fuzz-%): fuzz-%:
	@mkdir -p $(BUILD)/fuzz/found/$*; echo "== fuzz $*"
	@$(BUILD)/fuzz/bin/$* -max_total_time=$(TIME) -timeout=60 -print_final_stats=1 -verbosity=0 \
	  -artifact_prefix=$(BUILD)/fuzz/$*- $(BUILD)/fuzz/found/$* test/fuzz/corpus/$*

$(BUILD)/fuzz/%.o: %.c config.mk
	@mkdir -p $(@D)
	$(FUZZ_CC) $(ALL_CPPFLAGS) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(BUILD)/fuzz/libtokencap.a: $(FUZZ_OBJS)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/fuzz/bin/%: $(BUILD)/fuzz/test/fuzz/fuzz_%.o $(BUILD)/fuzz/libtokencap.a
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(LIB_LIBS)

# The quick start against the simulator; the daemon for real, with the keys in the environment.
.PHONY: demo run
demo: all $(BUILD)/bin/tokencap-sim
	test/demo/demo.sh $(BUILD)

run: all
	$(BUILD)/bin/tokencapd $(FLAGS)

# Installing, by the GNU rules: DESTDIR= stages, PREFIX= (or prefix=) moves. The configuration goes
# to /etc for the usual prefixes, else below the prefix; one that is there stays.
ifdef PREFIX
prefix     := $(PREFIX)
sysconfdir := $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(PREFIX)/etc)
endif
INSTALL_PROGRAM := $(INSTALL) -m 755
INSTALL_DATA    := $(INSTALL) -m 644
bashdir := $(datadir)/bash-completion/completions
zshdir  := $(datadir)/zsh/site-functions

.PHONY: install install-strip uninstall
install: all
	$(INSTALL) -d $(DESTDIR)$(bindir) $(DESTDIR)$(sbindir) $(DESTDIR)$(datadir)/tokencap/vocab \
	  $(DESTDIR)$(datadir)/tokencap/pricing $(DESTDIR)$(mandir)/man1 $(DESTDIR)$(mandir)/man5 \
	  $(DESTDIR)$(mandir)/man8 $(DESTDIR)$(bashdir) $(DESTDIR)$(zshdir) \
	  $(DESTDIR)$(sysconfdir)/tokencap/pricing.d
	$(INSTALL_PROGRAM) $(BUILD)/bin/tokencap $(DESTDIR)$(bindir)
	$(INSTALL_PROGRAM) $(BUILD)/bin/tokencapd $(DESTDIR)$(sbindir)
	$(if $(MODULES),$(INSTALL) -d $(DESTDIR)$(libdir)/tokencap)
	$(if $(MODULES),$(INSTALL_DATA) $(MODULES) $(DESTDIR)$(libdir)/tokencap)
	$(INSTALL_DATA) $(SHARE)/vocab/*.vocab $(DESTDIR)$(datadir)/tokencap/vocab
	$(INSTALL_DATA) $(SHARE)/pricing/*.json $(DESTDIR)$(datadir)/tokencap/pricing
	for s in 1 5 8; do $(INSTALL_DATA) $(BUILD)/man/*.$$s $(DESTDIR)$(mandir)/man$$s; done
	$(INSTALL_DATA) $(BUILD)/completion/tokencap.bash $(DESTDIR)$(bashdir)/tokencap
	ln -sf tokencap $(DESTDIR)$(bashdir)/tokencapd
	$(INSTALL_DATA) $(BUILD)/completion/_tokencap $(DESTDIR)$(zshdir)
	test -e $(DESTDIR)$(sysconfdir)/tokencap/tokencap.conf || $(INSTALL_DATA) \
	  $(BUILD)/etc/tokencap.conf $(DESTDIR)$(sysconfdir)/tokencap/tokencap.conf

install-strip:
	$(MAKE) INSTALL_PROGRAM='$(INSTALL) -s -m 755' install

# The configuration and what the operator put beside it stay.
uninstall:
	rm -f $(DESTDIR)$(bindir)/tokencap $(DESTDIR)$(sbindir)/tokencapd \
	  $(patsubst man/%,$(DESTDIR)$(mandir)/man[158]/%,$(wildcard man/*.[1-8])) \
	  $(DESTDIR)$(bashdir)/tokencap $(DESTDIR)$(bashdir)/tokencapd $(DESTDIR)$(zshdir)/_tokencap
	rm -rf $(DESTDIR)$(datadir)/tokencap $(DESTDIR)$(libdir)/tokencap

# Beside nginx, another gateway and the bare upstream; writes docs/performance.md. ROUNDS=5 SECONDS=2; with
# ROWS=streams,memory only those are measured, and printed. LEDGER_ROWS=1000000 of row `flat`.
RIVAL := test/bench/node_modules/.stamp

.PHONY: bench
bench: all $(BUILD)/bin/tokencap-sim $(TOOLS) $(if $(shell command -v npm),$(RIVAL))
	@./deps.sh nginx wrk nghttp2-client
	TOKENCAP_BUILD=$(BUILD) PYTHONDONTWRITEBYTECODE=1 python3 test/bench/bench.py

$(BUILD)/test/bench/%: $(BUILD)/test/bench/%.o $(BUILD)/libtokencap.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

# How long the locks are held that every request takes.
.PHONY: bench-locks
bench-locks: all $(BUILD)/bin/tokencap-sim $(BUILD)/test/bench/locks.so
	@./deps.sh wrk
	TOKENCAP_BUILD=$(BUILD) PYTHONDONTWRITEBYTECODE=1 python3 test/bench/locks.py

$(BUILD)/test/bench/locks.so: test/bench/locks.c config.mk
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -fPIC -shared -o $@ $<

# Instructions of the hot functions for fixed inputs, against test/bench/instructions.tsv; `make instructions`
# renews that record.
INSTRUCTIONS = python3 test/bench/instructions.py $(BUILD)/test/bench/instructions $(SHARE) \
               "$(CC) $(shell $(CC) -dumpversion | cut -d. -f1), $(shell uname -m), $(CFLAGS)"

.PHONY: instructions check-instructions
ifeq ($(or $(SAN),$(if $(shell command -v valgrind),,missing)),)
instructions: $(BUILD)/test/bench/instructions share
	$(INSTRUCTIONS) --renew
check-instructions: $(BUILD)/test/bench/instructions share
	@$(INSTRUCTIONS)
else
instructions check-instructions:
	@echo "SKIPPED: instructions are not counted, $(if $(SAN),in a build with a sanitizer,because valgrind is missing)"
endif

# The Debian package, from the files that git knows as they are now, in $(DEB)/.
DEB := build-deb
.PHONY: deb
deb:
	@./deps.sh debhelper dpkg-dev
	rm -rf $(DEB)/tokencap $(DEB)/tokencap_* $(DEB)/tokencap-*
	mkdir -p $(DEB)/tokencap
	git ls-files -z | tar -c --null -T - | tar -x -C $(DEB)/tokencap
	cd $(DEB)/tokencap && MAKEFLAGS= dpkg-buildpackage -us -uc -b >../tokencap_build.log 2>&1 || \
	  { tail -n 50 ../tokencap_build.log; exit 1; }
	@ls $(DEB)/*.deb

# The package: hardened, clean for lintian, the same when it is built elsewhere; then on a clean
# Debian 12 in a folder: installed, used, killed, upgraded, removed, purged.
.PHONY: check-deb
check-deb: deb $(BUILD)/bin/tokencap-sim
	@./deps.sh debootstrap lintian systemd blhc
	blhc --all --color $(DEB)/tokencap_build.log
	lintian -E --pedantic --fail-on error,warning $(DEB)/*.changes
	systemd-analyze security --offline=true --threshold=15 --no-pager debian/tokencap.service
	@umask 027; TZ=Asia/Kathmandu LC_ALL=C $(MAKE) --no-print-directory deb DEB=$(DEB)/elsewhere
	for deb in $(DEB)/*.deb; do cmp "$$deb" "$(DEB)/elsewhere/$${deb##*/}" || exit 1; done
	test/package/chroot.sh $(DEB)/tokencap_$(VERSION)_*.deb $(BUILD)/bin/tokencap-sim $(MIRROR)

.PHONY: clean distclean
clean:
	rm -rf build build-*
distclean: clean
	rm -rf config.mk config.log config.status configure autom4te.cache

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)

# The ledger's proofs at full length (their short forms are among the units and e2e); writes docs/ledger.md. SEED=…
# repeats the simulation and the crashes.
LEDGER_PROOFS := concurrency simulation crash torture faults
OPS    ?= 200000
KILLS  ?= 400
DEATHS ?= 1000

.PHONY: check-ledger
check-ledger: all $(LEDGER_PROOFS:%=$(BUILD)/test/unit/test_ledger_%) $(BUILD)/bin/tokencap-sim $(TORTURE) \
              $(VENV)/.stamp
	OPS=$(OPS) KILLS=$(KILLS) DEATHS=$(DEATHS) SEED=$(SEED) test/ledger/proofs.sh $(BUILD) \
	  $(VENV)/bin/pytest docs/ledger.md

# Several daemons on one budget, at full length; its short form is among the end-to-end tests.
.PHONY: check-postgresql
check-postgresql: all units-postgresql $(BUILD)/bin/tokencap-sim e2e-deps
	@./deps.sh pgbouncer
	HOLDS=40000 POSTGRESQL_OPTIONS="-c default_transaction_isolation=serializable" \
	  $(MAKE) --no-print-directory units-postgresql
	test/postgresql/with.sh test/postgresql/pgbouncer.sh sh -ec \
	  'for t in $(PG_UNITS); do echo "== $$t behind PgBouncer"; $$t; done'
	ROUNDS=20 TOKENCAP_BUILD=$(BUILD) PYTHONDONTWRITEBYTECODE=1 $(VENV)/bin/pytest -q -rs \
	  test/e2e/test_postgresql.py $(E2E)

$(BUILD)/test/ledger/%: $(BUILD)/test/ledger/%.o $(BUILD)/libtokencap.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

# What questions cost with ROWS usage rows, against 10; verify and compacting at that size.
ROWS ?= 10000000

.PHONY: bench-ledger bench-postgresql scale-ledger
bench-ledger: $(BUILD)/test/ledger/bench bench-postgresql
	$<
bench-postgresql: $(BUILD)/test/ledger/bench $(MODULES)
	$(if $(MODULES),TOKENCAP_BUILD=$(BUILD) PYTHONDONTWRITEBYTECODE=1 test/postgresql/with.sh python3 test/postgresql/bench.py,\
	  @echo "LEFT OUT, for this build has no engine for PostgreSQL (./configure --with-postgresql): $@")
scale-ledger: $(BUILD)/test/ledger/scale
	$< $(ROWS)
