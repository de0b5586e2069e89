// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"clearway/dataplane"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// NextHop is the kernel's way to an address. Where there is none, all but one
// of Local and Unreachable is zero.
type NextHop struct {
	Egress   int           // L3 ifindex
	Ethernet bool          // what the egress is
	Gateway  netip.Addr    // the address itself where that is on the link
	MAC      dataplane.MAC // of the gateway; zero while it isn't resolved
	// MTU in bytes is that of the route, or of the path as far as the kernel
	// has learnt it, but at most the interface's.
	MTU    int
	Source netip.Addr // that the kernel sends from
	Encap  bool       // the route puts a header around packets

	Local       bool // an address of this machine
	Unreachable bool // no route, or one that leads nowhere
}

// NextHops is [Reader.NextHops] for one that nobody follows.
func NextHops(ctx context.Context, addresses []netip.Addr) (map[netip.Addr]NextHop, error) {
	return new(Reader).NextHops(ctx, addresses)
}

// NextHops asks the kernel for the way that packets of this machine take to
// each address, in the network namespace of the calling thread. Of a multipath
// route it takes one leg, the same one every time while that is alive. It also
// has the kernel resolve gateways that are not; how that ends shows in another
// call.
//
// The routes and gateways of the last call are those whose changes
// [Reader.Watch] tells of, and that [Reader.RefreshNeighbours] looks after.
func (r *Reader) NextHops(ctx context.Context, addresses []netip.Addr) (map[netip.Addr]NextHop, error) {
	return alone(ctx, r, func(ctx context.Context) (map[netip.Addr]NextHop, error) { return r.nextHops(ctx, addresses) })
}

func (r *Reader) nextHops(ctx context.Context, addresses []netip.Addr) (map[netip.Addr]NextHop, error) {
	addresses = slices.Compact(slices.SortedFunc(slices.Values(addresses), netip.Addr.Compare))
	// From here on a change of what is about to be read is told of.
	r.following(func(f *followed) { f.addresses = addresses })
	if len(addresses) == 0 {
		r.following(func(f *followed) { f.expect(nil) })
		return nil, nil
	}
	socket, err := dialRoute(ctx)
	if err != nil {
		return nil, err
	}
	defer socket.close()
	hops, err := socket.nextHops(addresses)
	if err != nil {
		return nil, err
	}
	r.following(func(f *followed) { f.expect(hops) })
	macs, err := socket.macs(hops)
	if err != nil {
		return nil, err
	}
	for address, hop := range hops {
		hop.MAC = macs[neighbour{hop.Egress, hop.Gateway}]
		hops[address] = hop
	}
	var ask []neighbour
	r.following(func(f *followed) { ask = f.learn(macs) })
	for _, n := range ask {
		_ = socket.use(n, true) // RefreshNeighbours tries again, and says what is wrong
	}
	return hops, nil
}

// following does something with what is followed.
func (r *Reader) following(do func(*followed)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do(&r.followed)
}

// lookupBatch is how many questions the kernel gets at once. The answers, each
// below a KiB with its socket buffer's head, wait until all are asked.
const lookupBatch = 64

// nextHops looks addresses up, but for the MACs.
func (r *rtnetlink) nextHops(addresses []netip.Addr) (map[netip.Addr]NextHop, error) {
	devices, err := r.devices()
	if err != nil {
		return nil, err
	}
	byIndex := indexed(devices)
	hops := make(map[netip.Addr]NextHop, len(addresses))
	for batch := range slices.Chunk(addresses, lookupBatch) {
		if err := r.ask(batch); err != nil {
			return nil, fmt.Errorf("asking for routes: %w", err)
		}
		for _, address := range batch {
			found, err := r.answer()
			if err != nil {
				return nil, fmt.Errorf("asking for the route to %v: %w", address, err)
			}
			hops[address] = newNextHop(address, found, byIndex[found.egress])
		}
	}
	return hops, nil
}

// ask sends the questions for the routes to addresses, which the kernel answers
// in their order.
func (r *rtnetlink) ask(addresses []netip.Addr) error {
	questions := make([]netlink.Message, len(addresses))
	for i, a := range addresses {
		body, err := Lookup{Destination: a}.encode()
		if err != nil {
			return err
		}
		questions[i] = netlink.Message{Header: netlink.Header{Type: unix.RTM_GETROUTE, Flags: netlink.Request}, Data: body}
	}
	_, err := r.conn.SendMessages(questions)
	return err
}

// answer receives the answer to one question; a refusal is a route that is
// unreachable.
func (r *rtnetlink) answer() (route, error) {
	messages, err := r.conn.Receive()
	switch {
	case refusalText(err) != "":
		return route{kind: unix.RTN_UNREACHABLE}, nil
	case err != nil:
		return route{}, err
	case len(messages) != 1 || messages[0].Header.Type != unix.RTM_NEWROUTE:
		return route{}, fmt.Errorf("%d messages that are no answer", len(messages))
	}
	return decodeRoute(messages[0].Data)
}

func newNextHop(address netip.Addr, found route, egress *device) NextHop {
	switch {
	case found.kind == unix.RTN_LOCAL:
		return NextHop{Local: true}
	case found.kind != unix.RTN_UNICAST || egress == nil:
		return NextHop{Unreachable: true}
	}
	hop := NextHop{
		Egress: egress.Index, Ethernet: egress.Ethernet, Gateway: address,
		MTU: egress.MTU, Source: found.source, Encap: found.encap,
	}
	if found.gateway.IsValid() {
		hop.Gateway = found.gateway
	}
	if address.Is6() && egress.mtu6 != 0 {
		hop.MTU = min(hop.MTU, egress.mtu6)
	}
	if found.mtu != 0 {
		hop.MTU = min(hop.MTU, int(found.mtu))
	}
	return hop
}

// macs reads the MACs of the gateways, as far as they are resolved.
func (r *rtnetlink) macs(hops map[netip.Addr]NextHop) (map[neighbour]dataplane.MAC, error) {
	wanted := make(map[neighbour]bool, len(hops))
	for _, hop := range hops {
		wanted[neighbour{hop.Egress, hop.Gateway}] = true
	}
	found, err := r.neighbours(func(n neighbourEntry) bool { return wanted[n.neighbour] })
	if err != nil {
		return nil, err
	}
	macs := make(map[neighbour]dataplane.MAC, len(found))
	for _, n := range found {
		macs[n.neighbour] = n.mac
	}
	return macs, nil
}
