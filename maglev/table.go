// SPDX-License-Identifier: Apache-2.0

package maglev

import "errors"

// MaxBackends is how many backends a table can have. It leaves 65535 to callers
// that need a value for no backend.
const MaxBackends = 1<<16 - 1

// Errors of [Build] and [Builder.Build], for errors.Is. The text that comes
// with them says what is wrong with which value.
var (
	ErrNotPrime        = errors.New("size is not prime")
	ErrTooSmall        = errors.New("fewer slots than backends")
	ErrTooLarge        = errors.New("size is too large")
	ErrNoBackend       = errors.New("no backend has a weight")
	ErrTooManyBackends = errors.New("too many backends")
	ErrDuplicate       = errors.New("backends of the same name")
)

// Backend is what a table distributes flows to.
type Backend struct {
	// Name decides which slots the backend prefers. It must be the same on all
	// balancers and stay the same as long as the backend does: an address in its
	// canonical form is a good choice, an index is none.
	Name string
	// Weight is its share of the flows, in relation to the other weights. With 0
	// it gets none.
	Weight uint32
}

// Table names the backend of each slot by its index in the slice that the table
// was built from.
type Table []uint16

// Backend returns the owner of the slot that a flow's hash chooses. All 32 bits
// of the hash must be equally distributed, its upper ones above all: the slot is
// hash · M / 2³², rounded down. The table must not be empty.
func (t Table) Backend(hash uint32) uint16 {
	return t[uint64(hash)*uint64(len(t))>>32]
}

// Build returns a new table. Who builds many uses a [Builder].
func Build(size int, seed uint64, backends []Backend) (Table, error) {
	var b Builder
	if err := check(size, backends); err != nil {
		return nil, err
	}
	t := make(Table, size)
	if err := b.Build(t, seed, backends); err != nil {
		return nil, err
	}
	return t, nil
}
