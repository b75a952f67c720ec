package server

import (
	"net/http"
	"strings"
	"sync"
)

const topicRoute = "/topics/*"

// isPost reports whether a request publishes one message and comes from a program, not from a page: the most frequent one by far,
// which the router finds nothing about and CORS does not concern.
func isPost(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.RawPath == "" && strings.HasPrefix(r.URL.Path, "/topics/") &&
		len(r.Header["Origin"]) == 0
}

// posting is what a publish needs until it is answered.
type posting struct {
	recorder recorder
	call     call
}

var postings = sync.Pool{New: func() any { return new(posting) }}

// mostScratch is how much room for answers is kept.
const mostScratch = 4 << 10

// post does what ServeHTTP does by way of the router, with nothing but what a publish needs. No Vary: what answers a POST is not reused
// (RFC 9110 section 9.3.3).
func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	p := postings.Get().(*posting)
	p.recorder = recorder{ResponseWriter: w, route: topicRoute}
	p.call = call{w: &p.recorder, r: r, entry: entryOf(r, toPublish), scratch: p.call.scratch}
	s.answerPost(&p.call)
	// Nothing of the request must live on in the pool. After a panic it is not put back.
	p.recorder, p.call = recorder{}, call{scratch: p.call.scratch}
	if cap(p.call.scratch) <= mostScratch {
		postings.Put(p)
	}
}

func (s *Server) answerPost(c *call) {
	defer s.settle(c.w, c.r)
	s.guardBody(c.w, c.r)
	var p *problem
	if c.grant, p = s.admit(&c.entry); p == nil {
		if err := s.publish(c); err != nil {
			p = problemOf(err)
		}
	}
	if p != nil {
		s.fail(c.w, c.r, p)
	}
}
