// SPDX-License-Identifier: Apache-2.0

// Package dataplane owns Clearway's kernel half: the two XDP programs, their
// maps, their links and everything pinned for them. Beside them, and pinned
// nowhere, are the programs of [AttachDecap] and [Prober].
//
// A caller describes what should be with a [State] and hands it to
// [Dataplane.Apply], which changes what is by difference, in an order that is
// safe at every step, and undoes its steps if one fails. The data path itself
// needs no process: it goes on when the caller ends, and the next [Open] takes
// it over.
//
// The package knows nothing of configuration files, netlink or daemons, so it
// can be embedded in any program that runs with CAP_BPF and CAP_NET_ADMIN in
// the network namespace of its interfaces.
package dataplane
