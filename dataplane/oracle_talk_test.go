// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"net/netip"
	"slices"
	"time"
)

// openFlow starts a flow, perhaps from a port that one had before.
func (o *oracle) openFlow(s *subject, f flowID) {
	if s.inUse[f] {
		return
	}
	settle := int(s.config.Settle / time.Second)
	gaps := []int{2, 8, max(2, settle-1), 3*settle + 5}
	c := &conn{subject: s, flow: f, gap: gaps[o.rng.IntN(len(gaps))], ends: o.now + time.Duration(1+o.rng.IntN([]int{20, 3*settle + 60}[o.rng.IntN(2)]))*time.Second}
	s.inUse[f] = true
	o.conns = append(o.conns, c)
	o.send(c, o.first(s))
	c.next = o.now + time.Duration(o.rng.IntN(3))*time.Second
}

func (o *oracle) first(s *subject) shot {
	if s.config.Protocol == UDP {
		return shotData
	}
	return shotSYN
}

// newFlow is one of any sender.
func (o *oracle) newFlow(s *subject) flowID {
	f := flowID{source: netip.AddrFrom4([4]byte{10, 10, byte(o.rng.IntN(256)), byte(o.rng.IntN(256))})}
	if s.config.Address.Is6() {
		f.source = netip.AddrFrom16([16]byte{0xfd, 0, 0, 0x10, 13: byte(o.rng.IntN(256)), 14: byte(o.rng.IntN(256)), 15: 1})
	}
	if s.config.Affinity == AffinitySource {
		return f
	}
	f.sport, f.dport = uint16(1024+o.rng.IntN(60000)), 8080
	if ports := s.config.Ports; len(ports) > 0 {
		f.dport = ports[o.rng.IntN(len(ports))]
	}
	return f
}

// proceed sends what a flow sends next.
func (o *oracle) proceed(c *conn) {
	tcp := c.subject.config.Protocol == TCP
	switch {
	case tcp && !c.confirmed && o.rng.IntN(6) == 0:
		o.send(c, shotSYN)
		c.next = o.now + time.Duration(1+o.rng.IntN(3))*time.Second
		return
	case o.rng.IntN(12) == 0:
		o.send(c, shotError)
	case tcp && o.rng.IntN(12) == 0:
		o.send(c, shotRST)
	case tcp && o.rng.IntN(20) == 0:
		o.send(c, oddShots[o.rng.IntN(len(oddShots))])
	case c.subject.config.Affinity == AffinitySource && o.rng.IntN(8) == 0:
		o.send(c, []shot{shotPart, shotSYN}[o.rng.IntN(2)])
	}
	o.send(c, shotData)
	c.next = o.now + time.Duration(1+o.rng.IntN(c.gap))*time.Second
}

// traffic has some packets arrive of any flows.
func (o *oracle) traffic(packets int) {
	for range packets {
		if len(o.conns) > 0 {
			o.proceed(o.conns[o.rng.IntN(len(o.conns))])
		}
		if s := o.subjects[o.rng.IntN(len(o.subjects))]; o.rng.IntN(4) == 0 {
			o.openFlow(s, o.newFlow(s))
		}
	}
}

// talk has all flows send what is due, some end and others start.
func (o *oracle) talk() {
	for i := 0; i < len(o.conns); i++ {
		c := o.conns[i]
		if c.next <= o.now {
			o.proceed(c)
		}
		if c.ends > o.now || !c.confirmed {
			continue
		}
		tcp := o.first(c.subject).flags != 0 && c.subject.config.Affinity == AffinityNone
		if tcp && o.rng.IntN(3) > 0 {
			o.send(c, shotFIN)
		}
		o.conns = slices.Delete(o.conns, i, i+1)
		delete(c.subject.inUse, c.flow)
		if i--; tcp && o.rng.IntN(4) == 0 {
			o.openFlow(c.subject, c.flow)
		}
	}
	for range o.rng.IntN(12) {
		s := o.subjects[o.rng.IntN(len(o.subjects))]
		o.openFlow(s, o.newFlow(s))
	}
}
