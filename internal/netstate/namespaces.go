// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// namespace is what was read of another network namespace.
type namespace struct {
	path    string
	devices []device
}

// namespaceGlobs are where network namespaces can be found: those that have a
// name, and those that something runs in.
var namespaceGlobs = []string{"/run/netns/*", "/proc/[0-9]*/task/[0-9]*/ns/net"}

// findPeers fills in the peers of veths that are in other namespaces. rtnetlink
// tells the index of a peer and a number that our namespace has for the other
// one. What features the peer has is only told inside, so the namespaces of the
// machine are searched for those numbers. A peer that isn't found stays nil.
func (r *rtnetlink) findPeers(ctx context.Context, devices []device) {
	wanted := make(map[int]*namespace)
	for _, d := range devices {
		if d.Type == "veth" && d.belowNSID != noNSID {
			wanted[d.belowNSID] = nil
		}
	}
	r.openNamespaces(ctx, wanted)
	for i := range devices {
		d := &devices[i]
		ns := wanted[d.belowNSID]
		if d.Type != "veth" || ns == nil {
			continue
		}
		for j := range ns.devices {
			if ns.devices[j].Index == d.below {
				d.peer = &ns.devices[j]
				d.Peer = Peer{Name: d.peer.Name, Namespace: ns.path}
			}
		}
	}
}

// openNamespaces reads those namespaces whose number is a key of wanted.
func (r *rtnetlink) openNamespaces(ctx context.Context, wanted map[int]*namespace) {
	missing := len(wanted)
	seen := make(map[uint64]bool) // by inode
	for _, glob := range namespaceGlobs {
		if missing == 0 {
			return
		}
		paths, _ := filepath.Glob(glob) // only fails on a bad pattern
		for _, path := range paths {
			info, err := os.Stat(path)
			if err != nil {
				continue // ended, or not ours to see
			}
			stat, ok := info.Sys().(*syscall.Stat_t)
			if !ok || seen[stat.Ino] {
				continue
			}
			seen[stat.Ino] = true
			nsid, ns := r.openNamespace(ctx, path, wanted)
			if ns != nil {
				wanted[nsid] = ns
				missing--
			}
		}
	}
}

// openNamespace reads the namespace at path if its number is wanted. Whatever
// goes wrong, the namespace counts as not found.
func (r *rtnetlink) openNamespace(ctx context.Context, path string, wanted map[int]*namespace) (nsid int, ns *namespace) {
	file, err := os.Open(path)
	if err != nil {
		return noNSID, nil
	}
	defer file.Close()
	if nsid, err = r.namespaceID(int(file.Fd())); err != nil {
		return noNSID, nil
	}
	if known, ok := wanted[nsid]; !ok || known != nil {
		return noNSID, nil
	}
	inside, err := dialRouteIn(ctx, int(file.Fd()))
	if err != nil {
		return noNSID, nil
	}
	defer inside.close()
	devices, err := inside.devices()
	if err != nil {
		return noNSID, nil
	}
	if err := readFeatures(devices, int(file.Fd())); err != nil {
		return noNSID, nil
	}
	return nsid, &namespace{path: path, devices: devices}
}

// namespaceID asks for the number that our namespace has for another one;
// noNSID if it has none.
func (r *rtnetlink) namespaceID(fd int) (int, error) {
	attrs := netlink.NewAttributeEncoder()
	attrs.Uint32(unix.NETNSA_FD, uint32(fd))
	data, err := attrs.Encode()
	if err != nil {
		return noNSID, err
	}
	replies, err := r.conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETNSID, Flags: netlink.Request},
		Data:   append(make([]byte, 4), data...), // struct rtgenmsg, padded
	})
	if err != nil {
		return noNSID, err
	}
	if len(replies) != 1 || len(replies[0].Data) < 4 {
		return noNSID, errors.New("no answer to a namespace's number")
	}
	reply, err := netlink.NewAttributeDecoder(replies[0].Data[4:])
	if err != nil {
		return noNSID, err
	}
	nsid := noNSID
	for reply.Next() {
		if reply.Type() == unix.NETNSA_NSID {
			nsid = int(reply.Int32())
		}
	}
	return nsid, reply.Err()
}
