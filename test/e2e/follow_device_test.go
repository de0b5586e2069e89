// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"fmt"
	"net"
	"time"

	"clearway/internal/control"
	"clearway/internal/testkit"
	"clearway/internal/topo/wire"
)

func (r *router) flapLink() {
	r.must(r.host().SetUp("eth2", false))
	r.l3("eth2", func(l control.L3Interface) bool { return !l.Up })
	r.ends(outOfEth2, "pass_no_route")
	r.must(r.host().SetUp("eth2", true))
	r.knowServer2()
	r.l3("eth2", func(l control.L3Interface) bool { return l.Up })
}

// flapCarrier takes the other end down: routes stay.
func (r *router) flapCarrier() {
	r.must(r.lab.Host("server2").SetUp("eth0", false))
	r.ends(outOfEth2, "pass_not_redirectable")
	r.must(r.lab.Host("server2").SetUp("eth0", true))
}

func (r *router) changeMAC() {
	before, err := r.host().Interface("eth2")
	r.must(err)
	other := net.HardwareAddr{2, 0, 0, 0, 0, 0x77}
	r.must(r.host().SetMAC("eth2", other))
	r.knowServer2()
	r.l3("eth2", func(l control.L3Interface) bool { return l.MAC == other.String() })
	r.bothWays()
	r.emits(func(f []byte) bool { return bytes.Equal(f[6:12], other) })
	r.must(r.host().SetMAC("eth2", before.MAC))
	r.knowServer2()
	r.l3("eth2", func(l control.L3Interface) bool { return l.MAC == before.MAC.String() })
}

// emits checks that server2 gets the frames that are forwarded out of eth2 as
// they should be.
func (r *router) emits(want func(frame []byte) bool) {
	r.t.Helper()
	capture, err := wire.NewCapture(r.lab.Host("server2"), "eth0", want)
	r.must(err)
	defer capture.Close()
	r.ends(outOfEth2, "forward")
	arrived := 0
	r.within(patience, func() error {
		frames, err := capture.Until(50 * time.Millisecond)
		if arrived += len(frames); err == nil && arrived < 4 {
			err = fmt.Errorf("%d frames arrived that are as wanted, 4 or more were sent", arrived)
		}
		return err
	})
}

func (r *router) changeMTU() {
	long := func(f *testkit.Frame) { f.Payload(1300) }
	r.ends(outOfEth2, "forward", long)
	r.must(r.host().SetMTU("eth2", 1300))
	r.ends(outOfEth2, "pass_mtu", long)
	r.ends(outOfEth2, "forward")
	r.must(r.host().SetMTU("eth2", 1500))
	r.ends(outOfEth2, "forward", long)
}

// changeName takes the configured name away. The device can still be an egress.
func (r *router) changeName() {
	r.must(r.host().Rename("eth2", "lan2"))
	r.attached("eth2", false)
	r.l3("lan2", func(l control.L3Interface) bool { return l.Up })
	r.ends(outOfEth2, "forward")
	if i, err := r.host().Interface("lan2"); err != nil || i.Program != 0 {
		r.t.Errorf("lan2 has program %d: %v", i.Program, err)
	}
	r.must(r.host().Rename("lan2", "eth2"))
	r.attached("eth2", true)
}

// replaceEth2 deletes the device and makes one of that name again.
func (r *router) replaceEth2() {
	port := len(r.status().Interfaces) == 4
	old, err := r.host().Interface("eth2")
	r.must(err)
	r.must(r.host().DeleteDevice("eth2"))
	if port {
		r.attached("eth2", false)
	}
	r.ends(outOfEth2, "pass_no_route")
	r.must(r.lab.RestoreLink(r.t.Context(), 2))
	if i, err := r.host().Interface("eth2"); err != nil || i.Index == old.Index {
		r.t.Fatalf("eth2 is the old one: %v", err)
	}
	if port {
		r.attached("eth2", true)
	}
}
