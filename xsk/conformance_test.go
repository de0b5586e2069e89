// SPDX-License-Identifier: Apache-2.0

package xsk_test

import (
	"testing"

	"clearway/xsk"
	"clearway/xsk/xskprog"
)

func TestSEND_RECEIVE(t *testing.T) {
	everyWay(t, func(t *testing.T, v variant) {
		lab := newPair(t, 0)
		o := xsk.Options{NoNeedWakeup: v.noNeedWakeup}
		from := open(t, lab.a, newUMEM(t, xsk.UMEMOptions{}), o)
		to := open(t, lab.b, newUMEM(t, xsk.UMEMOptions{}), o)
		attach(t, lab.b, xskprog.Options{Mode: v.mode}, to)
		stream(t, from, to, 4096, 64)
	})
}
