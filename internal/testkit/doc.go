// SPDX-License-Identifier: Apache-2.0

// Package testkit holds what tests of all packages share: the rules for
// skipping, seeds that can be repeated, and frames built and compared field by
// field. Only test files import it, and it imports no other package of
// Clearway, so that every package's tests can use it.
//
// The reference model of the forward lane is in testkit/model.
package testkit
