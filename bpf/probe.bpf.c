/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sends health probes to their backend as the pipeline sends traffic to it. A
 * probe is a TCP connection of this host to the service address; the mark of
 * its socket says which backend it is for.
 */
#include "checksum.h"
#include "include/skb.h"

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

/*
 * The sum follows from what holds in every TCP packet, and will hold in one whose
 * checksum the device is to fill in: an IPv4 header sums up to 0, and TCP to the
 * complement of its pseudo-header. With IPv6 most of the two cancels out.
 */
static __always_inline int read_carried4(struct carried *c, const struct iphdr *ip, const void *end)
{
	if ((const void *)(ip + 1) + sizeof(__be32) > end || ip->version_ihl != 0x45 || ip->protocol != IPPROTO_TCP)
		return 0;
	c->tos = ip->tos;
	c->ports = *(const __be32 *)(ip + 1);
	c->sum = (__u64)~ip->saddr + (__u32)~ip->daddr + (__u16)~bpf_htons(c->bytes - sizeof(*ip)) +
		 (__u16)~bpf_htons(IPPROTO_TCP);
	return 1;
}

static __always_inline int read_carried6(struct carried *c, const struct ipv6hdr *ip, const void *end)
{
	if ((const void *)(ip + 1) + sizeof(__be32) > end || ip->nexthdr != IPPROTO_TCP)
		return 0;
	c->tos = bpf_ntohl(ip->flow) >> 20 & 0xff;
	c->ports = *(const __be32 *)(ip + 1);
	c->sum = (__u64)ip->flow + *(const __u16 *)&ip->nexthdr + (__u16)~bpf_htons(IPPROTO_TCP);
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

static __always_inline __u8 outer_protocol(const struct target *t, const struct carried *c)
{
	if (t->flags & TARGET_GUE)
		return IPPROTO_UDP;
	return c->ipv6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
}

static __always_inline void write_outer4(struct iphdr *ip, const struct target *t, const struct carried *c,
					 __u32 payload)
{
	ip->version_ihl = 0x45;
	ip->tos = c->tos;
	ip->tot_len = bpf_htons(sizeof(*ip) + payload);
	ip->id = 0;	/* RFC 6864: atomic */
	ip->frag_off = bpf_htons(IP_DF);
	ip->ttl = IP_TTL;
	ip->protocol = outer_protocol(t, c);
	ip->check = 0;
	ip->saddr = t->source[0];
	ip->daddr = t->address[0];
	ip->check = ip_checksum(ip);
}

static __always_inline void write_outer6(struct ipv6hdr *ip, const struct target *t, const struct carried *c,
					 __u32 payload)
{
	ip->flow = bpf_htonl(6u << 28 | c->tos << 20);
	ip->payload_len = bpf_htons(payload);
	ip->nexthdr = outer_protocol(t, c);
	ip->hop_limit = IP_TTL;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		ip->saddr[i] = t->source[i];
		ip->daddr[i] = t->address[i];
	}
}

/* Over IPv4 the checksum may be left out; over IPv6 it may not. */
static __always_inline void write_gue(struct udphdr *udp, const struct target *t, const struct carried *c)
{
	__be16 length = bpf_htons(sizeof(*udp) + c->bytes);
	__u64 sum = c->sum;

	udp->source = (__be16)c->ports | bpf_htons(0xc000);	/* RFC 6335: dynamic ports */
	udp->dest = bpf_htons(t->gue_port);
	udp->len = length;
	udp->check = 0;
	if (!(t->flags & TARGET_IPV6))
		return;
#pragma unroll
	for (int i = 0; i < 4; i++)
		sum += (__u64)t->source[i] + t->address[i];
	sum += 2u * length + bpf_htons(IPPROTO_UDP) + udp->source + udp->dest;
	sum = ~checksum_fold(sum) & 0xffff;
	udp->check = sum ? sum : 0xffff;
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
	void *ip, *end;

	if (bpf_skb_adjust_room(skb, ip_bytes + udp_bytes, BPF_ADJ_ROOM_MAC, flags))
		return 0;
	ip = (void *)(long)skb->data + ETH_HLEN;
	end = (void *)(long)skb->data_end;
	if (ip + sizeof(struct ipv6hdr) + sizeof(struct udphdr) > end)
		return 0;
	if (ipv6)
		write_outer6(ip, t, c, udp_bytes + c->bytes);
	else
		write_outer4(ip, t, c, udp_bytes + c->bytes);
	if (gue)
		write_gue(ip + (ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)), t, c);
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
