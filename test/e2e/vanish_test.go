// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"clearway/internal/control"
)

// An interface that has gone is named by a reload, which changes nothing, and
// becomes a port again when it returns.
func TestVanishedLink(t *testing.T) {
	r := newDemoRouter(t)
	r.run(demo())
	r.ends(fromServer2, "pass_no_match")
	r.must(r.host().DeleteDevice("eth2"))
	r.attached("eth2", false)
	before := r.shape()
	c := demo()
	c.allow = append(c.allow, "203.0.113.0/24")
	r.refuse(c.text(r.dir), `line 8, column 12: there is no interface "eth2"`)
	r.same(before)
	r.must(r.lab.RestoreLink(t.Context(), 2))
	r.attached("eth2", true)
	r.ends(fromServer2, "pass_no_match")
	r.reload(c)
	r.ends(fromServer2, "forward")
	r.checkAccount()
}

// Reloads race with a link that comes and goes: each is taken whole or refused
// for that link, and the flow on the others never notices.
func TestReloadWhileLinkVanishes(t *testing.T) {
	r := newDemoRouter(t)
	r.run(demo())
	r.harmless(func() {
		stop, flapped := make(chan struct{}), make(chan error, 1)
		go func() { flapped <- r.flap(stop) }()
		taken, refused := r.race()
		close(stop)
		r.must(<-flapped)
		t.Logf("%d reloads were taken, %d refused", taken, refused)
		if taken == 0 || refused == 0 {
			t.Errorf("%d reloads were taken and %d refused: there was no race", taken, refused)
		}
		r.attached("eth2", true)
	})
	r.reload(demo())
	r.ends(fromServer2, "pass_no_match")
	r.ends(toServer1, "forward")
}

// flap deletes eth2 and makes it again, until told to stop.
func (r *router) flap(stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		case <-time.After(200 * time.Millisecond):
		}
		if err := r.host().DeleteDevice("eth2"); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
		if err := r.lab.RestoreLink(r.t.Context(), 2); err != nil {
			return err
		}
	}
}

// race reloads for a while, and asks for other sizes each time.
func (r *router) race() (taken, refused int) {
	r.t.Helper()
	for i := range 20 {
		c := demo()
		if i%2 == 0 {
			c.limits = "{l3-interfaces: 100}"
		}
		r.write(c)
		text, err := os.ReadFile(r.path("clearway.yaml"))
		r.must(err)
		_, err = r.client.Reload(r.t.Context(), control.ReloadRequest{File: text})
		switch {
		case err == nil:
			taken++
		case strings.Contains(err.Error(), "eth2"), strings.Contains(err.Error(), "the configuration has errors"):
			refused++
		default:
			r.t.Errorf("reload %d: %v", i, err)
		}
	}
	return taken, refused
}
