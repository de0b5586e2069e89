// SPDX-License-Identifier: Apache-2.0

package tracking

// MaxBackend is the highest index of a backend in a slot.
const MaxBackend = 1<<15 - 1

// Slot is what one slot of a table holds, the word of struct table_block in
// bpf/abi.h:
//
//	 31     30     29        15 14         0
//	┌──────┬──────┬────────────┬────────────┐
//	│record│lookup│    base    │    cur     │
//	└──────┴──────┴────────────┴────────────┘
type Slot uint32

const (
	baseShift      = 15
	lookup    Slot = 1 << 30
	record    Slot = 1 << 31
)

func settled(owner uint16) Slot { return Slot(owner) | Slot(owner)<<baseShift }

// Cur is the backend that new flows go to, 0 for nobody.
func (s Slot) Cur() uint16 { return uint16(s & MaxBackend) }

// Base is the backend to which flows without a record belong, 0 for nobody.
func (s Slot) Base() uint16 { return uint16(s >> baseShift & MaxBackend) }

// Lookup says that there may be records of backends other than Cur.
func (s Slot) Lookup() bool { return s&lookup != 0 }

// Record says that all flows are to be recorded.
func (s Slot) Record() bool { return s&record != 0 }

// Moving says that flows without a record go elsewhere than new ones.
func (s Slot) Moving() bool { return s.Cur() != s.Base() }

// Settled says that all packets go to Cur, and no record needs to be looked up.
func (s Slot) Settled() bool { return s == settled(s.Cur()) }
