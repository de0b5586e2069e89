/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The records of flows. Those of a service that tracks its changes are in a hash,
 * which refuses when it is full. Those of one that tracks always are in sets of
 * FLOW_WAYS, in which the flow that is needed least makes room: no call, no lock,
 * and at most two cache lines for whatever number of flows.
 */
#pragma once
#include "find_service.h"
#include "hash.h"

/* A record is written as one word, so that nobody sees half of one. */
static __always_inline __u64 flow_word(__u32 backend, __u32 flags)
{
	return backend | flags << 16 | (__u64)clock.seconds << 32;
}

static __always_inline void write_flow(struct flow *f, __u32 backend, __u32 flags)
{
	if (!explain)
		*(volatile __u64 *)f = flow_word(backend, flags);
}

/* The tag of its flow, as it is in a record's flags. */
static __always_inline __u32 flow_tag(__u64 hash)
{
	return hash << FLOW_TAG_SHIFT & FLOW_TAG_MASK;
}

static __always_inline __u64 record_hash(const struct pkt *p)
{
	const __u64 *key = (const __u64 *)&p->scratch->flow_key;
	__u64 hash = hash_step(hash_step(key[0]) ^ key[1]);

	return key[2] ? hash_step(hash ^ key[2]) : hash;	/* IPv4 has none */
}

/*
 * Key and flow of a way are written apart, and perhaps by two programs at once. What
 * doesn't belong together differs in its tag, and is nobody's.
 */
static __always_inline struct flow *find_way(struct pkt *p)
{
	const __u64 *key = (const __u64 *)&p->scratch->flow_key;
	__u64 hash = record_hash(p);
	__u32 index = (hash >> 32) * flow_sets >> 32, tag = flow_tag(hash);

	p->tag = tag;
	p->set = bpf_map_lookup_elem(&flows_lru, &index);
	if (!p->set)
		return NULL;
#pragma unroll
	for (int i = 0; i < FLOW_WAYS; i++) {
		struct flow_way *w = &p->set->way[i];
		const __u64 *other = (const __u64 *)&w->key;

		if (other[0] == key[0] && other[1] == key[1] && other[2] == key[2] &&
		    (w->flow.flags & FLOW_TAG_MASK) == tag && w->flow.backend)
			return &w->flow;
	}
	return NULL;
}

#define NEED_CONFIRMED (1u << 31)

/* How much a record is needed: none at all, one that nothing followed, as in a flood, any other. */
static __always_inline __u32 need_of(const struct flow *f)
{
	if (!f->backend)
		return 0;
	return f->flags & FLOW_CONFIRMED ? f->seen | NEED_CONFIRMED : f->seen + 1;
}

static __always_inline int insert_way(struct pkt *p, __u32 backend, __u32 flags)
{
	const __u64 *key = (const __u64 *)&p->scratch->flow_key;
	struct flow_way *least;
	volatile __u64 *to;

	if (!p->set)
		return -1;
	least = &p->set->way[0];
#pragma unroll
	for (int i = 1; i < FLOW_WAYS; i++)
		if (need_of(&p->set->way[i].flow) < need_of(&least->flow))
			least = &p->set->way[i];
	/* A start drives out no flow, as a flood would. What follows it finds room. */
	if (!(flags & FLOW_CONFIRMED) && need_of(&least->flow) & NEED_CONFIRMED)
		return -1;
	to = (volatile __u64 *)&least->key;
	to[0] = key[0];
	to[1] = key[1];
	to[2] = key[2];
	write_flow(&least->flow, backend, flags);
	return 0;
}

/* Whether there is now a record. f: one of the flow that doesn't hold. */
static __always_inline int insert_flow(struct pkt *p, struct flow *f, __u32 backend, __u32 flags)
{
	__u64 *word = &p->scratch->flow;
	__u32 id = p->service->id;
	struct service_counters *c;
	long failed = 0;

	if (explain)
		return 1;
	if (!(p->service->flags & SERVICE_ALWAYS)) {
		*word = flow_word(backend, flags);
		failed = bpf_map_update_elem(&flows, &p->scratch->flow_key, word, BPF_ANY);
	} else if (f) {
		write_flow(f, backend, flags | p->tag);
	} else if (insert_way(p, backend, flags | p->tag)) {
		return 0;
	}
	c = bpf_map_lookup_elem(&service_counters, &id);
	if (!c)
		return !failed;
	if (failed)
		c->track_full++;
	else
		c->recorded++;
	return !failed;
}

static __always_inline struct flow *find_record(struct pkt *p)
{
	struct flow_key *key = &p->scratch->flow_key;

	*(__u64 *)key = p->service->id | (__u64)key->ports << 32;	/* see set_source */
	if (p->service->flags & SERVICE_ALWAYS)
		return find_way(p);
	return bpf_map_lookup_elem(&flows, key);
}
