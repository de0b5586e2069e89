// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/wire"
)

// sendTo makes Send a work of start.
func sendTo(stream Stream) func(context.Context, Options) (Summary, error) {
	return func(ctx context.Context, o Options) (Summary, error) { return Send(ctx, o, stream) }
}

func mac(t *testing.T, h *topo.Host, device string) net.HardwareAddr {
	t.Helper()
	i, err := h.Interface(device)
	if err != nil {
		t.Fatal(err)
	}
	return i.MAC
}

// What arrives is, byte by byte and in its order, what was to be sent, as many
// as the summary says, and at the rate that was asked for.
func TestSend(t *testing.T) {
	lab := newLab(t, 2)
	for name, tt := range map[string]struct {
		o     Options
		v4    bool
		size  int
		rate  int
		toMAC net.HardwareAddr
	}{
		"IPv4":       {Options{Interface: "eth0", Batch: 64}, true, 60, 2000, nil},
		"IPv6":       {Options{Interface: "eth0", Batch: 1}, false, 1514, 500, macB[:]},
		"all queues": {Options{Interface: "eth0", Batch: 64, Queue: AllQueues}, true, 100, 1000, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := wire.NewCapture(lab.Host("mid"), "eth0", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			const port = 40000
			frame := template(tt.v4, port, tt.size)
			tt.o.Duration = 1500 * time.Millisecond
			end := start(t, lab.Host("a"), tt.o, sendTo(Stream{frame, tt.toMAC, tt.rate}))(0)
			if end.err != nil {
				t.Fatal(end.err)
			}
			got, err := c.Until(200 * time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			own := mac(t, lab.Host("a"), "eth0")
			copy(frame, own)
			copy(frame, tt.toMAC)
			copy(frame[6:], own)
			checkStream(t, got, frame, port)
			checkSent(t, end.sum, uint64(len(got)), tt.size, tt.rate)
		})
	}
}

// checkStream checks frames against copies of one, a count for each port.
func checkStream(t *testing.T, got [][]byte, frame []byte, port uint16) {
	t.Helper()
	next := map[uint16]uint64{}
	for _, g := range got {
		udp := LeastFrame(frame[14]>>4 == 4) - SequenceSize - udpSize
		from := binary.BigEndian.Uint16(g[udp:])
		want := numberedCopy(frame, from, next[from])
		if from-port > 1 || !bytes.Equal(g, want) {
			t.Fatalf("port %d, number %d\n%s", from, next[from], testkit.Diff(want, g))
		}
		next[from]++
	}
}

func checkSent(t *testing.T, s Summary, packets uint64, size, rate int) {
	t.Helper()
	if s.Packets != packets || s.Bytes != packets*uint64(size) || s.Dropped != 0 {
		t.Errorf("%d packets, %d bytes, drops %+v; %d arrived, of %d bytes", s.Packets, s.Bytes, s.Drops, packets, size)
	}
	if want := float64(rate) * s.Seconds; float64(packets) > want+10 || float64(packets) < want/2 {
		t.Errorf("%d packets in %v s at a rate of %d", packets, s.Seconds, rate)
	}
	if s.Command != "tx" || s.Mode != "copy" || s.Program != "" || s.Kicks == 0 || s.Wakeups != 0 {
		t.Errorf("summary %+v", s)
	}
	if s.Seconds < 1.5 || s.Seconds > 3 || s.MinPPS != s.MaxPPS { // there was one second
		t.Errorf("%v s, seconds from %v to %v", s.Seconds, s.MinPPS, s.MaxPPS)
	}
}

// Without a rate the ring is kept full, and no packet is lost on the way.
func TestSendUnbounded(t *testing.T) {
	lab := newLab(t, 1)
	receive := start(t, lab.Host("mid"), options(), Receive)
	o := options()
	o.Duration = 300 * time.Millisecond
	sent := start(t, lab.Host("a"), o, sendTo(Stream{Frame: template(true, 1, 60)}))(0)
	if sent.err != nil || sent.sum.MeanBatch != 64 || sent.sum.Packets < 64 || sent.sum.MinPPS != sent.sum.PPS {
		t.Fatalf("%+v", sent)
	}
	got := receive(1)
	if got.err != nil || got.sum.Packets+got.sum.Dropped != sent.sum.Packets {
		t.Errorf("%d sent; %+v", sent.sum.Packets, got)
	}
}
