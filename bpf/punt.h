/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 3. punt: is it for a program of user space? One that has no socket there is
 * no loss: Linux gets the packet.
 */
#pragma once
#include "find_service.h"

/* Of a packet that a rule names: to the socket of its port and queue. */
static __always_inline enum reason to_socket(const struct pkt *p)
{
	__u32 queue = p->ctx->rx_queue_index;

	asm volatile("" : "+r"(queue)); /* read in place, as in decide */
	if (explain) {
		queue = trace.queue;
		asm volatile("" : "+r"(queue)); /* nor is the address of that made before */
	}
	if (queue >= PUNT_QUEUES ||
	    bpf_redirect_map(&sockets, p->port->slot * PUNT_QUEUES + queue, XDP_PASS) != XDP_REDIRECT)
		return pass_no_socket;
	return punt;
}
