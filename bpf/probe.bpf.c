/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sends health probes to their backend as the pipeline sends traffic to it. A
 * probe is a TCP connection of this host to the service address; the mark of
 * its socket says which backend it is for.
 */
#include "include/skb.h"
#include "outer.h"

enum target_bit {
	TARGET_GUE = 1 << 0,
	TARGET_L2 = 1 << 1,	/* neither: IP in IP */
	TARGET_IPV6 = 1 << 2,	/* the backend's family */
};

struct target {
	__be32 address[4];	/* of the backend; IPv4 in the first word */
	__be32 source[4];	/* outer, likewise */
	__u32 egress;		/* ifindex */
	enum target_bit flags;
	__u32 gue_port;
};

#define BPF_F_NO_PREALLOC 1

/* By mark. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct target);
} targets SEC(".maps");

/* What the outer headers take from the packet. */
struct carried {
	__u64 sum;		/* of the whole packet, for a checksum */
	__u32 bytes;
	__u32 tos;
	__be32 ports;
	__u32 ipv6;
};

static __always_inline int read_carried4(struct carried *c, const struct iphdr *ip, const void *end)
{
	if ((const void *)(ip + 1) + sizeof(__be32) > end || ip->version_ihl != 0x45 || ip->protocol != IPPROTO_TCP)
		return 0;
	c->tos = ip->tos;
	c->ports = *(const __be32 *)(ip + 1);
	c->sum = sum_derived4(ip);
	return 1;
}

static __always_inline int read_carried6(struct carried *c, const struct ipv6hdr *ip, const void *end)
{
	if ((const void *)(ip + 1) + sizeof(__be32) > end || ip->nexthdr != IPPROTO_TCP)
		return 0;
	c->tos = ip6_traffic_class(ip);
	c->ports = *(const __be32 *)(ip + 1);
	c->sum = sum_derived6(ip);
	c->ipv6 = 1;
	return 1;
}

/* Whether the frame is Ethernet, without a tag, and TCP without options of IP. */
static __always_inline int read_carried(struct carried *c, const struct __sk_buff *skb)
{
	const void *start = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	const struct ethhdr *eth = start;

	if ((const void *)(eth + 1) > end || skb->vlan_present || eth->ethertype != (__be16)skb->protocol)
		return 0;
	c->bytes = skb->len - ETH_HLEN;
	if (eth->ethertype == bpf_htons(ETH_P_IP))
		return read_carried4(c, start + ETH_HLEN, end);
	if (eth->ethertype == bpf_htons(ETH_P_IPV6))
		return read_carried6(c, start + ETH_HLEN, end);
	return 0;
}

/*
 * Makes room and fills it. The kernel sees to skb->protocol where the families
 * differ (bpf_skb_net_grow in net/core/filter.c).
 */
static __always_inline int encapsulate(struct __sk_buff *skb, const struct target *t, const struct carried *c)
{
	int ipv6 = t->flags & TARGET_IPV6, gue = t->flags & TARGET_GUE;
	__u32 ip_bytes = ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	__u32 udp_bytes = gue ? sizeof(struct udphdr) : 0;
	__u64 flags = (ipv6 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV4) |
		      (gue ? BPF_F_ADJ_ROOM_ENCAP_L4_UDP : 0);
	struct udphdr *udp;
	void *ip, *end;

	if (bpf_skb_adjust_room(skb, ip_bytes + udp_bytes, BPF_ADJ_ROOM_MAC, flags))
		return 0;
	ip = (void *)(long)skb->data + ETH_HLEN;
	end = (void *)(long)skb->data_end;
	if (ip + sizeof(struct ipv6hdr) + sizeof(struct udphdr) > end)
		return 0;
	if (ipv6)
		write_outer6(ip, bpf_htonl(6u << 28 | c->tos << 20), udp_bytes + c->bytes,
			     outer_protocol(gue, c->ipv6), t->source, t->address);
	else
		write_outer4(ip, c->tos, udp_bytes + c->bytes, outer_protocol(gue, c->ipv6),
			     t->source, t->address);
	if (!gue)
		return 1;
	udp = ip + (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	write_outer_udp(udp, (__be16)c->ports | bpf_htons(0xc000), t->gue_port, c->bytes);	/* RFC 6335: dynamic ports */
	if (ipv6)
		sum_outer_udp(udp, t->source, t->address, c->sum);
	return 1;
}

static __always_inline int to_neighbour(const struct target *t)
{
	struct bpf_redir_neigh next = {
		.nh_family = t->flags & TARGET_IPV6 ? AF_INET6 : AF_INET,
		.nh = { t->address[0], t->address[1], t->address[2], t->address[3] },
	};

	return bpf_redirect_neigh(t->egress, &next, sizeof(next), 0);
}

/*
 * A probe that can't reach its backend must not reach another: it is dropped. So
 * is a burst for GUE over IPv6, since the kernel, when it cuts it up, does not
 * correct UDP checksums; TCP sends it again packet by packet.
 */
SEC("tc") int probe(struct __sk_buff *skb)
{
	const __u32 mark = skb->mark;
	const struct target *t;
	struct carried carried = {};

	if (!mark)
		return TCX_NEXT;
	t = bpf_map_lookup_elem(&targets, &mark);
	if (!t || !read_carried(&carried, skb))
		return TCX_NEXT;
	skb->mark = 0;	/* it comes by here again where the egress is this device */
	if (t->flags & TARGET_L2)
		return to_neighbour(t);
	if (skb->gso_size && (t->flags & TARGET_GUE) && (t->flags & TARGET_IPV6))
		return TCX_DROP;
	if (!encapsulate(skb, t, &carried))
		return TCX_DROP;
	return bpf_redirect_neigh(t->egress, NULL, 0, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
