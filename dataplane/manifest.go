// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"slices"

	"github.com/cilium/ebpf"
)

// manifest is what the next process must know of what is pinned and can't read
// off it. It is kept as JSON in a pinned map, since a BPF file system holds no
// ordinary files.
type manifest struct {
	Version    string            `json:"version"` // of the program that wrote it
	Netns      uint32            `json:"netns"`
	Generation int               `json:"generation"`
	Object     string            `json:"object"` // hash of the programs
	Sizes      sizes             `json:"sizes"`
	Maps       map[string]string `json:"maps"`    // hashes of those in stateMaps
	Reasons    []string          `json:"reasons"` // as the counters lay them out
	Slots      numbering[string] `json:"slots"`
	Ports      []portRecord      `json:"ports"`
	Balance    string            `json:"balance,omitempty"` // balanceLayout, where there are services
	// Carried holds, by port of Slots, what was counted in maps that are gone.
	Carried map[string]totals `json:"carried,omitempty"`
	// Tried are generations with state of their own that ports began to move to.
	// It stays when a process is killed on the way.
	Tried []countedIn `json:"tried,omitempty"`
}

// countedIn tells how to read the counters of a generation.
type countedIn struct {
	Generation int               `json:"generation"`
	Own        []string          `json:"own"` // those of stateMaps that it does not share
	Slots      numbering[string] `json:"slots"`
	Reasons    []string          `json:"reasons"`
}

type portRecord struct {
	Name    string `json:"name"`
	Ifindex int    `json:"ifindex"`
	Mode    Mode   `json:"mode"` // as obtained
	Link    uint32 `json:"link"` // the kernel's number of it
}

const manifestBytes = 1 << 20

var manifestSpec = ebpf.MapSpec{Name: "manifest", Type: ebpf.Array, KeySize: 4, ValueSize: manifestBytes, MaxEntries: 1}

// readManifest returns ErrNotLoaded when there is none.
func (r root) readManifest() (*manifest, error) {
	m, err := ebpf.LoadPinnedMap(r.manifest(), nil)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", string(r), ErrNotLoaded)
	}
	if err != nil {
		return nil, advise("opening the manifest", err)
	}
	defer m.Close()
	raw, err := m.LookupBytes(uint32(0))
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	return decodeManifest(raw)
}

// The text follows its length and checksum.
const manifestHeader = 8

func decodeManifest(raw []byte) (*manifest, error) {
	if len(raw) < manifestHeader {
		return nil, errors.New("reading the manifest: too short")
	}
	size := binary.LittleEndian.Uint32(raw)
	if int64(size) > int64(len(raw)-manifestHeader) {
		return nil, fmt.Errorf("reading the manifest: length %d is beyond its end", size)
	}
	text := raw[manifestHeader : manifestHeader+size]
	if crc32.ChecksumIEEE(text) != binary.LittleEndian.Uint32(raw[4:]) {
		return nil, errors.New("reading the manifest: checksum is wrong")
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	return &m, nil
}

func encodeManifest(m *manifest) ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("writing the manifest: %w", err)
	}
	if len(text) > manifestBytes-manifestHeader {
		return nil, fmt.Errorf("writing the manifest: %d bytes are more than it holds", len(text))
	}
	raw := make([]byte, manifestBytes)
	binary.LittleEndian.PutUint32(raw, uint32(len(text)))
	binary.LittleEndian.PutUint32(raw[4:], crc32.ChecksumIEEE(text))
	copy(raw[manifestHeader:], text)
	return raw, nil
}

// writeManifest replaces the value of the pinned map, which is one system call.
func (r root) writeManifest(m *manifest) error {
	raw, err := encodeManifest(m)
	if err != nil {
		return err
	}
	pinned, err := ebpf.LoadPinnedMap(r.manifest(), nil)
	if errors.Is(err, os.ErrNotExist) {
		if pinned, err = ebpf.NewMap(&manifestSpec); err == nil {
			defer pinned.Close()
			if err = pinned.Put(uint32(0), raw); err == nil {
				err = pinned.Pin(r.manifest())
			}
			return wrap("writing the manifest", err)
		}
	}
	if err != nil {
		return advise("writing the manifest", err)
	}
	defer pinned.Close()
	return wrap("writing the manifest", pinned.Put(uint32(0), raw))
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return advise(doing, err)
}

// saveManifest notes what the next process has to know. It is the last step of a
// change, which is done with it.
func (d *Dataplane) saveManifest(t *transaction, want *image, carried map[string]totals) error {
	here, err := netns()
	if err != nil {
		return err
	}
	spec, err := pipelineSpec(d.gen.sizes, false)
	if err != nil {
		return err
	}
	m := manifest{Version: d.version, Netns: here, Generation: d.gen.number, Object: objectHash(), Sizes: d.gen.sizes,
		Maps: map[string]string{}, Reasons: reasonNames(), Slots: want.numbers.slots, Carried: map[string]totals{}}
	for _, name := range stateMaps {
		m.Maps[name] = mapHash(spec.Maps[name])
	}
	for name := range m.Slots {
		if c, ok := carried[name]; ok {
			m.Carried[name] = c
		}
	}
	m.Ports = d.portRecords()
	if len(want.registry.services) > 0 {
		if m.Balance, err = balanceLayout(); err != nil {
			return err
		}
	}
	return t.do("manifest", func() error {
		err := d.root.writeManifest(&m)
		if err == nil {
			d.manifest = m
		}
		return err
	}, nil)
}

// noteTry lets the next process find what next alone counts and records, should this one be
// killed. rewriteManifest takes the note back.
func (d *Dataplane) noteTry(t *transaction, next *successor, before former) error {
	own := slices.DeleteFunc(slices.Clone(stateMaps), func(name string) bool { return next.shares[name] })
	if before.counts == nil || len(own) == 0 {
		return nil
	}
	m := d.manifest
	m.Tried = append(slices.Clone(m.Tried), countedIn{next.gen.number, own, next.image.numbers.slots, next.counts.reasons})
	return t.do("noting the generation", func() error { return d.root.writeManifest(&m) }, nil)
}

// rewriteManifest notes what is not as it was after a change was undone: ports
// that were attached again have other links.
func (d *Dataplane) rewriteManifest() {
	if d.manifest.Generation == 0 {
		return
	}
	d.manifest.Ports = d.portRecords()
	if err := d.root.writeManifest(&d.manifest); err != nil {
		d.log.Warn("the next start may have to attach ports anew", "error", err)
	}
}

func (d *Dataplane) portRecords() []portRecord {
	var ports []portRecord
	for _, l := range d.links {
		ports = append(ports, l.portRecord)
	}
	slices.SortFunc(ports, func(a, b portRecord) int { return a.Ifindex - b.Ifindex })
	return ports
}
