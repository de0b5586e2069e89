// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeTools puts shell scripts before everything else in PATH.
func fakeTools(t *testing.T, scripts map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestMachine(t *testing.T) {
	for _, row := range []struct {
		name, script string
		limit        time.Duration
		want         string // in the error; "" for none
	}{
		{"runs its plan", "echo @kernels boot 6.1.2\necho @kernels done", time.Minute, ""},
		{"goes off early", "echo @kernels boot 6.1.2", time.Minute, "before the end"},
		{"has an error in init", "echo @kernels error no module", time.Minute, "init: no module"},
		{"can't start", "echo bad option >&2; exit 1", time.Minute, "bad option"},
		{"hangs", "echo @kernels boot 6.1.2\nexec sleep 60", 200 * time.Millisecond, "still running after 200ms"},
	} {
		t.Run(row.name, func(t *testing.T) {
			fakeTools(t, map[string]string{emulator: row.script})
			var tee strings.Builder
			start := time.Now()
			r, err := vm{Limit: row.limit, Tee: &tee}.run(t.Context())
			if time.Since(start) > row.limit+2*time.Second {
				t.Error("the limit did not hold")
			}
			switch {
			case row.want == "" && err != nil:
				t.Errorf("got %v", err)
			case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
				t.Errorf("got %v, want an error with %q", err, row.want)
			}
			if strings.Contains(row.script, "boot") && (r.Release != "6.1.2" || !strings.Contains(tee.String(), "boot 6.1.2\n")) {
				t.Errorf("the report is %+v, the copy %q", r, tee.String())
			}
		})
	}
}

func TestMachineWithoutAnEmulator(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := (vm{Limit: time.Minute}).run(t.Context()); !errors.Is(err, errMissing) {
		t.Errorf("got %v, want errMissing", err)
	}
}
