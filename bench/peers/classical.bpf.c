/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * (c), a balancer as others build them: the service from a hash, the flow from
 * an LRU on every packet, new flows from a ring, the rings of all services in
 * one array, five per-CPU counters a packet. IP in IP, and back.
 */
#include "outer.h"

#define RING 65537

/* Addresses: IPv4 in the first word. */
struct service_key {
	__be32 address[4];
	__be16 port;
	__u16 protocol;
};

struct flow_key {
	__be32 source[4];
	__be32 destination[4];
	__be32 ports;
	__u32 protocol;
};

struct backend {
	__be32 address[4];
};

struct counter {
	__u64 packets;
	__u64 bytes;	/* of FLOWS: those that were new */
};

/* Indexes of counters that are no service's or backend's. */
enum {
	TOTAL,
	FLOWS,
	VERDICTS,	/* and the verdict */
	COUNTERS = VERDICTS + XDP_REDIRECT + 1,
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct service_key);
	__type(value, __u32);	/* its number */
} services SEC(".maps");

/* The runner makes room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow_key);
	__type(value, __u32);	/* number of its backend */
} flows SEC(".maps");

/* RING entries a service: here, for one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RING);
	__type(key, __u32);
	__type(value, __u32);
} rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct backend);
} backends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, __u32);
	__type(value, struct counter);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct counter);
} service_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct counter);
} backend_counters SEC(".maps");

/* The outer source is this prefix and, in its last word, a part of the flow's hash. */
volatile const __be32 source4;
volatile const __be32 source6[4];

static __always_inline void count(void *map, __u32 index, __u32 bytes)
{
	struct counter *c = bpf_map_lookup_elem(map, &index);

	if (c) {
		c->packets++;
		c->bytes += bytes;
	}
}

static __always_inline int counted(int verdict, __u32 bytes)
{
	count(&counters, VERDICTS + verdict, bytes);
	return verdict;
}

/* The ports of TCP or UDP at p; 0 if they aren't there. */
static __always_inline __be32 ports_at(struct xdp_md *ctx, void *p, __u32 protocol)
{
	if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) ||
	    p + sizeof(struct udphdr) > (void *)(long)ctx->data_end)
		return 0;
	return *(__be32 *)p;
}

static __always_inline __u32 hash(const struct flow_key *f)
{
	return flow_hash(((__u64)(f->source[0] ^ f->source[2]) << 32) | (f->source[1] ^ f->source[3]),
			 f->ports);
}

/* Where the ring sends a new flow, from now on. */
static __always_inline __u32 new_flow(const struct flow_key *f, __u32 service)
{
	__u32 index = service * RING + hash(f) % RING;
	__u32 *backend = bpf_map_lookup_elem(&rings, &index);

	if (!backend)
		return 0;
	bpf_map_update_elem(&flows, f, backend, BPF_ANY);
	return *backend;
}

/* NULL: not for a service. */
static __always_inline struct backend *find_backend(const struct flow_key *f, __u32 bytes)
{
	struct service_key key = { .port = f->ports >> 16, .protocol = f->protocol };
	__u32 *service, *known, backend;

	for (int i = 0; i < 4; i++)
		key.address[i] = f->destination[i];
	service = bpf_map_lookup_elem(&services, &key);
	if (!service)
		return NULL;
	known = bpf_map_lookup_elem(&flows, f);
	count(&counters, FLOWS, !known);
	backend = known ? *known : new_flow(f, *service);
	count(&service_counters, *service, bytes);
	count(&backend_counters, backend, bytes);
	return bpf_map_lookup_elem(&backends, &backend);
}

SEC("xdp.frags")
int classical4(struct xdp_md *ctx)
{
	__u32 bytes = ctx->data_end - ctx->data;
	struct iphdr *ip = ipv4(ctx);
	struct flow_key f = {};
	struct backend *b;

	count(&counters, TOTAL, bytes);
	if (!ip || ip->frag_off & bpf_htons(IP_MF | IP_OFFSET))
		return counted(XDP_PASS, bytes);
	f.source[0] = ip->saddr;
	f.destination[0] = ip->daddr;
	f.protocol = ip->protocol;
	f.ports = ports_at(ctx, ip + 1, f.protocol);
	b = find_backend(&f, bytes);
	if (!b)
		return counted(XDP_PASS, bytes);
	return counted(encapsulate4(ctx, ip->tos, ip->tot_len, source4 | (hash(&f) & 0xffff) << 16,
				    b->address[0]),
		       bytes);
}

SEC("xdp.frags")
int classical6(struct xdp_md *ctx)
{
	__u32 bytes = ctx->data_end - ctx->data;
	struct ipv6hdr *ip = ipv6(ctx);
	struct flow_key f = {};
	struct backend *b;
	__be32 source[4];

	count(&counters, TOTAL, bytes);
	if (!ip)
		return counted(XDP_PASS, bytes);
	for (int i = 0; i < 4; i++) {
		f.source[i] = ip->saddr[i];
		f.destination[i] = ip->daddr[i];
		source[i] = source6[i];
	}
	f.protocol = ip->nexthdr;
	f.ports = ports_at(ctx, ip + 1, f.protocol);
	b = find_backend(&f, bytes);
	if (!b)
		return counted(XDP_PASS, bytes);
	source[3] = hash(&f);
	return counted(encapsulate6(ctx, ip->flow, ip->payload_len, source, b->address), bytes);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
