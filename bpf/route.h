/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 6. route: where does it go, and can it go there from here? Asks the kernel's
 * own tables.
 */
#pragma once
#include "parse.h"

/* The helper overwrites its inputs, so every one is written before every call. */
static __always_inline void fill_fib(const struct pkt *p, struct bpf_fib_lookup *fib, int reverse)
{
	__be16 first = p->ports, second = p->ports >> 16;

	fib->family = p->family;
	fib->l4_protocol = p->protocol;
	fib->sport = reverse ? second : first;
	fib->dport = reverse ? first : second;
	fib->tot_len = reverse ? 0 : p->length;	/* 0: no test of the MTU */
	fib->ifindex = p->l3->ifindex;
	if (p->family == AF_INET) {
		fib->flowinfo = ip4(p)->tos;
		fib->src[0] = reverse ? ip4(p)->daddr : ip4(p)->saddr;
		fib->dst[0] = reverse ? ip4(p)->saddr : ip4(p)->daddr;
	} else {
		fib->flowinfo = ip6(p)->flow & bpf_htonl(IPV6_FLOWINFO_MASK);
#pragma unroll
		for (int i = 0; i < 4; i++) {
			fib->src[i] = ip6(p)->saddr[i];
			fib->dst[i] = ip6(p)->daddr[i];
		}
	}
}

static __always_inline int route_lookup(const struct pkt *p, struct bpf_fib_lookup *fib)
{
	int answer;

	fill_fib(p, fib, 0);
	answer = bpf_fib_lookup(p->ctx, fib, sizeof(*fib), 0);
	if (explain) {
		trace.fib = answer;
		trace.egress = answer == BPF_FIB_LKUP_RET_SUCCESS ? fib->ifindex : 0;
		trace.mtu = fib->tot_len;
	}
	return answer;
}

/*
 * The reverse path leads out of where the packet came in, or anywhere (RFC 3704).
 * Without a neighbour older kernels don't say which interface it is.
 */
static __always_inline int rpf_holds(const struct pkt *p, struct bpf_fib_lookup *fib)
{
	int loose = p->l3->flags & L3_RPF_LOOSE;
	int answer;

	fill_fib(p, fib, 1);
	answer = bpf_fib_lookup(p->ctx, fib, sizeof(*fib),
				skip_neigh ? BPF_FIB_LOOKUP_SKIP_NEIGH : 0);
	if (explain)
		trace.rpf = answer;
	if (!skip_neigh && answer == BPF_FIB_LKUP_RET_NO_NEIGH)
		return loose;
	return answer == BPF_FIB_LKUP_RET_SUCCESS &&
	       (loose || fib->ifindex == p->l3->ifindex);
}

static __always_inline enum reason fib_reason(int answer)
{
	switch (answer) {
	case BPF_FIB_LKUP_RET_SUCCESS:
		return NEXT;
	case BPF_FIB_LKUP_RET_BLACKHOLE:
		return settings.dry_run ? dry_run : drop_blackhole;
	case BPF_FIB_LKUP_RET_UNREACHABLE:
	case BPF_FIB_LKUP_RET_PROHIBIT:
		return pass_unreachable;
	case BPF_FIB_LKUP_RET_NOT_FWDED:
		return pass_no_route;
	case BPF_FIB_LKUP_RET_FWD_DISABLED:
		return pass_not_forwarding;
	case BPF_FIB_LKUP_RET_UNSUPP_LWT:
		return pass_exception;
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		return pass_no_neighbour;
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		return pass_mtu;
	default:
		return pass_fib_error;
	}
}

/* A device that takes what flags say, enum egress_bit, takes this frame now. */
static __always_inline int redirectable(const struct pkt *p, __u32 flags, int buffers)
{
	__u32 need = EGRESS_UP;

	if (!p->port->generic)
		need |= EGRESS_NATIVE;
	if (buffers)
		need |= EGRESS_FRAGS;
	return (flags & need) == need;
}

/* The egress of the answer takes this packet now; e is set to it. */
static __always_inline enum reason check_egress(struct pkt *p, const struct bpf_fib_lookup *fib,
						const struct egress **e)
{
	p->egress = fib->ifindex;
	if (p->egress == p->l3->ifindex && !settings.hairpin)
		return pass_hairpin;
	*e = bpf_map_lookup_elem(&egresses, &fib->ifindex);
	if (!*e || !(*e)->mtu)
		return pass_not_redirectable;
	if (p->length > (*e)->mtu)
		return pass_mtu;
	if (!redirectable(p, (*e)->flags, in_buffers(p)))
		return pass_not_redirectable;
	return settings.dry_run ? dry_run : NEXT;
}

static __always_inline enum reason route(struct pkt *p, const struct egress **e)
{
	struct bpf_fib_lookup *fib = &p->scratch->fib;
	__u16 forwards = p->family == AF_INET ? L3_FORWARD4 : L3_FORWARD6;
	enum reason reason;

	if (p->family == AF_INET && p->l3->flags & (L3_RPF_STRICT | L3_RPF_LOOSE) &&
	    !rpf_holds(p, fib))
		return pass_rpf;
	if (!(p->l3->flags & forwards))
		return pass_not_forwarding;
	reason = fib_reason(route_lookup(p, fib));
	if (reason != NEXT)
		return reason;
	return check_egress(p, fib, e);
}
