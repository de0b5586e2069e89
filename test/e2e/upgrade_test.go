// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"clearway/internal/testkit"
)

// Another build of the programs takes over from this one, and this one again
// from that, as in an upgrade and a downgrade. In the other build two reasons
// have changed places, so that counters must be carried over by name.
func TestUpgrade(t *testing.T) {
	testkit.RequireTool(t, "go")
	const first, second = "pass_fragment", "pass_ndp"
	other := buildOther(t, first, second)
	r := newDemoRouter(t)
	r.run(demo())
	fragments := func(n int) {
		r.send("client", repeat(n, r.frame("eth0", "192.0.2.2", "198.51.100.2").Fragment(0x2000)))
	}
	fragments(5)
	r.counts(account{"eth0 " + first: {Packets: 5}})
	r.underLoad(func() {
		was := accountOf(r.status())
		r.upgrade(other)
		fragments(3) // which that build calls by the other name
		r.counts(account{
			"eth0 " + first:  {Packets: was["eth0 "+first].Packets},
			"eth0 " + second: {Packets: was["eth0 "+second].Packets + 3},
		})
		r.upgrade(program)
	})
}

// upgrade ends the daemon and starts that of another build.
func (r *router) upgrade(build string) {
	r.t.Helper()
	before := r.status().Generation
	r.stop(syscall.SIGTERM)
	r.program = build
	r.start()
	if now := r.status().Generation; now <= before {
		r.t.Errorf("the generation went from %d to %d", before, now)
	}
}

// buildOther builds the program with a changed object in it: the names of two
// reasons are exchanged in its type information. The code of the programs is the
// same, and goes on to count by the old numbers.
func buildOther(t *testing.T, first, second string) string {
	t.Helper()
	object, err := filepath.Abs("../../dataplane/pipeline_bpfel.o")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	changed := filepath.Join(dir, "pipeline.o")
	if err := os.WriteFile(changed, exchangeNames(t, object, first, second), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{object: changed}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "clearway")
	if err := build(path, "-overlay", list); err != nil {
		t.Fatal(err)
	}
	return path
}

// exchangeNames returns an object file in which two enumerators of its BTF have
// each other's name. An enumerator is the offset of its name among the strings
// and its value, four bytes each (struct btf_enum in include/uapi/linux/btf.h).
func exchangeNames(t *testing.T, object, first, second string) []byte {
	t.Helper()
	file, err := elf.Open(object)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	section := file.Section(".BTF")
	btf, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	const headerSize, stringsAt = 24, 16 // struct btf_header
	types := btf[headerSize : headerSize+binary.LittleEndian.Uint32(btf[stringsAt:])]
	strings := btf[headerSize+len(types):]
	place := func(name string) int {
		offset := bytes.Index(strings, append([]byte{0}, name+"\x00"...)) + 1
		at := bytes.Index(types, binary.LittleEndian.AppendUint32(nil, uint32(offset)))
		if offset == 0 || at < 0 || at%4 != 0 {
			t.Fatalf("%s has no enumerator %s", object, name)
		}
		return headerSize + at
	}
	raw, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	a, b := place(first), place(second)
	copy(raw[int(section.Offset)+a:], btf[b:b+4])
	copy(raw[int(section.Offset)+b:], btf[a:a+4])
	return raw
}
