/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The traffic that every contender gets. A test run repeats on one buffer, and
 * what a contender wrote there stays: so before each packet all that a
 * forwarder changes is put back, and the next destination is written.
 *
 *   restore4, restore6  M1: then call the contender
 *   generate            M2: then send the frame to the router
 */
#include "sender.h"

#define FLOWS 65536

volatile const __u32 flow_mask;		/* flows in use, a power of two, less one */
volatile const __u32 gateway_ifindex;	/* generate sends by this device */

__be32 flows[FLOWS];	/* IPv4: the destination; IPv6: its second word */
__u32 next_flow;

static __always_inline __be32 next_destination(void)
{
	return flows[next_flow++ & flow_mask & (FLOWS - 1)];
}

static __always_inline int restore_ipv4(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);
	__be32 daddr;

	if (!ip)
		return -1;
	daddr = next_destination();
	restore_macs((void *)ip - ETH_HLEN);
	*(__u64 *)&ip->ttl = checked_header(daddr);
	ip->daddr = daddr;
	return 0;
}

SEC("xdp.frags")
int restore4(struct xdp_md *ctx)
{
	return restore_ipv4(ctx) ? XDP_ABORTED : call_contender(ctx);
}

SEC("xdp.frags")
int restore6(struct xdp_md *ctx)
{
	struct ipv6hdr *ip = ipv6(ctx);

	if (!ip)
		return XDP_ABORTED;
	restore_macs((void *)ip - ETH_HLEN);
	*(__u64 *)ip = original.header;
	ip->daddr[1] = next_destination();
	return call_contender(ctx);
}

SEC("xdp.frags")
int generate(struct xdp_md *ctx)
{
	if (restore_ipv4(ctx))
		return XDP_ABORTED;
	return bpf_redirect_map(&tx_devices, gateway_ifindex, XDP_DROP);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
