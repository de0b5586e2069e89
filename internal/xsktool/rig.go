// SPDX-License-Identifier: Apache-2.0

package xsktool

import (
	"errors"
	"fmt"
	"math"
	"net"
	"slices"

	"clearway/xsk"
	"clearway/xsk/xskprog"
)

// rig is what a work is done with: sockets over one UMEM, and programs that
// give them packets.
type rig struct {
	devices  []*net.Interface
	umem     *xsk.UMEM
	sockets  []*xsk.Socket // device by device, each in the order of its queues
	programs []*xskprog.Program
}

// newRig sets up sockets on devices, as options have it but for Ifindex and
// Queue. The caller must close it on the same thread.
func newRig(o *Options, options xsk.Options, devices ...string) (_ *rig, err error) {
	r := new(rig)
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	for _, name := range devices {
		device, err := net.InterfaceByName(name)
		if err != nil {
			return nil, findError(name, err)
		}
		r.devices = append(r.devices, device)
	}
	queues, err := r.queues(o.Queue)
	if err != nil {
		return nil, err
	}
	var all []xsk.Options
	for _, device := range r.devices {
		for _, q := range queues {
			options.Ifindex, options.Queue = device.Index, q
			all = append(all, options)
		}
	}
	if r.umem, err = xsk.NewUMEM(xsk.UMEMOptions{Chunks: len(all) * chunksPerSocket}); err != nil {
		return nil, err
	}
	if r.sockets, err = xsk.OpenAll(r.umem, all); err != nil {
		return nil, r.explainSetup(err)
	}
	if options.NoRX {
		return r, nil
	}
	return r, r.attach()
}

// queues lists the queues that are meant by a number or AllQueues: those that
// each device has.
func (r *rig) queues(number int) (list []int, err error) {
	if number != AllQueues {
		return []int{number}, nil
	}
	least := math.MaxInt
	for _, device := range r.devices {
		n, err := xsk.Queues(device.Index)
		if err != nil {
			return nil, fmt.Errorf("%w; name one with --queue", err)
		}
		least = min(least, n)
	}
	for q := range least {
		list = append(list, q)
	}
	return list, nil
}

// attach gives each device a program and registers the device's sockets.
func (r *rig) attach() error {
	for _, device := range r.devices {
		sockets := r.on(device)
		highest := sockets[len(sockets)-1].Queue()
		program, err := xskprog.Attach(xskprog.Options{Ifindex: device.Index, Queues: highest + 1})
		if err != nil {
			return explainAttach(device.Name, err)
		}
		r.programs = append(r.programs, program)
		for _, s := range sockets {
			if err := program.Register(s.Queue(), s.FD()); err != nil {
				return fmt.Errorf("%s: %w", device.Name, err)
			}
		}
	}
	return nil
}

// on returns the sockets on a device.
func (r *rig) on(device *net.Interface) []*xsk.Socket {
	return slices.DeleteFunc(slices.Clone(r.sockets), func(s *xsk.Socket) bool { return s.Ifindex() != device.Index })
}

// name returns the name of a device of the rig.
func (r *rig) name(ifindex int) string {
	for _, d := range r.devices {
		if d.Index == ifindex {
			return d.Name
		}
	}
	return fmt.Sprint("interface ", ifindex)
}

// stop ends the work of all sockets.
func (r *rig) stop() {
	for _, s := range r.sockets {
		s.Stop()
	}
}

// close takes the programs off first, so that no packet comes any more.
func (r *rig) close() error {
	var errs []error
	for _, p := range r.programs {
		errs = append(errs, p.Close())
	}
	for _, s := range r.sockets {
		var held *xsk.QuarantineError
		if err := s.Close(); !errors.As(err, &held) { // the UMEM goes too
			errs = append(errs, err)
		}
	}
	if r.umem != nil {
		errs = append(errs, r.umem.Close())
	}
	return errors.Join(errs...)
}
