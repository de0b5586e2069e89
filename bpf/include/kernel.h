/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The part of the kernel's interface that the programs use: types, constants,
 * contexts, and helpers by number (include/uapi/linux/bpf.h). Written out here
 * so that the objects come out equal whatever headers the build host has.
 */
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;

#define NULL ((void *)0)
#define offsetof(type, member) __builtin_offsetof(type, member)
#define SEC(name) __attribute__((section(name), used))
#define __always_inline inline __attribute__((always_inline))

/* A function of the kernel. Weak: its address is 0 where the kernel lacks it. */
#define __ksym __attribute__((section(".ksyms")))
#define __weak __attribute__((weak))

/* What was stored is read again: the verifier knows nothing of it then. */
#define barrier() asm volatile("" ::: "memory")

/* The members of a map definition, as BTF carries them. */
#define __uint(name, value) int(*name)[value]
#define __type(name, type) typeof(type) *name
#define __array(name, type) typeof(type) *name[]

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "byte order conversion is written for little endian"
#endif
#define bpf_htons(x) __builtin_bswap16(x)
#define bpf_ntohs(x) __builtin_bswap16(x)
#define bpf_htonl(x) __builtin_bswap32(x)
#define bpf_ntohl(x) __builtin_bswap32(x)

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_DEVMAP = 14,
	BPF_MAP_TYPE_XSKMAP = 17,
};

#define BPF_F_MMAPABLE (1u << 10)
#define BPF_F_INNER_MAP (1u << 12)
#define BPF_ANY 0

enum xdp_action {
	XDP_ABORTED,
	XDP_DROP,
	XDP_PASS,
	XDP_TX,
	XDP_REDIRECT,
};

struct xdp_md {
	__u32 data;
	__u32 data_end;
	__u32 data_meta;
	__u32 ingress_ifindex;
	__u32 rx_queue_index;
	__u32 egress_ifindex;
};

/*
 * What stands behind that, as far as it is read: the loader finds out where the
 * members are.
 */
struct xdp_buff {
	__u32 flags;
} __attribute__((preserve_access_index));

#define XDP_FLAGS_HAS_FRAGS (1u << 0)

struct bpf_map {
	__u32 max_entries;
} __attribute__((preserve_access_index));

struct bpf_array {
	struct bpf_map map;
	char value[0];
} __attribute__((preserve_access_index));

/* Any structure that begins with a word does for reading one. */
struct in_addr {
	__be32 s_addr;
} __attribute__((preserve_access_index));

/* The number of a type in the kernel's BTF. */
#define kernel_type(type) __builtin_btf_type_id(*(type *)0, 1)

struct bpf_raw_tracepoint_args {
	__u64 args[0];
};

/* bpf_devmap_val without its program. */
struct bpf_devmap_val {
	__u32 ifindex;
};

#define AF_INET 2
#define AF_INET6 10

/*
 * The kernel's unions are written out as the one use made of each. What is an
 * output may hold anything unless the helper returned 0.
 */
struct bpf_fib_lookup {
	__u8 family;
	__u8 l4_protocol;
	__be16 sport;
	__be16 dport;
	__u16 tot_len;		/* out: MTU of the path */
	__u32 ifindex;		/* in: L3 ingress; out: L3 egress */
	__be32 flowinfo;	/* IPv4: TOS in the first byte; out: metric */
	__be32 src[4];		/* IPv4 in the first word */
	__be32 dst[4];		/* out: next hop */
	__be16 vlan_proto;	/* out */
	__be16 vlan_tci;	/* out */
	__u8 smac[6];		/* out */
	__u8 dmac[6];		/* out */
};

#define BPF_FIB_LOOKUP_SKIP_NEIGH (1u << 2)

enum {
	BPF_FIB_LKUP_RET_SUCCESS,
	BPF_FIB_LKUP_RET_BLACKHOLE,
	BPF_FIB_LKUP_RET_UNREACHABLE,
	BPF_FIB_LKUP_RET_PROHIBIT,
	BPF_FIB_LKUP_RET_NOT_FWDED,
	BPF_FIB_LKUP_RET_FWD_DISABLED,
	BPF_FIB_LKUP_RET_UNSUPP_LWT,
	BPF_FIB_LKUP_RET_NO_NEIGH,
	BPF_FIB_LKUP_RET_FRAG_NEEDED,
};

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value, __u64 flags) = (void *)2;
static __u64 (*const bpf_ktime_get_ns)(void) = (void *)5;
static long (*const bpf_tail_call)(void *ctx, void *programs, __u32 index) = (void *)12;
static __s64 (*const bpf_csum_diff)(const __be32 *from, __u32 from_size, const __be32 *to, __u32 to_size, __u32 seed) = (void *)28;
static long (*const bpf_xdp_adjust_head)(struct xdp_md *ctx, int delta) = (void *)44;
static long (*const bpf_redirect_map)(void *map, __u64 key, __u64 flags) = (void *)51;
static long (*const bpf_xdp_adjust_tail)(struct xdp_md *ctx, int delta) = (void *)65;
static long (*const bpf_fib_lookup)(void *ctx, struct bpf_fib_lookup *params, int size, __u32 flags) = (void *)69;
static long (*const bpf_probe_read_kernel)(void *to, __u32 size, const void *from) = (void *)113;
static __u64 (*const bpf_xdp_get_buff_len)(struct xdp_md *ctx) = (void *)188;

/* Kernel 6.2. It costs nothing: the verifier makes it an assignment. */
extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym __weak;

/* Likewise. What it returns may be read as a kernel_type: an address that can't be reads as 0. */
extern void *bpf_rdonly_cast(const void *from, __u32 type) __ksym __weak;
