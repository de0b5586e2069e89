// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"clearway/lpm"
)

// generation is a pair of programs and the maps they are bound to, pinned under
// one number. Two generations share the maps in stateMaps and nothing else.
type generation struct {
	number int
	sizes  sizes
	coll   *ebpf.Collection
	table  *lpm.Table
	memory []byte // of the map prefixes
	image  *image
}

// newGeneration loads and pins one; it is bound to no port yet. shared are maps
// to use instead of new ones.
func newGeneration(r root, number int, s sizes, shared map[string]*ebpf.Map) (_ *generation, err error) {
	spec, err := pipelineSpec(s, false)
	if err != nil {
		return nil, err
	}
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: shared})
	if err != nil {
		return nil, advise("loading the programs", err)
	}
	g := &generation{number: number, sizes: s, coll: coll, image: &image{}}
	defer func() {
		if err != nil {
			g.close()
			os.RemoveAll(r.generation(number))
		}
	}()
	if err := g.pin(r); err != nil {
		return nil, err
	}
	return g, g.mapPrefixes()
}

func (g *generation) pin(r root) error {
	for _, dir := range []string{r.progs(g.number), r.maps(g.number)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return advise("making "+dir, err)
		}
	}
	for name, p := range g.coll.Programs {
		if err := p.Pin(r.progs(g.number) + "/" + name); err != nil {
			return advise("pinning program "+name, err)
		}
	}
	for name, m := range g.coll.Maps {
		// A map that another generation has pinned is told where that is: a
		// clone knows nothing of it.
		clone, err := m.Clone()
		if err != nil {
			return advise("pinning map "+name, err)
		}
		err = clone.Pin(r.mapPin(g.number, name))
		clone.Close()
		if err != nil {
			return advise("pinning map "+name, err)
		}
	}
	return nil
}

// mapPrefixes maps the prefix table into this process, where package lpm
// changes it in place.
func (g *generation) mapPrefixes() error {
	m := g.coll.Maps["prefixes"]
	memory, err := unix.Mmap(m.FD(), 0, g.sizes.Blocks*lpm.BlockWords*4, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return advise("mapping the prefix table", err)
	}
	g.memory = memory
	g.table, err = lpm.New(unsafe.Slice((*uint32)(unsafe.Pointer(&memory[0])), len(memory)/4))
	return err
}

func (g *generation) decide() *ebpf.Program      { return g.coll.Programs["decide"] }
func (g *generation) maps(name string) *ebpf.Map { return g.coll.Maps[name] }

// close releases what this process holds; the pins stay.
func (g *generation) close() {
	if g.memory != nil {
		g.table = nil
		unix.Munmap(g.memory)
		g.memory = nil
	}
	g.coll.Close()
}

// remove takes the generation away. No port may be bound to it any more.
func (g *generation) remove(r root) error {
	g.close()
	return removeGeneration(r, g.number)
}

func removeGeneration(r root, number int) error {
	if err := os.RemoveAll(r.generation(number)); err != nil {
		return fmt.Errorf("removing generation %d: %w", number, err)
	}
	return nil
}

// gracePeriod waits until no program run that began before it is left:
// membarrier's global command is the kernel's synchronize_rcu.
func gracePeriod() error {
	_, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, 1 /* MEMBARRIER_CMD_GLOBAL */, 0, 0)
	if errno != 0 && !errors.Is(errno, unix.ENOSYS) {
		return fmt.Errorf("waiting for the programs to pass: %w", errno)
	}
	return nil
}
