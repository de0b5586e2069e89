/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A frame's way through Clearway, in this order:
 *
 *	decide:   1 parse    what is it?
 *	          2 own      is it this router's to handle?
 *	          3 punt     is it for a program of user space? Then to its socket
 *	          4 balance  is it for a service? Then to a backend, past 5 to 7
 *	          5 admit    may it take the fast path?
 *	          6 route    where does it go?
 *	          7 record   write the decision down
 *	                     - tail call -
 *	finalize: 8 rewrite  make the frame the one to send
 *	          9 emit     send it
 *
 * Each stage is the header of its name. It returns the reason for which the
 * frame leaves here, or NEXT. decide never writes to the frame and never moves
 * it; finalize does nothing else.
 */
#include "admit.h"
#include "balance.h"
#include "count.h"
#include "own.h"
#include "parse.h"
#include "punt.h"
#include "record.h"
#include "rewrite.h"
#include "route.h"

int finalize(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, int(struct xdp_md *));
} programs SEC(".maps") = {
	.values = { finalize },
};

static __always_inline enum reason stages(struct pkt *p, __u32 family, __u32 offset)
{
	const struct egress *egress = NULL;
	enum reason reason;

	p->family = family;
	p->offset = offset;
	if ((reason = parse(p)) != NEXT)
		return reason;
	enter(STAGE_OWN);
	if ((reason = own(p)) != NEXT)
		return reason;
	enter(STAGE_PUNT);
	classify_destination(p);
	if (p->destination & CLASS_SERVICE) {
		p->number = find_service(p);
		if (p->number)
			return SERVE;
	}
	enter(STAGE_ADMIT);
	if ((reason = admit(p)) != NEXT)
		return reason;
	enter(STAGE_ROUTE);
	if ((reason = route(p, &egress)) != NEXT)
		return reason;
	enter(STAGE_FINALIZE);
	record(p, egress);
	return NEXT;
}

/* One copy of the stages a family and L2 header, so that offsets are constants. */
static __always_inline enum reason dispatch(struct pkt *p)
{
	const struct ethhdr *eth = p->data;
	const struct vlanhdr *tag = (const void *)(eth + 1);

	if (!readable(p, ETH_HLEN))
		return unreadable(p, ETH_HLEN);
	switch (eth->ethertype) {
	case bpf_htons(ETH_P_IP):
		return stages(p, AF_INET, ETH_HLEN);
	case bpf_htons(ETH_P_IPV6):
		return stages(p, AF_INET6, ETH_HLEN);
	case bpf_htons(ETH_P_8021AD):
		return pass_vlan;
	case bpf_htons(ETH_P_8021Q):
		break;
	default:
		return pass_not_ip;
	}
	if (!readable(p, ETH_HLEN + VLAN_HLEN))
		return unreadable(p, ETH_HLEN + VLAN_HLEN);
	p->tci = bpf_ntohs(tag->tci);
	switch (tag->ethertype) {
	case bpf_htons(ETH_P_IP):
		return stages(p, AF_INET, ETH_HLEN + VLAN_HLEN);
	case bpf_htons(ETH_P_IPV6):
		return stages(p, AF_INET6, ETH_HLEN + VLAN_HLEN);
	case bpf_htons(ETH_P_8021AD):
	case bpf_htons(ETH_P_8021Q):
		return pass_vlan;
	default:
		return pass_not_ip;
	}
}

SEC("xdp") int decide(struct xdp_md *ctx)
{
	struct pkt p = { .ctx = ctx, .data = data(ctx), .end = data_end(ctx) };
	__u32 ifindex = ctx->ingress_ifindex, zero = 0;
	enum reason reason;

	/* A context is only read in place: keep it from becoming a choice of pointers. */
	asm volatile("" : "+r"(ifindex));
	if (explain)
		ifindex = trace.ingress;
	p.port = bpf_map_lookup_elem(&ports, &ifindex);
	p.scratch = bpf_map_lookup_elem(&scratches, &zero);
	if (!p.port || !p.port->present || !p.scratch)
		return XDP_PASS;
	p.ifindex = ifindex;
	p.bytes = frame_bytes(ctx);
	p.counters = bpf_map_lookup_elem(&counters, &p.port->slot);
	if (p.counters)
		count(&p.counters->received, p.bytes);

	reason = dispatch(&p);
	if (reason == SERVE) {
		if (p.number == PUNT_RULE)
			return to_socket(&p);
		enter(STAGE_BALANCE);
		reason = serve(&p);
		if (reason == NEXT)
			enter(STAGE_FINALIZE);
	}
	if (reason == NEXT) {
		bpf_tail_call(ctx, &programs, 0);
		reason = p.service ? drop_no_finalize : pass_no_finalize;
		if (p.service)
			count_dropped(p.service->id, p.bytes);
	}
	count_reason(p.counters, reason, p.bytes);
	if (explain)
		trace.reason = reason;
	return verdict(reason);
}

/* 9. emit: a device that has gone in between is a drop, since the frame is changed. */
static __always_inline int emit(const struct mutation *m)
{
	if (m->flags & (MUTATE_SAME_PORT | MUTATE_ANSWER))
		return XDP_TX;
	return bpf_redirect_map(&tx_devices, m->device, XDP_DROP);
}

static __always_inline enum reason emitted(const struct mutation *m, int action)
{
	if (m->flags & MUTATE_ANSWER)
		return drop_too_big;
	if (action != XDP_TX && action != XDP_REDIRECT)
		return drop_emit;
	return m->flags & MUTATE_BALANCE ? balance : forward;
}

SEC("xdp") int finalize(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct scratch *s = bpf_map_lookup_elem(&scratches, &zero);
	const struct mutation *m;
	enum reason reason;
	int action;

	if (!s)
		return XDP_PASS;
	m = &s->mutation;
	reason = rewrite(ctx, s);
	if (reason == NEXT) {
		action = emit(m);
		reason = emitted(m, action);
	} else {
		action = verdict(reason);
	}
	if (reason == balance)
		count_sent(m->backend, m->bytes);
	else if (m->flags & (MUTATE_BALANCE | MUTATE_ANSWER))
		count_dropped(m->service, m->bytes);
	count_reason(bpf_map_lookup_elem(&counters, &m->slot), reason, m->bytes);
	if (explain)
		trace.reason = reason;
	return action;
}

/*
 * Attached nowhere: test runs ask it what of sockets user space can't read. The
 * frame begins with an index; the answer is whether there is a socket.
 */
SEC("xdp") int find_socket(struct xdp_md *ctx)
{
	const __u32 *index = data(ctx);
	__u32 key;

	if ((const void *)(index + 1) > data_end(ctx))
		return 0;
	key = *index;
	return bpf_map_lookup_elem(&sockets, &key) != NULL;
}

char _license[] SEC("license") = "Dual BSD/GPL";
