/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The walker of the prefix table: the first two bytes of an address choose a
 * word of the root, each further byte one of a child block. Package lpm has the
 * same walk in Go.
 */
#pragma once
#include "pkt.h"

static __always_inline __u32 prefix_word(__u32 block, __u8 index)
{
	const struct prefix_block *b = bpf_map_lookup_elem(&prefixes, &block);

	return b ? b->word[index] : 0;
}

static __always_inline __u32 classify4(const __be32 *address)
{
	const __u8 *byte = (const __u8 *)address;
	__u32 word = prefix_word(PREFIX_ROOT4 + byte[0], byte[1]);

#pragma unroll
	for (int i = 2; i < 4; i++) {
		if (!(word & PREFIX_CHILD))
			break;
		word = prefix_word(word & ~PREFIX_CHILD, byte[i]);
	}
	return word;
}

/* The bytes are shifted out of two words: a packet can't be indexed by a variable. */
static __always_inline __u32 classify6(const __be32 *address)
{
	const __u8 *byte = (const __u8 *)address;
	__u32 word = prefix_word(PREFIX_ROOT6 + byte[0], byte[1]);
	__u64 high = (__u64)bpf_htonl(address[0]) << 48 | (__u64)bpf_htonl(address[1]) << 16 |
		     bpf_htonl(address[2]) >> 16;
	__u64 low = (__u64)bpf_htonl(address[2]) << 48 | (__u64)bpf_htonl(address[3]) << 16;

	for (int i = 2; i < 16; i++) {
		if (!(word & PREFIX_CHILD))
			break;
		word = prefix_word(word & ~PREFIX_CHILD, high >> 56);
		high = high << 8 | low >> 56;
		low <<= 8;
	}
	return word;
}

static __always_inline void classify_destination(struct pkt *p)
{
	p->destination = p->family == AF_INET ? classify4(&ip4(p)->daddr) : classify6(ip6(p)->daddr);
	if (explain)
		trace.destination = p->destination;
}
