// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"maps"
	"slices"
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
	noSockets              bool   // the kernel has no AF_XDP
	aside                  string // an object beside the pipeline, instead of it
}

// aside are the objects beside the pipeline.
var aside = map[string]func() (*ebpf.CollectionSpec, error){"lost": loadLost, "probe": loadProbe, "decap": loadDecap}

// variants are all that this kernel can load.
func variants() []variant {
	var all []variant
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
	all = append(all, variant{name: "live without sockets", noSockets: true})
	for _, name := range slices.Sorted(maps.Keys(aside)) {
		all = append(all, variant{name: name, aside: name})
	}
	return all
}

func (v variant) spec(t *testing.T) *ebpf.CollectionSpec {
	t.Helper()
	if v.aside != "" {
		spec, err := aside[v.aside]()
		if err != nil {
			t.Fatal(err)
		}
		return spec
	}
	spec, err := pipelineSpec(sizes{Interfaces: 4, L3Interfaces: 8, Ifindex: 64, Blocks: leastBlocks, Rules: leastRules}, v.twin)
	if err != nil {
		t.Fatal(err)
	}
	if v.noSockets {
		withoutSockets(spec)
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
