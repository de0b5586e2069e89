// SPDX-License-Identifier: Apache-2.0

package control

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestServiceMetrics(t *testing.T) {
	b := &fakeAPI{status: Status{Services: []Service{{
		Name: "web", TableSize: 251, Slots: Slots{Settled: 200, Moving: 41, Tail: 10}, FailOpen: true,
		Dropped: Counter{3, 180}, Recorded: 17, TrackFull: 2,
		Backends: []Backend{
			{Address: "10.2.0.11", State: "active", Weight: 2, Slots: 251, Packets: 90, Bytes: 9000,
				Health: &Health{Status: "up", TookSeconds: 0.25}},
			{Address: "2001:db8::12", State: "down", Weight: 1,
				Health: &Health{Status: "down", TookSeconds: 1, Error: "connection refused"}},
			{Address: "10.2.0.13", State: "unknown", Health: &Health{Status: "unknown"}},
		},
	}}}}
	want := `
clearway_backend_bytes_total{backend="10.2.0.11",service="web"} 9000
clearway_backend_bytes_total{backend="10.2.0.13",service="web"} 0
clearway_backend_bytes_total{backend="2001:db8::12",service="web"} 0
clearway_backend_packets_total{backend="10.2.0.11",service="web"} 90
clearway_backend_packets_total{backend="10.2.0.13",service="web"} 0
clearway_backend_packets_total{backend="2001:db8::12",service="web"} 0
clearway_backend_slots{backend="10.2.0.11",service="web"} 251
clearway_backend_slots{backend="10.2.0.13",service="web"} 0
clearway_backend_slots{backend="2001:db8::12",service="web"} 0
clearway_backend_state{backend="10.2.0.11",service="web",state="active"} 1
clearway_backend_state{backend="10.2.0.13",service="web",state="unknown"} 1
clearway_backend_state{backend="2001:db8::12",service="web",state="down"} 1
clearway_backend_weight{backend="10.2.0.11",service="web"} 2
clearway_backend_weight{backend="10.2.0.13",service="web"} 0
clearway_backend_weight{backend="2001:db8::12",service="web"} 1
clearway_health_check_duration_seconds{backend="10.2.0.11",service="web"} 0.25
clearway_health_check_duration_seconds{backend="2001:db8::12",service="web"} 1
clearway_health_check_up{backend="10.2.0.11",service="web"} 1
clearway_health_check_up{backend="2001:db8::12",service="web"} 0
clearway_service_dropped_bytes_total{service="web"} 180
clearway_service_dropped_packets_total{service="web"} 3
clearway_service_fail_open{service="web"} 1
clearway_service_recorded_total{service="web"} 17
clearway_service_resizing{service="web"} 0
clearway_service_slots{service="web",state="moving"} 41
clearway_service_slots{service="web",state="settled"} 200
clearway_service_slots{service="web",state="tail"} 10
clearway_service_track_full_total{service="web"} 2
`
	if diff := cmp.Diff(want[1:], balanceMetrics(b)); diff != "" {
		t.Error(diff)
	}
	problems, err := testutil.CollectAndLint(collector{status: b.Status})
	if err != nil || len(problems) > 0 {
		t.Errorf("names or help against Prometheus' rules: %v, %v", problems, err)
	}
}

// balanceMetrics scrapes, and returns what is of services.
func balanceMetrics(a API) string {
	r := httptest.NewRecorder()
	MetricsHandler(a).ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
	var lines strings.Builder
	for line := range strings.Lines(r.Body.String()) {
		for _, of := range []string{"clearway_service_", "clearway_backend_", "clearway_health_"} {
			if strings.HasPrefix(line, of) {
				lines.WriteString(line)
			}
		}
	}
	return lines.String()
}
