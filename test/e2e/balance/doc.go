// SPDX-License-Identifier: Apache-2.0

// Package balance tests the balance lane as its users see it: real TCP clients
// and servers in network namespaces, real daemons between them, and frames byte
// by byte. It has only tests.
package balance
