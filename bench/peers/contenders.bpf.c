/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What Clearway is compared with. Each is the least program that does its job
 * right for the traffic of the benchmark and leaves other packets to Linux.
 *
 *   fib4, fib6      (a) next hop from the kernel's routing table
 *   empty           (b) the cost of running anything at all
 *   fixed4, fixed6  (e) one next hop, known at load: no forwarder is cheaper
 *   drop            the floor of the whole path, and its far end
 *
 * As there is one device map and the runner puts every device of the router
 * into it, they don't ask whether the egress is in there.
 */
#include "devices.h"
#include "frame.h"

/* The next hop of fixed4 and fixed6. */
volatile const struct macs next_hop;
volatile const __u32 next_hop_ifindex;

/* RFC 1624 for a field that shrinks by one, as the kernel's ip_decrease_ttl. */
static __always_inline void decrease_ttl(struct iphdr *ip)
{
	__u32 check = ip->check + bpf_htons(0x0100);

	ip->check = check + (check >= 0xffff);
	ip->ttl--;
}

/* Both contenders end alike. */
static __always_inline int emit(void *l3, const volatile __u16 *dmac, const volatile __u16 *smac,
				__u32 ifindex)
{
	struct macs *to = l3 - ETH_HLEN;

	for (int i = 0; i < 3; i++) {
		to->dmac[i] = dmac[i];
		to->smac[i] = smac[i];
	}
	return bpf_redirect_map(&tx_devices, ifindex, XDP_DROP);
}

static __always_inline int emit_fib(void *l3, struct bpf_fib_lookup *fib)
{
	return emit(l3, (void *)fib->dmac, (void *)fib->smac, fib->ifindex);
}

static __always_inline int emit_fixed(void *l3)
{
	return emit(l3, next_hop.dmac, next_hop.smac, next_hop_ifindex);
}

SEC("xdp.frags")
int fib4(struct xdp_md *ctx)
{
	struct bpf_fib_lookup fib = {};
	struct iphdr *ip = ipv4(ctx);

	if (!ip || ip->ttl <= 1)
		return XDP_PASS;
	fib.family = AF_INET;
	fib.l4_protocol = ip->protocol;
	fib.tot_len = bpf_ntohs(ip->tot_len);
	fib.ifindex = ctx->ingress_ifindex;
	fib.flowinfo = ip->tos;
	fib.src[0] = ip->saddr;
	fib.dst[0] = ip->daddr;
	if (bpf_fib_lookup(ctx, &fib, sizeof(fib), 0) != BPF_FIB_LKUP_RET_SUCCESS)
		return XDP_PASS;
	decrease_ttl(ip);
	return emit_fib(ip, &fib);
}

SEC("xdp.frags")
int fib6(struct xdp_md *ctx)
{
	struct bpf_fib_lookup fib = {};
	struct ipv6hdr *ip = ipv6(ctx);

	if (!ip || ip->hop_limit <= 1)
		return XDP_PASS;
	fib.family = AF_INET6;
	fib.l4_protocol = ip->nexthdr;
	fib.tot_len = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	fib.ifindex = ctx->ingress_ifindex;
	fib.flowinfo = ip->flow & bpf_htonl(IPV6_FLOWINFO_MASK);
	__builtin_memcpy(fib.src, ip->saddr, sizeof(fib.src));
	__builtin_memcpy(fib.dst, ip->daddr, sizeof(fib.dst));
	if (bpf_fib_lookup(ctx, &fib, sizeof(fib), 0) != BPF_FIB_LKUP_RET_SUCCESS)
		return XDP_PASS;
	ip->hop_limit--;
	return emit_fib(ip, &fib);
}

SEC("xdp.frags")
int fixed4(struct xdp_md *ctx)
{
	struct iphdr *ip = ipv4(ctx);

	if (!ip || ip->ttl <= 1)
		return XDP_PASS;
	decrease_ttl(ip);
	return emit_fixed(ip);
}

SEC("xdp.frags")
int fixed6(struct xdp_md *ctx)
{
	struct ipv6hdr *ip = ipv6(ctx);

	if (!ip || ip->hop_limit <= 1)
		return XDP_PASS;
	ip->hop_limit--;
	return emit_fixed(ip);
}

SEC("xdp.frags")
int empty(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

SEC("xdp.frags")
int drop(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

/* The FIB helper is refused to a program that is not GPL compatible. */
char LICENSE[] SEC("license") = "Dual BSD/GPL";
