// SPDX-License-Identifier: Apache-2.0

// Package e2e tests the clearway program as operators run it: the daemon in the
// router of a lab, commands beside it, and real packets through it. It has only
// tests; see those of package topo for the labs and package wire for the
// packets.
package e2e
