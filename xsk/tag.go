// SPDX-License-Identifier: Apache-2.0

package xsk

// tag says who owns a chunk, and, if it is the kernel, through which queue:
//
//	        take            submit             complete
//	free ────────► taken ────────────► sending ─────────► free
//	 │ ▲                                  ▲
//	 │ └───────────────┐                  │ submit
//	 │ fill            │ put              │
//	 └────► filling ───┴──► received ─────┘
//	                peek
//
// All of it moves by plain stores: at each moment one goroutine, or the kernel,
// owns a chunk and with it the chunk's tag.
type tag uint16

const (
	free        tag = iota // in the pool or in a cache
	taken                  // the program's: taken out of a cache
	received               // the program's: peeked from an RX ring
	filling                // the kernel's: on a fill ring, or in the RX ring unread
	sending                // the kernel's: on a TX ring, or in the completion ring unread
	quarantined            // the kernel may still touch it though its queue is closed
	unusable               // a device can't be given it
)

const (
	stateBits = 3
	maxQueues = 1 << (16 - stateBits)
)

var stateNames = [...]string{"free", "taken", "received", "filling", "sending", "quarantined", "unusable"}

// on returns the tag of a chunk that the kernel owns through a queue.
func (t tag) on(queue int) tag { return t | tag(queue)<<stateBits }

func (t tag) state() tag { return t & (1<<stateBits - 1) }

func (t tag) String() string { return stateNames[t.state()] }

// held tells whether the chunk is the program's.
func (t tag) held() bool { return t-taken <= received-taken }
