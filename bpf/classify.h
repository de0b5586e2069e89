/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The walker of the prefix table: the first two bytes of an address choose a
 * word of the root, each further byte one of a child block; a shortcut takes
 * several at once. Package lpm has the same walk in Go.
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

/* The number in an entry of a kind: PREFIX_SHORTCUT or more in one of another kind. */
#define BLOCK(word) ((word) ^ PREFIX_CHILD)
#define SHORTCUT(word) ((word) ^ (PREFIX_CHILD | PREFIX_SHORTCUT))

/* The way on from a shortcut, after which there is no other. */
static __always_inline __u32 past_shortcut(__u32 number, const __be32 *address)
{
	const struct prefix_shortcut *s = bpf_map_lookup_elem(&prefix_shortcuts, &number);
	__u64 first, last, differs;
	__u32 word;

	if (!s)
		return 0;
	first = (__u64)bpf_htonl(address[0]) << 32 | bpf_htonl(address[1]);
	last = (__u64)bpf_htonl(address[2]) << 32 | bpf_htonl(address[3]);
	differs = (first ^ s->first) | ((last ^ s->last) & s->mask);
	asm volatile("" : "+r"(differs)); /* one jump for both */
	if (differs)
		return s->outside;
	word = s->inside;
	last <<= s->next * 8 & 63;
	for (int i = PREFIX_LEAST_NEXT; i < 16 && BLOCK(word) < PREFIX_SHORTCUT; i++) {
		word = prefix_word(BLOCK(word), last >> 56);
		last <<= 8;
	}
	return word;
}

static __always_inline __u32 classify6(const __be32 *address)
{
	const __u8 *byte = (const __u8 *)address;
	__u32 word = prefix_word(PREFIX_ROOT6 + byte[0], byte[1]);

	for (int i = 2; i < 16 && BLOCK(word) < PREFIX_SHORTCUT; i++)
		word = prefix_word(BLOCK(word), byte[i]);
	if (SHORTCUT(word) < PREFIX_SHORTCUT)
		word = past_shortcut(SHORTCUT(word), address);
	asm volatile("" : "+r"(word)); /* else each end goes on in a way of its own, which costs the verifier */
	return word;
}

static __always_inline void classify_destination(struct pkt *p)
{
	p->destination = p->family == AF_INET ? classify4(&ip4(p)->daddr) : classify6(ip6(p)->daddr);
	if (explain)
		trace.destination = p->destination;
}
