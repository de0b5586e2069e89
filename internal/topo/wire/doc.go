// SPDX-License-Identifier: Apache-2.0

// Package wire sends and receives packets in a lab: raw frames ([Sender],
// [Capture]), flows of numbered datagrams that show every loss ([Flow]), TCP
// transfers ([Transfer]) and echo requests ([Echo]).
package wire
