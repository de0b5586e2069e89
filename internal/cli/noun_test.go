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
)

// aDaemon has something of everything to show.
func aDaemon() *fakeDaemon {
	return &fakeDaemon{
		status: control.Status{
			Version: "v1.0.0", Generation: 3, UptimeSeconds: 3725,
			Daemon: &control.Daemon{PID: 42, Config: "/etc/clearway.yaml", Applies: control.Applies{OK: 5, Failed: 1},
				LastApply: control.Apply{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Error: "map is full"}},
			Interfaces: []control.Interface{
				{Name: "eth0", Ifindex: 2, Mode: "native", State: "attached", LostAfterEmit: 4,
					Received: control.Counter{Packets: 1007, Bytes: 64420},
					Reasons: map[string]control.Counter{
						"forward": {Packets: 650, Bytes: 41600}, "balance": {Packets: 50, Bytes: 3200}, "pass_no_match": {Packets: 200, Bytes: 12800},
						"drop_blocked": {Packets: 60, Bytes: 3840}, "dry_run": {Packets: 40, Bytes: 2560}, "punt": {Packets: 7, Bytes: 420}}},
				{Name: "eth1", State: "missing"},
			},
			L3: []control.L3Interface{
				{Name: "eth0", Ifindex: 2, Device: "eth0", MAC: "02:00:00:00:00:02", MTU: 1500, Forward4: true, Forward6: true,
					RPFilter: "strict", Up: true, Redirect: "native"},
				{Name: "bond0.7", Ifindex: 9, Device: "bond0", Members: []string{"eth2", "eth3"}, VLAN: 7, MAC: "02:00:00:00:00:09",
					MTU: 9000, RPFilter: "off", Redirect: "generic"},
			},
			Services: someServices(),
			Punt: control.Punt{
				Rules: []control.PuntRule{{Name: "dns", Protocol: "udp", Address: "203.0.113.53", Port: 53}, {Name: "all", Protocol: "tcp", Address: "2001:db8::53"}},
				Interfaces: []control.PuntInterface{
					{Name: "eth0", Sockets: []int{0, 1, 2, 5}, Punted: control.Counter{Packets: 7, Bytes: 420}, NoSocket: control.Counter{Packets: 3, Bytes: 180}},
					{Name: "eth1", Sockets: []int{}}},
			},
			Warnings: []control.Warning{{Place: "eth1", Text: "is missing"}},
		},
		routes: []control.Route{
			{Prefix: "0.0.0.0/0", Table: 254, Type: "unicast", Gateway: "192.0.2.1", Egress: "eth0", Legs: 2, Metric: 100},
			{Prefix: "198.51.100.0/24", Table: 254, Type: "unicast", Egress: "eth0", Linux: "has an MTU of its own"},
		},
	}
}

func TestNouns(t *testing.T) {
	socket := aDaemon().serve(t)
	for _, row := range []struct{ noun, want string }{
		{"status", `
clearway v1.0.0, generation 3, process 42, up 1h2m5s, configuration /etc/clearway.yaml
last change 2026-01-02 03:04:05, failed: map is full (5 done, 1 failed)
warning: eth1: is missing

INTERFACE  MODE    STATE     RECEIVED  FORWARDED  BALANCED  PUNTED  TO LINUX  DROPPED  LOST AFTER EMIT
eth0       native  attached  1007      650        50        7       240       60       4
eth1       -       missing   0         0          0         0       0         0        0

` + servicesTable},
		{"stats", `
INTERFACE  REASON         PACKETS  BYTES
eth0       received       1007     64420
eth0       forward        650      41600
eth0       pass_no_match  200      12800
eth0       drop_blocked   60       3840
eth0       balance        50       3200
eth0       dry_run        40       2560
eth0       punt           7        420
eth1       received       0        0
`},
		{"interfaces", `
INTERFACE  IFINDEX  MODE    STATE
eth0       2        native  attached
eth1       -        -       missing

L3 INTERFACE  DEVICE              VLAN  MAC                MTU   FORWARDING  RP_FILTER  LINK  REDIRECT
eth0          eth0                -     02:00:00:00:00:02  1500  IPv4, IPv6  strict     up    native
bond0.7       bond0 (eth2, eth3)  7     02:00:00:00:00:09  9000  off         off        down  generic
`},
		{"routes", `
PREFIX           TYPE     VIA        EGRESS           TABLE  METRIC  LEFT TO LINUX
0.0.0.0/0        unicast  192.0.2.1  eth0 and 1 more  254    100     -
198.51.100.0/24  unicast  -          eth0             254    0       has an MTU of its own
`},
		{"services", "\n" + servicesTable},
		{"punt", `
RULE  ADDRESS
dns   203.0.113.53:53/udp
all   [2001:db8::53]:any/tcp

INTERFACE  QUEUES WITH A SOCKET  PUNTED  BYTES  NO SOCKET
eth0       0-2, 5                7       420    3
eth1       -                     0       0      0
`},
		{"flows", `
SERVICE  TRACKING  AFFINITY  RECORDED  TRACK FULL  SETTLED  MOVING  TAIL  RESIZING
dns      never     source    0         0           0        0       0     no
web      changed   none      17        2           15000    1000    381   yes
`},
		{"backends", `
SERVICE  BACKEND       STATE     ORDER  WEIGHT  SLOTS  SHARE   PACKETS  BYTES  NEXT HOP    HEALTH   SINCE                LAST ERROR
dns      2001:db8::53  unknown   none   1       0      0.0%    0        0      unresolved  unknown  2026-01-02 03:04:05  -
web      10.2.0.11     active    none   2       16381  100.0%  40       2560   resolved    up       2026-01-02 03:04:05  -
web      10.2.0.12     down      none   1       0      0.0%    0        0      resolved    down     2026-01-02 03:04:05  connection refused
web      10.2.0.13     draining  drain  1       0      0.0%    10       640    resolved    -        -                    -
web      10.2.0.14     removed   none   0       0      0.0%    0        0      unresolved  -        -                    -
`},
	} {
		got := clearway(context.Background(), "", append(strings.Fields(row.noun), socket)...)
		if diff := cmp.Diff(result{0, row.want[1:], ""}, got, cmp.AllowUnexported(result{})); diff != "" {
			t.Errorf("%s:\n%s", row.noun, diff)
		}
	}
}

func TestNounsAsJSON(t *testing.T) {
	d := aDaemon()
	socket := d.serve(t)
	check := func(noun string, got, want any) {
		t.Helper()
		out := clearway(context.Background(), "", noun, "--json", socket)
		if out.code != 0 || out.stderr != "" || strings.Count(out.stdout, "\n") != 1 {
			t.Errorf("%s: %+v", noun, out)
		}
		if err := json.Unmarshal([]byte(out.stdout), got); err != nil {
			t.Errorf("%s: %v in %s", noun, err, out.stdout)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", noun, diff)
		}
	}
	for _, noun := range []string{"status", "stats", "interfaces"} {
		check(noun, &control.Status{}, &d.status)
	}
	check("punt", &control.Punt{}, &d.status.Punt)
	check("routes", &[]control.Route{}, &d.routes)
	for _, noun := range []string{"services", "flows"} {
		check(noun, &[]control.Service{}, &d.status.Services)
	}
}

// The names that others rely on.
func TestStatusContract(t *testing.T) {
	d := aDaemon()
	d.status.Interfaces = d.status.Interfaces[:1]
	out := clearway(context.Background(), "", "status", "--json", d.serve(t))
	for _, want := range []string{`"version":"v1.0.0"`, `"generation":3`, `"uptime_seconds":3725`,
		`"interfaces":[{"name":"eth0",`, `"mode":"native"`, `"received":{"packets":1007,"bytes":64420}`,
		`"reasons":{`, `"forward":{"packets":650,"bytes":41600}`, `"lost_after_emit":4`,
		`"services":[{"name":"dns",`, `"backends":[{"address":"10.2.0.11","state":"active",`, `"weight":2,"slots":16381,`,
		`"packets":40,"bytes":2560`, `"track_full":2`} {
		if !strings.Contains(out.stdout, want) {
			t.Errorf("%s is not in %s", want, out.stdout)
		}
	}
}

func TestWatch(t *testing.T) {
	d := aDaemon()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	times := 0
	d.asked = func() {
		if times++; times == 3 {
			cancel()
		}
	}
	socket := d.serve(t)
	out := clearway(ctx, "", "stats", "-w", socket)
	if out.code != 0 || out.stderr != "" {
		t.Errorf("ended with %+v", out)
	}
	if strings.Count(out.stdout, "INTERFACE") != 2 || strings.Count(out.stdout, "PACKETS/S") != 1 {
		t.Errorf("want two tables, the second one with rates:\n%s", out.stdout)
	}
}

func TestRates(t *testing.T) {
	before, now := aDaemon().status, aDaemon().status
	now.Interfaces[0].Received.Packets += 90
	now.Interfaces[0].Reasons["forward"] = control.Counter{Packets: 740}
	now.Interfaces[0].Reasons["pass_no_match"] = control.Counter{Packets: 5} // counted anew
	var out strings.Builder
	w := newTable(&out)
	printStats(w, now, &before)
	w.Flush()
	want := `
INTERFACE  REASON         PACKETS  BYTES  PACKETS/S
eth0       received       1097     64420  90
eth0       forward        740      0      90
eth0       drop_blocked   60       3840   0
eth0       balance        50       3200   0
eth0       dry_run        40       2560   0
eth0       punt           7        420    0
eth0       pass_no_match  5        0      0
eth1       received       0        0      0
`
	if diff := cmp.Diff(want[1:], out.String()); diff != "" {
		t.Error(diff)
	}
}
