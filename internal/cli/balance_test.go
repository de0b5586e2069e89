// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"clearway/internal/control"
	"clearway/internal/testkit"
)

// someServices have something of everything to show.
func someServices() []control.Service {
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return []control.Service{
		{Name: "dns", Address: "2001:db8::53", Protocol: "udp", Ports: []uint16{}, Mode: "gue", Affinity: "source", Tracking: "never",
			TableSize: 251, Dropped: control.Counter{Packets: 9, Bytes: 900},
			Backends: []control.Backend{{Address: "2001:db8::53", State: "unknown", Order: "none", Weight: 1,
				Health: &control.Health{Status: "unknown", Since: since}}}},
		{Name: "web", Address: "203.0.113.10", Protocol: "tcp", Ports: []uint16{80, 443}, Mode: "ipip", Affinity: "none", Tracking: "changed",
			TableSize: 16381, Slots: control.Slots{Settled: 15000, Moving: 1000, Tail: 381}, Resizing: true, Recorded: 17, TrackFull: 2,
			Backends: []control.Backend{
				{Address: "10.2.0.11", State: "active", Order: "none", Weight: 2, Slots: 16381, Resolved: true, Packets: 40, Bytes: 2560,
					Health: &control.Health{Status: "up", Since: since, TookSeconds: 0.1}},
				{Address: "10.2.0.12", State: "down", Order: "none", Weight: 1, Resolved: true,
					Health: &control.Health{Status: "down", Since: since, Error: "connection refused", Missing: 2}},
				{Address: "10.2.0.13", State: "draining", Order: "drain", Weight: 1, Resolved: true, Packets: 10, Bytes: 640},
				{Address: "10.2.0.14", State: "removed", Order: "none"},
			}},
	}
}

const servicesTable = `SERVICE  ADDRESS                  MODE  TRACKING  SLOTS  UP   PACKETS  BYTES  DROPPED  TRACK FULL  TABLE
dns      [2001:db8::53]:any/udp   gue   never     251    0/1  0        0      9        0           none yet
web      203.0.113.10:80,443/tcp  ipip  changed   16381  1/3  50       3200   0        2           a new one is coming
`

func TestTableText(t *testing.T) {
	moving := control.Slots{Settled: 1, Moving: 2, Tail: 3}
	for _, row := range []struct {
		service control.Service
		want    string
	}{
		{control.Service{}, "none yet"},
		{control.Service{Slots: moving, Resizing: true, FailOpen: true}, "stays: no backend accepts"},
		{control.Service{Slots: moving, Resizing: true}, "a new one is coming"},
		{control.Service{Slots: moving}, "2 slots moving"},
		{control.Service{Slots: control.Slots{Settled: 1, Tail: 3}}, "settled"},
	} {
		if got := tableText(row.service); got != row.want {
			t.Errorf("%+v: %q, want %q", row.service, got, row.want)
		}
	}
}

func TestBackendsOfAService(t *testing.T) {
	socket := aDaemon().serve(t)
	got := clearway(context.Background(), "", "backends", "dns", socket)
	if got.code != 0 || strings.Contains(got.stdout, "web") || !strings.Contains(got.stdout, "dns      2001:db8::53") {
		t.Errorf("of one: %+v", got)
	}
	got = clearway(context.Background(), "", "backends", "mail", socket)
	if got.code != 1 || !strings.Contains(got.stderr, `no service "mail", only: dns, web`) {
		t.Errorf("of an unknown one: %+v", got)
	}
	got = clearway(context.Background(), "", "backends", "web", "--json", socket)
	var lines []map[string]any
	if err := json.Unmarshal([]byte(got.stdout), &lines); err != nil || len(lines) != 4 {
		t.Fatalf("%v in %s", err, got.stdout)
	}
	if b := lines[0]; b["service"] != "web" || b["address"] != "10.2.0.11" || b["state"] != "active" || b["share"] != 1.0 {
		t.Errorf("as JSON: %v", b)
	}
}

// What was counted in the meantime, and what is new.
func TestBalanceRates(t *testing.T) {
	before, now := someServices()[1:], someServices()
	now[1].Backends[0].Packets += 90
	now[1].Recorded += 30
	reader := func(services []control.Service) []backendLine {
		lines, err := getBackends(context.Background(), servicesReader{services: services}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return lines
	}
	old := reader(before)
	for _, row := range []struct {
		print func(*strings.Builder)
		want  string // ends of lines
	}{
		{func(b *strings.Builder) { printServices(b, now, &before) }, "PACKETS/S, none yet, 90"},
		{func(b *strings.Builder) { printFlows(b, now, &before) }, "RECORDED/S, no, 30"},
		{func(b *strings.Builder) { printBackends(b, reader(now), &old) }, "PACKETS/S, -, 90, 0, 0, 0"},
	} {
		var out strings.Builder
		row.print(&out)
		var ends []string
		for line := range strings.Lines(out.String()) {
			ends = append(ends, strings.TrimSpace(line[strings.LastIndex(line, "\t"):]))
		}
		if got := strings.Join(ends, ", "); got != row.want {
			t.Errorf("%s, want %s, in\n%s", got, row.want, out.String())
		}
	}
}

// servicesReader knows of services alone.
type servicesReader struct {
	reader
	services []control.Service
}

func (r servicesReader) Services(context.Context) ([]control.Service, error) { return r.services, nil }

func TestPlan(t *testing.T) {
	d := &fakeDaemon{plan: control.Plan{Generation: 3, Changes: []string{"~ service web: + backend 10.2.0.13 (active, weight 1)"},
		Warnings: []control.Warning{{Place: "service dns", Text: "no route"}},
		Moves: []control.Move{
			{Service: "dns", Moved: 251, OnceChecked: 251, Slots: 251, Tracking: "never"},
			{Service: "ssh", Moved: 5, OnceChecked: 5, Slots: 509, Tracking: "always", Resize: true},
			{Service: "web", Moved: 0, OnceChecked: 5460, Slots: 16381, Tracking: "changed", SettleSeconds: 360},
			{Service: "web", Moved: 24000, OnceChecked: 25000, Slots: 32749, Tracking: "changed", SettleSeconds: 360, Resize: true},
		}}}
	socket := d.serve(t)
	got := clearway(context.Background(), "a file", "plan", socket, "-")
	want := result{0, `~ service web: + backend 10.2.0.13 (active, weight 1)
SERVICE  SLOTS THAT MOVE  SHARE OF NEW FLOWS  WHEN                      ESTABLISHED FLOWS
dns      251 of 251       100.0%              at once                   move with their slots (tracking never)
ssh      5 of 509         1.0%                at once                   stay, if their backend does
web      0 of 16381       0.0%                at once                   stay, if their backend does
web      5460 of 16381    33.3%               once checked              stay, if their backend does
web      24000 of 32749   73.3%               after 6m0s                are recorded until then, and stay; with reload --now they move at once
web      25000 of 32749   76.3%               after 6m0s, once checked  are recorded until then, and stay; with reload --now they move at once
a reload would lead to generation 3 with 1 changes; nothing was changed
`, "warning: service dns: no route\n"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Error(diff)
	}
	if string(d.planned) != "a file" || d.reloaded != nil {
		t.Errorf("sent %q to plan and %q to reload", d.planned, d.reloaded)
	}
	out := clearway(context.Background(), "", "plan", socket, "--json")
	var plan control.Plan
	if err := json.Unmarshal([]byte(out.stdout), &plan); err != nil || len(d.planned) != 0 {
		t.Errorf("%v in %s; without a file %q was sent", err, out.stdout, d.planned)
	}
	if diff := cmp.Diff(d.plan, plan); diff != "" {
		t.Error(diff)
	}
}

func TestOrders(t *testing.T) {
	testkit.RequireRoot(t) // as who changes
	d := &fakeDaemon{ordered: control.Ordered{State: "draining", Changes: []string{"~ service web: backend 10.2.0.11 draining, was active"}}}
	socket := d.serve(t)
	for _, row := range []struct {
		args string
		want control.OrderRequest
	}{
		{"drain web 10.2.0.11", control.OrderRequest{Service: "web", Backend: "10.2.0.11", Order: "drain"}},
		{"drain web 10.2.0.11 --force", control.OrderRequest{Service: "web", Backend: "10.2.0.11", Order: "drain", Force: true}},
		{"disable --force web 10.2.0.11", control.OrderRequest{Service: "web", Backend: "10.2.0.11", Order: "disable", Force: true}},
		{"undrain web 10.2.0.11", control.OrderRequest{Service: "web", Backend: "10.2.0.11", Order: "none"}},
	} {
		got := clearway(context.Background(), "", append(strings.Fields(row.args), socket)...)
		want := result{0, d.ordered.Changes[0] + "\nbackend 10.2.0.11 of service web is draining\n", ""}
		if got != want || d.order != row.want {
			t.Errorf("%s: %+v, asked for %+v", row.args, got, d.order)
		}
	}
	d.err = control.Invalidf("it is the last")
	if got := clearway(context.Background(), "", "drain", "web", "10.2.0.11", socket); got.code != 1 || !strings.Contains(got.stderr, "it is the last") {
		t.Errorf("refused: %+v", got)
	}
}

// Shells are offered the names that the daemon knows.
func TestCompletion(t *testing.T) {
	socket := aDaemon().serve(t)
	for _, row := range []struct{ args, want string }{
		{"backends", "dns web"},
		{"backends web", ""},
		{"drain", "dns web"},
		{"drain web", "10.2.0.11 10.2.0.12 10.2.0.13"},
		{"disable mail", ""},
		{"undrain web 10.2.0.11", ""},
	} {
		args := append([]string{"__complete", socket}, strings.Fields(row.args)...)
		got := clearway(context.Background(), "", append(args, "")...)
		offered, _, _ := strings.Cut(got.stdout, ":") // then comes what the shell is to do
		if want := strings.TrimSpace(row.want); strings.Join(strings.Fields(offered), " ") != want || !strings.Contains(got.stdout, ":4\n") {
			t.Errorf("%s: %q, want %q and no files", row.args, got.stdout, want)
		}
	}
	got := clearway(context.Background(), "", "__complete", "--socket=/nonexistent", "drain", "")
	if got.code != 0 || !strings.HasPrefix(got.stdout, ":4") {
		t.Errorf("without a daemon: %+v", got)
	}
}

// A packet that goes back out of the port that it came in by.
func TestExplainOfABalancedPacket(t *testing.T) {
	d := &fakeDaemon{explanation: control.Explanation{Verdict: "tx", Reason: "balance", Service: "web", Backend: "10.2.0.11",
		Stages:  []control.Stage{{Name: "balance", Text: "ok (service web)"}, {Name: "finalize", Text: "balance"}},
		NextHop: "02:00:00:00:00:07", KernelRoute: "local",
		InputHex: "020000000001020000000099" + "0800" + "4500001c000000004011f00dc0000201c6336407" + "9c40003500080000",
		OutputHex: "020000000007020000000002" + "0800" + "450000300000000040040000ac1000010a02000b" +
			"4500001c000000004011f00dc0000201c6336407" + "9c40003500080000",
	}}
	socket := d.serve(t)
	ask := []string{"explain", socket, "--in", "eth0", "--hex", "00"}
	got := clearway(context.Background(), "", ask...)
	for _, want := range []string{"balance   ok (service web)\n", "verdict   tx (balance)\n", "next hop  02:00:00:00:00:07 on eth0\n",
		"172.16.0.1 > 10.2.0.11 IPv4 ttl 64, 192.0.2.1 > 198.51.100.7 UDP ttl 64, ports 40000 > 53, 62 bytes"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("%q is not in\n%s", want, got.stdout)
		}
	}
	if out := clearway(context.Background(), "", append(ask, "--json")...); !strings.Contains(out.stdout, `"service":"web","backend":"10.2.0.11"`) {
		t.Error(out.stdout)
	}
	d.explanation.NextHop = "" // an answer to the sender
	if out := clearway(context.Background(), "", ask...); strings.Contains(out.stdout, "next hop") || !strings.Contains(out.stdout, "out       ") {
		t.Errorf("without a next hop:\n%s", out.stdout)
	}
}
