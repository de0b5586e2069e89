// SPDX-License-Identifier: Apache-2.0

package xsk

// SubmitUnchecked submits n reserved descriptors without a look at them, so
// that tests see what the kernel does with bad ones.
func (t *TX) SubmitUnchecked(n int) { t.ring.submit(count(n)) }

// MarkSending says that the kernel has a chunk to send.
func (s *Socket) MarkSending(addr uint64) {
	s.umem.chunks.tags[s.umem.chunks.index(addr)] = s.Completion.tag
}

// KernelConsumer is how far the kernel says that it has read the TX ring.
func (t *TX) KernelConsumer() uint32 { return t.ring.consumer.Load() }

// KickOnce calls the kernel once.
func (t *TX) KickOnce() error {
	if errno := t.kick(); errno != 0 {
		return errno
	}
	return nil
}

// WithOldLayout returns the options for a socket that learns of its rings what
// kernels up to 5.3 tell: 96 bytes, without the flags.
func WithOldLayout(o Options) Options {
	o.layoutRoom = 96
	return o
}

// StatisticsV1 is Statistics on a kernel with the old counters.
func (s *Socket) StatisticsV1() (Statistics, error) { return s.statistics(statisticsV1) }
