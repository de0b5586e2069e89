// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// smallReport has the scenarios of the documentation, of a small fleet.
func smallReport(t *testing.T) *report {
	f := small(t)
	r := &report{fleet: f, scenarios: scenarios(f)}
	for i := range r.scenarios {
		r.scenarios[i].flood /= 100
	}
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReport(t *testing.T) {
	r := smallReport(t)
	page, err := r.page()
	if err != nil {
		t.Fatal(err)
	}
	plot := string(r.plot())
	for i, s := range r.scenarios {
		for w := range ways {
			if broken := number(r.results[i].of[w].broken); !strings.Contains(plot, ">"+broken+"<") {
				t.Errorf("%s: the plot doesn't name %s, broken with %v", s.title, broken, w)
			}
		}
		if !strings.Contains(string(page), s.title+"\n\n"+r.results[i].table()) {
			t.Errorf("%s: the page has no table of it", s.title)
		}
		if !strings.Contains(plot, ">"+s.title+"<") {
			t.Errorf("%s: the plot has no panel of it", s.title)
		}
	}
	if strings.Contains(string(page), "<no value>") {
		t.Error("the page's text names a value that isn't there")
	}
	if got, want := strings.Count(plot, "<polyline"), int(ways)*len(r.scenarios); got != want {
		t.Errorf("%d curves, want %d", got, want)
	}
	for d := xml.NewDecoder(strings.NewReader(plot)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the plot is no XML: %v", err)
		}
	}
}

// TestSeries is about the curves: they never fall, and end at the figure.
func TestSeries(t *testing.T) {
	r := mustSimulate(t, withRestarts(small(t)))
	for w := range ways {
		series := r.of[w].series
		if len(series) != points+1 {
			t.Errorf("%v: %d points, want %d", w, len(series), points+1)
		}
		for i := 1; i < len(series); i++ {
			if series[i] < series[i-1] {
				t.Errorf("%v: it falls from %d to %d", w, series[i-1], series[i])
			}
		}
		if got := series[len(series)-1]; got != r.of[w].broken {
			t.Errorf("%v: it ends at %d, want %d", w, got, r.of[w].broken)
		}
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 43247: "43,247", 1234567: "1,234,567"} {
		if got := number(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
	for part, want := range map[int]string{0: "0", 1: "0.0001 %", 15_000: "1.5 %", 1_000_000: "100 %"} {
		if got := share(part, 1_000_000); got != want {
			t.Errorf("%d of a million: got %s, want %s", part, got, want)
		}
	}
}
