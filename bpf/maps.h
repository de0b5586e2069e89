/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every map, with the one of ports.h. User space writes and the programs read, except where said
 * otherwise. Sizes are set before loading: those here are the least that loads.
 */
#pragma once
#include "abi.h"
#include "ports.h"

/* By slot * VLAN_BLOCKS + VID / 256: numbers into l3s. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vlan_block);
} vlans SEC(".maps");

/* The VLANs on ports; 0 is never used. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct l3);
} l3s SEC(".maps");

/* What is known of addresses: package lpm lays it out and writes it in place. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 512);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct prefix_block);
} prefixes SEC(".maps");

/* Shortcuts in it, likewise. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct prefix_shortcut);
} prefix_shortcuts SEC(".maps");

/* Lists of MSS rules; 0 ends a list. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mss_rule);
} mss_rules SEC(".maps");

/* Service addresses, by the index in a class. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct address);
} addresses SEC(".maps");

/* Services of addresses that have more than ADDRESS_PORTS of them. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct service_port_key);
	__type(value, __u32);
} service_ports SEC(".maps");

/* By number; 0 is never used. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct service);
} services SEC(".maps");

/* What the services of those numbers are called; no program reads it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct service_note);
} service_notes SEC(".maps");

/*
 * The Maglev tables, by number of service. Each has a size of its own
 * (BPF_F_INNER_MAP), and is replaced whole. The outer map may be a hash as well.
 * Tables are made without type information, and kernels 5.15 to 6.1 compare that
 * (bpf_map_meta_equal): so the pattern has none either.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(max_entries, 1);
		__uint(map_flags, BPF_F_INNER_MAP);
		__uint(key_size, sizeof(__u32));
		__uint(value_size, sizeof(struct table_block));
	});
} tables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct backend);
} backends SEC(".maps");

/* Flows that are not where their slot says. When full it refuses: it never forgets. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

/* All flows of the services that track always, by their hash. User space maps it into its memory. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_set);
} flows_lru SEC(".maps");

/* By id. The programs write, user space reads. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct service_counters);
} service_counters SEC(".maps");

/* Packets sent, by backend.counter. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counter);
} backend_counters SEC(".maps");

/* By L3 ifindex as the FIB answers. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct egress);
} egresses SEC(".maps");

/* Devices that frames are redirected to. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
} tx_devices SEC(".maps");

/* By slot * PUNT_QUEUES + queue: where punted packets go. User space can't read it: see find_socket. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, PUNT_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

/* By port slot. The programs write, user space reads. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct port_counters);
} counters SEC(".maps");

/* From decide to finalize on one CPU, and to the FIB helper and back. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* The switches of the forward lane, changed at run time. */
struct settings settings SEC(".data.settings");

/* What all services share, changed at run time. */
struct balance_settings shared SEC(".data.balance");

/* The time of flow records. */
struct clock clock SEC(".data.clock");

/* What the explain twin saw; written by it alone. */
struct trace trace SEC(".data.trace");

const volatile struct exported exported;
