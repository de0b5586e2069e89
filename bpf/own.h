/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 2. own: is this packet for this router to handle, and is its IP header one
 * that Linux would accept?
 */
#pragma once
#include "checksum.h"
#include "pkt.h"

static __always_inline const struct l3 *find_l3(const struct pkt *p)
{
	__u32 vid = p->tci & VLAN_VID_MASK;
	__u32 key = p->port->slot * VLAN_BLOCKS + vid / VLAN_BLOCK_VIDS;
	const struct vlan_block *block;
	const struct l3 *l3;

	if (!vid)
		return &p->port->untagged;
	block = bpf_map_lookup_elem(&vlans, &key);
	if (!block)
		return NULL;
	key = block->l3[vid % VLAN_BLOCK_VIDS];
	if (!key)
		return NULL;
	l3 = bpf_map_lookup_elem(&l3s, &key);
	return l3 && l3->flags & L3_PRESENT ? l3 : NULL;
}

static __always_inline int same_mac(const __u8 *a, const __u8 *b)
{
	return *(__u32 *)a == *(__u32 *)b && *(__u16 *)(a + 4) == *(__u16 *)(b + 4);
}

static __always_inline int header_right4(struct pkt *p)
{
	const struct iphdr *ip = ip4(p);

	p->length = bpf_ntohs(ip->tot_len);
	/* Options are the next stage's to refuse; their checksum is Linux's to check. */
	return ip->version_ihl >> 4 == 4 && (ip->version_ihl & 15) >= 5 &&
	       p->length >= (ip->version_ihl & 15) * 4u && p->length <= p->bytes - p->offset &&
	       ((ip->version_ihl & 15) != 5 || ip_checksum_right(ip));
}

static __always_inline int header_right6(struct pkt *p)
{
	const struct ipv6hdr *ip = ip6(p);

	p->length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
	return (ip->flow & bpf_htonl(0xf0000000)) == bpf_htonl(0x60000000) && ip->payload_len &&
	       p->length <= p->bytes - p->offset;
}

static __always_inline enum reason own(struct pkt *p)
{
	/* A bridge's or another's port: what comes in belongs to that. */
	if (!(p->port->untagged.flags & L3_PRESENT))
		return pass_not_ours;
	p->l3 = find_l3(p);
	if (!p->l3)
		return pass_vlan;
	if (explain)
		trace.l3 = p->l3->ifindex;
	/* Broadcast, multicast, or promiscuous mode. */
	if (!same_mac(header(p, 0), p->l3->mac))
		return pass_not_ours;
	if (p->family == AF_INET ? !header_right4(p) : !header_right6(p))
		return pass_header;
	return NEXT;
}
