// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"sync"
)

// log is what a program wrote so far. It may be read while more comes.
type log struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// Write adds to it.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

// String returns all of it.
func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}
