// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"

	"clearway/tracking"
)

// oracle is a router with services, those who send through it, and what should
// become of their packets.
type oracle struct {
	*timedRouter
	*outcome
	rng      *rand.Rand
	subjects []*subject
	conns    []*conn
	macs     map[MAC]*server

	limits    Limits
	seed      uint64
	resizeNow bool
	clock     tracking.Clock // as the programs were told last
	started   time.Duration  // of this process
	swept     time.Duration
	changing  bool // in the middle of a change
	explains  bool
	former    *leftBehind // while no process is there
	seq       int

	wrong   string // the first thing that is,
	suspect *conn  // of this flow
	verbose bool
	log     []oracleLine
}

// outcome is what histories came to.
type outcome struct {
	choices map[tracking.Choice]int
	moved   map[string]int // flows that went elsewhere, by why they may
	stayed  int            // packets of flows that had to go where they went
}

// subject is a service of a history: what it should be, what is configured but for
// the backends, those, and what is promised.
type subject struct {
	*shadow
	template Service
	servers  []*server
	promises promises
	inUse    map[flowID]bool
	dropped  Counter
}

func (s *subject) accepting() bool { return slices.ContainsFunc(s.servers, (*server).accepts) }

// oracleLine is one of the log: of a flow, or of all.
type oracleLine struct {
	of   *conn
	text string
}

// leftBehind is what a process that has ended left to the programs.
type leftBehind struct {
	decide   *ebpf.Program
	flows    map[string]*ebpf.Map
	services map[string]*registered
}

// server is a backend. If it dies its flows are lost, and it is another one that
// comes back under its address.
type server struct {
	address  netip.Addr
	life     int
	weight   uint16
	here     bool // configured
	left     bool // ever
	drains   bool
	disabled bool
	down     bool // doesn't answer any more, and
	diesAt   time.Duration
	dead     bool
	sent     Counter
}

func (v *server) String() string { return v.name().String() }

// name is the address, the zero value that of nobody.
func (v *server) name() (a netip.Addr) {
	if v != nil {
		a = v.address
	}
	return a
}

func (v *server) mac() MAC {
	b := v.address.As16()
	return MAC{2, 0x99, 0, 0, b[14], b[15]}
}

func (v *server) alive() bool   { return v.here && !v.disabled && !v.dead }
func (v *server) accepts() bool { return v.alive() && !v.drains && !v.down && v.weight > 0 }

// to changes a server; if it doesn't live any more its flows are lost.
func (v *server) to(change func()) {
	before := v.alive()
	change()
	if before && !v.alive() {
		v.life++
	}
}

// oracleServices are one of each kind.
func oracleServices(rng *rand.Rand) []Service {
	pick := func(of ...time.Duration) time.Duration { return of[rng.IntN(len(of))] * time.Second }
	all := []Service{
		{Name: "tcp4", Mode: IPIP, Protocol: TCP, Ports: []uint16{80, 443}},
		{Name: "tcp6", Mode: GUE, Protocol: TCP},
		{Name: "l2", Mode: L2, Protocol: TCP, Ports: []uint16{80}},
		{Name: "udp4", Mode: GUE, Protocol: UDP, Ports: []uint16{53}},
		{Name: "source6", Mode: IPIP, Protocol: TCP, Ports: []uint16{80}, Affinity: AffinitySource},
		{Name: "source4", Mode: IPIP, Protocol: UDP, Ports: []uint16{53}, Affinity: AffinitySource},
		{Name: "always6", Mode: IPIP, Protocol: TCP, Ports: []uint16{80}, Tracking: TrackAlways},
		{Name: "never4", Mode: IPIP, Protocol: TCP, Ports: []uint16{80}, Tracking: TrackNever},
	}
	for i := range all {
		s := &all[i]
		s.Address = netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})
		if strings.HasSuffix(s.Name, "6") {
			s.Address = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0xca, 0xfe, 15: byte(i)})
		}
		if s.Affinity == "" {
			s.Affinity = AffinityNone
		}
		if s.Tracking == "" {
			s.Tracking = TrackChanged
		}
		s.Settle = pick(0, 20, 60, 60, 200, 360)
		s.TableSize = oracleSizes[rng.IntN(len(oracleSizes))]
	}
	return all
}

var oracleSizes = []int{31, 61, 127, 251}

// backendsOfAService are how many a service has at most.
const backendsOfAService = 8

// addServers makes the backends of a service, some of which are configured.
func (o *oracle) addServers(s *subject, number int) {
	t := s.template
	for i := range backendsOfAService {
		v := &server{weight: uint16(1 + o.rng.IntN(3)), here: i < 2+o.rng.IntN(4), address: netip.AddrFrom4([4]byte{10, 99, byte(number), byte(i + 1)})}
		if t.Mode == L2 && t.Address.Is6() || t.Mode != L2 && i%2 == number%2 {
			v.address = netip.AddrFrom16([16]byte{0xfd, 0, 0, 0x99, 14: byte(number), 15: byte(i + 1)})
		}
		o.macs[v.mac()] = v
		s.servers = append(s.servers, v)
	}
}

// config is the state that the servers make.
func (o *oracle) config() State {
	s := o.state
	s.Limits, s.ResizeNow = o.limits, o.resizeNow
	s.Balance = Balance{Seed: o.seed, Source4: netip.MustParsePrefix("172.16.0.0/16"), Source6: netip.MustParsePrefix("100::/96"), GUEPort: 6080, ICMPRate: 1000}
	s.NextHops = map[netip.Addr]NextHop{}
	for _, subject := range o.subjects {
		one := subject.template
		for _, v := range subject.servers {
			if !v.here {
				continue
			}
			one.Backends = append(one.Backends, Backend{Address: v.address, Weight: v.weight, Alive: v.alive(),
				Accept: v.alive() && !v.drains && !v.down, State: Active})
			s.NextHops[v.address] = NextHop{Egress: o.state.L3[1].Ifindex, MAC: v.mac(), MTU: 1500}
		}
		s.Services = append(s.Services, one)
	}
	return s
}

func (o *oracle) logf(of *conn, format string, args ...any) {
	if o.verbose {
		o.log = append(o.log, oracleLine{of, fmt.Sprintf("%8v  ", o.now-oracleStart) + fmt.Sprintf(format, args...)})
	}
}

// story is what the log has to say about what is wrong.
func (o *oracle) story() string {
	var lines []string
	for _, l := range o.log {
		if l.of == nil || l.of == o.suspect || o.suspect != nil && l.of.subject == o.suspect.subject && l.of.flow == o.suspect.flow {
			lines = append(lines, l.text)
		}
	}
	return strings.Join(lines[max(0, len(lines)-100):], "\n")
}

func (o *oracle) violate(c *conn, format string, args ...any) {
	if o.wrong == "" {
		o.suspect, o.wrong = c, fmt.Sprintf("at %v: ", o.now-oracleStart)+fmt.Sprintf(format, args...)
	}
}
