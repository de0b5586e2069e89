/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* 6. record: writes the decision down for finalize. */
#pragma once
#include "l2.h"
#include "mss_rule.h"

/*
 * What follows the IP packet is trailer: Linux would cut it off, down to the
 * least frame. A pop makes four bytes less of it, so it keeps four more, or is
 * given them.
 */
static __always_inline __u32 wanted_length(__u32 bytes, __u32 length, int pop)
{
	__u32 least = ETH_ZLEN + (pop ? VLAN_HLEN : 0);

	if (length < least)
		length = least;
	return bytes > length || pop ? length : bytes;
}

static __always_inline void record(struct pkt *p, const struct egress *e)
{
	struct mutation *m = &p->scratch->mutation;
	int tagged = p->offset != ETH_HLEN;
	__u32 flags = (p->family == AF_INET6 ? MUTATE_IPV6 : 0) | (tagged ? MUTATE_TAGGED_IN : 0) |
		      (e->vid ? MUTATE_TAGGED_OUT : 0);

	copy_mac(m->dmac, p->scratch->fib.dmac);
	copy_mac(m->smac, p->scratch->fib.smac);
	m->tci = bpf_htons((p->tci & VLAN_PCP_DEI_MASK) | e->vid);
	m->device = e->device;
	m->bytes = p->bytes;
	m->length = wanted_length(p->bytes, p->offset + p->length, tagged && !e->vid);
	m->transport = p->length - ip_header_bytes(p);
	m->slot = p->port->slot;
	m->mss = settings.mss ? mss_for(p) : 0;
	m->flags = flags;
	if (explain) {
		trace.mss = m->mss;
		copy_mac(trace.dmac, m->dmac);
		copy_mac(trace.smac, m->smac);
	}
}
