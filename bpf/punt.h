/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 3. punt: is it for a program of user space? One that has no socket there is
 * no loss: Linux gets the packet.
 */
#pragma once
#include "count.h"

/* Of a packet that a rule names: to the socket of its port and queue. It ends here. */
static __always_inline int to_socket(const struct pkt *p)
{
	__u32 queue = p->ctx->rx_queue_index;
	enum reason reason = pass_no_socket;
	int action = XDP_PASS;

	if (queue < PUNT_QUEUES)
		action = bpf_redirect_map(&sockets, p->port->slot * PUNT_QUEUES + queue, XDP_PASS);
	if (action == XDP_REDIRECT)
		reason = punt;
	count_reason(p->counters, reason, p->bytes);
	if (explain)
		trace.reason = reason;
	return action;
}
