// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// All contenders are measured before any is again.
func TestInterleave(t *testing.T) {
	var order []string
	contender := func(name string) Contender {
		return Contender{name, func() (float64, error) {
			order = append(order, name)
			return float64(len(order)), nil
		}}
	}
	costs, err := Interleave(t.Context(), Options{Rounds: 3, Progress: io.Discard}, "", []Contender{contender("a"), contender("b")})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(order, ""); got != "ababab" {
		t.Errorf("measured in the order %s", got)
	}
	if a, b := costs.Of("a"), costs.Of("b"); !slices.Equal(a, Series{1, 3, 5}) || !slices.Equal(b, Series{2, 4, 6}) {
		t.Errorf("costs %v and %v", a, b)
	}
}

func TestInterleaveEnds(t *testing.T) {
	bad := errors.New("bad")
	fails := Contender{"fails", func() (float64, error) { return 0, bad }}
	if _, err := Interleave(t.Context(), Options{Rounds: 2, Progress: io.Discard}, "", []Contender{fails}); !errors.Is(err, bad) || !strings.Contains(err.Error(), "fails") {
		t.Errorf("error %v, want one that names the contender", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	n := 0
	stops := Contender{"stops", func() (float64, error) { n++; stop(); return 1, nil }}
	if _, err := Interleave(ctx, Options{Rounds: 2, Progress: io.Discard}, "", []Contender{stops}); !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("error %v after %d samples, want an end after the first", err, n)
	}
}
