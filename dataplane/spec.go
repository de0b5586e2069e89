// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"clearway/lpm"
)

// Defaults of Limits.
const (
	DefaultAllow        = 65536
	DefaultInterfaces   = 64
	DefaultL3Interfaces = 4096
	DefaultIfindex      = 65535
	DefaultServices     = 4096
	DefaultBackends     = 65536
	DefaultFlows        = 262144
)

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		field *int
		value int
	}{
		{&l.Allow, DefaultAllow}, {&l.Interfaces, DefaultInterfaces},
		{&l.L3Interfaces, DefaultL3Interfaces}, {&l.Ifindex, DefaultIfindex},
		{&l.Services, DefaultServices}, {&l.Backends, DefaultBackends}, {&l.Flows, DefaultFlows},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return l
}

// sizes are the entries of the maps of one generation. Those of the limits
// change with the configuration; blocks, rules and ports grow with what there is.
type sizes struct {
	Interfaces, L3Interfaces, Ifindex int
	Blocks                            int // of the prefix table
	Rules                             int // MSS rules, twice: see ruleLists
	balanceSizes
}

const (
	leastBlocks = 4096 // 4 MiB
	leastRules  = 64
)

// wantedSizes are those of s, but for the blocks, which take the composed
// prefixes to know.
func wantedSizes(s State, present sizes, g *registry) sizes {
	return sizes{Interfaces: s.Limits.Interfaces, L3Interfaces: s.Limits.L3Interfaces, Ifindex: s.Limits.Ifindex,
		Blocks: present.Blocks, Rules: ruleEntries(ruleCount(s.MSS), present.Rules),
		balanceSizes: wantedBalanceSizes(s, present.balanceSizes, g)}
}

// shortcuts is how many a prefix table of that size can have.
func (s sizes) shortcuts() int { return s.Blocks / lpm.LeastChain }

// ruleEntries and blockEntries keep what the present generation has where it is
// enough, and leave room where it is not.
func ruleEntries(rules, present int) int {
	if need := 2 * (rules + 1); need > present {
		return max(leastRules, 2*need)
	}
	return present
}

func blockEntries(e edits, present int) int {
	if need := lpm.BlocksNeeded(e.added); need > present {
		return max(leastBlocks, need*3/2)
	}
	return present
}

// pipelineSpec is the object made ready to load with these sizes. The twin is
// the same program with its notes switched on.
func pipelineSpec(s sizes, twin bool) (*ebpf.CollectionSpec, error) {
	spec, err := loadPipeline()
	if err != nil {
		return nil, fmt.Errorf("reading the embedded object: %w", err)
	}
	for name, entries := range map[string]int{
		"ports":      s.Ifindex + 1,
		"vlans":      s.Interfaces * vlanBlocks,
		"l3s":        s.L3Interfaces + 1,
		"prefixes":   s.Blocks,
		"mss_rules":  s.Rules,
		"egresses":   s.Ifindex + 1,
		"tx_devices": s.L3Interfaces,
		"counters":   s.Interfaces,
		"sockets":    s.Interfaces * PuntQueues,

		"prefix_shortcuts": s.shortcuts(),
	} {
		spec.Maps[name].MaxEntries = uint32(entries)
	}
	s.balanceSizes.set(spec)
	if !probeKernel().sockets {
		withoutSockets(spec)
	}
	if err := setConstants(spec, twin); err != nil {
		return nil, err
	}
	return spec, setConstant(spec, "flow_sets", spec.Maps["flows_lru"].MaxEntries)
}

// withoutSockets is for kernels that have none: a map of devices that stays empty
// is found empty in the same way.
func withoutSockets(spec *ebpf.CollectionSpec) { spec.Maps["sockets"].Type = ebpf.DevMap }

func setConstants(spec *ebpf.CollectionSpec, twin bool) error {
	k := probeKernel()
	for name, on := range map[string]bool{"frags": k.frags, "skip_neigh": k.skipNeigh, "explain": twin} {
		value := uint32(0)
		if on {
			value = 1
		}
		if err := setConstant(spec, name, value); err != nil {
			return err
		}
	}
	if k.frags {
		for _, p := range spec.Programs {
			p.Flags |= unix.BPF_F_XDP_HAS_FRAGS
		}
	}
	return nil
}

func setConstant(spec *ebpf.CollectionSpec, name string, value uint32) error {
	if err := spec.Variables[name].Set(value); err != nil {
		return fmt.Errorf("setting constant %s: %w", name, err)
	}
	return nil
}

const vlanBlocks = 16 // VLAN_BLOCKS in bpf/abi.h

// stateMaps hold what can't be rebuilt from a State; a new generation takes
// them over where their layout is equal.
var stateMaps = []string{"counters", "sockets", "flows", "flows_lru", "service_counters", "backend_counters"}

// mapHash tells whether a map of another generation can be used for spec.
func mapHash(spec *ebpf.MapSpec) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%v %d %d %d %#x %v", spec.Type, spec.KeySize,
		spec.ValueSize, spec.MaxEntries, spec.Flags, layoutOf(spec)))
	return hex.EncodeToString(sum[:8])
}

// objectHash identifies the build of the programs.
var objectHash = sync.OnceValue(func() string {
	sum := sha256.Sum256(slices.Concat(_PipelineBytes, _LostBytes))
	return hex.EncodeToString(sum[:8])
})
