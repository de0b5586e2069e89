// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/netstate"

	"github.com/google/go-cmp/cmp"
)

// ethernet is a link that has nothing against being a port.
func ethernet(index int, name string) netstate.Link {
	return netstate.Link{
		Index: index, Name: name, Ethernet: true, Up: true, MTU: 1500, MAC: mac(index),
		Forward4: true, Forward6: true, RedirectNative: true, RedirectFrags: true, ReceiveFrags: true,
	}
}

// with is a link changed by some functions.
func with(l netstate.Link, change ...func(*netstate.Link)) netstate.Link {
	for _, c := range change {
		c(&l)
	}
	return l
}

func vlan(index int, name string, parent int, vid uint16) netstate.Link {
	return with(ethernet(index, name), func(l *netstate.Link) {
		l.Type, l.Parent, l.VID, l.VLANProtocol = "vlan", parent, vid, 0x8100
		l.RedirectNative, l.RedirectFrags = false, false // of no VLAN device
	})
}

func mac(index int) dataplane.MAC { return dataplane.MAC{2, 0, 0, 0, 0, byte(index)} }

// l3 is the L3 interface of a link that ethernet makes.
func l3(index int, name string) dataplane.L3Interface {
	return dataplane.L3Interface{
		Name: name, Ifindex: index, Port: index, MAC: mac(index), MTU: 1500,
		Forward4: true, Forward6: true, Up: true, RedirectNative: true, RedirectFrags: true,
	}
}

func vlanOn(port int, l dataplane.L3Interface, vid uint16) dataplane.L3Interface {
	l.Port, l.VID = port, vid
	return l
}

func view(links ...netstate.Link) netstate.View {
	return netstate.View{Links: links, Forwarding6: true}
}

func configOf(interfaces ...string) *config.Config {
	c := &config.Config{}
	for _, name := range interfaces {
		c.Interfaces = append(c.Interfaces, config.Interface{Name: name, Mode: dataplane.Auto})
	}
	return c
}

// build plans what the services have no part in.
func build(c *config.Config, v netstate.View) (dataplane.State, []Warning, error) {
	return Build(Input{Config: c, View: v})
}

func TestL3Interfaces(t *testing.T) {
	tests := []struct {
		name  string
		links []netstate.Link
		want  []dataplane.L3Interface
	}{
		{"a port, and a device that is only an egress",
			[]netstate.Link{ethernet(2, "eth0"), ethernet(3, "eth1")},
			[]dataplane.L3Interface{l3(2, "eth0"), l3(3, "eth1")}},
		{"loopback and tunnels",
			[]netstate.Link{{Index: 1, Name: "lo"}, {Index: 2, Name: "wg0", Type: "wireguard"}},
			nil},
		{"a VLAN takes redirects as its port does",
			[]netstate.Link{ethernet(2, "eth0"), vlan(3, "eth0.7", 2, 7)},
			[]dataplane.L3Interface{l3(2, "eth0"), vlanOn(2, l3(3, "eth0.7"), 7)}},
		{"VLANs without a device below, of 802.1ad, and on another",
			[]netstate.Link{
				vlan(3, "moved.7", 0, 7), vlan(4, "gone.7", 99, 7),
				with(vlan(5, "ad.7", 2, 7), func(l *netstate.Link) { l.VLANProtocol = 0x88a8 }),
				vlan(6, "inner.7", 5, 7),
			},
			nil},
		{"a VLAN 0 takes tagged frames that its port would take for untagged ones",
			[]netstate.Link{ethernet(2, "eth0"), vlan(3, "eth0.0", 2, 0), vlan(4, "eth0.7", 2, 7), ethernet(5, "eth1")},
			[]dataplane.L3Interface{vlanOn(2, l3(4, "eth0.7"), 7), l3(5, "eth1")}},
		{"a member of a VRF, and the VRF",
			[]netstate.Link{
				with(ethernet(2, "eth0"), func(l *netstate.Link) { l.Master, l.MasterType = 4, "vrf" }),
				with(vlan(3, "eth0.7", 2, 7), func(l *netstate.Link) { l.Master, l.MasterType = 4, "vrf" }),
				with(ethernet(4, "red"), func(l *netstate.Link) { l.Type = "vrf" }),
			},
			[]dataplane.L3Interface{l3(2, "eth0"), vlanOn(2, l3(3, "eth0.7"), 7)}},
		{"a bridge and its members: a VLAN on one is taken off before",
			[]netstate.Link{
				with(ethernet(2, "eth0"), func(l *netstate.Link) { l.Master, l.MasterType = 4, "bridge" }),
				vlan(3, "eth0.7", 2, 7),
				with(ethernet(4, "br0"), func(l *netstate.Link) { l.Type = "bridge" }),
			},
			[]dataplane.L3Interface{vlanOn(2, l3(3, "eth0.7"), 7), l3(4, "br0")}},
		{"members of a team, of Open vSwitch and of a master that has just gone",
			[]netstate.Link{
				with(ethernet(2, "eth0"), func(l *netstate.Link) { l.Master, l.MasterType = 9, "team" }),
				with(ethernet(3, "eth1"), func(l *netstate.Link) { l.Master, l.MasterType = 9, "openvswitch" }),
				with(ethernet(4, "eth2"), func(l *netstate.Link) { l.Master = 9 }),
			},
			nil},
		{"below an ipvlan",
			[]netstate.Link{with(ethernet(2, "eth0"), func(l *netstate.Link) { l.Claimed = "ipvlan" })},
			nil},
		{"a bond receives by its active members",
			[]netstate.Link{
				with(ethernet(2, "eth0"), func(l *netstate.Link) { l.Master, l.MasterType = 5, "bond" }),
				with(ethernet(3, "eth1"), func(l *netstate.Link) { l.Master, l.MasterType = 5, "bond" }),
				with(ethernet(4, "eth2"), func(l *netstate.Link) { l.Master, l.MasterType, l.Backup = 5, "bond", true }),
				with(ethernet(5, "bond0"), func(l *netstate.Link) { l.Type, l.RedirectNative = "bond", false }),
				vlan(6, "bond0.7", 5, 7),
			},
			[]dataplane.L3Interface{
				{Name: "bond0", Ifindex: 5, Port: 5, Members: []int{2, 3}, MAC: mac(5), MTU: 1500, Forward4: true, Forward6: true, Up: true, RedirectFrags: true},
				{Name: "bond0.7", Ifindex: 6, Port: 5, Members: []int{2, 3}, VID: 7, MAC: mac(6), MTU: 1500, Forward4: true, Forward6: true, Up: true, RedirectFrags: true},
			}},
		{"a VLAN larger than its port, and down",
			[]netstate.Link{
				with(ethernet(2, "eth0"), func(l *netstate.Link) { l.MTU = 1400 }),
				with(vlan(3, "eth0.7", 2, 7), func(l *netstate.Link) { l.Up = false }),
			},
			[]dataplane.L3Interface{
				{Name: "eth0", Ifindex: 2, Port: 2, MAC: mac(2), MTU: 1400, Forward4: true, Forward6: true, Up: true, RedirectNative: true, RedirectFrags: true},
				{Name: "eth0.7", Ifindex: 3, Port: 2, VID: 7, MAC: mac(3), MTU: 1400, RedirectNative: true, RedirectFrags: true},
			}},
		{"a port that is down takes its VLAN with it; sysctls",
			[]netstate.Link{
				with(ethernet(2, "eth0"), func(l *netstate.Link) { l.Up, l.RPFilter = false, 1 }),
				with(vlan(3, "eth0.7", 2, 7), func(l *netstate.Link) { l.RPFilter = 3 }),
				with(ethernet(4, "eth1"), func(l *netstate.Link) { l.Forward4, l.RPFilter = false, 2 }),
				with(ethernet(5, "eth2"), func(l *netstate.Link) { l.Forward6 = false }),
			},
			[]dataplane.L3Interface{
				{Name: "eth0", Ifindex: 2, Port: 2, MAC: mac(2), MTU: 1500, RPFilter: dataplane.RPFilterStrict, RedirectNative: true, RedirectFrags: true},
				{Name: "eth0.7", Ifindex: 3, Port: 2, VID: 7, MAC: mac(3), MTU: 1500, RPFilter: dataplane.RPFilterLoose, RedirectNative: true, RedirectFrags: true},
				{Name: "eth1", Ifindex: 4, Port: 4, MAC: mac(4), MTU: 1500, Forward6: true, RPFilter: dataplane.RPFilterLoose, Up: true, RedirectNative: true, RedirectFrags: true},
				{Name: "eth2", Ifindex: 5, Port: 5, MAC: mac(5), MTU: 1500, Forward4: true, Up: true, RedirectNative: true, RedirectFrags: true},
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, _, err := build(configOf(), view(test.links...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, s.L3); diff != "" {
				t.Errorf("L3 interfaces (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPorts(t *testing.T) {
	vethWith := func(change func(*netstate.Link)) netstate.Link {
		return with(ethernet(2, "eth0"), func(l *netstate.Link) { l.Type = "veth" }, change)
	}
	partial := func(l *netstate.Link) { l.PartialChecksum = true }
	tests := []struct {
		name  string
		port  config.Interface
		links []netstate.Link
		want  string // all that the error must say, parted by "…"; empty for a port
	}{
		{"plain", config.Interface{Mode: dataplane.Native}, []netstate.Link{ethernet(2, "eth0")}, ""},
		{"loopback", config.Interface{}, []netstate.Link{{Index: 1, Name: "eth0"}}, "no Ethernet device"},
		{"a VLAN", config.Interface{}, []netstate.Link{ethernet(2, "eth1"), vlan(3, "eth0", 2, 7)}, "is a VLAN…list eth1 instead"},
		{"a VLAN moved here", config.Interface{}, []netstate.Link{vlan(3, "eth0", 0, 7)}, "is a VLAN…list the device below"},
		{"a bond", config.Interface{}, []netstate.Link{
			with(ethernet(2, "eth0"), func(l *netstate.Link) { l.Type = "bond" }),
			with(ethernet(3, "eth1"), func(l *netstate.Link) { l.Master = 2 }),
			with(ethernet(4, "eth2"), func(l *netstate.Link) { l.Master = 2 }),
		}, "is a bond…list its members instead: eth1, eth2"},
		{"a VRF", config.Interface{}, []netstate.Link{with(ethernet(2, "eth0"), func(l *netstate.Link) { l.Type = "vrf" })}, "is a vrf"},
		{"LRO", config.Interface{}, []netstate.Link{with(ethernet(2, "eth0"), func(l *netstate.Link) { l.LRO = true })}, "ethtool -K eth0 lro off"},
		{"a peer here with checksums", config.Interface{},
			[]netstate.Link{vethWith(func(l *netstate.Link) { l.PartialChecksum, l.Peer.Name = true, "v1" })},
			"`ethtool -K v1 tx off`…allow-partial-checksum: true"},
		{"a peer elsewhere", config.Interface{},
			[]netstate.Link{vethWith(func(l *netstate.Link) {
				l.PartialChecksum, l.Peer = true, netstate.Peer{Name: "v1", Namespace: "/run/netns/x"}
			})},
			"`nsenter --net=/run/netns/x ethtool -K v1 tx off`"},
		{"a peer that can't be found", config.Interface{}, []netstate.Link{vethWith(partial)}, "ethtool -K PEER tx off"},
		{"allowed", config.Interface{AllowPartialChecksum: true}, []netstate.Link{vethWith(partial)}, ""},
		{"a tap", config.Interface{}, []netstate.Link{with(ethernet(2, "eth0"), partial, func(l *netstate.Link) { l.Type = "tun" })}, "vnet_hdr"},
		{"virtio, native", config.Interface{Mode: dataplane.Native},
			[]netstate.Link{with(ethernet(2, "eth0"), partial, func(l *netstate.Link) { l.Driver = "virtio_net" })}, ""},
		{"virtio, which may become generic", config.Interface{Mode: dataplane.Auto},
			[]netstate.Link{with(ethernet(2, "eth0"), partial, func(l *netstate.Link) { l.Driver = "virtio_net" })}, "mode: native"},
		{"hidden tags, but no VLANs", config.Interface{}, []netstate.Link{vethWith(func(l *netstate.Link) { l.HiddenTags = true })}, ""},
		{"hidden tags", config.Interface{AllowPartialChecksum: true},
			[]netstate.Link{vethWith(func(l *netstate.Link) { l.HiddenTags, l.Peer.Name = true, "v1" }), vlan(3, "eth0.7", 2, 7)},
			"ethtool -K v1 txvlan off"},
		{"stripping that can be stopped", config.Interface{},
			[]netstate.Link{with(ethernet(2, "eth0"), func(l *netstate.Link) { l.RXVLANOffload = true }), vlan(3, "eth0.7", 2, 7)}, ""},
		{"stripping that can't", config.Interface{},
			[]netstate.Link{with(ethernet(2, "eth0"), func(l *netstate.Link) { l.RXVLANOffload, l.RXVLANFixed = true, true }), vlan(3, "eth0.7", 2, 7)},
			"takes VLAN tags off"},
		{"stripping that can't, with a VLAN on the bond above", config.Interface{},
			[]netstate.Link{
				with(ethernet(2, "eth0"), func(l *netstate.Link) { l.RXVLANFixed, l.Master, l.MasterType = true, 3, "bond" }),
				with(ethernet(3, "bond0"), func(l *netstate.Link) { l.Type = "bond" }), vlan(4, "bond0.7", 3, 7),
			},
			"takes VLAN tags off"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.port.Name = "eth0"
			s, _, err := build(&config.Config{Interfaces: []config.Interface{test.port}}, view(test.links...))
			if (err != nil) != (test.want != "") {
				t.Fatalf("error %v, want %q", err, test.want)
			}
			var refused *PortError
			if err == nil {
				want := []dataplane.Port{{Name: "eth0", Ifindex: 2, Mode: test.port.Mode}}
				if !slices.Equal(s.Ports, want) {
					t.Errorf("ports %v, want %v", s.Ports, want)
				}
				return
			}
			if !errors.As(err, &refused) || refused.Interface != "eth0" || len(s.Ports) != 0 {
				t.Errorf("error %#v, ports %v", err, s.Ports)
			}
			for part := range strings.SplitSeq(test.want, "…") {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q has no %q", err, part)
				}
			}
		})
	}
}

// All refusals come at once, and the rest is planned all the same.
func TestBuildGoesOn(t *testing.T) {
	lro := func(l *netstate.Link) { l.LRO = true }
	v := view(with(ethernet(2, "eth0"), lro), ethernet(3, "eth1"), with(ethernet(4, "eth2"), lro))
	s, warnings, err := build(configOf("eth0", "eth1", "eth2", "eth3"), v)
	if err == nil || !strings.Contains(err.Error(), "eth0") || !strings.Contains(err.Error(), "eth2") {
		t.Errorf("error %v", err)
	}
	if len(s.Ports) != 1 || s.Ports[0].Name != "eth1" || len(s.L3) != 3 {
		t.Errorf("ports %v, L3 %v", s.Ports, s.L3)
	}
	if len(warnings) != 1 || warnings[0].Place != "eth3" {
		t.Errorf("warnings %v", warnings)
	}
}

// Interfaces beyond the limit are left to Linux: the others are followed.
func TestIfindexLimit(t *testing.T) {
	bonded := func(l *netstate.Link) { l.Master, l.MasterType = 5, "bond" }
	v := view(ethernet(2, "eth0"), with(ethernet(3, "eth1"), bonded), with(ethernet(5, "bond0"), func(l *netstate.Link) { l.Type = "bond" }),
		vlan(10, "eth0.7", 2, 7), with(ethernet(11, "eth2"), bonded), ethernet(12, "veth9"), vlan(9, "veth9.7", 12, 7))
	c := configOf("eth0", "eth1", "eth2")
	c.Limits.Ifindex = 10
	s, _, err := build(c, v)
	var full *dataplane.LimitError
	if want := (dataplane.LimitError{Limit: "ifindex", Have: 10, Want: 12}); !errors.As(err, &full) || *full != want {
		t.Errorf("error %v, want %v", err, &want)
	}
	var ports, l3s []string
	for _, p := range s.Ports {
		ports = append(ports, p.Name)
	}
	for _, l := range s.L3 {
		l3s = append(l3s, fmt.Sprint(l.Name, l.Members))
	}
	if want := []string{"eth0", "eth1"}; !slices.Equal(ports, want) {
		t.Errorf("ports %v, want %v", ports, want)
	}
	if want := []string{"eth0[]", "bond0[3]", "eth0.7[]"}; !slices.Equal(l3s, want) {
		t.Errorf("L3 interfaces %v, want %v", l3s, want)
	}
	c.Limits.Ifindex = 12
	if s, _, err = build(c, v); err != nil || len(s.Ports) != 3 || len(s.L3) != 5 {
		t.Errorf("with a higher limit: %v, %v, %v", s.Ports, s.L3, err)
	}
}

// More L3 interfaces than fit: those of the ports stay.
func TestL3InterfacesLimit(t *testing.T) {
	v := view(ethernet(2, "veth1"), ethernet(3, "veth2"), ethernet(4, "eth0"), vlan(5, "eth0.7", 4, 7))
	c := configOf("eth0")
	c.Limits.L3Interfaces = 3
	s, _, err := build(c, v)
	var full *dataplane.LimitError
	if want := (dataplane.LimitError{Limit: "l3-interfaces", Have: 3, Want: 4}); !errors.As(err, &full) || *full != want {
		t.Errorf("error %v, want %v", err, &want)
	}
	var names []string
	for _, l := range s.L3 {
		names = append(names, l.Name)
	}
	if want := []string{"eth0", "eth0.7", "veth1"}; !slices.Equal(names, want) {
		t.Errorf("L3 interfaces %v, want %v", names, want)
	}
	c.Limits.L3Interfaces = 4
	if s, _, err = build(c, v); err != nil || len(s.L3) != 4 {
		t.Errorf("with a higher limit: %v, %v", s.L3, err)
	}
}

func TestOffloads(t *testing.T) {
	stripping := func(l *netstate.Link) { l.RXVLANOffload = true }
	v := view(
		with(ethernet(2, "eth0"), stripping),
		ethernet(3, "eth1"),
		with(ethernet(4, "eth2"), stripping), // no port
		with(ethernet(5, "eth3"), stripping, func(l *netstate.Link) { l.RXVLANFixed = true }),
		with(ethernet(6, "eth4"), stripping, func(l *netstate.Link) { l.LRO = true }), // refused
		with(ethernet(7, "eth5"), stripping),
	)
	got := Offloads(configOf("eth0", "eth1", "eth3", "eth4", "eth5", "eth6"), v)
	if want := []int{2, 7}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestClasses(t *testing.T) {
	p := netip.MustParsePrefix
	c := &config.Config{Forward: config.Forward{
		Allow: []netip.Prefix{p("198.51.100.0/24"), p("2001:db8::/32"), p("10.0.0.1/32")},
		Block: []netip.Prefix{p("198.51.100.64/26")},
	}}
	v := view()
	v.Local = []netip.Prefix{p("10.0.0.1/32"), p("127.0.0.0/8"), p("fd00::1/128")}
	v.Broadcast = []netip.Prefix{p("10.0.0.255/32")}
	v.Exceptions = []netstate.Exception{
		{Prefix: p("198.51.100.0/24"), Exception: true, Reason: "mtu 1400"}, {Prefix: p("198.51.100.64/26")},
	}
	const neither = dataplane.NotSource | dataplane.NotDestination
	want := map[netip.Prefix]dataplane.Class{
		p("198.51.100.0/24"):   dataplane.Allow | dataplane.Exception,
		p("198.51.100.64/26"):  dataplane.Block | dataplane.NoException,
		p("2001:db8::/32"):     dataplane.Allow,
		p("10.0.0.1/32"):       dataplane.Allow | dataplane.Local,
		p("10.0.0.255/32"):     dataplane.NotSource,
		p("127.0.0.0/8"):       neither | dataplane.Local,
		p("fd00::1/128"):       dataplane.Local,
		p("0.0.0.0/8"):         neither,
		p("169.254.0.0/16"):    neither,
		p("224.0.0.0/4"):       neither,
		p("240.0.0.0/4"):       neither,
		p("::/128"):            neither,
		p("::1/128"):           neither,
		p("::ffff:0.0.0.0/96"): neither,
		p("fe80::/10"):         neither,
		p("ff00::/8"):          neither,
	}
	s, _, err := build(c, v)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, s.Classes, compareNetip); diff != "" {
		t.Errorf("classes (-want +got):\n%s", diff)
	}
}

func TestMSSRules(t *testing.T) {
	prefix := netip.MustParsePrefix("198.51.100.0/24")
	c := &config.Config{Forward: config.Forward{MSSClamp: []config.MSSClamp{
		{MSS: 1360}, {MSS: 1350, Egress: "eth0.7"}, {MSS: 1300, Egress: "gone"}, {MSS: 1200, Egress: "eth0", Prefix: prefix},
	}}}
	s, warnings, err := build(c, view(ethernet(2, "eth0"), vlan(3, "eth0.7", 2, 7)))
	if err != nil {
		t.Fatal(err)
	}
	want := []dataplane.MSSRule{{MSS: 1360}, {MSS: 1350, Egress: 3}, {MSS: 1200, Egress: 2, Prefix: prefix}}
	if !slices.Equal(s.MSS, want) {
		t.Errorf("rules %v, want %v", s.MSS, want)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0].Text, "gone") || !strings.Contains(warnings[0].Text, "1300") {
		t.Errorf("warnings %v", warnings)
	}
}
