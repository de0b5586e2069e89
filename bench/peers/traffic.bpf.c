/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The traffic that every contender gets. A test run repeats on one buffer, and
 * what a contender wrote there stays: so before each packet all that a
 * forwarder changes is put back, and the next destination is written.
 *
 *   restore4, restore6  M1: then call the contender
 *   generate            M2: then send the frame to the router
 */
#include "devices.h"
#include "frame.h"

#define FLOWS 65536

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} contender SEC(".maps");

/*
 * What forwarders change, as whole words of the frame. Written in one store
 * each: a contender that reads a wider word than was just written would wait
 * for the store, which no frame from a network makes it do.
 */
volatile const struct {
	__u64 macs;		/* bytes 0-7 of the frame */
	__u64 header;		/* bytes 8-15 of the IPv4 header, its checksum 0; 0-7 of the IPv6 header */
	__u32 more_macs;	/* bytes 8-11 of the frame */
	__u32 check_base;	/* sum of the IPv4 header without its destination and checksum */
} original;

volatile const __u32 flow_mask;		/* flows in use, a power of two, less one */
volatile const __u32 gateway_ifindex;	/* generate sends by this device */

__be32 flows[FLOWS];	/* IPv4: the destination; IPv6: its second word */
__u32 next_flow;
__u64 generated;

static __always_inline void restore_macs(void *frame)
{
	*(__u64 *)frame = original.macs;
	*(__u32 *)(frame + 8) = original.more_macs;
}

static __always_inline __be32 next_destination(void)
{
	return flows[next_flow++ & flow_mask & (FLOWS - 1)];
}

static __always_inline int restore_ipv4(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);
	__u32 daddr, sum;

	if (!ip)
		return -1;
	daddr = next_destination();
	sum = original.check_base + (daddr & 0xffff) + (daddr >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	restore_macs((void *)ip - ETH_HLEN);
	*(__u64 *)&ip->ttl = original.header | (__u64)(__u16)~sum << 16;
	ip->daddr = daddr;
	return 0;
}

SEC("xdp.frags")
int restore4(struct xdp_md *ctx)
{
	if (restore_ipv4(ctx))
		return XDP_ABORTED;
	bpf_tail_call(ctx, &contender, 0);
	return XDP_ABORTED;
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
	bpf_tail_call(ctx, &contender, 0);
	return XDP_ABORTED;
}

SEC("xdp.frags")
int generate(struct xdp_md *ctx)
{
	if (restore_ipv4(ctx))
		return XDP_ABORTED;
	generated++;
	return bpf_redirect_map(&tx_devices, gateway_ifindex, XDP_DROP);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
