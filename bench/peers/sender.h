/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the programs that make frames have in common. */
#pragma once
#include "devices.h"
#include "frame.h"

/* M1: what is called with each frame. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} contender SEC(".maps");

/*
 * What is put back into each frame, one address in it being 0: that of the flow.
 * Whole words, written in one store each: a contender that reads a wider word
 * than was just written would wait for the store, which no frame from a network
 * makes it do.
 */
volatile const struct {
	__u64 macs;		/* bytes 0-7 of the frame */
	__u64 header;		/* bytes 8-15 of the IPv4 header, its checksum 0; 0-7 of the IPv6 header */
	__u32 more_macs;	/* bytes 8-11 of the frame */
	__u32 check_base;	/* sum of the IPv4 header without its checksum */
} original;

static __always_inline void restore_macs(void *frame)
{
	*(__u64 *)frame = original.macs;
	*(__u32 *)(frame + 8) = original.more_macs;
}

/* Bytes 8-15 of the IPv4 header, the flow's address being this. */
static __always_inline __u64 checked_header(__be32 address)
{
	__u16 check = ~fold(original.check_base + (address & 0xffff) + (address >> 16));

	return original.header | (__u64)check << 16;
}

static __always_inline int call_contender(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &contender, 0);
	return XDP_ABORTED;
}
