// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"testing"
	"time"

	"clearway/internal/testkit"
)

func TestMeasure(t *testing.T) {
	r := newRouter(t, Native)
	r.apply(r.state)
	eth0, client := r.state.Ports[0].Ifindex, [6]byte{2, 0, 0, 0, 0, 1}
	for name, destination := range map[string]string{"forwarded": "198.51.100.2", "no match": "203.0.113.2", "local": "192.0.2.1"} {
		frame := testkit.NewFrame(r.state.L3[0].MAC, client).IPv4("192.0.2.2", destination).UDP(1, 2).Payload(18).Bytes()
		r.do(func() error {
			cost, err := r.dp.Measure(eth0, frame)
			t.Log(name, cost)
			if err == nil && (cost <= 0 || cost > 100*time.Microsecond) {
				t.Errorf("%s: %v a packet", name, cost)
			}
			return err
		})
	}
	if got := r.reasons("eth0"); got["forward"]+got["pass_no_match"]+got["pass_local"] > 0 {
		t.Errorf("counted %v", got)
	}
}
