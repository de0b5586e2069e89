/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 5. admit: may this packet take the fast path? Everything is decided here that
 * needs no route. Linux gets, untouched, whatever it would do more with than
 * forward it.
 */
#pragma once
#include "classify.h"
#include "parse.h"

static __always_inline int extension_header(__u32 nexthdr)
{
	switch (nexthdr) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_ESP:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MH:
	case IPPROTO_HIP:
	case IPPROTO_SHIM6:
	case IPPROTO_TEST1:
	case IPPROTO_TEST2:
		return 1;
	default:
		return 0;
	}
}

static __always_inline int is_ndp(const struct pkt *p)
{
	return is_icmp6(p) && p->icmp_type >= NDP_FIRST && p->icmp_type <= NDP_LAST;
}

/* The IP packet ends inside what was read above it: that was trailer. */
static __always_inline int transport_cut(const struct pkt *p)
{
	__u32 need = has_ports(p->protocol) ? sizeof(p->ports) : is_icmp6(p) ? 1 : 0;

	return p->length < ip_header_bytes(p) + need;
}

/* The header is one that the fast path can handle whole. */
static __always_inline enum reason admit_header(struct pkt *p)
{
	if (p->family == AF_INET ? ip4(p)->version_ihl != 0x45 : extension_header(p->protocol))
		return pass_header;
	if (is_fragment(p))
		return pass_fragment;
	if (transport_cut(p))
		return pass_truncated;
	if (is_ndp(p))
		return pass_ndp;
	return NEXT;
}

static __always_inline void classify_source(struct pkt *p)
{
	p->source = p->family == AF_INET ? classify4(&ip4(p)->saddr) : classify6(ip6(p)->saddr);
	if (explain)
		trace.source = p->source;
}

static __always_inline enum reason admit(struct pkt *p)
{
	enum reason reason = admit_header(p);

	if (reason != NEXT)
		return reason;
	classify_source(p);
	if (p->source & (CLASS_NOT_SOURCE | CLASS_LOCAL) ||
	    p->destination & CLASS_NOT_DESTINATION)
		return pass_address;
	if (p->destination & CLASS_LOCAL)
		return pass_local;
	if ((p->family == AF_INET ? ip4(p)->ttl : ip6(p)->hop_limit) <= 1)
		return pass_ttl;
	if (!((p->source | p->destination) & CLASS_ALLOW))
		return pass_no_match;
	if (p->destination & CLASS_BLOCK)
		return settings.dry_run ? dry_run_block : drop_blocked;
	if (p->destination & CLASS_EXCEPTION)
		return pass_exception;
	if (p->family == AF_INET ? settings.policy4 : settings.policy6)
		return pass_policy;
	return NEXT;
}
