// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"clearway/internal/testkit"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
	"clearway/internal/topo/wire"
)

// decapLab is two hosts, of which the receiver has the service addresses.
type decapLab struct {
	*topo.Lab
	t      *testing.T
	device topo.Interface // of the receiver: the end of the link, or a bridge above it
}

func newDecapLab(t *testing.T, device string, napi topo.NAPI) *decapLab {
	t.Helper()
	l := &decapLab{t: t, Lab: topotest.New(t, &topo.Lab{
		Hosts: []topo.HostSpec{{Name: "sender"}, {Name: "receiver"}},
		Links: []topo.Link{{
			A: topo.End{Host: "sender", Name: "eth0", NAPI: topo.NAPINone},
			B: topo.End{Host: "receiver", Name: "eth0", NAPI: napi},
		}},
	})}
	host := l.Host("receiver")
	if device != "eth0" {
		if err := host.AddDevice(topo.Device{Name: device, Kind: topo.Bridge, Members: []string{"eth0"}}); err != nil {
			t.Fatal(err)
		}
	}
	for a, at := range map[string]string{
		decapHost4 + "/24": device, decapHost6 + "/64": device,
		probed4.String() + "/32": "lo", probed6.String() + "/128": "lo",
	} {
		if err := host.AddAddress(at, netip.MustParsePrefix(a)); err != nil {
			t.Fatal(err)
		}
	}
	l.device = l.look(device)
	return l
}

func (l *decapLab) look(device string) topo.Interface {
	l.t.Helper()
	i, err := l.Host("receiver").Interface(device)
	if err != nil {
		l.t.Fatal(err)
	}
	return i
}

// attach is AttachDecap, inside the receiver.
func (l *decapLab) attach() (receiver io.Closer, err error) {
	err = l.Host("receiver").Do(func() (err error) {
		receiver, err = AttachDecap(l.device.Index, decapGUE)
		return err
	})
	return receiver, err
}

// Sockets get what came in tunnels, whether the driver or the kernel's generic
// layer takes them apart, until the receiver is closed.
func TestDecapDelivers(t *testing.T) {
	for _, device := range []string{"eth0", "br0"} {
		t.Run(device, func(t *testing.T) {
			l := newDecapLab(t, device, topo.NAPINone)
			receiver, err := l.attach()
			if err != nil {
				t.Fatal(err)
			}
			for _, service := range []netip.Addr{probed4, probed6} {
				for _, to := range []string{decapHost4, decapHost6} {
					for _, mode := range []ServiceMode{IPIP, GUE} {
						if err := l.deliver(service, mode, to, 2*time.Second); err != nil {
							t.Errorf("%v in %s to %s: %v", service, mode, to, err)
						}
					}
				}
			}
			if err := receiver.Close(); err != nil {
				t.Error(err)
			}
			if now := l.look(device).Program; now != 0 {
				t.Errorf("program %d is attached after Close", now)
			}
			if err := l.deliver(probed4, IPIP, decapHost4, 100*time.Millisecond); err == nil {
				t.Error("a packet got through after Close")
			}
		})
	}
}

// deliver sends a datagram in a tunnel and waits for it at the service address.
func (l *decapLab) deliver(service netip.Addr, mode ServiceMode, to string, wait time.Duration) error {
	server, err := l.Host("receiver").ListenPacket(l.t.Context(), "udp", netip.AddrPortFrom(service, probedPort))
	if err != nil {
		return err
	}
	defer server.Close()
	sender, err := wire.NewSender(l.Host("sender"), "eth0")
	if err != nil {
		return err
	}
	defer sender.Close()
	client := netip.MustParseAddr("203.0.113.77")
	if service.Is6() {
		client = netip.MustParseAddr("2001:db8:7::7")
	}
	in := testkit.NewFrame([6]byte(l.device.MAC), hostMAC(1)).IP(client, service).UDP(4000, probedPort).Payload(40)
	out := outerOf(in, mode, to, 0)
	out.dmac = [6]byte(l.device.MAC)
	if err := sender.Send(out.Bytes()); err != nil {
		return err
	}
	server.SetReadDeadline(time.Now().Add(wait))
	got := make([]byte, 100)
	n, from, err := server.ReadFrom(got)
	if err != nil {
		return err
	}
	sent := in.Bytes()
	if source := from.(*net.UDPAddr).AddrPort().Addr(); source != client || !bytes.Equal(got[:n], sent[len(sent)-40:]) {
		return fmt.Errorf("from %v came %x", source, got[:n])
	}
	return nil
}

// A device with another's program is left alone, and the error names it.
func TestDecapForeignProgram(t *testing.T) {
	l := newDecapLab(t, "eth0", topo.NAPIByXDP)
	theirs := l.device.Program
	receiver, err := l.attach()
	if err == nil {
		receiver.Close()
	}
	var attach *AttachError
	if !errors.As(err, &attach) || !attach.Foreign || !strings.Contains(err.Error(), DescribeProgram(theirs)) {
		t.Errorf("%v does not name %s", err, DescribeProgram(theirs))
	}
	if now := l.look("eth0").Program; now != theirs || theirs == 0 {
		t.Errorf("program %d is attached, theirs was %d", now, theirs)
	}
}
