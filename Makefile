# Quadrille. `make help` lists what can be done here.
.DEFAULT_GOAL := all
SHELL := /bin/bash

# Only the command line may send it elsewhere: an environment may have a BUILD of its own, which
# means something else.
BUILD := build
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= cc
PYTHON ?= /usr/bin/python3
DEPS = $(if $(filter kafka,$(BROKER)),$(if $(BROKERS),,kafka))
CFLAGS ?= -O2 -g
QUIETLY = $(MAKE) -s --no-print-directory
STRICT := -std=c17 -D_XOPEN_SOURCE=700 -Wall -Wextra -Wpedantic -Wconversion -Wshadow \
	-Wstrict-prototypes -Werror
# yyjson is the system's where it has one that is new enough, else the copy in events/yyjson.
YYJSON := $(shell pkg-config --libs 'yyjson >= 0.10.0' 2>/dev/null)
INCLUDE := -I. $(if $(YYJSON),$(shell pkg-config --cflags yyjson),-isystem events/yyjson) \
	-I/usr/include/postgresql $(shell pkg-config --cflags libpq 2>/dev/null)

# What Debian builds its own packages with, for the programs read what strangers send: as much of it
# as the compiler knows on this processor.  FORTIFY wants an optimiser, and neither sanitizers nor
# -fanalyzer beside it.
known = $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2> /dev/null && echo '$(1)')
HARDENING := -fPIE -fstack-protector-strong -Wformat -Werror=format-security \
	$(call known,-fstack-clash-protection) $(call known,-fcf-protection) \
	$(call known,-mbranch-protection=standard)
optimised = $(filter -O -O1 -O2 -O3 -Os -Og,$(CFLAGS))
instrumented = $(findstring -fsanitize,$(CFLAGS))$(findstring -fanalyzer,$(CFLAGS))
fortify = $(shell echo '\#include <features.h>' | $(CC) -Werror -O2 -U_FORTIFY_SOURCE \
	-D_FORTIFY_SOURCE=3 -E -x c - > /dev/null 2>&1 && echo 3 || echo 2)
FORTIFY := $(if $(instrumented),,$(if $(optimised),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(fortify)))
COMPILE = $(CC) $(STRICT) $(CFLAGS) $(HARDENING) $(FORTIFY) $(INCLUDE) -MMD -MP
LINK = @mkdir -p $(@D) && echo '  LD $@' && \
	$(CC) $(CFLAGS) $(HARDENING) -pie -Wl,-z,relro,-z,now $^ $(LDFLAGS)

EVENTS_LIBS := $(YYJSON) -luuid -lidn2 -lm
LIBS := -lrdkafka -lpq -lcurl -ljson-c $(EVENTS_LIBS)

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
# What only the services need of base/: they alone are linked with libcurl.
HTTP := base/http_client.c base/transfers.c
BASE := $(call objects,$(filter-out $(HTTP),$(wildcard base/*.c)))
EVENTS := $(call objects,$(wildcard events/*.c) $(if $(YYJSON),,events/yyjson/yyjson.c)) $(BASE)
TRAVEL := $(call objects,$(wildcard brokers/*.c))
SQL := $(wildcard services/*/sql services/*/*/*/sql)
RUNTIME := $(call objects,$(HTTP) $(wildcard services/daemon/*.c services/runtime/*.c \
	database/*.c)) \
	$(BUILD)/obj/gen/migrations.o
SERVICES := $(shell awk '$$1 ~ /^row/ { sub(",", "", $$2); print $$2 }' services/catalog.h)
# The services as values, and their catalog: all of them but their processes.
sources_of = $(wildcard services/$(1)/*.c services/$(1)/*/*.c services/$(1)/*/*/*.c)
VALUES := $(call objects,services/catalog.c \
	$(filter-out %/main.c,$(foreach service,$(SERVICES),$(call sources_of,$(service)))))
HOUSE := $(VALUES) $(RUNTIME) $(TRAVEL) $(EVENTS)
HISTORY := $(call objects,$(wildcard history/*.c))
# What assembles order histories, apart from what replays them.
ASSEMBLING := $(addprefix history/,assemble.c describe.c hash_set.c history_record.c log_extent.c \
	log_source.c order_history.c read_ahead.c reading.c)
PROGRAMS := $(BUILD)/bin/quadrille $(SERVICES:%=$(BUILD)/bin/quadrille-%) \
	$(BUILD)/bin/quadrille-embedded-broker $(BUILD)/bin/sagactl

.PHONY: all
## build everything into build/bin
all: $(PROGRAMS)

# check's assertions expand to code that is not ours
$(BUILD)/obj/tests/unit/%.o $(BUILD)/obj/tests/integration/%.o: STRICT += -Wno-pedantic \
	-Wno-format-zero-length -Wno-format-extra-args -Wno-conversion -Wno-sign-compare

# others' code is compiled as its makers do
$(BUILD)/obj/events/yyjson/%.o: events/yyjson/%.c
	@mkdir -p $(@D)
	@echo '  CC $<'; $(CC) -std=c99 $(filter-out -fanalyzer -Wno-analyzer-%,$(CFLAGS)) $(HARDENING) \
		$(FORTIFY) -MMD -MP -c $< -o $@

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo '  CC $<'; $(COMPILE) -c $< -o $@

$(BUILD)/gen/migrations.c: database/embed $(wildcard $(SQL:%=%/*.sql))
	@mkdir -p $(@D)
	database/embed $(SQL) > $@

$(BUILD)/obj/gen/migrations.o: $(BUILD)/gen/migrations.c database/database.h
	@mkdir -p $(@D)
	@echo '  CC $<'; $(COMPILE) -Wno-overlength-strings -c $< -o $@

$(BUILD)/bin/quadrille: $(call objects,services/main.c) $(HOUSE)
	$(LINK) $(LIBS) -o $@

define service_program
$(BUILD)/bin/quadrille-$(1): $(call objects,$(call sources_of,$(1))) $(RUNTIME) $(TRAVEL) $(EVENTS)
	$$(LINK) $$(LIBS) -o $$@
endef
$(foreach service,$(SERVICES),$(eval $(call service_program,$(service))))

$(BUILD)/bin/quadrille-embedded-broker: $(call objects,$(wildcard brokers/embedded/*.c) \
		brokers/topics.c) $(BASE)
	$(LINK) -lrdkafka -o $@

$(BUILD)/bin/sagactl: $(call objects,$(wildcard tools/sagactl/*.c tools/sagactl/*/*.c)) $(HISTORY) \
		$(HOUSE)
	$(LINK) $(LIBS) -lcsv -o $@

CHECK_LIBS := -lcheck -lsubunit -lpthread -lrt

$(BUILD)/tests/unit: $(call objects,$(wildcard tests/unit/*.c) \
		$(addprefix brokers/,embedded/frames.c outages.c properties.c slots.c) \
		brokers/dead_letter.c \
		$(addprefix tools/sagactl/,records.c regroup/plan.c stock/list.c terminal/json_line.c) \
		$(ASSEMBLING) history/waiting_for.c) $(HOUSE)
	$(LINK) $(CHECK_LIBS) $(LIBS) -lcsv -o $@

.PHONY: unit
## run the unit tests
unit: $(BUILD)/tests/unit
	$(BUILD)/tests/unit

$(BUILD)/tests/integration: $(call objects,$(wildcard tests/integration/*.c)) $(HOUSE)
	$(LINK) $(CHECK_LIBS) $(LIBS) -o $@

# Each suite has a stack of its own on each broker; they mostly wait, so several run side by side.
TEST_BROKERS ?= embedded kafka

.PHONY: integration
## run the integration tests (TEST_BROKERS='embedded kafka')
integration: all $(BUILD)/tests/integration
	@tests/integration/side-by-side $(BUILD) $(TEST_BROKERS)

.PHONY: memory
## batches that unpack to hundreds of MB, under a limit of address space
memory: all $(BUILD)/tests/integration
	@BIN=$(BUILD)/bin BROKER=$(lastword $(TEST_BROKERS)) $(BUILD)/tests/integration $@

.PHONY: scale outages brokers replay
## instances come, go and die, others produce: on Apache Kafka with 12 partitions
scale: all $(BUILD)/tests/integration
## the broker is restarted, gone, frozen for longer than every time-out
outages: all $(BUILD)/tests/integration
## topics and partitions come and go, others use transactions and groups, rights are missing
brokers: all $(BUILD)/tests/integration
## groups are reset, databases come back from a backup
replay: all $(BUILD)/tests/integration
scale outages brokers replay:
	@brokers/apache/kafka fetch
	@BIN=$(BUILD)/bin EMITTED=$(BUILD)/tests/$@.emitted PATIENCE=$${PATIENCE:-150} \
		$(BUILD)/tests/integration $@

MINUTES ?= 5
RATE ?= 60
CHAOS_OPTIONS = --flow $(or $(FLOW),pay-first) $(if $(SEED),--seed $(SEED))
CHAOS = $(PYTHON) -B tests/chaos/chaos.py $(BUILD) $(CHAOS_OPTIONS)

.PHONY: chaos chaos-quick
## on Apache Kafka: orders at a rate while everything is killed, stopped, restored; each is
## counted (MINUTES=5 RATE=60 FLOW=pay-first SEED=...)
chaos: all $(BUILD)/tests/workload
	@brokers/apache/kafka fetch
	@$(CHAOS) --minutes $(MINUTES) --rate $(RATE)

## the same for a minute, each kind of fault at least once
chaos-quick: all $(BUILD)/tests/workload
	@brokers/apache/kafka fetch
	@$(CHAOS) --minutes 1 --rate 20

.PHONY: audit-soak
## on Apache Kafka: an audit every two seconds while services are killed under load; none finds
## anything but the row that is changed by hand (MINUTES=5 RATE=150)
audit-soak: all $(BUILD)/tests/workload
	@brokers/apache/kafka fetch
	@$(PYTHON) -B tests/chaos/soak.py $(BUILD) $(CHAOS_OPTIONS) --minutes $(MINUTES) \
		--rate $(if $(filter command% environment%,$(origin RATE)),$(RATE),150)

.PHONY: doctest
## run the commands that README.md, docs/getting-started.md, sagactl.md, console.md and
## producers.md show, and compare what they print
doctest: all
	@brokers/apache/kafka fetch
	@$(PYTHON) -B tests/docs/difference.py
	@$(PYTHON) tests/docs/pages.py $(BUILD) README.md@embedded docs/getting-started.md@embedded \
		docs/sagactl.md docs/console.md docs/producers.md docs/producers.md@embedded

.PHONY: compose
## check compose.yaml and run all it says, without containers
compose: all
	@brokers/apache/kafka fetch
	@$(PYTHON) tests/container/compose.py $(BUILD)

.PHONY: image
## run the steps of the Dockerfile in folders of minimal Debian systems (as root, with
## debootstrap; minutes)
image:
	@tests/container/image $(BUILD)/image

.PHONY: systems
## install, build and the tests without a stack in a minimal Debian 12 and 13 each (as root, with
## debootstrap; minutes; RELEASES=trixie for one)
systems:
	@tests/container/systems $(BUILD)/systems $(RELEASES)

.PHONY: hardening
## check that what was built is hardened as Debian's own packages are
hardening: all
	@tests/hardening/built $(BUILD)

.PHONY: installed
## make install, installcheck and uninstall: names with spaces, permissions, the systemd unit
installed: all
	@tests/install/installed $(BUILD)

RECIPES ?=
.PHONY: recipes
## follow the recipes of docs/extending.md, each on a copy of the project (RECIPES=service for one)
recipes: all
	@$(PYTHON) -B tests/recipes/run.py $(BUILD) $(RECIPES)

.PHONY: folders
## the demo of a project that lies in a folder with spaces and worse in its name; folders that
## stack did not make
folders: all $(BUILD)/tests/workload
	@tests/stack/folders $(BUILD)

.PHONY: load-test
## on Apache Kafka: start, idle cost, all real orders in each flow, memory (minutes;
## FLOWS='pay-first ...')
load-test: all $(BUILD)/tests/workload
	@tests/load/run $(BUILD) $(FLOWS)

BENCH ?=
FLAME ?=
.PHONY: bench bench-quick flame
## the benchmark, on Apache Kafka, into build/performance (30 minutes; BENCH='--parts backlog
## --rounds 3' for less, BENCH=--publish to replace docs/performance.md)
bench:
	@tools/deps/deps bench kafka
	@$(QUIETLY) all $(BUILD)/tests/bench $(BUILD)/tests/workload
	@brokers/apache/kafka fetch
	@$(PYTHON) tests/bench/bench.py $(BUILD) $(BENCH)

.PHONY: figures-kept
## check that a benchmark of one part leaves the figures of the others on their page
figures-kept:
	@$(PYTHON) tests/bench/figures_kept.py $(BUILD)

.PHONY: pictures
## check that the pictures of the documentation can be read, also on a dark page
pictures: all
	@$(PYTHON) tests/docs/pictures.py $(BUILD)

## where the services spend their time under a backlog: build/performance/performance-flame.svg
## (needs perf; FLAME=--publish to replace that of docs)
flame: all $(BUILD)/tests/bench $(BUILD)/tests/workload
	@brokers/apache/kafka fetch
	@$(PYTHON) tests/bench/flame.py $(BUILD) $(FLAME)

## a short backlog; fails when our services cost far more than Kafka's bare clients in the same
## run
bench-quick: all $(BUILD)/tests/bench $(BUILD)/tests/workload
	@brokers/apache/kafka fetch
	@$(PYTHON) tests/bench/quick.py $(BUILD)

$(BUILD)/tests/explorer: $(call objects,$(wildcard tests/explorer/*.c tests/explorer/saga/*.c)) \
		$(HOUSE)
	$(LINK) $(LIBS) -o $@

$(BUILD)/tests/explorer-instances: $(call objects,$(wildcard tests/explorer/*.c \
		tests/explorer/instances/*.c)) $(HOUSE)
	$(LINK) $(LIBS) -o $@

.PHONY: explore-quick
## every interleaving of one order with one fault, and of two instances
explore-quick: $(BUILD)/tests/explorer $(BUILD)/tests/explorer-instances
	@nice tests/explorer/quick "$(BUILD)"

.PHONY: explore
## the same with two faults (many minutes, many GiB)
explore: $(BUILD)/tests/explorer
	$(BUILD)/tests/explorer full

$(BUILD)/tests/workload: $(call objects,tests/data/workload.c) $(EVENTS)
	$(LINK) $(EVENTS_LIBS) -o $@

$(BUILD)/tests/bench: $(call objects,$(wildcard tests/bench/*.c)) $(HOUSE)
	$(LINK) $(LIBS) -o $@

$(BUILD)/tests/codec: $(call objects,tests/contract/codec.c) $(EVENTS)
	$(LINK) $(EVENTS_LIBS) -o $@

.PHONY: contract
## schemas and code agree, says an independent validator (SEED=1 EXAMPLES=60)
contract: $(BUILD)/tests/codec
	$(PYTHON) tests/contract/contract.py $(BUILD)/tests/codec $(wildcard $(BUILD)/tests/*.emitted)

$(BUILD)/tools/schemas: $(call objects,tools/schemas/main.c brokers/topics.c \
		brokers/properties.c) $(EVENTS)
	$(LINK) -lrdkafka $(EVENTS_LIBS) -ljson-c -o $@

.PHONY: schemas
## make schemas/*.json, asyncapi.yaml and the docs that come from tables
schemas: all $(BUILD)/tools/schemas
	@tools/schemas/generate "$(BUILD)"

.PHONY: generated
## check that what is made from tables is up to date
generated: all $(BUILD)/tools/schemas
	@tools/schemas/generate "$(BUILD)" --check

# ---- beyond the tests: other compilers, checkers and inputs; each builds in its own folder ----

CLANG ?= clang
TEST_PROGRAMS := unit explorer explorer-instances integration workload codec bench threads
BUILD_ALL = all $(TEST_PROGRAMS:%=$(1)/tests/%)

# A build of its own, on all cores unless this make was told how many to use.
BUILD_IT = +$(QUIETLY) $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
SANITIZE := -O1 -g -fno-omit-frame-pointer -Wno-format-truncation -fsanitize=address,undefined \
	-fno-sanitize-recover=all

.PHONY: clang
## compile everything with clang, warnings are errors
clang:
	@$(BUILD_IT) BUILD=$(BUILD)/clang CC=$(CLANG) $(call BUILD_ALL,$(BUILD)/clang)

# At a process's end LeakSanitizer stops it by ptrace, which on some kernels hangs now and then;
# LEAKS=1 has it look at the services too.
LEAKS ?= 0
SANITIZED = +ASAN_OPTIONS=detect_stack_use_after_return=1:detect_leaks=$(1) \
	$(QUIETLY) BUILD=$(BUILD)/sanitize CFLAGS='$(SANITIZE)'

.PHONY: sanitize
## unit tests, explorers and integration tests under AddressSanitizer and
## UndefinedBehaviorSanitizer
sanitize:
	@$(BUILD_IT) BUILD=$(BUILD)/sanitize CFLAGS='$(SANITIZE)' $(call BUILD_ALL,$(BUILD)/sanitize)
	@$(call SANITIZED,1) unit explore-little
	@$(call SANITIZED,$(LEAKS)) TEST_BROKERS=embedded integration

$(BUILD)/tests/threads: $(call objects,$(wildcard tests/threads/*.c) $(ASSEMBLING) \
		brokers/dead_letter.c brokers/topics.c) $(EVENTS)
	$(LINK) $(EVENTS_LIBS) -o $@

.PHONY: threads
## reading ahead with several threads, under ThreadSanitizer
threads:
	@$(BUILD_IT) BUILD=$(BUILD)/threads $(BUILD)/threads/tests/threads \
		CFLAGS='-O1 -g -fno-omit-frame-pointer -Wno-format-truncation -fsanitize=thread'
	@$(BUILD)/threads/tests/threads

.PHONY: explore-little
## an exploration of seconds
explore-little: $(BUILD)/tests/explorer $(BUILD)/tests/explorer-instances
	$(BUILD)/tests/explorer parallel 1 0 0 1 'cancel, place'
	$(BUILD)/tests/explorer --processes order/payment/inventory/email parallel 1 0 0 1 'cancel, place'
	$(BUILD)/tests/explorer-instances 'an order is paid'

.PHONY: valgrind
## the unit tests under valgrind
valgrind: $(BUILD)/tests/unit
	CK_FORK=no valgrind -q --error-exitcode=9 --leak-check=full \
		--errors-for-leak-kinds=definite,indirect $(BUILD)/tests/unit

COVERED = BUILD=$(BUILD)/coverage LDFLAGS=--coverage \
	CFLAGS='-O0 -g --coverage -Wno-format-truncation'

.PHONY: coverage
## which lines the tests run: a table, and build/coverage/index.html
coverage:
	@rm -rf $(BUILD)/coverage; mkdir -p $(BUILD)/coverage
	@$(BUILD_IT) $(COVERED) $(call BUILD_ALL,$(BUILD)/coverage)
	@$(QUIETLY) $(COVERED) TEST_BROKERS=embedded unit integration
	@tests/coverage/report "$(BUILD)/coverage"

.PHONY: tidy
## clang-tidy, with the checks of .clang-tidy
tidy:
	@tests/tidy/run $(STRICT) $(INCLUDE)

# gcc 12 loses sight of what is stored at an index it does not know, and calls it leaked; gcc 14
# calls the standard streams leaked, which streams_open opens for good.  Leaks are for the
# sanitizers to find.
.PHONY: analyze
## gcc -fanalyzer
analyze:
	@$(BUILD_IT) -k BUILD=$(BUILD)/analyze CC=gcc all \
		CFLAGS='-O1 -g -fanalyzer -Wno-analyzer-malloc-leak -Wno-analyzer-fd-leak'
	@echo 'analyze: nothing found'

FUZZ := decode headers settings
FUZZ_SECONDS ?= 10
FUZZ_FLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all

$(BUILD)/tests/fuzz-%: $(BUILD)/obj/tests/fuzz/%.o $(EVENTS)
	$(LINK) -fsanitize=fuzzer $(EVENTS_LIBS) -ljson-c -o $@

.PHONY: fuzz
## libFuzzer on what comes from outside (FUZZ_SECONDS=10 for each)
fuzz:
	@$(BUILD_IT) BUILD=$(BUILD)/fuzz CC=$(CLANG) CFLAGS='$(FUZZ_FLAGS)' \
		$(FUZZ:%=$(BUILD)/fuzz/tests/fuzz-%)
	@tests/fuzz/run "$(BUILD)/fuzz" "$(FUZZ_SECONDS)" $(FUZZ)

# Of any length; the embedded broker keeps 5 MiB a partition, so it gets no giants.
SECONDS ?= 60
FUZZ_BROKERS ?= kafka embedded

.PHONY: fuzz-stack
## strange messages to every topic of a running stack under the sanitizers, among healthy orders
## (SECONDS=60 SEED=... FUZZ_BROKERS='kafka embedded')
fuzz-stack:
	@$(BUILD_IT) BUILD=$(BUILD)/sanitize CFLAGS='$(SANITIZE)' all $(BUILD)/sanitize/tests/workload
	@$(if $(filter kafka,$(FUZZ_BROKERS)),brokers/apache/kafka fetch)
	@$(PYTHON) -B tests/fuzz/stack.py "$(BUILD)/sanitize" --brokers $(FUZZ_BROKERS) \
		--seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

.PHONY: mutants
## wrong changes, each of which a test must catch (many minutes; MUTANTS='word ...' for some)
mutants:
	$(PYTHON) tests/mutants/run.py $(BUILD)/mutants $(MUTANTS)

.PHONY: mutants-quick
## those of them that a unit test or the explorer must catch
mutants-quick:
	$(PYTHON) tests/mutants/run.py $(BUILD)/mutants unit explorer

.PHONY: mutants-fit
## check that each mutant still fits the code
mutants-fit:
	@$(PYTHON) -B tests/mutants/run.py --fit

.PHONY: upgrade
## the last release beside this version, under load: upgraded, taken back, upgraded again (two
## minutes)
upgrade: all
	@brokers/apache/kafka fetch
	@tests/upgrade/upgrade $(BUILD)

.PHONY: format format-check
## lay out all C as .clang-format says
format:
	@tests/style/format

## check that it is, and that no line is longer than 100 columns
format-check:
	@tests/style/format --check

.PHONY: words
## check that no word stands where the field has another
words:
	@$(PYTHON) -B tests/style/words

.PHONY: layers
## check which folder includes which
layers:
	@tests/layers.sh

.PHONY: test
## everything: install what is missing, build, run all tests
test:
	@tools/deps/deps test $(filter kafka,$(TEST_BROKERS))
	@$(BUILD_IT) $(call BUILD_ALL,$(BUILD))
	@$(QUIETLY) format-check
	@$(QUIETLY) layers words mutants-fit hardening installed figures-kept pictures \
		generated unit folders memory integration
	@$(QUIETLY) -j3 -Otarget RECIPES=service explore-quick \
		$(if $(filter kafka,$(TEST_BROKERS)),outages brokers scale replay doctest compose) recipes
	@$(QUIETLY) contract
	@$(if $(filter kafka,$(TEST_BROKERS)),$(QUIETLY) bench-quick)

.PHONY: check
## make test, by GNU's name
check: test

.PHONY: check-all
## what goes beyond the tests: checkers, sanitizers, fuzzing, mutants that need no stack
check-all:
	@tools/deps/deps test check-all kafka
	@$(BUILD_IT) all $(BUILD)/tests/unit $(BUILD)/tests/workload
	@$(QUIETLY) -j3 -Otarget check-computing check-waiting

# Side by side: what only computes takes what time the others, which mostly wait, leave to it.
.PHONY: check-computing check-waiting
check-computing:
	@+nice $(QUIETLY) mutants-quick valgrind tidy analyze clang fuzz threads
check-waiting:
	@+$(QUIETLY) sanitize
	@+$(QUIETLY) SECONDS=30 FUZZ_BROKERS=kafka upgrade chaos-quick fuzz-stack

.PHONY: deps
## install what building and running need (asks first on a terminal; YES=1 does not)
deps:
	@tools/deps/deps $(DEPS)

ORDERS ?= 500
BROKER ?= embedded
export FLOW BROKER BROKERS PARTITIONS

demo up: export PROCESSES ?= 1

.PHONY: demo
## run real orders on a stack of its own and audit it (ORDERS=500 FLOW=pay-first
## BROKER=embedded|kafka PROCESSES=1|4)
demo: deps
	@$(QUIETLY) all $(BUILD)/tests/workload
	@tools/demo/demo $(BUILD)/demo "$(ORDERS)"

.PHONY: up
## start broker, PostgreSQL and services in the background (BROKER=embedded|kafka, or
## BROKERS=host:9092; PROCESSES=1|4)
up: deps
	@$(QUIETLY) all
	@tools/stack/stack up $(BUILD)/stack
	@tools/stack/stack info $(BUILD)/stack

.PHONY: down
## stop what `make up` started
down:
	@tools/stack/stack down $(BUILD)/stack

# The names go by the environment, so that no character of theirs means anything to the shell.
.PHONY: install uninstall installcheck
install uninstall installcheck: export AT = $(DESTDIR)$(PREFIX)
install uninstall installcheck: export INTO = $(PREFIX)
## install the programs, their manual pages, completions and systemd's units below DESTDIR PREFIX
install: all
	@tools/install/install "$(BUILD)" $(notdir $(PROGRAMS))

## remove them again
uninstall:
	@tools/install/install --remove "$(BUILD)" $(notdir $(PROGRAMS))

## check what is installed there: it runs, for everybody, and systemd takes the unit
installcheck:
	@tests/install/check "$(BUILD)" $(notdir $(PROGRAMS))

.PHONY: clean distclean
## remove what was built, but for what was fetched (stop the stack first)
clean:
	@tools/stack/stack down "$(BUILD)/stack"
	@[ ! -d "$(BUILD)" ] || find "$(BUILD)" -mindepth 1 -maxdepth 1 -not -name apache -exec rm -rf {} +

## make clean, and remove what was fetched
distclean: clean
	rm -rf "$(BUILD)"

.PHONY: help
## this list
help:
	@awk '/^## / { text = text substr($$0, 3); next } \
		text != "" { sub(":.*", ""); printf "  make %-15s%s\n", $$0, text; text = "" }' Makefile

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
