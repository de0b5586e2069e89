// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"encoding/binary"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// message is an RTM_NEWLINK message for devices that not every kernel has, as
// the kernel writes it (rtnl_fill_ifinfo in net/core/rtnetlink.c).
type message struct {
	index, below, master int
	name, kind, slave    string
	data, slaveData      func(*netlink.AttributeEncoder)
	nsid                 int32 // of below, 0 for ours
	flags                uint32
}

func (m message) encode(t *testing.T) []byte {
	t.Helper()
	header := make([]byte, sizeofIfInfomsg)
	binary.NativeEndian.PutUint16(header[2:], unix.ARPHRD_ETHER)
	nativePutUint32(header[4:], uint32(m.index))
	nativePutUint32(header[8:], m.flags)
	attrs := netlink.NewAttributeEncoder()
	attrs.String(unix.IFLA_IFNAME, m.name)
	attrs.Uint32(unix.IFLA_MTU, 1500)
	if m.below != 0 {
		attrs.Uint32(unix.IFLA_LINK, uint32(m.below))
	}
	if m.nsid != 0 {
		attrs.Int32(unix.IFLA_LINK_NETNSID, m.nsid)
	}
	if m.master != 0 {
		attrs.Uint32(unix.IFLA_MASTER, uint32(m.master))
	}
	attrs.Nested(unix.IFLA_LINKINFO, func(info *netlink.AttributeEncoder) error {
		if m.kind != "" {
			info.String(unix.IFLA_INFO_KIND, m.kind)
		}
		nested(info, unix.IFLA_INFO_DATA, m.data)
		if m.slave != "" {
			info.String(unix.IFLA_INFO_SLAVE_KIND, m.slave)
		}
		nested(info, unix.IFLA_INFO_SLAVE_DATA, m.slaveData)
		return nil
	})
	options, err := attrs.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return append(header, options...)
}

func nested(to *netlink.AttributeEncoder, kind uint16, fn func(*netlink.AttributeEncoder)) {
	if fn != nil {
		to.Nested(kind, func(e *netlink.AttributeEncoder) error { fn(e); return nil })
	}
}

func vlanData(vid uint16, protocol uint16) func(*netlink.AttributeEncoder) {
	return func(e *netlink.AttributeEncoder) {
		e.Uint16(iflaVLANID, vid)
		e.Bytes(iflaVLANProtocol, binary.BigEndian.AppendUint16(nil, protocol))
	}
}

func bondState(state uint8) func(*netlink.AttributeEncoder) {
	return func(e *netlink.AttributeEncoder) { e.Uint8(iflaBondSlave, state) }
}

func macvlanMode(mode uint32) func(*netlink.AttributeEncoder) {
	return func(e *netlink.AttributeEncoder) { e.Uint32(iflaMacvlanMode, mode) }
}

// decodeAll decodes messages and relates the links to each other.
func decodeAll(t *testing.T, messages []message) View {
	t.Helper()
	var devices []device
	for _, m := range messages {
		d, wanted, err := decodeDevice(m.encode(t))
		if err != nil || !wanted {
			t.Fatalf("%s: wanted %v, %v", m.name, wanted, err)
		}
		devices = append(devices, d)
	}
	relate(devices)
	var v View
	for _, d := range devices {
		v.Links = append(v.Links, d.Link)
	}
	return v
}

func TestDecodeStackedLinks(t *testing.T) {
	const up = unix.IFF_UP | unix.IFF_LOWER_UP
	v := decodeAll(t, []message{
		{index: 2, name: "eth0", flags: up},
		{index: 3, name: "eth0.7", kind: "vlan", below: 2, data: vlanData(7, 0x8100), flags: unix.IFF_UP, master: 10},
		{index: 4, name: "eth0.8", kind: "vlan", below: 2, data: vlanData(4094, 0x88a8)},
		{index: 5, name: "moved.9", kind: "vlan", below: 2, nsid: 1, data: vlanData(9, 0x8100)},
		{index: 6, name: "eth1", master: 8, slave: "bond", slaveData: bondState(0)},
		{index: 7, name: "eth2", master: 8, slave: "bond", slaveData: bondState(bondBackup)},
		{index: 8, name: "bond0", kind: "bond"},
		{index: 9, name: "bond0.7", kind: "vlan", below: 8, data: vlanData(7, 0x8100)},
		{index: 10, name: "red", kind: "vrf"},
		{index: 11, name: "eth3", master: 99}, // a master that has just gone
		{index: 12, name: "eth4"},
		{index: 13, name: "ipv0", kind: "ipvlan", below: 12},
		{index: 14, name: "eth5"},
		{index: 15, name: "mv0", kind: "macvlan", below: 14, data: macvlanMode(4)}, // bridge mode takes only its own
		{index: 16, name: "eth6"},
		{index: 17, name: "mv1", kind: "macvlan", below: 16, data: macvlanMode(macvlanSource)},
		{index: 18, name: "eth7"},
		{index: 19, name: "sec0", kind: "macsec", below: 18},
	})
	tests := []struct {
		name string
		want Link
	}{
		{"eth0", Link{Up: true}},
		{"eth0.7", Link{Type: "vlan", Parent: 2, VID: 7, VLANProtocol: 0x8100, Master: 10, MasterType: "vrf"}},
		{"eth0.8", Link{Type: "vlan", Parent: 2, VID: 4094, VLANProtocol: 0x88a8}},
		{"moved.9", Link{Type: "vlan", VID: 9, VLANProtocol: 0x8100}},
		{"eth1", Link{Master: 8, MasterType: "bond"}},
		{"eth2", Link{Master: 8, MasterType: "bond", Backup: true}},
		{"bond0.7", Link{Type: "vlan", Parent: 8, VID: 7, VLANProtocol: 0x8100}},
		{"eth3", Link{Master: 99}},
		{"eth4", Link{Claimed: "ipvlan"}},
		{"eth5", Link{}},
		{"eth6", Link{Claimed: "macvlan"}},
		{"eth7", Link{Claimed: "macsec"}},
	}
	for _, test := range tests {
		got := *v.ByName(test.name)
		test.want.Name, test.want.Index, test.want.MTU, test.want.Ethernet = test.name, got.Index, 1500, true
		if got != test.want {
			t.Errorf("got  %+v\nwant %+v", got, test.want)
		}
	}
}

// Whatever comes, decoding ends without a panic; what is cut short is an error
// or a shorter list of attributes.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 16))
	f.Add(routeRequest(unix.AF_INET, unix.RTN_LOCAL))
	f.Fuzz(func(t *testing.T, b []byte) {
		decodeDevice(b)
		decodeNetconf(b)
		decodeRoute(b)
		decodeNexthop(b)
		decodeRule(b)
		decodePolicy(b)
		decodeNeighbour(b)
		decodeXDPFeatures(b)
		decodeFeatures(b, map[uint32]string{1: rxVLANFeature, 70: "rx-lro"})
		new(route).decodeLegs(b)
	})
}
