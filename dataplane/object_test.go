// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"debug/elf"
	"maps"
	"regexp"
	"strconv"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"clearway/lpm"
)

// mostStack and mostVerified bound what a program may grow to: the first is a
// rule of the design; the second leaves the verifier's million far away.
const (
	mostStack    = 256
	mostVerified = 200_000
)

// objects, and how many programs each has.
var objects = map[string]struct {
	object   []byte
	programs int
}{
	"pipeline": {_PipelineBytes, 3},
	"lost":     {_LostBytes, 2},
	"probe":    {_ProbeBytes, 1},
	"decap":    {_DecapBytes, 1},
}

// TestObjectSymbols: what the compiler adds (memset, memcpy, ...) would be
// functions in .text or symbols that nothing defines.
func TestObjectSymbols(t *testing.T) {
	for name, o := range objects {
		f, err := elf.NewFile(bytes.NewReader(o.object))
		if err != nil {
			t.Fatal(err)
		}
		if text := f.Section(".text"); text != nil && text.Size != 0 {
			t.Errorf("%s: .text has %d bytes, want all functions inlined into programs", name, text.Size)
		}
		symbols, err := f.Symbols()
		if err != nil {
			t.Fatal(err)
		}
		programs := 0
		for _, s := range symbols {
			// The kernel's own are weak: it may lack them.
			if s.Section == elf.SHN_UNDEF && elf.ST_BIND(s.Info) != elf.STB_WEAK {
				t.Errorf("%s: symbol %q is undefined", name, s.Name)
			}
			if elf.ST_TYPE(s.Info) == elf.STT_FUNC {
				programs++
				t.Logf("%s: program %s, %d bytes", name, s.Name, s.Size)
			}
		}
		if programs != o.programs {
			t.Errorf("%s: %d functions, want %d programs", name, programs, o.programs)
		}
	}
}

// TestObjectCalls: a tail call beside bpf-to-bpf calls halves the stack and
// needs newer kernels.
func TestObjectCalls(t *testing.T) {
	for _, v := range variants() {
		for name, p := range v.spec(t).Programs {
			checkCalls(t, v.name+" "+name, p.Instructions)
		}
		for name, p := range v.load(t).Programs {
			checkCalls(t, v.name+" "+name+", loaded", translated(t, p))
		}
	}
}

func checkCalls(t *testing.T, name string, insns asm.Instructions) {
	t.Helper()
	if len(insns) < 10 {
		t.Errorf("%s: only %d instructions were read", name, len(insns))
	}
	for i, ins := range insns {
		if ins.IsFunctionCall() || ins.OpCode.IsDWordLoad() && ins.Src == asm.PseudoFunc {
			t.Errorf("%s: instruction %d calls another function: %v", name, i, ins)
		}
	}
}

func translated(t *testing.T, p *ebpf.Program) asm.Instructions {
	t.Helper()
	info, err := p.Info()
	if err != nil {
		t.Fatal(err)
	}
	insns, err := info.Instructions()
	if err != nil {
		t.Fatal(err)
	}
	return insns
}

var (
	stackDepth = regexp.MustCompile(`(?m)^stack depth ([0-9+]+)`)
	processed  = regexp.MustCompile(`(?m)^processed (\d+) insns`)
)

// TestObjectSize bounds stack and verification, and records them with the
// sizes after translation and compilation.
func TestObjectSize(t *testing.T) {
	for _, v := range variants() {
		coll := v.load(t)
		for name, p := range coll.Programs {
			stack := stackDepth.FindStringSubmatch(p.VerifierLog)
			verified := processed.FindStringSubmatch(p.VerifierLog)
			if stack == nil || verified == nil {
				t.Fatalf("%s %s: no statistics in the verifier's log: %q", v.name, name, p.VerifierLog)
			}
			if depth, err := strconv.Atoi(stack[1]); err != nil || depth > mostStack {
				t.Errorf("%s %s: stack depth %s, want one of at most %d", v.name, name, stack[1], mostStack)
			}
			if n, _ := strconv.Atoi(verified[1]); n > mostVerified {
				t.Errorf("%s %s: %d instructions verified, want at most %d", v.name, name, n, mostVerified)
			}
			info, err := p.Info()
			if err != nil {
				t.Fatal(err)
			}
			jited, err := info.JitedSize()
			if err != nil || jited == 0 {
				t.Errorf("%s %s: not compiled by the JIT: %v", v.name, name, err)
			}
			t.Logf("%-36s %-14s stack %3s  verified %6s  translated %5d  jited %6d bytes",
				v.name, name, stack[1], verified[1], len(translated(t, p)), jited)
		}
	}
}

// TestObjectLiveHasNoNotes: the verifier removes the twin's code from the live
// programs.
func TestObjectLiveHasNoNotes(t *testing.T) {
	for _, v := range variants() {
		if v.aside != "" {
			continue
		}
		coll := v.load(t)
		info, err := coll.Maps[".data.trace"].Info()
		if err != nil {
			t.Fatal(err)
		}
		id, _ := info.ID()
		for name, p := range coll.Programs {
			n := 0
			for _, ins := range translated(t, p) {
				// The high half of the constant is the offset into the value.
				if ins.Src == asm.PseudoMapValue && ebpf.MapID(uint32(ins.Constant)) == id {
					n++
				}
			}
			if (n != 0) != (v.twin && name != "find_socket") {
				t.Errorf("%s %s: %d references to the notes", v.name, name, n)
			}
		}
	}
}

// TestObjectPadding: a struct that Go or another program sees has no bytes that
// nobody names.
func TestObjectPadding(t *testing.T) {
	walked := map[string]bool{}
	all := maps.Clone(aside)
	all["pipeline"] = loadPipeline
	for name, load := range all {
		spec, err := load()
		if err != nil {
			t.Fatal(err)
		}
		for m, s := range spec.Maps {
			for _, typ := range []btf.Type{s.Key, s.Value} {
				if typ != nil {
					checkPadding(t, name+" map "+m, typ, walked)
				}
			}
		}
		for v, s := range spec.Variables {
			checkPadding(t, name+" variable "+v, s.Type, walked)
		}
	}
	for _, shared := range []string{"port", "l3", "vlan_block", "prefix_block", "prefix_shortcut", "mss_rule", "egress", "bpf_devmap_val",
		"counter", "port_counters", "scratch", "mutation", "bpf_fib_lookup", "settings", "trace", "address", "service_port",
		"service_port_key", "service", "service_note", "table_block", "backend", "flow_key", "flow", "flow_set", "service_counters",
		"balance_settings", "clock", "target", "local"} {
		if !walked[shared] {
			t.Errorf("struct %s was not reached", shared)
		}
	}
}

// checkPadding walks a type with all it contains.
func checkPadding(t *testing.T, where string, typ btf.Type, walked map[string]bool) {
	t.Helper()
	switch typ := btf.UnderlyingType(typ).(type) {
	case *btf.Var:
		checkPadding(t, where, typ.Type, walked)
	case *btf.Datasec:
		for _, v := range typ.Vars {
			checkPadding(t, where, v.Type, walked)
		}
	case *btf.Array:
		checkPadding(t, where, typ.Type, walked)
	case *btf.Union:
		t.Errorf("%s: union %s: which member is meant?", where, typ.Name)
	case *btf.Struct:
		walked[typ.Name] = true
		end := uint32(0)
		for _, m := range typ.Members {
			size, err := btf.Sizeof(m.Type)
			if err != nil || m.BitfieldSize != 0 || m.Offset.Bytes() != end {
				t.Errorf("%s: struct %s: member %s is at %d, want %d (%v)", where, typ.Name, m.Name, m.Offset.Bytes(), end, err)
			}
			end = m.Offset.Bytes() + uint32(size)
			checkPadding(t, where+" "+m.Name, m.Type, walked)
		}
		if end != typ.Size {
			t.Errorf("%s: struct %s has %d bytes, its members %d", where, typ.Name, typ.Size, end)
		}
	}
}

// TestObjectGoTypes: a type has one size in Go and in C.
func TestObjectGoTypes(t *testing.T) {
	spec, err := loadPipeline()
	if err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]uintptr{
		"port":            unsafe.Sizeof(pipelinePort{}),
		"l3":              unsafe.Sizeof(pipelineL3{}),
		"vlan_block":      unsafe.Sizeof(pipelineVlanBlock{}),
		"prefix_block":    unsafe.Sizeof(pipelinePrefixBlock{}),
		"prefix_shortcut": unsafe.Sizeof(lpm.Shortcut{}),
		"mss_rule":        unsafe.Sizeof(pipelineMssRule{}),
		"egress":          unsafe.Sizeof(pipelineEgress{}),
		"bpf_devmap_val":  unsafe.Sizeof(pipelineBpfDevmapVal{}),
		"port_counters":   unsafe.Sizeof(pipelinePortCounters{}),
		"scratch":         unsafe.Sizeof(pipelineScratch{}),
		"settings":        unsafe.Sizeof(pipelineSettings{}),
		"trace":           unsafe.Sizeof(pipelineTrace{}),

		"address":          unsafe.Sizeof(pipelineAddress{}),
		"service_port_key": unsafe.Sizeof(pipelineServicePortKey{}),
		"service":          unsafe.Sizeof(pipelineService{}),
		"service_note":     unsafe.Sizeof(pipelineServiceNote{}),
		"table_block":      unsafe.Sizeof(pipelineTableBlock{}),
		"backend":          unsafe.Sizeof(pipelineBackend{}),
		"flow_key":         unsafe.Sizeof(pipelineFlowKey{}),
		"flow":             unsafe.Sizeof(pipelineFlow{}),
		"flow_set":         unsafe.Sizeof(flowSet{}),
		"service_counters": unsafe.Sizeof(pipelineServiceCounters{}),
		"balance_settings": unsafe.Sizeof(pipelineBalanceSettings{}),
		"clock":            unsafe.Sizeof(pipelineClock{}),
	} {
		var typ *btf.Struct
		if err := spec.Types.TypeByName(name, &typ); err != nil {
			t.Fatal(err)
		}
		if uintptr(typ.Size) != size {
			t.Errorf("struct %s: %d bytes in C, %d in Go", name, typ.Size, size)
		}
	}
}
