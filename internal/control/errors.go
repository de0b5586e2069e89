// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"fmt"
	"net/http"
)

// ErrNotRunning is returned by a Client when nothing listens on the socket.
var ErrNotRunning = errors.New("daemon not running")

// Error is a refusal, as it travels in the body of an answer. An API
// returns one to choose the status code and to attach what is wrong with a
// configuration; any other error becomes a 500.
type Error struct {
	Code     int       `json:"-"` // HTTP status
	Message  string    `json:"error"`
	Problems []Problem `json:"problems,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// Invalidf is the error for a request that can't be carried out as it stands.
func Invalidf(format string, args ...any) *Error {
	return &Error{Code: http.StatusUnprocessableEntity, Message: fmt.Sprintf(format, args...)}
}

// asError finds the Error in err or makes one.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: http.StatusInternalServerError, Message: err.Error()}
}
