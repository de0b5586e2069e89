// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"

	"clearway/maglev"
)

// classical is peer (c). It tracks all services alike.
type classical struct {
	*classicalObjects
}

// serviceKey is struct service_key in classical.bpf.c.
type serviceKey struct {
	Address  [16]byte
	Port     [2]byte // network byte order
	Protocol uint16
}

func newClassical(services []service) (*classical, error) {
	spec, variables, err := load[classicalVariableSpecs](loadClassical)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		variables.Gateway.Set(backWay()),
		variables.Source4.Set(outerSource4.Addr().As4()),
		variables.Source6.Set(outerSource6.Addr().As16()),
	)
	if err != nil {
		return nil, fmt.Errorf("setting up peer (c): %w", err)
	}
	spec.Maps["flows"].MaxEntries = flowRoom
	spec.Maps["rings"].MaxEntries = uint32(len(services) * tableSize)
	c := &classical{new(classicalObjects)}
	if err := spec.LoadAndAssign(c.classicalObjects, nil); err != nil {
		return nil, fmt.Errorf("loading peer (c): %w", err)
	}
	if err := c.fill(services); err != nil {
		return nil, errors.Join(fmt.Errorf("filling the maps of peer (c): %w", err), c.Close())
	}
	return c, nil
}

// program is the one of a family.
func (c *classical) program(f family) *ebpf.Program { return f.program(c.Classical4, c.Classical6) }

// fill writes services, and backends of their own for each.
func (c *classical) fill(services []service) error {
	var rings []uint32
	var backends [][4]uint32
	for number, s := range services {
		key := serviceKey{Protocol: protocolTCP}
		copy(key.Address[:], s.address.AsSlice())
		binary.BigEndian.PutUint16(key.Port[:], servicePort)
		if err := c.Services.Put(key, uint32(number)); err != nil {
			return err
		}
		ring, err := newRing(backendsOf(s.address))
		if err != nil {
			return err
		}
		for _, i := range ring {
			rings = append(rings, uint32(len(backends))+i)
		}
		for _, b := range backendsOf(s.address) {
			backends = append(backends, wordsOf(b))
		}
	}
	return errors.Join(fillArray(c.Rings, rings), fillArray(c.Backends, backends))
}

// newRing is a Maglev table of indexes into backends, which weigh the same.
func newRing(backends []netip.Addr) ([]uint32, error) {
	var named []maglev.Backend
	for _, b := range backends {
		named = append(named, maglev.Backend{Name: b.String(), Weight: 1})
	}
	table, err := maglev.Build(tableSize, 0, named)
	if err != nil {
		return nil, err
	}
	ring := make([]uint32, len(table))
	for i, b := range table {
		ring[i] = uint32(b)
	}
	return ring, nil
}

// wordsOf is an address as the programs hold it: IPv4 in the first word.
func wordsOf(a netip.Addr) (words [4]uint32) {
	for i, b := 0, a.AsSlice(); i < len(b)/4; i++ {
		words[i] = binary.NativeEndian.Uint32(b[4*i:])
	}
	return words
}

func addressWords(addresses []netip.Addr) []uint32 {
	out := make([]uint32, len(addresses))
	for i, a := range addresses {
		out[i] = wordsOf(a)[0]
	}
	return out
}

// Indexes of counters in classical.bpf.c.
const (
	classicalFlows    = 1
	classicalVerdicts = 2
)

// counter is struct counter in classical.bpf.c.
type counter struct{ Packets, Bytes uint64 }

func (c *classical) counter(index uint32) (sum counter, err error) {
	var perCPU []counter
	if err := c.Counters.Lookup(index, &perCPU); err != nil {
		return sum, fmt.Errorf("reading the counters of peer (c): %w", err)
	}
	for _, one := range perCPU {
		sum.Packets += one.Packets
		sum.Bytes += one.Bytes
	}
	return sum, nil
}

// count answers how many packets were sent back, and how many of all were the
// first of their flow.
func (c *classical) count() (sent, started uint64, err error) {
	verdicts, err := c.counter(classicalVerdicts + xdpTX)
	if err != nil {
		return 0, 0, err
	}
	flows, err := c.counter(classicalFlows)
	return verdicts.Packets, flows.Bytes, err
}

// counts proves that all packets were sent back, and that they were the first of
// their flows, or of known ones.
func (c *classical) counts(known bool) proof {
	return func(packets uint64, f func() error) error {
		want := packets
		if known {
			want = 0
		}
		sent, started, err := c.count()
		if err != nil {
			return err
		}
		if err := f(); err != nil {
			return err
		}
		sentAfter, startedAfter, err := c.count()
		if err != nil {
			return err
		}
		if sent, started = sentAfter-sent, startedAfter-started; sent != packets || started != want {
			return fmt.Errorf("of %d packets %d were sent back, and %d began a flow; want all, and %d", packets, sent, started, want)
		}
		return nil
	}
}
