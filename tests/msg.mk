# msg.mk — what the tests of lb/msg need beyond a cmocka program: llhttp as an independent referee,
# the reader of tests/http/*.txt, the search for fuzz inputs and the micro-benchmark. llhttp is not
# part of lb.
#
#   make fuzz FUZZ_SECONDS=120      make bench-msg

# Debian 12: node-llhttp ships the sources. Debian 13: libllhttp-dev, with pkg-config.
LLHTTP_SRC := $(wildcard /usr/share/llhttp/api.c /usr/share/llhttp/http.c /usr/share/llhttp/llhttp.c)
ifneq ($(LLHTTP_SRC),)
LLHTTP_FLAGS := -I/usr/share/include/llhttp
LLHTTP_LINK   = $(LLHTTP_SRC:/usr/share/llhttp/%.c=$(O)/llhttp/%.o)
else
LLHTTP_FLAGS := $(shell pkg-config --cflags libllhttp 2>/dev/null)
LLHTTP_LINK   = -lllhttp
endif

$(O)/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	$(CC) $(CSTD) -O2 -fPIE -DLLHTTP_STRICT_MODE=1 $(LLHTTP_FLAGS) -c -o $@ $<

# Both tests read tests/http; only the referee's needs llhttp.
$(O)/obj/tests/http/referee.o: CPPFLAGS += $(LLHTTP_FLAGS)
$(O)/tests/unit/http_cases_test: $(O)/obj/tests/http/cases.o
$(O)/tests/unit/llhttp_referee_test: $(O)/obj/tests/http/cases.o $(O)/obj/tests/http/referee.o \
                                     $(filter %.o,$(LLHTTP_LINK))
$(O)/tests/unit/llhttp_referee_test: TEST_LIBS = $(filter -l%,$(LLHTTP_LINK))

# Searching wants clang, and the whole library compiled for it: MODE=fuzz. Each target runs for
# FUZZ_SECONDS (FUZZ names some of them), two at a time; the first finding stops all. New inputs are
# kept in build/fuzz; what is worth keeping is copied to tests/fuzz/corpus by hand.
FUZZ         ?= $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_SECONDS ?= 60
.PHONY: fuzz bench-msg
fuzz:
	$(MAKE) --no-print-directory -j2 CC=clang MODE=fuzz $(FUZZ:%=build/fuzz/tests/fuzz/%_fuzz)
	tests/fuzz/search $(FUZZ_SECONDS) $(FUZZ)

# Line coverage of the program and its tests by module: clang and llvm-cov, about a minute.
.PHONY: coverage
coverage:
	$(MAKE) --no-print-directory -j2 CC=clang MODE=coverage coverage-run
.PHONY: coverage-run
coverage-run: $(O)/lb $(E2E) $(UNIT) $(REPLAY)
	tests/coverage $(O) $(E2E) $(UNIT) $(REPLAY)

$(O)/bench/micro/head: bench/micro/head.c $(O)/liblb.a $(filter %.o,$(LLHTTP_LINK))
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(LLHTTP_FLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(O)/liblb.a $(LLHTTP_LINK)

bench-msg: $(O)/bench/micro/head
	$<
