/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 1. parse: only establishes what the frame is. Ends those that can't be read,
 * and those that no lane is for.
 */
#pragma once
#include "pkt.h"

static __always_inline int has_ports(__u32 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		return 1;
	default:
		return 0;
	}
}

static __always_inline int is_icmp6(const struct pkt *p)
{
	return p->family == AF_INET6 && p->protocol == IPPROTO_ICMPV6;
}

static __always_inline int is_fragment(const struct pkt *p)
{
	if (p->family == AF_INET6)
		return p->protocol == IPPROTO_FRAGMENT;
	return ip4(p)->frag_off & bpf_htons(IP_MF | IP_OFFSET);
}

/* What the rules read above IP; transport is its offset. */
static __always_inline enum reason parse_transport(struct pkt *p, __u32 transport)
{
	if (has_ports(p->protocol)) {
		if (!readable(p, transport + sizeof(p->ports)))
			return unreadable(p, transport + sizeof(p->ports));
		p->ports = *(__be32 *)header(p, transport);
	} else if (is_icmp6(p)) {
		if (!readable(p, transport + 1))
			return unreadable(p, transport + 1);
		p->icmp_type = *(__u8 *)header(p, transport);
	}
	return NEXT;
}

static __always_inline enum reason parse(struct pkt *p)
{
	__u32 transport = p->offset + ip_header_bytes(p);

	if (!readable(p, transport))
		return unreadable(p, transport);
	p->protocol = p->family == AF_INET ? ip4(p)->protocol : ip6(p)->nexthdr;
	/* With options the ports are elsewhere, in a fragment perhaps nowhere: neither goes far. */
	if (is_fragment(p) || (p->family == AF_INET && ip4(p)->version_ihl != 0x45))
		return NEXT;
	return parse_transport(p, transport);
}
