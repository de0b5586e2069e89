/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which MSS rule holds for a packet. Each end has a list, best first, whose
 * first rule with the right egress is that end's; of the two the one with the
 * longer prefix holds, then the one that names the egress, then the lower.
 */
#pragma once
#include "pkt.h"

#define MSS_RULE_STEPS 32	/* the longest list that dataplane accepts */

/* The list of an entry of the prefix table: a service address keeps it in its record. */
static __always_inline __u32 mss_list(__u32 entry)
{
	__u32 index = entry >> CLASS_INDEX_SHIFT;
	const struct address *a;

	if (!(entry & CLASS_SERVICE))
		return index;
	a = bpf_map_lookup_elem(&addresses, &index);
	return a ? a->mss : 0;
}

static __always_inline const struct mss_rule *mss_rule_for(__u32 entry, __u32 egress)
{
	__u32 index = mss_list(entry);
	const struct mss_rule *rule;

	for (int i = 0; i < MSS_RULE_STEPS && index; i++) {
		rule = bpf_map_lookup_elem(&mss_rules, &index);
		if (!rule)
			return NULL;
		if (!rule->egress || rule->egress == egress)
			return rule;
		index = rule->next;
	}
	return NULL;
}

static __always_inline int better_rule(const struct mss_rule *a, const struct mss_rule *b)
{
	if (a->bits != b->bits)
		return a->bits > b->bits;
	if (!a->egress != !b->egress)
		return a->egress != 0;
	return a->mss < b->mss;
}

/* 0: none, or not a SYN. */
static __always_inline __u16 mss_for(const struct pkt *p)
{
	const struct tcphdr *tcp = header(p, p->offset + ip_header_bytes(p));
	const struct mss_rule *s, *d;

	if (p->protocol != IPPROTO_TCP || (void *)(tcp + 1) > p->end || !(tcp->flags & TCP_SYN) ||
	    p->length < ip_header_bytes(p) + sizeof(*tcp))
		return 0;
	s = mss_rule_for(p->source, p->egress);
	d = mss_rule_for(p->destination, p->egress);
	if (s && d)
		return better_rule(s, d) ? s->mss : d->mss;
	return s ? s->mss : d ? d->mss : 0;
}
