package main

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidings/gateway/socket"
	"tidings/server"
)

// service is what a path's handler does there, once more.
type service struct {
	handler socket.Handler
	options socket.Options
}

// services are the handlers that the tests ask for, by path.
var services = map[string]service{
	"/echo":                           {echo, socket.Options{Protocols: []string{"echo"}}},
	"/sleep_10_v13":                   {echo, after(10 * time.Second)},
	"/echo_exit":                      {untilGoodbye, socket.Options{}},
	"/echo_close_data":                {untilGoodbye, socket.Options{}},
	"/echo-query":                     {say(query), socket.Options{}},
	"/echo-query_v13":                 {say(query), socket.Options{}},
	"/echo-cookie":                    {say(field("Cookie", "(none)")), socket.Options{}},
	"/origin":                         {say(field("Origin", "")), socket.Options{}},
	"/referrer":                       {say(field("Referer", "MISSING AS PER FETCH")), socket.Options{}},
	"/protocol":                       {say((*socket.Socket).Protocol), socket.Options{Accept: first}},
	"/protocol_array":                 {say((*socket.Socket).Protocol), socket.Options{Accept: first}},
	"/empty-message":                  {passIfEmpty, socket.Options{}},
	"/basic_auth":                     {leave, socket.Options{}},
	"/handshake_no_extensions":        {leave, socket.Options{NoDeflate: true}},
	"/handshake_no_protocol":          {leave, socket.Options{}},
	"/handshake_protocol":             {leave, socket.Options{Accept: refuse}},
	"/handshake_sleep_2":              {leave, after(2 * time.Second)},
	"/receive-many-with-backpressure": {sizes, socket.Options{NoDeflate: true}},
	"/delayed-passive-close":          {untilClosed, socket.Options{}},
	"/set-cookie":                     {untilClosed, socket.Options{}},
	"/set-cookie_http":                {untilClosed, socket.Options{}},
	"/set-cookies-samesite":           {untilClosed, socket.Options{}},
	"/simple_handshake":               {pass, socket.Options{}},
	"/echo_raw":                       {fail, socket.Options{}},
}

// install makes a gateway of the handlers.
func install() (*server.Server, error) {
	s, err := server.New(server.Options{
		Hosts:   []string{host, otherHost, unicodeHost},
		Origins: []string{"*"}, // the tests go from host to host
		NoBoard: true,
	})
	if err != nil {
		return nil, err
	}
	for path, service := range services {
		err = errors.Join(err, s.Socket(path, service.handler, service.options))
	}
	return s, err
}

// echo sends back what it gets, until that is a goodbye.
func echo(s *socket.Socket) {
	for {
		m, err := s.Receive()
		if err != nil || s.Send(m.Kind, m.Data) != nil {
			return
		}
		if m.Kind == socket.Text && string(m.Data) == goodbye {
			return
		}
	}
}

const goodbye = "Goodbye"

// untilGoodbye takes everything, until that is a goodbye.
func untilGoodbye(s *socket.Socket) {
	for {
		m, err := s.Receive()
		if err != nil || m.Kind == socket.Text && string(m.Data) == goodbye {
			return
		}
	}
}

// untilClosed takes everything until the client closes.
func untilClosed(s *socket.Socket) {
	for {
		if _, err := s.Receive(); err != nil {
			return
		}
	}
}

// leave ends a socket as soon as it is open.
func leave(*socket.Socket) {}

// say makes a handler that sends one text.
func say(text func(*socket.Socket) string) socket.Handler {
	return func(s *socket.Socket) {
		if err := s.Send(socket.Text, []byte(text(s))); err != nil {
			return // the client has gone
		}
	}
}

func query(s *socket.Socket) string { return s.Request().Query }

// field gives a field of the request's head, or else what is to be said where there is none.
func field(name, otherwise string) func(*socket.Socket) string {
	return func(s *socket.Socket) string {
		if value := s.Request().Header.Get(name); value != "" {
			return value
		}
		return otherwise
	}
}

func passIfEmpty(s *socket.Socket) {
	m, err := s.Receive()
	if err != nil {
		return
	}
	answer := "fail"
	if m.Kind == socket.Text && len(m.Data) == 0 {
		answer = "pass"
	}
	say(func(*socket.Socket) string { return answer })(s)
}

// sizes says how long each message was, and takes its time.
func sizes(s *socket.Socket) {
	for {
		time.Sleep(100 * time.Millisecond)
		m, err := s.Receive()
		if err != nil || s.Send(socket.Text, strconv.AppendInt(nil, int64(len(m.Data)), 10)) != nil {
			return
		}
	}
}

// pass closes at once, by a code and a reason that the test knows.
func pass(s *socket.Socket) {
	if err := s.Close(1001, "PASS"); err != nil {
		panic(err)
	}
}

// fail is, where a socket can move, what comes nearest to echoing raw bytes with a frame in them that no client takes: the message in them, and
// the end that a broken protocol has.
func fail(s *socket.Socket) {
	if _, err := s.Receive(); err != nil {
		return
	}
	left := make(chan error, 1)
	if err := s.SendThen(socket.Text, []byte("test"), func(err error) { left <- err }); err != nil || <-left != nil {
		return
	}
	s.Fail(1002, "")
}

// first accepts the first subprotocol of a client.
func first(r *socket.Request) (string, error) {
	if len(r.Protocols) == 0 {
		return "", nil
	}
	return r.Protocols[0], nil
}

// refuse accepts no client.
func refuse(*socket.Request) (string, error) {
	return "", &socket.RefusedError{Status: http.StatusNotFound}
}

// after accepts, but not at once.
func after(pause time.Duration) socket.Options {
	return socket.Options{Accept: func(r *socket.Request) (string, error) {
		time.Sleep(pause)
		if slices.Contains(r.Protocols, "echo") {
			return "echo", nil
		}
		return "", nil
	}}
}

// cookies sets those of a path whose handler sets some, with its answer.
func cookies(h http.Header, path, query string) {
	// What the wire of sockets adds to a query is no part of it.
	query, _, _ = strings.Cut(query, "tidings=")
	query = strings.TrimSuffix(query, "&")
	switch path {
	case "/set-cookie":
		h.Add("Set-Cookie", "ws_test_"+query+"=test; Path=/")
	case "/set-cookie_http":
		h.Add("Set-Cookie", "ws_test_"+query+"=test; Path=/; HttpOnly")
	case "/set-cookies-samesite":
		value, age := "1", ""
		if strings.Contains(query, "clear") {
			age = "; Max-Age=0"
		}
		if said, ok := strings.CutPrefix(query, "value="); ok {
			value = said
		}
		for name, more := range map[string]string{
			"unspecified": "", "lax": "; SameSite=Lax", "strict": "; SameSite=Strict", "none": "; SameSite=None; Secure",
		} {
			h.Add("Set-Cookie", "samesite-"+name+"="+value+"; Path=/"+more+age)
		}
	}
}
