// SPDX-License-Identifier: Apache-2.0

package dataplane_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"testing"

	"clearway/dataplane"
	"clearway/internal/testkit"
	"clearway/internal/testkit/model"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
)

// defaultFrames of the comparison; CLEARWAY_FRAMES asks for more.
const defaultFrames = 60_000

// framesPerState is how many frames meet each random state, twinStates how
// many states there are for one in which the twin is compared too.
const (
	framesPerState = 1000
	twinStates     = 6
	// freshStates is after how many states all begins anew: names of services
	// that were are kept back for a while.
	freshStates = 50
)

// TestModel compares the programs with the reference model over random frames
// and states: verdict, reason, counters of ports, services and backends, and each
// byte of what comes out.
func TestModel(t *testing.T) {
	testkit.RequireKernel(t, "5.14", "a test run that is told its interface")
	frames := defaultFrames
	if env := os.Getenv("CLEARWAY_FRAMES"); env != "" {
		var err error
		if frames, err = strconv.Atoi(env); err != nil {
			t.Fatalf("CLEARWAY_FRAMES: %v", err)
		}
	}
	c := newComparison(t)
	if err := c.router.Do(func() error { return c.run(frames) }); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d frames: %v", frames, c.seen)
	for _, reason := range dataplane.Reasons() {
		if c.seen[reason.String()] == 0 && !unseen(reason.String()) {
			t.Errorf("no frame ended with %s", reason)
		}
	}
}

// unseen are the reasons that the model doesn't have, that take a fault of the
// machine, which no frame makes, or several buffers.
func unseen(reason string) bool {
	switch reason {
	case "pass_no_finalize", "drop_no_finalize":
		return true
	case "pass_header_split":
		return !dataplane.CanSplit()
	}
	return !model.Has(reason)
}

type comparison struct {
	t        *testing.T
	random   *rand.Rand
	router   *topo.Host
	topology *model.Topology
	dp       *dataplane.Dataplane
	bpffs    string
	seen     map[string]int
	failures int
}

func newComparison(t *testing.T) *comparison {
	c := &comparison{t: t, random: testkit.Rand(t), seen: map[string]int{}}
	lab := topotest.New(t, modelLab())
	c.router = lab.Host("router")
	c.topology = newTopology(t, c.router)
	setUp(t, c.router, c.topology)
	c.bpffs = topotest.BPFFS(t) + "/clearway"
	if err := c.router.Do(c.open); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.dp.Close() })
	return c
}

func (c *comparison) open() (err error) {
	c.dp, err = dataplane.Open(dataplane.Config{BPFFS: c.bpffs})
	return err
}

// fresh begins anew.
func (c *comparison) fresh() error {
	if err := c.dp.Close(); err != nil {
		return err
	}
	if _, err := dataplane.Detach(c.bpffs, nil); err != nil {
		return err
	}
	return c.open()
}

// run is on a thread in the router.
func (c *comparison) run(frames int) error {
	for n := 0; n*framesPerState < frames; n++ {
		if n%freshStates == freshStates-1 {
			if err := c.fresh(); err != nil {
				return err
			}
		}
		m := &model.Model{State: model.GenState(c.random, c.topology), FIB: c.topology.FIB.Lookup}
		if _, err := c.dp.Apply(context.Background(), m.State); err != nil {
			return fmt.Errorf("state %d: %w", n, err)
		}
		if err := c.state(m, min(framesPerState, frames-n*framesPerState), n%twinStates == 0); err != nil {
			return fmt.Errorf("state %d: %w", n, err)
		}
	}
	return nil
}

// state sends frames through what is applied.
func (c *comparison) state(m *model.Model, frames int, twin bool) error {
	runner, accounts := dataplane.NewRunner(c.dp), accounts{}
	for range frames {
		port, frame := c.frame(m)
		if len(frame) > mostLinear && !dataplane.CanSplit() {
			continue
		}
		linear := genLinear(c.random, len(frame))
		want := m.RunSplit(port, frame, linear)
		c.seen[want.Reason]++
		accounts.add(want, len(frame))
		c.live(runner, port, frame, linear, want)
		if twin && linear == len(frame) {
			c.twin(runner, port, frame, want)
		}
		if c.failures >= 10 {
			return fmt.Errorf("too many differences, the rest is left out")
		}
	}
	services, err := c.dp.Services()
	if err == nil {
		accounts.check(c.t, services)
	}
	return err
}

func (c *comparison) frame(m *model.Model) (port int, frame []byte) {
	if len(m.State.Services) > 0 && c.random.IntN(100) < 45 {
		return model.GenServiceFrame(c.random, c.topology, &m.State)
	}
	return model.GenFrame(c.random, c.topology)
}

// accounts are what services and, by service and address, backends should have
// counted.
type accounts map[[2]string]dataplane.Counter

func (a accounts) add(r model.Result, bytes int) {
	if r.Service == "" {
		return
	}
	key := [2]string{r.Service}
	if r.Reason == "balance" {
		key[1] = r.Backend.String()
	}
	sum := a[key]
	sum.Packets++
	sum.Bytes += uint64(bytes)
	a[key] = sum
}

func (a accounts) check(t *testing.T, services []dataplane.ServiceStats) {
	t.Helper()
	for _, s := range services {
		if want := a[[2]string{s.Name}]; s.Dropped != want {
			t.Errorf("service %s dropped %v, the model %v", s.Name, s.Dropped, want)
		}
		for _, b := range s.Backends {
			if want := a[[2]string{s.Name, b.Address.String()}]; b.Sent != want {
				t.Errorf("backend %v of service %s was sent %v, by the model %v", b.Address, s.Name, b.Sent, want)
			}
		}
	}
}

// mostLinear is less than what the kernel's test runs have room for.
const mostLinear = 3000

// genLinear is how much of a frame is in the linear part. A frame of the least
// length comes in one buffer from every driver.
func genLinear(r *rand.Rand, length int) int {
	switch {
	case length > mostLinear:
		return mostLinear
	case length >= 64 && r.IntN(20) == 0 && dataplane.CanSplit():
		return 14 + r.IntN(length-14)
	}
	return length
}

func (c *comparison) live(runner *dataplane.Runner, port int, frame []byte, linear int, want model.Result) {
	ran, err := runner.Live(port, frame, dataplane.Placed{Linear: linear})
	c.check("live", port, frame, linear, want, ran, err)
}

func (c *comparison) twin(runner *dataplane.Runner, port int, frame []byte, want model.Result) {
	e, ran, err := runner.Twin(port, frame)
	switch {
	case err != nil:
	case e.Service != want.Service || want.Reason == "balance" && e.Backend != want.Backend:
		err = fmt.Errorf("explained are service %q and backend %v, want %q and %v", e.Service, e.Backend, want.Service, want.Backend)
	case want.Out != nil && (!sameEgress(e, want) || !bytes.Equal(e.Output, ran.Out)):
		err = fmt.Errorf("explained are egress %d and %x, want %d and %x", e.Egress, e.Output, want.Egress, ran.Out)
	}
	c.check("twin", port, frame, len(frame), want, ran, err)
}

// sameEgress: an answer's egress isn't explained.
func sameEgress(e dataplane.Explanation, want model.Result) bool {
	return e.Egress == want.Egress || want.Reason == "drop_too_big"
}

// check compares the bytes of all that leaves or is passed: nobody sees those of a
// dropped frame.
func (c *comparison) check(program string, port int, frame []byte, linear int, want model.Result, got dataplane.Ran, err error) {
	out, diff := frame, ""
	if want.Out != nil {
		out = want.Out
	}
	if want.Verdict != "drop" {
		diff = testkit.Diff(out, got.Out)
	}
	if err == nil && got.Verdict == want.Verdict && got.Reason == want.Reason && diff == "" {
		return
	}
	c.failures++
	c.t.Errorf("%s: port %d, %d of %d bytes linear: %x\n%s with %s, the model says %s with %s, service %q, backend %v; error: %v\n%s",
		program, port, linear, len(frame), frame, got.Verdict, got.Reason, want.Verdict, want.Reason, want.Service, want.Backend, err, diff)
}

// modelDevices are the devices of the router. Some stand in for VLAN devices or
// a bond: the FIB knows them, frames come and go by others.
var modelDevices = []struct {
	name    string
	mtu     int
	over    string   // VLAN: the device below
	vid     uint16   //
	members []string // bond
}{
	{name: "eth0", mtu: 1500},
	{name: "eth1", mtu: 1400},
	{name: "eth2", mtu: 9000},
	{name: "bond0", mtu: 1500, members: []string{"slave0", "slave1"}},
	{name: "eth0.100", mtu: 1500, over: "eth0", vid: 100},
	{name: "eth0.200", mtu: 1496, over: "eth0", vid: 200},
	{name: "eth1.100", mtu: 1400, over: "eth1", vid: 100},
	{name: "eth2.300", mtu: 9000, over: "eth2", vid: 300},
	{name: "slow0", mtu: 1500}, // takes no redirects
	{name: "tun0", mtu: 1500},  // only the FIB knows it
	{name: "bridged", mtu: 1500},
	{name: "slave0", mtu: 1500},
	{name: "slave1", mtu: 1500},
}

// l3Devices is how many of those are L3 interfaces.
const l3Devices = 10

func modelLab() *topo.Lab {
	lab := &topo.Lab{Hosts: []topo.HostSpec{
		{Name: "router", Forward: true},
		topo.Silent("silent"),
	}}
	for _, d := range modelDevices {
		lab.Links = append(lab.Links, topo.Link{MTU: d.mtu,
			A: topo.End{Host: "router", Name: d.name, NAPI: topo.NAPINone},
			B: topo.End{Host: "silent", Name: d.name, NAPI: topo.NAPINone}})
	}
	return lab
}

// newTopology describes the router to the model's generators.
func newTopology(t *testing.T, router *topo.Host) *model.Topology {
	t.Helper()
	index := map[string]int{}
	var l3 []dataplane.L3Interface
	for _, d := range modelDevices {
		i, err := router.Interface(d.name)
		if err != nil {
			t.Fatal(err)
		}
		index[d.name] = i.Index
		port := i.Index
		if d.over != "" {
			port = index[d.over]
		}
		l3 = append(l3, dataplane.L3Interface{Name: d.name, Ifindex: i.Index, Port: port, VID: d.vid, MAC: dataplane.MAC(i.MAC), MTU: d.mtu,
			Forward4: true, Forward6: true, Up: true, RedirectNative: d.name != "slow0", RedirectFrags: i.Index%2 == 0})
	}
	for i, d := range modelDevices {
		for _, m := range d.members {
			l3[i].Members = append(l3[i].Members, index[m])
		}
	}
	ports := []dataplane.Port{}
	for _, name := range []string{"eth0", "eth1", "eth2", "bridged", "slave0", "slave1"} {
		mode := dataplane.Native
		if name == "eth2" {
			mode = dataplane.Generic
		}
		ports = append(ports, dataplane.Port{Name: name, Ifindex: index[name], Mode: mode})
	}
	topology := model.NewTopology(ports, l3[:l3Devices])
	// One that the FIB does not know, in the place of the one that only it knows.
	unknown := l3[2]
	unknown.Name, unknown.Ifindex, unknown.VID = "eth2.400", 60000, 400
	topology.L3[l3Devices-1] = unknown
	topology.Hosts[unknown.Ifindex] = topology.Hosts[l3[2].Ifindex]
	return topology
}

// setUp gives the kernel the FIB of the topology.
func setUp(t *testing.T, router *topo.Host, topology *model.Topology) {
	t.Helper()
	names := map[int]string{}
	for _, d := range modelDevices {
		i, err := router.Interface(d.name)
		if err != nil {
			t.Fatal(err)
		}
		names[i.Index] = d.name
	}
	for i, a := range topology.Local { // two a device
		if err := router.AddAddress(modelDevices[i/2].name, netip.PrefixFrom(a, map[bool]int{true: 24, false: 64}[a.Is4()])); err != nil {
			t.Fatal(err)
		}
	}
	for n, mac := range topology.FIB.Neighbours {
		if err := router.AddNeighbor(topo.Neighbor{Device: names[n.Ifindex], Address: n.Addr, MAC: mac[:]}); err != nil {
			t.Fatal(err)
		}
	}
	types := map[model.RouteType]topo.RouteType{model.BlackholeRoute: topo.Blackhole, model.UnreachableRoute: topo.Unreachable, model.ProhibitRoute: topo.Prohibit}
	for _, r := range topology.FIB.Routes {
		if r.Type == model.LocalRoute || r.Type == "" && !r.Gateway.IsValid() {
			continue // these came with the addresses
		}
		route := topo.Route{To: r.Prefix, Via: r.Gateway, Type: types[r.Type], MTU: r.MTU, LockMTU: r.MTU != 0}
		if err := router.AddRoute(route); err != nil {
			t.Fatal(err)
		}
	}
}
