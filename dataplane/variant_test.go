// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"clearway/internal/testkit"
)

// variant is one way in which the programs are loaded.
type variant struct {
	name                   string
	twin, frags, skipNeigh bool
	lost                   bool // the programs of the tracepoints instead
}

// variants are all that this kernel can load.
func variants() []variant {
	all := []variant{{name: "lost", lost: true}}
	for _, v := range []variant{{name: "live"}, {name: "twin", twin: true}} {
		all = append(all, v)
		v.name, v.skipNeigh = v.name+" skip_neigh", true
		all = append(all, v)
		if !probeKernel().frags {
			continue
		}
		v.name, v.frags = v.name+" frags", true
		all = append(all, v)
	}
	return all
}

func (v variant) spec(t *testing.T) *ebpf.CollectionSpec {
	t.Helper()
	if v.lost {
		spec, err := loadLost()
		if err != nil {
			t.Fatal(err)
		}
		return spec
	}
	spec, err := pipelineSpec(sizes{Interfaces: 4, L3Interfaces: 8, Ifindex: 64, Blocks: leastBlocks, Rules: leastRules}, v.twin)
	if err != nil {
		t.Fatal(err)
	}
	for name, on := range map[string]bool{"frags": v.frags, "skip_neigh": v.skipNeigh} {
		if err := spec.Variables[name].Set(flag(on)); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range spec.Programs {
		p.Flags &^= unix.BPF_F_XDP_HAS_FRAGS
		if v.frags {
			p.Flags |= unix.BPF_F_XDP_HAS_FRAGS
		}
	}
	return spec
}

// load loads the variant with the verifier's statistics in its logs.
func (v variant) load(t *testing.T) *ebpf.Collection {
	t.Helper()
	testkit.RequireRoot(t)
	if err := rlimit.RemoveMemlock(); err != nil { // Linux before 5.11 counts maps to it
		t.Fatal(err)
	}
	return loadSpec(t, v.name, v.spec(t))
}

// loadSpec loads with the verifier's statistics.
func loadSpec(t *testing.T, name string, spec *ebpf.CollectionSpec) *ebpf.Collection {
	t.Helper()
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{
		Programs: ebpf.ProgramOptions{LogLevel: ebpf.LogLevelStats},
	})
	if err != nil {
		t.Fatalf("%s: %+v", name, err)
	}
	t.Cleanup(coll.Close)
	return coll
}
