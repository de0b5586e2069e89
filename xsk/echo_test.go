// SPDX-License-Identifier: Apache-2.0

package xsk_test

import (
	"context"
	_ "embed"
	"errors"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
	"clearway/internal/topo/wire"
)

var (
	//go:embed doc.go
	page string
	//go:embed example_test.go
	code string
)

// The program of the package's page does what it says.
func TestEcho(t *testing.T) {
	lab := topotest.New(t, &topo.Lab{
		Hosts: []topo.HostSpec{topo.Silent("a"), topo.Silent("b")},
		Links: []topo.Link{{A: topo.End{Host: "a", Name: "eth0"}, B: topo.End{Host: "b", Name: "eth0", NAPI: topo.NAPINone}}},
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := lab.Host("b").Go(func() error { return Echo(ctx, "eth0") })
	c, err := wire.NewCapture(lab.Host("a"), "eth0", func(f []byte) bool { return f[12] == 0x88 && f[13] == 0xb5 })
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := wire.NewSender(lab.Host("a"), "eth0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	frame, want := make([]byte, 60), make([]byte, 60)
	packet(frame, 7)
	packet(want, 7)
	copy(want, frame[6:12])
	copy(want[6:], frame[:6])
	for deadline := time.Now().Add(soon); ; {
		if err := s.Send(frame); err != nil {
			t.Fatal(err)
		}
		frames, err := c.Until(20 * time.Millisecond)
		if err != nil || time.Now().After(deadline) {
			t.Fatal("no echo:", err)
		}
		if len(frames) > 0 {
			if string(frames[0]) != string(want) {
				t.Errorf("echo %x", frames[0])
			}
			break
		}
	}
	stop()
	if err := ended(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The program in the package's comment is one that compiles.
func TestProgramOfThePage(t *testing.T) {
	testkit.CheckPage(t, page, code, "func Print(ctx context.Context, ifindex int)")
}
