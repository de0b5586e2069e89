/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The outer headers that packets to backends get, whoever sends them: IP in IP
 * (RFC 2003, 2473, 4213), or IP in UDP (draft-ietf-intarea-gue, variant 1).
 */
#pragma once
#include "checksum.h"

static __always_inline __u8 outer_protocol(int gue, int ipv6)
{
	if (gue)
		return IPPROTO_UDP;
	return ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
}

/* payload: bytes behind the header. Addresses: the first word alone is read. */
static __always_inline void write_outer4(struct iphdr *ip, __u8 tos, __u32 payload, __u8 protocol,
					 const __be32 *source, const __be32 *destination)
{
	__be32 first = 0x45 | tos << 8 | (__u32)bpf_htons(sizeof(*ip) + payload) << 16;
	__be32 second = (__u32)bpf_htons(IP_DF) << 16;	/* RFC 6864: atomic, so no ID */
	__be32 third = IP_TTL | protocol << 8;
	__be32 *to = (__be32 *)ip;
	__u64 sum = (__u64)first + second + third + source[0] + destination[0];

	to[0] = first;
	to[1] = second;
	to[2] = third | (~checksum_fold(sum) & 0xffff) << 16;
	to[3] = source[0];
	to[4] = destination[0];
}

/* flow: the first word of the header. */
static __always_inline void write_outer6(struct ipv6hdr *ip, __be32 flow, __u32 payload, __u8 protocol,
					 const __be32 *source, const __be32 *destination)
{
	ip->flow = flow;
	ip->payload_len = bpf_htons(payload);
	ip->nexthdr = protocol;
	ip->hop_limit = IP_TTL;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		ip->saddr[i] = source[i];
		ip->daddr[i] = destination[i];
	}
}

/*
 * The sum over a packet without reading it, from what must hold in it, or will
 * once a device has filled in its checksum. IPv4: the header sums up to 0, and TCP
 * or UDP to the complement of their pseudo-header; ICMP to 0. IPv6 likewise, where
 * the addresses of the header and of the pseudo-header cancel out.
 */
static __always_inline __u64 sum_derived4(const struct iphdr *ip)
{
	__u32 length = bpf_ntohs(ip->tot_len) - sizeof(*ip);

	if (ip->protocol == IPPROTO_ICMP)
		return 0;
	return (__u64)~ip->saddr + (__u32)~ip->daddr + (__u16)~bpf_htons(length) +
	       (__u16)~bpf_htons(ip->protocol);
}

static __always_inline __u64 sum_derived6(const struct ipv6hdr *ip)
{
	return (__u64)ip->flow + *(const __u16 *)&ip->nexthdr + (__u16)~bpf_htons(ip->nexthdr);
}

/* All but the checksum, which may be left out over IPv4. carried: bytes. */
static __always_inline void write_outer_udp(struct udphdr *udp, __be16 source, __u32 port, __u32 carried)
{
	udp->source = source;
	udp->dest = bpf_htons(port);
	udp->len = bpf_htons(sizeof(*udp) + carried);
	udp->check = 0;
}

/* The checksum that it must have over IPv6, where what is carried sums up to sum. */
static __always_inline void sum_outer_udp(struct udphdr *udp, const __be32 *source,
					  const __be32 *destination, __u64 sum)
{
#pragma unroll
	for (int i = 0; i < 4; i++)
		sum += (__u64)source[i] + destination[i];
	sum += 2u * udp->len + bpf_htons(IPPROTO_UDP) + udp->source + udp->dest;
	sum = ~checksum_fold(sum) & 0xffff;
	udp->check = sum ? sum : 0xffff;
}
