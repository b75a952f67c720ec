package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"

	"github.com/gobwas/ws"
)

// serveEcho sends every message back, as the first example of gobwas/ws does: a goroutine for each connection reads a frame's header and its
// payload, takes the mask off, and writes both. Beyond the example it reads through a buffer, uses its memory again, and writes header and
// payload at once: one read and one write a message, where that is small.
func serveEcho(ln net.Listener) error {
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			if _, err := ws.Upgrade(c); err == nil {
				_ = echo(c) // who leaves, leaves
			}
		}()
	}
}

// maxFrame bounds what is kept of one frame, by what the gateway takes of one message.
const maxFrame = 2 << 20

var errLong = errors.New("the frame is too long")

func echo(c net.Conn) error {
	in := bufio.NewReader(c)
	room := make([]byte, ws.MaxHeaderSize)
	var out bytes.Buffer
	for {
		h, err := ws.ReadHeaderBuffer(in, room)
		if err != nil {
			return err
		}
		if h.Length > maxFrame {
			return errLong
		}
		mask := h.Mask
		h.Masked = false
		if h.OpCode == ws.OpPing {
			h.OpCode = ws.OpPong
		}
		out.Reset()
		if err := ws.WriteHeaderBuffer(&out, h, room); err != nil {
			return err
		}
		out.Grow(int(h.Length))
		payload := out.AvailableBuffer()[:h.Length]
		if _, err := io.ReadFull(in, payload); err != nil {
			return err
		}
		ws.Cipher(payload, mask, 0)
		out.Write(payload) // it is where it belongs already
		if _, err := c.Write(out.Bytes()); err != nil || h.OpCode == ws.OpClose {
			return err
		}
	}
}
