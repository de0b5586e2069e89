/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Lowering the maximum segment size option of a SYN (RFC 9293, section 3.7.1). */
#pragma once
#include "checksum.h"
#include "config.h"

#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_MSS 2
#define TCP_OPTION_MSS_BYTES 4
#define TCP_OPTION_AREA 40
#define TCP_OPTION_LAST (sizeof(struct tcphdr) + TCP_OPTION_AREA - TCP_OPTION_MSS_BYTES)

/* odd: the offset of the value from the start of the TCP header is. */
static __always_inline void lower_mss(struct tcphdr *tcp, __be16 *value, int odd, __u16 mss)
{
	__be16 old = *value, new = bpf_htons(mss);

	if (bpf_ntohs(old) <= mss)
		return;
	*value = new;
	/* Its two bytes then belong to two words of the sum: as if swapped. */
	if (odd) {
		old = __builtin_bswap16(old);
		new = __builtin_bswap16(new);
	}
	tcp->check = checksum_replace(tcp->check, old, new);
}

/*
 * Walks the whole option area; a malformed option ends the walk. tcp: a whole
 * header is readable. limit: bytes of the IP packet from tcp on. The place is
 * kept in memory, where the verifier forgets it, or it would follow each of
 * the ways to get there.
 */
static __always_inline void clamp_mss(struct tcphdr *tcp, void *end, __u32 limit, __u16 mss,
				      volatile __u32 *place)
{
	__u32 options = (tcp->doff >> 4) * 4;

	if (options > limit)
		return;
	*place = sizeof(*tcp);
	for (int i = 0; i < TCP_OPTION_AREA; i++) {
		__u32 at = *place;
		__u8 *option = (__u8 *)tcp + at;

		if (at + TCP_OPTION_MSS_BYTES > options || at > TCP_OPTION_LAST ||
		    (void *)(option + TCP_OPTION_MSS_BYTES) > end || option[0] == TCP_OPTION_END)
			return;
		if (option[0] == TCP_OPTION_NOP) {
			*place = at + 1;
			continue;
		}
		if (option[1] < 2)
			return;
		if (option[0] == TCP_OPTION_MSS) {
			if (option[1] == TCP_OPTION_MSS_BYTES)
				lower_mss(tcp, (__be16 *)(option + 2), at & 1, mss);
			return;
		}
		*place = at + option[1];
	}
}
