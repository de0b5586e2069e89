// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	gocmp "github.com/google/go-cmp/cmp"

	"clearway/lpm"
)

// checkMaps compares what the programs find in the live maps with what a state
// says, both in words: numbers may differ from one data path to another.
func checkMaps(t *testing.T, d *Dataplane, s State) {
	t.Helper()
	if diff := gocmp.Diff(append(wordsOf(obtained(d, s)), serviceWords(s)...), readBack(t, d)); diff != "" {
		t.Fatalf("the maps are not as the state says (- wanted, + found):\n%s", diff)
	}
}

// obtained puts the mode that a port got in place of auto: a veth has native,
// unless it was generic before.
func obtained(d *Dataplane, s State) State {
	s.Ports = slices.Clone(s.Ports)
	for i, p := range s.Ports {
		if l := d.links[p.Name]; l != nil && p.Mode == Auto {
			s.Ports[i].Mode = l.Mode
		}
	}
	return s
}

// readBack puts the maps of the live generation into words, left-overs included.
func readBack(t *testing.T, d *Dataplane) []string {
	t.Helper()
	l3s, devices := readArray[pipelineL3](t, d.gen.maps("l3s")), readDevices(t, d.gen.maps("tx_devices"))
	blocks := readArray[pipelineVlanBlock](t, d.gen.maps("vlans"))
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for ifindex, p := range readArray[pipelinePort](t, d.gen.maps("ports")) {
		add("port %d present=%d generic=%d", ifindex, p.Present, p.Generic)
		add("port %d untagged: %s", ifindex, l3Words(pipelineL3{Mac: p.Untagged.Mac, Flags: p.Untagged.Flags, Ifindex: p.Untagged.Ifindex}))
		for n := range uint32(vlanBlocks) {
			for i, number := range blocks[p.Slot*vlanBlocks+n].L3 {
				if number != 0 {
					add("port %d VLAN %d: %s", ifindex, n*256+uint32(i), l3Words(l3s[uint32(number)]))
					delete(l3s, uint32(number))
				}
			}
			delete(blocks, p.Slot*vlanBlocks+n)
		}
	}
	for ifindex, e := range readArray[pipelineEgress](t, d.gen.maps("egresses")) {
		add("egress %d by %d: MTU %d VID %d flags %b", ifindex, devices[e.Device], e.Mtu, e.Vid, e.Flags)
	}
	for _, ifindex := range devices {
		add("device %d", ifindex)
	}
	add("left over: %d L3 records, %d VLAN blocks", len(l3s), len(blocks))
	var settings pipelineSettings
	if err := d.gen.maps(".data.settings").Lookup(uint32(0), &settings); err != nil {
		t.Fatal(err)
	}
	add("dry run %d, hairpin %d, policy %d %d, MSS %d", settings.DryRun, settings.Hairpin, settings.Policy4, settings.Policy6, settings.Mss)
	slices.Sort(lines)
	return slices.Concat(lines, readPrefixes(t, d), readServices(t, d))
}

func l3Words(l pipelineL3) string {
	return fmt.Sprintf("%v %d flags %b", MAC(l.Mac), l.Ifindex, l.Flags)
}

// readArray reads the entries of an array that are not zero.
func readArray[V comparable](t *testing.T, m *ebpf.Map) map[uint32]V {
	t.Helper()
	keys, values := make([]uint32, m.MaxEntries()), make([]V, m.MaxEntries())
	var cursor ebpf.MapBatchCursor
	n, err := m.BatchLookup(&cursor, keys, values, nil)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		t.Fatal(err)
	}
	if n != len(keys) {
		t.Fatalf("read %d of %d entries", n, len(keys))
	}
	var zero V
	set := map[uint32]V{}
	for i, v := range values {
		if v != zero {
			set[keys[i]] = v
		}
	}
	return set
}

func readDevices(t *testing.T, m *ebpf.Map) map[uint32]uint32 {
	t.Helper()
	devices := map[uint32]uint32{}
	for key := range m.MaxEntries() {
		var v pipelineBpfDevmapVal
		err := m.Lookup(key, &v)
		if err == nil {
			devices[key] = v.Ifindex
		} else if !errors.Is(err, ebpf.ErrKeyNotExist) {
			t.Fatal(err)
		}
	}
	return devices
}

// readPrefixes walks the whole table and tells from which address on what holds.
func readPrefixes(t *testing.T, d *Dataplane) []string {
	t.Helper()
	blocks := readArray[pipelinePrefixBlock](t, d.gen.maps("prefixes"))
	shortcuts := readArray[pipelinePrefixShortcut](t, d.gen.maps("prefix_shortcuts"))
	rules := readArray[pipelineMssRule](t, d.gen.maps("mss_rules"))
	var lines []string
	last := ""
	var walk func(block uint32, address []byte, size int)
	walk = func(block uint32, address []byte, size int) {
		for i, word := range blocks[block].Word {
			at := append(slices.Clone(address), byte(i))
			if word&lpm.Child != 0 {
				child := word &^ lpm.Child
				if child&lpm.ByShortcut != 0 {
					child = shortcuts[child&^lpm.ByShortcut].Block
				}
				walk(child, at, size)
				continue
			}
			if word&uint32(pipelineClassBitCLASS_SERVICE) != 0 {
				word &= 1<<classIndexShift - 1 // its record says which rules apply: see readServices
			}
			if text := classWords(Class(word), ruleWords(rules, word>>classIndexShift)); text != last {
				lines, last = append(lines, addressText(at, size)+": "+text), text
			}
		}
	}
	for family, root := range map[int]uint32{4: lpm.Root4, 16: lpm.Root6} {
		last = ""
		for first := range uint32(256) {
			walk(root+first, []byte{byte(first)}, family)
		}
	}
	slices.Sort(lines)
	return lines
}

func addressText(b []byte, size int) string {
	a, _ := netip.AddrFromSlice(append(b, make([]byte, size-len(b))...))
	return a.StringExpanded()
}

func classWords(c Class, rules []string) string {
	return fmt.Sprintf("class %06b, MSS [%s]", c, strings.Join(rules, ", "))
}

func ruleWords(rules map[uint32]pipelineMssRule, index uint32) (words []string) {
	for index != 0 {
		r := rules[index]
		words = append(words, fmt.Sprintf("%d by %d /%d", r.Mss, r.Egress, int(r.Bits)-1))
		index = r.Next
	}
	return words
}

// wordsOf is what readBack should find: the sentences of State's comments, put
// down as plainly as can be.
func wordsOf(s State) []string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	devices := map[int]bool{}
	for _, l := range s.L3 {
		add("egress %d by %d: MTU %d VID %d flags %b", l.Ifindex, l.Port, l.MTU, l.VID,
			bits(l.Up, l.RedirectNative, l.RedirectFrags))
		devices[l.Port] = true
	}
	for ifindex := range devices {
		add("device %d", ifindex)
	}
	for _, p := range s.Ports {
		add("port %d present=1 generic=%d", p.Ifindex, bits(p.Mode == Generic))
		untagged := pipelineL3{}
		for _, l := range s.L3 {
			if l.Port != p.Ifindex && len(l.Members) == 0 || len(l.Members) > 0 && !slices.Contains(l.Members, p.Ifindex) {
				continue
			}
			record := pipelineL3{Mac: l.MAC, Ifindex: uint32(l.Ifindex),
				Flags: uint16(bits(true, l.Forward4, l.Forward6, l.RPFilter == RPFilterStrict, l.RPFilter == RPFilterLoose))}
			if l.VID == 0 {
				untagged = record
			} else {
				add("port %d VLAN %d: %s", p.Ifindex, l.VID, l3Words(record))
			}
		}
		add("port %d untagged: %s", p.Ifindex, l3Words(untagged))
	}
	o := s.Options
	add("left over: 0 L3 records, 0 VLAN blocks")
	add("dry run %d, hairpin %d, policy %d %d, MSS %d", bits(o.DryRun), bits(o.Hairpin), bits(o.Policy4), bits(o.Policy6), bits(len(s.MSS) > 0))
	slices.Sort(lines)
	return append(lines, prefixWords(s)...)
}

// bits makes a number whose lowest bit is the first.
func bits(on ...bool) (n uint) {
	for i, b := range on {
		if b {
			n |= 1 << i
		}
	}
	return n
}

// prefixWords asks what holds at every address at which it could change.
func prefixWords(s State) []string {
	at := map[netip.Addr]bool{netip.IPv4Unspecified(): true, netip.IPv6Unspecified(): true}
	mark := func(p netip.Prefix) {
		at[p.Addr()] = true
		if next := lastAddr(p).Next(); next.IsValid() {
			at[next] = true
		}
	}
	for p := range s.Classes {
		mark(p)
	}
	for _, r := range s.MSS {
		if r.Prefix.IsValid() {
			mark(r.Prefix)
		}
	}
	service := map[netip.Addr]bool{}
	for _, one := range s.Services {
		mark(netip.PrefixFrom(one.Address, one.Address.BitLen()))
		service[one.Address] = true
	}
	for _, one := range s.Punt {
		mark(netip.PrefixFrom(one.Address, one.Address.BitLen()))
		service[one.Address] = true
	}
	var lines []string
	last := ""
	for _, a := range sortedAddrs(at) {
		text := classWords(obviousClass(s.Classes, a), obviousRules(s.MSS, a))
		if service[a] {
			text = classWords(obviousClass(s.Classes, a)|Class(pipelineClassBitCLASS_SERVICE), nil)
		}
		if text != last || a.IsUnspecified() {
			lines, last = append(lines, a.StringExpanded()+": "+text), text
		}
	}
	slices.Sort(lines)
	return lines
}

func sortedAddrs(set map[netip.Addr]bool) []netip.Addr {
	var all []netip.Addr
	for a := range set {
		all = append(all, a)
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return all
}

func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(b); bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// obviousRules are the rules that apply to one end, best first.
func obviousRules(rules []MSSRule, a netip.Addr) (words []string) {
	var mine []MSSRule
	for _, r := range rules {
		if !r.Prefix.IsValid() || r.Prefix.Contains(a) {
			mine = append(mine, r)
		}
	}
	slices.SortFunc(mine, func(a, b MSSRule) int {
		switch {
		case beats(a, b):
			return -1
		case beats(b, a):
			return 1
		default:
			return cmp.Compare(a.Egress, b.Egress)
		}
	})
	for _, r := range mine {
		length := -1
		if r.Prefix.IsValid() {
			length = r.Prefix.Bits()
		}
		words = append(words, fmt.Sprintf("%d by %d /%d", r.MSS, r.Egress, length))
	}
	return words
}
