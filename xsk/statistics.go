// SPDX-License-Identifier: Apache-2.0

package xsk

import "fmt"

// Statistics are the kernel's counters of a socket: XDP_STATISTICS. They start
// at 0 with the socket.
type Statistics struct {
	RXDropped   uint64 // packets not received; their causes below are counted here too, but for RXRingFull
	RXInvalid   uint64 // chunks on the fill ring outside the UMEM
	TXInvalid   uint64 // descriptors that could not be sent
	Extended    bool   // the kernel has those below (Linux 5.9); else RXRingFull is in RXDropped
	RXRingFull  uint64 // packets for which the RX ring had no room
	FillEmpty   uint64 // packets for which the fill ring had no chunk
	TXRingEmpty uint64 // times the kernel looked for a packet to send and found none
}

// The sizes of struct xdp_statistics, then and now.
const (
	statisticsV1 = 24
	statisticsV2 = 48
)

// Statistics reads the kernel's counters. Returns [ErrClosed] after Close.
func (s *Socket) Statistics() (Statistics, error) {
	return s.statistics(statisticsV2)
}

func (s *Socket) statistics(room uintptr) (Statistics, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.fd < 0 {
		return Statistics{}, ErrClosed
	}
	k, n, err := statistics(s.fd, room)
	if err != nil {
		return Statistics{}, fmt.Errorf("xsk: reading statistics: %w", err)
	}
	return Statistics{
		RXDropped: k.Rx_dropped, RXInvalid: k.Rx_invalid_descs, TXInvalid: k.Tx_invalid_descs,
		Extended:   n >= statisticsV2,
		RXRingFull: k.Rx_ring_full, FillEmpty: k.Rx_fill_ring_empty_descs, TXRingEmpty: k.Tx_ring_empty_descs,
	}, nil
}
