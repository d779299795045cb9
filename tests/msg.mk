# msg.mk — what the tests of lb/msg need beyond a cmocka program: llhttp as an independent referee,
# the reader of tests/http/*.txt, the fuzz targets and the micro-benchmark. llhttp is not part of lb.
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

# Fuzzing wants clang, and everything compiled with coverage: one command a target.
FUZZ         := request response chunk proxy
FUZZ_SECONDS ?= 60
FUZZ_CFLAGS  := -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined

build/fuzz/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	clang -O2 -DLLHTTP_STRICT_MODE=1 $(LLHTTP_FLAGS) -c -o $@ $<

FUZZ_LLHTTP := $(if $(LLHTTP_SRC),$(LLHTTP_SRC:/usr/share/llhttp/%.c=build/fuzz/llhttp/%.o),-lllhttp)
FUZZ_FROM   := tests/http/referee.c tests/fuzz/check.c $(wildcard lb/msg/*.c) lb/base/why.c lb/net/proxyproto.c
build/fuzz/%_fuzz: tests/fuzz/%_fuzz.c $(FUZZ_FROM) $(wildcard lb/msg/*.h tests/fuzz/*.h) \
                   $(filter %.o,$(FUZZ_LLHTTP))
	@mkdir -p $(@D)
	clang $(CSTD) $(WARN) $(WERROR) $(CPPFLAGS) $(LLHTTP_FLAGS) $(FUZZ_CFLAGS) -o $@ $< $(FUZZ_FROM) $(FUZZ_LLHTTP)

# New inputs are kept in build/fuzz; what is worth keeping is copied to tests/fuzz/corpus by hand.
.PHONY: fuzz bench-msg
fuzz: $(FUZZ:%=build/fuzz/%_fuzz)
	@set -e; for t in $(FUZZ); do mkdir -p build/fuzz/new-$$t; \
	    build/fuzz/$${t}_fuzz -max_total_time=$(FUZZ_SECONDS) -max_len=2048 -timeout=10 \
	        -artifact_prefix=build/fuzz/ build/fuzz/new-$$t tests/fuzz/corpus/$$t; done

build/bench/head: bench/micro/head.c $(O)/liblb.a $(filter %.o,$(LLHTTP_LINK))
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(LLHTTP_FLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(O)/liblb.a $(LLHTTP_LINK)

bench-msg: build/bench/head
	build/bench/head
