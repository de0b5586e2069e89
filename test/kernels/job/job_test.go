// SPDX-License-Identifier: Apache-2.0

package job

import (
	"testing"
	"time"
)

func TestMarkersSurviveTheSerialLine(t *testing.T) {
	for _, m := range []Marker{
		{Kind: Boot, Name: "6.12.1+deb13-cloud-amd64"},
		{Kind: Begin, Name: "smoke"},
		{Kind: End, Name: "smoke", Exit: 0, Took: 1500 * time.Millisecond},
		{Kind: End, Name: "dataplane", Exit: -1, Took: 0},
		{Kind: Done},
		{Kind: Error, Text: "loading module veth: no such device"},
	} {
		for _, ending := range []string{"", "\n", "\r\n"} {
			got, ok := Parse(m.String() + ending)
			if !ok || got != m {
				t.Errorf("Parse(%q) = %+v, %v; want %+v", m.String()+ending, got, ok, m)
			}
		}
	}
}

func TestErrorMarkerStaysOnOneLine(t *testing.T) {
	got, ok := Parse(Marker{Kind: Error, Text: "one\ntwo"}.String())
	if !ok || got.Text != "one; two" {
		t.Errorf("got %+v, %v", got, ok)
	}
}

func TestOtherLinesAreNoMarkers(t *testing.T) {
	for _, line := range []string{
		"",
		"PASS",
		"--- PASS: TestKernel (0.01s)",
		"    log.go:3: @kernels done", // indented: a test's own words
		"@kernels",
		"@kernels reboot now",
		"@kernels boot",
		"@kernels begin ",
		"@kernels done and more",
		"@kernels end smoke",
		"@kernels end smoke zero 12",
		"@kernels end smoke 0 fast",
		"@kernels end smoke 0 12 13",
	} {
		if m, ok := Parse(line); ok {
			t.Errorf("Parse(%q) = %+v, want no marker", line, m)
		}
	}
}
