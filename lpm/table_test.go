// SPDX-License-Identifier: Apache-2.0

package lpm

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// parse reads changes from "prefix=value" and "-prefix".
func parse(t testing.TB, text string) (changes []Change) {
	t.Helper()
	for _, field := range strings.Fields(text) {
		name, value, _ := strings.Cut(strings.TrimPrefix(field, "-"), "=")
		p, err := netip.ParsePrefix(name)
		if err != nil {
			t.Fatal(err)
		}
		v, err := strconv.ParseUint(value, 10, 32)
		if err != nil && field[0] != '-' {
			t.Fatal(err)
		}
		changes = append(changes, Change{p, uint32(v), field[0] == '-'})
	}
	return changes
}

func TestLookup(t *testing.T) {
	for _, row := range []struct {
		name    string
		updates []string
		lookups string // address=value
		blocks  int    // children
	}{
		{"empty", nil, "0.0.0.0=0 255.255.255.255=0 ::=0 ffff::=0", 0},
		{"default routes", []string{"0.0.0.0/0=1 ::/0=2"},
			"0.0.0.0=1 255.255.255.255=1 ::=2 ffff::=2 ::ffff:1.2.3.4=2", 0},
		{"families apart", []string{"10.0.0.0/8=1 a00::/8=2"}, "10.1.2.3=1 a01::=2 ::10.1.2.3=0 ::ffff:10.1.2.3=0", 0},
		{"IPv4-mapped is IPv6", []string{"::ffff:10.0.0.0/104=1"}, "::ffff:10.1.2.3=1 10.1.2.3=0", 11},
		{"every stride", []string{"10.0.0.0/16=1 10.0.0.0/17=2 10.0.0.0/24=3 10.0.0.0/25=4 10.0.0.0/32=5"},
			"10.0.0.0=5 10.0.0.1=4 10.0.0.128=3 10.0.1.0=2 10.0.128.0=1 10.1.0.0=0", 2},
		{"longest first or last", []string{"10.1.2.3/32=5", "10.0.0.0/8=1", "10.1.2.0/24=3", "10.1.0.0/16=2"},
			"10.1.2.3=5 10.1.2.4=3 10.1.3.3=2 10.2.2.3=1", 2},
		{"adjacent", []string{"10.0.0.0/9=1 10.128.0.0/9=2"}, "10.127.255.255=1 10.128.0.0=2 9.255.255.255=0 11.0.0.0=0", 0},
		{"host", []string{"2001:db8::1/128=7"}, "2001:db8::1=7 2001:db8::=0 2001:db8::2=0", 14},
		{"last host", []string{"255.255.255.255/32=1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128=2"},
			"255.255.255.255=1 255.255.255.254=0 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff=2 ffff::=0", 16},
		{"another value", []string{"10.0.0.0/8=1 10.1.0.0/16=2", "10.0.0.0/8=3"}, "10.0.0.0=3 10.1.0.0=2", 0},
		{"last change counts", []string{"10.0.0.0/8=1 -10.0.0.0/8 10.0.0.0/8=2 11.0.0.0/8=1 -11.0.0.0/8"}, "10.0.0.0=2 11.0.0.0=0", 0},
		{"delete what is not there", []string{"10.0.0.0/8=1 -10.0.0.0/9 -::/0"}, "10.0.0.0=1", 0},
		{"delete uncovers", []string{"10.0.0.0/8=1 10.1.2.0/24=2 10.1.2.3/32=3", "-10.1.2.0/24"}, "10.1.2.0=1 10.1.2.3=3", 2},
		{"delete frees a chain", []string{"10.0.0.0/8=1 10.1.2.3/32=3", "-10.1.2.3/32"}, "10.1.2.3=1", 0},
		{"delete frees the end of one", []string{"10.1.0.0/17=1 10.1.2.3/32=3", "-10.1.2.3/32"}, "10.1.2.3=1 10.1.128.0=0", 1},
		{"a block changes hands", []string{"10.1.2.0/25=1", "-10.1.2.0/25 10.1.2.128/25=2"}, "10.1.2.0=0 10.1.2.128=2", 2},
		{"delete below what changes", []string{"10.0.0.0/8=1 10.1.2.0/24=2", "-10.1.2.0/24 10.0.0.0/8=3"}, "10.1.2.0=3 10.1.3.0=3", 0},
		{"zero hides", []string{"10.0.0.0/8=1 10.1.0.0/16=0"}, "10.0.0.0=1 10.1.0.0=0", 0},
		{"largest value", []string{"10.0.0.0/8=2147483647"}, "10.0.0.0=2147483647", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, RootBlocks+40)
			for _, update := range row.updates {
				if !w.update(parse(t, update)) {
					t.Fatal("does not fit")
				}
			}
			for _, field := range strings.Fields(row.lookups) {
				address, value, _ := strings.Cut(field, "=")
				a := netip.MustParseAddr(address)
				if got := w.table.Lookup(a); fmt.Sprint(got) != value {
					t.Errorf("%v: got %d, want %s", a, got, value)
				}
				w.check([]netip.Addr{a})
			}
			if used, _, _ := w.table.Blocks(); used != RootBlocks+row.blocks {
				t.Errorf("%d child blocks, want %d", used-RootBlocks, row.blocks)
			}
			checkStructure(t, w.table, w.slow)
			w.checkWords()
		})
	}
}

func TestLookupOddAddresses(t *testing.T) {
	w := newWorld(t, RootBlocks)
	w.update(parse(t, "fe80::/16=1 0.0.0.0/0=2"))
	if got := w.table.Lookup(netip.MustParseAddr("fe80::1%eth0")); got != 1 {
		t.Errorf("with a zone: got %d, want 1", got)
	}
	if got := w.table.Lookup(netip.Addr{}); got != 0 {
		t.Errorf("zero Addr: got %d, want 0", got)
	}
}

func TestNewRefuses(t *testing.T) {
	dirty := make([]uint32, RootBlocks*BlockWords)
	dirty[len(dirty)-1] = 1
	for want, mem := range map[string][]uint32{
		"prefix table: memory of 131073 words is no multiple of 256":       make([]uint32, RootBlocks*BlockWords+1),
		"prefix table: memory has 511 blocks, the root alone takes 512":    make([]uint32, (RootBlocks-1)*BlockWords),
		"prefix table: memory has 0 blocks, the root alone takes 512":      nil,
		"prefix table: word 131071 of the root is 0x1, want zeroed memory": dirty,
	} {
		if _, err := New(mem, nil); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestUpdateRefuses(t *testing.T) {
	w := newWorld(t, RootBlocks+10)
	w.update(parse(t, "10.0.0.0/8=1 10.1.2.0/24=2"))
	before := slices.Clone(w.mem)
	good := Change{Prefix: netip.MustParsePrefix("10.1.2.3/32"), Value: 3}
	p := netip.MustParsePrefix
	for want, bad := range map[string]Change{
		"prefix table: 10.0.0.1/8: host bits are set, want 10.0.0.0/8":         {Prefix: p("10.0.0.1/8"), Value: 1},
		"prefix table: 2001:db8::1/64: host bits are set, want 2001:db8::/64":  {Prefix: p("2001:db8::1/64"), Delete: true},
		"prefix table: 10.0.0.0/8: value 0x80000000 is larger than 0x7fffffff": {Prefix: p("10.0.0.0/8"), Value: Child},
		"prefix table: invalid Prefix: invalid prefix":                         {},
		"prefix table: invalid Prefix: invalid prefix ":                        {Prefix: netip.PrefixFrom(netip.IPv4Unspecified(), 33)},
	} {
		err := w.table.Update([]Change{good, bad, good})
		var typed *ChangeError
		if !errors.As(err, &typed) || typed.Change != bad || err.Error() != strings.TrimSpace(want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if !slices.Equal(before, w.mem) {
		t.Error("the memory changed")
	}
	checkStructure(t, w.table, w.slow)
}

// Blocks in quarantine are not used again before Reclaim, nor written.
func TestQuarantine(t *testing.T) {
	w := newWorld(t, RootBlocks+2)
	w.update(parse(t, "10.1.2.3/32=1"))
	w.update(parse(t, "-10.1.2.3/32"))
	old := slices.Clone(w.mem[RootBlocks*BlockWords:])
	other := parse(t, "10.1.2.4/32=2")

	var full *FullError
	if err := w.table.Update(other); !errors.As(err, &full) || *full != (FullError{Needed: RootBlocks + 4, Have: RootBlocks + 2}) {
		t.Fatalf("got %v, want a FullError", err)
	}
	if want := "prefix table: full: 516 blocks of 1024 bytes needed, 514 there"; full.Error() != want {
		t.Errorf("got %q, want %q", full.Error(), want)
	}
	if !w.update(parse(t, "10.0.0.0/8=3")) || !slices.Equal(old, w.mem[RootBlocks*BlockWords:]) {
		t.Fatal("blocks in quarantine changed")
	}
	w.table.Reclaim()
	if !w.update(other) {
		t.Fatal("no room after Reclaim")
	}
	w.check([]netip.Addr{netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("10.1.2.4")})
	checkStructure(t, w.table, w.slow)
}

// Exactly as many blocks as BlocksNeeded says are enough, and one less is not.
func TestBlocksNeeded(t *testing.T) {
	u := &universe{Rand: newRand(t)}
	for range 100 {
		var changes []Change
		var prefixes []netip.Prefix
		for range 1 + u.IntN(50) {
			p := u.prefix()
			inside := netip.PrefixFrom(edges(p)[1], p.Bits()) // host bits and repetitions don't matter
			prefixes = append(prefixes, inside, p)
			changes = append(changes, Change{Prefix: p, Value: 1})
		}
		need := BlocksNeeded(slices.Values(append(prefixes, netip.Prefix{})))
		if !newWorld(t, need).update(changes) {
			t.Fatalf("%d blocks are not enough for %v", need, prefixes)
		}
		if need > RootBlocks && newWorld(t, need-1).update(changes) {
			t.Fatalf("%d blocks are more than enough for %v", need, prefixes)
		}
	}
}

// The walker in bpf/ has the layout from a header of its own.
func TestLayoutIsTheWalkers(t *testing.T) {
	header, err := os.ReadFile("../bpf/abi.h")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]uint64{
		"PREFIX_CHILD":       Child,
		"PREFIX_SHORTCUT":    ByShortcut,
		"PREFIX_LEAST_NEXT":  LeastNext,
		"PREFIX_BLOCK_WORDS": BlockWords,
		"PREFIX_ROOT4":       Root4,
		"PREFIX_ROOT6":       Root6,
	} {
		m := regexp.MustCompile(`#define ` + name + `\s+(\w+?)u?\s`).FindSubmatch(header)
		if m == nil {
			t.Errorf("%s is not in bpf/abi.h", name)
		} else if got, err := strconv.ParseUint(string(m[1]), 0, 64); err != nil || got != want {
			t.Errorf("%s is %s in bpf/abi.h, %#x here", name, m[1], want)
		}
	}
}
