// SPDX-License-Identifier: Apache-2.0

package measure

import "github.com/cilium/ebpf"

// load reads a generated object, and finds what can be set in it.
func load[Variables any](spec func() (*ebpf.CollectionSpec, error)) (*ebpf.CollectionSpec, Variables, error) {
	var v Variables
	s, err := spec()
	if err == nil {
		err = s.Assign(&v)
	}
	return s, v, err
}
