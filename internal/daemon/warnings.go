// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"errors"
	"fmt"

	"clearway/internal/config"
	"clearway/internal/control"
	"clearway/internal/plan"
)

// textWarnings are those on the text of a configuration.
func textWarnings(problems config.Problems) []control.Warning {
	var all []control.Warning
	for _, p := range problems {
		all = append(all, control.Warning{Place: fmt.Sprintf("line %d", p.Line), Text: p.Message})
	}
	return all
}

// planWarnings are what plan.Build found.
func planWarnings(found []plan.Warning) []control.Warning {
	var all []control.Warning
	for _, w := range found {
		all = append(all, control.Warning{Place: w.Place, Text: w.Text})
	}
	return all
}

// errorsIn are those that were joined, also from joined ones.
func errorsIn(err error) (all []error) {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	for _, one := range joined.Unwrap() {
		all = append(all, errorsIn(one)...)
	}
	return all
}

// unprobedWarnings are the errors of steering health checks.
func unprobedWarnings(err error) []control.Warning {
	var warnings []control.Warning
	for _, err := range errorsIn(err) {
		warnings = append(warnings, control.Warning{Place: "health checks", Text: err.Error()})
	}
	return warnings
}

// unfitWarnings are the errors of ports and backends that plan.Build left out.
func unfitWarnings(err error) []control.Warning {
	var warnings []control.Warning
	for _, err := range errorsIn(err) {
		place := "interfaces"
		var unfit *plan.PortError
		var refused *plan.BackendError
		switch {
		case errors.As(err, &unfit):
			place = unfit.Interface
		case errors.As(err, &refused):
			place = "service " + refused.Service
		}
		warnings = append(warnings, control.Warning{Place: place, Text: err.Error()})
	}
	return warnings
}

// needRestart warns of changes that only a new process can carry out.
func needRestart(first, now config.Runtime) []control.Warning {
	var all []control.Warning
	for _, setting := range []struct{ name, first, now string }{
		{"runtime.bpffs", first.BPFFS, now.BPFFS},
		{"runtime.socket", first.Socket, now.Socket},
		{"runtime.metrics", first.Metrics, now.Metrics},
	} {
		if setting.first != setting.now {
			all = append(all, control.Warning{Place: setting.name, Text: "the change takes effect when the daemon is started again"})
		}
	}
	return all
}
