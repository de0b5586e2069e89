// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

// port reads the counters of one port.
func (r *router) port(name string) PortStats {
	r.t.Helper()
	for _, p := range r.stats().Ports {
		if p.Name == name {
			return p
		}
	}
	r.t.Fatalf("no port %s", name)
	return PortStats{}
}

// counted reads one counter, and waits a moment for what is still under way to
// make it what it should be.
func (r *router) counted(port, reason string, want uint64) (got uint64) {
	r.t.Helper()
	for deadline := time.Now().Add(time.Second); ; time.Sleep(time.Millisecond) {
		if got = r.reasons(port)[reason]; got == want || time.Now().After(deadline) {
			return got
		}
	}
}

// toServer1 starts a frame from the client to server1 by way of the router.
func (r *router) toServer1() *testkit.Frame {
	r.t.Helper()
	return r.fromClient(topo.DemoServer14)
}

func (r *router) fromClient(to netip.Addr) *testkit.Frame {
	r.t.Helper()
	from := topo.DemoClient4
	if to.Is6() {
		from = topo.DemoClient6
	}
	router, err := r.Host("router").Interface("eth0")
	if err != nil {
		r.t.Fatal(err)
	}
	client, err := r.Host("client").Interface("eth0")
	if err != nil {
		r.t.Fatal(err)
	}
	return testkit.NewFrame([6]byte(router.MAC), [6]byte(client.MAC)).IP(from, to)
}

// TestAccountsBalance: every frame is counted once as received and once by its
// reason, with its bytes as they were at ingress.
func TestAccountsBalance(t *testing.T) {
	for _, mode := range []Mode{Native, Generic} {
		t.Run(string(mode), func(t *testing.T) {
			rng := testkit.Rand(t)
			r := newRouter(t, mode)
			r.state.Classes[netip.MustParsePrefix("198.51.100.77/32")] = Block
			r.apply(r.state)
			w := newWires(t, r)
			want := map[string]Counter{}
			var total Counter
			for range 3000 {
				name, frame := randomCounted(rng.IntN(7), rng.IntN(1200), r)
				if err := w.senders["eth0"].Send(frame); err != nil {
					t.Fatal(err)
				}
				c := want[name]
				c.add(Counter{1, uint64(len(frame))})
				want[name] = c
				total.add(Counter{1, uint64(len(frame))})
			}
			time.Sleep(50 * time.Millisecond) // what is under way
			checkAccounts(t, r, want, total)
		})
	}
}

// randomCounted makes a frame and says how it is to be counted.
func randomCounted(kind, size int, r *router) (reason string, frame []byte) {
	switch kind {
	case 0:
		return "pass_not_ip", testkit.NewFrame([6]byte{2}, [6]byte{4}).EtherType(0x88b5).Payload(46 + size).Bytes()
	case 1:
		return "pass_ttl", r.toServer1().TTL(1).UDP(1, 9).Payload(18 + size).Bytes()
	case 2:
		return "pass_no_match", r.fromClient(topo.DemoServer24).UDP(1, 9).Payload(18 + size).Bytes()
	case 3:
		return "drop_blocked", r.fromClient(netip.MustParseAddr("198.51.100.77")).UDP(1, 9).Payload(18 + size).Bytes()
	case 4:
		return "pass_fragment", r.toServer1().Fragment(0x2000).UDP(1, 9).Payload(24 + size).Bytes()
	case 5:
		return "forward", r.fromClient(topo.DemoServer16).UDP(1, 9).Payload(18 + size).Bytes()
	default: // with a trailer, which is cut off but counted
		return "forward", r.toServer1().UDP(1, 9).Payload(18 + size).Trailer(40).Bytes()
	}
}

// checkAccounts leaves out what Linux on the client sends by itself, to multicast
// MACs: none of the test's own frames ends as pass_not_ours.
func checkAccounts(t *testing.T, r *router, want map[string]Counter, total Counter) {
	t.Helper()
	p := r.port("eth0")
	var sum Counter
	for reason, got := range p.Reasons {
		sum.add(got)
		if reason.String() == "pass_not_ours" {
			total.add(got)
		} else if got != want[reason.String()] {
			t.Errorf("%v: counted %+v, sent %+v", reason, got, want[reason.String()])
		}
		delete(want, reason.String())
	}
	if len(want) > 0 {
		t.Errorf("not counted: %v", want)
	}
	if p.Received != sum || p.Received != total {
		t.Errorf("received %+v, the reasons are %+v together, sent were %+v", p.Received, sum, total)
	}
	if p.LostAfterEmit != 0 {
		t.Errorf("%d lost after emit", p.LostAfterEmit)
	}
}

// deaf is the demo lab with a server1 whose device takes no frames from native
// XDP, unlike what the state says.
func deaf() *topo.Lab {
	lab := topo.Demo()
	lab.Links[1].A.NAPI = topo.NAPINone
	return lab
}

// sendLost sends frames that are forwarded and then lost.
func sendLost(t *testing.T, r *router, n int) {
	t.Helper()
	w := newWires(t, r)
	for range n {
		if err := w.senders["eth0"].Send(r.toServer1().UDP(1, 9).Payload(20).Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond) // what is under way
}

func TestLostAfterEmit(t *testing.T) {
	for _, row := range []struct {
		name  string
		lab   *topo.Lab
		setUp func(t *testing.T, r *router)
	}{
		{"the peer has no NAPI", deaf(), func(*testing.T, *router) {}},
		{"the peer is down", topo.Demo(), func(t *testing.T, r *router) {
			if err := r.Host("server1").SetUp("eth0", false); err != nil {
				t.Fatal(err)
			}
		}},
		{"the device can't transmit what XDP sends", topo.Demo(), func(t *testing.T, r *router) {
			s := r.withBridge(Generic)
			s.L3[1].Port = s.L3[3].Ifindex
			s.Ports, s.L3 = s.Ports[:3], s.L3[:3]
			r.apply(s)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRouterIn(t, row.lab, Native)
			r.apply(r.state)
			row.setUp(t, r)
			sendLost(t, r, 10)
			p := r.port("eth0")
			if p.Reasons[Forward].Packets != 10 || p.LostAfterEmit != 10 {
				t.Errorf("forwarded %d, lost %d of 10", p.Reasons[Forward].Packets, p.LostAfterEmit)
			}
		})
	}
}

// The kernel's tracepoints speak of all namespaces. Labs are alike, down to the
// indexes of their devices.
func TestLostOfAnotherNamespace(t *testing.T) {
	mine, other := newRouter(t, Native), newRouterIn(t, deaf(), Native)
	if mine.state.Ports[0].Ifindex != other.state.Ports[0].Ifindex {
		t.Fatal("the labs are not alike: the test shows nothing")
	}
	mine.apply(mine.state)
	other.apply(other.state)
	sendLost(t, other, 10)
	if n := mine.port("eth0").LostAfterEmit; n != 0 {
		t.Errorf("%d packets of another namespace are counted", n)
	}
	if n := other.port("eth0").LostAfterEmit; n != 10 {
		t.Errorf("%d of 10 are counted", n)
	}
}

// Losses go on to be counted once, whatever becomes of the data path.
func TestLostGoesOn(t *testing.T) {
	r := newRouterIn(t, deaf(), Native)
	r.apply(r.state)
	want := uint64(0)
	check := func(after string) {
		t.Helper()
		sendLost(t, r, 3)
		want += 3
		if got := r.port("eth0").LostAfterEmit; got != want {
			t.Errorf("after %s %d are counted, %d were lost", after, got, want)
		}
	}
	check("loading")
	r.restart()
	r.apply(r.state)
	check("a restart")
	bigger := r.state
	bigger.Limits.Interfaces = 70
	r.dp.hook = func(step string) error {
		if step == "manifest" {
			return errInjected
		}
		return nil
	}
	if _, err := r.tryApply(bigger); !errors.Is(err, errInjected) {
		t.Fatal(err)
	}
	r.dp.hook = nil
	check("a change of size that failed")
	withBridge := r.withBridge(Generic)
	r.apply(withBridge)
	check("a change")
	bigger = withBridge
	bigger.Limits.Interfaces = 70
	r.apply(bigger)
	check("a change of size")
	if n := len(topotest.Pins(t, r.bpffs+"/lost")); n != 2 {
		t.Errorf("%d tracepoint programs are pinned, there are 2", n)
	}
}

// Ports that come and go use the numbers up. Then the counters begin anew in
// other maps, and none has what another counted.
func TestNamesBeyondTheLimitOfInterfaces(t *testing.T) {
	r := newRouter(t, Native)
	r.state.Limits.Interfaces = 3
	w := newWires(t, r)
	r.apply(r.state)
	sent := w.send("eth0", 3)
	w.send("eth1", 5)
	for _, name := range []string{"a", "b"} {
		s := r.renamed(r.state.Ports[1].Name, name)
		generation := r.stats().Generation
		if now := r.apply(s).Generation; now == generation {
			t.Errorf("a fourth name found a number among three, in generation %d", now)
		}
		if got := r.reasons(name)["pass_not_ip"]; got != 0 {
			t.Errorf("%s begins with %d frames", name, got)
		}
		sent += w.send("eth0", 2)
		w.send("eth1", 1)
		if got := r.counted("eth0", "pass_not_ip", sent); got != sent {
			t.Errorf("eth0 counted %d frames of %d", got, sent)
		}
		if got := r.counted(name, "pass_not_ip", 1); got != 1 {
			t.Errorf("%s counted %d frames of 1", name, got)
		}
		checkMaps(t, r.dp, s)
		r.checkAlone()
	}
}
