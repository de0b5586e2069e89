/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A receiver of the balance lane's tunnels: takes one outer header off packets
 * to this host, IP in IP (RFC 2003, 2473, 4213) or IP in UDP (GUE variant 1), and
 * passes what they carry to Linux as if it had come so. All else passes as it is.
 */
#include "checksum.h"

/* Set before loading; 0 = no GUE. */
const volatile __u32 gue_port;

/* An address of this host; IPv4 as ::ffff:a.b.c.d. */
struct local {
	__be32 address[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct local);
	__type(value, __u32);
} locals SEC(".maps");

/* What is in front of the packet carried. */
struct outer {
	__u32 bytes;		/* 0 = nothing to take off */
	__u32 tos;
	__u32 protocol;
};

static __always_inline int is_local(const struct local *address)
{
	return bpf_map_lookup_elem(&locals, address) != NULL;
}

/* A header that Linux would not take, or whose packet it must put together first, stays. */
static __always_inline void read_outer4(struct outer *o, const struct iphdr *ip, const void *end)
{
	if ((const void *)(ip + 1) > end || ip->version_ihl != 0x45 || !ip_checksum_right(ip))
		return;
	if (ip->frag_off & bpf_htons(IP_MF | IP_OFFSET))
		return;
	if (!is_local(&(struct local){ { 0, 0, bpf_htonl(0xffff), ip->daddr } }))
		return;
	o->tos = ip->tos;
	o->protocol = ip->protocol;
	o->bytes = sizeof(*ip);
}

static __always_inline void read_outer6(struct outer *o, const struct ipv6hdr *ip, const void *end)
{
	if ((const void *)(ip + 1) > end || bpf_ntohl(ip->flow) >> 28 != 6)
		return;
	if (!is_local(&(struct local){ { ip->daddr[0], ip->daddr[1], ip->daddr[2], ip->daddr[3] } }))
		return;
	o->tos = ip6_traffic_class(ip);
	o->protocol = ip->nexthdr;
	o->bytes = sizeof(*ip);
}

/*
 * The version of the IP packet that follows directly; 0 where none does. The UDP
 * checksum is not looked at: what is carried has its own.
 */
static __always_inline __u32 carried_version(struct outer *o, const void *at, const void *end)
{
	const struct udphdr *udp = at;
	__u32 version;

	if (o->protocol == IPPROTO_UDP) {
		if ((const void *)(udp + 1) > end || !gue_port || udp->dest != bpf_htons(gue_port))
			return 0;
		o->bytes += sizeof(*udp);
		at += sizeof(*udp);
	}
	if (at + sizeof(struct iphdr) > end)
		return 0;
	version = *(const __u8 *)at >> 4;
	if (version == 4 && (o->protocol == IPPROTO_IPIP || o->protocol == IPPROTO_UDP))
		return 4;
	if (version == 6 && (o->protocol == IPPROTO_IPV6 || o->protocol == IPPROTO_UDP))
		return 6;
	return 0;
}

/*
 * Congestion that the outer header met goes on to the packet carried: RFC 6040.
 * One that can't be told so is to be dropped: returns 0.
 */
#define ECN_CE 3

static __always_inline int carry_congestion4(struct iphdr *ip)
{
	__u16 *first = (__u16 *)ip;
	__u16 old = *first;

	if (!(ip->tos & ECN_CE))
		return 0;
	ip->tos |= ECN_CE;
	ip->check = checksum_replace(ip->check, old, *first);
	return 1;
}

static __always_inline int carry_congestion6(struct ipv6hdr *ip)
{
	const __be32 ce = bpf_htonl(ECN_CE << 20);

	if (!(ip->flow & ce))
		return 0;
	ip->flow |= ce;
	return 1;
}

/* l2: bytes of the L2 header, a constant in each copy. */
static __always_inline int strip(struct xdp_md *ctx, __u32 l2, const struct outer *o, __u32 version)
{
	void *start = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 *from = start, *to;
	__u32 dmac, macs, smac;
	__be32 tag = 0;

	if (start + l2 + sizeof(struct iphdr) > end)
		return XDP_PASS;
	dmac = from[0], macs = from[1], smac = from[2];
	if (l2 != ETH_HLEN)
		tag = from[3];
	if (bpf_xdp_adjust_head(ctx, o->bytes))
		return XDP_PASS;
	to = start = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (start + l2 + sizeof(struct iphdr) > end)
		return XDP_DROP;
	to[0] = dmac, to[1] = macs, to[2] = smac;
	if (l2 != ETH_HLEN)
		to[3] = tag;
	*(__be16 *)(start + l2 - sizeof(__be16)) = version == 4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	if ((o->tos & ECN_CE) != ECN_CE)
		return XDP_PASS;
	if (version == 4 ? carry_congestion4(start + l2) : carry_congestion6(start + l2))
		return XDP_PASS;
	return XDP_DROP;
}

static __always_inline int receive(struct xdp_md *ctx, __be16 ethertype, __u32 l2)
{
	void *start = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct outer outer = {};
	__u32 version;

	if (ethertype == bpf_htons(ETH_P_IP)) {
		read_outer4(&outer, start + l2, end);
		if (!outer.bytes)
			return XDP_PASS;
		version = carried_version(&outer, start + l2 + sizeof(struct iphdr), end);
	} else if (ethertype == bpf_htons(ETH_P_IPV6)) {
		read_outer6(&outer, start + l2, end);
		if (!outer.bytes)
			return XDP_PASS;
		version = carried_version(&outer, start + l2 + sizeof(struct ipv6hdr), end);
	} else {
		return XDP_PASS;
	}
	return version ? strip(ctx, l2, &outer, version) : XDP_PASS;
}

SEC("xdp") int decap(struct xdp_md *ctx)
{
	void *start = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct ethhdr *eth = start;
	const struct vlanhdr *tag = (const void *)(eth + 1);

	if ((const void *)(tag + 1) > end)
		return XDP_PASS;
	if (eth->ethertype == bpf_htons(ETH_P_8021Q))
		return receive(ctx, tag->ethertype, ETH_HLEN + VLAN_HLEN);
	return receive(ctx, eth->ethertype, ETH_HLEN);
}

char _license[] SEC("license") = "Dual BSD/GPL";
