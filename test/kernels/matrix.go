// SPDX-License-Identifier: Apache-2.0

package main

import "time"

// kernel is one row of the matrix: the newest Debian package
// linux-image-<Version>.*-cloud-amd64 of a suite, and what is to pass on it.
type kernel struct {
	Version string
	Suite   string // the Debian release that carries it
	Sets    []set
}

// set is some tests of one Go package, run from one static binary.
type set struct {
	Name    string
	Package string            // as for go test, from the module's root
	Run     string            // pattern for -test.run; one that matches no test is a failure
	Since   map[string]string // patterns of tests that need a kernel's feature, by its version: left out on older kernels
	Limit   time.Duration
	Daemon  bool // the tests run the real daemon: put it at /bin/clearway
}

var smoke = set{Name: "smoke", Package: "./test/kernels/smoke", Run: ".", Limit: time.Minute}

// rows loads and attaches every variant of the programs, and runs the packet
// rows of all stages.
var rows = set{Name: "dataplane", Package: "./dataplane", Run: "^Test(Kernel|Stage)", Limit: 10 * time.Minute}

// twin compares Linux with Clearway and without, on VLANs, a VRF, a bond and a
// bridge too. 5.10 is left out: there generic XDP can't trim a frame whose buffer
// is more than a page, and warns of its own mistake.
var twin = set{Name: "twin", Package: "./test/e2e/twin", Run: "^TestDevices$", Limit: 10 * time.Minute}

// labs makes the devices, links and routes that the other sets use.
var labs = set{Name: "topo", Package: "./internal/topo", Run: "^Test(Devices|Change|Addresses|Demo|Link|Route|Neighbors|NAPI)", Limit: 2 * time.Minute}

// links reads VLANs, a VRF and bonds from the kernel.
var links = set{Name: "netstate", Package: "./internal/netstate", Run: "^TestKernel", Limit: 2 * time.Minute}

// daemon runs the daemon as on this machine, but for what wants its full speed.
var daemon = set{Name: "e2e", Package: "./test/e2e", Daemon: true, Limit: 10 * time.Minute,
	Run: "^Test(Effects|DryRun|Hairpin|MSS|Follow|Metrics|ReloadInterfaces|SIGHUP|Refused|VanishedLink|Detach|Jumbo)"}

// sockets drives AF_XDP on veth, and zerocopy on the guest's own ports.
var sockets = set{Name: "xsk", Package: "./xsk", Run: ".", Limit: 8 * time.Minute, Since: map[string]string{
	"5.11": "TestBusyPoll",
	"5.14": "TestPassedDescriptor",
	"5.15": "TestRefusedByKernel",
	"6.4":  "TestXDP_SHARED_UMEM",
	"6.6":  "Test(.*_9K_PACKETS|TOO_MANY_FRAGS|XDP_.*_MULTI_BUFF|.*_INV_DESC_MULTI_BUFF)",
	"6.8":  "Test(Request|MetadataWithoutRequest)",
	"6.13": "TestZeroCopy.*",
	"6.17": "TestTX_QUEUE_CONSUMER",
	"6.19": "TestHeadroomRefusedByKernel",
}}

// sockprog attaches the program that AF_XDP needs, in all ways.
var sockprog = set{Name: "xskprog", Package: "./xsk/xskprog", Run: ".", Limit: 2 * time.Minute, Since: map[string]string{
	"5.11": "TestRegisterSender",
	"5.18": "TestMultiBuffer",
}}

// xsktool is the work of `clearway xsk`, on the guest's own ports.
var xsktool = set{Name: "xsktool", Package: "./internal/xsktool", Run: "^TestZeroCopy", Limit: 4 * time.Minute}

var matrix = []kernel{
	{Version: "5.10", Suite: "bullseye", Sets: []set{smoke, rows, links, sockets, sockprog}},
	{Version: "6.1", Suite: "bookworm", Sets: []set{smoke, rows, links, twin, sockets, sockprog}},
	{Version: "6.12", Suite: "trixie", Sets: []set{smoke, rows, links, labs, twin, daemon, sockets, sockprog}},
	{Version: "6.18", Suite: "trixie-backports", Sets: []set{smoke, rows, links, labs, sockets, sockprog, xsktool}},
}

// guestModules are loaded in every machine, with all they depend on: the guest
// has no modprobe, so the kernel can't ask for one later.
var guestModules = []string{
	"veth", "8021q", "vrf", "bonding", "bridge", "dummy", "macvlan", "tun",
	"xfrm_user",
	"virtio_pci", "virtio_net",
}
