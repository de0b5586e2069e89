// SPDX-License-Identifier: Apache-2.0

package topo

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// All unsafe code of the package is in this file: calls for which
// golang.org/x/sys has no wrapper.

// featureBlock is struct ethtool_get_features_block of linux/ethtool.h, the
// state of 32 features.
type featureBlock struct {
	Available, Requested, Active, NeverChanged uint32
}

const (
	ssFeatures  = 4    // ETH_SS_FEATURES: the string set of features
	stringLen   = 32   // ETH_GSTRING_LEN
	maxFeatures = 1024 // far above the kernel's number, 60-odd
)

// ioctl passes data, which begins with an ethtool command, to the kernel.
func (e *ethtool) ioctl(data unsafe.Pointer) error {
	ifr, err := unix.NewIfreq(e.device)
	if err != nil {
		return err
	}
	var req struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}
	copy(req.name[:], ifr.Name())
	req.data = data
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(e.fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
	if errno != 0 {
		return os.NewSyscallError("ioctl SIOCETHTOOL", errno)
	}
	return nil
}

// featureNames returns the kernel's names of features, by number.
func (e *ethtool) featureNames() ([]string, error) {
	info := struct { // struct ethtool_sset_info with one string set
		cmd, reserved uint32
		mask          uint64
		count         uint32
	}{cmd: unix.ETHTOOL_GSSET_INFO, mask: 1 << ssFeatures}
	if err := e.ioctl(unsafe.Pointer(&info)); err != nil {
		return nil, err
	}
	list := struct { // struct ethtool_gstrings
		cmd, set, count uint32
		names           [maxFeatures][stringLen]byte
	}{cmd: unix.ETHTOOL_GSTRINGS, set: ssFeatures, count: min(info.count, maxFeatures)}
	if err := e.ioctl(unsafe.Pointer(&list)); err != nil {
		return nil, err
	}
	names := make([]string, list.count)
	for i := range names {
		names[i] = unix.ByteSliceToString(list.names[i][:])
	}
	return names, nil
}

// features returns the state of the first n features.
func (e *ethtool) features(n int) ([]featureBlock, error) {
	get := struct { // struct ethtool_gfeatures
		cmd, size uint32
		blocks    [maxFeatures / 32]featureBlock
	}{cmd: unix.ETHTOOL_GFEATURES, size: uint32(n+31) / 32}
	if err := e.ioctl(unsafe.Pointer(&get)); err != nil {
		return nil, err
	}
	return get.blocks[:get.size], nil
}

// setFeatures sets those of the first n features that want wants set and the
// device allows to be.
func (e *ethtool) setFeatures(n int, want func(i int) (on, set bool)) error {
	blocks, err := e.features(n)
	if err != nil {
		return err
	}
	type block struct{ valid, requested uint32 } // struct ethtool_set_features_block
	set := struct {
		cmd, size uint32
		blocks    [maxFeatures / 32]block
	}{cmd: unix.ETHTOOL_SFEATURES, size: uint32(len(blocks))}
	for i := range n {
		on, ok := want(i)
		b, bit := &set.blocks[i/32], uint32(1)<<(i%32)
		if !ok || blocks[i/32].Available&bit == 0 {
			continue
		}
		b.valid |= bit
		if on {
			b.requested |= bit
		}
	}
	return e.ioctl(unsafe.Pointer(&set))
}

// loadProgram loads an XDP program given as instructions and returns its file
// descriptor.
func loadProgram(insns []uint64) (int, error) {
	license := []byte("Dual BSD/GPL\x00")
	attr := struct { // the head of union bpf_attr for BPF_PROG_LOAD
		progType, insnCount uint32
		insns, license      unsafe.Pointer
		_                   [12]uint32
	}{
		progType: unix.BPF_PROG_TYPE_XDP, insnCount: uint32(len(insns)),
		insns: unsafe.Pointer(&insns[0]), license: unsafe.Pointer(&license[0]),
	}
	for {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
		switch errno {
		case 0:
			return int(fd), nil
		case unix.EAGAIN: // a signal came, as Go's own do: the verifier gave up (bpf_check)
		default:
			return -1, os.NewSyscallError("bpf BPF_PROG_LOAD", errno)
		}
	}
}
