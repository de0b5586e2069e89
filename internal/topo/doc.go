// SPDX-License-Identifier: Apache-2.0

// Package topo builds labs: networks of Linux hosts, each one a network
// namespace of its own, joined by veth pairs. A [Lab] is data; [Lab.Up] makes
// it and [Lab.Close] removes it.
//
// The namespaces have no names. They live as long as something of this process
// refers to them, so that nothing stays behind even after SIGKILL; programs
// started inside die with the lab too.
//
// Package wire, below this one, sends and receives packets in a lab. Package
// topotest is the lab's entrance for tests.
package topo
