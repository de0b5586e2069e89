// SPDX-License-Identifier: Apache-2.0

// Package daemon keeps the data path in step with the configuration and with
// the kernel.
//
// There is one writer: the reconcile loop. The start, SIGHUP, a reload or an order
// through the API, a change of the kernel's links, addresses, routes or
// neighbours, and a change of a backend's health all go the same way through it:
//
//	config.Parse → CheckMachine → plan.Build → dataplane.Apply
//
// and a configuration becomes the last good one only when Apply returned nil, as
// an order comes into force only then.
package daemon
