// SPDX-License-Identifier: Apache-2.0

package punt_test

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log"
	"slices"
	"testing"

	"clearway/internal/testkit"
	"clearway/punt"
	"clearway/xsk"
)

var (
	//go:embed doc.go
	page string
	//go:embed example_test.go
	code string
)

// The program in the package's comment is one that compiles.
func TestProgramOfThePage(t *testing.T) {
	testkit.CheckPage(t, page, code, "func Print(ctx context.Context, ifindex int)")
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

// The program of the package's page.
func Print(ctx context.Context, ifindex int) {
	umem := must(xsk.NewUMEM(xsk.UMEMOptions{}))
	sock := must(xsk.Open(umem, xsk.Options{Ifindex: ifindex}))
	check(punt.Register(ctx, punt.DefaultControl, "eth0", sock.Queue(), sock.FD()))
	for cache := umem.NewCache(); ; must(sock.Fill.Refill(cache)) {
		check(sock.RX.Wait(ctx))
		packets := slices.Concat(sock.RX.Peek(64))
		for _, d := range packets {
			fmt.Printf("%x\n", umem.Data(d))
		}
		check(cache.PutAll(packets))
		sock.RX.Release(len(packets))
	}
}

// Without a daemon there is nobody to register with.
func ExampleRegister() {
	err := punt.Register(context.Background(), "/nonexistent/clearway.sock", "eth0", 0, 3)
	fmt.Println(errors.Is(err, punt.ErrNotRunning))
	fmt.Println(err)
	// Output:
	// true
	// registering a socket for eth0, queue 0: the daemon is not running: dial unix /nonexistent/clearway.sock: connect: no such file or directory
}
