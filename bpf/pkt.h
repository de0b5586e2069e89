/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * struct pkt: what the stages of decide know of the frame, handed from each to
 * the next. It lives in registers and on the stack.
 */
#pragma once
#include "config.h"
#include "include/net.h"
#include "maps.h"

/* What a stage returns instead of a reason: the next one goes on, or that of what p->number is. */
#define NEXT REASONS
#define SERVE (REASONS + 1)

struct pkt {
	struct xdp_md *ctx;
	void *data;
	void *end;		/* of the linear part */
	const struct port *port;
	const struct l3 *l3;
	struct port_counters *counters;
	struct scratch *scratch;
	__u32 ifindex;		/* of the port */
	__u32 bytes;		/* of the whole frame */
	__u32 family;		/* constant in each copy of the stages */
	__u32 offset;		/* of the IP header, likewise */
	__u32 length;		/* of the IP packet */
	__u32 protocol;		/* above IP */
	__be32 ports;		/* source and destination as on the wire, 0 when it has none */
	__u32 icmp_type;	/* of ICMPv6 */
	__u32 tci;		/* host order, 0 when untagged */
	__u32 source;		/* prefix table entries */
	__u32 destination;
	__u32 egress;		/* L3 ifindex */
	/* of the punt and balance lanes */
	__u32 number;		/* of the service that it is for, or PUNT_RULE; 0 = none */
	const struct service *service;
	__u32 hash;		/* of its flow */
	struct flow_set *set;	/* in which that may have a record, */
	__u32 tag;		/* with this among its flags; 0 outside of sets */
};

static __always_inline void *header(const struct pkt *p, __u32 offset)
{
	return p->data + offset;
}

/* Whether the first n bytes can be read. */
static __always_inline int readable(const struct pkt *p, __u32 n)
{
	return p->data + n <= p->end;
}

/* The reason when they can't. */
static __always_inline enum reason unreadable(const struct pkt *p, __u32 n)
{
	return p->bytes < n ? pass_truncated : pass_header_split;
}

static __always_inline struct iphdr *ip4(const struct pkt *p)
{
	return header(p, p->offset);
}

static __always_inline struct ipv6hdr *ip6(const struct pkt *p)
{
	return header(p, p->offset);
}

static __always_inline __u32 ip_header_bytes(const struct pkt *p)
{
	return p->family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

/* Whether the frame may have several buffers. */
static __always_inline int may_have_frags(struct xdp_md *ctx)
{
	const struct xdp_buff *xdp;

	if (!frags || !bpf_cast_to_kern_ctx)
		return frags;
	xdp = bpf_cast_to_kern_ctx(ctx);
	return xdp->flags & XDP_FLAGS_HAS_FRAGS;
}

/* The helper is a call, which costs as much as all of a stage. */
static __always_inline __u32 frame_bytes(struct xdp_md *ctx)
{
	return may_have_frags(ctx) ? bpf_xdp_get_buff_len(ctx) : ctx->data_end - ctx->data;
}

/* Whether a part of the frame lies outside the linear part. */
static __always_inline int in_buffers(const struct pkt *p)
{
	return frags && p->bytes > (__u32)(p->end - p->data);
}

static __always_inline void *data(const struct xdp_md *ctx)
{
	return (void *)(long)ctx->data;
}

static __always_inline void *data_end(const struct xdp_md *ctx)
{
	return (void *)(long)ctx->data_end;
}

static __always_inline void enter(enum stage stage)
{
	if (explain)
		trace.stage = stage;
}
