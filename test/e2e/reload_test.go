// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"clearway/internal/control"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

// shape is what a status says of the state of the data path.
func (r *router) shape() control.Status {
	r.t.Helper()
	s := r.status()
	s.UptimeSeconds, s.Daemon = 0, nil
	for i := range s.Interfaces {
		s.Interfaces[i].Received, s.Interfaces[i].Reasons = control.Counter{}, nil
	}
	return s
}

// same checks that the state of the data path is what it was.
func (r *router) same(before control.Status) {
	r.t.Helper()
	if diff := cmp.Diff(before, r.shape()); diff != "" {
		r.t.Errorf("the state has changed (-before +after):\n%s", diff)
	}
}

// What can't be applied whole is not applied at all, and says why.
func TestRefusedReload(t *testing.T) {
	lab := topo.Demo()
	lab.Links[2].B.NAPI = topo.NAPIByXDP // another's program on eth2
	r := newRouter(t, topotest.New(t, lab))
	c := demo()
	c.interfaces = c.interfaces[:2]
	c.block = []string{"198.51.100.64/26"}
	r.run(c)
	before := r.shape()
	others, err := r.host().Interface("eth2")
	if err != nil || others.Program == 0 {
		t.Fatalf("eth2 has no program of another's: %v", err)
	}
	for _, bad := range refusedReloads() {
		r.sub(bad.name, func() {
			r.refuse(bad.settings.text(r.dir), bad.want...)
			r.same(before)
			r.ends(toServer1, "forward")
			r.ends(toServer1.to("198.51.100.70"), "drop_blocked")
			r.ends(toServer2, "pass_no_match")
		})
	}
	if now, err := r.host().Interface("eth2"); err != nil || now.Program != others.Program {
		t.Errorf("eth2 had program %d and has %d: %v", others.Program, now.Program, err)
	}
}

type refusedReload struct {
	name     string
	settings settings // allows server2 too, and blocks nothing: it would show
	want     []string
}

func refusedReloads() []refusedReload {
	with := func(change func(*settings)) settings {
		c := demo()
		c.interfaces = c.interfaces[:2]
		c.allow = append(c.allow, "203.0.113.0/24")
		change(&c)
		return c
	}
	return []refusedReload{
		{"all mistakes at once", with(func(c *settings) {
			c.interfaces = append(c.interfaces, "nosuch", "eth0")
			c.allow = append(c.allow, "192.0.2.0/33")
			c.forward = "  surprise: true\n  mss-clamp: [{mss: 20}, {mss: 1300, egress: gone0}]\n"
		}), []string{
			`line 8, column 12: there is no interface "nosuch"`,
			`line 9, column 12: interface "eth0" is on line 6 already`,
			`line 15, column 7: forward.allow: "192.0.2.0/33"`,
			`line 16, column 3: unknown key "surprise"`,
			`line 17, column 21: forward.mss-clamp[].mss must be from`,
			`line 17, column 46: there is no interface "gone0"`,
			"- {name: nosuch}\n               ^",
		}},
		{"no YAML", settings{forward: "  {"}, []string{"line ", "column "}},
		{"unknown interface", with(func(c *settings) { c.interfaces = append(c.interfaces, "nosuch") }),
			[]string{`line 8, column 12: there is no interface "nosuch"`}},
		{"a key that isn't built", with(func(c *settings) { c.forward = "  fib: own\n" }),
			[]string{"line ", "forward.fib: own is not built yet"}},
		{"too many prefixes", with(func(c *settings) { c.limits = "{allow: 2}" }),
			[]string{"line 13, column 17: forward.allow and forward.block hold 3 prefixes, but limits.allow is 2; raise it to at least 3"}},
		{"too many interfaces", with(func(c *settings) { c.limits = "{interfaces: 1}" }), []string{"limits.interfaces"}},
		{"too many L3 interfaces", with(func(c *settings) { c.limits = "{l3-interfaces: 2}" }), []string{"limits.l3-interfaces is 2, but 3 are needed: raise it"}},
		{"too high an ifindex", with(func(c *settings) { c.limits = "{ifindex: 3}" }), []string{"limits.ifindex is 3, but 4 are needed: raise it"}},
		{"another's program", with(func(c *settings) { c.interfaces = append(c.interfaces, "eth2") }),
			[]string{"attaching to eth2", "another XDP program is on it; it is left alone", "it is program "}},
		{"another's program and other sizes", with(func(c *settings) {
			c.interfaces = append(c.interfaces, "eth2")
			c.limits = "{interfaces: 8, ifindex: 1000}"
		}), []string{"attaching to eth2", "another XDP program is on it; it is left alone", "it is program "}},
		{"a device that is no port", with(func(c *settings) { c.interfaces = append(c.interfaces, "lo") }),
			[]string{"interface lo is no Ethernet device"}},
	}
}
