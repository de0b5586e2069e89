// SPDX-License-Identifier: Apache-2.0

//go:build kernels

package smoke

import (
	"bytes"
	"encoding/binary"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLinkKinds makes one link of each kind that the tests build labs from.
func TestLinkKinds(t *testing.T) {
	parent := addLink(t, "veth", "cwparent", nil, 0)
	for _, row := range []struct {
		kind string
		data []byte
		on   int
	}{
		{kind: "veth"},
		{kind: "vlan", data: attr(unix.IFLA_VLAN_ID, u16(7)), on: parent},
		{kind: "vrf", data: attr(unix.IFLA_VRF_TABLE, u32(77))},
		{kind: "bond"},
		{kind: "bridge"},
		{kind: "dummy"},
		{kind: "macvlan", on: parent},
	} {
		t.Run(row.kind, func(t *testing.T) {
			name := "cw" + row.kind
			addLink(t, row.kind, name, row.data, row.on)
			if row.on != 0 {
				if _, err := filepath.EvalSymlinks("/sys/class/net/" + name + "/lower_cwparent"); err != nil {
					t.Errorf("%s is not on its parent: %v", name, err)
				}
			}
		})
	}
}

// TestVLANTagsOnTheWire sends through a VLAN device and reads at the far end of
// the veth pair below it: the tag must be in the frame, with the right VID.
func TestVLANTagsOnTheWire(t *testing.T) {
	near := addLink(t, "veth", "cwnear", nil, 0)
	vlan := addLink(t, "vlan", "cwnear.5", attr(unix.IFLA_VLAN_ID, u16(5)), near)
	far := peerOf(t, near)
	setUp(t, "cwnear")
	setUp(t, far.Name)
	setUp(t, "cwnear.5")
	payload := []byte("through a tag")
	tags := exchange(t, vlan, far.Index, payload)
	if want := uint16(5); tags != want {
		t.Errorf("the frame has VID %d, want %d", tags, want)
	}
}

// TestVirtioPorts sends from one of the guest's own ports to the other.
func TestVirtioPorts(t *testing.T) {
	for _, name := range []string{"eth0", "eth1"} {
		driver, err := filepath.EvalSymlinks("/sys/class/net/" + name + "/device/driver")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(driver, "/virtio_net") {
			t.Errorf("%s is driven by %s", name, driver)
		}
		setUp(t, name)
	}
	from, to := mustLink(t, "eth0"), mustLink(t, "eth1")
	if tag := exchange(t, from.Index, to.Index, []byte("over the hub")); tag != 0 {
		t.Errorf("the frame has VID %d, want none", tag)
	}
}

// exchange sends a frame out of one link until it arrives at another, and
// returns the VID it carries there, 0 for none.
func exchange(t *testing.T, from, to int, payload []byte) uint16 {
	t.Helper()
	in, out := packetSocket(t, to), packetSocket(t, from)
	if err := unix.SetsockoptInt(in, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1); err != nil {
		t.Fatal(err)
	}
	// Local experimental EtherType 1 (IEEE 802): nobody else's frames.
	frame := append([]byte{
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5,
	}, payload...)
	buf, control := make([]byte, 2048), make([]byte, 256)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if _, err := unix.Write(out, frame); err != nil {
			t.Fatalf("sending: %v", err)
		}
		for {
			n, nc, _, _, err := unix.Recvmsg(in, buf, control, 0)
			if err != nil {
				break // nothing within the receive timeout
			}
			if bytes.Contains(buf[:n], payload) {
				return vlanOf(t, control[:nc])
			}
		}
	}
	t.Fatal("the frame did not arrive within 10 seconds")
	return 0
}

// packetSocket is bound to one link, sees all its frames and waits 100 ms.
func packetSocket(t *testing.T, ifindex int) int {
	t.Helper()
	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: ifindex}); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}); err != nil {
		t.Fatal(err)
	}
	return fd
}

// vlanOf reads the tag that the kernel took out of the frame, from struct
// tpacket_auxdata (Linux include/uapi/linux/if_packet.h).
func vlanOf(t *testing.T, control []byte) uint16 {
	t.Helper()
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if m.Header.Type == unix.PACKET_AUXDATA && len(m.Data) >= 20 {
			return binary.NativeEndian.Uint16(m.Data[16:]) & 0xfff
		}
	}
	t.Fatal("the kernel told no auxiliary data")
	return 0
}

func setUp(t *testing.T, name string) {
	t.Helper()
	request(t, unix.RTM_NEWLINK, 0, linkMessage(mustLink(t, name).Index, unix.IFF_UP))
}

func mustLink(t *testing.T, name string) *net.Interface {
	t.Helper()
	link, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return link
}
