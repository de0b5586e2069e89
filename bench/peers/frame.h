/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What contenders and traffic have in common. */
#pragma once
#include "../../bpf/include/net.h"

#define IPV4_NO_OPTIONS 0x45

struct macs {
	__u16 dmac[3];
	__u16 smac[3];
};

/* The IPv4 header, NULL unless the frame is as simple as they come. */
static __always_inline struct iphdr *ipv4(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + ETH_HLEN;

	if ((void *)(ip + 1) > end || eth->ethertype != bpf_htons(ETH_P_IP) ||
	    ip->version_ihl != IPV4_NO_OPTIONS)
		return NULL;
	return ip;
}

static __always_inline struct ipv6hdr *ipv6(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct ipv6hdr *ip = data + ETH_HLEN;

	if ((void *)(ip + 1) > end || eth->ethertype != bpf_htons(ETH_P_IPV6))
		return NULL;
	return ip;
}

/* The one's complement sum of RFC 1071. */
static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}
