// SPDX-License-Identifier: Apache-2.0

package twin

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
	"clearway/internal/topo/wire"
)

// frame is one to send: the port of the router it arrives on, and its bytes.
type frame struct {
	port  string
	bytes []byte
}

// side is one of the two labs: its router, and a sender and a capture on the
// far end of each port.
type side struct {
	router   *topo.Host
	far      *topo.Host
	senders  map[string]*wire.Sender
	captures map[string]*wire.Capture
}

// newSide makes a lab in the scenario's state and waits until it is quiet. It
// is removed when the test ends.
func newSide(t *testing.T, s *scenario) *side {
	t.Helper()
	lab := topotest.New(t, s.lab())
	d := &side{lab.Host("router"), lab.Host("far"), map[string]*wire.Sender{}, map[string]*wire.Capture{}}
	for _, c := range s.sysctls {
		if err := d.router.SetSysctl(c.key, c.value); err != nil {
			t.Fatal(err)
		}
	}
	for name, mtu := range s.mtus {
		if err := d.router.SetMTU(name, mtu); err != nil {
			t.Fatal(err)
		}
	}
	for _, device := range s.devices {
		if err := d.router.WaitUp(t.Context(), device.Name); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for port := range d.senders {
			if err := errors.Join(d.senders[port].Close(), d.captures[port].Close()); err != nil {
				t.Error(err)
			}
		}
	})
	if err := d.cutOff(s); err != nil {
		t.Fatal(err)
	}
	for _, l := range s.links {
		var err error
		name := l.B.Name
		if slices.Contains(s.down, name) {
			continue
		}
		if d.captures[name], err = wire.NewCapture(d.far, name, nil); err != nil {
			t.Fatal(err)
		}
		if d.senders[name], err = wire.NewSender(d.far, name); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// cutOff takes the carrier of the scenario's ports that are down, and waits
// until the kernel has noticed, on devices above them too: a second, for a bridge.
func (d *side) cutOff(s *scenario) error {
	for _, port := range s.down {
		if err := d.far.SetUp(port, false); err != nil {
			return err
		}
	}
	for _, device := range s.withoutCarrier() {
		for {
			i, err := d.router.Interface(device)
			if err != nil {
				return err
			}
			if !i.Up {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

// send sends frames by port, each port's in order.
func (d *side) send(frames []frame) error {
	byPort := map[string][][]byte{}
	for _, f := range frames {
		byPort[f.port] = append(byPort[f.port], f.bytes)
	}
	for _, port := range sortedKeys(byPort) {
		if err := d.senders[port].Send(byPort[port]...); err != nil {
			return err
		}
	}
	return nil
}

// listen returns what came out of the router since the last call, when none
// has come for a time of quiet.
func (d *side) listen(quiet time.Duration) ([]frame, error) {
	return listen(d.captures, quiet)
}

func listen(captures map[string]*wire.Capture, quiet time.Duration) ([]frame, error) {
	var mu sync.Mutex
	var all []frame
	var g errgroup.Group
	for port, c := range captures {
		g.Go(func() error {
			frames, err := c.Until(quiet)
			mu.Lock()
			defer mu.Unlock()
			for _, f := range frames {
				all = append(all, frame{port, f})
			}
			return err
		})
	}
	return all, g.Wait()
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
