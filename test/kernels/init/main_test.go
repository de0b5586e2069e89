// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"clearway/test/kernels/job"
)

func TestRunJob(t *testing.T) {
	for _, row := range []struct {
		name, script string
		exit         int
		output       string
	}{
		{"passes", "echo PASS", 0, "PASS\n"},
		{"fails", "echo FAIL; exit 3", 3, "FAIL\n"},
		{"writes on both streams", "echo one; echo two >&2", 0, "one\ntwo\n"},
		{"has no last newline", "printf PASS", 0, "PASS\n"},
		{"is killed", "kill -9 $$", -1, "init: running /bin/sh: signal: killed\n"},
		{"reads its environment", `echo "$0 $KEY"`, 0, "sh value\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var buf bytes.Buffer
			runJob(&lines{w: &buf}, job.Job{
				Name: "x", Dir: "/", Path: "/bin/sh", Args: []string{"-c", row.script, "sh"}, Env: []string{"KEY=value"},
			})
			all := buf.String()
			begin := job.Marker{Kind: job.Begin, Name: "x"}.String() + "\n"
			rest, ok := strings.CutPrefix(all, begin)
			if !ok {
				t.Fatalf("%q does not begin with %q", all, begin)
			}
			output, ok := strings.CutPrefix(rest, row.output)
			end, isMarker := job.Parse(output)
			if !ok || !isMarker || end.Kind != job.End || end.Name != "x" || end.Exit != row.exit {
				t.Errorf("%q is not %q and then exit status %d", rest, row.output, row.exit)
			}
		})
	}
}

func TestRunJobThatCannotStart(t *testing.T) {
	var buf bytes.Buffer
	runJob(&lines{w: &buf}, job.Job{Name: "x", Dir: "/", Path: "/nonexistent"})
	if s := buf.String(); !strings.Contains(s, "no such file") || !strings.Contains(s, "end x -1 ") {
		t.Errorf("got %q", s)
	}
}

// A process that a test leaves behind holds its output open.
func TestRunJobWithALeftover(t *testing.T) {
	var buf bytes.Buffer
	start := time.Now()
	runJob(&lines{w: &buf}, job.Job{Name: "x", Dir: "/", Path: "/bin/sh", Args: []string{"-c", "sleep 20 & echo PASS"}})
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
	if s := buf.String(); !strings.Contains(s, "PASS\n") || !strings.Contains(s, "left processes behind") {
		t.Errorf("got %q", s)
	}
}
