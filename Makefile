# Sentinel.  `make help` lists the targets.
#
#   SAN=1          AddressSanitizer and UndefinedBehaviorSanitizer
#   FUZZ_TIME=60   seconds for each fuzzer
#   SECONDS=900    of make audit-chaos
#   CHAOS_TIME=600 seconds of bad backends
#   NGINX_SRC=DIR  another nginx source tree than that of nginx-dev

SHELL     = /bin/sh
.SUFFIXES:
.SECONDARY:
.DEFAULT_GOAL = help

SAN      ?=
CC       ?= cc
CLANG    ?= clang
FUZZ_TIME ?= 60
SECONDS  ?= 900
CHAOS_TIME ?= 600
PROVE_JOBS ?= 2
DESTDIR  ?=
MODULES  ?= /usr/lib/nginx/modules
BINDIR   ?= /usr/bin
UNITS    ?= /lib/systemd/system
ETC      ?= /etc

B        := $(if $(filter 1,$(SAN)),build/san,build)
SO       := $(B)/ngx_http_mcp_module.so
CORPORA  := $(or $(MCP_CORPORA),../shared/corpora)

WARN     := -Wall -Wextra -Werror -Wshadow -Wpointer-arith \
            -Wno-unused-parameter
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
            -fno-omit-frame-pointer
OPT      := $(if $(filter 1,$(SAN)),-O1 $(SANFLAGS),-O2)
CORE_CFLAGS := -std=gnu11 -g -fPIC $(OPT) $(WARN) -Isrc/core
LIBS     := -ljansson -lcrypto -lpcre2-8

core     := $(wildcard src/core/*.c)
bridge   := $(wildcard src/bridge/*.c)
audit    := $(wildcard src/audit/*.c)
units    := $(wildcard t/unit/test_*.c)
fuzzers  := $(patsubst t/fuzz/fuzz_%.c,%,$(wildcard t/fuzz/fuzz_*.c))

# Nobody may build the same folder twice at once, nor run on half a file.
lock     := flock $(B)/.lock

export SAN CC

.PHONY: help setup build module unit test run lint bench chaos fuzz install clean
.PHONY: $(addprefix run-unit-,$(units)) FORCE

help:           ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

setup:          ## install what build, run and test need
	@scripts/setup test

build: module $(B)/mcp-audit $(if $(bridge),$(B)/mcp-bridge)   ## build the module

run:            ## try it: nginx with five real MCP servers on port 8080
	@scripts/quickstart

module:
	@mkdir -p $(B)
	@scripts/setup build
	@$(if $(filter 1,$(SAN)),$(lock) scripts/nginx-san)
	@$(lock) scripts/configure $(B)
	+@$(lock) $(MAKE) -s -C $(B)/nginx -f objs/Makefile modules
	@cmp -s $(B)/nginx/objs/$(notdir $(SO)) $(SO) || \
	    { cp $(B)/nginx/objs/$(notdir $(SO)) $(SO).new && \
	      mv $(SO).new $(SO) && echo "built $(SO)"; }

$(B)/core $(B)/bridge $(B)/audit $(B)/unit build/fuzz/core:
	@mkdir -p $@

# src/core, for everything but the module

core_o   := $(patsubst src/core/%.c,$(B)/core/%.o,$(core))

$(B)/core/%.o: src/core/%.c Makefile | $(B)/core
	@$(CC) $(CORE_CFLAGS) -MMD -MP -c -o $@ $<

# mcp-bridge

bridge_o := $(patsubst src/bridge/%.c,$(B)/bridge/%.o,$(bridge))

$(B)/bridge/%.o: src/bridge/%.c Makefile | $(B)/bridge
	@$(CC) $(CORE_CFLAGS) -D_GNU_SOURCE -Isrc/bridge -MMD -MP -c -o $@ $<

$(B)/mcp-bridge: $(bridge_o) $(core_o)
	@$(CC) $(OPT) -o $@.new $^ $(LIBS) -levent -lcurl \
	    && mv $@.new $@
	@echo "built $@"

# mcp-audit

audit_o  := $(patsubst src/audit/%.c,$(B)/audit/%.o,$(audit))
PQ_INC   := $(shell pg_config --includedir 2>/dev/null)

$(B)/audit/%.o: src/audit/%.c Makefile | $(B)/audit
	@$(CC) $(CORE_CFLAGS) -D_GNU_SOURCE -Isrc/audit \
	    $(if $(PQ_INC),-I$(PQ_INC)) -MMD -MP -c -o $@ $<

$(B)/mcp-audit: $(audit_o) $(core_o)
	@$(CC) $(OPT) -o $@.new $^ $(LIBS) -lpq && mv $@.new $@
	@echo "built $@"

# the stdio server of the tests, and what they put before it

stdio    := $(wildcard t/servers/stdio*.c)

$(B)/stdio-server: $(stdio) t/servers/stdio_server.h $(core_o) Makefile
	@$(CC) $(CORE_CFLAGS) -D_GNU_SOURCE -o $@.new $(stdio) $(core_o) $(LIBS) \
	    && mv $@.new $@

.PHONY: stdio-server

stdio-server:
	@mkdir -p $(B)
	+@$(lock) $(MAKE) -s $(B)/stdio-server

# unit tests: each with all of src/core, run from here

units_x  := $(patsubst t/unit/%.c,$(B)/unit/%,$(units))

$(B)/unit/%.o: t/unit/%.c Makefile | $(B)/unit
	@$(CC) $(CORE_CFLAGS) -It/unit -MMD -MP -c -o $@ $<

$(B)/unit/%: $(B)/unit/%.o $(core_o)
	@$(CC) $(OPT) -o $@ $^ -lcmocka $(LIBS)

.PRECIOUS: $(B)/unit/%.o

unit: $(units_x) ## unit tests of src/core
	@scripts/run-units $(units_x)

test:           ## install what tests need, build, run all tests
	@scripts/setup test
	@$(MAKE) --no-print-directory build unit
	@JOBS=$(PROVE_JOBS) scripts/run-tests

lint:           ## style, static analysis, syntax of scripts, documentation
	@scripts/lint

bench:          ## measure against bare proxy_pass
	@$(MAKE) --no-print-directory build
	@scripts/bench

chaos:          ## five backends, three of which go wrong, under 64 clients
	@$(MAKE) --no-print-directory build
	@scripts/chaos $(CHAOS_TIME)

audit-chaos:    ## the audit trail under faults, for SECONDS (900)
	@scripts/setup test
	@$(MAKE) --no-print-directory build
	@scripts/audit-chaos --seconds $(SECONDS)

# fuzzers: clang's libFuzzer, one after the other

FUZZ_CFLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined \
            -fno-sanitize-recover=undefined -fno-omit-frame-pointer -Isrc/core
fuzz_o   := $(patsubst src/core/%.c,build/fuzz/core/%.o,$(core))

build/fuzz/core/%.o: src/core/%.c Makefile | build/fuzz/core
	@$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

# what a child writes is read by the bridge
build/fuzz/fuzz_bridge_line: t/fuzz/fuzz_bridge_line.c src/bridge/line.c \
                             $(fuzz_o) Makefile
	@$(CLANG) $(FUZZ_CFLAGS) -D_GNU_SOURCE -Isrc/bridge -fsanitize=fuzzer \
	    -o $@ $< src/bridge/line.c $(fuzz_o) $(LIBS)

build/fuzz/fuzz_%: t/fuzz/fuzz_%.c $(fuzz_o) Makefile
	@$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer -It/fuzz -o $@ $< $(fuzz_o) \
	    $(LIBS)

fuzz: $(addprefix build/fuzz/fuzz_,$(fuzzers)) ## run every fuzzer
	@FUZZ_TIME=$(FUZZ_TIME) MCP_CORPORA=$(CORPORA) \
	    scripts/run-fuzzers $(fuzzers)

install: build  ## install below DESTDIR
	install -d $(DESTDIR)$(MODULES) $(DESTDIR)$(BINDIR)
	install -m 644 $(SO) $(DESTDIR)$(MODULES)/
	install $(B)/mcp-audit $(DESTDIR)$(BINDIR)/
	test ! -f $(B)/mcp-bridge || install $(B)/mcp-bridge $(DESTDIR)$(BINDIR)/
	install -d $(DESTDIR)$(UNITS) $(DESTDIR)$(ETC)/mcp-bridge
	install -m 644 conf/mcp-bridge.service $(DESTDIR)$(UNITS)/
	test -e $(DESTDIR)$(ETC)/mcp-bridge/mcp.json \
	    || install -m 644 conf/mcp.json $(DESTDIR)$(ETC)/mcp-bridge/

clean:          ## remove everything that was built
	rm -rf build

-include $(wildcard $(B)/core/*.d $(B)/bridge/*.d $(B)/audit/*.d $(B)/unit/*.d \
    build/fuzz/core/*.d)
