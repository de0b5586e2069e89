// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/wire"
)

// All packets of both ends arrive at the other, unchanged and in order.
func TestForward(t *testing.T) {
	for _, queue := range []int{0, AllQueues} {
		t.Run(fmt.Sprint("queue ", queue), func(t *testing.T) {
			lab := newLab(t, 1-queue)
			o := options()
			o.To, o.Queue = "eth1", queue
			wait := start(t, lab.Host("mid"), o, Forward)
			toB, bytesB := numbered(700, macB)
			toA, bytesA := numbered(500, macA)
			checkB := send(t, lab.Host("a"), lab.Host("b"), toB)
			checkA := send(t, lab.Host("b"), lab.Host("a"), toA)
			got := wait(1200)
			checkA()
			checkB()
			if s := got.sum; got.err != nil || s.Packets != 1200 || s.Bytes != bytesA+bytesB || s.Dropped != 0 || s.Kicks == 0 {
				t.Errorf("%+v", got)
			}
			if s := got.sum.Setup; s.Command != "fwd" || s.To != "eth1" || s.Program != "native" {
				t.Errorf("setup %+v", s)
			}
		})
	}
}

// send sends frames between two hosts, and returns a check that they arrive.
func send(t *testing.T, from, to *topo.Host, frames [][]byte) (check func()) {
	t.Helper()
	c, err := wire.NewCapture(to, "eth0", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	sendFrames(t, from, "eth0", frames)
	return func() {
		t.Helper()
		got, err := c.Until(200 * time.Millisecond)
		if err != nil || len(got) != len(frames) {
			t.Errorf("%d of %d frames came from %s to %s: %v", len(got), len(frames), from.Name(), to.Name(), err)
			return
		}
		for i := range got {
			if !bytes.Equal(got[i], frames[i]) {
				t.Errorf("frame %d from %s to %s\n%s", i, from.Name(), to.Name(), testkit.Diff(frames[i], got[i]))
				return
			}
		}
	}
}
