package server

import (
	"net/http"
	"time"
)

// recorder notes the status of an answer. Transports never see it: they get the ResponseWriter below, which they take the
// connection from.
type recorder struct {
	http.ResponseWriter
	route  string    // as the router has it
	status int       // 0 until the answer has begun
	due    time.Time // when the body must have begun to come
	blind  bool      // the body said that the client cannot see a status
}

// WriteHeader notes the status; informational ones (1xx but 101) are not yet the answer.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write begins the answer with 200 if it has not begun.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach what is below.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
