// SPDX-License-Identifier: Apache-2.0

package maglev

import (
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/golden.txt anew; all balancers then need the same version")

const goldenFile = "testdata/golden.txt"

// TestGolden: tables never change, be it with the machine, the version of Go or
// of this package. Balancers of different versions serve the same flows.
func TestGolden(t *testing.T) {
	text, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	tables := 0
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		input, want, ok := strings.Cut(line, ": ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		tables++
		got := golden(t, input)
		lines[i] = input + ": " + got
		if got != want && !*update {
			t.Errorf("%s:%d: %s:\ngot  %s\nwant %s", goldenFile, i+1, input, got, want)
		}
	}
	if tables < 15 {
		t.Errorf("only %d tables in %s", tables, goldenFile)
	}
	if *update {
		if err := os.WriteFile(goldenFile, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// golden builds what a line asks for and writes it as the line should.
func golden(t *testing.T, input string) string {
	t.Helper()
	var size, n int
	var seed uint64
	var weights string
	if _, err := fmt.Sscanf(input, "size %d seed %d backends %d weights %s", &size, &seed, &n, &weights); err != nil {
		t.Fatalf("%q: %v", input, err)
	}
	cycle := strings.Split(weights, ",")
	backends := make([]Backend, n)
	for i := range backends {
		weight, err := strconv.ParseUint(cycle[i%len(cycle)], 10, 32)
		if err != nil {
			t.Fatalf("%q: %v", input, err)
		}
		backends[i] = Backend{Name: fmt.Sprintf("10.0.%d.%d", i/256, i%256), Weight: uint32(weight)}
	}
	table := mustBuild(t, size, seed, backends)
	if size > 300 {
		hash := sha256.New()
		for _, owner := range table {
			hash.Write(binary.LittleEndian.AppendUint16(nil, owner))
		}
		return fmt.Sprintf("sha256 %x", hash.Sum(nil))
	}
	return strings.Trim(fmt.Sprint([]uint16(table)), "[]")
}
