// SPDX-License-Identifier: Apache-2.0

package tracking

import (
	"testing"

	"clearway/internal/testkit"
)

// mutant is a mistake that the tests must find.
type mutant int

const (
	none mutant = iota
	// of the data path
	leastRecentlyUsed  // a full map gives up a record for a new one
	startUnrecorded    // a new flow goes to cur without a record
	startBeforeInsert  // a new flow goes to cur even if there is no room to record it
	oldUnrecorded      // a flow that was there before isn't recorded
	deadNotOverwritten // the record of a dead backend stays
	startOnDraining    // a new flow goes where its port's last one went, though that drains
	resetRecorded      // a forged RST takes room
	resetToCur         // a RST doesn't follow its flow
	// of the control
	baseFollows      // a second change makes the first new owner base
	noLookup         // records are not looked up when a slot has settled
	clearedAll       // nor when a record still deviates
	settledEarly     // half the time to settle
	neverSettled     // moves never end
	indexReused      // an index is given away at once
	indexUnswept     // likewise, when no table names it but records may
	deathUnmerged    // a death that leaves the owners alone isn't merged
	adoptedSettled   // a new process takes moves for finished
	resizedAtOnce    // a table of another size takes over before flows are recorded
	resizedUnlooked  // that table's records are not looked up
	sweptWhileMoving // records that equal cur are deleted while the slot moves
	sweptStarted     // a start's record is deleted before it can be confirmed
	neverSwept       // records stay
	mutants
)

var mutantNames = [...]string{"none", "leastRecentlyUsed", "startUnrecorded", "startBeforeInsert", "oldUnrecorded",
	"deadNotOverwritten", "startOnDraining", "resetRecorded", "resetToCur", "baseFollows", "noLookup", "clearedAll", "settledEarly", "neverSettled",
	"indexReused", "indexUnswept", "deathUnmerged", "adoptedSettled", "resizedAtOnce", "resizedUnlooked",
	"sweptWhileMoving", "sweptStarted", "neverSwept"}

// TestMutants shows that the histories of TestHistory find each mistake.
func TestMutants(t *testing.T) {
	seed := testkit.Seed(t)
	for m := none + 1; m < mutants; m++ {
		t.Run(mutantNames[m], func(t *testing.T) {
			const tries = 200
			for i := range int64(tries) {
				if w := play(seed+i, m, false); w.violated != "" {
					t.Logf("found in history %d: %s", i, w.violated)
					return
				}
			}
			t.Errorf("%d histories didn't find it", tries)
		})
	}
}
