// SPDX-License-Identifier: Apache-2.0

package control

import "github.com/prometheus/client_golang/prometheus"

var (
	serviceDroppedPacketsDesc = desc("service_dropped_packets_total", "Packets for the service that went to no backend.", "service")
	serviceDroppedBytesDesc   = desc("service_dropped_bytes_total", "Bytes of those packets at ingress, Ethernet header included.", "service")
	serviceRecordedDesc       = desc("service_recorded_total", "Flows that were recorded, to keep their backend.", "service")
	serviceTrackFullDesc      = desc("service_track_full_total", "Flows that should have been recorded, but found no room.", "service")
	serviceSlotsDesc          = desc("service_slots", "Slots of the service's table by state.", "service", "state")
	serviceResizingDesc       = desc("service_resizing", "Whether flows are being recorded for another table size, seed or affinity.", "service")
	serviceFailOpenDesc       = desc("service_fail_open", "Whether no backend accepts flows, so that the last table stays.", "service")

	backendPacketsDesc = desc("backend_packets_total", "Packets sent to the backend.", "service", "backend")
	backendBytesDesc   = desc("backend_bytes_total", "Bytes of those packets at ingress, Ethernet header included.", "service", "backend")
	backendSlotsDesc   = desc("backend_slots", "Slots of the service's table that send the backend new flows.", "service", "backend")
	backendWeightDesc  = desc("backend_weight", "Weight of the backend.", "service", "backend")
	backendStateDesc   = desc("backend_state", "State of the backend; always 1.", "service", "backend", "state")

	checkUpDesc       = desc("health_check_up", "Whether the last health check of the backend succeeded.", "service", "backend")
	checkDurationDesc = desc("health_check_duration_seconds", "How long the last health check of the backend took.", "service", "backend")
)

var serviceDescs = []*prometheus.Desc{serviceDroppedPacketsDesc, serviceDroppedBytesDesc, serviceRecordedDesc, serviceTrackFullDesc,
	serviceSlotsDesc, serviceResizingDesc, serviceFailOpenDesc, backendPacketsDesc, backendBytesDesc, backendSlotsDesc,
	backendWeightDesc, backendStateDesc, checkUpDesc, checkDurationDesc}

func (s sink) sendService(v Service) {
	s.count(serviceDroppedPacketsDesc, v.Dropped.Packets, v.Name)
	s.count(serviceDroppedBytesDesc, v.Dropped.Bytes, v.Name)
	s.count(serviceRecordedDesc, v.Recorded, v.Name)
	s.count(serviceTrackFullDesc, v.TrackFull, v.Name)
	s.gauge(serviceSlotsDesc, float64(v.Slots.Settled), v.Name, "settled")
	s.gauge(serviceSlotsDesc, float64(v.Slots.Moving), v.Name, "moving")
	s.gauge(serviceSlotsDesc, float64(v.Slots.Tail), v.Name, "tail")
	s.flag(serviceResizingDesc, v.Resizing, v.Name)
	s.flag(serviceFailOpenDesc, v.FailOpen, v.Name)
	for _, b := range v.Backends {
		s.sendBackend(v.Name, b)
	}
}

func (s sink) sendBackend(service string, b Backend) {
	s.count(backendPacketsDesc, b.Packets, service, b.Address)
	s.count(backendBytesDesc, b.Bytes, service, b.Address)
	s.gauge(backendSlotsDesc, float64(b.Slots), service, b.Address)
	s.gauge(backendWeightDesc, float64(b.Weight), service, b.Address)
	s.gauge(backendStateDesc, 1, service, b.Address, b.State)
	if h := b.Health; h != nil && h.TookSeconds > 0 { // one has been made
		s.flag(checkUpDesc, h.Error == "", service, b.Address)
		s.gauge(checkDurationDesc, h.TookSeconds, service, b.Address)
	}
}
