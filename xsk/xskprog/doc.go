// SPDX-License-Identifier: Apache-2.0

// Package xskprog attaches the small XDP program that an AF_XDP socket needs to
// receive: it redirects packets to the socket of their queue. Packets on a
// queue without a socket, and those that no [Rule] wants, go to Linux as if
// there were no program.
//
// The program is assembled when it is attached, so that nothing needs a
// compiler. It knows sockets by their file descriptors, whoever made them.
package xskprog
