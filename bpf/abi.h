/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every type and constant that Go sees, and those handed from one program to
 * the other. None of them has padding: a test walks their BTF.
 *
 * __u16 and wider are in host byte order unless the type says __be.
 */
#pragma once
#include "include/kernel.h"

/*
 * Why a frame left the pipeline: each frame ends in exactly one. The names are
 * the ones that commands and metrics print, so they are spelt as there.
 */
enum reason {
	/* parse */
	pass_truncated,		/* a header is cut short */
	pass_header_split,	/* a header lies outside the linear part */
	pass_vlan,		/* two tags, 802.1ad, or a VLAN that is not the port's */
	pass_not_ip,		/* ARP, LLDP, PPPoE, ... */
	/* own */
	pass_not_ours,		/* no L3 interface, or another's MAC */
	pass_header,		/* options, extension headers, or a header that lies */
	/* admit */
	pass_fragment,
	pass_ndp,		/* neighbour and router discovery */
	pass_address,		/* an address that no router forwards */
	pass_local,		/* to this machine */
	pass_ttl,		/* would expire here: Linux sends the ICMP error */
	pass_no_match,		/* neither end is in forward.allow */
	drop_blocked,		/* forward.block */
	dry_run_block,		/* would have been drop_blocked */
	pass_exception,		/* a route that only Linux takes right */
	pass_policy,		/* IPsec or routing rules: Linux decides */
	/* route */
	pass_rpf,		/* the reverse path leads elsewhere */
	pass_not_forwarding,	/* forwarding is off */
	drop_blackhole,
	pass_unreachable,	/* unreachable or prohibit: Linux sends the ICMP error */
	pass_no_route,
	pass_no_neighbour,	/* Linux resolves it */
	pass_mtu,		/* too big: Linux fragments or says so */
	pass_fib_error,
	pass_hairpin,		/* out where it came in: Linux also sends a redirect */
	pass_not_redirectable,	/* the egress device can't take the frame now */
	dry_run,		/* would have been forwarded */
	/* finalize */
	pass_no_finalize,	/* the tail call found no program */
	pass_no_headroom,	/* the frame could not be resized */
	drop_emit,		/* changed already, and then refused */
	forward,
	REASONS			/* how many there are */
};

/* Bits of a class: dataplane.Class, except EXCEPTION, which is composed. */
enum class_bit {
	CLASS_ALLOW = 1 << 0,
	CLASS_BLOCK = 1 << 1,
	CLASS_LOCAL = 1 << 2,
	CLASS_NOT_SOURCE = 1 << 3,
	CLASS_NOT_DESTINATION = 1 << 4,
	CLASS_EXCEPTION = 1 << 5,
};

/*
 * An entry of the prefix table (package lpm): a child block, or what is known
 * of the addresses below: class bits 0-7, index of an mss_rule 8-30.
 */
#define PREFIX_CHILD 0x80000000u
#define PREFIX_BLOCK_WORDS 256
#define PREFIX_ROOT4 0		/* 256 blocks: the first two bytes of an address */
#define PREFIX_ROOT6 256	/* 256 blocks likewise */
#define CLASS_MSS_SHIFT 8

struct prefix_block {
	__u32 word[PREFIX_BLOCK_WORDS];
};

/* A VLAN or untagged network on a port, as packets arrive. */
enum l3_bit {
	L3_PRESENT = 1 << 0,
	L3_FORWARD4 = 1 << 1,
	L3_FORWARD6 = 1 << 2,
	L3_RPF_STRICT = 1 << 3,
	L3_RPF_LOOSE = 1 << 4,
};

struct l3 {
	__u8 mac[6];
	__u16 flags;		/* enum l3_bit */
	__u32 ifindex;		/* as routes name it */
};

/* A device by ifindex, as the program sees it in xdp_md. */
struct port {
	struct l3 untagged;
	__u16 present;
	__u16 generic;		/* attached in generic mode */
	__u32 slot;		/* of its counters and VLANs */
};

/* 256 of a port's VLAN IDs: numbers into l3s, 0 = not one of the port's. */
#define VLAN_BLOCKS 16
#define VLAN_BLOCK_VIDS 256

struct vlan_block {
	__u16 l3[VLAN_BLOCK_VIDS];
};

/* An L3 interface by ifindex, as the FIB names it. */
enum egress_bit {
	EGRESS_UP = 1 << 0,
	EGRESS_NATIVE = 1 << 1,	/* takes frames from native XDP */
	EGRESS_FRAGS = 1 << 2,	/* and multi-buffer ones */
};

struct egress {
	__u32 device;		/* index into tx_devices */
	__u32 mtu;		/* 0 = no such egress */
	__u16 vid;		/* 0 = untagged */
	__u16 flags;		/* enum egress_bit */
};

/*
 * Rules that apply to an address, best first: a list of those of its longest
 * prefix, which runs on into that of the next shorter one. Rule 0 ends it.
 */
struct mss_rule {
	__u32 egress;		/* L3 ifindex, 0 = any */
	__u16 mss;
	__u16 bits;		/* prefix length plus one, 0 = no prefix */
	__u32 next;
};

struct settings {
	__u32 dry_run;
	__u32 hairpin;
	__u32 policy4;
	__u32 policy6;
	__u32 mss;		/* any rule at all */
};

struct counter {
	__u64 packets;
	__u64 bytes;		/* at ingress: with Ethernet header, without FCS */
};

struct port_counters {
	struct counter received;
	struct counter reasons[REASONS];
};

/* decide's whole decision, for finalize to carry out. */
enum mutation_bit {
	MUTATE_IPV6 = 1 << 0,
	MUTATE_TAGGED_IN = 1 << 1,
	MUTATE_TAGGED_OUT = 1 << 2,
};

struct mutation {
	__u8 dmac[6];
	__u8 smac[6];
	__be16 tci;		/* of the tag to write */
	__u16 mss;		/* clamp to this, 0 = leave alone */
	__u32 device;		/* index into tx_devices */
	__u32 bytes;		/* length at ingress */
	__u32 length;		/* to have before the head moves: less to trim, more to pad */
	__u32 transport;	/* bytes of the IP packet above the IP header */
	__u32 slot;
	__u32 flags;		/* enum mutation_bit */
};

struct scratch {
	struct bpf_fib_lookup fib;
	struct mutation mutation;
	__u32 option;		/* how far the walk over TCP options is */
};

/* The stages as explanations name them: the last is finalize whole. */
enum stage {
	STAGE_PARSE,
	STAGE_OWN,
	STAGE_ADMIT,
	STAGE_ROUTE,
	STAGE_FINALIZE,
};

/* What the explain twin notes on its way. */
struct trace {
	enum reason reason;
	enum stage stage;	/* the one it came to */
	__u32 ingress;		/* in: the port to pretend, by ifindex */
	__u32 l3;		/* L3 interface the packet came in by */
	__u32 source;		/* prefix table entry of the source */
	__u32 destination;
	__s32 rpf;		/* answer of the reverse look-up, -1 = none made */
	__s32 fib;		/* answer of the helper, -1 = not asked */
	__u32 egress;		/* L3 interface it would leave by */
	__u16 mtu;		/* what the helper says about it */
	__u16 mss;
	__u8 dmac[6];
	__u8 smac[6];
};

/* Names Go needs that BTF would leave out: only types of variables reach it. */
struct exported {
	enum class_bit class_bit;
	enum l3_bit l3_bit;
	enum egress_bit egress_bit;
};
