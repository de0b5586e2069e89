// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

// row is one frame and what the pipeline must make of it.
type row struct {
	name   string
	port   string // that it comes in by; "" is eth0
	in     frame
	reason string
	out    frame // what leaves, where the reason is forward or balance, or the answer; what is punted is as it came in
	tx     bool  // it leaves by the port that it came in by
}

// group is rows that share a state.
type group struct {
	name   string
	change func(s *State) // what differs from rowLab's own state; nil: nothing
	rows   []row
}

// frame is a builder, or bytes.
type frame interface{ Bytes() []byte }

type raw []byte

func (r raw) Bytes() []byte { return r }

// cut is a frame without all but its first n bytes.
func cut(f frame, n int) raw { return raw(f.Bytes()[:n]) }

// patched is a frame with other bytes from an offset on.
func patched(f frame, at int, b ...byte) raw {
	out := f.Bytes()
	copy(out[at:], b)
	return out
}

// rowDevices are the devices of the router. Number n has MAC routerMAC(n),
// 10.n.0.1/24 and fd00:n::1/64; hostMAC(n) behind it has .2 and ::2. The last two
// stand in for VLAN devices: the FIB knows them, frames come and go by others.
var rowDevices = []struct {
	name   string
	number int
	mode   Mode   // "": no port
	over   string // VLAN: the device below
	vid    uint16
}{
	{"eth0", 10, Native, "", 0},
	{"eth1", 11, Native, "", 0},
	{"eth2", 12, Generic, "", 0},
	{"bridged", 13, Native, "", 0}, // no L3 interface
	{"vlan5", 15, "", "eth0", 5},
	{"vlan6", 16, "", "eth1", 6},
}

func routerMAC(n byte) [6]byte { return [6]byte{2, 0xaa, 0, 0, 0, n} }
func hostMAC(n byte) [6]byte   { return [6]byte{2, 0xbb, 0, 0, 0, n} }

// rowLab is a router with a data path, for test runs only: nothing arrives on
// its devices by itself.
type rowLab struct {
	*topo.Lab
	dp    *Dataplane
	state State
}

func newRowLab(t *testing.T) *rowLab {
	t.Helper()
	lab := &topo.Lab{Hosts: []topo.HostSpec{
		{Name: "router", Forward: true, Routes: rowRoutes(), Neighbors: rowNeighbors()},
		topo.Silent("silent"),
	}}
	for _, d := range rowDevices {
		mac := routerMAC(byte(d.number))
		end := topo.End{Host: "router", Name: d.name, MAC: mac[:], NAPI: topo.NAPINone}
		if d.name != "bridged" {
			end.Addresses = []netip.Prefix{
				netip.MustParsePrefix(fmt.Sprintf("10.%d.0.1/24", d.number)),
				netip.MustParsePrefix(fmt.Sprintf("fd00:%d::1/64", d.number)),
			}
		}
		lab.Links = append(lab.Links, topo.Link{A: end, B: topo.End{Host: "silent", Name: d.name, NAPI: topo.NAPINone}})
	}
	r := &rowLab{Lab: topotest.New(t, lab)}
	r.state = r.baseState(t)
	bpffs := topotest.BPFFS(t)
	r.do(t, func() (err error) {
		r.dp, err = Open(Config{BPFFS: bpffs + "/clearway", Version: "rows"})
		return err
	})
	t.Cleanup(func() { r.dp.Close() })
	return r
}

func (r *rowLab) do(t *testing.T, fn func() error) {
	t.Helper()
	if err := r.Host("router").Do(fn); err != nil {
		t.Fatal(err)
	}
}

func (r *rowLab) apply(t *testing.T, s State) {
	t.Helper()
	r.do(t, func() error {
		_, err := r.dp.Apply(context.Background(), s)
		return err
	})
}

func rowNeighbors() []topo.Neighbor {
	var all []topo.Neighbor
	for _, d := range rowDevices {
		if d.name == "bridged" {
			continue
		}
		mac := hostMAC(byte(d.number))
		for _, a := range []string{fmt.Sprintf("10.%d.0.2", d.number), fmt.Sprintf("fd00:%d::2", d.number)} {
			all = append(all, topo.Neighbor{Device: d.name, Address: netip.MustParseAddr(a), MAC: net.HardwareAddr(mac[:])})
		}
	}
	return all
}

// rowRoutes are one of each kind, in both families.
func rowRoutes() []topo.Route {
	var all []topo.Route
	for _, family := range []struct{ prefix, via, silent string }{
		{"10.2%02d.0.0/16", "10.11.0.2", "10.11.0.9"},
		{"fd00:2%02d::/32", "fd00:11::2", "fd00:11::9"},
	} {
		to := func(n int) netip.Prefix { return netip.MustParsePrefix(fmt.Sprintf(family.prefix, n)) }
		via, silent := netip.MustParseAddr(family.via), netip.MustParseAddr(family.silent)
		all = append(all,
			topo.Route{To: to(0), Type: topo.Blackhole},
			topo.Route{To: to(1), Type: topo.Unreachable},
			topo.Route{To: to(2), Type: topo.Prohibit},
			topo.Route{To: to(3), Via: via, MTU: 1300, LockMTU: true},
			topo.Route{To: to(4), Via: silent},
			topo.Route{To: to(5), Via: via},
		)
	}
	return append(all, topo.Route{To: netip.MustParsePrefix("198.51.100.0/24"), Via: netip.MustParseAddr("10.11.0.2")})
}

// baseState allows 10.0.0.0/8 and fd00::/16, and has all forwarding on.
func (r *rowLab) baseState(t *testing.T) State {
	t.Helper()
	s := State{Classes: map[netip.Prefix]Class{
		netip.MustParsePrefix("10.0.0.0/8"):       Allow,
		netip.MustParsePrefix("fd00::/16"):        Allow,
		netip.MustParsePrefix("10.205.66.0/24"):   Block,
		netip.MustParsePrefix("fd00:205:66::/48"): Block,
		netip.MustParsePrefix("10.205.77.0/24"):   Exception,
		netip.MustParsePrefix("10.205.77.8/32"):   NoException,
		netip.MustParsePrefix("fd00:205:77::/48"): Exception,
	}}
	for _, p := range []string{"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
		"::/128", "::1/128", "fe80::/10", "ff00::/8", "::ffff:0:0/96"} {
		s.Classes[netip.MustParsePrefix(p)] = NotSource | NotDestination
	}
	index := map[string]int{}
	for _, d := range rowDevices {
		i, err := r.Host("router").Interface(d.name)
		if err != nil {
			t.Fatal(err)
		}
		index[d.name] = i.Index
		if d.mode != "" {
			s.Ports = append(s.Ports, Port{Name: d.name, Ifindex: i.Index, Mode: d.mode})
		}
		if d.name == "bridged" {
			continue
		}
		l3 := L3Interface{Name: d.name, Ifindex: i.Index, Port: i.Index, VID: d.vid, MAC: MAC(routerMAC(byte(d.number))), MTU: i.MTU,
			Forward4: true, Forward6: true, Up: true, RedirectNative: true, RedirectFrags: true}
		if d.over != "" {
			l3.Port = index[d.over]
		}
		s.L3 = append(s.L3, l3)
		for _, a := range []string{fmt.Sprintf("10.%d.0.1/32", d.number), fmt.Sprintf("fd00:%d::1/128", d.number)} {
			s.Classes[netip.MustParsePrefix(a)] |= Local
		}
	}
	return s
}

// l3Named finds an L3 interface of a state, to change it.
func l3Named(s *State, name string) *L3Interface {
	i := slices.IndexFunc(s.L3, func(l L3Interface) bool { return l.Name == name })
	return &s.L3[i]
}

func (s State) clone() State {
	classes := make(map[netip.Prefix]Class, len(s.Classes))
	for p, c := range s.Classes {
		classes[p] = c
	}
	s.Ports, s.L3, s.MSS, s.Classes = slices.Clone(s.Ports), slices.Clone(s.L3), slices.Clone(s.MSS), classes
	return s
}

// runRows runs the rows of one stage: each must end there, or be forwarded.
func runRows(t *testing.T, stage string, groups []group) {
	t.Helper()
	newRowLab(t).runGroups(t, stage, groups)
}

func (lab *rowLab) runGroups(t *testing.T, stage string, groups []group) {
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			s := lab.state.clone()
			if g.change != nil {
				g.change(&s)
			}
			lab.apply(t, s)
			for _, row := range g.rows {
				t.Run(row.name, func(t *testing.T) {
					lab.do(t, func() error { lab.runRow(t, stage, row); return nil })
				})
			}
		})
	}
}

// ingress is the device that a row's frame comes in by.
func (r *rowLab) ingress(t *testing.T, row row) int {
	name := row.port
	if name == "" {
		name = "eth0"
	}
	i := slices.IndexFunc(r.state.Ports, func(p Port) bool { return p.Name == name })
	if i < 0 {
		t.Errorf("no port %s", name)
		return 0
	}
	return r.state.Ports[i].Ifindex
}

// runRow runs on a thread in the router.
func (r *rowLab) runRow(t *testing.T, stage string, row row) {
	runner, in := NewRunner(r.dp), row.in.Bytes()
	port := r.ingress(t, row)
	e, ran, err := runner.Twin(port, in)
	if err != nil {
		t.Errorf("twin: %v", err)
		return
	}
	checkRan(t, "twin", row, ran)
	checkStages(t, stage, row, e)
	if !atLeast(5, 14) {
		return // a test run is told no interface before
	}
	if ran, err = runner.Live(port, in, Placed{}); err != nil {
		t.Errorf("live: %v", err)
		return
	}
	checkRan(t, "live", row, ran)
}

// runPlaced runs a row through the live program only, which alone is told where
// a frame lies.
func (r *rowLab) runPlaced(t *testing.T, row row, at Placed) {
	t.Helper()
	r.do(t, func() error {
		ran, err := NewRunner(r.dp).Live(r.ingress(t, row), row.in.Bytes(), at)
		if err == nil {
			checkRan(t, "live", row, ran)
		}
		return err
	})
}

// checkRan checks verdict, reason and bytes. The name of a reason tells its verdict.
func checkRan(t *testing.T, program string, row row, got Ran) {
	t.Helper()
	verdict, want := "pass", row.in.Bytes()
	switch {
	case row.tx:
		verdict, want = "tx", row.out.Bytes()
	case row.reason == "forward" || row.reason == "balance":
		verdict, want = "redirect", row.out.Bytes()
	case row.reason == "punt":
		verdict = "redirect"
	case strings.HasPrefix(row.reason, "drop_"):
		verdict = "drop"
	}
	if got.Verdict != verdict || got.Reason != row.reason {
		t.Errorf("%s: %s with %s, want %s with %s", program, got.Verdict, got.Reason, verdict, row.reason)
	} else if diff := testkit.Diff(want, got.Out); diff != "" {
		t.Errorf("%s: %s", program, diff)
	}
}

// checkStages checks that an explanation tells of each stage up to the last.
func checkStages(t *testing.T, stage string, row row, e Explanation) {
	t.Helper()
	order := []string{"parse", "own", "punt", "balance", "admit", "route", "finalize"}
	elsewhere := stage == "balance" && strings.HasPrefix(row.reason, "pass_") || // for no service
		stage == "punt" && row.reason != "punt" && row.reason != "pass_no_socket" // no rule names it
	if elsewhere {
		stage = e.Stages[len(e.Stages)-1].Name
	}
	if stage == "balance" || e.Service != "" {
		order = []string{"parse", "own", "punt", "balance", "finalize"}
	}
	if row.out != nil {
		stage = "finalize"
	}
	for i, name := range order {
		if i >= len(e.Stages) {
			t.Errorf("explained are %v, want all up to %s", e.Stages, stage)
			return
		}
		prefix := "ok"
		if name == stage {
			prefix = row.reason
		}
		if e.Stages[i].Name != name || !strings.HasPrefix(e.Stages[i].Text, prefix) {
			t.Errorf("stage %d is %v, want %s %s", i+1, e.Stages[i], name, prefix)
		}
		if name == stage {
			break
		}
	}
	if last := len(e.Stages) - 1; e.Stages[last].Name != stage {
		t.Errorf("explained are %v, want none after %s", e.Stages, stage)
	}
}

// TestEveryReasonHasARow: the reasons left out are those of tests that make a
// fault, or that place the frame.
func TestEveryReasonHasARow(t *testing.T) {
	seen := map[string]bool{"pass_header_split": true, "pass_no_finalize": true, "pass_no_headroom": true}
	for _, g := range slices.Concat(parseGroups(), ownGroups(), puntGroups(), balanceGroups(), []group{emptySlotGroup()}, admitGroups(), routeGroups(), finalizeGroups()) {
		for _, row := range g.rows {
			seen[row.reason] = true
		}
	}
	for _, reason := range Reasons() {
		if !seen[reason.String()] {
			t.Errorf("no row ends with %s", reason)
		}
	}
}
