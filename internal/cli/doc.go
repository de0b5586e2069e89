// SPDX-License-Identifier: Apache-2.0

// Package cli is Clearway's command line: one file a command, each of them a
// function of its arguments and an [Env].
//
// Nouns show and change nothing; verbs change, and can be repeated. Nouns ask
// the daemon, and read the pinned maps themselves when none runs.
package cli
