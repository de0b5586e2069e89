/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The traffic of balancers: TCP from many clients to one address and port. A
 * test run repeats on one buffer, and an encapsulated frame stays so: before
 * each packet the outer header is stripped, what it was written over is put
 * back, and the next client is written.
 *
 *   strip4, strip6  M1: then call the contender
 *   send4, send6    M2: then send the frame to the balancer
 *
 * Nobody looks at the TCP checksum: it stays as it was.
 */
#include "sender.h"

/* As original, but for what other traffic doesn't need. */
volatile const __be16 original_ethertype;
volatile const __be16 original_port;	/* destination */
volatile const __u32 original_bytes;	/* of the frame */

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
volatile const __u32 balancer_ifindex;	/* send4 and send6 send by this device */

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
	pushed = length - original_bytes;
	if (pushed && bpf_xdp_adjust_head(ctx, pushed))
		return NULL;
	data = (void *)(long)ctx->data;
	if (data + ETH_HLEN + bytes > (void *)(long)ctx->data_end)
		return NULL;
	restore_macs(data);
	*(__be16 *)(data + 12) = original_ethertype;
	return data + ETH_HLEN;
}

static __always_inline void write_ports(struct tcphdr *tcp, struct client c)
{
	*(__be32 *)tcp = c.port | (__u32)original_port << 16;
}

static __always_inline int restore_ipv4(struct xdp_md *ctx)
{
	struct iphdr *ip = strip(ctx, sizeof(*ip) + sizeof(__be32));
	struct client c;

	if (!ip)
		return -1;
	c = client();
	*(__u64 *)&ip->ttl = checked_header(c.address) | (__u64)c.address << 32;
	write_ports((void *)(ip + 1), c);
	return 0;
}

static __always_inline int restore_ipv6(struct xdp_md *ctx)
{
	struct ipv6hdr *ip = strip(ctx, sizeof(*ip) + sizeof(__be32));
	struct client c;

	if (!ip)
		return -1;
	c = client();
	ip->saddr[3] = c.address;
	write_ports((void *)(ip + 1), c);
	return 0;
}

static __always_inline int send(void)
{
	return bpf_redirect_map(&tx_devices, balancer_ifindex, XDP_DROP);
}

SEC("xdp.frags")
int strip4(struct xdp_md *ctx)
{
	return restore_ipv4(ctx) ? XDP_ABORTED : call_contender(ctx);
}

SEC("xdp.frags")
int strip6(struct xdp_md *ctx)
{
	return restore_ipv6(ctx) ? XDP_ABORTED : call_contender(ctx);
}

SEC("xdp.frags")
int send4(struct xdp_md *ctx)
{
	return restore_ipv4(ctx) ? XDP_ABORTED : send();
}

SEC("xdp.frags")
int send6(struct xdp_md *ctx)
{
	return restore_ipv6(ctx) ? XDP_ABORTED : send();
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
