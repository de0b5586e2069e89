// SPDX-License-Identifier: Apache-2.0

package topo_test

import (
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
	"clearway/internal/topo/wire"
)

// redirectTo is an XDP program that redirects every frame to a device.
func redirectTo(ifindex int) []uint64 {
	return []uint64{
		uint64(ifindex)<<32 | 0x01b7, // r1 = ifindex
		0x02b7,                       // r2 = 0, the flags
		23<<32 | 0x85,                // call bpf_redirect
		0x95,                         // exit
	}
}

// What the ways to NAPI are for: a device takes what native XDP redirects to
// its peer only with one of them.
func TestNAPITakesRedirects(t *testing.T) {
	for name, tt := range map[string]struct {
		napi topo.NAPI
		want int
	}{"GRO": {topo.NAPIByGRO, 1}, "XDP": {topo.NAPIByXDP, 1}, "none": {topo.NAPINone, 0}} {
		t.Run(name, func(t *testing.T) {
			if tt.napi == topo.NAPIByGRO {
				testkit.RequireKernel(t, "5.13", "NAPI by GRO on veth")
			}
			lab := topo.Demo()
			lab.Links[1].A.NAPI = tt.napi
			topotest.New(t, lab)
			router := lab.Host("router")
			out, err := router.Interface("eth1")
			if err != nil {
				t.Fatal(err)
			}
			if err := router.Attach("eth0", redirectTo(out.Index)); err != nil {
				t.Fatal(err)
			}
			c, err := wire.NewCapture(lab.Host("server1"), "eth0", func(f []byte) bool { return f[12] == 0x88 && f[13] == 0xb5 })
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			s, err := wire.NewSender(lab.Host("client"), "eth0")
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Send(testkit.NewFrame([6]byte{2, 1}, [6]byte{2, 2}).EtherType(0x88b5).Payload(46).Bytes()); err != nil {
				t.Fatal(err)
			}
			frames, err := c.Until(100 * time.Millisecond)
			if err != nil || len(frames) != tt.want {
				t.Errorf("%d frames came through, not %d: %v", len(frames), tt.want, err)
			}
		})
	}
}
