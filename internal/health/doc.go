// SPDX-License-Identifier: Apache-2.0

// Package health asks backends whether they serve: by TCP, HTTP or HTTPS, again
// and again, thousands of them from a bounded number of goroutines.
//
//	          success        Fall failures in a row        after Grace
//	Unknown ────────────▶ Up ───────────────────────▶ Down ────────────▶ Gone
//	   │                  ▲                           ▲ │                 │
//	   │                  └───────────────────────────┼─┴─────────────────┘
//	   └──────────────────────────────────────────────┘   Rise successes in a row
//	          failure
//
// # Dampening
//
// A backend that goes down again within five minutes of having come back needs
// twice as many successes in a row as the last time, at most eight times Rise.
// Five minutes up, and its next fall counts as the first.
//
// # What a success is
//
//   - tcp: the connection is made. The backend's kernel does that even if the
//     server behind it hangs; http sees more.
//   - http: a GET over HTTP/1.1 is answered with a status from 200 to 399, and
//     the body is whole, or its first 64 KiB came. Redirects are not followed.
//   - https: the same over TLS 1.2 or later. The certificate is not verified: the
//     question is whether the backend serves, not who it is, and a certificate
//     that expires everywhere at once must not take all backends away.
//
// All of it has to happen within Timeout, and no probe uses the connection of
// another. What keeps a probe from being sent at
// all, such as a lack of file descriptors, is no result: the backend keeps its
// status, and the log says so.
package health
