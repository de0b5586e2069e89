// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/bits"
	"net"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// packets works with AF_PACKET sockets and mapped rings, TPACKET_V2: what a
// program does that has no AF_XDP. See packet(7) and packet_mmap.rst of Linux.
type packets struct {
	*task
	in, out *packetRing
}

// packetRing is one socket's ring in one direction.
type packetRing struct {
	fd   int
	mem  []byte
	next int
}

const (
	slot        = 2048 // bytes of one frame's place
	slots       = ringSize
	headerBytes = 32 // struct tpacket2_hdr
)

func newPackets(t *task) (contender, error) {
	in, err := newPacketRing(t.in, unix.PACKET_RX_RING)
	if err != nil {
		return nil, err
	}
	out, err := newPacketRing(t.out, unix.PACKET_TX_RING)
	if err != nil {
		return nil, err
	}
	for i := range slots {
		copy(out.mem[i*slot+headerBytes:], t.frame)
	}
	return &packets{t, in, out}, nil
}

func newPacketRing(device string, kind int) (*packetRing, error) {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", device, err)
	}
	all := bits.ReverseBytes16(unix.ETH_P_ALL)
	if kind == unix.PACKET_TX_RING {
		all = 0 // it receives nothing
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
	if err != nil {
		return nil, fmt.Errorf("making a packet socket: %w", err)
	}
	for _, o := range []struct{ option, value int }{
		{unix.PACKET_VERSION, unix.TPACKET_V2},
		{unix.PACKET_QDISC_BYPASS, 1},
	} {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, o.option, o.value); err != nil {
			return nil, fmt.Errorf("setting up a packet socket: %w", err)
		}
	}
	request := unix.TpacketReq{Block_size: slot * 64, Block_nr: slots / 64, Frame_size: slot, Frame_nr: slots}
	if err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, kind, &request); err != nil {
		return nil, fmt.Errorf("making a packet ring: %w", err)
	}
	mem, err := unix.Mmap(fd, 0, slot*slots, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping a packet ring: %w", err)
	}
	return &packetRing{fd: fd, mem: mem}, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index})
}

// current is the next place in the ring: its status, and all of its bytes.
func (r *packetRing) current() (status *atomic.Uint32, place []byte) {
	place = r.mem[r.next*slot:][:slot]
	return (*atomic.Uint32)(unsafe.Pointer(&place[0])), place
}

func (r *packetRing) advance() { r.next = (r.next + 1) % slots }

// each calls fn with the packets of a generated burst, and flush after each
// batch.
func (p *packets) each(fn func(frame []byte) error, flush func() error) error {
	if err := p.generate(); err != nil {
		return err
	}
	for got := 0; got < burst; {
		status, place := p.in.current()
		if status.Load()&unix.TP_STATUS_USER == 0 {
			yield()
			continue
		}
		header := (*unix.Tpacket2Hdr)(unsafe.Pointer(&place[0]))
		if err := fn(place[header.Mac:][:header.Snaplen]); err != nil {
			return err
		}
		status.Store(unix.TP_STATUS_KERNEL)
		p.in.advance()
		if got++; got%p.batch == 0 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *packets) receive() error {
	return p.each(func([]byte) error { return nil }, func() error { return nil })
}

// put gives a packet to the kernel to send; nil sends what lies in the place.
func (p *packets) put(frame []byte) error {
	status, place := p.out.current()
	if status.Load() != unix.TP_STATUS_AVAILABLE {
		return errFull
	}
	header := (*unix.Tpacket2Hdr)(unsafe.Pointer(&place[0]))
	header.Len = uint32(p.size)
	copy(place[headerBytes:], frame)
	status.Store(unix.TP_STATUS_SEND_REQUEST)
	p.out.advance()
	return nil
}

// flush makes the kernel send, and waits until it has.
func (p *packets) flush() error {
	_, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(p.out.fd), 0, 0, 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("sending: %w", errno)
	}
	return nil
}

func (p *packets) send() error {
	for i := range burst {
		if err := p.put(nil); err != nil {
			return err
		}
		if (i+1)%p.batch == 0 {
			if err := p.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *packets) forward() error {
	return p.each(p.put, p.flush)
}
