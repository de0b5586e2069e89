/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The outer headers of a packet to a backend: IP in IP (RFC 2003, 2473, 4213),
 * or IP in UDP (draft-ietf-intarea-gue, variant 1). What is carried is left as
 * it came.
 */
#pragma once
#include "checksum.h"
#include "l2.h"

static __always_inline __u32 outer_bytes(__u32 flags)
{
	if (!(flags & MUTATE_TUNNEL))
		return 0;
	return (flags & MUTATE_OUTER6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) +
	       (flags & MUTATE_GUE ? sizeof(struct udphdr) : 0);
}

static __always_inline __u8 carried_protocol(const struct mutation *m)
{
	if (m->flags & MUTATE_GUE)
		return IPPROTO_UDP;
	return m->flags & MUTATE_IPV6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
}

static __always_inline void write_outer4(struct iphdr *ip, const struct mutation *m)
{
	__u32 length = sizeof(*ip) + (m->flags & MUTATE_GUE ? sizeof(struct udphdr) : 0) + m->packet;
	__be32 first = 0x45 | m->tos << 8 | (__u32)bpf_htons(length) << 16;
	__be32 second = (__u32)bpf_htons(IP_DF) << 16;	/* RFC 6864: atomic, so no ID */
	__be32 third = IP_TTL | carried_protocol(m) << 8;
	__be32 *to = (__be32 *)ip;
	__u64 sum = (__u64)first + second + third + m->source[0] + m->destination[0];

	to[0] = first;
	to[1] = second;
	to[2] = third | (~checksum_fold(sum) & 0xffff) << 16;
	to[3] = m->source[0];
	to[4] = m->destination[0];
}

static __always_inline void write_outer6(struct ipv6hdr *ip, const struct mutation *m)
{
	ip->flow = m->flow;
	ip->payload_len = bpf_htons((m->flags & MUTATE_GUE ? sizeof(struct udphdr) : 0) + m->packet);
	ip->nexthdr = carried_protocol(m);
	ip->hop_limit = IP_TTL;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		ip->saddr[i] = m->source[i];
		ip->daddr[i] = m->destination[i];
	}
}

/* The most that is summed up byte by byte. */
#define LONGEST_SUM 9216
#define SUM_BLOCK 64
#define WALK_MASK 0x3fff

/* Keeps the compiler from computing with the end of the frame, which the verifier forbids. */
static __always_inline int within(const void *at, const void *end)
{
	asm volatile("" : "+r"(at));
	return at <= end;
}

/*
 * The sum over the packet carried; false where it is too long, or not all in one
 * buffer. How far it is stands in memory, so that the verifier need not tell one
 * step from the next.
 */
static __always_inline int sum_all(const void *packet, const void *end, struct scratch *s, __u64 *sum)
{
	const void *at;

	if (s->mutation.packet > LONGEST_SUM)
		return 0;
	s->walk = 0;
	for (int i = 0; i < LONGEST_SUM / SUM_BLOCK; i++) {
		if (s->walk + SUM_BLOCK > s->mutation.packet)
			break;
		at = packet + (s->walk & WALK_MASK);
		if (!within(at + SUM_BLOCK, end))
			return 0;
		*sum += (__u32)bpf_csum_diff(NULL, 0, at, SUM_BLOCK, 0);
		s->walk += SUM_BLOCK;
	}
	for (int i = 0; i < SUM_BLOCK; i++) {
		if (s->walk >= s->mutation.packet)
			break;
		at = packet + (s->walk & WALK_MASK);
		if (!within(at + 1, end))
			return 0;
		*sum += i & 1 ? *(const __u8 *)at << 8 : *(const __u8 *)at;
		s->walk++;
	}
	return 1;
}

/*
 * The same without reading the packet, from what must hold in it: its own
 * checksums are right. IPv4: the header sums up to 0, and TCP or UDP to the
 * complement of their pseudo-header; ICMP to 0. IPv6 likewise, where the
 * addresses of the header and of the pseudo-header cancel out.
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

static __always_inline int sum_carried(const void *packet, const void *end, struct scratch *s,
				       __u64 *sum)
{
	if (s->mutation.flags & MUTATE_UDP_SUM)
		return sum_all(packet, end, s, sum);
	if (s->mutation.flags & MUTATE_IPV6) {
		if (packet + sizeof(struct ipv6hdr) > end)
			return 0;
		*sum += sum_derived6(packet);
	} else {
		if (packet + sizeof(struct iphdr) > end)
			return 0;
		*sum += sum_derived4(packet);
	}
	return 1;
}

/* Over IPv4 the checksum may be left out; over IPv6 it may not. */
static __always_inline enum reason write_gue(struct udphdr *udp, const void *end, struct scratch *s)
{
	const struct mutation *m = &s->mutation;
	__be16 length = bpf_htons(sizeof(*udp) + m->packet);
	__u64 sum = 0;

	udp->source = m->source_port;
	udp->dest = bpf_htons(shared.gue_port);
	udp->len = length;
	udp->check = 0;
	if (!(m->flags & MUTATE_OUTER6))
		return NEXT;
#pragma unroll
	for (int i = 0; i < 4; i++)
		sum += (__u64)m->source[i] + m->destination[i];
	sum += 2u * length + bpf_htons(IPPROTO_UDP) + udp->source + udp->dest;
	if (!sum_carried(udp + 1, end, s, &sum))
		return drop_emit;
	sum = ~checksum_fold(sum) & 0xffff;
	udp->check = sum ? sum : 0xffff;
	return NEXT;
}

/* l2: bytes of the L2 header, a constant in each copy. */
static __always_inline enum reason encapsulate(struct xdp_md *ctx, struct scratch *s, __u32 l2)
{
	const struct mutation *m = &s->mutation;
	void *start = data(ctx), *end = data_end(ctx), *ip = start + l2;

	if (m->flags & MUTATE_OUTER6) {
		if (ip + sizeof(struct ipv6hdr) + sizeof(struct udphdr) > end)
			return drop_emit;
		write_new_l2(start, m, l2, 1);
		write_outer6(ip, m);
		if (m->flags & MUTATE_GUE)
			return write_gue(ip + sizeof(struct ipv6hdr), end, s);
		return NEXT;
	}
	if (ip + sizeof(struct iphdr) + sizeof(struct udphdr) > end)
		return drop_emit;
	write_new_l2(start, m, l2, 0);
	write_outer4(ip, m);
	if (m->flags & MUTATE_GUE)
		return write_gue(ip + sizeof(struct iphdr), end, s);
	return NEXT;
}
