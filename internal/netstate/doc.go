// SPDX-License-Identifier: Apache-2.0

// Package netstate reads what the kernel knows of the network: links and their
// features, addresses, routes, rules, policies and sysctls. It says when they
// change, keeps neighbours fresh whose traffic Linux no longer sees, and
// switches the one offload that hides VLAN tags from XDP.
//
// Everything is read from the network namespace of the calling thread. A
// caller that moved its thread into another namespace must have locked it.
package netstate
