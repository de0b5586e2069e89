// SPDX-License-Identifier: Apache-2.0

package twin

import (
	"testing"

	"clearway/internal/topo/topotest"
)

func TestMain(m *testing.M) { topotest.Main(m) }
