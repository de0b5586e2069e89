// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

// pair makes a lab of two hosts that are silent but for what tests send.
func pair(t *testing.T, napi topo.NAPI, mtu int) (a, b *topo.Host) {
	lab := topotest.New(t, &topo.Lab{
		Hosts: []topo.HostSpec{topo.Silent("a"), topo.Silent("b")},
		Links: []topo.Link{{
			A: topo.End{Host: "a", Name: "eth0", MAC: clientMAC}, MTU: mtu,
			B: topo.End{Host: "b", Name: "eth0", MAC: serverMAC, NAPI: napi},
		}},
	})
	return lab.Host("a"), lab.Host("b")
}

func mustCapture(t *testing.T, h *topo.Host, device string, keep func([]byte) bool) *Capture {
	t.Helper()
	c, err := NewCapture(h, device, keep)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func mustSender(t *testing.T, h *topo.Host, device string) *Sender {
	t.Helper()
	s, err := NewSender(h, device)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustCollect(t *testing.T, c *Capture) [][]byte {
	t.Helper()
	frames, err := c.Until(100 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	return frames
}

// A capture sees exactly what was sent, in order, whatever the frame is and
// however the device receives: tags the kernel takes off are put back.
func TestCaptureIsExact(t *testing.T) {
	frame := func() *testkit.Frame { return testkit.NewFrame([6]byte(serverMAC), [6]byte(clientMAC)) }
	stranger := testkit.NewFrame([6]byte{2, 9, 9, 9, 9, 9}, [6]byte(clientMAC))
	frames := [][]byte{
		frame().IPv4("192.0.2.1", "192.0.2.2").UDP(1, 2).Payload(10).Bytes(),
		frame().IPv4("192.0.2.1", "192.0.2.2").TCP(1, 2, testkit.ACK).Payload(1000).Bytes(),
		frame().IPv4("192.0.2.1", "192.0.2.2").TCP(1, 2, testkit.ACK).Payload(1000).Bytes(), // GRO might take it
		frame().IPv6("2001:db8::1", "2001:db8::2").UDP(1, 2).Payload(1).Trailer(3).Bytes(),
		frame().Tag(7<<13|1<<12|100).IPv4("192.0.2.1", "192.0.2.2").UDP(1, 2).Payload(10).Bytes(),
		frame().Tag(3<<13).IPv6("2001:db8::1", "2001:db8::2").UDP(1, 2).Bytes(), // VID 0
		frame().TagOf(testkit.EtherType8021AD, 100).IPv4("192.0.2.1", "192.0.2.2").UDP(1, 2).Bytes(),
		frame().TagOf(testkit.EtherType8021AD, 100).Tag(200).IPv4("192.0.2.1", "192.0.2.2").UDP(1, 2).Bytes(),
		frame().Tag(100).Tag(200).IPv4("192.0.2.1", "192.0.2.2").UDP(1, 2).Bytes(),
		frame().EtherType(0x88b5).Payload(46).Bytes(),
		frame().IPv4("192.0.2.1", "192.0.2.2").UDP(1, 2).Payload(1472).Bytes(), // the MTU
		stranger.IPv4("192.0.2.1", "192.0.2.3").UDP(1, 2).Payload(10).Bytes(),
	}
	for name, napi := range map[string]topo.NAPI{"none": topo.NAPINone, "XDP": topo.NAPIByXDP} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t, napi, 0)
			c := mustCapture(t, b, "eth0", nil)
			if err := mustSender(t, a, "eth0").Send(frames...); err != nil {
				t.Fatal(err)
			}
			checkFrames(t, mustCollect(t, c), frames)
		})
	}
}

func checkFrames(t *testing.T, got, want [][]byte) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("frame %d is missing: %x", i, want[i])
		case i >= len(want):
			t.Errorf("frame %d is too many: %x", i, got[i])
		case !bytes.Equal(got[i], want[i]):
			t.Errorf("frame %d: %s", i, testkit.Diff(want[i], got[i]))
		}
	}
}

func TestCaptureJumbo(t *testing.T) {
	a, b := pair(t, topo.NAPINone, 65535)
	frame := testkit.NewFrame([6]byte(serverMAC), [6]byte(clientMAC)).
		IPv4("192.0.2.1", "192.0.2.2").UDP(1, 2).Payload(65000).Bytes()
	c := mustCapture(t, b, "eth0", nil)
	if err := mustSender(t, a, "eth0").Send(frame); err != nil {
		t.Fatal(err)
	}
	checkFrames(t, mustCollect(t, c), [][]byte{frame})
}

// Only what the device receives, only what is to be kept.
func TestCaptureFilters(t *testing.T) {
	a, b := pair(t, topo.NAPINone, 0)
	frame := func(n int) []byte {
		return testkit.NewFrame([6]byte(serverMAC), [6]byte(clientMAC)).EtherType(0x88b5).Payload(n).Bytes()
	}
	c := mustCapture(t, b, "eth0", func(f []byte) bool { return len(f) > 80 })
	err := errors.Join(mustSender(t, b, "eth0").Send(frame(90)), mustSender(t, a, "eth0").Send(frame(50), frame(100)))
	if err != nil {
		t.Fatal(err)
	}
	checkFrames(t, mustCollect(t, c), [][]byte{frame(100)})
}

// More frames than one batch, as fast as possible: none may be missed unseen.
func TestCaptureMany(t *testing.T) {
	a, b := pair(t, topo.NAPIByXDP, 0)
	var frames [][]byte
	for i := range 20 * burst {
		f := testkit.NewFrame([6]byte(serverMAC), [6]byte(clientMAC)).EtherType(0x88b5).Payload(50).Bytes()
		f[14], f[15] = byte(i>>8), byte(i)
		frames = append(frames, f)
	}
	c := mustCapture(t, b, "eth0", nil)
	if err := mustSender(t, a, "eth0").Send(frames...); err != nil {
		t.Fatal(err)
	}
	checkFrames(t, mustCollect(t, c), frames)
}

func TestCaptureWaits(t *testing.T) {
	a, b := pair(t, topo.NAPINone, 0)
	c := mustCapture(t, b, "eth0", nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with nothing there: %v", err)
	}
	// An ended context doesn't spoil the next wait, nor hide what has come.
	frame := testkit.NewFrame([6]byte(serverMAC), [6]byte(clientMAC)).EtherType(0x88b5).Payload(50).Bytes()
	if err := mustSender(t, a, "eth0").Send(frame); err != nil {
		t.Fatal(err)
	}
	got, err := c.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	checkFrames(t, got, [][]byte{frame})
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with nothing more there: %v", err)
	}
}

func TestSenderErrors(t *testing.T) {
	a, b := pair(t, topo.NAPINone, 0)
	if _, err := NewSender(a, "eth9"); err == nil {
		t.Error("a sender for a device that doesn't exist")
	}
	if _, err := NewCapture(a, "eth9", nil); err == nil {
		t.Error("a capture on a device that doesn't exist")
	}
	s := mustSender(t, a, "eth0")
	if err := s.Send(nil); err == nil {
		t.Error("an empty frame was sent")
	}
	if err := b.DeleteDevice("eth0"); err != nil {
		t.Fatal(err)
	}
	if err := s.Send(make([]byte, 60)); err == nil {
		t.Error("sent out of a device that is gone")
	}
	s.Close()
	if err := s.Send(make([]byte, 60)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a closed sender: %v", err)
	}
}

// What Linux does to a packet it forwards: other MACs, one hop less, and
// nothing else.
func TestForwardedFrame(t *testing.T) {
	lab := topotest.New(t, topo.Demo())
	mac := func(host, device string) [6]byte {
		i, err := lab.Host(host).Interface(device)
		if err != nil {
			t.Fatal(err)
		}
		return [6]byte(i.MAC)
	}
	for _, fam := range demoFamilies {
		t.Run(fam.name, func(t *testing.T) {
			build := func(destination, source [6]byte, ttl uint8) []byte {
				return testkit.NewFrame(destination, source).IP(fam.client, fam.server).TTL(ttl).ID(9).UDP(1000, 2000).Payload(33).Bytes()
			}
			c := mustCapture(t, lab.Host("server1"), "eth0", func(f []byte) bool { return len(f) > 14 && f[len(f)-1] == 32 })
			sent := build(mac("router", "eth0"), mac("client", "eth0"), 64)
			if err := mustSender(t, lab.Host("client"), "eth0").Send(sent); err != nil {
				t.Fatal(err)
			}
			checkFrames(t, mustCollect(t, c), [][]byte{build(mac("server1", "eth0"), mac("router", "eth1"), 63)})
		})
	}
}
