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
	/* punt */
	punt,			/* to the socket of its port and queue */
	pass_no_socket,		/* there is none */
	/* balance: of packets to a service, none of which is ever passed */
	drop_header,		/* options or extension headers */
	drop_fragment,		/* its flow can't be told */
	drop_no_backend,	/* the service has none */
	drop_ttl,		/* mode l2: would expire here */
	drop_no_neighbour,	/* no way to the backend */
	drop_too_big,		/* for the path to the backend: answered with ICMP */
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
	drop_no_finalize,	/* likewise, for a service */
	pass_no_headroom,	/* the frame could not be resized */
	drop_emit,		/* the egress, or the frame's own memory, does not take it */
	forward,
	balance,		/* sent to a backend */
	REASONS			/* how many there are */
};

struct counter {
	__u64 packets;
	__u64 bytes;		/* at ingress: with Ethernet header, without FCS */
};

/* Bits of a class: dataplane.Class, except EXCEPTION and SERVICE, which are composed. */
enum class_bit {
	CLASS_ALLOW = 1 << 0,
	CLASS_BLOCK = 1 << 1,
	CLASS_LOCAL = 1 << 2,
	CLASS_NOT_SOURCE = 1 << 3,
	CLASS_NOT_DESTINATION = 1 << 4,
	CLASS_EXCEPTION = 1 << 5,
	CLASS_SERVICE = 1 << 6,
};

/*
 * An entry of the prefix table (package lpm): the number of a child block or of
 * a shortcut, or what is known of the addresses below: class bits 0-7; index 8-30,
 * with CLASS_SERVICE of an address, else of an mss_rule.
 */
#define PREFIX_CHILD 0x80000000u
#define PREFIX_SHORTCUT 0x40000000u	/* with PREFIX_CHILD */
#define PREFIX_BLOCK_WORDS 256
#define PREFIX_ROOT4 0		/* 256 blocks: the first two bytes of an address */
#define PREFIX_ROOT6 256	/* 256 blocks likewise */
#define CLASS_INDEX_SHIFT 8

struct prefix_block {
	__u32 word[PREFIX_BLOCK_WORDS];
};

/*
 * One step past child blocks of IPv6 in which all addresses but those that agree
 * with it find the same.
 */
#define PREFIX_LEAST_NEXT 12

struct prefix_shortcut {
	__u64 first;		/* half of an address, as a number, */
	__u64 last;		/* the other one, */
	__u64 mask;		/* and the bits of that in which addresses must agree */
	__u32 inside;		/* entry for those that do, never another shortcut */
	__u32 outside;		/* for all others, never a child */
	__u32 next;		/* byte of the address that goes on after inside, PREFIX_LEAST_NEXT or more */
	__u32 block;		/* the first one; control plane only */
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

/*
 * A service address: the services behind its ports. It is written once; a
 * change makes a new one, to which the prefix table then moves over. In the
 * place of a service's number PUNT_RULE says that a punt rule has the port.
 */
#define ADDRESS_PORTS 6
#define PUNT_RULE (1u << 30)
#define PUNT_QUEUES 64	/* that a port can have sockets on */

struct service_port {
	__be16 port;
	__u16 protocol;
	__u32 service;		/* number, 0 = none */
};

struct address {
	__u32 mss;		/* index of an mss_rule */
	__u32 many;		/* more ports are in service_ports */
	__u32 any_tcp;		/* services of any port, 0 = none */
	__u32 any_udp;
	struct service_port port[ADDRESS_PORTS];
};

/*
 * Port 0 is that of fragments, which have none: the service that all of an
 * address and protocol belong to, or SERVICE_AMBIGUOUS where there are several.
 */
#define SERVICE_AMBIGUOUS 0xffffffffu

struct service_port_key {
	__u32 address;
	__be16 port;
	__u16 protocol;
};

enum service_bit {
	SERVICE_IPV6 = 1 << 0,
	SERVICE_GUE = 1 << 1,
	SERVICE_L2 = 1 << 2,		/* neither: IP in IP */
	SERVICE_AFFINITY_SOURCE = 1 << 3,
	SERVICE_NO_START = 1 << 4,	/* no packet starts a flow: UDP, or affinity */
	SERVICE_ALWAYS = 1 << 5,	/* tracking */
	SERVICE_NEVER = 1 << 6,
};

/* Written once under its number; a change of it gets a new number. */
struct service {
	__u64 seed;		/* of the flow hash */
	__u32 id;		/* stays; of its counters and flows */
	__u32 first;		/* its backend n is backends[first + n], from 1 */
	__u32 size;		/* slots of its table */
	__u32 flags;		/* enum service_bit */
};

/* Control plane only: what a service is called, by its number. */
#define SERVICE_PORTS 32

struct service_note {
	__u8 name[64];
	__be32 address[4];	/* IPv4 in the first word */
	__be16 ports[SERVICE_PORTS];
	__u16 port_count;	/* 0 = any */
	__u16 protocol;
	__u32 capacity;		/* backends that have room above first */
};

/*
 * 16 slots of a service's table: enum slot_bit, and two of its backends. A slot
 * whose cur and base are equal, with no bit, is settled.
 */
#define TABLE_BLOCK_SLOTS 16
#define SLOT_MASK 0x1ffffu	/* no table has more */
#define SLOT_CUR 0x7fffu	/* where new flows go, 0 = nobody */
#define SLOT_BASE_SHIFT 15	/* to which flows without a record belong */

enum slot_bit {
	SLOT_LOOKUP = 1 << 30,	/* there may be records of other backends than cur */
	SLOT_RECORD = 1u << 31,	/* record every flow */
};

struct table_block {
	__u32 slot[TABLE_BLOCK_SLOTS];
};

enum backend_bit {
	BACKEND_ALIVE = 1 << 0,		/* its flows may go on */
	BACKEND_ACCEPT = 1 << 1,	/* new ones may come */
	BACKEND_IPV6 = 1 << 2,
	BACKEND_RESOLVED = 1 << 3,	/* dmac to mtu hold; else the helper is asked */
	BACKEND_UP = 1 << 4,		/* the device: enum egress_bit, shifted */
	BACKEND_NATIVE = 1 << 5,
	BACKEND_FRAGS = 1 << 6,
};
#define BACKEND_EGRESS_SHIFT 4

struct backend {
	__be32 address[4];	/* IPv4 in the first word */
	__u8 dmac[6];
	__u16 vid;		/* 0 = untagged */
	__u8 smac[6];
	__u16 flags;		/* enum backend_bit */
	__u32 device;		/* index into tx_devices */
	__u32 port;		/* ifindex of that device */
	__u32 egress;		/* L3 ifindex */
	__u32 mtu;		/* of the path, in bytes */
	__u32 counter;		/* stays; of its counters */
	__u16 weight;		/* this and below: control plane only */
	__u8 state;
	__u8 order;
};

struct flow_key {
	__u32 service;		/* id */
	__be32 ports;		/* as on the wire, 0 with affinity to the source */
	__be32 source[4];	/* IPv4 in the first word */
};

/* Flags of a flow. In a set 15 bits of its key's hash are with them. */
#define FLOW_CONFIRMED 1
#define FLOW_TAG_SHIFT 1
#define FLOW_TAG_MASK 0xfffeu

struct flow {
	__u16 backend;		/* of its service */
	__u16 flags;
	__u32 seen;		/* clock.seconds */
};

/* Where a flow with a record can be, if its service tracks always: backend is 0 where none is. */
#define FLOW_WAYS 4

struct flow_way {
	struct flow_key key;
	struct flow flow;
};

struct flow_set {
	struct flow_way way[FLOW_WAYS];
};

struct service_counters {
	struct counter dropped;
	__u64 recorded;		/* flows */
	__u64 track_full;	/* flows that could not be */
};

/* The outer headers of a fleet, and answers. */
struct balance_settings {
	__be32 source4;		/* outer source: this prefix, */
	__be32 source4_hosts;	/* and the flow's hash in these bits */
	__be32 source6[4];
	__be32 source6_hosts;	/* in the last word */
	__u32 gue_port;
	__u32 icmp_rate;	/* too-big answers a second and CPU */
};

/* Written every second. */
struct clock {
	__u32 seconds;		/* since boot */
	__u32 refresh;		/* age at which seen is written anew */
};

struct settings {
	__u32 dry_run;
	__u32 hairpin;
	__u32 policy4;
	__u32 policy6;
	__u32 mss;		/* any rule at all */
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
	MUTATE_BALANCE = 1 << 3,	/* to a backend, */
	MUTATE_TUNNEL = 1 << 4,		/* with an outer IP header, */
	MUTATE_OUTER6 = 1 << 5,		/* which is of IPv6, */
	MUTATE_GUE = 1 << 6,		/* and a UDP header */
	MUTATE_ANSWER = 1 << 7,		/* back to the sender: too big */
	MUTATE_SAME_PORT = 1 << 8,	/* leaves by the port that it came in by */
	MUTATE_UDP_SUM = 1 << 9,	/* GUE in IPv6: no checksum above IP to derive it from */
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
	/* of the balance lane */
	__be32 source[4];	/* outer; IPv4 in the first word */
	__be32 destination[4];
	__be32 flow;		/* first word of an outer IPv6 header */
	__u16 tos;
	__be16 source_port;	/* of GUE */
	__u32 packet;		/* bytes of the IP packet carried */
	__u32 mtu;		/* to answer with */
	__u32 service;		/* id */
	__u32 backend;		/* counter */
};

struct scratch {
	struct bpf_fib_lookup fib;
	struct mutation mutation;
	struct flow_key flow_key;
	struct service_port_key service_port;
	__u32 walk;		/* how far one over options or payload is */
	/* Of the packet whose flow_key this is: */
	__u32 flow_bits;	/* enum flow_bit */
	__u32 flow_protocol;	/* what its service speaks */
	__u32 tcp_flags;
	__u32 ttl;
	__u32 answers;		/* too-big answers sent, */
	__u64 answer_window;	/* since this time, in nanoseconds */
	__u64 flow;		/* struct flow, as one word */
};

/* The stages as explanations name them: the last is finalize whole. */
enum stage {
	STAGE_PARSE,
	STAGE_OWN,
	STAGE_PUNT,
	STAGE_BALANCE,
	STAGE_ADMIT,
	STAGE_ROUTE,
	STAGE_FINALIZE,
};

/* How the backend of a flow was found. */
enum choice {
	CHOICE_NONE,		/* not asked for */
	CHOICE_SETTLED,		/* the slot is settled: its backend */
	CHOICE_RECORD,		/* the flow's record */
	CHOICE_CUR,		/* no record; where new flows go */
	CHOICE_BASE,		/* no record; to which such flows belong */
	CHOICE_NEW_CUR,		/* likewise, and now recorded */
	CHOICE_NEW_BASE,
	CHOICE_FULL,		/* no room for a record: where unrecorded flows go */
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
	__u32 service;		/* number, 0 = none */
	__u32 hash;		/* of the flow */
	__u32 slot;		/* of the service's table */
	__u32 slot_word;
	enum choice choice;
	__u32 backend;		/* of the service */
	__u32 backend_mtu;	/* for packets of the service */
};

/* Names Go needs that BTF would leave out: only types of variables reach it. */
struct exported {
	enum class_bit class_bit;
	enum l3_bit l3_bit;
	enum egress_bit egress_bit;
	enum service_bit service_bit;
	enum slot_bit slot_bit;
	enum backend_bit backend_bit;
	enum choice choice;
	struct table_block table_block;
	struct flow flow;
};
