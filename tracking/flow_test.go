// SPDX-License-Identifier: Apache-2.0

package tracking

import (
	"testing"
	"time"
)

func TestExpired(t *testing.T) {
	const now, refresh = 100_000, 450
	hour := uint32(3600)
	for _, row := range []struct {
		name      string
		slot      string
		backends  string
		backend   byte
		confirmed bool
		age       uint32
		settle    time.Duration
		want      bool
	}{
		{"deviates", "AA l", "AB", 'B', true, 0, 0, false},
		{"of base, moving", "BA l", "AB", 'A', true, 0, 0, false},
		{"of cur, moving", "BA l", "AB", 'B', true, 0, 0, false},
		{"of a third, moving", "BA l", "ABC", 'C', true, 0, 0, false},
		{"says no more than the slot", "AA l", "AB", 'A', true, 0, 0, true},
		{"likewise, and it has no bit", "AA", "AB", 'A', true, 0, 0, true},
		{"likewise, but all are recorded", "AA lr", "AB", 'A', true, 0, 0, false},
		{"its backend drains", "AA l", "Ab", 'B', true, 0, 0, false},
		{"its backend died", "AA l", "A", 'B', true, 0, 0, true},
		{"died, all are recorded", "AA lr", "A", 'B', true, 0, 0, true},
		{"nobody's", "AA l", "A", '-', true, 0, 0, true},
		{"idle", "AA l", "AB", 'B', true, hour + refresh, 0, false},
		{"too idle", "AA l", "AB", 'B', true, hour + refresh + 1, 0, true},
		{"idle, but its service settles later", "AA l", "AB", 'B', true, hour + refresh + 1, 2 * time.Hour, false},
		{"too idle for that too", "AA l", "AB", 'B', true, 2*hour + refresh + 1, 2 * time.Hour, true},
		{"started", "AA l", "AB", 'B', false, 75, 0, false},
		{"started, and no more", "AA l", "AB", 'B', false, 76, 0, true},
		{"seen after now", "AA l", "AB", 'B', true, ^uint32(0), 0, false},
	} {
		f := Flow{Backend: backendOf(row.backend), Confirmed: row.confirmed, Seen: now - row.age}
		if got := f.Expired(slotOf(row.slot), backendsOf(row.backends), Clock{now, refresh}, row.settle); got != row.want {
			t.Errorf("%s: got %v", row.name, got)
		}
	}
}
