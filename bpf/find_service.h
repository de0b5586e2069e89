/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which service or punt rule a packet is for, by the protocol and port it carries,
 * or those that it quotes: an ICMP error follows the flow that it is about.
 */
#pragma once
#include "parse.h"

/* What of a packet bears on its flow. */
enum flow_bit {
	FLOW_FRAGMENT = 1 << 0,
	FLOW_NO_PORTS = 1 << 1,	/* a later fragment */
	FLOW_EXTRA = 1 << 2,	/* options or extension headers */
	FLOW_QUOTED = 1 << 3,	/* an ICMP error */
	FLOW_NO_CHECKSUM = 1 << 4,	/* nothing above IP vouches for what is */
	FLOW_BUFFERS = 1 << 5,	/* in more than one buffer */
};

/* How far the walk over IPv6 extension headers goes, and where it may end. */
#define EXTENSION_STEPS 4
#define MAX_TRANSPORT_OFFSET 0x3fff

/* Where the ports are, in a packet that they are not in the usual place of. */
struct transport {
	__u32 protocol;
	__u32 offset;		/* from the IP header */
	__u32 bits;		/* enum flow_bit */
};

static __always_inline int is_balanced(__u32 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

/* In words of 8 bytes, as look-ups compare: a wider read than the write before it has to wait. */
static __always_inline void set_source(struct flow_key *f, const struct pkt *p, const __be32 *source)
{
	__u64 *to = (__u64 *)f->source;

	to[0] = p->family == AF_INET ? source[0] : *(const __u64 *)source;
	to[1] = p->family == AF_INET ? 0 : *(const __u64 *)(source + 2);
}

/* Options are skipped; a later fragment has no ports. */
static __always_inline void find_transport4(struct pkt *p, struct transport *t)
{
	const struct iphdr *ip = ip4(p);

	t->offset = (ip->version_ihl & 15) * 4;
	if (t->offset != sizeof(*ip))
		t->bits |= FLOW_EXTRA;
	if (ip->frag_off & bpf_htons(IP_MF | IP_OFFSET))
		t->bits |= FLOW_FRAGMENT;
	if (ip->frag_off & bpf_htons(IP_OFFSET))
		t->bits |= FLOW_NO_PORTS;
}

/* RFC 8200, RFC 4302: the length is in units of 8 bytes, that of AH in those of 4. */
static __always_inline __u32 extension_bytes(__u32 nexthdr, __u32 length)
{
	return nexthdr == IPPROTO_AH ? (length + 2) * 4 : (length + 1) * 8;
}

/* One extension header; false at the end of them. */
static __always_inline int skip_extension(struct pkt *p, struct transport *t)
{
	const struct ip6_extension *e = header(p, p->offset) + (t->offset & MAX_TRANSPORT_OFFSET);

	if ((void *)(e + 1) > p->end)
		return 0;
	switch (t->protocol) {
	case IPPROTO_FRAGMENT:
		t->bits |= FLOW_FRAGMENT | (e->fragment & bpf_htons(IP6_OFFSET) ? FLOW_NO_PORTS : 0);
		t->offset += sizeof(*e);
		break;
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_AH:
		t->bits |= FLOW_EXTRA;
		t->offset += extension_bytes(t->protocol, e->length);
		break;
	default:
		return 0;
	}
	t->protocol = e->nexthdr;
	return !(t->bits & FLOW_NO_PORTS);
}

static __always_inline void find_transport6(struct pkt *p, struct transport *t)
{
	t->offset = sizeof(struct ipv6hdr);
	for (int i = 0; i < EXTENSION_STEPS; i++)
		if (!skip_extension(p, t))
			break;
}

static __always_inline int is_icmp_error(const struct pkt *p, __u32 type)
{
	if (p->family == AF_INET6)
		return type >= ICMP6_UNREACHABLE && type <= ICMP6_PARAMETER;
	return type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER;
}

/* The flow that a packet of the other direction belongs to. */
static __always_inline void set_reversed(struct flow_key *f, const struct pkt *p,
					 const __be32 *destination, __be32 ports)
{
	set_source(f, p, destination);
	f->ports = ports >> 16 | ports << 16;
}

/*
 * The flow that an ICMP error quotes: sent by the service, so the other way
 * round. An error without all of that is left to Linux.
 */
static __always_inline int find_quoted4(struct pkt *p, struct transport *t, struct flow_key *f)
{
	const struct icmphdr *icmp = header(p, p->offset + sizeof(struct iphdr));
	const struct iphdr *quoted = (const void *)(icmp + 1);
	const __be32 *ports = (const void *)(quoted + 1);

	if ((void *)(ports + 1) > p->end || !is_icmp_error(p, icmp->type) ||
	    p->length < sizeof(*icmp) + 2 * sizeof(*quoted) + sizeof(*ports) ||
	    quoted->version_ihl != 0x45 || quoted->frag_off & bpf_htons(IP_OFFSET) ||
	    quoted->saddr != ip4(p)->daddr)
		return 0;
	t->protocol = quoted->protocol;
	set_reversed(f, p, &quoted->daddr, *ports);
	return 1;
}

static __always_inline int find_quoted6(struct pkt *p, struct transport *t, struct flow_key *f)
{
	const struct icmphdr *icmp = header(p, p->offset + sizeof(struct ipv6hdr));
	const struct ipv6hdr *quoted = (const void *)(icmp + 1);
	const __be32 *ports = (const void *)(quoted + 1);

	if ((void *)(ports + 1) > p->end || !is_icmp_error(p, icmp->type) ||
	    p->length < sizeof(*icmp) + 2 * sizeof(*quoted) + sizeof(*ports) ||
	    quoted->saddr[0] != ip6(p)->daddr[0] || quoted->saddr[1] != ip6(p)->daddr[1] ||
	    quoted->saddr[2] != ip6(p)->daddr[2] || quoted->saddr[3] != ip6(p)->daddr[3])
		return 0;
	t->protocol = quoted->nexthdr;
	set_reversed(f, p, quoted->daddr, *ports);
	return 1;
}

static __always_inline int find_quoted(struct pkt *p, struct transport *t, struct flow_key *f)
{
	t->bits = FLOW_QUOTED;
	return p->family == AF_INET ? find_quoted4(p, t, f) : find_quoted6(p, t, f);
}

/* The ports behind options, or of a fragment. */
static __always_inline int find_ports(struct pkt *p, struct transport *t, struct flow_key *f)
{
	const __be32 *ports;

	if (p->family == AF_INET)
		find_transport4(p, t);
	else
		find_transport6(p, t);
	f->ports = 0;
	if (t->bits & FLOW_NO_PORTS)
		return 1;
	if (p->length < t->offset + sizeof(*ports))
		return 0;
	ports = header(p, p->offset) + (t->offset & MAX_TRANSPORT_OFFSET);
	if ((void *)(ports + 1) > p->end)
		return 0;
	f->ports = *ports;
	return 1;
}

/* Sets the flow of a packet, if it has one that a service could be for. */
static __always_inline int find_flow(struct pkt *p, struct transport *t)
{
	struct flow_key *f = &p->scratch->flow_key;
	int plain = p->family == AF_INET6 || (!is_fragment(p) && ip4(p)->version_ihl == 0x45);

	set_source(f, p, p->family == AF_INET ? &ip4(p)->saddr : ip6(p)->saddr);
	f->ports = p->ports;
	if (plain && is_balanced(p->protocol))
		return p->length >= ip_header_bytes(p) + sizeof(p->ports);
	if (p->family == AF_INET ? plain && p->protocol == IPPROTO_ICMP : is_icmp6(p))
		return find_quoted(p, t, f) && is_balanced(t->protocol);
	return find_ports(p, t, f) && is_balanced(t->protocol);
}

/* Flags of a TCP packet; 0 where it ends before them. */
static __always_inline __u32 read_tcp_flags(const struct pkt *p)
{
	__u32 ip = ip_header_bytes(p);
	const struct tcphdr *tcp = header(p, p->offset + ip);

	if (!readable(p, p->offset + ip + offsetof(struct tcphdr, window)) ||
	    p->length < ip + sizeof(*tcp))
		return 0;
	return tcp->flags;
}

/* An IPv4 UDP packet may go without a checksum. */
static __always_inline int lacks_checksum(const struct pkt *p)
{
	const struct udphdr *udp = header(p, p->offset + ip_header_bytes(p));

	return (void *)(udp + 1) > p->end || !udp->check;
}

/*
 * Writes down all that the balance lane wants to know of a packet: what comes
 * then is one code for all packets, and no longer reads the frame.
 */
static __always_inline void note_packet(struct pkt *p, const struct transport *t)
{
	struct scratch *s = p->scratch;
	__u32 bits = t->bits;

	s->tcp_flags = 0;
	if (!bits && t->protocol == IPPROTO_TCP)
		s->tcp_flags = read_tcp_flags(p);
	if (bits & FLOW_FRAGMENT || (!bits && t->protocol == IPPROTO_UDP && lacks_checksum(p)))
		bits |= FLOW_NO_CHECKSUM;
	if (in_buffers(p))
		bits |= FLOW_BUFFERS;
	s->flow_bits = bits;
	s->flow_protocol = t->protocol;
	s->ttl = p->family == AF_INET ? ip4(p)->ttl : ip6(p)->hop_limit;
	s->mutation.tos = p->family == AF_INET ? ip4(p)->tos : ip6_traffic_class(ip6(p));
	s->mutation.packet = p->length;
	s->mutation.flags = (p->family == AF_INET6 ? MUTATE_IPV6 : 0) |
			    (p->offset != ETH_HLEN ? MUTATE_TAGGED_IN : 0);
	barrier();	/* the verifier need not follow each kind of packet */
}

static __always_inline __u32 port_service(struct pkt *p, __u32 index, const struct address *a,
					  __be16 port, __u32 protocol)
{
	__u32 want = port | protocol << 16;
	struct service_port_key *key = &p->scratch->service_port;
	const __u32 *number;

#pragma unroll
	for (int i = 0; i < ADDRESS_PORTS; i++)
		if (*(const __u32 *)&a->port[i] == want)
			return a->port[i].service;
	if (!a->many)
		return 0;
	key->address = index;
	key->port = port;
	key->protocol = protocol;
	number = bpf_map_lookup_elem(&service_ports, key);
	return number ? *number : 0;
}

/* Linux puts fragments together, and knows what to do about errors. */
static __always_inline int never_punted(const struct pkt *p)
{
	return p->scratch->flow_bits & (FLOW_FRAGMENT | FLOW_QUOTED);
}

/*
 * The number of the service that the packet is for, or PUNT_RULE; 0 if it is for
 * none. For what is never punted it is as if there were no rules.
 */
static __always_inline __u32 find_service(struct pkt *p)
{
	__u32 index = p->destination >> CLASS_INDEX_SHIFT, number = 0;
	const struct address *a = bpf_map_lookup_elem(&addresses, &index);
	struct transport t = { .protocol = p->protocol };
	__be16 port;

	if (!a || !find_flow(p, &t))
		return 0;
	note_packet(p, &t);
	port = p->scratch->flow_key.ports >> 16;
	if (port || p->scratch->flow_bits & FLOW_NO_PORTS)
		number = port_service(p, index, a, port, p->scratch->flow_protocol);
	if (number && !(number == PUNT_RULE && never_punted(p)))
		return number;
	number = p->scratch->flow_protocol == IPPROTO_TCP ? a->any_tcp : a->any_udp;
	return number == PUNT_RULE && never_punted(p) ? 0 : number;
}
