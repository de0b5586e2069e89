// SPDX-License-Identifier: Apache-2.0

// Package daemon keeps the data path in step with the configuration and with
// the kernel.
//
// There is one writer: the reconcile loop. The start, SIGHUP, a reload through
// the API and a change of the kernel's links, addresses or routes all go the
// same way through it:
//
//	config.Parse → CheckMachine → plan.Build → dataplane.Apply
//
// and a configuration becomes the last good one only when Apply returned nil.
package daemon
