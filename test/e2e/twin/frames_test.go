// SPDX-License-Identifier: Apache-2.0

package twin

import (
	"encoding/binary"
	"slices"

	"clearway/internal/testkit"
	"clearway/internal/testkit/model"
)

// frames makes n random frames, numbered from first on.
func (g generator) frames(n, first int) []frame {
	var all []frame
	for len(all) < n {
		f, ok := g.frame()
		if !ok {
			continue
		}
		number(f.bytes, first+len(all))
		g.edge(f.bytes)
		all = append(all, f)
		for len(all) < n && g.chance(10) {
			all = append(all, g.sibling(f, first+len(all)))
		}
	}
	return all
}

// frame makes one that the port takes: it must be no longer than its MTU. To
// which link Linux forwards a link-local destination is a matter of turns, and
// to pass it is all that Clearway does.
func (g generator) frame() (frame, bool) {
	port, b := model.GenFrame(g.Rand, g.topology)
	name := g.device(port)
	if a := parse(b).dst; a.Is6() && a.IsLinkLocalUnicast() {
		return frame{}, false
	}
	headers := 14
	if binary.BigEndian.Uint16(b[12:]) == testkit.EtherType8021Q {
		headers = 18
	}
	for _, l := range g.links {
		if l.B.Name == name {
			return frame{name, b}, len(b) <= l.MTU+headers && !slices.Contains(g.down, name)
		}
	}
	return frame{}, false
}

// sibling is another packet of a frame's flow, which in IPv6 has no number.
func (g generator) sibling(f frame, n int) frame {
	b := slices.Clone(f.bytes)
	p := parse(b)
	switch {
	case p.version == 4 && b[p.ip] == 0x45:
		b[p.ip+8] = byte(2 + g.IntN(200))
		fixChecksum(b[p.ip:])
		number(b, n)
	case p.version == 6:
		b[p.ip+7] = byte(2 + g.IntN(200))
	}
	return frame{f.port, b}
}

// edge gives a few frames a header checksum of one of the two zeros, both of
// which are right for the same header. They lose their number for it.
func (g generator) edge(b []byte) {
	p := parse(b)
	if p.version != 4 || b[p.ip] != 0x45 || testkit.Checksum(b[p.ip:p.ip+20]) != 0 || !g.chance(1) {
		return
	}
	ip := b[p.ip:]
	ip[4], ip[5] = 0, 0
	fixChecksum(ip)
	copy(ip[4:6], ip[10:12])
	zero := byte(pick(g, 0, 0xff))
	ip[10], ip[11] = zero, zero
}
