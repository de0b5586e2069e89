// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
	"clearway/internal/topo/wire"
	"clearway/xsk"
)

func TestMain(m *testing.M) { topotest.Main(m) }

// newLab returns three silent hosts in a row, of links with that many queues:
//
//	a eth0 ──── eth0 mid eth1 ──── eth0 b
func newLab(t *testing.T, queues int) *topo.Lab {
	t.Helper()
	end := func(host, name string) topo.End { return topo.End{Host: host, Name: name, NAPI: topo.NAPINone} }
	return topotest.New(t, &topo.Lab{
		Hosts: []topo.HostSpec{topo.Silent("a"), topo.Silent("mid"), topo.Silent("b")},
		Links: []topo.Link{
			{A: end("a", "eth0"), B: end("mid", "eth0"), Queues: queues},
			{A: end("mid", "eth1"), B: end("b", "eth0"), Queues: queues},
		},
	})
}

// outcome is what a work returned.
type outcome struct {
	sum Summary
	err error
}

// place is where a work runs: a host.
type place interface {
	Go(fn func() error) (wait func() error)
}

// start begins a work somewhere and returns when all is set up, or it has
// failed. wait ends it, if that isn't over, once it has moved packets.
func start(t *testing.T, at place, o Options, work func(context.Context, Options) (Summary, error)) (wait func(packets uint64) outcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	started, ended := make(chan Setup, 1), make(chan outcome, 1)
	moved := make(chan uint64, 100)
	o.Started = func(s Setup) { started <- s }
	o.Each = func(s Second) { moved <- s.Packets }
	done := at.Go(func() error {
		sum, err := work(ctx, o)
		ended <- outcome{sum, err}
		return nil
	})
	t.Cleanup(func() {
		cancel()
		if err := done(); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-started:
	case end := <-ended:
		ended <- end
	}
	return func(packets uint64) outcome {
		for total := uint64(0); packets == 0 || total < packets; {
			select {
			case n := <-moved:
				total += n
			case end := <-ended:
				return end
			}
		}
		cancel()
		return <-ended
	}
}

// options are those of most tests. The work goes on until it is ended.
func options() Options { return Options{Interface: "eth0", Batch: 64} }

// sendFrames sends frames out of a device, in bursts that a veth's ring of 256
// holds however late its softirq runs.
func sendFrames(t *testing.T, h *topo.Host, device string, frames [][]byte) {
	t.Helper()
	s, err := wire.NewSender(h, device)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for burst := range slices.Chunk(frames, 64) {
		if err := s.Send(burst...); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

var (
	macA = [6]byte{2, 0, 0, 0, 0, 0xa}
	macB = [6]byte{2, 0, 0, 0, 0, 0xb}
)

// numbered returns n frames that all differ, of sizes from 60 to 1513 bytes.
func numbered(n int, to [6]byte) (frames [][]byte, bytes uint64) {
	for i := range n {
		f := make([]byte, 60+i*31%1454)
		copy(f, to[:])
		copy(f[6:], macA[:])
		f[12], f[13] = 0x88, 0xb5
		binary.BigEndian.PutUint32(f[14:], uint32(i))
		frames, bytes = append(frames, f), bytes+uint64(len(f))
	}
	return frames, bytes
}

// template returns a frame of UDP with a payload of zeros.
func template(v4 bool, port uint16, size int) []byte {
	f := testkit.NewFrame([6]byte{}, [6]byte{}).IPv6("2001:2::1", "2001:2::2")
	if v4 {
		f = testkit.NewFrame([6]byte{}, [6]byte{}).IPv4("198.18.0.1", "198.18.0.2")
	}
	frame := f.UDP(port, 9).Payload(size - LeastFrame(v4) + SequenceSize).Bytes()
	return numberedCopy(frame, port, 0)
}

// numberedCopy is what a packet of a stream should be, made the slow way: all
// is written, then the checksum of all computed.
func numberedCopy(frame []byte, port uint16, number uint64) []byte {
	frame = append([]byte{}, frame...)
	addresses, udp := frame[26:34], frame[34:]
	if frame[14]>>4 == 6 {
		addresses, udp = frame[22:54], frame[54:]
	}
	clear(udp[6:])
	binary.BigEndian.PutUint16(udp, port)
	binary.BigEndian.PutUint64(udp[8:], number)
	covered := append(append([]byte{}, addresses...), 0, testkit.ProtoUDP)
	covered = binary.BigEndian.AppendUint16(covered, uint16(len(udp)))
	sum := testkit.Checksum(append(covered, udp...))
	if sum == 0 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(udp[6:], sum)
	return frame
}

func wantGone(t *testing.T, got outcome) {
	t.Helper()
	if !errors.Is(got.err, xsk.ErrDeviceGone) || got.sum.Command == "" {
		t.Errorf("error %v, summary %+v; want that the device is gone, and what was measured", got.err, got.sum)
	}
}

// newTestRig sets sockets up in a host until the test ends.
func newTestRig(t *testing.T, h *topo.Host, options xsk.Options, devices ...string) (r *rig) {
	t.Helper()
	err := h.Do(func() (err error) {
		r, err = newRig(&Options{}, options, devices...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Do(r.close); err != nil {
			t.Error(err)
		}
	})
	return r
}
