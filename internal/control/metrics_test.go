// SPDX-License-Identifier: Apache-2.0

package control

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetrics(t *testing.T) {
	b := &fakeAPI{status: Status{
		Version: "v1.2.3", Generation: 7,
		Daemon: &Daemon{Applies: Applies{OK: 5, Failed: 2}},
		Interfaces: []Interface{
			{Name: "eth0", Mode: "native", State: Attached, Received: Counter{10, 1000}, LostAfterEmit: 1,
				Reasons: map[string]Counter{"forward": {7, 700}, "pass_no_match": {3, 300}}},
			{Name: "eth9", Mode: "auto", State: Missing},
		},
		Punt: Punt{Interfaces: []PuntInterface{{Name: "eth0", Sockets: []int{0, 3}}, {Name: "eth9", Sockets: []int{}}}},
	}}
	want := `
# HELP clearway_applies_total Attempts to change the data path, since the daemon started.
# TYPE clearway_applies_total counter
clearway_applies_total{result="failed"} 2
clearway_applies_total{result="ok"} 5
# HELP clearway_build_info The daemon's build; always 1.
# TYPE clearway_build_info gauge
clearway_build_info{goversion="GOVERSION",version="v1.2.3"} 1
# HELP clearway_bytes_total Bytes of those frames at ingress, Ethernet header included.
# TYPE clearway_bytes_total counter
clearway_bytes_total{interface="eth0",reason="forward"} 700
clearway_bytes_total{interface="eth0",reason="pass_no_match"} 300
# HELP clearway_generation Generation of the data path.
# TYPE clearway_generation gauge
clearway_generation 7
# HELP clearway_interface_attached Whether the interface is there and Clearway attached to it.
# TYPE clearway_interface_attached gauge
clearway_interface_attached{interface="eth0",mode="native"} 1
clearway_interface_attached{interface="eth9",mode="auto"} 0
# HELP clearway_lost_after_emit_packets_total Frames that a device, or the socket of a program, refused after they were sent on.
# TYPE clearway_lost_after_emit_packets_total counter
clearway_lost_after_emit_packets_total{interface="eth0"} 1
# HELP clearway_packets_total Frames by the reason they left the pipeline for.
# TYPE clearway_packets_total counter
clearway_packets_total{interface="eth0",reason="forward"} 7
clearway_packets_total{interface="eth0",reason="pass_no_match"} 3
# HELP clearway_punt_socket A socket that takes what punt rules match on the queue; always 1.
# TYPE clearway_punt_socket gauge
clearway_punt_socket{interface="eth0",queue="0"} 1
clearway_punt_socket{interface="eth0",queue="3"} 1
# HELP clearway_received_bytes_total Bytes of those frames, Ethernet header included.
# TYPE clearway_received_bytes_total counter
clearway_received_bytes_total{interface="eth0"} 1000
# HELP clearway_received_packets_total Frames that entered the pipeline.
# TYPE clearway_received_packets_total counter
clearway_received_packets_total{interface="eth0"} 10
`
	want = strings.ReplaceAll(want, "GOVERSION", runtime.Version())
	c := collector{status: b.Status}
	if err := testutil.CollectAndCompare(c, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	problems, err := testutil.CollectAndLint(c)
	if err != nil || len(problems) > 0 {
		t.Errorf("names or help against Prometheus' rules: %v, %v", problems, err)
	}
}

func TestScrape(t *testing.T) {
	b := &fakeAPI{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- ServeMetrics(ctx, l, b, slog.New(slog.DiscardHandler)) }()
	defer func() { cancel(); <-done; http.DefaultClient.CloseIdleConnections() }()

	scrape := func() (int, string) {
		r, err := http.Get("http://" + l.Addr().String() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(body)
	}
	code, body := scrape()
	for _, name := range []string{"clearway_generation", "go_goroutines", "process_open_fds"} {
		if !strings.Contains(body, "\n"+name+" ") {
			t.Errorf("%s is not in the scrape", name)
		}
	}
	if code != 200 {
		t.Errorf("scrape answered %d", code)
	}
	b.err = errors.New("map is gone")
	if code, body := scrape(); code != 500 || !strings.Contains(body, "map is gone") {
		t.Errorf("a scrape that can't read the data path answered %d: %s", code, body)
	}
}
