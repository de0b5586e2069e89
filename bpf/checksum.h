/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The Internet checksum: RFC 1071, and its incremental update: RFC 1624. */
#pragma once
#include "include/net.h"

static __always_inline __u32 checksum_fold(__u64 sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return sum;
}

/* Of a header without options. */
static __always_inline int ip_checksum_right(const struct iphdr *ip)
{
	const __u32 *w = (const __u32 *)ip;

	return checksum_fold((__u64)w[0] + w[1] + w[2] + w[3] + w[4]) == 0xffff;
}

/* What makes the checksum of such a header right, its own field being 0. */
static __always_inline __u16 ip_checksum(const struct iphdr *ip)
{
	const __u32 *w = (const __u32 *)ip;

	return ~checksum_fold((__u64)w[0] + w[1] + w[2] + w[3] + w[4]);
}

/* As the kernel's ip_decrease_ttl() does it, which settles the two zeros. */
static __always_inline void ip_decrease_ttl(struct iphdr *ip)
{
	__u32 check = ip->check;

	check += bpf_htons(0x0100);
	ip->check = check + (check >= 0xffff);
	ip->ttl--;
}

/* The checksum after a 16-bit word that it covers went from old to new. */
static __always_inline __u16 checksum_replace(__u16 check, __u16 old, __u16 new)
{
	__u32 sum = (__u16)~check + (__u32)(__u16)~old + new;

	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return ~sum;
}
