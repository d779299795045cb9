/* stats.c — the tables of counters, made from counters.def. */
#include "lb/stats/stats.h"

#define STAT_ROW(prefix, id, name, help) [prefix##_##id] = {name, help},

#define FE(id, name, help) STAT_ROW(FE, id, name, help)
#define BE                 STAT_NONE
#define SRV                STAT_NONE
#define WK                 STAT_NONE
const struct stat_desc fe_stat_desc[FE_STATS] = {
#include "lb/stats/counters.def"
};
#undef FE
#undef BE

#define FE                 STAT_NONE
#define BE(id, name, help) STAT_ROW(BE, id, name, help)
const struct stat_desc be_stat_desc[BE_STATS] = {
#include "lb/stats/counters.def"
};
#undef BE
#undef SRV

#define BE                  STAT_NONE
#define SRV(id, name, help) STAT_ROW(SRV, id, name, help)
const struct stat_desc srv_stat_desc[SRV_STATS] = {
#include "lb/stats/counters.def"
};
#undef SRV
#undef WK

#define SRV                STAT_NONE
#define WK(id, name, help) STAT_ROW(WK, id, name, help)
const struct stat_desc wk_stat_desc[WK_STATS] = {
#include "lb/stats/counters.def"
};
