// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bufio"
	"fmt"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"clearway/internal/testkit"
)

// TestObjectInnerLookup: what BPF_F_INNER_MAP changes in the translated program
// (kernel commit 4a8f87e60f6d). Tables may differ in size because their look-up
// is not written out with the size of the first one as a constant, but calls
// array_map_lookup_elem directly. All other arrays are looked up inline. Where the
// kernel has bpf_rdonly_cast, slots are read without the call.
func TestObjectInnerLookup(t *testing.T) {
	dynamic, fixed := innerLookups(t, withoutCast, dynamicTables), innerLookups(t, withoutCast, fixedTables)
	if dynamic == 0 || fixed != 0 {
		t.Errorf("decide calls array_map_lookup_elem %d times with BPF_F_INNER_MAP and %d times without, want some and none", dynamic, fixed)
	}
	loaded, want := innerLookups(t, dynamicTables), dynamic
	if kernelHas(t, "bpf_rdonly_cast") {
		want = 0
	}
	if loaded != want {
		t.Errorf("decide as it is loaded calls array_map_lookup_elem %d times, want %d", loaded, want)
	}
	t.Logf("calls of array_map_lookup_elem: %d with BPF_F_INNER_MAP, %d without, %d as it is loaded", dynamic, fixed, loaded)
}

// TestObjectInnerMapKind: kernels 5.15 to 6.1 take an inner map without type
// information, as tables are, for one of another kind where the pattern has some
// (bpf_map_meta_equal).
func TestObjectInnerMapKind(t *testing.T) {
	inner := variants()[0].spec(t).Maps["tables"].InnerMap
	if inner.Key != nil || inner.Value != nil {
		t.Errorf("the pattern of tables has type information: key %v, value %v", inner.Key, inner.Value)
	}
}

func kernelHas(t *testing.T, function string) bool {
	t.Helper()
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	var f *btf.Func
	return spec.TypeByName(function, &f) == nil
}

func dynamicTables(t *testing.T, spec *ebpf.CollectionSpec) {
	if spec.Maps["tables"].InnerMap.Flags&unix.BPF_F_INNER_MAP == 0 {
		t.Error("the object's inner map lacks BPF_F_INNER_MAP")
	}
}

func fixedTables(_ *testing.T, spec *ebpf.CollectionSpec) { spec.Maps["tables"].InnerMap.Flags = 0 }

// withoutCast has programs find no bpf_rdonly_cast, as on kernels before 6.2.
func withoutCast(t *testing.T, spec *ebpf.CollectionSpec) {
	found := 0
	for i, ins := range spec.Programs["decide"].Instructions {
		if ins.Reference() == "bpf_rdonly_cast" && ins.OpCode.IsDWordLoad() {
			spec.Programs["decide"].Instructions[i] = asm.LoadImm(ins.Dst, 0, asm.DWord).WithSource(ins.Source())
			found++
		}
	}
	if found == 0 {
		t.Error("decide does not ask for bpf_rdonly_cast")
	}
}

// innerLookups counts the calls in decide, of a spec changed so.
func innerLookups(t *testing.T, changes ...func(*testing.T, *ebpf.CollectionSpec)) (calls int) {
	v := variants()[0]
	spec := v.spec(t)
	for _, change := range changes {
		change(t, spec)
	}
	coll := loadSpec(t, v.name, spec)
	base, target := kernelSymbol(t, "__bpf_call_base"), kernelSymbol(t, "array_map_lookup_elem")
	for _, ins := range translated(t, coll.Programs["decide"]) {
		if ins.OpCode.JumpOp() == asm.Call && ins.Src != asm.PseudoCall && base+uint64(ins.Constant) == target {
			calls++
		}
	}
	return calls
}

// kernelSymbol finds the address of a function of the kernel.
func kernelSymbol(t *testing.T, name string) uint64 {
	t.Helper()
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var address uint64
		var kind, symbol string
		if _, err := fmt.Sscanf(lines.Text(), "%x %s %s", &address, &kind, &symbol); err == nil && symbol == name && address != 0 {
			return address
		}
	}
	testkit.Skip(t, "the kernel tells no address of %s", name)
	return 0
}
