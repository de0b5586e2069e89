// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// keptIn tells what of records so many sets hold: of each the four seen last.
func keptIn(sets int, records map[pipelineFlowKey]pipelineFlow) map[pipelineFlowKey]pipelineFlow {
	keys := map[uint64][]pipelineFlowKey{}
	for key := range records {
		set := recordHash(key) >> 32 * uint64(sets) >> 32
		keys[set] = append(keys[set], key)
	}
	kept := map[pipelineFlowKey]pipelineFlow{}
	for _, set := range keys {
		slices.SortFunc(set, func(a, b pipelineFlowKey) int { return cmp.Compare(records[b].Seen, records[a].Seen) })
		for _, key := range set[:min(4, len(set))] {
			kept[key] = records[key]
		}
	}
	return kept
}

// fill records flows by hand, each seen a second after the one before, with a
// backend that its slot doesn't name.
func (r *timedRouter) fill(service, to string, flows int) {
	r.t.Helper()
	for n := range flows {
		key := r.keyOf(service, webFlow(n))
		_, slot := r.dp.gen.image.registry.services[service].slotOf(key)
		f := pipelineFlow{Backend: slot.Cur()%3 + 1, Flags: flowConfirmed, Seen: uint32(3200 + n)}
		if to == "flows_lru" {
			f.Flags |= flowTag(recordHash(key))
		}
		r.addFlow(to, key, f)
	}
}

// TestAlwaysOtherSizes: records are there after a restart and with other limits,
// as many as fit, and programs find them.
func TestAlwaysOtherSizes(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		t.Run(fmt.Sprintf("restarts: %t", restarts), func(t *testing.T) {
			r := alwaysRouter(t, 500)
			r.state.Services = append(r.state.Services, aService("changed", "203.0.113.20", nil, "10.2.0.11", "10.2.0.12", "10.2.0.13"))
			r.apply(r.state)
			r.fill("web", "flows_lru", 300)
			r.fill("changed", "flows", 90)
			want, changed := r.flows("flows_lru"), r.flows("flows")
			for _, sets := range []int{500, 2000, 100, 100, 500} {
				if restarts {
					r.restart()
				}
				r.state.Limits.Flows = sets
				r.apply(r.state)
				want = keptIn(sets, want)
				r.compareFlows(fmt.Sprintf("with %d sets", sets), want, changed)
				for n := range 300 {
					if _, there := want[r.keyOf("web", webFlow(n))]; there {
						r.arrive("web", webFlow(n), shotData)
					}
				}
				r.compareFlows(fmt.Sprintf("after packets, with %d sets", sets), want, changed)
			}
			if len(want) < 200 || len(want) > 290 {
				t.Errorf("in the end %d records are there", len(want))
			}
			if s := r.service("web"); s.Recorded != 0 {
				t.Errorf("programs recorded %d flows that have a record", s.Recorded)
			}
		})
	}
}

func (r *timedRouter) compareFlows(when string, always, changed map[pipelineFlowKey]pipelineFlow) {
	r.t.Helper()
	if diff := gocmp.Diff(always, r.flows("flows_lru")); diff != "" {
		r.t.Fatalf("%s records in sets differ (-want):\n%s", when, diff)
	}
	if diff := gocmp.Diff(changed, r.flows("flows")); diff != "" {
		r.t.Fatalf("%s records in the hash differ (-want):\n%s", when, diff)
	}
}
