// SPDX-License-Identifier: Apache-2.0

package netstate

import "encoding/binary"

// Netlink headers are in host byte order.

func nativeUint16(b []byte) uint16 { return binary.NativeEndian.Uint16(b) }
func nativeUint32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }

// align4 rounds a length up as netlink does between its parts.
func align4(n int) int { return (n + 3) &^ 3 }

func nativePutUint32(b []byte, v uint32) { binary.NativeEndian.PutUint32(b, v) }
