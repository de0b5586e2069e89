// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"errors"
	"net/netip"

	"clearway/dataplane"
	"clearway/internal/topo"
)

// The lab's hosts and devices: g0 of the generator leads to r0 of the router,
// r1 of the router to s0 of the sink.
const (
	generatorHost = "generator"
	routerHost    = "router"
	sinkHost      = "sink"
)

var (
	generatorMAC = dataplane.MAC{2, 0, 0, 0, 0, 1}
	ingressMAC   = dataplane.MAC{2, 0, 0, 0, 0, 2}
	egressMAC    = dataplane.MAC{2, 0, 0, 0, 0, 3}
	sinkMAC      = dataplane.MAC{2, 0, 0, 0, 0, 4}
	// nextHopMAC is what the router sends to. It is not the sink's, so that
	// frames which reach the sink's stack end there at the first look.
	nextHopMAC = dataplane.MAC{2, 0, 0, 0, 0, 5}

	nextHop4 = netip.MustParseAddr("198.51.100.2")
	nextHop6 = netip.MustParseAddr("fd00:2::2")
)

// lab is a generator, a router and a sink in a row. Each contender of M2 has
// one to itself: attaching programs in turns would change the devices under it.
type lab struct {
	topo.Lab
	generator, ingress, egress, sink topo.Interface // g0, r0, r1, s0
}

func newLab(ctx context.Context, router topo.HostSpec) (*lab, error) {
	l := &lab{Lab: topo.Lab{
		Hosts: []topo.HostSpec{{Name: generatorHost}, router, {Name: sinkHost}},
		Links: []topo.Link{
			{
				A: end(routerHost, "r0", ingressMAC, "192.0.2.1/24", "fd00:1::1/64"),
				B: end(generatorHost, "g0", generatorMAC, "192.0.2.2/24", "fd00:1::2/64"),
			},
			{
				A: end(sinkHost, "s0", sinkMAC),
				B: end(routerHost, "r1", egressMAC, "198.51.100.1/24", "fd00:2::1/64"),
			},
		},
	}}
	if err := l.Up(ctx); err != nil {
		return nil, err
	}
	if err := l.findDevices(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// routerSpec is a router by which all destinations of the forward lane are
// reached, behind r1.
func routerSpec() topo.HostSpec {
	spec := topo.HostSpec{
		Name:    routerHost,
		Forward: true,
		Neighbors: []topo.Neighbor{
			{Device: "r1", Address: nextHop4, MAC: nextHopMAC[:]},
			{Device: "r1", Address: nextHop6, MAC: nextHopMAC[:]},
		},
	}
	for i := range routes {
		spec.Routes = append(spec.Routes,
			topo.Route{To: route4(i), Via: nextHop4},
			topo.Route{To: route6(i), Via: nextHop6})
	}
	return spec
}

func end(host, name string, mac dataplane.MAC, addresses ...string) topo.End {
	e := topo.End{Host: host, Name: name, MAC: mac[:], NAPI: topo.NAPIByGRO}
	for _, a := range addresses {
		e.Addresses = append(e.Addresses, netip.MustParsePrefix(a))
	}
	return e
}

func (l *lab) findDevices() error {
	for _, d := range []struct {
		host, name string
		to         *topo.Interface
	}{
		{generatorHost, "g0", &l.generator},
		{routerHost, "r0", &l.ingress},
		{routerHost, "r1", &l.egress},
		{sinkHost, "s0", &l.sink},
	} {
		i, err := l.Host(d.host).Interface(d.name)
		if err != nil {
			return err
		}
		*d.to = i
	}
	return nil
}
