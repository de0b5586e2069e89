// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"clearway/internal/control"
	"clearway/internal/topo"
	"clearway/internal/topo/topotest"
	"clearway/xsk/xskprog"
)

// newWire returns two hosts with addresses of both families on a link:
//
//	a eth0 192.0.2.1 ──── eth0 192.0.2.2 b, with a second link from a to nowhere
func newWire(t *testing.T) (a, b *topo.Host) {
	t.Helper()
	end := func(host, name string, addresses ...string) topo.End {
		e := topo.End{Host: host, Name: name, NAPI: topo.NAPINone}
		for _, a := range addresses {
			e.Addresses = append(e.Addresses, netip.MustParsePrefix(a))
		}
		return e
	}
	lab := topotest.New(t, &topo.Lab{
		Hosts: []topo.HostSpec{{Name: "a"}, {Name: "b"}},
		Links: []topo.Link{
			{A: end("a", "eth0", "192.0.2.1/24", "2001:db8::1/64"), B: end("b", "eth0", "192.0.2.2/24", "2001:db8::2/64")},
			{A: end("a", "eth1", "198.51.100.1/24"), B: end("b", "eth1")},
		},
	})
	return lab.Host("a"), lab.Host("b")
}

// inside runs a command line in a host.
func inside(t *testing.T, h *topo.Host, args ...string) (got result) {
	t.Helper()
	err := h.Do(func() error {
		got = clearway(context.Background(), "", append([]string{"--socket=/nonexistent/cw.sock", "--bpffs=/nonexistent/cw"}, args...)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// objects parses lines of JSON.
func objects(t *testing.T, text string) (all []map[string]any) {
	t.Helper()
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		var o map[string]any
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		all = append(all, o)
	}
	return all
}

// The names of JSON: whoever reads it relies on them.
var (
	figureNames = []string{"bytes", "cpu_ns", "dropped", "drops", "kicks", "mbps", "mean_batch", "packets", "pps", "seconds", "syscalls",
		"system_ns", "user_ns", "waits", "wakeups"}
	dropNames    = []string{"fill_empty", "invalid", "rx_dropped", "rx_ring_full", "tx_ring_full"}
	summaryNames = []string{"command", "interface", "loss", "max_pps", "min_pps", "mode", "queues"}
)

func checkNames(t *testing.T, o map[string]any, more ...string) {
	t.Helper()
	want := slices.Sorted(slices.Values(slices.Concat(figureNames, more)))
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(o))); diff != "" {
		t.Errorf("names:\n%s", diff)
	}
	drops, _ := o["drops"].(map[string]any)
	if diff := cmp.Diff(dropNames, slices.Sorted(maps.Keys(drops))); diff != "" {
		t.Errorf("names of drops:\n%s", diff)
	}
}

// Each second is an object, and the summary the last one.
func TestXSKJSON(t *testing.T) {
	a, _ := newWire(t)
	got := inside(t, a, "xsk", "tx", "--interface", "eth0", "--rate", "1000", "--duration", "1100ms", "--json")
	all := objects(t, got.stdout)
	if got.code != 0 || got.stderr != "" || len(all) != 2 {
		t.Fatalf("%+v", got)
	}
	checkNames(t, all[0], "second")
	checkNames(t, all[1], summaryNames...)
	if s := all[1]; s["command"] != "tx" || s["interface"] != "eth0" || s["mode"] != "copy" || s["packets"].(float64) < all[0]["packets"].(float64) {
		t.Errorf("summary %v", s)
	}

	got = inside(t, a, "xsk", "fwd", "--interface", "eth0", "--to", "eth1", "--duration", "10ms", "--json")
	all = objects(t, got.stdout)
	if got.code != 0 || len(all) != 1 {
		t.Fatalf("%+v", got)
	}
	checkNames(t, all[0], append(summaryNames, "to", "program")...)
}

// For people it is a line a second below the columns' names, and a summary.
func TestXSKText(t *testing.T) {
	a, _ := newWire(t)
	got := inside(t, a, "xsk", "rx", "--interface", "eth0", "--duration", "1s")
	lines := strings.Split(got.stdout, "\n")
	if got.code != 0 || len(lines) != 10 || lines[0] != "rx on eth0 queue 0, mode copy, XDP program native" {
		t.Fatalf("%+v", got)
	}
	if len(lines[1]) != len(lines[2]) || !strings.HasPrefix(lines[2], "     1  ") {
		t.Errorf("a second doesn't stand below its columns:\n%s\n%s", lines[1], lines[2])
	}
	for i, want := range []string{"packets ", "packets/s ", "dropped ", "CPU ", "system calls "} {
		if !strings.HasPrefix(lines[4+i], want) {
			t.Errorf("line %q, want one of %q", lines[4+i], want)
		}
	}
}

// With --dst they go where Linux would send them, from where it would, and are
// right: Linux there takes them.
func TestXSKDestination(t *testing.T) {
	a, b := newWire(t)
	for dst, src := range map[string]string{"192.0.2.2": "192.0.2.1", "2001:db8::2": "2001:db8::1"} {
		c, err := b.ListenPacket(t.Context(), "udp", netip.AddrPortFrom(netip.MustParseAddr(dst), 33333))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		got := inside(t, a, "xsk", "tx", "--interface", "eth0", "--dst", dst, "--dport", "33333", "--rate", "1000", "--duration", "100ms", "--json")
		if got.code != 0 {
			t.Fatalf("%s: %+v", dst, got)
		}
		want := net.JoinHostPort(src, "40000")
		for i := range int(objects(t, got.stdout)[0]["packets"].(float64)) {
			c.SetReadDeadline(time.Now().Add(2 * time.Second))
			p := make([]byte, 100)
			n, from, err := c.ReadFrom(p)
			if err != nil || from.String() != want || n < 8 || binary.BigEndian.Uint64(p) != uint64(i) {
				t.Fatalf("packet %d: %d bytes from %v, %x: %v", i, n, from, p, err)
			}
		}
	}
}

// A destination that can't be reached is told with what to do.
func TestXSKNoDestination(t *testing.T) {
	a, _ := newWire(t)
	for dst, says := range map[string]string{
		"192.0.2.1":    "is an address of this machine",
		"203.0.113.1":  "no route to 203.0.113.1",
		"198.51.100.2": "leaves by another interface than eth0",
		"192.0.2.77":   "192.0.2.77, does not answer",
	} {
		got := inside(t, a, "xsk", "tx", "--interface", "eth0", "--dst", dst)
		if got.code != 1 || got.stdout != "" || !strings.Contains(got.stderr, says) || !strings.Contains(got.stderr, "--dst-mac") {
			t.Errorf("%s: %+v, want %q", dst, got, says)
		}
	}
	if got := inside(t, a, "xsk", "tx", "--interface", "cwnone", "--dst", "192.0.2.2"); got.code != 1 || !strings.Contains(got.stderr, "cwnone: ") {
		t.Errorf("%+v", got)
	}
}

// What ends it early is an error and in the summary, which has all until then.
func TestXSKDeviceGone(t *testing.T) {
	a, _ := newWire(t)
	time.AfterFunc(1200*time.Millisecond, func() { a.DeleteDevice("eth0") })
	got := inside(t, a, "xsk", "rx", "--interface", "eth0", "--json")
	all := objects(t, got.stdout)
	if got.code != 1 || len(all) < 2 || !strings.Contains(got.stderr, "eth0 queue 0: the device is gone") {
		t.Fatalf("%+v", got)
	}
	if sum := all[len(all)-1]; sum["command"] != "rx" || !strings.Contains(got.stderr, sum["error"].(string)) {
		t.Errorf("summary %v, error %s", sum, got.stderr)
	}
}

// An interrupt ends it with the summary, and is no error.
func TestXSKInterrupt(t *testing.T) {
	a, _ := newWire(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var got result
	err := a.Do(func() error {
		got = clearway(ctx, "", "xsk", "rx", "--interface", "eth0", "--duration", "0", "--json")
		return nil
	})
	if err != nil || got.code != 0 || len(objects(t, got.stdout)) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// An XDP program that is in the way is named; Clearway's own is known as that.
func TestXSKProgramInTheWay(t *testing.T) {
	a, _ := newWire(t)
	index := func() int {
		i, err := a.Interface("eth0")
		if err != nil {
			t.Fatal(err)
		}
		return i.Index
	}()
	var theirs *xskprog.Program
	err := a.Do(func() (err error) {
		theirs, err = xskprog.Attach(xskprog.Options{Ifindex: index})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	before, _ := a.Interface("eth0")
	port := func(state string) []control.Interface {
		return []control.Interface{{Name: "eth1", State: control.Attached}, {Name: "eth0", Ifindex: index, State: state}}
	}
	for _, row := range []struct {
		daemon *fakeDaemon
		says   string
	}{
		{nil, `eth0 has an XDP program already`},
		{&fakeDaemon{status: control.Status{Interfaces: port(control.Missing)}}, `"xsk_redirect", which was left as it is`},
		{&fakeDaemon{status: control.Status{Interfaces: port(control.Attached)}}, "eth0 is served by the daemon, and was left as it is; to get packets of it into user space use a punt rule"},
	} {
		args := []string{"xsk", "rx", "--interface", "eth0"}
		if row.daemon != nil {
			args = append(args, row.daemon.serve(t))
		}
		got := inside(t, a, args...)
		if got.code != 1 || got.stdout != "" || !strings.Contains(got.stderr, row.says) {
			t.Errorf("%+v, want %q", got, row.says)
		}
	}
	if after, err := a.Interface("eth0"); err != nil || after.Program != before.Program || before.Program == 0 {
		t.Errorf("program %d became %d: %v", before.Program, after.Program, err)
	}
}
