// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/cilium/ebpf"
)

// Clients come from these prefixes, which hold no other address of the lab. They
// differ in the last 24 bits, and in their ports.
var (
	clients4 = netip.MustParsePrefix("44.0.0.0/8")
	clients6 = netip.MustParsePrefix("2001:db8:c1::2c00:0/104")
)

// client is struct client in clients.bpf.c, as it is in memory: network byte
// order.
type client struct {
	Address [4]byte // IPv6: the last word
	Port    [2]byte
	_       uint16
}

// source is the whole of a client.
func (c client) source(ipv6 bool) netip.AddrPort {
	address := netip.AddrFrom4(c.Address)
	if ipv6 {
		a := clients6.Addr().As16()
		copy(a[12:], c.Address[:])
		address = netip.AddrFrom16(a)
	}
	return netip.AddrPortFrom(address, binary.BigEndian.Uint16(c.Port[:]))
}

// randomClients are n clients anywhere in the prefixes.
func randomClients(r *rand.Rand, n int) []client {
	clients := make([]client, n)
	for i := range clients {
		clients[i].Address = clients4.Addr().As4()
		clients[i].Address[1] = byte(r.Uint32())
		binary.BigEndian.PutUint16(clients[i].Address[2:], uint16(r.Uint32()))
		binary.BigEndian.PutUint16(clients[i].Port[:], uint16(1024+r.IntN(1<<16-1024)))
	}
	return clients
}

// clientTraffic is what clients send to an address and port. Without clients
// each packet is a new one's.
type clientTraffic struct {
	to      netip.AddrPort
	clients []client
	flags   byte // of TCP
}

// first is the frame of the first client.
func (t clientTraffic) first() []byte {
	c := client{Address: clients4.Addr().As4(), Port: [2]byte{4, 0}}
	if len(t.clients) > 0 {
		c = t.clients[0]
	}
	return t.from(c.source(t.to.Addr().Is6()))
}

func (t clientTraffic) from(source netip.AddrPort) []byte {
	return tcpFrame(generatorMAC, ingressMAC, source, t.to, t.flags)
}

// load loads the programs that send the traffic; send4 and send6 send by
// balancer, an ifindex in the namespace of the calling thread, unless it is 0.
func (t clientTraffic) load(balancer int) (*clientsObjects, error) {
	spec, variables, err := load[clientsVariableSpecs](loadClients)
	if err != nil {
		return nil, err
	}
	first := t.first()
	err = errors.Join(
		variables.Original.Set(originalOf(t.from(netip.AddrPortFrom(unspecified(t.to.Addr()), 0)))),
		variables.OriginalEthertype.Set([2]byte(first[12:])),
		variables.OriginalPort.Set(binary.BigEndian.AppendUint16(nil, t.to.Port())),
		variables.OriginalBytes.Set(uint32(len(first))),
		variables.ClientCount.Set(uint32(len(t.clients))),
		variables.NewClients.Set(clients4.Addr().As4()),
		variables.BalancerIfindex.Set(uint32(balancer)),
	)
	if err != nil {
		return nil, fmt.Errorf("setting up clients: %w", err)
	}
	spec.Maps["tx_devices"].MaxEntries = uint32(balancer) + 1
	spec.Maps["clients"].MaxEntries = uint32(max(1, len(t.clients)))
	objects := new(clientsObjects)
	if err := spec.LoadAndAssign(objects, nil); err != nil {
		return nil, fmt.Errorf("loading the programs of clients: %w", err)
	}
	if err := t.fill(objects, balancer); err != nil {
		return nil, errors.Join(err, objects.Close())
	}
	return objects, nil
}

func (t clientTraffic) fill(objects *clientsObjects, balancer int) error {
	if len(t.clients) > 0 {
		if err := fillArray(objects.Clients, t.clients); err != nil {
			return fmt.Errorf("writing the clients: %w", err)
		}
	}
	if balancer == 0 {
		return nil
	}
	if err := objects.TxDevices.Put(uint32(balancer), uint32(balancer)); err != nil {
		return fmt.Errorf("adding the generator's device: %w", err)
	}
	return nil
}

// packets is after how many all clients were seen.
func (t clientTraffic) packets() int { return max(manyFlows, len(t.clients)) }

// feed loads the traffic for test runs in a lab's router.
func (t clientTraffic) feed(l *lab, cpu int) (*feed, error) {
	c, err := t.load(0)
	if err != nil {
		return nil, err
	}
	s := sender{t.first(), t.packets(), c.Strip4, c.Contender, c.NextClient, c.Close}
	if t.to.Addr().Is6() {
		s.program = c.Strip6
	}
	return &feed{s, l, cpu}, nil
}

// crowd fills p's LRU with clients that don't come again.
func crowd(to netip.AddrPort, l *lab, cpu int, p *ebpf.Program) error {
	const elsewhere = 1 << 31 // far from where new clients begin
	return clientTraffic{to, nil, flagSYN}.sendOnce(l, cpu, p, elsewhere, flowRoom)
}

// prime makes the clients known to p, as so many clients of whom they are a part
// would be after some time: in no order. A table that is read in the order in
// which it was filled, the processor reads ahead; and flows that came together
// share pages.
func (t clientTraffic) prime(l *lab, cpu int, r *rand.Rand, p *ebpf.Program, among int) error {
	others := randomClients(r, max(0, among-len(t.clients)))
	t.clients = slices.Concat(t.clients, others)
	r.Shuffle(len(t.clients), func(i, j int) { t.clients[i], t.clients[j] = t.clients[j], t.clients[i] })
	return t.sendOnce(l, cpu, p, 0, len(t.clients))
}

// sendOnce sends p so many packets, from the given client on.
func (t clientTraffic) sendOnce(l *lab, cpu int, p *ebpf.Program, first uint32, packets int) error {
	f, err := t.feed(l, cpu)
	if err != nil {
		return err
	}
	if err = errors.Join(f.to(p), f.next.Set(first)); err == nil {
		_, _, _, err = f.run(packets, nil)
	}
	return errors.Join(err, f.close())
}

// chain makes a lab in which the router sends frames back to the generator.
func (t clientTraffic) chain(l *lab, cpu int) (*chain, error) {
	return startChain(l, generatorHost, l.generator, cpu, func() (sender, error) {
		c, err := t.load(l.generator.Index)
		if err != nil {
			return sender{}, err
		}
		s := sender{t.first(), t.packets(), c.Send4, nil, c.NextClient, c.Close}
		if t.to.Addr().Is6() {
			s.program = c.Send6
		}
		return s, nil
	})
}

// fillArray writes the first entries of an array.
func fillArray[T any](array *ebpf.Map, values []T) error {
	keys := make([]uint32, len(values))
	for i := range keys {
		keys[i] = uint32(i)
	}
	_, err := array.BatchUpdate(keys, values, nil)
	return err
}
