/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stage 3: is it for a service, and which backend does it go to? Nothing is
 * refused before a service has matched, and nothing passes after that: Linux
 * would answer with a reset.
 */
#pragma once
#include "answer.h"
#include "choose.h"
#include "count.h"
#include "encapsulate.h"
#include "record.h"
#include "route.h"

#define NANOSECONDS 1000000000ull

static __always_inline enum reason check_headers(const struct pkt *p)
{
	if (p->scratch->flow_bits & FLOW_FRAGMENT && !(p->service->flags & SERVICE_AFFINITY_SOURCE))
		return drop_fragment;
	if (p->scratch->flow_bits & FLOW_EXTRA)
		return drop_header;
	if (p->service->flags & SERVICE_L2 &&
	    (p->family == AF_INET ? ip4(p)->ttl : ip6(p)->hop_limit) <= 1)
		return drop_ttl;
	return NEXT;
}

static __always_inline __u8 traffic_class(const struct pkt *p)
{
	return p->family == AF_INET ? ip4(p)->tos : bpf_ntohl(ip6(p)->flow) >> 20;
}

/* The outer source varies with the flow, so that receivers spread flows over their queues. */
static __always_inline void record_tunnel(const struct pkt *p, const struct backend *b,
					  struct mutation *m)
{
	__u32 hash = p->hash;

#pragma unroll
	for (int i = 0; i < 4; i++)
		m->destination[i] = b->address[i];
	if (b->flags & BACKEND_IPV6) {
		m->source[0] = shared.source6[0];
		m->source[1] = shared.source6[1];
		m->source[2] = shared.source6[2];
		m->source[3] = shared.source6[3] | (bpf_htonl(hash) & shared.source6_hosts);
		m->flow = bpf_htonl(6u << 28 | traffic_class(p) << 20 | (hash & IPV6_FLOWLABEL_MASK));
	} else {
		m->source[0] = shared.source4 | (bpf_htonl(hash) & shared.source4_hosts);
		m->tos = traffic_class(p);
	}
	m->source_port = bpf_htons(0xc000 | (hash & 0x3fff));	/* RFC 6335: dynamic ports */
}

/* An IPv4 UDP packet may go without a checksum, and a fragment has one of more than itself. */
static __always_inline int has_checksum(const struct pkt *p)
{
	const struct udphdr *udp = header(p, p->offset + ip_header_bytes(p));

	if (p->scratch->flow_bits & FLOW_FRAGMENT)
		return 0;
	return p->protocol != IPPROTO_UDP || ((void *)(udp + 1) <= p->end && udp->check);
}

static __always_inline __u32 delivery_flags(const struct pkt *p, const struct backend *b)
{
	__u32 flags = MUTATE_BALANCE | (p->family == AF_INET6 ? MUTATE_IPV6 : 0) |
		      (p->offset != ETH_HLEN ? MUTATE_TAGGED_IN : 0);

	if (p->service->flags & SERVICE_L2)
		return flags;
	flags |= MUTATE_TUNNEL;
	if (p->service->flags & SERVICE_GUE)
		flags |= MUTATE_GUE;
	if (b->flags & BACKEND_IPV6) {
		flags |= MUTATE_OUTER6;
		if (flags & MUTATE_GUE && !has_checksum(p))
			flags |= MUTATE_UDP_SUM;
	}
	return flags;
}

/* Too-big answers are limited; the clock is read for those that would be one. */
static __always_inline int may_answer(struct pkt *p)
{
	struct scratch *s = p->scratch;
	__u64 now;

	if (p->scratch->flow_bits)	/* none to an error or a fragment, RFC 1812 4.3.2.7 */
		return 0;
	if (p->family == AF_INET6 && p->length < ANSWER_QUOTE6)
		return 0;
	if (explain)
		return 1;
	now = bpf_ktime_get_ns();
	if (now - s->answer_window >= NANOSECONDS) {
		s->answer_window = now;
		s->answers = 0;
	}
	return s->answers++ < shared.icmp_rate;
}

static __always_inline enum reason too_big(struct pkt *p, struct mutation *m, __u32 mtu)
{
	const struct ethhdr *eth = header(p, 0);

	if (!may_answer(p))
		return drop_too_big;
	copy_mac(m->dmac, eth->smac);
	copy_mac(m->smac, eth->dmac);
	m->tci = bpf_htons(p->tci);
	m->mtu = mtu;
	m->length = p->offset + (p->family == AF_INET ? ANSWER_QUOTE4 : ANSWER_QUOTE6);
	m->flags = MUTATE_ANSWER | (p->family == AF_INET6 ? MUTATE_IPV6 : 0) |
		   (p->offset != ETH_HLEN ? MUTATE_TAGGED_IN | MUTATE_TAGGED_OUT : 0);
	return NEXT;
}

/* The way to a backend, but for what is in the record already: MACs and device. */
struct hop {
	__u32 vid;
	__u32 mtu;
	__u32 flags;		/* enum egress_bit */
	int same_port;
};

/* The way as the control plane resolved it. */
static __always_inline void known_hop(const struct pkt *p, const struct backend *b,
				      struct mutation *m, struct hop *h)
{
	copy_mac(m->dmac, b->dmac);
	copy_mac(m->smac, b->smac);
	m->device = b->device;
	h->vid = b->vid;
	h->mtu = b->mtu;
	h->flags = b->flags >> BACKEND_EGRESS_SHIFT;
	h->same_port = b->port == p->ifindex;
}

/* The way as the kernel knows it; it answers for a packet that arrives. */
static __always_inline enum reason ask_hop(struct pkt *p, const struct backend *b,
					   struct mutation *m, struct hop *h)
{
	struct bpf_fib_lookup *fib = &p->scratch->fib;
	int ipv6 = b->flags & BACKEND_IPV6;
	const struct egress *e;
	int answer;

	fib->family = ipv6 ? AF_INET6 : AF_INET;
	fib->l4_protocol = 0;
	fib->sport = 0;
	fib->dport = 0;
	fib->tot_len = 0;
	fib->ifindex = p->l3->ifindex;
	fib->flowinfo = 0;
	fib->src[0] = ipv6 ? shared.source6[0] : shared.source4;
	fib->dst[0] = b->address[0];
#pragma unroll
	for (int i = 1; i < 4; i++) {
		fib->src[i] = shared.source6[i];
		fib->dst[i] = b->address[i];
	}
	answer = bpf_fib_lookup(p->ctx, fib, sizeof(*fib), 0);
	if (explain)
		trace.fib = answer;
	if (answer != BPF_FIB_LKUP_RET_SUCCESS)
		return drop_no_neighbour;
	e = bpf_map_lookup_elem(&egresses, &fib->ifindex);
	if (!e || !e->mtu)
		return drop_no_neighbour;
	copy_mac(m->dmac, fib->dmac);
	copy_mac(m->smac, fib->smac);
	m->device = e->device;
	h->vid = e->vid;
	h->mtu = e->mtu;
	h->flags = e->flags;
	h->same_port = fib->ifindex == p->l3->ifindex;
	return NEXT;
}

/* An egress that is the ingress needs to be up, and no more. */
static __always_inline int hop_takes(const struct pkt *p, const struct hop *h)
{
	__u32 need = EGRESS_UP;

	if (!h->same_port && !p->port->generic)
		need |= EGRESS_NATIVE;
	if (!h->same_port && frags && p->bytes > (__u32)(p->end - p->data))
		need |= EGRESS_FRAGS;
	return (h->flags & need) == need;
}

static __always_inline enum reason deliver(struct pkt *p, const struct backend *b)
{
	struct mutation *m = &p->scratch->mutation;
	__u32 flags, room;
	struct hop h;
	enum reason reason;

	m->flags = delivery_flags(p, b);
	barrier();	/* the verifier need not follow each combination */
	flags = m->flags;
	m->slot = p->port->slot;
	m->bytes = p->bytes;
	m->service = p->service->id;
	if (flags & MUTATE_TUNNEL)
		record_tunnel(p, b, m);
	if (b->flags & BACKEND_RESOLVED)
		known_hop(p, b, m, &h);
	else if ((reason = ask_hop(p, b, m, &h)) != NEXT)
		return reason;
	room = h.mtu - outer_bytes(flags);
	if (explain)
		trace.backend_mtu = room;
	if (p->length > room)
		return too_big(p, m, room);
	if (!hop_takes(p, &h))
		return drop_emit;
	m->tci = bpf_htons((p->tci & VLAN_PCP_DEI_MASK) | h.vid);
	m->mss = 0;
	m->packet = p->length;
	m->backend = b->counter;
	/* Behind an outer header nothing is left of a trailer, and the least frame is full. */
	m->length = flags & MUTATE_TUNNEL ? p->offset + p->length :
					    wanted_length(p, p->offset != ETH_HLEN && !h.vid);
	m->flags = flags | (h.vid ? MUTATE_TAGGED_OUT : 0) | (h.same_port ? MUTATE_SAME_PORT : 0);
	return NEXT;
}

static __always_inline enum reason to_backend(struct pkt *p, __u32 number)
{
	__u32 index, backend;
	const struct backend *b;
	enum reason reason = check_headers(p);

	if (reason != NEXT)
		return reason;
	backend = choose(p, number);
	if (explain) {
		trace.hash = p->hash;
		trace.backend = backend;
	}
	if (!backend)
		return drop_no_backend;
	index = p->service->first + backend;
	b = bpf_map_lookup_elem(&backends, &index);
	if (!b)
		return drop_no_backend;
	return deliver(p, b);
}

/* Sets p->service where there is one; only then the packet goes no other way. */
static __always_inline enum reason balance_stage(struct pkt *p)
{
	__u32 number = find_service(p);
	enum reason reason;

	if (!number)
		return NEXT;
	if (number == SERVICE_AMBIGUOUS)
		return drop_fragment;
	p->service = bpf_map_lookup_elem(&services, &number);
	if (!p->service)
		return drop_no_backend;
	if (explain)
		trace.service = number;
	reason = to_backend(p, number);
	if (reason != NEXT)
		count_dropped(p->service->id, p->bytes);
	return reason;
}
