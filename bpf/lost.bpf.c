/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel lost of the frames it had accepted, as its tracepoints tell
 * (include/trace/events/xdp.h). They speak of every device of the machine, so
 * frames are told by the namespace and index of the device they came in by.
 */
#include "ports.h"

#define KERNEL_TYPE __attribute__((preserve_access_index))

struct ns_common {
	unsigned int inum;
} KERNEL_TYPE;

struct net {
	struct ns_common ns;
} KERNEL_TYPE;

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	int ifindex;
	possible_net_t nd_net;
} KERNEL_TYPE;

/* Inode of the network namespace that the ports are in; set before loading. */
const volatile __u32 netns;

/* Packets by port slot. The programs write, user space reads. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

#define read_kernel(to, from) bpf_probe_read_kernel(&(to), sizeof(to), __builtin_preserve_access_index(&(from)))

static __always_inline void count_lost(const struct net_device *dev, __u64 packets)
{
	struct net *net = NULL;
	struct port *port;
	__u32 inum = 0;
	int ifindex = 0;
	__u64 *count;

	if (!dev || !packets)
		return;
	read_kernel(net, dev->nd_net.net);
	read_kernel(inum, net->ns.inum);
	read_kernel(ifindex, dev->ifindex);
	if (inum != netns)
		return;
	port = bpf_map_lookup_elem(&ports, &ifindex);
	if (!port || !port->present)
		return;
	count = bpf_map_lookup_elem(&lost, &port->slot);
	if (count)
		*count += packets;
}

/* (dev, prog, target, err, ...): the redirect was refused. */
SEC("raw_tp/xdp_redirect_err") int lost_redirect(struct bpf_raw_tracepoint_args *ctx)
{
	count_lost((const struct net_device *)ctx->args[0], 1);
	return 0;
}

/* (from, to, sent, drops, err): the egress device did not take them all. */
SEC("raw_tp/xdp_devmap_xmit") int lost_xmit(struct bpf_raw_tracepoint_args *ctx)
{
	count_lost((const struct net_device *)ctx->args[0], (__u32)ctx->args[3]);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
