// SPDX-License-Identifier: Apache-2.0

// Package control is how other processes talk to the daemon: JSON over HTTP on
// a unix socket, whose types, server and client are here, and the metrics that
// Prometheus scrapes from a loopback address.
//
// Whoever may open the socket may read; only uid 0 may change anything.
package control
