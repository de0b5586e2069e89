/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The floors of a balancer. They look no further than the IP header.
 *
 *   fixed_backend4, fixed_backend6  (a) one backend, known at load: IP in IP, and back
 *   moved4, moved6                  what the moves of the head alone cost, there and back
 *   tx                              M2: the frame goes back as it is
 */
#include "outer.h"

/* The outer addresses; IPv4 in the first word. */
struct tunnel {
	__be32 source[4];
	__be32 destination[4];
};

volatile const struct tunnel tunnel4;
volatile const struct tunnel tunnel6;

SEC("xdp.frags")
int fixed_backend4(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip)
		return XDP_PASS;
	return encapsulate4(ctx, ip->tos, ip->tot_len, tunnel4.source[0], tunnel4.destination[0]);
}

SEC("xdp.frags")
int fixed_backend6(struct xdp_md *ctx)
{
	struct ipv6hdr *ip = ipv6(ctx);

	if (!ip)
		return XDP_PASS;
	return encapsulate6(ctx, ip->flow, ip->payload_len, tunnel6.source, tunnel6.destination);
}

/* The mark shows that it was here. */
static __always_inline int move(struct xdp_md *ctx, int bytes)
{
	__u8 *data;

	if (bpf_xdp_adjust_head(ctx, -bytes))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	if (data + ETH_HLEN + 1 > (__u8 *)(long)ctx->data_end)
		return XDP_DROP;
	data[ETH_HLEN] = 0;
	return XDP_TX;
}

SEC("xdp.frags")
int moved4(struct xdp_md *ctx)
{
	return move(ctx, sizeof(struct iphdr));
}

SEC("xdp.frags")
int moved6(struct xdp_md *ctx)
{
	return move(ctx, sizeof(struct ipv6hdr));
}

SEC("xdp.frags")
int tx(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
