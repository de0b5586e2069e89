// SPDX-License-Identifier: Apache-2.0

package xsktool

// Drops are packets that got lost, by cause. What a device, its driver or a
// queueing discipline drops, before or after the sockets, is not among them.
type Drops struct {
	RX        uint64 `json:"rx_dropped"`   // by the kernel on the way to the socket
	RingFull  uint64 `json:"rx_ring_full"` // as this program was too slow
	FillEmpty uint64 `json:"fill_empty"`   // for want of an empty chunk; in copy mode they are in rx_dropped too
	Invalid   uint64 `json:"invalid"`      // descriptors that the kernel refused
	TXFull    uint64 `json:"tx_ring_full"` // to be forwarded, for want of room to send
}

func (d Drops) total() uint64 { return d.RX + d.RingFull + d.Invalid + d.TXFull }

func (d Drops) minus(e Drops) Drops {
	return Drops{d.RX - e.RX, d.RingFull - e.RingFull, d.FillEmpty - e.FillEmpty, d.Invalid - e.Invalid, d.TXFull - e.TXFull}
}

// Figures are what was measured in a stretch of time. The names of JSON are
// stable: others may come, none goes.
type Figures struct {
	Seconds   float64 `json:"seconds"` // how long it was
	Packets   uint64  `json:"packets"`
	Bytes     uint64  `json:"bytes"` // of Ethernet frames, without check sequence and gap
	PPS       float64 `json:"pps"`   // packets a second
	Mbps      float64 `json:"mbps"`  // 10⁶ bits a second, of bytes above
	Dropped   uint64  `json:"dropped"`
	Drops     Drops   `json:"drops"`
	MeanBatch float64 `json:"mean_batch"` // packets a turn
	// CPU time of this process, ns. Most of what the kernel does for a device is
	// on another's account: that of softirqs.
	CPU      int64  `json:"cpu_ns"` // user + system
	User     int64  `json:"user_ns"`
	System   int64  `json:"system_ns"`
	Syscalls uint64 `json:"syscalls"` // to move packets: the sum of those below
	Kicks    uint64 `json:"kicks"`    // to send
	Wakeups  uint64 `json:"wakeups"`  // to receive
	Waits    uint64 `json:"waits"`    // to sleep until there is something to do
}

// Second is what was measured in one second.
type Second struct {
	Second int `json:"second"` // from 1
	Figures
}

// Setup is what a work has obtained.
type Setup struct {
	Command   string `json:"command"` // rx, tx or fwd
	Interface string `json:"interface"`
	To        string `json:"to,omitempty"`
	Queues    []int  `json:"queues"`            // of each interface
	Mode      string `json:"mode"`              // copy or zerocopy
	Program   string `json:"program,omitempty"` // native or generic: where the programs run that give the sockets packets
}

// Summary is what was measured all in all.
type Summary struct {
	Setup
	Figures
	MinPPS float64 `json:"min_pps"` // of the seconds
	MaxPPS float64 `json:"max_pps"`
	Loss   float64 `json:"loss"`            // dropped, as a part of packets + dropped
	Error  string  `json:"error,omitempty"` // that ended it early
}
