// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"net/netip"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// ErrNoProbes: the kernel has no tcx (Linux 6.6), which takes health probes to
// their backends as traffic goes.
var ErrNoProbes = errors.New("the kernel can't steer health probes: it has no tcx programs (Linux 6.6)")

// ProbeTarget is the way of health probes to one backend. Probes are TCP
// connections from an address of this host to the service address, so the
// backend answers this host directly, as it answers clients.
type ProbeTarget struct {
	Mode    ServiceMode
	Address netip.Addr // of the backend
	Source  netip.Addr // outer, of the backend's family; not for l2
	GUEPort uint16     // for gue
	Egress  int        // ifindex of the Ethernet or VLAN device that leads to it
}

// Prober sends marked TCP packets of this host to backends: in a tunnel, or to
// the backend's MAC address. It acts where the routes to the service addresses
// leave, which is where the kernel sends such packets; on IPv4 the backend's
// answers must come in there, too, if rp_filter is strict.
//
// Packets must fit the path with the outer headers, which is up to the sockets:
// TCP_MAXSEG, 1220 for paths of 1280 bytes. More than one packet in one write is
// sent one by one in GUE over IPv6, the first after a fifth of a second.
//
// Nothing of it is pinned: it ends with Close, or the process. Programs of
// others on the same devices stay and run after it. A Prober belongs to the
// network namespace it was made in, and is not safe for concurrent use.
type Prober struct {
	coll    *ebpf.Collection
	targets map[uint32]probeTarget
	links   map[int]link.Link // by ifindex
}

// NewProber loads the program; no device has it yet. The error is [ErrNoProbes]
// where the kernel lacks what it needs.
func NewProber() (*Prober, error) {
	spec, err := loadProbe()
	if err != nil {
		return nil, fmt.Errorf("reading the embedded object: %w", err)
	}
	coll, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, advise("loading the program for health probes", err)
	}
	p := &Prober{coll, map[uint32]probeTarget{}, map[int]link.Link{}}
	// No device has this index, so that only the kind of link can be unknown.
	if _, err := p.attach(math.MaxInt32); errors.Is(err, ebpf.ErrNotSupported) {
		coll.Close()
		return nil, ErrNoProbes
	}
	return p, nil
}

// Set says where packets go by the mark of their socket (SO_MARK), and at which
// devices, by ifindex, they are looked for. It replaces what was set before.
// Packets without a mark of targets are left alone. Set new targets before
// probes are sent with their marks: they would go where routes lead.
//
// Errors about one target or device don't keep the others from being set; what
// failed is tried again by the next Set.
func (p *Prober) Set(targets map[uint32]ProbeTarget, devices []int) error {
	var errs []error
	want := make(map[uint32]probeTarget, len(targets))
	for _, mark := range slices.Sorted(maps.Keys(targets)) {
		t, err := targets[mark].record()
		if mark == 0 {
			err = errors.New("a mark of 0 is none")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("steering probes with mark %#x: %w", mark, err))
			continue
		}
		want[mark] = t
	}
	errs = append(errs, p.setTargets(want), p.setDevices(devices))
	return errors.Join(errs...)
}

// Close takes the program off all devices.
func (p *Prober) Close() error {
	err := p.setDevices(nil)
	p.coll.Close()
	return err
}

func (p *Prober) setTargets(want map[uint32]probeTarget) error {
	var errs []error
	m := p.coll.Maps["targets"]
	for mark := range p.targets {
		if _, stays := want[mark]; stays {
			continue
		}
		if err := m.Delete(mark); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			errs = append(errs, fmt.Errorf("forgetting probes with mark %#x: %w", mark, err))
			continue
		}
		delete(p.targets, mark)
	}
	for mark, t := range want {
		if now, known := p.targets[mark]; known && now == t {
			continue
		}
		if err := m.Put(mark, t); err != nil {
			errs = append(errs, fmt.Errorf("steering probes with mark %#x: %w", mark, err))
			continue
		}
		p.targets[mark] = t
	}
	return errors.Join(errs...)
}

func (p *Prober) setDevices(want []int) error {
	var errs []error
	for ifindex, l := range p.links {
		if slices.Contains(want, ifindex) && !severedTCX(l) {
			continue
		}
		if err := l.Close(); err != nil {
			errs = append(errs, fmt.Errorf("taking the program for health probes off %s: %w", deviceName(ifindex), err))
		}
		delete(p.links, ifindex)
	}
	for _, ifindex := range want {
		if p.links[ifindex] != nil {
			continue
		}
		l, err := p.attach(ifindex)
		if err != nil {
			errs = append(errs, advise("attaching the program for health probes to "+deviceName(ifindex), err))
			continue
		}
		p.links[ifindex] = l
	}
	return errors.Join(errs...)
}

// attach puts the program before those of others, which see what it sends.
func (p *Prober) attach(ifindex int) (link.Link, error) {
	return link.AttachTCX(link.TCXOptions{
		Interface: ifindex,
		Program:   p.coll.Programs["probe"],
		Attach:    ebpf.AttachTCXEgress,
		Anchor:    link.Head(),
	})
}

// severedTCX tells whether the device of a link has gone.
func severedTCX(l link.Link) bool {
	info, err := l.Info()
	return err == nil && info.TCX() != nil && info.TCX().Ifindex == 0
}

func deviceName(ifindex int) string {
	if i, err := net.InterfaceByIndex(ifindex); err == nil {
		return i.Name
	}
	return fmt.Sprintf("device %d", ifindex)
}

// record is the target as the program reads it.
func (t ProbeTarget) record() (probeTarget, error) {
	r := probeTarget{Address: wireWords(t.Address), Egress: uint32(t.Egress)}
	if !t.Address.IsValid() || t.Egress <= 0 {
		return r, fmt.Errorf("backend %v, egress %d: both are needed", t.Address, t.Egress)
	}
	if t.Address.Is6() {
		r.Flags |= probeTargetBitTARGET_IPV6
	}
	if t.Mode == L2 {
		r.Flags |= probeTargetBitTARGET_L2
		return r, nil
	}
	if t.Source.BitLen() != t.Address.BitLen() {
		return r, fmt.Errorf("outer source %v is not of the family of backend %v", t.Source, t.Address)
	}
	r.Source = wireWords(t.Source)
	switch {
	case t.Mode == GUE && t.GUEPort != 0:
		r.Flags |= probeTargetBitTARGET_GUE
		r.GuePort = uint32(t.GUEPort)
	case t.Mode != IPIP:
		return r, fmt.Errorf("mode %q, GUE port %d: not a way to a backend", t.Mode, t.GUEPort)
	}
	return r, nil
}
