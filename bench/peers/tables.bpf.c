/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a table of its own for each service costs: two balancers that differ in
 * the table only. All else is as little as they can do with.
 *
 *   flat    one array for all services, a service's part begins at an offset
 *   nested  a map of maps, the inner ones packed as Clearway's
 *   read    the same, a slot of the inner one read without looking it up, as Clearway does
 */
#include "outer.h"

#define SIZE 65537
#define BLOCK_SLOTS 16
#define SLOT_MASK 0x1ffff	/* the verifier wants a limit */

struct block {
	__u32 slot[BLOCK_SLOTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SIZE);
	__type(key, __u32);
	__type(value, __u32);
} flat_slots SEC(".maps");

/* The runner makes it a hash of maps as well. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(max_entries, 1);
		__uint(map_flags, BPF_F_INNER_MAP);
		__uint(key_size, sizeof(__u32));
		__uint(value_size, sizeof(struct block));
	});
} nested_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __be32);
} backends SEC(".maps");

volatile const __be32 source4;

/* All packets are for this one. No constant: the verifier would know the keys. */
__u32 service;

static __always_inline __u32 flat_slot(__u32 slot)
{
	__u32 index = service * SIZE + slot;
	__u32 *backend = bpf_map_lookup_elem(&flat_slots, &index);

	return backend ? *backend : 0;
}

static __always_inline __u32 nested_slot(__u32 slot)
{
	__u32 number = service, index = slot / BLOCK_SLOTS;
	void *table = bpf_map_lookup_elem(&nested_slots, &number);
	struct block *block;

	if (!table)
		return 0;
	block = bpf_map_lookup_elem(table, &index);
	return block ? block->slot[slot % BLOCK_SLOTS] : 0;
}

static __always_inline __u32 read_slot(__u32 slot)
{
	__u32 number = service;
	void *table = bpf_map_lookup_elem(&nested_slots, &number);
	const struct bpf_array *array;
	const struct in_addr *word;

	if (!bpf_rdonly_cast)
		return nested_slot(slot);
	if (!table)
		return 0;
	array = bpf_rdonly_cast(table, kernel_type(struct bpf_array));
	if (slot / BLOCK_SLOTS >= array->map.max_entries)
		return 0;
	slot &= SLOT_MASK;
	word = bpf_rdonly_cast(array->value + slot * sizeof(__u32), kernel_type(struct in_addr));
	return word->s_addr;
}

static __always_inline int balance(struct xdp_md *ctx, __u32 (*slot_of)(__u32 slot))
{
	struct iphdr *ip = ipv4(ctx);
	__be32 *address, *ports = (void *)(ip + 1);
	__u32 backend;

	if (!ip || (void *)(ports + 1) > (void *)(long)ctx->data_end)
		return XDP_PASS;
	backend = slot_of((__u64)flow_hash(ip->saddr, *ports) * SIZE >> 32);
	address = bpf_map_lookup_elem(&backends, &backend);
	if (!address)
		return XDP_PASS;
	return encapsulate4(ctx, ip->tos, ip->tot_len, source4, *address);
}

SEC("xdp.frags")
int flat(struct xdp_md *ctx)
{
	return balance(ctx, flat_slot);
}

SEC("xdp.frags")
int nested(struct xdp_md *ctx)
{
	return balance(ctx, nested_slot);
}

SEC("xdp.frags")
int read(struct xdp_md *ctx)
{
	return balance(ctx, read_slot);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
