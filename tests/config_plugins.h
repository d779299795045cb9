/*
 * config_plugins.h — balancers and checks as a configuration sees them, for its tests.
 */
#ifndef TESTS_CONFIG_PLUGINS_H
#define TESTS_CONFIG_PLUGINS_H

#include "config/cfg.h"
#include "lb/base/err.h"

#include <errno.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *const rr_aliases[] = {"roundrobin", NULL};
static const char *const least_aliases[] = {"leastconn", "least_conn", NULL};
static const char *const source_aliases[] = {"source", "ip_hash", NULL};

static const struct opt_spec source_specs[] = {
    {.name = "consistent", .type = OPT_FLAG, .help = "Few keys move (default)."},
    {.name = "modulo", .type = OPT_FLAG, .help = "Modulo of the number of servers."},
};
static const struct opt_spec hash_specs[] = {
    {.name = "bounded-load", .type = OPT_RATIO, .min = 1000, .max = 10000, .help = "Overload."},
    {.name = "replicas", .type = OPT_UINT, .min = 1, .max = 1000, .def = "100", .help = "Points."},
};
static const char *const half_choices[] = {"fast", "slow", NULL};
static const struct opt_spec least_time_specs[] = {
    {.name = "half-life", .type = OPT_DURATION, .min = 1, .max = 60000, .def = "10s"},
    {.name = "speed", .type = OPT_ENUM, .choices = half_choices, .def = "fast"},
    {.name = "learn", .type = OPT_ONOFF, .def = "on"},
};

static const struct plug_desc bal_rr = {
    .name = "round-robin", .aliases = rr_aliases, .help = "One after the other."};
static const struct plug_desc bal_wrr = {
    .name = "weighted-round-robin", .help = "Smooth.", .uses_weights = true};
static const struct plug_desc bal_least = {.name = "least-connections",
                                           .aliases = least_aliases,
                                           .help = "The least busy one.",
                                           .uses_weights = true};
static const struct plug_desc bal_random = {.name = "random", .help = "Any."};
static const struct plug_desc bal_source = {.name = "source-hash",
                                            .aliases = source_aliases,
                                            .help = "By the client's address.",
                                            .specs = source_specs,
                                            .nspecs = COUNT(source_specs),
                                            .uses_weights = true,
                                            .default_key = 1};
static const struct plug_desc bal_hash = {.name = "hash",
                                          .help = "By a key.",
                                          .specs = hash_specs,
                                          .nspecs = COUNT(hash_specs),
                                          .uses_weights = true,
                                          .takes_key = true};
static const struct plug_desc bal_least_time = {.name = "least-time",
                                                .specs = least_time_specs,
                                                .nspecs = COUNT(least_time_specs),
                                                .uses_weights = true};
static const struct plug_desc bal_plugin = {.name = "from-plugin", .uses_weights = true};

static const struct opt_spec http_specs[] = {
    {.name = "host", .type = OPT_STRING, .help = "Host field."},
    {.name = "expect", .type = OPT_WORDS, .help = "What a good answer is."},
    {.name = "body-max", .type = OPT_SIZE, .max = 65536, .def = "4k", .help = "Read at most."},
};
static const struct plug_desc check_tcp = {.name = "tcp", .help = "Connects."};
static const struct plug_desc check_http = {.name = "http",
                                            .help = "One request.",
                                            .specs = http_specs,
                                            .nspecs = COUNT(http_specs),
                                            .args_min = 2,
                                            .args_max = 2,
                                            .args_help = "METHOD PATH"};

static const struct plug_desc *const test_balancers[] = {
    &bal_rr, &bal_wrr, &bal_least, &bal_random, &bal_source, &bal_hash, &bal_least_time, NULL};
static const struct plug_desc *const test_checks[] = {&check_tcp, &check_http, NULL};

static const struct plug_desc *test_load_balancer(void *ctx, const char *path, struct err *e)
{
    (void)ctx;
    if (strstr(path, "good"))
        return &bal_plugin;
    err_set(e, ENOENT, "no such plug-in");
    return NULL;
}

static const struct cfg_plugins test_plugins = {
    .balancers = test_balancers,
    .checks = test_checks,
    .load_balancer = test_load_balancer,
};

#endif
