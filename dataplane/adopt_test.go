// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"clearway/internal/topo/topotest"
)

// flowRate is of the flows that nothing may disturb, in packets a second.
const flowRate = 20000

// restart is what a new process does.
func (r *router) restart() {
	r.t.Helper()
	if err := r.dp.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.open()
}

// linkIDs are the kernel's numbers of the pinned links.
func (r *router) linkIDs() map[string]uint32 {
	r.t.Helper()
	ids := map[string]uint32{}
	for _, name := range root(r.bpffs).pinnedPorts() {
		l, err := adopt(root(r.bpffs), name, nil)
		if err != nil {
			r.t.Fatal(err)
		}
		ids[name] = l.Link
		l.link.Close()
	}
	return ids
}

func sameIDs(a, b map[string]uint32) bool {
	if len(a) != len(b) {
		return false
	}
	for name, id := range a {
		if b[name] != id {
			return false
		}
	}
	return true
}

// checkAlone: nothing is left of generations but one, and everything is pinned
// once.
func (r *router) checkAlone() {
	r.t.Helper()
	generations := r.dp.root.generations()
	if !slices.Equal(generations, []int{r.dp.gen.number}) {
		r.t.Fatalf("generations %v are there, %d is live", generations, r.dp.gen.number)
	}
	entries, err := os.ReadDir(r.bpffs)
	if err != nil {
		r.t.Fatal(err)
	}
	if len(entries) != 4 { // links, lost, manifest, gen-N
		r.t.Fatalf("pinned: %v", topotest.Pins(r.t, r.bpffs))
	}
	ports := root(r.bpffs).pinnedPorts()
	if len(ports) != len(r.dp.links) {
		r.t.Fatalf("links of %v are pinned, %d are held", ports, len(r.dp.links))
	}
}

func TestRestart(t *testing.T) {
	for _, mode := range []Mode{Native, Generic} {
		t.Run(string(mode), func(t *testing.T) {
			r := newRouter(t, mode)
			w := newWires(t, r)
			r.apply(r.state)
			stream := startFlow(t, r, flowRate)
			sent := w.send("eth2", 3)
			ids := r.linkIDs()
			for range 3 {
				generation := r.stats().Generation
				r.restart()
				sent += w.send("eth2", 5)
				changes := r.apply(r.state)
				sent += w.send("eth2", 2)
				if changes.Generation <= generation {
					t.Errorf("generation %d after %d", changes.Generation, generation)
				}
				if now := r.linkIDs(); !sameIDs(ids, now) {
					t.Errorf("links %v after %v: attached anew", now, ids)
				}
				if got := r.counted("eth2", "pass_not_ip", sent); got != sent {
					t.Errorf("counted %d frames of %d", got, sent)
				}
				r.checkAlone()
				checkMaps(t, r.dp, r.state)
			}
			stopFlow(t, r, stream)
		})
	}
}

// What counts in other maps from one moment to the next loses nothing: neither
// packets nor counts of them.
func TestCountersGoOnAcrossSizes(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	stream := startFlow(t, r, flowRate)
	for _, interfaces := range []int{4, 100, 3} {
		s := r.state
		s.Limits.Interfaces = interfaces
		r.apply(s)
		r.checkAlone()
		r.restart()
		s.Limits.Interfaces++
		r.apply(s)
		r.checkAlone()
	}
	report, err := stream.Stop()
	if err != nil {
		t.Fatal(err)
	}
	t.Log(report)
	if report.Lost+report.Doubled+report.Altered != 0 {
		t.Error(report)
	}
	for _, p := range r.stats().Ports {
		if p.Name == "eth0" && p.Reasons[Forward].Packets != report.Sent {
			t.Errorf("%d packets were sent, %d are counted: %v", report.Sent, p.Reasons[Forward].Packets, p)
		}
	}
}

// While a change of size fails, ports count in the new maps for a moment.
func TestCountersOfAFailedChangeOfSize(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	stream := startFlow(t, r, flowRate)
	s := r.state
	s.Limits.Interfaces = 7
	for range 5 {
		r.dp.hook = func(step string) error {
			if step == "manifest" {
				return errInjected
			}
			return nil
		}
		if _, err := r.tryApply(s); !errors.Is(err, errInjected) {
			t.Fatal(err)
		}
	}
	r.dp.hook = nil
	report, err := stream.Stop()
	if err != nil {
		t.Fatal(err)
	}
	if report.Lost+report.Doubled+report.Altered != 0 {
		t.Error(report)
	}
	if got := r.counted("eth0", "forward", report.Sent); got != report.Sent {
		t.Errorf("%d packets were sent, %d are counted", report.Sent, got)
	}
	r.restart()
	r.apply(r.state)
	if got := r.counted("eth0", "forward", report.Sent); got != report.Sent {
		t.Errorf("after a restart %d of %d packets are counted", got, report.Sent)
	}
}

// Another build may have other reasons. What it counted is read by their names.
func TestCountersOfAnotherBuild(t *testing.T) {
	r := newRouter(t, Native)
	w := newWires(t, r)
	r.apply(r.state)
	sent := w.send("eth2", 9)
	r.counted("eth2", "pass_not_ip", sent)
	r.forge(func(m *manifest) {
		m.Object, m.Maps["counters"] = "another", "another"
		m.Reasons = slices.Clone(m.Reasons)
		a, b := slices.Index(m.Reasons, "pass_not_ip"), slices.Index(m.Reasons, "pass_ttl")
		m.Reasons[a], m.Reasons[b] = m.Reasons[b], m.Reasons[a]
	})
	r.apply(r.state)
	sent2 := w.send("eth2", 4)
	r.counted("eth2", "pass_not_ip", sent2)
	if got := r.reasons("eth2"); got["pass_ttl"] != sent || got["pass_not_ip"] != sent2 {
		t.Errorf("the other build counted %d, this one %d: %v", sent, sent2, got)
	}

	r.forge(func(m *manifest) {
		m.Version, m.Maps["counters"], m.Reasons = "9.9", "another", m.Reasons[1:]
	})
	before := r.snapshotOfPins()
	_, err := r.tryApply(r.state)
	if err == nil || !strings.Contains(err.Error(), "9.9") || !strings.Contains(err.Error(), "test") {
		t.Errorf("counters that can't be read are to be refused, with both versions: %v", err)
	}
	if now := r.snapshotOfPins(); !slices.Equal(before, now) {
		t.Errorf("pins were %v, are %v", before, now)
	}
}

// forge changes the manifest between two processes.
func (r *router) forge(change func(*manifest)) {
	r.t.Helper()
	if err := r.dp.Close(); err != nil {
		r.t.Fatal(err)
	}
	m, err := root(r.bpffs).readManifest()
	if err != nil {
		r.t.Fatal(err)
	}
	change(m)
	if err := root(r.bpffs).writeManifest(m); err != nil {
		r.t.Fatal(err)
	}
	r.open()
}

func (r *router) snapshotOfPins() []string { return topotest.Pins(r.t, r.bpffs) }

func TestPortRemovedWhileNobodyRan(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	stream := startFlow(t, r, flowRate)
	r.restart()
	s := r.state
	s.Ports = s.Ports[:2]
	before := r.programs()
	steps := []string{}
	r.dp.hook = func(step string) error {
		steps = append(steps, step)
		if step == "manifest" {
			return errInjected
		}
		return nil
	}
	if _, err := r.tryApply(s); !errors.Is(err, errInjected) {
		t.Fatal(err)
	}
	if !slices.Contains(steps, "detaching eth2") {
		t.Errorf("eth2 was not detached within the change: %v", steps)
	}
	if now := r.programs(); !sameIDs(before, now) {
		t.Errorf("after a failure %v are attached, before it %v", now, before)
	}
	r.dp.hook = nil
	r.apply(s)
	checkLinks(t, r, s)
	r.checkAlone()
	stopFlow(t, r, stream)
}

func TestRenamedDevices(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	stream := startFlow(t, r, flowRate)
	ids := r.linkIDs()
	renamed := r.renamed("eth1", "wan.1")
	r.apply(renamed)
	if now := r.linkIDs(); now["wan.1"] != ids["eth1"] || len(now) != 3 {
		t.Errorf("links %v after %v", now, ids)
	}
	r.checkAlone()
	again := r.renamed("wan.1", "eth9")
	r.restart()
	r.apply(again)
	if now := r.linkIDs(); now["eth9"] != ids["eth1"] || len(now) != 3 {
		t.Errorf("links %v after %v, over a restart", now, ids)
	}
	r.checkAlone()

	// Two that swap their names, and a failure in the middle of it.
	r.renamed("eth9", "eth1")
	r.renamed("eth1", "tmp")
	r.renamed("eth2", "eth1")
	swapped := r.renamed("tmp", "eth2")
	before := r.programs()
	for n := 1; ; n++ {
		r.failAt(n)
		if _, err := r.tryApply(swapped); err == nil {
			break
		}
		if now := r.programs(); !sameIDs(before, now) {
			t.Fatalf("step %d: %v are attached, were %v", n, now, before)
		}
	}
	r.dp.hook = nil
	checkLinks(t, r, swapped)
	checkMaps(t, r.dp, swapped)
	r.checkAlone()
	stopFlow(t, r, stream)
}

// renamed gives a device of the router another name and returns the state.
func (r *router) renamed(name, to string) State {
	r.t.Helper()
	if err := r.Host("router").Rename(name, to); err != nil {
		r.t.Fatal(err)
	}
	s := r.state
	s.Ports, s.L3 = slices.Clone(s.Ports), slices.Clone(s.L3)
	for i := range s.Ports {
		if s.Ports[i].Name == name {
			s.Ports[i].Name, s.L3[i].Name = to, to
		}
	}
	r.state = s
	return s
}

// A device that was deleted and made again has the same name and another number.
func TestDeviceThatComesAgain(t *testing.T) {
	for _, restart := range []bool{false, true} {
		r := newRouter(t, Native)
		s := r.withBridge(Generic)
		r.apply(s)
		stream := startFlow(t, r, flowRate)
		if err := r.Host("router").DeleteDevice("br9"); err != nil {
			t.Fatal(err)
		}
		if restart {
			r.restart()
		}
		_, err := r.tryApply(s)
		if err == nil || !strings.Contains(err.Error(), "br9") {
			t.Errorf("a device that has gone: %v", err)
		}
		r.apply(r.state) // without it
		checkLinks(t, r, r.state)
		checkMaps(t, r.dp, r.state)
		s = r.withBridge(Generic)
		r.apply(s)
		if _, ok := r.linkIDs()["br9"]; !ok {
			t.Error("not attached again")
		}
		checkMaps(t, r.dp, s)
		if err := r.Host("router").DeleteDevice("br9"); err != nil {
			t.Fatal(err)
		}
		s = r.withBridge(Generic) // at once, between two looks at the machine
		if restart {
			r.restart()
		}
		r.apply(s)
		checkMaps(t, r.dp, s)
		r.checkAlone()
		stopFlow(t, r, stream)
	}
}
