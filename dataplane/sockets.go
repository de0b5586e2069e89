// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
)

// PuntQueues is how many queues of a port can have a socket: 0 to PuntQueues-1.
// Packets of punt rules that come in by others go to Linux. It is PUNT_QUEUES in
// bpf/abi.h.
const PuntQueues = 64

// Socket is where packets of punt rules find a socket.
type Socket struct {
	Port  string
	Queue int
}

// RegisterSocket makes socket, the descriptor of an AF_XDP socket that is bound to
// a queue of a port, the one that packets of punt rules go to that come in there, in
// place of any other. It can be registered before there are rules, or before the first
// Apply where a former process has left ports. An error, as where it is bound elsewhere,
// changes nothing.
//
// The descriptor is not kept: the socket is forgotten when it is closed. It stays
// registered over restarts and new generations. It must be registered again when
// limits.interfaces has changed, and when the port was detached, has got another name,
// or its device is another one.
func (d *Dataplane) RegisterSocket(port string, queue int, socket int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock == nil {
		return ErrReadOnly
	}
	if err := d.registerSocket(port, queue, socket); err != nil {
		return fmt.Errorf("registering a socket for %s, queue %d: %w", port, queue, err)
	}
	return nil
}

func (d *Dataplane) registerSocket(port string, queue, socket int) error {
	p, err := d.manifest.portForSocket(port, queue)
	if err != nil {
		return err
	}
	if err := checkSocket(socket, p.Ifindex, queue); err != nil {
		return err
	}
	return d.withFormer("sockets", func(m *ebpf.Map) error {
		return m.Put(d.manifest.Slots[port]*PuntQueues+uint32(queue), uint32(socket))
	})
}

// Sockets tells which queues of ports have a socket now, by port and queue. It works
// before the first Apply, too, and returns ErrNotLoaded when nothing is pinned.
func (d *Dataplane) Sockets() ([]Socket, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return followed(d, d.sockets)
}

func (d *Dataplane) sockets() ([]Socket, error) {
	if d.manifest.Generation == 0 {
		return nil, ErrNotLoaded
	}
	finder, err := d.openFinder()
	if err != nil {
		return nil, err
	}
	defer finder.Close()
	var all []Socket
	for _, p := range d.manifest.Ports {
		for queue := range PuntQueues {
			found, err := findSocket(finder, d.manifest.Slots[p.Name]*PuntQueues+uint32(queue))
			if err != nil {
				return nil, err
			}
			if found {
				all = append(all, Socket{p.Name, queue})
			}
		}
	}
	return all, nil
}

// portForSocket finds a port that can have a socket on a queue.
func (m *manifest) portForSocket(name string, queue int) (portRecord, error) {
	if m.Generation == 0 {
		return portRecord{}, ErrNotLoaded
	}
	i := slices.IndexFunc(m.Ports, func(p portRecord) bool { return p.Name == name })
	if i < 0 {
		var names []string
		for _, p := range m.Ports {
			names = append(names, p.Name)
		}
		return portRecord{}, fmt.Errorf("the interface is not attached, only these: %v", names)
	}
	if queue < 0 || queue >= PuntQueues {
		return portRecord{}, fmt.Errorf("sockets can be on queues 0 to %d: have fewer queues (ethtool -L), or lead the packets to those (ethtool -N)", PuntQueues-1)
	}
	return m.Ports[i], nil
}

// openFinder opens the program that can read the map of sockets. The writer has it:
// it may no longer be allowed to open pins.
func (d *Dataplane) openFinder() (*ebpf.Program, error) {
	if d.gen != nil {
		return d.gen.coll.Programs["find_socket"].Clone()
	}
	p, err := ebpf.LoadPinnedProgram(d.root.progs(d.manifest.Generation)+"/find_socket", &ebpf.LoadPinOptions{ReadOnly: true})
	if err != nil {
		return nil, advise("opening program find_socket", err)
	}
	return p, nil
}

// findSocket tells whether there is a socket at an index of the map.
func findSocket(finder *ebpf.Program, index uint32) (bool, error) {
	frame := make([]byte, 14) // the least that is a frame
	binary.NativeEndian.PutUint32(frame, index)
	answer, err := finder.Run(&ebpf.RunOptions{Data: frame, Repeat: 1})
	if err != nil {
		return false, advise("running program find_socket", err)
	}
	return answer != 0, nil
}

// forgetSockets empties the entries of a port unless its device is the one that it
// was: sockets are bound to that.
func (d *Dataplane) forgetSockets(p Port, slot uint32) error {
	for _, was := range d.manifest.Ports {
		if was.Name == p.Name && was.Ifindex == p.Ifindex {
			return nil
		}
	}
	for queue := range uint32(PuntQueues) {
		if err := d.gen.maps("sockets").Delete(slot*PuntQueues + queue); err != nil {
			return fmt.Errorf("forgetting the sockets of %s: %w", p.Name, err)
		}
	}
	return nil
}
