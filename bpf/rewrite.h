/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 6. rewrite: the frame becomes the one to send. Resizes first, as long as it
 * can still be given back; then writes headers.
 */
#pragma once
#include "clamp.h"
#include "pkt.h"

static __always_inline __u32 l2_bytes(__u32 flags, __u32 tagged)
{
	return ETH_HLEN + (flags & tagged ? VLAN_HLEN : 0);
}

static __always_inline enum reason resize(struct xdp_md *ctx, const struct mutation *m)
{
	int head = l2_bytes(m->flags, MUTATE_TAGGED_IN) - l2_bytes(m->flags, MUTATE_TAGGED_OUT);
	int tail = m->length - m->bytes;
	int changed = 0;

	if (tail) {
		changed = !bpf_xdp_adjust_tail(ctx, tail);
		/* Padding that finds no room is left to the device. */
		if (!changed && tail < 0)
			return pass_no_headroom;
	}
	if (head && bpf_xdp_adjust_head(ctx, head))
		return changed ? drop_emit : pass_no_headroom;
	return NEXT;
}

/* The ethertype of the IP packet is in its place: it has moved with the packet. */
static __always_inline void write_l2(void *at, const struct mutation *m)
{
	const __u32 *macs = (const __u32 *)m->dmac;
	__u32 *to = at;
	__be16 *tag = at + 2 * sizeof(m->dmac);

	to[0] = macs[0];
	to[1] = macs[1];
	to[2] = macs[2];
	if (m->flags & MUTATE_TAGGED_OUT) {
		tag[0] = bpf_htons(ETH_P_8021Q);
		tag[1] = m->tci;
	}
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
		clamp_mss(tcp, data_end(ctx), m->transport, m->mss, &s->option);
}

static __always_inline enum reason rewrite(struct xdp_md *ctx, struct scratch *s)
{
	const struct mutation *m = &s->mutation;
	enum reason reason = resize(ctx, m);

	if (reason != NEXT)
		return reason;
	if (m->flags & MUTATE_TAGGED_OUT)
		reason = write_headers(ctx, m, ETH_HLEN + VLAN_HLEN);
	else
		reason = write_headers(ctx, m, ETH_HLEN);
	if (reason == NEXT && m->mss)
		write_mss(ctx, s);
	return reason;
}
