// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// task is something that the daemon does for as long as it lives. It returns
// nil soon after its context ended, and an error if it can't go on.
type task struct {
	name string
	run  func(context.Context) error
}

// runAll runs tasks until ctx ends or one of them fails, which ends the others.
func runAll(ctx context.Context, tasks ...task) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, t := range tasks {
		group.Go(func() error {
			if err := t.run(ctx); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			return nil
		})
	}
	return group.Wait()
}
