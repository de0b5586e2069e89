/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The part of the kernel's interface that programs of traffic control use
 * (include/uapi/linux/bpf.h).
 */
#pragma once
#include "kernel.h"

struct __sk_buff {
	__u32 len;
	__u32 pkt_type;
	__u32 mark;
	__u32 queue_mapping;
	__u32 protocol;		/* big endian */
	__u32 vlan_present;
	__u32 vlan_tci;
	__u32 vlan_proto;
	__u32 priority;
	__u32 ingress_ifindex;
	__u32 ifindex;
	__u32 tc_index;
	__u32 cb[5];
	__u32 hash;
	__u32 tc_classid;
	__u32 data;
	__u32 data_end;
	__u32 napi_id;
	__u32 family;
	__u32 remote_ip4;
	__u32 local_ip4;
	__u32 remote_ip6[4];
	__u32 local_ip6[4];
	__u32 remote_port;
	__u32 local_port;
	__u32 data_meta;
	__u64 flow_keys;
	__u64 tstamp;
	__u32 wire_len;
	__u32 gso_segs;
	__u64 sk;
	__u32 gso_size;		/* 0 = one packet on the wire */
};

/* What a tcx program returns, beside the result of a redirect. */
#define TCX_NEXT -1
#define TCX_DROP 2

/* Where bpf_skb_adjust_room makes room: behind the Ethernet header. */
#define BPF_ADJ_ROOM_MAC 1

#define BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 (1u << 1)
#define BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 (1u << 2)
#define BPF_F_ADJ_ROOM_ENCAP_L4_UDP (1u << 4)

struct bpf_redir_neigh {
	__u32 nh_family;
	__be32 nh[4];		/* IPv4 in the first word */
};

static long (*const bpf_skb_adjust_room)(struct __sk_buff *skb, int delta, __u32 mode, __u64 flags) = (void *)50;
static long (*const bpf_redirect_neigh)(__u32 ifindex, const struct bpf_redir_neigh *params, int size, __u64 flags) = (void *)152;
