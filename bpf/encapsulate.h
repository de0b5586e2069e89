/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A packet to a backend gets its outer headers. What is carried is left as it came. */
#pragma once
#include "l2.h"
#include "outer.h"

static __always_inline __u32 outer_bytes(__u32 flags)
{
	if (!(flags & MUTATE_TUNNEL))
		return 0;
	return (flags & MUTATE_OUTER6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) +
	       (flags & MUTATE_GUE ? sizeof(struct udphdr) : 0);
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

/* l2: bytes of the L2 header, a constant in each copy. */
static __always_inline enum reason encapsulate4(void *start, const void *end,
						const struct mutation *m, __u32 l2)
{
	struct iphdr *ip = start + l2;
	struct udphdr *udp = (void *)(ip + 1);
	__u32 payload = outer_bytes(m->flags) - sizeof(*ip) + m->packet;

	if ((void *)(udp + 1) > end)
		return drop_emit;
	write_new_l2(start, m, l2, 0);
	write_outer4(ip, m->tos, payload, outer_protocol(m->flags & MUTATE_GUE, m->flags & MUTATE_IPV6),
		     m->source, m->destination);
	if (m->flags & MUTATE_GUE)
		write_outer_udp(udp, m->source_port, shared.gue_port, m->packet);
	return NEXT;
}

static __always_inline enum reason encapsulate6(void *start, const void *end, struct scratch *s, __u32 l2)
{
	const struct mutation *m = &s->mutation;
	struct ipv6hdr *ip = start + l2;
	struct udphdr *udp = (void *)(ip + 1);
	__u32 payload = outer_bytes(m->flags) - sizeof(*ip) + m->packet;
	__u64 sum = 0;

	if ((void *)(udp + 1) > end)
		return drop_emit;
	write_new_l2(start, m, l2, 1);
	write_outer6(ip, m->flow, payload, outer_protocol(m->flags & MUTATE_GUE, m->flags & MUTATE_IPV6),
		     m->source, m->destination);
	if (!(m->flags & MUTATE_GUE))
		return NEXT;
	write_outer_udp(udp, m->source_port, shared.gue_port, m->packet);
	if (!sum_carried(udp + 1, end, s, &sum))
		return drop_emit;
	sum_outer_udp(udp, m->source, m->destination, sum);
	return NEXT;
}

static __always_inline enum reason encapsulate(struct xdp_md *ctx, struct scratch *s, __u32 l2)
{
	if (s->mutation.flags & MUTATE_OUTER6)
		return encapsulate6(data(ctx), data_end(ctx), s, l2);
	return encapsulate4(data(ctx), data_end(ctx), &s->mutation, l2);
}
