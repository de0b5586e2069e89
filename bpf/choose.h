/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which backend a flow goes to: the one of its slot, unless the slot has changed
 * its owner and the flow was there before. Package tracking has the same in Go,
 * and tells why.
 */
#pragma once
#include "flows.h"

/*
 * The word of a slot. The kernel doesn't write out the look-up in an array with
 * BPF_F_INNER_MAP, but calls a function; where it can be read without that, it is.
 */
static __always_inline __u32 read_slot(void *table, __u32 slot)
{
	const struct bpf_array *array = bpf_rdonly_cast(table, kernel_type(struct bpf_array));
	const struct in_addr *word;

	if (slot / TABLE_BLOCK_SLOTS >= array->map.max_entries)
		return 0;
	word = bpf_rdonly_cast(array->value + slot * sizeof(__u32), kernel_type(struct in_addr));
	return word->s_addr;
}

static __always_inline __u32 look_slot_up(void *table, __u32 slot)
{
	__u32 index = slot / TABLE_BLOCK_SLOTS;
	const struct table_block *block = bpf_map_lookup_elem(table, &index);

	return block ? block->slot[slot % TABLE_BLOCK_SLOTS] : 0;
}

/* The word of the flow's slot; 0: nobody's. A table is never looked up with a constant. */
static __always_inline __u32 find_slot(const struct pkt *p)
{
	__u32 slot = ((__u64)p->hash * p->service->size >> 32) & SLOT_MASK;
	__u32 number = p->number, word;
	void *table = bpf_map_lookup_elem(&tables, &number);

	if (!table)
		return 0;
	word = bpf_rdonly_cast ? read_slot(table, slot) : look_slot_up(table, slot);
	if (explain) {
		trace.slot = slot;
		trace.slot_word = word;
	}
	return word;
}

static __always_inline __u32 choice_is(enum choice choice, __u32 backend)
{
	if (explain)
		trace.choice = choice;
	return backend;
}

static __always_inline __u32 backend_flags(const struct service *s, __u32 backend)
{
	__u32 index = s->first + backend;
	const struct backend *b = bpf_map_lookup_elem(&backends, &index);

	return backend && b ? b->flags : 0;
}

/* Whether the packet starts a flow. */
static __always_inline int is_start(const struct pkt *p)
{
	return (p->scratch->tcp_flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN &&
	       !(p->service->flags & SERVICE_NO_START);
}

/* The backend that the flow keeps by its record; 0: the record doesn't hold, or there is none. */
static __always_inline __u32 keep(const struct pkt *p, struct flow *f)
{
	__u32 start = is_start(p), need = BACKEND_ALIVE | (start ? BACKEND_ACCEPT : 0);
	__u32 backend, flags, seen;
	__u64 word;

	if (!f)
		return 0;
	word = *(volatile __u64 *)f;	/* once: another flow may have come in its way by now */
	backend = (__u16)word;
	flags = (__u16)(word >> 16);
	seen = word >> 32;
	if ((flags & FLOW_TAG_MASK) != p->tag || (backend_flags(p->service, backend) & need) != need)
		return 0;
	if (!(start || flags & FLOW_CONFIRMED) || clock.seconds - seen >= clock.refresh)
		write_flow(f, backend, start ? flags : flags | FLOW_CONFIRMED);
	return choice_is(CHOICE_RECORD, backend);
}

/* By the slot, for want of a record that holds. f: one that doesn't. */
static __always_inline __u32 choose_unrecorded(struct pkt *p, __u32 word, struct flow *f)
{
	__u32 cur = word & SLOT_CUR, base = word >> SLOT_BASE_SHIFT & SLOT_CUR;
	int start = is_start(p);
	__u32 want;

	if (start)
		want = cur;
	else
		want = backend_flags(p->service, base) & BACKEND_ALIVE ? base : cur;
	if (!start && (p->scratch->tcp_flags & TCP_RST || p->scratch->flow_bits & FLOW_QUOTED))
		return choice_is(want == cur ? CHOICE_CUR : CHOICE_BASE, want);
	/* Nothing to remember: it goes where flows without a record go, now and later. */
	if ((start ? cur == base : want == cur) && !(word & SLOT_RECORD)) {
		if (f)
			write_flow(f, cur, start ? 0 : FLOW_CONFIRMED);
		return choice_is(CHOICE_CUR, cur);
	}
	if (insert_flow(p, f, want, start ? 0 : FLOW_CONFIRMED))
		return choice_is(want == cur ? CHOICE_NEW_CUR : CHOICE_NEW_BASE, want);
	if (start && backend_flags(p->service, base) & BACKEND_ACCEPT)
		want = base;
	return choice_is(CHOICE_FULL, want);
}

/*
 * The backend of the service that the packet goes to; 0: nobody. No slot of a
 * service that tracks always is settled: there the record comes first, and the
 * table only where there is none.
 */
static __always_inline __u32 choose(struct pkt *p)
{
	__u32 always = p->service->flags & SERVICE_ALWAYS, word = 0, cur, kept;
	struct flow *f;

	if (p->service->flags & SERVICE_AFFINITY_SOURCE)
		p->scratch->flow_key.ports = 0;
	p->hash = flow_hash(&p->scratch->flow_key, p->service->seed,
			    p->scratch->mutation.flags & MUTATE_IPV6);
	if (!always || explain) {
		word = find_slot(p);
		cur = word & SLOT_CUR;
		if (!always && word == (cur | cur << SLOT_BASE_SHIFT))
			return choice_is(CHOICE_SETTLED, cur);
	}
	f = find_record(p);
	kept = keep(p, f);
	if (kept)
		return kept;
	if (always)
		word = find_slot(p);
	return choose_unrecorded(p, word, f);
}
