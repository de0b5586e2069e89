// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"net/netip"
	"time"
)

// image is what the maps of a generation hold, entry by entry, but for
// counters: State in the shape that the programs read. Entries that are zero
// are left out.
type image struct {
	settings pipelineSettings
	balance  pipelineBalanceSettings
	ports    map[uint32]pipelinePort
	vlans    map[uint32]pipelineVlanBlock
	l3s      map[uint32]pipelineL3
	egresses map[uint32]pipelineEgress
	devices  map[uint32]pipelineBpfDevmapVal
	names    map[uint32]string // of devices, for messages
	rules    map[uint32]pipelineMssRule
	prefixes composition // without edits, until they are made
	edits    edits

	lists    *ruleLists
	numbers  numbers
	registry registry
}

// numbers are the dense numbers behind an image.
type numbers struct {
	slots   numbering[string] // ports by name
	l3s     numbering[vlan]   // from 1
	devices numbering[int]    // by ifindex
}

// vlan is a tagged network on a port.
type vlan struct {
	port int
	vid  uint16
}

// newImage works out the image of a state. The present one gives what keeps its
// number. changed are the prefixes whose classes are not those of the present
// image, nil if unknown.
func newImage(s State, present *image, size sizes, now time.Duration, changed []netip.Prefix) (*image, error) {
	im := &image{
		ports: map[uint32]pipelinePort{}, vlans: map[uint32]pipelineVlanBlock{},
		l3s: map[uint32]pipelineL3{}, egresses: map[uint32]pipelineEgress{},
		devices: map[uint32]pipelineBpfDevmapVal{}, names: map[uint32]string{}, rules: map[uint32]pipelineMssRule{},
	}
	if err := im.number(s, present.numbers); err != nil {
		return nil, err
	}
	im.addPorts(s)
	im.addIngress(s)
	im.addEgresses(s)
	same, err := im.addRules(s, present, uint32(size.Rules/2))
	if err != nil {
		return nil, err
	}
	if !same {
		changed = nil
	}
	if err := im.addServices(s, present, size, now, changed); err != nil {
		return nil, err
	}
	im.balance = balanceSettings(s.Balance)
	im.settings = pipelineSettings{DryRun: flag(s.Options.DryRun), Hairpin: flag(s.Options.Hairpin),
		Policy4: flag(s.Options.Policy4), Policy6: flag(s.Options.Policy6), Mss: flag(len(s.MSS) > 0)}
	return im, nil
}

func (im *image) number(s State, present numbers) error {
	var names []string
	var vlans []vlan
	var devices []int
	ports := map[int]bool{}
	for _, p := range s.Ports {
		names = append(names, p.Name)
		ports[p.Ifindex] = true
	}
	for _, l := range s.L3 {
		devices = append(devices, l.Port)
		for _, m := range l.arrivesOn() {
			if l.VID != 0 && ports[m] {
				vlans = append(vlans, vlan{m, l.VID})
			}
		}
	}
	var err error
	if im.numbers.slots, err = present.slots.keep(names, s.Limits.Interfaces, "interfaces"); err != nil {
		return err
	}
	if im.numbers.l3s, err = present.l3s.assign(vlans, 1, s.Limits.L3Interfaces+1, "l3-interfaces"); err != nil {
		return err
	}
	im.numbers.devices, err = present.devices.assign(devices, 0, s.Limits.L3Interfaces, "l3-interfaces")
	return err
}

// addPorts leaves generic at 0: only an attached port knows its mode.
func (im *image) addPorts(s State) {
	for _, p := range s.Ports {
		im.ports[uint32(p.Ifindex)] = pipelinePort{Present: 1, Slot: im.numbers.slots[p.Name]}
	}
}

func (im *image) addIngress(s State) {
	for _, l := range s.L3 {
		record := pipelineL3{Mac: l.MAC, Flags: l3Flags(l), Ifindex: uint32(l.Ifindex)}
		for _, m := range l.arrivesOn() {
			port, ok := im.ports[uint32(m)]
			if !ok {
				continue
			}
			if l.VID == 0 {
				port.Untagged.Mac, port.Untagged.Flags, port.Untagged.Ifindex = record.Mac, record.Flags, record.Ifindex
				im.ports[uint32(m)] = port
				continue
			}
			number := im.numbers.l3s[vlan{m, l.VID}]
			im.l3s[number] = record
			key := port.Slot*vlanBlocks + uint32(l.VID)/256
			block := im.vlans[key]
			block.L3[l.VID%256] = uint16(number)
			im.vlans[key] = block
		}
	}
}

func (im *image) addEgresses(s State) {
	for _, l := range s.L3 {
		number := im.numbers.devices[l.Port]
		im.devices[number] = pipelineBpfDevmapVal{Ifindex: uint32(l.Port)}
		im.names[number] = l.Name
		im.egresses[uint32(l.Ifindex)] = pipelineEgress{Device: number, Mtu: uint32(l.MTU), Vid: l.VID, Flags: egressFlags(l)}
	}
}

func (im *image) deviceName(number uint32) string {
	return "device of L3 interface " + im.names[number]
}

// fewChanged is how many prefixes are composed by themselves. Beyond that it is
// cheaper to do all at once.
const fewChanged = 1000

// addRules keeps the present set of MSS rules where it stays as it is, and tells
// whether it does. half is how many rule numbers a set has.
func (im *image) addRules(s State, present *image, half uint32) (same bool, err error) {
	base := present.ruleBase()
	if err := im.setRules(s, base); err != nil || im.sameRules(present) {
		return true, err
	}
	return false, im.setRules(s, half-base)
}

func (im *image) ruleBase() uint32 {
	if im.lists == nil {
		return 0
	}
	return im.lists.base
}

func (im *image) setRules(s State, base uint32) (err error) {
	if im.lists, err = newRuleLists(s.MSS, base); err != nil {
		return err
	}
	im.rules = make(map[uint32]pipelineMssRule, len(im.lists.nodes))
	for i, node := range im.lists.nodes {
		im.rules[base+1+uint32(i)] = node
	}
	return nil
}

// settle makes the edits part of the image, once they are in the table.
func (im *image) settle() *image {
	im.prefixes.apply(im.edits)
	im.edits = edits{}
	return im
}

func (im *image) sameRules(other *image) bool {
	if len(im.rules) != len(other.rules) {
		return false
	}
	for k, rule := range im.rules {
		if other.rules[k] != rule {
			return false
		}
	}
	return true
}

// arrivesOn lists the devices whose frames belong to the L3 interface.
func (l L3Interface) arrivesOn() []int {
	if len(l.Members) > 0 {
		return l.Members
	}
	return []int{l.Port}
}

func l3Flags(l L3Interface) uint16 {
	bits := pipelineL3BitL3PRESENT
	if l.Forward4 {
		bits |= pipelineL3BitL3FORWARD4
	}
	if l.Forward6 {
		bits |= pipelineL3BitL3FORWARD6
	}
	switch l.RPFilter {
	case RPFilterStrict:
		bits |= pipelineL3BitL3RPF_STRICT
	case RPFilterLoose:
		bits |= pipelineL3BitL3RPF_LOOSE
	}
	return uint16(bits)
}

func egressFlags(l L3Interface) uint16 {
	var bits pipelineEgressBit
	if l.Up {
		bits |= pipelineEgressBitEGRESS_UP
	}
	if l.RedirectNative {
		bits |= pipelineEgressBitEGRESS_NATIVE
	}
	if l.RedirectFrags {
		bits |= pipelineEgressBitEGRESS_FRAGS
	}
	return uint16(bits)
}

func flag(on bool) uint32 {
	if on {
		return 1
	}
	return 0
}
