// SPDX-License-Identifier: Apache-2.0

// Package demo is `clearway demo`: the real daemon in a lab of network
// namespaces, real traffic through it, and what became of that as tables. It
// fails when that is not what should have become of it.
package demo
