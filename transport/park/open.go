package park

import "net/http"

// Open answers r with status 200 and the given header fields, to which fields already in w.Header() are added, and parks the
// connection: the body is whatever is written to the Answer's Conn. On an error nothing was sent.
func Open(w http.ResponseWriter, r *http.Request, fields http.Header) (Answer, error) {
	return Answer{}, nil
}

// Hold parks a poll until it is answered.
func Hold(w http.ResponseWriter, r *http.Request) Held { return nil }
