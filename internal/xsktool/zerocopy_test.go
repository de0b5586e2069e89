// SPDX-License-Identifier: Apache-2.0

//go:build kernels

package xsktool

import (
	"context"
	"net"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/xsk"
)

// These tests run in a guest of test/kernels, on its own virtio ports, which
// lie on two wires:
//
//	eth0 ──── eth1    eth2 ──── eth3

// here is the guest itself.
type here struct{}

func (here) Go(fn func() error) (wait func() error) {
	ended := make(chan error, 1)
	go func() { ended <- fn() }()
	return func() error { return <-ended }
}

// begin starts a work on the guest's ports in zero-copy mode, and returns what
// start does, but for errors.
func begin(t *testing.T, o Options, work func(context.Context, Options) (Summary, error)) (wait func(packets uint64) Summary) {
	t.Helper()
	o.Mode, o.Batch = xsk.ZeroCopy, 64
	end := start(t, here{}, o, work)
	return func(packets uint64) Summary {
		t.Helper()
		got := end(packets)
		if got.err != nil || got.sum.Mode != "zerocopy" {
			t.Fatalf("%+v", got)
		}
		return got.sum
	}
}

// Without a copy: what is sent at one end is forwarded between two ports, both
// ways at once, and received at the other ends, every packet of it.
func TestZeroCopy(t *testing.T) {
	testkit.RequireKernel(t, "6.13", "zero-copy of virtio_net")
	for _, device := range []string{"eth0", "eth1", "eth2", "eth3"} {
		testkit.SetPort(t, device, true)
	}
	receive := begin(t, Options{Interface: "eth3"}, Receive)
	forward := begin(t, Options{Interface: "eth1", To: "eth2"}, Forward)
	sent := begin(t, Options{Interface: "eth0", Duration: 3 * time.Second},
		sendTo(Stream{Frame: template(true, 1, 200), MAC: net.HardwareAddr{2, 0, 0, 0, 0, 7}, Rate: 500}))(0)
	forwarded, received := forward(sent.Packets), receive(sent.Packets)
	if sent.Packets < 500 || forwarded.Packets != sent.Packets || received.Packets != sent.Packets || received.Bytes != 200*sent.Packets {
		t.Errorf("%d sent, %d forwarded (%+v), %d received (%+v)", sent.Packets, forwarded.Packets, forwarded.Drops, received.Packets, received.Drops)
	}
	if forwarded.Program != "native" || forwarded.Kicks == 0 {
		t.Errorf("%+v", forwarded)
	}
}

// As fast as it goes, nothing gets stuck, and what is lost is counted: all that
// is received was sent.
func TestZeroCopyUnbounded(t *testing.T) {
	testkit.RequireKernel(t, "6.13", "zero-copy of virtio_net")
	testkit.SetPort(t, "eth0", true)
	testkit.SetPort(t, "eth1", true)
	receive := begin(t, Options{Interface: "eth1"}, Receive)
	sent := begin(t, Options{Interface: "eth0", Duration: 3 * time.Second}, sendTo(Stream{Frame: template(true, 1, 60), MAC: net.HardwareAddr{2, 0, 0, 0, 0, 7}}))(0)
	received := receive(1)
	if sent.Packets < 1000 || received.Packets == 0 || received.Packets > sent.Packets {
		t.Errorf("%d sent, %d received", sent.Packets, received.Packets)
	}
}
