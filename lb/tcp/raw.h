/*
 * raw.h — TCP endpoints: a stream without heads, whose body is whatever comes.
 */
#ifndef LB_TCP_RAW_H
#define LB_TCP_RAW_H

#include "lb/stream/conn.h"

extern const struct io_ops raw_io_ops;
extern const struct stream_ops raw_ops;

/* Begins: paused until resume. false: out of memory. */
bool raw_begin(struct conn *);

#endif
