/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The Ethernet header of the frame to send. */
#pragma once
#include "pkt.h"

static __always_inline void copy_mac(__u8 *to, const __u8 *from)
{
	*(__u32 *)to = *(const __u32 *)from;
	*(__u16 *)(to + 4) = *(const __u16 *)(from + 4);
}

static __always_inline __u32 l2_bytes(__u32 flags, __u32 tagged)
{
	return ETH_HLEN + (flags & tagged ? VLAN_HLEN : 0);
}

/* The ethertype of the IP packet is in its place: it has moved with the packet. */
static __always_inline void write_l2(void *at, const struct mutation *m)
{
	const __u32 *macs = (const __u32 *)m->dmac;
	__u32 *to = at;
	__be16 *tag = at + 2 * sizeof(m->dmac);

	to[0] = macs[0];
	to[1] = macs[1];
	to[2] = macs[2];
	if (m->flags & MUTATE_TAGGED_OUT) {
		tag[0] = bpf_htons(ETH_P_8021Q);
		tag[1] = m->tci;
	}
}

/* Likewise, for a new IP header behind it. */
static __always_inline void write_new_l2(void *at, const struct mutation *m, __u32 l2, int ipv6)
{
	write_l2(at, m);
	*(__be16 *)(at + l2 - sizeof(__be16)) = ipv6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
}
