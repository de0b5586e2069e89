// SPDX-License-Identifier: Apache-2.0

// Package smoke holds the first tests of every kernel of the matrix: that the
// guest has what the other tests build on. They change the machine's own
// interfaces, so they exist only under the build tag "kernels".
package smoke
