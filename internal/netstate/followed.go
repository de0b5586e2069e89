// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"net/netip"
	"slices"

	"clearway/dataplane"
)

// askAtOnce is how many neighbours NextHops asks for itself. The others are
// left to RefreshNeighbours, so that no flood of ARP requests goes out.
const askAtOnce = 256

// followed is what the last answer of NextHops rests on: the routes to
// addresses, and the neighbours that are their gateways.
type followed struct {
	addresses []netip.Addr // in order
	gateways  map[neighbour]known
}

// known is what was told of a gateway.
type known struct {
	mac   dataplane.MAC // zero if it had none
	sure  bool          // false while an answer is under way
	asked bool          // the kernel was asked to resolve it, and hasn't yet
}

// leads says whether a route to a prefix may lead to one of the addresses.
func (f *followed) leads(prefix netip.Prefix) bool {
	i, _ := slices.BinarySearchFunc(f.addresses, prefix.Masked().Addr(), netip.Addr.Compare)
	return i < len(f.addresses) && prefix.Contains(f.addresses[i])
}

// contradicts says whether a neighbour is now otherwise than was told.
func (f *followed) contradicts(n neighbourEntry) bool {
	told, ok := f.gateways[n.neighbour]
	return ok && (!told.sure || told.mac != n.mac)
}

// expect follows gateways, and no others, of which nothing is sure yet.
func (f *followed) expect(hops map[netip.Addr]NextHop) {
	next := make(map[neighbour]known, len(hops))
	for _, hop := range hops {
		if hop.Gateway.IsValid() {
			n := neighbour{hop.Egress, hop.Gateway}
			next[n] = known{asked: f.gateways[n].asked}
		}
	}
	f.gateways = next
}

// learn notes the gateways' MACs, which are told now, and returns those
// neighbours that the kernel is to be asked for: they have none, though they had
// one or are new.
func (f *followed) learn(macs map[neighbour]dataplane.MAC) (ask []neighbour) {
	for n, before := range f.gateways {
		now := known{mac: macs[n], sure: true}
		if now.mac == (dataplane.MAC{}) {
			now.asked = before.asked || len(ask) < askAtOnce
			if now.asked && !before.asked {
				ask = append(ask, n)
			}
		}
		f.gateways[n] = now
	}
	return ask
}

// unresolved returns gateways that surely have no MAC, at most so many and other
// ones every time.
func (f *followed) unresolved(most int) (some []neighbour) {
	for n, told := range f.gateways { // in random order
		if told.sure && told.mac == (dataplane.MAC{}) && len(some) < most {
			some = append(some, n)
		}
	}
	return some
}
