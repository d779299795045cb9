# Makefile — the whole build, non-recursive.
#
#   make            release program at build/lb          make test     build and pass everything
#   make debug      build/debug/lb, no optimisation      make run      the demo: origins and proxy
#   make asan       build/asan/lb, ASan + UBSan          make bench    compare with other proxies
#   make tsan       build/tsan/lb, TSan                  make deps     install missing packages
#
# MODE picks the variant for any target: `make MODE=asan unit`.

MODE ?= release
O    := $(if $(filter release,$(MODE)),build,build/$(MODE))
CC   ?= gcc

CPPFLAGS += -D_GNU_SOURCE -I. $(LLHTTP_CPP)
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-unknown-warning-option
WERROR   ?= -Werror
CSTD     := -std=gnu11
HARDEN   := -fPIE -fstack-protector-strong -fno-strict-aliasing
LDHARDEN := -pie -Wl,-z,relro,-z,now

FLAGS_release := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -flto=auto
FLAGS_debug   := -O0 -g3
FLAGS_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FLAGS_tsan    := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
FLAGS         := $(FLAGS_$(MODE))
ifeq ($(FLAGS),)
$(error unknown MODE '$(MODE)': release, debug, asan or tsan)
endif

ALL_CFLAGS  = $(CSTD) $(WARN) $(WERROR) $(HARDEN) $(FLAGS) $(CFLAGS)
ALL_LDFLAGS = $(LDHARDEN) $(FLAGS) $(LDFLAGS)
LIBS       := -levent -lssl -lcrypto -ljansson -lpcre2-8 -ldl -lpthread

SRC  := $(wildcard lb/*.c lb/*/*.c balancers/*.c health/*.c config/*.c)
OBJ  := $(SRC:%.c=$(O)/obj/%.o)
CORE := $(filter-out $(O)/obj/lb/main.o,$(OBJ))

UNIT_SRC := $(wildcard tests/unit/*_test.c tests/prop/*_test.c)
UNIT     := $(UNIT_SRC:%.c=$(O)/%)

.PHONY: all debug asan tsan unit clean layers format-check format
.SECONDARY:
all: $(O)/lb

debug asan tsan:
	$(MAKE) MODE=$@ all

$(O)/lb: $(OBJ)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ -Wl,--export-dynamic-symbol=err_set $(LIBS)

$(O)/liblb.a: $(CORE)
	@rm -f $@
	$(if $(findstring lto,$(FLAGS)),gcc-ar,ar) rcs $@ $^

$(O)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Unit and property tests: one program a file, linked with what they use of the library.
$(O)/tests/%_test: tests/%_test.c $(O)/liblb.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) -MMD -MP -MF $@.d -o $@ $< $(O)/liblb.a -lcmocka $(LIBS)

unit: $(UNIT)
	@set -e; for t in $(UNIT); do echo "== $$t"; $$t; done

# Micro benchmarks: make build/bench/micro/NAME
$(O)/bench/micro/%: bench/micro/%.c $(O)/liblb.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(O)/liblb.a $(LIBS)

clean:
	rm -rf build

-include $(OBJ:.o=.d) $(UNIT:=.d)
