package server_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// frame is a frame of a client, right or wrong.
type frame struct {
	op      byte
	payload string
	more    bool // FIN is not set
	rsv     byte // the three reserved bits
	bare    bool // not masked
	wide    int  // bytes of the extended length, where not the fewest are taken
}

func (f frame) bytes() []byte {
	first, mark := f.op|f.rsv<<4, byte(0x80)
	if !f.more {
		first |= 0x80
	}
	if f.bare {
		mark = 0
	}
	b := make([]byte, 0, len(f.payload)+14)
	switch n := len(f.payload); {
	case f.wide == 8 || (f.wide == 0 && n > 65535):
		b = binary.BigEndian.AppendUint64(append(b, first, 127|mark), uint64(n))
	case f.wide == 2 || (f.wide == 0 && n > 125):
		b = binary.BigEndian.AppendUint16(append(b, first, 126|mark), uint16(n))
	default:
		b = append(b, first, byte(n)|mark)
	}
	if f.bare {
		return append(b, f.payload...)
	}
	mask := [4]byte{0x9d, 0x02, 0xf1, 0x5b}
	b = append(b, mask[:]...)
	start := len(b)
	b = append(b, f.payload...)
	for i := range b[start:] {
		b[start+i] ^= mask[i&3]
	}
	return b
}

func text(payload string) frame   { return frame{op: 1, payload: payload} }
func octets(payload string) frame { return frame{op: 2, payload: payload} }
func ping(payload string) frame   { return frame{op: 9, payload: payload} }
func pong(payload string) frame   { return frame{op: 10, payload: payload} }
func begun(payload string) frame  { return frame{op: 1, payload: payload, more: true} }
func goesOn(payload string) frame { return frame{op: 0, payload: payload, more: true} }
func ends(payload string) frame   { return frame{op: 0, payload: payload} }

func closing(code uint16, reason string) frame {
	return frame{op: 8, payload: string(binary.BigEndian.AppendUint16(nil, code)) + reason}
}

// rawConn is a client that takes nothing for granted.
type rawConn struct {
	*testing.T
	net      net.Conn
	from     *bufio.Reader
	events   chan event // closed when the server has dropped the connection
	deflates bool
	protocol string
	packed   int // messages that came deflated; to be read after the end
	flater   *flate.Writer
	out      bytes.Buffer
}

// handshake is a right one, with further fields.
func handshake(path, fields string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + fields + "\r\n"
}

// dialRaw opens a WebSocket that echoes, with an offer of permessage-deflate if there is one.
func dialRaw(t *testing.T, address, offer string) *rawConn {
	t.Helper()
	fields := ""
	if offer != "" {
		fields = "Sec-WebSocket-Extensions: " + offer + "\r\n"
	}
	return openRaw(t, address, "/echo", fields)
}

// openRaw opens a WebSocket.
func openRaw(t *testing.T, address, path, fields string) *rawConn {
	t.Helper()
	c, response := askRaw(t, address, handshake(path, fields))
	if response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Sec-Websocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("the handshake was answered with %s, %v", response.Status, response.Header)
	}
	c.deflates = strings.HasPrefix(response.Header.Get("Sec-Websocket-Extensions"), "permessage-deflate")
	c.protocol = response.Header.Get("Sec-Websocket-Protocol")
	go c.read()
	return c
}

// askRaw sends a request and returns the head of its answer.
func askRaw(t *testing.T, address, request string) (*rawConn, *http.Response) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c := &rawConn{T: t, net: conn, from: bufio.NewReaderSize(conn, 64<<10), events: make(chan event, 64)}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(c.from, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, response
}

func (c *rawConn) write(b []byte) {
	c.Helper()
	if _, err := c.net.Write(b); err != nil && !errors.Is(err, net.ErrClosed) {
		c.Logf("write: %v", err) // the server has closed, which what comes will tell
	}
}

// reply answers a close frame of the server, which may have dropped the connection already.
func (c *rawConn) reply(b []byte) { _, _ = c.net.Write(b) }

func (c *rawConn) expect(want event) {
	c.Helper()
	got, ok := <-c.events
	switch {
	case !ok:
		c.Fatalf("the connection was dropped, want %v", want)
	case got != want:
		c.Fatalf("got %v, want %v", got, want)
	}
}

// expectEnd waits until the server has dropped the connection, with nothing in front of that.
func (c *rawConn) expectEnd() {
	c.Helper()
	if got, ok := <-c.events; ok {
		c.Fatalf("got %v, want the end of the connection", got)
	}
}

// read reads what the server sends, and sees that it is right.
func (c *rawConn) read() {
	defer close(c.events)
	var message []byte
	kind, deflated, closed := "", false, false
	for {
		fin, rsv, op, payload, err := readFrame(c.from)
		switch {
		case err != nil:
			if !closed {
				c.events <- event{"broken", err.Error()}
			} else if errors, ok := errors.AsType[net.Error](err); ok && errors.Timeout() {
				c.events <- event{"still connected", err.Error()}
			}
			return
		case closed:
			c.events <- event{"broken", "a frame behind a close frame"}
			return
		case op == 10:
			c.events <- event{"pong", string(payload)}
			continue
		case op == 9:
			c.events <- event{"ping", string(payload)}
			continue
		case op == 8:
			closed = true
			code := ""
			if len(payload) >= 2 {
				code = fmt.Sprint(binary.BigEndian.Uint16(payload))
			}
			c.events <- event{"close", code}
			continue
		}
		if (op == 0) != (kind != "") || op > 2 || (rsv != 0 && (!c.deflates || op == 0 || rsv != 4)) {
			c.events <- event{"broken", fmt.Sprintf("opcode %d with reserved bits %d", op, rsv)}
			return
		}
		if op != 0 {
			kind, deflated = [3]string{"", "text", "binary"}[op], rsv != 0
		}
		if message = append(message, payload...); !fin {
			continue
		}
		if deflated {
			c.packed++
			message, err = io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(message), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
			if err != nil {
				c.events <- event{"broken", err.Error()}
				return
			}
		}
		c.events <- event{kind, string(message)}
		kind, message = "", nil
	}
}

func readFrame(from *bufio.Reader) (fin bool, rsv, op byte, payload []byte, err error) {
	var head [10]byte
	if _, err = io.ReadFull(from, head[:2]); err != nil {
		return
	}
	fin, rsv, op = head[0]&0x80 != 0, head[0]>>4&7, head[0]&15
	size := uint64(head[1])
	least := uint64(0)
	switch size {
	case 126:
		_, err = io.ReadFull(from, head[2:4])
		size, least = uint64(binary.BigEndian.Uint16(head[2:])), 126
	case 127:
		_, err = io.ReadFull(from, head[2:10])
		size, least = binary.BigEndian.Uint64(head[2:]), 65536
	}
	if err != nil {
		return
	}
	if head[1]&0x80 != 0 || size < least || size > 32<<20 || (op >= 8 && (!fin || rsv != 0 || size > 125)) {
		err = fmt.Errorf("a frame that no server may send: % x", head)
		return
	}
	payload = make([]byte, size)
	_, err = io.ReadFull(from, payload)
	return
}

// message is the frames of a message, deflated if that was agreed on: each has at most fragment bytes.
func (c *rawConn) message(op byte, payload string, fragment int) []byte {
	f := frame{op: op}
	if c.deflates {
		if c.flater == nil {
			c.flater, _ = flate.NewWriter(&c.out, flate.DefaultCompression)
		}
		c.out.Reset()
		c.flater.Reset(&c.out) // the server has asked for no context takeover
		_, _ = io.WriteString(c.flater, payload)
		_ = c.flater.Flush()
		payload, f.rsv = strings.TrimSuffix(c.out.String(), "\x00\x00\xff\xff"), 4
	}
	var all []byte
	for fragment > 0 && len(payload) > fragment {
		f.payload, f.more = payload[:fragment], true
		all = append(all, f.bytes()...)
		f, payload = frame{}, payload[fragment:]
	}
	f.payload, f.more = payload, false
	return append(all, f.bytes()...)
}
