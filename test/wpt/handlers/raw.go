package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// below answers what no server of WebSockets does by itself: wrong answers, late ones, and bytes that are no frames. All else it leaves to next.
type below struct {
	next http.Handler
}

func (b below) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	moves := strings.Contains(r.URL.RawQuery, "tidings=")
	switch path := r.URL.Path; {
	case path == "/invalid":
		raw(w, func(c net.Conn, in io.Reader) error {
			_, err := fmt.Fprint(c, "FOO BAR BAZ\r\n\r\n")
			return err
		})
	case path == "/wrong_accept_key":
		raw(w, func(c net.Conn, in io.Reader) error {
			_, err := fmt.Fprintf(c, switching, "thisisawrongacceptkey")
			return err
		})
	case path == "/handshake_protocol" && !moves:
		// A subprotocol that was not offered: the gateway lets no handler choose that.
		raw(w, func(c net.Conn, in io.Reader) error {
			_, err := fmt.Fprintf(c, strings.Replace(switching, "\r\n\r\n", "\r\nSec-WebSocket-Protocol: foobar\r\n\r\n", 1), accept(r))
			return err
		})
	case path == "/simple_handshake" && !moves:
		// Head and Close in one write: a client must not lose what it has read beyond the head.
		raw(w, func(c net.Conn, in io.Reader) error {
			if _, err := fmt.Fprintf(c, switching+"\x88\x06\x03\xe9PASS", accept(r)); err != nil {
				return err
			}
			_, err := message(in) // the Close that answers
			return err
		})
	case path == "/echo_raw" && !moves:
		raw(w, func(c net.Conn, in io.Reader) error {
			if _, err := fmt.Fprintf(c, switching, accept(r)); err != nil {
				return err
			}
			for {
				data, err := message(in)
				if err != nil {
					return err
				}
				if _, err := c.Write(data); err != nil {
					return err
				}
			}
		})
	case path == "/basic_auth" && r.Header.Get("Authorization") != "Basic Zm9vOmJhcg==":
		w.Header().Set("WWW-Authenticate", `Basic realm="camelot"`)
		w.WriteHeader(http.StatusUnauthorized)
	case path == "/delayed-passive-close":
		if r.Method == http.MethodPost {
			time.Sleep(time.Second)
		}
		b.next.ServeHTTP(late{w}, r)
	default:
		cookies(w.Header(), path, r.URL.RawQuery)
		b.next.ServeHTTP(w, r)
	}
}

const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n"

// accept gives the answer to a handshake's key (RFC 6455 section 4.2.2).
func accept(r *http.Request) string {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// raw runs talk on a request's bare connection.
func raw(w http.ResponseWriter, talk func(c net.Conn, in io.Reader) error) {
	c, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer c.Close()
	if talk(c, buffered) != nil {
		return // the browser has hung up: it was to
	}
}

// message reads one short frame of a client and gives its payload.
func message(in io.Reader) ([]byte, error) {
	var head [6]byte // with the mask
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	data := make([]byte, head[1]&0x7f)
	if _, err := io.ReadFull(in, data); err != nil {
		return nil, err
	}
	for i := range data {
		data[i] ^= head[2+i%4]
	}
	return data, nil
}

// late is a way back whose client is heard a second late, so that its Close is answered late.
type late struct {
	http.ResponseWriter
}

// Hijack gives the connection.
func (l late) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, buffered, err := http.NewResponseController(l.ResponseWriter).Hijack()
	return lateConn{c}, buffered, err
}

// Unwrap leads to what else the way back can do.
func (l late) Unwrap() http.ResponseWriter { return l.ResponseWriter }

type lateConn struct {
	net.Conn
}

func (c lateConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		time.Sleep(time.Second)
	}
	return n, err
}
