// SPDX-License-Identifier: Apache-2.0

package netstate

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// readFeatures fills in the offloads of devices, all in the namespace that
// netns names; 0 for that of the calling thread.
func readFeatures(devices []device, netns int) error {
	e, err := dialEthtool(netns)
	if err != nil {
		return err
	}
	defer e.close()
	all, err := e.features()
	if err != nil {
		return err
	}
	for i := range devices {
		devices[i].features, devices[i].featuresKnown = all[devices[i].Index], true
	}
	return nil
}

// readDrivers fills in the drivers of hardware.
func readDrivers(devices []device) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening a socket: %w", err)
	}
	defer unix.Close(socket)
	for i := range devices {
		d := &devices[i]
		if !d.Ethernet || d.Type != "" {
			continue
		}
		// A device that has just gone, or a driver without a name: unknown.
		if info, err := unix.IoctlGetEthtoolDrvinfo(socket, d.Name); err == nil {
			d.Driver = unix.ByteSliceToString(info.Driver[:])
		}
	}
	return nil
}

// setOffloads turns features into what they mean for XDP.
//
// Partial checksums: a veth hands over what its peer sends as it is, so it
// depends on the peer's transmit checksum alone, and one whose peer can't be
// found is taken to be on, which is the default. The veth's own receive
// checksum says nothing about it. A tap hands over what its writer says in the
// packet header, if the tap has those (decodeData). A virtio_net hands over
// what its host leaves undone if it was told that it may, which is its
// rx-checksum; it stops that by itself while a native program is attached.
//
// Hidden tags: a veth whose peer has tx-vlan-hw-insert on gets tags beside the
// frame, whatever its own rx-vlan-hw-parse says.
func setOffloads(devices []device) {
	for i := range devices {
		d := &devices[i]
		d.RXVLANOffload = d.rxVLAN
		d.RXVLANFixed = d.rxVLAN && !d.rxVLANSet
		d.LRO = d.lro
		switch {
		case d.Type == "veth":
			d.PartialChecksum = d.peer == nil || !d.peer.featuresKnown || d.peer.txChecksum
			d.HiddenTags = d.peer != nil && d.peer.txVLAN
		case d.Driver == "virtio_net":
			d.PartialChecksum = d.rxChecksum
		}
	}
}

// setRedirect fills in who takes redirected frames, and tells whether the kernel
// said so or that had to be guessed.
func setRedirect(devices []device) (guessed bool, err error) {
	bits, known, err := xdpFeatures()
	if err != nil {
		return false, err
	}
	for i := range devices {
		d := &devices[i]
		if !known {
			d.RedirectNative = redirectFallback(d, d.peer)
			continue
		}
		d.RedirectNative = bits[d.Index]&xdpNDOXmit != 0
		d.RedirectFrags = bits[d.Index]&xdpNDOXmitSG != 0
		d.ReceiveFrags = bits[d.Index]&xdpRXSG != 0
	}
	return !known, nil
}
