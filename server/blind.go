package server

import (
	"encoding/json"
	"net/http"
)

// asksBlind reports whether a request comes from somebody who cannot see the status of an answer, nor the body of one that is not 200: a
// page by XDomainRequest.
func asksBlind(r *http.Request) bool {
	if r.URL.RawQuery == "" || r.Method == http.MethodHead {
		return false
	}
	p, err := parseParams(nil, r.URL.RawQuery)
	blind, _ := scalar(p.get("blind")).yes("blind")
	return err == nil && blind
}

// object is the problem for who cannot see a status: {"error":{…}}, with the members of the problem.
func (p *problem) object() []byte {
	members := p.members()
	members.RetryMS = p.retry.Milliseconds()
	out, _ := json.Marshal(struct {
		Error problemJSON `json:"error"`
	}{members}) // strings always marshal
	return out
}

// writeBlind answers with the problem as if it were none, in one line.
func (p *problem) writeBlind(w http.ResponseWriter) {
	p.answer(w, http.StatusOK, "application/json", append(p.object(), '\n'))
}
