// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"clearway/dataplane"
	"clearway/internal/netstate"
)

func TestMain(m *testing.M) {
	if os.Getenv(envPrivileges) != "" {
		os.Exit(probePrivileges())
	}
	goleak.VerifyTestMain(m)
}

// fakeDataplane does as it is told and notes what it was asked.
type fakeDataplane struct {
	mu      sync.Mutex
	fail    error  // what Apply returns
	refuse  string // the port that can't be attached
	applied []dataplane.State
	closed  bool
	frame   []byte // of the last Explain
	answer  dataplane.Explanation
	former  []dataplane.ServiceStats // what Services tells before the first Apply
	preview func(dataplane.State) dataplane.Changes
	ticks   int
	tickErr error
	sockets []dataplane.Socket
	// checkSocket, unless nil, sees descriptors that are to be registered.
	checkSocket func(socket int)
}

func (d *fakeDataplane) Apply(_ context.Context, s dataplane.State) (dataplane.Changes, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		return dataplane.Changes{}, d.fail
	}
	if slices.ContainsFunc(s.Ports, func(p dataplane.Port) bool { return p.Name == d.refuse }) {
		return dataplane.Changes{}, &dataplane.AttachError{Interface: d.refuse, Err: syscall.EBUSY}
	}
	changes := dataplane.Changes{Generation: len(d.applied) + 1}
	if len(d.applied) == 0 || !reflect.DeepEqual(s, d.applied[len(d.applied)-1]) {
		changes.Lines = []string{fmt.Sprintf("%d ports", len(s.Ports))}
	}
	d.applied = append(d.applied, s)
	return changes, nil
}

func (d *fakeDataplane) Preview(s dataplane.State) (dataplane.Changes, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.preview(s), nil
}

func (d *fakeDataplane) Tick(context.Context) (dataplane.Changes, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ticks++
	return dataplane.Changes{}, d.tickErr
}

func (d *fakeDataplane) Services() (stats []dataplane.ServiceStats, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.applied) == 0 && d.former == nil {
		return nil, dataplane.ErrNotLoaded
	}
	if len(d.applied) == 0 {
		return d.former, nil
	}
	for _, s := range d.last().Services {
		one := dataplane.ServiceStats{Name: s.Name, Address: s.Address, Protocol: s.Protocol, Ports: s.Ports, TableSize: s.TableSize, TrackFull: 3}
		for _, b := range s.Backends {
			one.Backends = append(one.Backends, dataplane.BackendStats{Address: b.Address, Weight: b.Weight, State: b.State, Order: b.Order,
				Alive: b.Alive, Accept: b.Accept, Sent: dataplane.Counter{Packets: 7, Bytes: 700}})
		}
		stats = append(stats, one)
	}
	return stats, nil
}

func (d *fakeDataplane) Stats() (dataplane.Stats, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := dataplane.Stats{Generation: len(d.applied)}
	for _, p := range d.last().Ports {
		reasons := map[dataplane.Reason]dataplane.Counter{dataplane.Forward: {Packets: 2, Bytes: 120}}
		if len(d.last().Punt) > 0 {
			reasons[dataplane.Punted] = dataplane.Counter{Packets: 4, Bytes: 240}
			reasons[dataplane.PassNoSocket] = dataplane.Counter{Packets: 5, Bytes: 300}
		}
		s.Ports = append(s.Ports, dataplane.PortStats{Name: p.Name, Ifindex: p.Ifindex, Mode: dataplane.Native,
			Received: dataplane.Counter{Packets: 2, Bytes: 120}, Reasons: reasons})
	}
	return s, nil
}

func (d *fakeDataplane) RegisterSocket(port string, queue, socket int) error {
	if d.checkSocket != nil {
		d.checkSocket(socket)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if queue >= dataplane.PuntQueues {
		return errors.New("no such queue")
	}
	d.sockets = append(d.sockets, dataplane.Socket{Port: port, Queue: queue})
	return nil
}

func (d *fakeDataplane) Sockets() ([]dataplane.Socket, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sockets, nil
}

func (d *fakeDataplane) Explain(_ int, frame []byte) (dataplane.Explanation, error) {
	d.frame = slices.Clone(frame)
	return d.answer, nil
}

func (d *fakeDataplane) Close() error {
	d.closed = true
	return nil
}

// last is the state applied last; with mu held.
func (d *fakeDataplane) last() dataplane.State {
	if len(d.applied) == 0 {
		return dataplane.State{}
	}
	return d.applied[len(d.applied)-1]
}

// ports are the names in the state applied last.
func (d *fakeDataplane) ports() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for _, p := range d.last().Ports {
		names = append(names, p.Name)
	}
	return names
}

func (d *fakeDataplane) setFail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = err
}

// fakeMachine is a machine with the links it is given.
type fakeMachine struct {
	mu       sync.Mutex
	links    []netstate.Link
	stripped map[int]bool // VLAN offload by ifindex
	changes  chan struct{}
	routes   []netstate.Route
	// guesses makes it an old kernel, on which devices take frames only when
	// they have been looked at once, which stands for a program attached.
	guesses bool
	looks   int
}

func newFakeMachine(names ...string) *fakeMachine {
	m := &fakeMachine{changes: make(chan struct{}, 1), stripped: make(map[int]bool)}
	for i, name := range names {
		m.links = append(m.links, fakeLink(name, i+1))
	}
	return m
}

func fakeLink(name string, index int) netstate.Link {
	return netstate.Link{Index: index, Name: name, MAC: dataplane.MAC{2, 0, 0, 0, 0, byte(index)}, MTU: 1500,
		Ethernet: true, Up: true, Forward4: true, RedirectNative: true}
}

func (m *fakeMachine) Read(context.Context) (netstate.View, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := netstate.View{Links: slices.Clone(m.links), RedirectGuessed: m.guesses}
	for i := range v.Links {
		v.Links[i].RedirectNative = v.Links[i].RedirectNative && (!m.guesses || m.looks > 0)
	}
	m.looks++
	return v, nil
}

// NextHops finds all backends behind eth1.
func (m *fakeMachine) NextHops(_ context.Context, addresses []netip.Addr) (map[netip.Addr]netstate.NextHop, error) {
	hops := make(map[netip.Addr]netstate.NextHop)
	for _, a := range addresses {
		hops[a] = netstate.NextHop{Egress: 2, Ethernet: true, Gateway: a, Source: netip.MustParseAddr("192.0.2.1"), MAC: dataplane.MAC{2, 0, 0, 0, 0, 0xee}, MTU: 1500}
	}
	return hops, nil
}

func (m *fakeMachine) Watch(context.Context, *slog.Logger) (<-chan struct{}, error) {
	return m.changes, nil
}

func (m *fakeMachine) Find(_ context.Context, l netstate.Lookup) (string, error) {
	return fmt.Sprintf("%v from %v by %d", l.Destination, l.Source, l.Ingress), nil
}

func (m *fakeMachine) Routes(context.Context) iter.Seq2[netstate.Route, error] {
	return func(yield func(netstate.Route, error) bool) {
		for _, r := range m.routes {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (m *fakeMachine) SetVLANOffload(ifindex int, on bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.ContainsFunc(m.links, func(l netstate.Link) bool { return l.Index == ifindex }) {
		return fs.ErrNotExist
	}
	m.stripped[ifindex] = on
	return nil
}

func (m *fakeMachine) RefreshNeighbours(ctx context.Context, _ *slog.Logger) error {
	<-ctx.Done()
	return nil
}

// set changes the links and says so.
func (m *fakeMachine) set(links ...netstate.Link) {
	m.mu.Lock()
	m.links = links
	m.mu.Unlock()
	m.changes <- struct{}{}
}
