// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"fmt"
	"maps"
	"os"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"clearway/lpm"
)

// generation is a pair of programs and the maps they are bound to, pinned under
// one number. Two generations share the maps in stateMaps and nothing else.
type generation struct {
	root   root
	number int
	sizes  sizes
	coll   *ebpf.Collection
	table  *lpm.Table
	memory [][]byte // of the maps prefixes and prefix_shortcuts
	image  *image
}

// newGeneration loads and pins one; it is bound to no port yet. shared are maps
// to use instead of new ones.
func newGeneration(r root, number int, s sizes, shared map[string]*ebpf.Map) (_ *generation, err error) {
	spec, err := pipelineSpec(s, false)
	if err != nil {
		return nil, err
	}
	shared = maps.Clone(shared)
	sums, err := takeSums(spec, shared)
	if err != nil {
		return nil, err
	}
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: shared})
	if err != nil {
		closeMaps(sums)
		return nil, advise("loading the programs", err)
	}
	maps.Copy(coll.Maps, sums)
	g := &generation{root: r, number: number, sizes: s, coll: coll, image: &image{}}
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
	for _, dir := range []string{r.progs(g.number), r.maps(g.number), r.tables(g.number)} {
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
		if err := pinCopy(m, r.mapPin(g.number, name)); err != nil {
			return err
		}
	}
	return nil
}

// pinCopy pins a map that may be pinned by another generation, too. The map is
// told where that is; a clone knows nothing of it.
func pinCopy(m *ebpf.Map, pin string) error {
	clone, err := m.Clone()
	if err != nil {
		return advise("pinning "+pin, err)
	}
	defer clone.Close()
	return wrap("pinning "+pin, clone.Pin(pin))
}

// openMap opens a pinned map of a generation.
func (r root) openMap(generation int, name string) (*ebpf.Map, error) {
	m, err := ebpf.LoadPinnedMap(r.mapPin(generation, name), nil)
	if err != nil {
		return nil, advise("opening map "+name, err)
	}
	return m, nil
}

// withMap opens one for as long as something is done with it.
func (r root) withMap(generation int, name string, do func(*ebpf.Map) error) error {
	m, err := r.openMap(generation, name)
	if err != nil {
		return err
	}
	defer m.Close()
	return do(m)
}

// mapPrefixes maps the prefix table into this process, where package lpm
// changes it in place.
func (g *generation) mapPrefixes() error {
	words, err := keepMapped[uint32](g, "prefixes")
	if err != nil {
		return err
	}
	shortcuts, err := keepMapped[lpm.Shortcut](g, "prefix_shortcuts")
	if err != nil {
		return err
	}
	g.table, err = lpm.New(words, shortcuts)
	return err
}

// keepMapped is mapArray until the generation is closed.
func keepMapped[V any](g *generation, name string) ([]V, error) {
	values, memory, err := mapArray[V](g.maps(name))
	if err != nil {
		return nil, advise("mapping "+name, err)
	}
	g.memory = append(g.memory, memory)
	return values, nil
}

// mapArray maps the values of an array, which lie close together where their size
// is a multiple of 8, into this process, as so many V. memory is to be unmapped.
func mapArray[V any](m *ebpf.Map) (values []V, memory []byte, err error) {
	size := int(m.MaxEntries()) * int(m.ValueSize())
	memory, err = unix.Mmap(m.FD(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	var v V
	return unsafe.Slice((*V)(unsafe.Pointer(&memory[0])), size/int(unsafe.Sizeof(v))), memory, nil
}

func (g *generation) decide() *ebpf.Program      { return g.coll.Programs["decide"] }
func (g *generation) maps(name string) *ebpf.Map { return g.coll.Maps[name] }

// close releases what this process holds; the pins stay.
func (g *generation) close() {
	g.table = nil // its memory goes
	for _, memory := range g.memory {
		unix.Munmap(memory)
	}
	g.memory = nil
	g.coll.Close()
}

// removeGeneration takes one away. No port may be bound to it any more.
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
	if errno == 0 {
		return nil
	}
	if err := waitByMap(); err != nil {
		return fmt.Errorf("waiting for the programs to pass: %w", err)
	}
	return nil
}

// waitByMap is for kernels with nohz_full, which refuse membarrier: they wait as
// well before they return from a change of a map of maps (maybe_wait_bpf_programs
// in kernel/bpf/syscall.c).
func waitByMap() error {
	spec := &ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}
	inner, err := ebpf.NewMap(spec)
	if err != nil {
		return err
	}
	defer inner.Close()
	outer, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.ArrayOfMaps, KeySize: 4, ValueSize: 4, MaxEntries: 1, InnerMap: spec})
	if err != nil {
		return err
	}
	defer outer.Close()
	return outer.Put(uint32(0), inner)
}
