// SPDX-License-Identifier: Apache-2.0

package testkit

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// seedEnv repeats a run of a random test.
const seedEnv = "CLEARWAY_SEED"

// Seed returns a new seed, or the one in CLEARWAY_SEED, and logs it with the
// line that repeats the test.
func Seed(t testing.TB) int64 {
	t.Helper()
	seed := time.Now().UnixNano()
	if env := os.Getenv(seedEnv); env != "" {
		var err error
		if seed, err = strconv.ParseInt(env, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedEnv, err)
		}
	}
	t.Logf("repeat with: %s=%d go test -run '^%s$'", seedEnv, seed, t.Name())
	return seed
}

// Rand returns a random source seeded by [Seed].
func Rand(t testing.TB) *rand.Rand {
	t.Helper()
	return NewRand(Seed(t))
}

// NewRand returns the random source of a seed.
func NewRand(seed int64) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(seed), 0))
}
