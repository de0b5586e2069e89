// SPDX-License-Identifier: Apache-2.0

// Package topotest is the entrance of tests to labs: [New] makes one for a
// test, [BPFFS] a place for pins, and [Main] fails a package that leaves
// something behind. Only test files import it.
package topotest
