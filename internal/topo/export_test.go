// SPDX-License-Identifier: Apache-2.0

package topo

// Attach lets tests attach programs of their own.
func (h *Host) Attach(device string, program []uint64) error { return h.attach(device, program) }
