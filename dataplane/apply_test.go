// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"math/rand/v2"
	"strings"
	"testing"

	"clearway/internal/testkit"
	"clearway/internal/topo/wire"
)

// TestApplyByDifference goes from one random state to the next. Each time the
// maps are those of a data path that never knew another state, and the counters
// have gone on.
func TestApplyByDifference(t *testing.T) {
	rng := testkit.Rand(t)
	r := newRouter(t, Native)
	wires := newWires(t, r)
	devices := devicesOf(r.state)
	limits := Limits{Interfaces: 8, L3Interfaces: 16, Ifindex: 1000}
	sent := map[string]uint64{} // what the counter of a port should be
	last := 0
	rules := randomRules(rng, 4)
	classes := randomClasses(rng, 20)
	for round := range 30 {
		if rng.IntN(8) == 0 {
			limits = Limits{Interfaces: 8 << rng.IntN(2), L3Interfaces: 16 << rng.IntN(2), Ifindex: 1000 << rng.IntN(2)}
		}
		before := r.dp.manifest
		if rng.IntN(3) == 0 {
			rules = randomRules(rng, rng.IntN(8))
		}
		classes = randomChange(rng, classes)
		s := randomState(rng, devices, limits)
		s.MSS, s.Classes = rules, classes
		changes := r.apply(s)
		checkMaps(t, r.dp, s)
		checkLinks(t, r, s)
		if _, quarantined, _ := r.dp.gen.table.Blocks(); quarantined != 0 {
			t.Fatalf("round %d: %d blocks of the prefix table are left in quarantine", round, quarantined)
		}
		if again := r.apply(s); len(again.Lines) > 0 || again.Generation != changes.Generation {
			t.Fatalf("round %d: applied again, it says %v", round, again)
		}
		if changes.Generation < last {
			t.Fatalf("round %d: generation %d after %d", round, changes.Generation, last)
		}
		last = changes.Generation
		if before.Sizes.Interfaces != limits.Interfaces {
			forgetAbsent(sent, s)
		}
		for _, p := range s.Ports {
			sent[p.Name] += wires.send(p.Name, 1+rng.IntN(5))
			if got := r.counted(p.Name, "pass_not_ip", sent[p.Name]); got != sent[p.Name] {
				t.Fatalf("round %d: port %s counted %d frames, %d were sent to it", round, p.Name, got, sent[p.Name])
			}
		}
	}
}

// forgetAbsent: other counters hold nothing of ports that are not there.
func forgetAbsent(sent map[string]uint64, s State) {
	present := map[string]uint64{}
	for _, p := range s.Ports {
		present[p.Name] = sent[p.Name]
	}
	clear(sent)
	for name, n := range present {
		sent[name] = n
	}
}

// devicesOf are the ports of a state.
func devicesOf(s State) []Port { return s.Ports }

// randomState has some of the devices as ports, and L3 interfaces on and over
// them, VLANs among them.
func randomState(rng *rand.Rand, devices []Port, limits Limits) State {
	s := State{Limits: limits,
		Options: Options{DryRun: coin(rng), Hairpin: coin(rng), Policy4: coin(rng), Policy6: coin(rng)}}
	for _, p := range devices {
		if rng.IntN(4) > 0 {
			p.Mode = []Mode{Native, Native, Generic, Auto}[rng.IntN(4)]
			s.Ports = append(s.Ports, p)
		}
		if rng.IntN(4) > 0 {
			s.L3 = append(s.L3, randomL3(rng, p.Ifindex, p.Ifindex, 0))
		}
	}
	vids := rng.Perm(4094)
	for i := range rng.IntN(6) {
		l := randomL3(rng, 100+rng.IntN(4)+10*i, devices[rng.IntN(len(devices))].Ifindex, uint16(1+vids[i]))
		if rng.IntN(3) == 0 {
			l.Members = []int{devices[0].Ifindex, devices[2].Ifindex}
		}
		s.L3 = append(s.L3, l)
	}
	return s
}

func randomL3(rng *rand.Rand, ifindex, port int, vid uint16) L3Interface {
	return L3Interface{Ifindex: ifindex, Port: port, VID: vid, MTU: 68 + rng.IntN(2), MAC: MAC{2, 0, 0, 0, 0, byte(rng.IntN(2))},
		Forward4: coin(rng), Forward6: coin(rng), RPFilter: RPFilter(rng.IntN(3)),
		Up: coin(rng), RedirectNative: coin(rng), RedirectFrags: coin(rng)}
}

func coin(rng *rand.Rand) bool { return rng.IntN(2) == 0 }

// checkLinks compares what the kernel says of the devices with the state, and
// with what Stats says.
func checkLinks(t *testing.T, r *router, s State) {
	t.Helper()
	wanted := map[string]Mode{}
	for _, p := range obtained(r.dp, s).Ports {
		wanted[p.Name] = p.Mode
	}
	for _, name := range []string{"eth0", "eth1", "eth2"} {
		if got := r.attachedMode(name); got != wanted[name] {
			t.Fatalf("%s has a program in mode %q, wanted %q", name, got, wanted[name])
		}
	}
	stats := r.stats()
	if len(stats.Ports) != len(wanted) {
		t.Fatalf("Stats tells of %d ports, wanted %d", len(stats.Ports), len(wanted))
	}
	for _, p := range stats.Ports {
		if p.Mode != wanted[p.Name] {
			t.Fatalf("port %s is in mode %q, wanted %q", p.Name, p.Mode, wanted[p.Name])
		}
	}
}

// attachedMode is the kernel's word on how a program is attached, "" if none is.
func (r *router) attachedMode(name string) Mode {
	r.t.Helper()
	out, err := r.Host("router").Command(r.t.Context(), testkit.RequireTool(r.t, "ip"), "-o", "link", "show", "dev", name)
	switch {
	case err != nil:
		r.t.Fatal(err)
	case strings.Contains(string(out), " xdpgeneric "):
		return Generic
	case strings.Contains(string(out), " xdp "):
		return Native
	}
	return ""
}

// wires send frames to the ports from the other ends.
type wires struct {
	t       *testing.T
	senders map[string]*wire.Sender
}

func newWires(t *testing.T, r *router) *wires {
	w := &wires{t, map[string]*wire.Sender{}}
	for port, host := range map[string]string{"eth0": "client", "eth1": "server1", "eth2": "server2"} {
		s, err := wire.NewSender(r.Host(host), "eth0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		w.senders[port] = s
	}
	return w
}

// send sends frames that are counted as pass_not_ip, and nothing else in the lab
// is. It returns how many.
func (w *wires) send(port string, n int) uint64 {
	w.t.Helper()
	frame := testkit.NewFrame([6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}).EtherType(0x88b5).Payload(46).Bytes()
	for range n {
		if err := w.senders[port].Send(frame); err != nil {
			w.t.Fatal(err)
		}
	}
	return uint64(n)
}
