// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"clearway/dataplane"
	"clearway/internal/config"
	"clearway/internal/netstate"
)

// What is warned of, and what of it hands a family to Linux.
func TestWarnings(t *testing.T) {
	rpFilter := func(l *netstate.Link) { l.RPFilter = dataplane.RPFilterLoose }
	vrf := func(l *netstate.Link) { l.Master, l.MasterType = 9, "vrf" }
	jumbo := func(l *netstate.Link) { l.MTU, l.ReceiveFrags = 9000, false }
	tests := []struct {
		name             string
		change           func(*config.Config, *netstate.View)
		policy4, policy6 bool
		want             []string // "place: a part of the text"
	}{
		{"nothing", func(*config.Config, *netstate.View) {}, false, false, nil},
		{"IPsec", func(_ *config.Config, v *netstate.View) { v.XFRM4 = true }, true, false, []string{"IPv4: IPsec"}},
		{"IPsec of IPv6", func(_ *config.Config, v *netstate.View) { v.XFRM6 = true }, false, true, []string{"IPv6: IPsec"}},
		{"rules", func(_ *config.Config, v *netstate.View) { v.Rules4, v.Rules6 = true, true }, true, true,
			[]string{"IPv4: fwmark", "IPv6: fwmark"}},
		{"iif rules alone", func(_ *config.Config, v *netstate.View) { v.IifRules4 = true }, false, false, nil},
		{"iif rules and rp_filter", func(_ *config.Config, v *netstate.View) {
			v.IifRules4 = true
			rpFilter(&v.Links[0])
		}, true, false, []string{"eth0: net/ipv4/conf/eth0/rp_filter"}},
		{"iif rules and rp_filter where no packets arrive", func(_ *config.Config, v *netstate.View) {
			v.IifRules4 = true
			rpFilter(&v.Links[1])
		}, false, false, nil},
		{"iif rules and rp_filter on a VLAN of a port", func(_ *config.Config, v *netstate.View) {
			v.IifRules4 = true
			v.Links = append(v.Links, with(vlan(5, "eth0.7", 2, 7), rpFilter))
		}, true, false, []string{"eth0.7: iif"}},
		{"rp_filter in a VRF", func(_ *config.Config, v *netstate.View) { vrf(&v.Links[0]); rpFilter(&v.Links[0]) },
			true, false, []string{"eth0: VRF"}},
		{"rp_filter without more", func(_ *config.Config, v *netstate.View) { rpFilter(&v.Links[0]) }, false, false, nil},
		{"rp_filter beside a VRF", func(_ *config.Config, v *netstate.View) { vrf(&v.Links[1]); rpFilter(&v.Links[0]) },
			true, false, []string{"eth0: VRF"}},
		{"a VRF without rp_filter", func(_ *config.Config, v *netstate.View) { vrf(&v.Links[0]) }, false, false, nil},
		{"no IPv4 forwarding", func(_ *config.Config, v *netstate.View) { v.Links[0].Forward4, v.Links[1].Forward4 = false, false },
			false, false, []string{"eth0: net/ipv4/conf/eth0/forwarding"}},
		{"no IPv6 forwarding", func(_ *config.Config, v *netstate.View) { v.Links[0].Forward6 = false },
			false, false, []string{"eth0: net/ipv6/conf/eth0/forwarding"}},
		{"no IPv6 forwarding at all", func(_ *config.Config, v *netstate.View) { v.Links[0].Forward6, v.Forwarding6 = false, false },
			false, false, []string{"IPv6: net.ipv6.conf.all.forwarding"}},
		{"no forwarding of what isn't allowed", func(c *config.Config, v *netstate.View) {
			c.Forward.Allow = c.Forward.Allow[:1]
			v.Links[0].Forward6, v.Forwarding6 = false, false
		}, false, false, nil},
		{"jumbo frames", func(_ *config.Config, v *netstate.View) { jumbo(&v.Links[0]) }, false, false, []string{"eth0: 9000"}},
		{"jumbo frames in generic mode", func(c *config.Config, v *netstate.View) {
			c.Interfaces[0].Mode = dataplane.Generic
			jumbo(&v.Links[0])
		}, false, false, nil},
		{"jumbo frames with multi-buffer support", func(_ *config.Config, v *netstate.View) { v.Links[0].MTU = 9000 }, false, false, nil},
		{"the largest MTU of a page", func(_ *config.Config, v *netstate.View) {
			v.Links[0].MTU, v.Links[0].ReceiveFrags = pageMTU, false
		}, false, false, nil},
		{"a bridge's", func(_ *config.Config, v *netstate.View) {
			v.Links = append(v.Links, with(ethernet(9, "br0"), func(l *netstate.Link) { l.Type = "bridge" }))
			v.Links[0].Master, v.Links[0].MasterType = 9, "bridge"
		}, false, false, []string{"eth0: br0 (bridge)"}},
		{"below a macvlan", func(_ *config.Config, v *netstate.View) { v.Links[0].Claimed = "macvlan" }, false, false, []string{"eth0: macvlan"}},
		{"tags that can't be seen", func(_ *config.Config, v *netstate.View) { v.Links[0].RXVLANFixed = true }, false, false, []string{"eth0: tagged"}},
		{"tags that are hidden", func(_ *config.Config, v *netstate.View) { v.Links[0].HiddenTags = true }, false, false, []string{"eth0: txvlan off"}},
		{"many exceptions", func(_ *config.Config, v *netstate.View) { v.ExceptionsCut = true }, false, false, []string{"routes: MTU"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := configOf("eth0")
			c.Forward.Allow = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8::/32")}
			v := view(ethernet(2, "eth0"), ethernet(3, "eth1"))
			test.change(c, &v)
			s, warnings, err := build(c, v)
			if err != nil {
				t.Fatal(err)
			}
			if s.Options.Policy4 != test.policy4 || s.Options.Policy6 != test.policy6 {
				t.Errorf("to Linux: IPv4 %v, IPv6 %v", s.Options.Policy4, s.Options.Policy6)
			}
			if len(warnings) != len(test.want) {
				t.Fatalf("warnings %q, want %q", warnings, test.want)
			}
			for i, w := range warnings {
				place, part, _ := strings.Cut(test.want[i], ": ")
				if w.Place != place || !strings.Contains(w.Text, part) {
					t.Errorf("warning %q, want %q", fmt.Sprintf("%s: %s", w.Place, w.Text), test.want[i])
				}
			}
		})
	}
}

func TestOptionsAndLimits(t *testing.T) {
	c := configOf()
	c.Limits.Allow = 7
	for _, on := range []bool{false, true} {
		c.Forward.DryRun, c.Forward.Hairpin = on, !on
		s, _, _ := build(c, view())
		if s.Options.DryRun != on || s.Options.Hairpin == on || s.Limits != c.Limits {
			t.Errorf("options %+v, limits %+v", s.Options, s.Limits)
		}
	}
}
