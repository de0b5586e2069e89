// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"path"
)

// archive writes a cpio file in the "newc" format, the one that the kernel
// unpacks into its first root file system (Linux
// Documentation/driver-api/early-userspace/buffer-format.rst). Directories
// come by themselves, before what is in them. The first error stays and is
// told by close.
type archive struct {
	w    io.Writer
	dirs map[string]bool
	ino  int
	err  error
}

// File types and modes as in stat(2).
const (
	cpioDir  = 0o040755
	cpioFile = 0o100755
)

func newArchive(w io.Writer) *archive {
	return &archive{w: w, dirs: map[string]bool{".": true}}
}

// dir adds a directory and its parents.
func (a *archive) dir(name string) {
	name = relative(name)
	if a.dirs[name] {
		return
	}
	a.dirs[name] = true
	a.dir(path.Dir(name))
	a.entry(name, cpioDir, nil)
}

// file adds a file that everybody may read and run.
func (a *archive) file(name string, data []byte) {
	a.dir(path.Dir(name))
	a.entry(relative(name), cpioFile, data)
}

// relative is name as seen from the root, "." for the root itself.
func relative(name string) string {
	return path.Clean("." + path.Clean("/"+name))
}

func (a *archive) close() error {
	a.entry("TRAILER!!!", 0, nil)
	return a.err
}

func (a *archive) entry(name string, mode int, data []byte) {
	a.ino++
	const links, zero = 1, 0
	header := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.ino, mode, zero /* uid */, zero /* gid */, links, zero /* mtime */, len(data),
		zero, zero, zero, zero /* device numbers */, len(name)+1, zero /* no checksum */, name)
	a.write([]byte(header))
	a.write(data)
}

// write pads to 4 bytes: in this format a header with its name, and the data
// each end on such a boundary.
func (a *archive) write(p []byte) {
	if a.err != nil {
		return
	}
	if _, a.err = a.w.Write(p); a.err != nil {
		return
	}
	_, a.err = a.w.Write(make([]byte, -len(p)&3))
}
