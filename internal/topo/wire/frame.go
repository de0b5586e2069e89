// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"clearway/internal/topo"
)

// Sender sends whole Ethernet frames out of a device. Not safe for concurrent
// use.
type Sender struct {
	socket *socket
	batch  *batch
}

// NewSender makes a sender for a device of h. The caller must close it.
func NewSender(h *topo.Host, device string) (*Sender, error) {
	s, err := newPacket(h, device, 0, func(int) error { return nil })
	if err != nil {
		return nil, err
	}
	return &Sender{s, newBatch(burst, 0, 0)}, nil
}

// Send sends frames in order, each with its Ethernet header and without FCS.
// It fails with ENOBUFS if the device at the other end couldn't take one.
func (s *Sender) Send(frames ...[]byte) error {
	for chunk := range slices.Chunk(frames, burst) {
		for i, f := range chunk {
			if len(f) == 0 {
				return errors.New("sending frames: one is empty")
			}
			s.batch.point(i, f)
		}
		if err := s.batch.send(s.socket, len(chunk)); err != nil {
			return fmt.Errorf("sending frames: %w", err)
		}
	}
	return nil
}

// Close releases the sender.
func (s *Sender) Close() error { return s.socket.Close() }

// newPacket makes a packet socket bound to a device. It receives what the
// device receives if protocol, in host byte order, isn't 0.
func newPacket(h *topo.Host, device string, protocol uint16, setup func(fd int) error) (*socket, error) {
	i, err := h.Interface(device)
	if err != nil {
		return nil, err
	}
	return newSocket(h, unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK, 0, func(fd int) error {
		if err := setup(fd); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: swap(protocol), Ifindex: i.Index})
	})
}

// swap turns a number from host into network byte order.
func swap(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}
