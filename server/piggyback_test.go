package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tidings/transport"
)

// carried is what an answer to a write carries back.
type carried struct {
	Seq    uint64
	Follow *struct {
		page
		PollMS int `json:"poll_ms"`
		Offer  transport.Offer
		Error  *transport.Refusal
	}
}

// write writes and returns what the answer carries.
func (s *site) write(method, path, body string, status int, fields ...string) carried {
	s.t.Helper()
	a := s.ask(method, path, body, fields...)
	if a.status != status || !json.Valid([]byte(a.body)) {
		s.t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	var c carried
	a.decode(s.t, &c)
	return c
}

// data are the texts of the items.
func (p *page) data() (all []string) {
	for _, item := range p.Items {
		text, _ := item.Data.(string)
		all = append(all, item.Topic+":"+text)
	}
	return all
}

// TestWritesCarryBackWhatIsNew, what they wrote included; a program's request goes the short way, a page's does not.
func TestWritesCarryBackWhatIsNew(t *testing.T) {
	for name, fields := range map[string][]string{"program": nil, "page": {"Origin: http://localhost:1234"}} {
		t.Run(name, func(t *testing.T) {
			s := start(t, Options{Origins: []string{"http://localhost:1234"}})
			ndjson := append([]string{"Content-Type: application/x-ndjson"}, fields...)
			array := append([]string{"Content-Type: application/json", "Prefer: return=minimal"}, fields...)
			zero := s.Gateway().Epoch() + "-0"
			check := func(c carried, want ...string) string {
				t.Helper()
				f := c.Follow
				if f == nil || f.Error != nil || strings.Join(f.data(), " ") != strings.Join(want, " ") {
					t.Fatalf("%+v, want %v", f, want)
				}
				if f.PollMS != 5000 || len(f.Offer.Transports) != 5 || f.More {
					t.Errorf("%+v", f)
				}
				return f.Cursor
			}
			if c := s.write("POST", "/topics/a?key=k", "nothing", 201, fields...); c.Follow != nil {
				t.Errorf("not asked for: %+v", c)
			}
			s.write("DELETE", "/topics/a", "", 200, fields...)
			at := s.ask("HEAD", "/topics/a", "").header.Get("Tidings-Cursor")
			at = check(s.write("POST", "/topics/a?follow=a&since="+at, "one", 201, fields...), "a:one")
			s.ask("POST", "/topics/b/c", "two")
			at = check(s.write("POST", "/topics/a?%66ollow=a&follow=b/*&since="+at, "three", 201, fields...), "b/c:two", "a:three")
			check(s.write("POST", "/topics/d?follow=a&follow=b/c&since="+at+"&since="+zero, "four", 201, fields...), "b/c:two")
			check(s.write("POST", "/topics/a?follow=d&since=now", "five", 201, fields...))
			check(s.write("POST", "/topics/e?follow=e", "six", 201, fields...), "e:six") // as a plain poll: all
			at = check(s.write("POST", "/topics?follow=a&follow=b/c&since="+at, `{"topic":"a","data":"seven"}`, 200, ndjson...), "a:five", "a:seven")
			at = check(s.write("POST", "/topics?follow=a&since="+at, `[{"topic":"a","data":"eight"},{}]`, 200, array...), "a:eight")
			c := s.write("DELETE", "/topics/a?follow=a&since="+at, "", 200, fields...)
			if len(c.Follow.Items) != 1 || c.Follow.Items[0].Topic != "" {
				t.Errorf("%+v", c.Follow)
			}
			// What is asked for again is answered from memory, and still carries what is new.
			s.write("POST", "/topics/f", "nine", 201, append([]string{"Idempotency-Key: k"}, fields...)...)
			check(s.write("POST", "/topics/f?follow=f", "nine", 200, append([]string{"Idempotency-Key: k"}, fields...)...), "f:nine")
			// It is a poll among the others.
			c = s.write("POST", "/topics/g?follow=e&limit=1&since=all&follow=f&session="+label, "ten", 201, fields...)
			if !c.Follow.More || len(c.Follow.Items) != 1 {
				t.Errorf("%+v", c.Follow)
			}
			if n := s.gauge(transport.Poll); n != 1 {
				t.Errorf("%d poll", n)
			}
		})
	}
}

// TestARefusedFollowUndoesNothing: what was written stands, and the answer says both.
func TestARefusedFollowUndoesNothing(t *testing.T) {
	s := start(t, Options{})
	for query, code := range map[string]string{
		"follow=$own":               "reserved_topic",
		"follow=":                   "invalid_topic",
		"follow=a&since=never":      "invalid_since",
		"follow=a&since=1m&since=2": "invalid_since",
		"follow=a&limit=0":          "invalid_parameter",
		"follow=a&session=%20":      "invalid_parameter",
	} {
		c := s.write("POST", "/topics/a?"+query, "one", http.StatusCreated)
		if c.Follow == nil || c.Follow.Error == nil || c.Follow.Error.Code != code || c.Seq == 0 {
			t.Errorf("%s: %+v", query, c.Follow)
		}
	}
	c := s.write("DELETE", "/topics/a?follow=%zz", "", http.StatusOK)
	if c.Follow == nil || c.Follow.Error == nil || c.Follow.Error.Code != "bad_request" {
		t.Errorf("%+v", c.Follow)
	}
	if a := s.ask("POST", "/topics/$own?follow=a", "one"); a.code(t) != "reserved_topic" {
		t.Error(a.body)
	}
	off := start(t, Options{Off: []transport.Kind{transport.Poll}})
	if c := off.write("POST", "/topics/a?follow=a", "one", http.StatusCreated); c.Follow.Error == nil || c.Follow.Error.Code != "transport_off" {
		t.Errorf("%+v", c.Follow)
	}
}

// TestALongBatchCarriesBackToo: its answer has begun long before its end.
func TestALongBatchCarriesBackToo(t *testing.T) {
	s := start(t, Options{})
	line := `{"topic":"` + strings.Repeat("a", 200) + `","data":"x"}` + "\n"
	const lines = 5000
	a := s.ask("POST", "/topics?follow=a&since=all", strings.Repeat(line, lines)+`{"topic":"a","data":"last"}`, "Content-Type: application/x-ndjson")
	var c struct {
		Results []struct{ Status int }
		carried
	}
	a.decode(t, &c)
	if len(c.Results) != lines+1 || c.Follow == nil || strings.Join(c.Follow.data(), " ") != "a:last" {
		t.Errorf("%d results, %+v", len(c.Results), c.Follow)
	}
}
