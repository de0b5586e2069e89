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

static __always_inline void count_dropped(__u32 service, __u32 bytes)
{
	struct service_counters *c = bpf_map_lookup_elem(&service_counters, &service);

	if (c)
		count(&c->dropped, bytes);
}

static __always_inline void count_sent(__u32 backend, __u32 bytes)
{
	struct counter *c = bpf_map_lookup_elem(&backend_counters, &backend);

	if (c)
		count(c, bytes);
}

static __always_inline int verdict(enum reason reason)
{
	switch (reason) {
	case drop_header:
	case drop_fragment:
	case drop_no_backend:
	case drop_ttl:
	case drop_no_neighbour:
	case drop_too_big:
	case drop_blocked:
	case drop_blackhole:
	case drop_no_finalize:
	case drop_emit:
		return XDP_DROP;
	default:
		return XDP_PASS;
	}
}
