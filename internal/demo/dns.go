// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"encoding/binary"
	"errors"
)

// The little of RFC 1035 that the demonstration needs: a name has one address,
// whose last bytes are the query's ID, so that no answer fits another query.

// dnsGrows is how many bytes an answer has more than its query: one A record.
const dnsGrows = 16

var (
	dnsQuestion = []byte("\x03www\x07example\x03org\x00\x00\x01\x00\x01") // A, IN
	dnsRecord   = []byte{0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0}  // of the question's name, for a minute; two bytes more
)

const (
	dnsHeader = 12   // bytes
	dnsAnswer = 0x80 // in the header's third byte
)

// dnsQuery is the message that asks for the address, with room for its answer.
func dnsQuery(id uint16) []byte {
	q := make([]byte, dnsHeader, dnsHeader+len(dnsQuestion)+dnsGrows)
	binary.BigEndian.PutUint16(q, id)
	q[5] = 1 // one question
	return append(q, dnsQuestion...)
}

// answerDNS appends the answer to a query where the query lies. It returns nil if
// it is none, or there is no room.
func answerDNS(message []byte) []byte {
	if len(message) < dnsHeader || message[2]&dnsAnswer != 0 || message[5] != 1 || cap(message)-len(message) < dnsGrows {
		return nil
	}
	message[2] |= dnsAnswer
	message[7] = 1 // one record
	message = append(message, dnsRecord...)
	return append(message, message[0], message[1])
}

// checkDNS compares an answer with the query of an ID.
func checkDNS(id uint16, message []byte) error {
	if want := answerDNS(dnsQuery(id)); string(message) != string(want) {
		return errors.New("what came back is not the answer")
	}
	return nil
}
