// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"clearway/internal/topo"
)

// Capture takes copies of the frames that a device receives. Not safe for
// concurrent use, but for Close.
type Capture struct {
	device string
	socket *socket
	batch  *batch
	keep   func(frame []byte) bool
}

// NewCapture starts to capture on a device of h: from here on, each frame that
// keep returns true for; nil keeps all. The caller must close the capture.
//
// Frames are as on the wire, with the VLAN tags that the kernel has taken off.
// What a native XDP program took away is not seen, what one redirected to the
// device's peer is.
func NewCapture(h *topo.Host, device string, keep func(frame []byte) bool) (*Capture, error) {
	s, err := newPacket(h, device, unix.ETH_P_ALL, func(fd int) error {
		return errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer),
			unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1),
			unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1))
	})
	if err != nil {
		return nil, err
	}
	if keep == nil {
		keep = func([]byte) bool { return true }
	}
	const longest = 1 << 16 // bytes; no MTU is above
	const auxSize = 20      // struct tpacket_auxdata
	name := h.Name() + " " + device
	return &Capture{name, s, newBatch(burst, longest, unix.CmsgSpace(auxSize)), keep}, nil
}

// Next waits for frames and returns those that are there, at least one.
func (c *Capture) Next(ctx context.Context) ([][]byte, error) {
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		c.socket.SetReadDeadline(time.Unix(1, 0))
		close(woken)
	})
	defer func() {
		if !stop() {
			<-woken
			c.socket.SetReadDeadline(time.Time{})
		}
	}()
	for {
		n, err := c.batch.receive(c.socket)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			// A frame may have come while nobody was looking.
			if n, err = c.batch.poll(c.socket); err == nil && n == 0 {
				err = ctx.Err()
			}
		}
		if err != nil {
			return nil, fmt.Errorf("capturing on %s: %w", c.device, err)
		}
		frames, err := c.frames(n)
		if err != nil || len(frames) > 0 {
			return frames, err
		}
	}
}

// Until returns the frames that came since the last call, and waits until none
// has come for a time of quiet.
func (c *Capture) Until(quiet time.Duration) (frames [][]byte, err error) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), quiet)
		more, err := c.Next(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return frames, nil
		}
		if err != nil {
			return nil, err
		}
		frames = append(frames, more...)
	}
}

// Close ends the capture.
func (c *Capture) Close() error { return c.socket.Close() }

// frames copies the n frames of the batch, those to keep, as on the wire.
func (c *Capture) frames(n int) (frames [][]byte, err error) {
	for i := range n {
		if c.batch.truncated(i) {
			return nil, fmt.Errorf("capturing on %s: a frame is longer than %d bytes", c.device, len(c.batch.message(i)))
		}
		frame, err := restoreTag(c.batch.message(i), c.batch.control(i))
		if err != nil {
			return nil, fmt.Errorf("capturing on %s: %w", c.device, err)
		}
		if c.keep(frame) {
			frames = append(frames, frame)
		}
	}
	return frames, c.overrun()
}

// overrun returns an error if the kernel had no room for frames.
func (c *Capture) overrun() error {
	var stats *unix.TpacketStats
	var err error
	ctlErr := c.socket.raw.Control(func(fd uintptr) {
		stats, err = unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
	})
	if err := errors.Join(ctlErr, err); err != nil {
		return fmt.Errorf("capturing on %s: %w", c.device, err)
	}
	if stats.Drops > 0 {
		return fmt.Errorf("capturing on %s: %d frames came too fast and are lost", c.device, stats.Drops)
	}
	return nil
}

// restoreTag returns a copy of a frame with the VLAN tag that the kernel took
// off it and describes in a control message.
func restoreTag(frame, control []byte) ([]byte, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil, fmt.Errorf("reading a control message: %w", err)
	}
	for _, m := range messages {
		if m.Header.Level != unix.SOL_PACKET || m.Header.Type != unix.PACKET_AUXDATA {
			continue
		}
		aux, ok := auxdata(m.Data)
		if !ok || aux.Status&unix.TP_STATUS_VLAN_VALID == 0 {
			continue
		}
		// Kernels that don't tell the protocol know only this one.
		tpid := uint16(unix.ETH_P_8021Q)
		if aux.Status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
			tpid = cmp.Or(aux.Vlan_tpid, tpid)
		}
		const tagAt = 12 // behind both addresses
		tag := binary.BigEndian.AppendUint16(nil, tpid)
		tag = binary.BigEndian.AppendUint16(tag, aux.Vlan_tci)
		return slices.Concat(frame[:tagAt], tag, frame[tagAt:]), nil
	}
	return slices.Clone(frame), nil
}
