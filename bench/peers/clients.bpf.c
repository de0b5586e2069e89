/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The traffic of balancers: TCP from many clients to one address and port. A
 * test run repeats on one buffer, and an encapsulated frame stays so: before
 * each packet the outer header is stripped, what it was written over is put
 * back, and the next client is written.
 *
 *   strip4, strip6  M1: then call the contender
 *   send            M2: then send the frame to the balancer
 *
 * Nobody looks at the TCP checksum: it stays as it was.
 */
#include "devices.h"
#include "frame.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} contender SEC(".maps");

/* As in traffic.bpf.c: whole words, each written in one store. */
volatile const struct {
	__u64 macs;		/* bytes 0-7 of the frame */
	__u64 header;		/* bytes 8-15 of the IPv4 header, its checksum and source 0 */
	__u32 more_macs;	/* bytes 8-11 of the frame */
	__u32 check_base;	/* sum of the IPv4 header without its source and checksum */
	__be16 ethertype;
	__be16 port;		/* destination */
	__u32 bytes;		/* of the frame */
} original;

struct client {
	__be32 address;		/* IPv6: its last word */
	__be16 port;
	__u16 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct client);
} clients SEC(".maps");

volatile const __u32 client_count;	/* 0: each packet is another's */
volatile const __be32 new_clients;	/* these come from here, a /8 */
volatile const __u32 balancer_ifindex;	/* send sends by this device */

__u32 next_client;

#define FIRST_PORT 1024

static __always_inline struct client new_client(void)
{
	__u32 n = next_client++;

	return (struct client){
		.address = new_clients | bpf_htonl(n & 0xffffff),
		.port = bpf_htons(FIRST_PORT + (n >> 24)),
	};
}

static __always_inline struct client client(void)
{
	__u32 n = next_client;
	struct client *c;

	if (!client_count)
		return new_client();
	next_client = n + 1 < client_count ? n + 1 : 0;
	c = bpf_map_lookup_elem(&clients, &n);
	return c ? *c : (struct client){};
}

/* The IP header, if the frame reaches so far. */
static __always_inline void *strip(struct xdp_md *ctx, __u32 bytes)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	long length = end - data;
	int pushed;

	/* A number from here on: the verifier refuses sums with a pointer in 32 bits. */
	asm volatile("" : "+r"(length));
	pushed = length - original.bytes;
	if (pushed && bpf_xdp_adjust_head(ctx, pushed))
		return NULL;
	data = (void *)(long)ctx->data;
	if (data + ETH_HLEN + bytes > (void *)(long)ctx->data_end)
		return NULL;
	*(__u64 *)data = original.macs;
	*(__u32 *)(data + 8) = original.more_macs;
	*(__be16 *)(data + 12) = original.ethertype;
	return data + ETH_HLEN;
}

static __always_inline void write_ports(struct tcphdr *tcp, struct client c)
{
	*(__be32 *)tcp = c.port | (__u32)original.port << 16;
}

static __always_inline int restore_ipv4(struct xdp_md *ctx)
{
	struct iphdr *ip = strip(ctx, sizeof(*ip) + sizeof(__be32));
	struct client c;
	__u32 sum;

	if (!ip)
		return -1;
	c = client();
	sum = original.check_base + (c.address & 0xffff) + (c.address >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	*(__u64 *)&ip->ttl = original.header | (__u64)(__u16)~sum << 16 | (__u64)c.address << 32;
	write_ports((void *)(ip + 1), c);
	return 0;
}

SEC("xdp.frags")
int strip4(struct xdp_md *ctx)
{
	if (restore_ipv4(ctx))
		return XDP_ABORTED;
	bpf_tail_call(ctx, &contender, 0);
	return XDP_ABORTED;
}

SEC("xdp.frags")
int strip6(struct xdp_md *ctx)
{
	struct ipv6hdr *ip = strip(ctx, sizeof(*ip) + sizeof(__be32));
	struct client c;

	if (!ip)
		return XDP_ABORTED;
	c = client();
	ip->saddr[3] = c.address;
	write_ports((void *)(ip + 1), c);
	bpf_tail_call(ctx, &contender, 0);
	return XDP_ABORTED;
}

SEC("xdp.frags")
int send(struct xdp_md *ctx)
{
	if (restore_ipv4(ctx))
		return XDP_ABORTED;
	return bpf_redirect_map(&tx_devices, balancer_ifindex, XDP_DROP);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
