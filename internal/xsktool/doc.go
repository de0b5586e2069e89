// SPDX-License-Identifier: Apache-2.0

// Package xsktool does the work of `clearway xsk`: it receives, sends or forwards
// packets over AF_XDP sockets for a time, and tells once a second how fast, what
// got lost and what it cost. Users measure a machine with it.
//
// All of it must be called in the network namespace of the interfaces, on a
// thread that stays there.
package xsktool
