// SPDX-License-Identifier: Apache-2.0

package twin

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"clearway/internal/topo"
)

// drops tells what the lab's kernel lost, which it should not.
func (d *side) drops() string {
	var all strings.Builder
	for _, h := range []*topo.Host{d.router, d.far} {
		err := h.Do(func() error {
			for _, tell := range []func(*strings.Builder, string) error{deviceDrops, icmpLosses} {
				if err := tell(&all, h.Name()); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err.Error()
		}
	}
	if err := backlogDrops(&all); err != nil {
		return err.Error()
	}
	return all.String()
}

func deviceDrops(to *strings.Builder, host string) error {
	text, err := os.ReadFile("/proc/thread-self/net/dev")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		name, rest, ok := strings.Cut(line, ":")
		if f := strings.Fields(rest); ok && len(f) > 11 && (f[3] != "0" || f[11] != "0") {
			fmt.Fprintf(to, "%s %s: received %s, dropped %s; sent %s, dropped %s\n", host, strings.TrimSpace(name), f[1], f[3], f[9], f[11])
		}
	}
	return nil
}

// icmpLosses tells of messages of the host's own that found no room in the
// CPU's ICMP socket.
func icmpLosses(to *strings.Builder, host string) error {
	ip4, err := os.ReadFile("/proc/thread-self/net/snmp")
	if err != nil {
		return err
	}
	ip6, err := os.ReadFile("/proc/thread-self/net/snmp6")
	if err != nil {
		return err
	}
	var names []string
	for line := range strings.Lines(string(ip4)) {
		f := strings.Fields(line)
		if i := slices.Index(names, "OutErrors"); f[0] == "Icmp:" && i > 0 && f[i] != "0" {
			fmt.Fprintf(to, "%s: %s ICMP messages lost\n", host, f[i])
		}
		names = f
	}
	for line := range strings.Lines(string(ip6)) {
		if f := strings.Fields(line); f[0] == "Icmp6OutErrors" && f[1] != "0" {
			fmt.Fprintf(to, "%s: %s ICMPv6 messages lost\n", host, f[1])
		}
	}
	return nil
}

// backlogDrops tells how many frames found no room in a CPU's backlog
// (netdev_max_backlog), on all of the machine and since it started.
func backlogDrops(to *strings.Builder) error {
	text, err := os.ReadFile("/proc/net/softnet_stat")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		dropped, err := strconv.ParseUint(strings.Fields(line)[1], 16, 32)
		if err != nil {
			return fmt.Errorf("reading softnet_stat: %w", err)
		}
		if dropped != 0 {
			fmt.Fprintf(to, "a CPU: %d frames lost in its backlog since the machine's start\n", dropped)
		}
	}
	return nil
}
