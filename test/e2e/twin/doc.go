// SPDX-License-Identifier: Apache-2.0

// Package twin tests that Linux could not tell Clearway from itself: the same
// random frames go through two equal labs with the same random kernel state,
// one with Clearway on its router and one without, and what comes out of every
// device is compared. It has only tests.
package twin
