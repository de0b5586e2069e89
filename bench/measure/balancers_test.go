// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/cilium/ebpf"

	"clearway/dataplane"
	"clearway/internal/testkit"
)

// testPeers are the peers of the balance lane.
func testPeers(t *testing.T) (*balancers, *classical) {
	t.Helper()
	l, c := testLab(t, balancerSpec())
	b := &bench{}
	t.Cleanup(func() {
		for _, undo := range slices.Backward(b.undo) {
			if err := undo(); err != nil {
				t.Error(err)
			}
		}
	})
	all := &balancers{lab: l, empty: c.Empty}
	peer, err := b.newClassical()
	if err := errors.Join(err, all.loadPeers(b)); err != nil {
		t.Fatal(err)
	}
	return all, peer
}

func testFeed(t *testing.T, l *lab, traffic clientTraffic) *feed {
	t.Helper()
	f, err := traffic.feed(l, testCPU)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.close() })
	return f
}

// The peers must be right, or it says nothing to be faster.
func TestBalancers(t *testing.T) {
	all, c := testPeers(t)
	clients := randomClients(testkit.Rand(t), 64)
	for _, f := range families {
		p := all.floors
		fixed, classical := f.program(p.FixedBackend4, p.FixedBackend6), c.program(f)
		other := families[0]
		if !f.ipv6 {
			other = families[1]
		}
		service := f.service(dataplane.TrackChanged)
		known := clientTraffic{service, clients, flagACK}
		for _, row := range []struct {
			name     string
			traffic  clientTraffic
			programs []*ebpf.Program
			want     outcome
		}{
			{"balances", known, []*ebpf.Program{fixed, classical}, balances},
			{"new flow", clientTraffic{service, nil, flagSYN}, []*ebpf.Program{fixed, classical}, balances},
			{"moves", known, []*ebpf.Program{f.program(p.Moved4, p.Moved6)}, moves},
			{"sends back", known, []*ebpf.Program{p.Tx}, returns},
			{"other port", clientTraffic{netip.AddrPortFrom(service.Addr(), servicePort+1), clients, flagACK}, []*ebpf.Program{classical}, passes},
			{"no service", clientTraffic{netip.AddrPortFrom(f.nobody(), servicePort), clients, flagACK}, []*ebpf.Program{classical}, passes},
			{"other family", clientTraffic{other.service(dataplane.TrackChanged), clients, flagACK}, []*ebpf.Program{fixed, classical}, passes},
		} {
			feed := testFeed(t, all.lab, row.traffic)
			for _, p := range row.programs {
				if err := (programRun{feed: feed, program: p, outcome: row.want}).check(); err != nil {
					t.Errorf("%s, %s, %v: %v", f.name, row.name, p, err)
				}
			}
		}
	}
	feed := testFeed(t, all.lab, clientTraffic{families[0].service(dataplane.TrackChanged), clients, flagACK})
	for _, p := range []*ebpf.Program{all.array.Flat, all.array.Read, all.array.Nested, all.equal.Nested, all.hash.Nested} {
		if err := (programRun{feed: feed, program: p, outcome: balances}).check(); err != nil {
			t.Errorf("%v: %v", p, err)
		}
	}
}

// Peer (c) knows flows again, also those of many, and sends each where it sent
// it before; the tables send each where the others do.
func TestFlowsStay(t *testing.T) {
	all, c := testPeers(t)
	random := testkit.Rand(t)
	clients := randomClients(random, 256)
	for _, f := range families {
		traffic := clientTraffic{f.service(dataplane.TrackChanged), clients, flagACK}
		feed := testFeed(t, all.lab, traffic)
		if err := traffic.prime(all.lab, testCPU, random, c.program(f), 10*len(clients)); err != nil {
			t.Fatal(err)
		}
		run := programRun{"", feed, c.program(f), balances, c.counts(true)}
		if err := run.check(); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
		first, again := backendsOfAll(t, feed, len(clients)), backendsOfAll(t, feed, len(clients))
		if !slices.Equal(first, again) {
			t.Errorf("%s: flows went to %v, then to %v", f.name, first, again)
		}
		if n := len(slices.Compact(slices.SortedFunc(slices.Values(first), netip.Addr.Compare))); n < backendCount/2 {
			t.Errorf("%s: 256 flows went to %d backends of %d", f.name, n, backendCount)
		}
	}
	feed := testFeed(t, all.lab, clientTraffic{families[0].service(dataplane.TrackChanged), clients, flagACK})
	var flat []netip.Addr
	for _, p := range []*ebpf.Program{all.array.Flat, all.array.Read, all.array.Nested, all.equal.Nested, all.hash.Nested} {
		if err := feed.to(p); err != nil {
			t.Fatal(err)
		}
		got := backendsOfAll(t, feed, len(clients))
		if flat == nil {
			flat = got
		}
		if !slices.Equal(got, flat) {
			t.Errorf("%v sends flows to %v, the flat table to %v", p, got, flat)
		}
	}
}

// backendsOfAll sends one packet of each flow to the present contender.
func backendsOfAll(t *testing.T, f *feed, flows int) (backends []netip.Addr) {
	t.Helper()
	if err := f.restart(); err != nil {
		t.Fatal(err)
	}
	for range flows {
		_, got, _, err := f.run(1, make([]byte, 2*frameBytes))
		if err != nil {
			t.Fatal(err)
		}
		_, backend := addressesOf(got)
		backends = append(backends, backend)
	}
	return backends
}

// Whatever became of the frame before, the next one is the next client's, right
// in every byte but the TCP checksum.
func TestClientsRestoreFrames(t *testing.T) {
	all, c := testPeers(t)
	clients := randomClients(testkit.Rand(t), 64)
	for _, f := range families {
		to := f.service(dataplane.TrackChanged)
		for _, row := range []struct {
			name    string
			clients []client
			flags   byte
		}{{"known", clients, flagACK}, {"new", nil, flagSYN}} {
			feed := testFeed(t, all.lab, clientTraffic{to, row.clients, row.flags})
			frame := func(i int) []byte {
				c := client{Address: [4]byte{44, 0, 0, byte(i)}, Port: [2]byte{4, 0}} // port 1024
				if row.clients != nil {
					c = row.clients[i%len(row.clients)]
				}
				return tcpFrame(generatorMAC, ingressMAC, c.source(f.ipv6), to, row.flags)
			}
			first := feed.frame
			// The buffer starts as another run left it: longer, and written over.
			feed.frame = encapsulated(first, serviceOf(f.ipv6, dataplane.TrackAlways), serviceOf(f.ipv6, dataplane.TrackNever))
			if err := feed.to(all.empty); err != nil {
				t.Fatal(err)
			}
			for i := range 2*len(clients) + 1 {
				_, got, _, err := feed.run(1, make([]byte, 3*frameBytes))
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, frame(i)) {
					t.Fatalf("%s, %s, flow %d: frame %x, want %x", f.name, row.name, i, got, frame(i))
				}
			}
			// And after any number of runs of a balancer.
			if err := feed.to(c.program(f)); err != nil {
				t.Fatal(err)
			}
			if err := feed.restart(); err != nil {
				t.Fatal(err)
			}
			verdict, got, _, err := feed.run(200, make([]byte, 3*frameBytes))
			if err == nil {
				err = isEncapsulated(frame(200-1), got)
			}
			if err != nil || verdict != xdpTX {
				t.Errorf("%s, %s, after 200 runs: verdict %d, %v", f.name, row.name, verdict, err)
			}
		}
	}
}
