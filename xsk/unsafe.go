// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This file holds all of the package's unsafe code.

// mapping is memory outside Go's heap. Copies share it.
type mapping struct {
	at   unsafe.Pointer
	size uintptr
}

// mapMemory maps memory of a file, or anonymous memory for fd −1.
func mapMemory(fd int, offset int64, size uintptr, flags int) (mapping, error) {
	at, err := unix.MmapPtr(fd, offset, nil, size, unix.PROT_READ|unix.PROT_WRITE, flags)
	if err != nil {
		return mapping{}, os.NewSyscallError("mmap", err)
	}
	return mapping{at, size}, nil
}

// bytes returns the memory.
func (m mapping) bytes() []byte { return unsafe.Slice((*byte)(m.at), m.size) }

// vacate gives the memory back but keeps the addresses, with zeros behind them:
// who still reads or writes there is wrong, but not killed by a fault. The
// addresses go when owner is garbage.
//
// A mapping of a ring holds a reference to its socket, so this is also what
// lets a socket go.
func vacate[T any](owner *T, m mapping) error {
	if m.at == nil {
		return nil
	}
	const flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_FIXED | unix.MAP_NORESERVE
	_, err := unix.MmapPtr(-1, 0, m.at, m.size, unix.PROT_READ|unix.PROT_WRITE, flags)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	runtime.AddCleanup(owner, func(m mapping) { unix.MunmapPtr(m.at, m.size) }, m)
	return nil
}

// remap puts the ring of another socket's file in the place of the same ring.
// Who uses it meanwhile sees no difference.
func (m mapping) remap(fd int, offset int64) error {
	const flags = unix.MAP_SHARED | unix.MAP_POPULATE | unix.MAP_FIXED
	_, err := unix.MmapPtr(fd, offset, m.at, m.size, unix.PROT_READ|unix.PROT_WRITE, flags)
	return os.NewSyscallError("mmap", err)
}

// mapRing maps n entries of the ring that the kernel offers at an offset of
// the socket's file.
func mapRing[T any](fd int, offset int64, layout unix.XDPRingOffset, hasFlags bool, n uint32) (ring[T], mapping, error) {
	var entry T
	size := uintptr(layout.Desc) + uintptr(n)*unsafe.Sizeof(entry)
	m, err := mapMemory(fd, offset, size, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return ring[T]{}, m, err
	}
	r := ring[T]{
		producer: (*atomic.Uint32)(unsafe.Add(m.at, layout.Producer)),
		consumer: (*atomic.Uint32)(unsafe.Add(m.at, layout.Consumer)),
		entries:  unsafe.Slice((*T)(unsafe.Add(m.at, layout.Desc)), n),
	}
	if hasFlags {
		r.flags = (*atomic.Uint32)(unsafe.Add(m.at, layout.Flags))
	}
	return r, m, nil
}

// sizeofLayout is the size of what XDP_MMAP_OFFSETS answers.
const sizeofLayout = unsafe.Sizeof(unix.XDPMmapOffsets{})

// oldOffsets is what kernels up to 5.3 answer to XDP_MMAP_OFFSETS: for each of
// the four rings producer, consumer and entries, but no flags.
type oldOffsets [4][3]uint64

// mmapOffsets asks for the layout of the rings with a buffer of room bytes.
// Old kernels fill less of it than there is.
func mmapOffsets(fd int, room uintptr) (o unix.XDPMmapOffsets, hasFlags bool, err error) {
	room = min(room, unsafe.Sizeof(o))
	n, err := getsockopt(fd, unix.XDP_MMAP_OFFSETS, unsafe.Pointer(&o), room)
	if err != nil || n == unsafe.Sizeof(o) {
		return o, err == nil, err
	}
	old := *(*oldOffsets)(unsafe.Pointer(&o))
	for i, r := range []*unix.XDPRingOffset{&o.Rx, &o.Tx, &o.Fr, &o.Cr} {
		*r = unix.XDPRingOffset{Producer: old[i][0], Consumer: old[i][1], Desc: old[i][2]}
	}
	return o, false, nil
}

// statistics asks with a buffer of room bytes and returns how many were filled.
func statistics(fd int, room uintptr) (s unix.XDPStatistics, n uintptr, err error) {
	n, err = getsockopt(fd, unix.XDP_STATISTICS, unsafe.Pointer(&s), min(room, unsafe.Sizeof(s)))
	return s, n, err
}

// bindOptions returns XDP_OPTIONS: the flags of the bound socket.
func bindOptions(fd int) (flags uint32, err error) {
	_, err = getsockopt(fd, unix.XDP_OPTIONS, unsafe.Pointer(&flags), unsafe.Sizeof(flags))
	return flags, err
}

// register registers memory, the start of m, with a socket. Kernels before 6.8
// know the struct without its last field, but with padding in its place, so that
// the size is the same; those before 5.4 read its start.
func (m mapping) register(fd int, reg unix.XDPUmemReg) error {
	reg.Addr = uint64(uintptr(m.at))
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_XDP, unix.XDP_UMEM_REG, uintptr(unsafe.Pointer(&reg)), unsafe.Sizeof(reg), 0)
	if errno != 0 {
		return os.NewSyscallError("setsockopt XDP_UMEM_REG", errno)
	}
	return nil
}

func getsockopt(fd, option int, p unsafe.Pointer, room uintptr) (n uintptr, err error) {
	length := uint32(room)
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_XDP, uintptr(option), uintptr(p), uintptr(unsafe.Pointer(&length)), 0)
	if errno != 0 {
		return 0, os.NewSyscallError("getsockopt", errno)
	}
	return uintptr(length), nil
}

// Queues returns the number of a device's queues that a socket can be on: the
// larger one of those to receive and to send. Call it in the network namespace
// of the device. Not every driver tells.
func Queues(ifindex int) (int, error) {
	i, err := net.InterfaceByIndex(ifindex)
	if err != nil {
		return 0, fmt.Errorf("asking interface %d for its queues: %w", ifindex, err)
	}
	channels := struct { // struct ethtool_channels
		command, maxRX, maxTX, maxOther, maxCombined, rx, tx, other, combined uint32
	}{command: unix.ETHTOOL_GCHANNELS}
	request := struct { // struct ifreq
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: unsafe.Pointer(&channels)}
	copy(request.name[:], i.Name)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return 0, fmt.Errorf("asking %s for its queues: %w", i.Name, errno)
	}
	return int(max(channels.rx, channels.tx) + channels.combined), nil
}

// kickTX calls the kernel to send, without waiting. In copy mode the call takes
// some 30 µs for the 32 packets that it sends. Go's scheduler would take longer
// calls for blocking ones and give the thread's processor away, which costs more
// than the wait of others for the call to end: so it isn't told.
func kickTX(fd int) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	return errno
}

// kickRX calls the kernel to take up what was filled, without waiting. Kernels
// before 5.11 can't be told so by recvfrom, but by poll.
func kickRX(fd int) unix.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	if errno != unix.EOPNOTSUPP {
		return errno
	}
	poll := unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	var now unix.Timespec
	_, _, errno = unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	return errno
}
