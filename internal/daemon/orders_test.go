// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"clearway/dataplane"
	"clearway/internal/control"
	"clearway/internal/testkit"
)

// ordering is a daemon without health checks, and how to order.
func ordering(t *testing.T) (*instance, func(backend, order string, force bool) (control.Ordered, error)) {
	t.Helper()
	testkit.RequireRoot(t) // as who changes
	i := newInstance(t, unchecked).start()
	return i, func(backend, order string, force bool) (control.Ordered, error) {
		return i.client.Order(context.Background(), control.OrderRequest{Service: "web", Backend: backend, Order: order, Force: force})
	}
}

func (i *instance) orders() (texts []string) {
	for _, b := range i.status().Services[0].Backends {
		texts = append(texts, b.Order)
	}
	return texts
}

func TestOrders(t *testing.T) {
	i, give := ordering(t)
	for _, row := range []struct {
		backend, order string
		state          string
		want           []string
	}{
		{"10.2.0.11", "drain", "draining", []string{"draining", "active+", "active+"}},
		{"10.2.0.11", "drain", "draining", []string{"draining", "active+", "active+"}},
		{"10.2.0.12", "disable", "disabled", []string{"draining", "disabled-", "active+"}},
		{"10.2.0.11", "disable", "disabled", []string{"disabled-", "disabled-", "active+"}},
		{"10.2.0.11", "none", "active", []string{"active+", "disabled-", "active+"}},
		{"10.2.0.11", "none", "active", []string{"active+", "disabled-", "active+"}},
	} {
		got, err := give(row.backend, row.order, false)
		if err != nil || got.State != row.state || got.Changes == nil {
			t.Errorf("%s %s: %+v, %v", row.order, row.backend, got, err)
		}
		i.dataplane.expect(t, row.order+" "+row.backend, row.want...)
	}
	if got := i.status().Daemon.Applies; got != (control.Applies{OK: 5}) {
		t.Errorf("%+v; orders that were in force already should change nothing", got)
	}
	// The next process finds them where the data path keeps them.
	if got := strings.Join(i.orders(), " "); got != "none disable none" {
		t.Errorf("the data path has the orders %s", got)
	}
}

func TestTheLastBackendIsKept(t *testing.T) {
	i, give := ordering(t)
	for _, backend := range []string{"10.2.0.11", "10.2.0.12"} {
		if _, err := give(backend, "drain", false); err != nil {
			t.Fatal(err)
		}
	}
	for _, order := range []string{"drain", "disable"} {
		_, err := give("10.2.0.13", order, false)
		var refused *control.Error
		if !errors.As(err, &refused) || refused.Code != http.StatusConflict || !strings.Contains(refused.Message, "--force") {
			t.Errorf("%s of the last one: %v", order, err)
		}
	}
	i.dataplane.expect(t, "after refused orders", "draining", "draining", "active+")
	// One that accepts nothing is not the last one to do so.
	if _, err := give("10.2.0.11", "disable", false); err != nil {
		t.Error(err)
	}
	if _, err := give("10.2.0.13", "drain", true); err != nil {
		t.Error(err)
	}
	i.dataplane.expect(t, "with force", "disabled-", "draining", "draining")
	if got := i.status().Daemon.Applies.Failed; got != 0 {
		t.Errorf("refused orders count as %d failed changes", got)
	}
}

func TestOrderIsRefused(t *testing.T) {
	i, give := ordering(t)
	for _, row := range []struct{ backend, order, want string }{
		{"10.2.0.99", "drain", "only: 10.2.0.11, 10.2.0.12, 10.2.0.13"},
		{"web1", "drain", `no backend "web1"`},
		{"10.2.0.11", "stop", `order "stop" is none of none, drain, disable`},
	} {
		if _, err := give(row.backend, row.order, true); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s %s: %v", row.order, row.backend, err)
		}
	}
	_, err := i.client.Order(context.Background(), control.OrderRequest{Service: "mail", Backend: "10.2.0.11", Order: "drain"})
	if err == nil || !strings.Contains(err.Error(), `no service "mail", only: web`) {
		t.Errorf("an unknown service: %v", err)
	}
	if got := i.status().Daemon.Applies; got != (control.Applies{OK: 1}) {
		t.Errorf("%+v", got)
	}
}

// An order that could not be carried out is not in force later.
func TestFailedOrder(t *testing.T) {
	i, give := ordering(t)
	i.dataplane.setFail(errors.New("map is full"))
	if _, err := give("10.2.0.11", "drain", false); err == nil || !strings.Contains(err.Error(), "map is full") {
		t.Errorf("got %v", err)
	}
	i.dataplane.setFail(nil)
	i.machine.set(i.machine.links...)
	i.eventually("a change is followed", func() bool { return i.status().Daemon.Applies.OK == 2 })
	i.dataplane.expect(t, "after it", "active+", "active+", "active+")
}

// A port that can't be attached doesn't stand in an order's way.
func TestOrderBesideAPortThatIsRefused(t *testing.T) {
	i, give := ordering(t)
	i.dataplane.mu.Lock()
	i.dataplane.refuse = "eth1"
	i.dataplane.mu.Unlock()
	if _, err := give("10.2.0.11", "drain", false); err != nil {
		t.Error(err)
	}
	i.dataplane.expect(t, "after it", "draining", "active+", "active+")
}

// Orders outlive reloads, but not the backend they are for.
func TestReloadKeepsOrders(t *testing.T) {
	i, give := ordering(t)
	if _, err := give("10.2.0.11", "drain", false); err != nil {
		t.Fatal(err)
	}
	reload := func(text string) {
		t.Helper()
		if _, err := i.client.Reload(context.Background(), control.ReloadRequest{File: []byte(i.config(text))}); err != nil {
			t.Fatal(err)
		}
	}
	reload(strings.Replace(unchecked, "weight: 3", "weight: 4", 1))
	i.dataplane.expect(t, "after a reload", "draining", "active+", "active+")
	i.dataplane.setFail(errors.New("busy"))
	without := strings.Replace(unchecked, "{address: 10.2.0.11}, ", "", 1)
	if _, err := i.client.Reload(context.Background(), control.ReloadRequest{File: []byte(i.config(without))}); err == nil {
		t.Fatal("a failing reload was reported as done")
	}
	i.dataplane.setFail(nil)
	reload(unchecked)
	i.dataplane.expect(t, "after a failed reload without it", "draining", "active+", "active+")
	reload(without)
	reload(unchecked)
	i.dataplane.expect(t, "when it has left and come back", "active+", "active+", "active+")
}

func TestParseOrder(t *testing.T) {
	for _, o := range []dataplane.Order{dataplane.NoOrder, dataplane.OrderDrain, dataplane.OrderDisable} {
		if got, err := parseOrder(o.String()); got != o || err != nil {
			t.Errorf("%v: %v, %v", o, got, err)
		}
	}
}
