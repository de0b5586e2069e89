// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cpioEntry is what a reader that knows only the format's definition sees.
type cpioEntry struct {
	Name string
	Mode uint64
	Data string
}

func readCPIO(t *testing.T, b []byte) []cpioEntry {
	t.Helper()
	var out []cpioEntry
	inodes := map[uint64]bool{}
	for at := 0; at < len(b); {
		if at%4 != 0 {
			t.Fatalf("entry %d begins at %d, which is no multiple of 4", len(out), at)
		}
		header := string(b[at : at+110])
		if !strings.HasPrefix(header, "070701") {
			t.Fatalf("entry %d begins with %q", len(out), header[:6])
		}
		field := func(i int) uint64 {
			v, err := strconv.ParseUint(header[6+8*i:14+8*i], 16, 32)
			if err != nil {
				t.Fatalf("entry %d, field %d: %v", len(out), i, err)
			}
			return v
		}
		if inodes[field(0)] {
			t.Errorf("inode %d twice: the kernel takes that for a hard link", field(0))
		}
		inodes[field(0)] = true
		size, nameSize := int(field(6)), int(field(11))
		name := string(b[at+110 : at+110+nameSize-1])
		if b[at+110+nameSize-1] != 0 {
			t.Errorf("the name %q does not end in NUL", name)
		}
		at = (at + 110 + nameSize + 3) &^ 3
		out = append(out, cpioEntry{name, field(1), string(b[at : at+size])})
		at = (at + size + 3) &^ 3
	}
	return out
}

func TestArchiveReadsBack(t *testing.T) {
	var buf bytes.Buffer
	a := newArchive(&buf)
	a.dir("/proc")
	a.file("/init", []byte("go"))
	a.file("/src/dataplane/x.test", []byte("12345"))
	a.dir("/src/dataplane") // again: must not come twice
	a.file("src/dataplane/testdata/../empty", nil)
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	want := []cpioEntry{
		{"proc", cpioDir, ""},
		{"init", cpioFile, "go"},
		{"src", cpioDir, ""},
		{"src/dataplane", cpioDir, ""},
		{"src/dataplane/x.test", cpioFile, "12345"},
		{"src/dataplane/empty", cpioFile, ""},
		{"TRAILER!!!", 0, ""},
	}
	if diff := cmp.Diff(want, readCPIO(t, buf.Bytes())); diff != "" {
		t.Error(diff)
	}
}

// Every length of name and data modulo 4 must keep the next entry in place.
func TestArchiveAlignsEverything(t *testing.T) {
	var buf bytes.Buffer
	a := newArchive(&buf)
	var want []cpioEntry
	for name := 1; name <= 8; name++ {
		for size := range 8 {
			e := cpioEntry{strings.Repeat("n", name) + strconv.Itoa(size), cpioFile, strings.Repeat("d", size)}
			a.file(e.Name, []byte(e.Data))
			want = append(want, e)
		}
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	want = append(want, cpioEntry{Name: "TRAILER!!!"})
	if diff := cmp.Diff(want, readCPIO(t, buf.Bytes())); diff != "" {
		t.Error(diff)
	}
}

type fullDisk struct{ room int }

var errFull = errors.New("disk full")

func (f *fullDisk) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestArchiveTellsTheFirstWriteError(t *testing.T) {
	a := newArchive(&fullDisk{room: 200})
	a.file("/a", make([]byte, 150))
	a.file("/b", nil)
	if err := a.close(); !errors.Is(err, errFull) {
		t.Errorf("close says %v", err)
	}
}
