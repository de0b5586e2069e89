/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Headers on the wire. They are read in place, at offsets that are a multiple
 * of two only, which every architecture with a BPF JIT can do.
 */
#pragma once
#include "kernel.h"

#define ETH_P_IP 0x0800
#define ETH_P_8021Q 0x8100
#define ETH_P_IPV6 0x86dd
#define ETH_P_8021AD 0x88a8
#define ETH_HLEN 14
#define VLAN_HLEN 4
#define ETH_ZLEN 60	/* the least frame, without FCS */

#define VLAN_VID_MASK 0x0fff
#define VLAN_PCP_DEI_MASK 0xf000

struct ethhdr {
	__u8 dmac[6];
	__u8 smac[6];
	__be16 ethertype;
};

struct vlanhdr {	/* what follows the ethertype 802.1Q */
	__be16 tci;
	__be16 ethertype;
};

/* RFC 791 */
struct iphdr {
	__u8 version_ihl;
	__u8 tos;
	__be16 tot_len;
	__be16 id;
	__be16 frag_off;
	__u8 ttl;
	__u8 protocol;
	__be16 check;
	__be32 saddr;
	__be32 daddr;
};

#define IP_DF 0x4000
#define IP_MF 0x2000
#define IP_OFFSET 0x1fff
#define IP_TTL 64	/* of packets made here, RFC 1700 */
#define IP_TOS_CONTROL 0xc0	/* internetwork control, RFC 1812 4.3.2.5 */

/* RFC 8200 */
struct ipv6hdr {
	__be32 flow;	/* version, traffic class, flow label */
	__be16 payload_len;
	__u8 nexthdr;
	__u8 hop_limit;
	__be32 saddr[4];
	__be32 daddr[4];
};

static __always_inline __u8 ip6_traffic_class(const struct ipv6hdr *ip)
{
	return bpf_ntohl(ip->flow) >> 20;
}

#define IPV6_FLOWINFO_MASK 0x0fffffff
#define IPV6_FLOWLABEL_MASK 0x000fffff
#define IPV6_MIN_MTU 1280

/* The part that extension headers have in common, and a fragment header whole. */
struct ip6_extension {
	__u8 nexthdr;
	__u8 length;
	__be16 fragment;	/* offset, reserved, more */
	__be32 id;
};

#define IP6_OFFSET 0xfff8

enum {
	IPPROTO_HOPOPTS = 0,
	IPPROTO_ICMP = 1,
	IPPROTO_IPIP = 4,
	IPPROTO_TCP = 6,
	IPPROTO_UDP = 17,
	IPPROTO_DCCP = 33,
	IPPROTO_IPV6 = 41,
	IPPROTO_ROUTING = 43,
	IPPROTO_FRAGMENT = 44,
	IPPROTO_ESP = 50,
	IPPROTO_AH = 51,
	IPPROTO_ICMPV6 = 58,
	IPPROTO_DSTOPTS = 60,
	IPPROTO_SCTP = 132,
	IPPROTO_MH = 135,
	IPPROTO_UDPLITE = 136,
	IPPROTO_HIP = 139,
	IPPROTO_SHIM6 = 140,
	IPPROTO_TEST1 = 253,
	IPPROTO_TEST2 = 254,
};

/* RFC 9293 */
struct tcphdr {
	__be16 source;
	__be16 dest;
	__be32 seq;
	__be32 ack_seq;
	__u8 doff;	/* in the upper four bits, in words of four bytes */
	__u8 flags;
	__be16 window;
	__be16 check;
	__be16 urg_ptr;
};

#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* RFC 768 */
struct udphdr {
	__be16 source;
	__be16 dest;
	__be16 len;
	__be16 check;
};

/* RFC 792, RFC 4443 */
struct icmphdr {
	__u8 type;
	__u8 code;
	__be16 check;
	__be16 unused;	/* IPv6: the upper half of the MTU */
	__be16 mtu;
};

enum {
	ICMP_UNREACHABLE = 3,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER = 12,
	ICMP_CODE_TOO_BIG = 4,	/* of ICMP_UNREACHABLE */
	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_PARAMETER = 4,
};

#define NDP_FIRST 133	/* router solicitation, RFC 4861 */
#define NDP_LAST 137	/* redirect */
