// SPDX-License-Identifier: Apache-2.0

package tracking

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// slotOf reads a slot as the rows of tests write it: cur, base, bits. "BA lr" is
// where B gets new flows and A has those without a record.
func slotOf(text string) Slot {
	owners, bits, _ := strings.Cut(text, " ")
	s := Slot(backendOf(owners[0])) | Slot(backendOf(owners[1]))<<baseShift
	if strings.Contains(bits, "l") {
		s |= lookup
	}
	if strings.Contains(bits, "r") {
		s |= record
	}
	return s
}

func textOf(s Slot) string {
	text := string([]byte{nameOf(s.Cur()), nameOf(s.Base()), ' '})
	if s.Lookup() {
		text += "l"
	}
	if s.Record() {
		text += "r"
	}
	return strings.TrimSpace(text)
}

// backendOf is the index of backend A, B, ...; '-' is nobody.
func backendOf(name byte) uint16 {
	if name == '-' {
		return 0
	}
	return uint16(name-'A') + 1
}

func nameOf(index uint16) byte {
	if index == 0 {
		return '-'
	}
	return 'A' + byte(index-1)
}

// backendsOf reads flags: "A" is alive and accepts, "a" is alive, what isn't
// named is neither.
func backendsOf(text string) Backends {
	b := make(Backends, 27)
	for _, name := range []byte(text) {
		if name >= 'a' {
			b[backendOf(name-'a'+'A')] = Alive
		} else {
			b[backendOf(name)] = Alive | Accept
		}
	}
	return b
}

func TestSlot(t *testing.T) {
	for _, row := range []struct {
		slot                            Slot
		cur, base                       uint16
		lookup, record, moving, settled bool
	}{
		{slot: 0, settled: true},
		{slot: 0x0000_8001, cur: 1, base: 1, settled: true},
		{slot: 0x3fff_ffff, cur: MaxBackend, base: MaxBackend, settled: true},
		{slot: 0x0000_8002, cur: 2, base: 1, moving: true},
		{slot: 0x0000_7fff, cur: MaxBackend, moving: true},
		{slot: 0x3fff_8000, base: MaxBackend, moving: true},
		{slot: 0x4000_8001, cur: 1, base: 1, lookup: true},
		{slot: 0x8000_8001, cur: 1, base: 1, record: true},
		{slot: 0xc001_0003, cur: 3, base: 2, lookup: true, record: true, moving: true},
	} {
		s := row.slot
		if s.Cur() != row.cur || s.Base() != row.base || s.Lookup() != row.lookup ||
			s.Record() != row.record || s.Moving() != row.moving || s.Settled() != row.settled {
			t.Errorf("%#x is read as %s, moving %v, settled %v; want %+v", uint32(s), textOf(s), s.Moving(), s.Settled(), row)
		}
	}
}

// TestABI compares with the header that the data path is compiled from.
func TestABI(t *testing.T) {
	text, err := os.ReadFile("../bpf/abi.h")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`SLOT_CUR 0x7fffu`, `SLOT_BASE_SHIFT 15`, `SLOT_LOOKUP = 1 << 30,`, `SLOT_RECORD = 1u << 31,`,
		`BACKEND_ALIVE = 1 << 0,`, `BACKEND_ACCEPT = 1 << 1,`, `FLOW_CONFIRMED 1`,
		"struct flow {\n\t__u16 backend;\t\t/* of its service */\n\t__u16 flags;\n\t__u32 seen;",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("bpf/abi.h doesn't say %q", want)
		}
	}
	enum := regexp.MustCompile(`(?s)enum choice \{(.*?)\}`).FindStringSubmatch(string(text))
	if enum == nil {
		t.Fatal("bpf/abi.h has no enum choice")
	}
	names := regexp.MustCompile(`(?m)^\s*CHOICE_(\w+),`).FindAllStringSubmatch(enum[1], -1)
	want := []string{ChoiceNone: "NONE", ChoiceSettled: "SETTLED", ChoiceRecord: "RECORD", ChoiceCur: "CUR",
		ChoiceBase: "BASE", ChoiceNewCur: "NEW_CUR", ChoiceNewBase: "NEW_BASE", ChoiceFull: "FULL"}
	if len(names) != len(want) {
		t.Fatalf("enum choice has %d names, Choice %d", len(names), len(want))
	}
	for i, name := range names {
		if name[1] != want[i] {
			t.Errorf("choice %d is CHOICE_%s, want %s", i, name[1], want[i])
		}
	}
}
