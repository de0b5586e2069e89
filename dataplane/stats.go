// SPDX-License-Identifier: Apache-2.0

package dataplane

// Counter counts frames and their bytes at ingress, the Ethernet header
// included and the FCS not.
type Counter struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

func (c *Counter) add(o Counter) {
	c.Packets += o.Packets
	c.Bytes += o.Bytes
}

// Stats is what has been counted since the data path was first loaded; restarts,
// upgrades and changes of size don't begin it anew.
type Stats struct {
	Generation int
	Ports      []PortStats // by ifindex
}

// PortStats are the counts of one port. With traffic still, Received is the sum
// of Reasons; while packets are on their way it may be ahead of it.
type PortStats struct {
	Name     string
	Ifindex  int
	Mode     Mode // as obtained
	Received Counter
	Reasons  map[Reason]Counter // those that are not zero
	// LostAfterEmit counts packets that were sent on or punted, and that the kernel
	// then could not deliver to the egress device or socket, as far as its
	// tracepoints tell.
	LostAfterEmit uint64
}

// Stats reads the counters of all attached ports.
func (d *Dataplane) Stats() (Stats, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.follow(); err != nil {
		return Stats{}, err
	}
	if d.counts == nil {
		return Stats{}, ErrNotLoaded
	}
	stats := Stats{Generation: d.manifest.Generation}
	for _, p := range d.manifest.Ports {
		t, err := d.counts.ofSlot(d.manifest.Slots[p.Name])
		if err != nil {
			return Stats{}, err
		}
		t.add(d.manifest.Carried[p.Name])
		port := PortStats{Name: p.Name, Ifindex: p.Ifindex, Mode: p.Mode, Received: t.Received,
			Reasons: map[Reason]Counter{}, LostAfterEmit: t.Lost}
		for name, c := range t.Reasons {
			if reason, known := ParseReason(name); known {
				port.Reasons[reason] = c
			}
		}
		stats.Ports = append(stats.Ports, port)
	}
	return stats, nil
}
