// SPDX-License-Identifier: Apache-2.0

// Package plan turns what the operator wants and what the kernel has into what
// the data path should be. It is pure: the same inputs give the same State, and
// nothing is read or written.
package plan
