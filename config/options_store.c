/* options_store.c — moving values between the table and the structs it describes. */
#include "config/options.h"

#include "config/value.h"

#include <stdlib.h>
#include <string.h>

static char *field(const struct directive *o, void *base)
{
    return (char *)base + o->offset;
}

uint64_t options_max(const struct directive *o)
{
    uint64_t most = UINT64_MAX;
    if (o->store == STORE_U16)
        most = UINT16_MAX;
    else if (o->store == STORE_U32)
        most = UINT32_MAX;
    bool bounded = o->spec.min || o->spec.max;
    return bounded && o->spec.max < most ? o->spec.max : most;
}

void options_store(const struct directive *o, void *base, uint64_t num)
{
    uint16_t u16 = (uint16_t)num;
    uint32_t u32 = (uint32_t)(o->store == STORE_PERCENT ? num / 10 : num);
    uint64_t u64 = o->store == STORE_SECONDS ? num / 1000 : num;
    const char *text = o->store == STORE_CHOICE ? o->spec.choices[num] : NULL;
    bool on = num != 0;
    switch (o->store) {
    case STORE_BOOL:
        memcpy(field(o, base), &on, sizeof on);
        break;
    case STORE_U16:
        memcpy(field(o, base), &u16, sizeof u16);
        break;
    case STORE_U32:
    case STORE_PERCENT:
        memcpy(field(o, base), &u32, sizeof u32);
        break;
    case STORE_U64:
    case STORE_SECONDS:
        memcpy(field(o, base), &u64, sizeof u64);
        break;
    case STORE_CHOICE:
        memcpy(field(o, base), &text, sizeof text);
        break;
    case STORE_TEXT:
    case STORE_NONE:
        break;
    }
}

uint64_t options_load(const struct directive *o, const void *base)
{
    const char *at = (const char *)base + o->offset;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    bool on;
    switch (o->store) {
    case STORE_BOOL:
        memcpy(&on, at, sizeof on);
        return on;
    case STORE_U16:
        memcpy(&u16, at, sizeof u16);
        return u16;
    case STORE_U32:
    case STORE_PERCENT:
        memcpy(&u32, at, sizeof u32);
        return o->store == STORE_PERCENT ? (uint64_t)u32 * 10 : u32;
    case STORE_U64:
    case STORE_SECONDS:
        memcpy(&u64, at, sizeof u64);
        return o->store == STORE_SECONDS ? u64 * 1000 : u64;
    default:
        return 0;
    }
}

const char *options_load_text(const struct directive *o, const void *base)
{
    const char *text = NULL;
    if (o->store == STORE_TEXT || o->store == STORE_CHOICE)
        memcpy(&text, (const char *)base + o->offset, sizeof text);
    return text;
}

/* Defaults of the table are written by us: they convert. tests/unit/config_options_test.c. */
static uint64_t default_number(const struct opt_spec *spec)
{
    struct slice s = slice_of(spec->def);
    uint64_t num = 0;
    switch (spec->type) {
    case OPT_UINT:
        (void)value_uint(s, &num);
        break;
    case OPT_DURATION:
        (void)value_duration(s, &num);
        break;
    case OPT_SIZE:
        (void)value_size(s, &num);
        break;
    case OPT_RATIO:
        (void)value_ratio(s, &num);
        break;
    case OPT_ONOFF:
        num = strcmp(spec->def, "on") == 0;
        break;
    case OPT_ENUM:
        while (spec->choices[num] && strcmp(spec->choices[num], spec->def) != 0)
            num++;
        break;
    default:
        break;
    }
    return num;
}

static const size_t BASES[BASE_COUNT] = {
    [BASE_GLOBAL] = offsetof(struct protos, global),
    [BASE_TIMEOUTS] = offsetof(struct protos, timeouts),
    [BASE_FRONTEND] = offsetof(struct protos, frontend),
    [BASE_LIMITS] = offsetof(struct protos, limits),
    [BASE_BIND] = offsetof(struct protos, bind),
    [BASE_TLS] = offsetof(struct protos, tls),
    [BASE_BACKEND] = offsetof(struct protos, backend),
    [BASE_STICKY] = offsetof(struct protos, sticky),
    [BASE_CHECK] = offsetof(struct protos, check),
    [BASE_PASSIVE] = offsetof(struct protos, passive),
    [BASE_RETRY] = offsetof(struct protos, retry),
    [BASE_SERVER] = offsetof(struct protos, server),
    [BASE_ADMIN] = offsetof(struct protos, admin),
};

const void *options_proto(const struct protos *p, enum base base)
{
    return (const char *)p + BASES[base];
}

void options_protos(struct protos *p)
{
    memset(p, 0, sizeof *p);
    for (unsigned i = 0; i < options_count; i++) {
        const struct directive *o = &options_table[i];
        void *base = (char *)p + BASES[o->base];
        if (o->store == STORE_NONE || !o->spec.def)
            continue;
        if (o->store == STORE_TEXT)
            memcpy(field(o, base), &o->spec.def, sizeof o->spec.def);
        else
            options_store(o, base, default_number(&o->spec));
    }
    p->global.log = (struct cfg_log){.to = CFG_LOG_STDERR, .level = 2};
    p->admin.socket_mode = 0600;
    p->tls.min_version = 0x0303;
    p->frontend.limits = p->limits;
    p->frontend.timeouts = p->timeouts;
    p->backend.timeouts = p->timeouts;
    p->backend.retry = p->retry;
    p->backend.passive = p->passive;
    p->backend.check = p->check;
}
