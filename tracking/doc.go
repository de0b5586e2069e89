// SPDX-License-Identifier: Apache-2.0

// Package tracking keeps flows at their backends while the table that spreads
// them changes, without remembering each of them.
package tracking
