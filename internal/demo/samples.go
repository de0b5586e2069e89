// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"clearway/internal/topo"
)

// sample is a frame as it comes in from the client.
type sample struct {
	name    string
	ifindex int
	bytes   []byte
}

// samples are the least datagrams, one of each kind.
func (s *stage) samples() ([]sample, error) {
	eth0, err := s.lab.Host("router").Interface("eth0")
	if err != nil {
		return nil, fmt.Errorf("looking at the router: %w", err)
	}
	kinds := []struct {
		name string
		to   netip.Addr
	}{
		{"forwarded, IPv4", topo.DemoServer14},
		{"forwarded, IPv6", topo.DemoServer16},
		{"in no allowed prefix, to Linux", topo.DemoServer24},
		{"to the router itself, to Linux", router4},
		{"blocked", blocked},
	}
	var all []sample
	for _, k := range kinds {
		frame, err := datagram(eth0.MAC, client(k.to), k.to)
		if err != nil {
			return nil, fmt.Errorf("building a frame: %w", err)
		}
		all = append(all, sample{k.name, eth0.Index, frame})
	}
	return all, nil
}

func datagram(mac net.HardwareAddr, from, to netip.Addr) ([]byte, error) {
	eth := &layers.Ethernet{DstMAC: mac, SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, EthernetType: layers.EthernetTypeIPv4}
	udp := &layers.UDP{SrcPort: 40000, DstPort: 5000}
	var ip interface {
		gopacket.SerializableLayer
		gopacket.NetworkLayer
	}
	if to.Is4() {
		ip = &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: from.AsSlice(), DstIP: to.AsSlice()}
	} else {
		eth.EthernetType = layers.EthernetTypeIPv6
		ip = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: from.AsSlice(), DstIP: to.AsSlice()}
	}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, err
	}
	buffer := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		eth, ip, udp, gopacket.Payload(make([]byte, 18)))
	return buffer.Bytes(), err
}
