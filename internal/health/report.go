// SPDX-License-Identifier: Apache-2.0

package health

import "time"

// report logs that a backend's status has changed.
func (c *Checker) report(key Key, before Status, r Result) {
	log := c.log.With("service", key.Service, "backend", key.Address)
	switch {
	case r.Status == Up && before == Unknown:
		log.Debug("backend is up") // as it should; at a start all are
	case r.Status == Up:
		log.Info("backend is up again")
	case r.Status == Gone && before == Down:
		log.Info("backend stayed down for its grace: what flows it has move")
	default:
		log.Warn("backend is down", "error", r.Error, "successes_to_return", r.Missing)
	}
}

// warn logs what keeps probes from being made in time, each message once a
// minute at most; with mu held.
func (c *Checker) warn(now time.Time, message string, args ...any) {
	if last, ok := c.told[message]; ok && now.Sub(last) < time.Minute {
		return
	}
	c.told[message] = now
	c.log.Warn(message, args...)
}
