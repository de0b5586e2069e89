/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What balancers have in common: an outer IP header (RFC 2003, RFC 2473), and the way back. */
#pragma once
#include "frame.h"

/* Of what goes to a backend. */
volatile const struct macs gateway;

/* Room for an outer IP header of so many bytes, the Ethernet header before it. */
static __always_inline void *add_outer(struct xdp_md *ctx, int bytes, __be16 ethertype)
{
	struct ethhdr *eth;
	struct macs *to;

	if (bpf_xdp_adjust_head(ctx, -bytes))
		return NULL;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) + bytes > (void *)(long)ctx->data_end)
		return NULL;
	to = (void *)eth;
	for (int i = 0; i < 3; i++) {
		to->dmac[i] = gateway.dmac[i];
		to->smac[i] = gateway.smac[i];
	}
	eth->ethertype = ethertype;
	return eth + 1;
}

static __always_inline __be16 longer(__be16 length, __u16 bytes)
{
	return bpf_htons(bpf_ntohs(length) + bytes);
}

/* tos and length are those of the packet. */
static __always_inline int encapsulate4(struct xdp_md *ctx, __u8 tos, __be16 length,
					__be32 source, __be32 destination)
{
	const __u16 fixed[] = { bpf_htons(IP_DF), IP_TTL | IPPROTO_IPIP << 8 };
	struct iphdr *ip = add_outer(ctx, sizeof(*ip), bpf_htons(ETH_P_IP));

	if (!ip)
		return XDP_DROP;
	length = longer(length, sizeof(*ip));
	ip->version_ihl = IPV4_NO_OPTIONS;
	ip->tos = tos;
	ip->tot_len = length;
	ip->id = 0;
	ip->frag_off = fixed[0];
	ip->ttl = IP_TTL;
	ip->protocol = IPPROTO_IPIP;
	ip->check = ~fold((IPV4_NO_OPTIONS | tos << 8) + length + fixed[0] + fixed[1] +
			  (source & 0xffff) + (source >> 16) + (destination & 0xffff) +
			  (destination >> 16));
	ip->saddr = source;
	ip->daddr = destination;
	return XDP_TX;
}

/* flow is the first word of the packet: its traffic class is copied, its label not. */
static __always_inline int encapsulate6(struct xdp_md *ctx, __be32 flow, __be16 length,
					const volatile __be32 *source,
					const volatile __be32 *destination)
{
	struct ipv6hdr *ip = add_outer(ctx, sizeof(*ip), bpf_htons(ETH_P_IPV6));

	if (!ip)
		return XDP_DROP;
	ip->flow = flow & ~bpf_htonl(IPV6_FLOWLABEL_MASK);
	ip->payload_len = longer(length, sizeof(*ip));
	ip->nexthdr = IPPROTO_IPV6;
	ip->hop_limit = IP_TTL;
	for (int i = 0; i < 4; i++) {
		ip->saddr[i] = source[i];
		ip->daddr[i] = destination[i];
	}
	return XDP_TX;
}

/* A number that all bits of its arguments bear on. */
static __always_inline __u32 flow_hash(__u64 addresses, __u32 ports)
{
	__u64 x = (addresses ^ (__u64)ports << 16) * 0x9e3779b97f4a7c15ull;

	return (x ^ x >> 32) * 0x9e3779b97f4a7c15ull >> 32;
}
