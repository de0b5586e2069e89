/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 4. balance: is it for a service, and which backend does it go to? Nothing is
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
	__u32 bits = p->scratch->flow_bits;

	if (bits & FLOW_FRAGMENT && !(p->service->flags & SERVICE_AFFINITY_SOURCE))
		return drop_fragment;
	if (bits & FLOW_EXTRA)
		return drop_header;
	if (p->service->flags & SERVICE_L2 && p->scratch->ttl <= 1)
		return drop_ttl;
	return NEXT;
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
		m->flow = bpf_htonl(6u << 28 | m->tos << 20 | (hash & IPV6_FLOWLABEL_MASK));
	} else {
		m->source[0] = shared.source4 | (bpf_htonl(hash) & shared.source4_hosts);
	}
	m->source_port = bpf_htons(0xc000 | (hash & 0x3fff));	/* RFC 6335: dynamic ports */
}

static __always_inline __u32 delivery_flags(const struct pkt *p, const struct backend *b)
{
	__u32 flags = p->scratch->mutation.flags | MUTATE_BALANCE;

	if (p->service->flags & SERVICE_L2)
		return flags;
	flags |= MUTATE_TUNNEL;
	if (p->service->flags & SERVICE_GUE)
		flags |= MUTATE_GUE;
	if (b->flags & BACKEND_IPV6)
		flags |= MUTATE_OUTER6;
	if (p->scratch->flow_bits & FLOW_NO_CHECKSUM)
		flags |= MUTATE_UDP_SUM;
	return flags;
}

/* Too-big answers are limited; the clock is read for those that would be one. */
static __always_inline int may_answer(struct pkt *p)
{
	struct scratch *s = p->scratch;
	__u64 now;

	/* None to an error or a fragment, RFC 1812 4.3.2.7. */
	if (s->flow_bits & (FLOW_FRAGMENT | FLOW_QUOTED))
		return 0;
	if (s->mutation.flags & MUTATE_IPV6 && s->mutation.packet < ANSWER_QUOTE6)
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
	__u32 flags = m->flags & (MUTATE_IPV6 | MUTATE_TAGGED_IN);

	if (!may_answer(p))
		return drop_too_big;
	m->tci = bpf_htons(p->tci);
	m->mss = 0;
	m->mtu = mtu;
	m->length = l2_bytes(flags, MUTATE_TAGGED_IN) +
		    (flags & MUTATE_IPV6 ? ANSWER_QUOTE6 : ANSWER_QUOTE4);
	m->flags = flags | MUTATE_ANSWER | (flags & MUTATE_TAGGED_IN ? MUTATE_TAGGED_OUT : 0);
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
	if (explain)
		trace.egress = b->egress;
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
	if (explain)
		trace.egress = fib->ifindex;
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
	if (h->same_port)
		return h->flags & EGRESS_UP;
	return redirectable(p, h->flags, p->scratch->flow_bits & FLOW_BUFFERS);
}

/*
 * Behind an outer header nothing is left of a trailer, and the frame is long
 * enough; else as a forwarded one.
 */
static __always_inline __u32 delivered_length(const struct pkt *p, const struct mutation *m, int vid)
{
	__u32 l2 = l2_bytes(m->flags, MUTATE_TAGGED_IN);

	if (m->flags & MUTATE_TUNNEL)
		return l2 + m->packet;
	return wanted_length(p->bytes, l2 + m->packet, l2 != ETH_HLEN && !vid);
}

static __always_inline enum reason deliver(struct pkt *p, const struct backend *b)
{
	struct mutation *m = &p->scratch->mutation;
	enum reason reason;
	struct hop h;
	__u32 room;

	m->flags = delivery_flags(p, b);
	m->slot = p->port->slot;
	m->bytes = p->bytes;
	m->service = p->service->id;
	barrier();	/* the verifier need not follow each combination of flags */
	if (m->flags & MUTATE_TUNNEL)
		record_tunnel(p, b, m);
	if (b->flags & BACKEND_RESOLVED)
		known_hop(p, b, m, &h);
	else if ((reason = ask_hop(p, b, m, &h)) != NEXT)
		return reason;
	room = h.mtu - outer_bytes(m->flags);
	if (explain)
		trace.backend_mtu = room;
	if (m->packet > room)
		return too_big(p, m, room);
	if (!hop_takes(p, &h))
		return drop_emit;
	m->tci = bpf_htons((p->tci & VLAN_PCP_DEI_MASK) | h.vid);
	m->mss = 0;
	m->backend = b->counter;
	m->length = delivered_length(p, m, h.vid);
	m->flags |= (h.vid ? MUTATE_TAGGED_OUT : 0) | (h.same_port ? MUTATE_SAME_PORT : 0);
	if (explain) {
		copy_mac(trace.dmac, m->dmac);
		copy_mac(trace.smac, m->smac);
	}
	return NEXT;
}

static __always_inline enum reason to_backend(struct pkt *p)
{
	__u32 index, backend;
	const struct backend *b;
	enum reason reason = check_headers(p);

	if (reason != NEXT)
		return reason;
	backend = choose(p);
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

/* Of a packet that is for a service, and noted down. */
static __always_inline enum reason serve(struct pkt *p)
{
	__u32 number = p->number;	/* what a helper is given lies on the stack: not p, too */
	enum reason reason;

	if (number == SERVICE_AMBIGUOUS)
		return drop_fragment;
	p->service = bpf_map_lookup_elem(&services, &number);
	if (!p->service)
		return drop_no_backend;
	if (explain)
		trace.service = number;
	reason = to_backend(p);
	if (reason != NEXT)
		count_dropped(p->service->id, p->bytes);
	return reason;
}
