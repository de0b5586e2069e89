/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 8. rewrite: the frame becomes the one to send. Resizes first, as long as it
 * can still be given back; then writes headers.
 */
#pragma once
#include "answer.h"
#include "clamp.h"
#include "encapsulate.h"
#include "pkt.h"

/* What a frame that can't be resized comes to: of the forward lane only, it can be given back. */
static __always_inline enum reason no_room(const struct mutation *m, int changed)
{
	if (m->flags & MUTATE_ANSWER)
		return drop_too_big;
	return changed || m->flags & MUTATE_BALANCE ? drop_emit : pass_no_headroom;
}

static __always_inline enum reason resize(struct xdp_md *ctx, const struct mutation *m)
{
	int head = l2_bytes(m->flags, MUTATE_TAGGED_IN) - l2_bytes(m->flags, MUTATE_TAGGED_OUT) -
		   outer_bytes(m->flags) - answer_bytes(m->flags);
	int tail = m->length - m->bytes;
	int changed = 0;

	if (tail) {
		changed = !bpf_xdp_adjust_tail(ctx, tail);
		/* Padding that finds no room is left to the device. */
		if (!changed && tail < 0)
			return no_room(m, changed);
	}
	if (head && bpf_xdp_adjust_head(ctx, head))
		return no_room(m, changed);
	return NEXT;
}

/* l2: bytes of the L2 header, a constant in each copy. */
static __always_inline enum reason write_headers(struct xdp_md *ctx, const struct mutation *m,
						 __u32 l2)
{
	void *start = data(ctx), *end = data_end(ctx), *ip = start + l2;

	if (m->flags & MUTATE_IPV6) {
		struct ipv6hdr *ip6 = ip;

		if ((void *)(ip6 + 1) > end)
			return drop_emit;
		ip6->hop_limit--;
	} else {
		struct iphdr *ip4 = ip;

		if ((void *)(ip4 + 1) > end)
			return drop_emit;
		ip_decrease_ttl(ip4);
	}
	write_l2(start, m);
	return NEXT;
}

static __always_inline void write_mss(struct xdp_md *ctx, struct scratch *s)
{
	const struct mutation *m = &s->mutation;
	__u32 ip = l2_bytes(m->flags, MUTATE_TAGGED_OUT);
	__u32 header = m->flags & MUTATE_IPV6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	struct tcphdr *tcp = data(ctx) + ip + header;

	if ((void *)(tcp + 1) <= data_end(ctx))
		clamp_mss(tcp, data_end(ctx), m->transport, m->mss, &s->walk);
}

/* l2 as above. */
static __always_inline enum reason write_frame(struct xdp_md *ctx, struct scratch *s, __u32 l2)
{
	struct mutation *m = &s->mutation;

	if (m->flags & MUTATE_TUNNEL)
		return encapsulate(ctx, s, l2);
	if (m->flags & MUTATE_ANSWER)
		return answer(ctx, m, l2);
	return write_headers(ctx, m, l2);
}

static __always_inline enum reason rewrite(struct xdp_md *ctx, struct scratch *s)
{
	const struct mutation *m = &s->mutation;
	enum reason reason = resize(ctx, m);

	if (reason != NEXT)
		return reason;
	if (m->flags & MUTATE_TAGGED_OUT)
		reason = write_frame(ctx, s, ETH_HLEN + VLAN_HLEN);
	else
		reason = write_frame(ctx, s, ETH_HLEN);
	if (reason == NEXT && m->mss)
		write_mss(ctx, s);
	return reason;
}
