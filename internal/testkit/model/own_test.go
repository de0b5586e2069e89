// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/binary"
	"testing"

	"clearway/internal/testkit"
)

func TestOwn(t *testing.T) {
	other := testkit.NewFrame(mac1, host).IPv4("10.1.0.5", "10.3.0.7").UDP(7, 9)
	broadcast := testkit.NewFrame([6]byte{255, 255, 255, 255, 255, 255}, host).IPv6("2001:db8:1::5", "2001:db8:3::7").UDP(7, 9)
	short := udp4().IHL(4).Bytes()
	short[24], short[25] = 0, 0
	binary.BigEndian.PutUint16(short[24:], testkit.Checksum(short[14:30]))
	runRows(t, []row{
		{"another's MAC", other.Bytes(), nil, "pass_not_ours"},
		{"broadcast", broadcast.Bytes(), nil, "pass_not_ours"},
		{"a port without L3", udp4().Bytes(), func(m *Model) { m.State.L3 = m.State.L3[2:] }, "pass_not_ours"},
		{"not a port", udp4().Bytes(), func(m *Model) { m.State.Ports = nil }, "pass_not_ours"},
		{"only VLANs, untagged frame", udp4().Bytes(), func(m *Model) { m.State.L3 = m.State.L3[1:] }, "pass_vlan"},
		{"another VLAN", to0().Tag(101).IPv4("10.1.0.5", "10.3.0.7").UDP(7, 9).Bytes(), nil, "pass_vlan"},
		{"a VLAN of another port", to0().Tag(200).IPv6("2001:db8:1::5", "2001:db8:3::7").UDP(7, 9).Bytes(), nil, "pass_vlan"},
		{"VLAN before MAC", testkit.NewFrame(mac1, host).Tag(101).IPv4("10.1.0.5", "10.3.0.7").UDP(7, 9).Bytes(), nil, "pass_vlan"},
		{"VID 0 is untagged", to0().Tag(0xe000).IPv4("10.1.0.5", "10.3.0.7").UDP(7, 9).Bytes(), nil, "forward"},
		{"MAC before header", testkit.NewFrame(mac1, host).IPv4("10.1.0.5", "10.3.0.7").BadChecksum().UDP(7, 9).Bytes(), nil, "pass_not_ours"},
		{"version 5", udp4().Version(5).Bytes(), nil, "pass_header"},
		{"IHL 4", udp4().IHL(4).Bytes(), nil, "pass_header"},
		{"IHL 4 with the checksum of 16 bytes", short, nil, "pass_header"},
		{"IHL 15 beyond the frame", to0().IPv4("10.1.0.5", "10.3.0.7").IHL(15).UDP(7, 9).Bytes(), nil, "pass_header"},
		{"total length 19", udp4().Length(19).Bytes(), nil, "pass_header"},
		{"total length 20", udp4().Length(20).Bytes(), nil, "pass_truncated"},
		{"total length is the frame's", udp4().Length(48).Bytes(), nil, "forward"},
		{"total length beyond the frame", udp4().Length(49).Bytes(), nil, "pass_header"},
		{"total length in the trailer", udp4().Trailer(1).Length(49).Bytes(), nil, "forward"},
		{"checksum", udp4().BadChecksum().Bytes(), nil, "pass_header"},
		{"IPv6 version", udp6().Version(4).Bytes(), nil, "pass_header"},
		{"payload length 0", udp6().Length(0).Bytes(), nil, "pass_header"},
		{"payload length 1", udp6().Length(1).Bytes(), nil, "pass_truncated"},
		{"payload length is the frame's", udp6().Length(28).Bytes(), nil, "forward"},
		{"payload length beyond the frame", udp6().Length(29).Bytes(), nil, "pass_header"},
	})
}

// TestBond: frames arrive on the slaves and leave by the bond.
func TestBond(t *testing.T) {
	m := newModel()
	m.State.L3[0].Port, m.State.L3[0].Members = 9, []int{1, 5}
	m.State.L3 = m.State.L3[:3]
	m.State.L3 = append(m.State.L3[:1], m.State.L3[2])
	if got := m.Run(1, udp4().Bytes()); got.Reason != "forward" {
		t.Errorf("into a slave: %s", got.Reason)
	}
	m.State.Ports[0].Ifindex = 9
	if got := m.Run(9, udp4().Bytes()); got.Reason != "pass_not_ours" {
		t.Errorf("into the bond itself: %s", got.Reason)
	}
	back := testkit.NewFrame(mac1, host).IPv4("10.3.0.7", "10.1.0.5").UDP(9, 7).Bytes()
	if got := m.Run(3, back); got.Reason != "forward" || got.Egress != 1 || got.Device != 9 {
		t.Errorf("out of the bond: %+v", got)
	}
}
