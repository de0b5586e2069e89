/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counting. It never changes a verdict: where there is no record, nothing is counted. */
#pragma once
#include "pkt.h"

static __always_inline void count(struct counter *c, __u32 bytes)
{
	c->packets++;
	c->bytes += bytes;
}

static __always_inline void count_reason(struct port_counters *c, enum reason reason,
					 __u32 bytes)
{
	if (c && reason < REASONS)
		count(&c->reasons[reason], bytes);
}

static __always_inline int verdict(enum reason reason)
{
	switch (reason) {
	case drop_blocked:
	case drop_blackhole:
	case drop_emit:
		return XDP_DROP;
	default:
		return XDP_PASS;
	}
}
