/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The answer to a packet that is too big for the path to its backend, from the
 * service address: fragmentation needed (RFC 1191), packet too big (RFC 4443).
 */
#pragma once
#include "checksum.h"
#include "l2.h"

/* What is quoted: header and ports; in IPv6 all that fits the least MTU. */
#define ANSWER_QUOTE4 (sizeof(struct iphdr) + 8)
#define ANSWER_QUOTE6 (IPV6_MIN_MTU - sizeof(struct ipv6hdr) - sizeof(struct icmphdr))

static __always_inline __u32 answer_bytes(__u32 flags)
{
	if (!(flags & MUTATE_ANSWER))
		return 0;
	return sizeof(struct icmphdr) +
	       (flags & MUTATE_IPV6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
}

struct answer4 {
	struct iphdr ip;
	struct icmphdr icmp;
	struct iphdr quoted;
	__be32 transport[2];
};

struct answer6 {
	struct ipv6hdr ip;
	struct icmphdr icmp;
	struct ipv6hdr quoted;
	__u8 rest[ANSWER_QUOTE6 - sizeof(struct ipv6hdr)];
};

static __always_inline void write_answer4(struct answer4 *a, const struct mutation *m)
{
	const __be32 *quoted = (const __be32 *)&a->quoted;
	__u32 length = sizeof(*a), type = ICMP_UNREACHABLE | ICMP_CODE_TOO_BIG << 8;
	__be16 mtu = bpf_htons(m->mtu);
	__u64 sum = type + mtu;

#pragma unroll
	for (unsigned int i = 0; i < ANSWER_QUOTE4 / 4; i++)
		sum += quoted[i];
	a->icmp.type = ICMP_UNREACHABLE;
	a->icmp.code = ICMP_CODE_TOO_BIG;
	a->icmp.unused = 0;
	a->icmp.mtu = mtu;
	a->icmp.check = ~checksum_fold(sum);
	a->ip.version_ihl = 0x45;
	a->ip.tos = IP_TOS_CONTROL;
	a->ip.tot_len = bpf_htons(length);
	a->ip.id = 0;
	a->ip.frag_off = 0;
	a->ip.ttl = IP_TTL;
	a->ip.protocol = IPPROTO_ICMP;
	a->ip.check = 0;
	a->ip.saddr = a->quoted.daddr;
	a->ip.daddr = a->quoted.saddr;
	a->ip.check = ip_checksum(&a->ip);
}

/* The helper takes at most 512 bytes. */
static __always_inline __u64 sum_quote6(const struct answer6 *a)
{
	const void *at = &a->quoted;
	__u32 sum;

	sum = bpf_csum_diff(NULL, 0, at, 512, 0);
	sum = bpf_csum_diff(NULL, 0, at + 512, 512, sum);
	return (__u32)bpf_csum_diff(NULL, 0, at + 1024, ANSWER_QUOTE6 - 1024, sum);
}

static __always_inline void write_answer6(struct answer6 *a, const struct mutation *m)
{
	__u32 length = sizeof(*a) - sizeof(a->ip);
	__u64 sum = sum_quote6(a);

	a->ip.flow = bpf_htonl(6u << 28 | IP_TOS_CONTROL << 20);
	a->ip.payload_len = bpf_htons(length);
	a->ip.nexthdr = IPPROTO_ICMPV6;
	a->ip.hop_limit = IP_TTL;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		a->ip.saddr[i] = a->quoted.daddr[i];
		a->ip.daddr[i] = a->quoted.saddr[i];
		sum += (__u64)a->quoted.daddr[i] + a->quoted.saddr[i];
	}
	sum += bpf_htons(length) + bpf_htons(IPPROTO_ICMPV6) + ICMP6_TOO_BIG + bpf_htons(m->mtu);
	a->icmp.type = ICMP6_TOO_BIG;
	a->icmp.code = 0;
	a->icmp.unused = 0;
	a->icmp.mtu = bpf_htons(m->mtu);
	a->icmp.check = ~checksum_fold(sum);
}

/* The sender becomes the receiver. The old header is about to be written over. */
static __always_inline void turn_macs(struct mutation *m, const void *old)
{
	copy_mac(m->dmac, old + sizeof(m->dmac));
	copy_mac(m->smac, old);
}

/*
 * Ends as drop_too_big, whether or not there was room: NEXT says that there is
 * an answer to send. l2: bytes of the L2 header, a constant in each copy.
 */
static __always_inline enum reason answer(struct xdp_md *ctx, struct mutation *m, __u32 l2)
{
	void *start = data(ctx), *end = data_end(ctx), *ip = start + l2;

	if (m->flags & MUTATE_IPV6) {
		if (ip + sizeof(struct answer6) > end)
			return drop_too_big;
		turn_macs(m, start + sizeof(struct ipv6hdr) + sizeof(struct icmphdr));
		write_answer6(ip, m);
	} else {
		if (ip + sizeof(struct answer4) > end)
			return drop_too_big;
		turn_macs(m, start + sizeof(struct iphdr) + sizeof(struct icmphdr));
		write_answer4(ip, m);
	}
	write_new_l2(start, m, l2, m->flags & MUTATE_IPV6);
	return NEXT;
}
